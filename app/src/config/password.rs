//! What the page and the API ask for.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A password, of which only the SHA-256 is kept. It is compared in constant time, and never shown.
#[derive(Clone)]
pub(crate) struct Password([u8; 32]);

impl Password {
    pub(crate) fn new(password: &[u8]) -> Self {
        Self(Sha256::digest(password).into())
    }

    pub(crate) fn is(&self, given: &[u8]) -> bool {
        self.0.ct_eq(&Self::new(given).0).into()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_bytes_are_the_password() {
        let password = Password::new("pässword".as_bytes());
        assert!(password.is("pässword".as_bytes()));
        for wrong in ["", "password", "pässword ", "Pässword", "pässwor"] {
            assert!(!password.is(wrong.as_bytes()), "{wrong}");
        }
    }

    #[test]
    fn a_password_shows_neither_itself_nor_its_digest() {
        assert_eq!(format!("{:?}", Password::new(b"secret")), "Password");
    }
}
