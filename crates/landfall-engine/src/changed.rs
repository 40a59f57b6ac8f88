//! What a command that stopped has changed: the only place that puts it in words.

use serde::{Deserialize, Serialize};

/// What was changed before something stopped. In JSON `"nothing"`, `{"what": …}` or `"unknown"`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Changed {
    /// All is as it was.
    Nothing,
    /// This, as a clause.
    What(String),
    /// Whoever stopped does not say.
    #[default]
    Unknown,
}

impl Changed {
    /// A message with what was changed at the end of its first line; the lines below that line are its reasons.
    #[must_use]
    pub fn told(&self, message: &str) -> String {
        let clause = match self {
            Self::Nothing => "nothing was changed",
            Self::What(clause) => clause,
            Self::Unknown => return message.to_owned(),
        };
        match message.split_once('\n') {
            Some((first, reasons)) => format!("{first}; {clause}\n{reasons}"),
            None => format!("{message}; {clause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_in_front_of_the_reasons() {
        assert_eq!(Changed::Nothing.told("refused"), "refused; nothing was changed");
        assert_eq!(Changed::Nothing.told("refused\n  a\n  b"), "refused; nothing was changed\n  a\n  b");
        assert_eq!(Changed::What("the copy is left".to_owned()).told("failed"), "failed; the copy is left");
        assert_eq!(Changed::Unknown.told("failed\n  a"), "failed\n  a");
    }
}
