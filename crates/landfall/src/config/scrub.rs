//! SQL text as base64, so that it survives every quoting of whatever carries a command to the machine.

use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use landfall_engine::{Error, ErrorKind};

/// Statements that run on a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scrub {
    pub(crate) sql: String,
}

impl Scrub {
    /// As it was given.
    pub(crate) fn base64(&self) -> String {
        BASE64_STANDARD.encode(&self.sql)
    }
}

impl FromStr for Scrub {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bytes = BASE64_STANDARD.decode(text).map_err(|error| wrong(&format!("no base64: {error}")))?;
        let sql = String::from_utf8(bytes).map_err(|_| wrong("no UTF-8 inside of its base64"))?;
        Ok(Self { sql })
    }
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Usage, "--scrub", format!("the scrub is {what}"))
        .remedy("encode the statements: base64 -w0 scrub.sql")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn what_is_encoded_is_read_and_anything_else_is_told() {
        let scrub = Scrub { sql: "UPDATE t SET a = 'é'; -- \"$x\"\n".to_owned() };
        assert_eq!(scrub.base64().parse::<Scrub>().unwrap(), scrub);
        let error = |text: &str| text.parse::<Scrub>().unwrap_err().to_string();
        assert_snapshot!(error("UPDATE t"), @"
        the scrub is no base64: Invalid symbol 32, offset 6.
        encode the statements: base64 -w0 scrub.sql
        ");
        assert_snapshot!(error("/w=="), @"
        the scrub is no UTF-8 inside of its base64
        encode the statements: base64 -w0 scrub.sql
        ");
    }
}
