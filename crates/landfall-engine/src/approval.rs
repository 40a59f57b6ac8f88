//! How somebody writes an approval: `HAZARD:OBJECT`, and several of them between commas.

use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};
use crate::hazard::{Approval, HazardName};
use crate::object;

impl Approval {
    /// Approvals between commas, as [`str::parse`] takes each.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for the first that is none.
    pub fn list(text: &str) -> Result<Vec<Self>> {
        object::list(text).map(str::parse).collect()
    }
}

impl TryFrom<String> for Approval {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl FromStr for Approval {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |message: String| {
            let names: Vec<_> =
                HazardName::ALL.iter().filter(|h| h.is_approvable()).map(|h| h.as_str()).collect();
            Error::new(ErrorKind::Usage, text, message)
                .remedy(format!("write HAZARD:OBJECT, where HAZARD is one of {}", names.join(", ")))
        };
        let Some((name, object)) = text.split_once(':') else {
            return Err(wrong(format!("approval \"{text}\" names no object")));
        };
        if object.is_empty() {
            return Err(wrong(format!("approval \"{text}\" names no object")));
        }
        let Some(name) = HazardName::ALL.into_iter().find(|h| h.as_str() == name) else {
            return Err(wrong(format!("hazard \"{name}\" is not known")));
        };
        if !name.is_approvable() {
            return Err(wrong(format!("{name} cannot be approved")));
        }
        Ok(Self::of(name, object))
    }
}
