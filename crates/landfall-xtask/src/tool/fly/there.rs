//! A command line of `app` on a machine: Fly splits it there as a shell does, so whatever is not ours is one quoted word of it.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use landfall_engine::Approval;

use crate::name::PathThere;
use crate::text::shell_word;

/// What is run on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommandThere(String);

impl CommandThere {
    /// These words, which are ours.
    pub(crate) fn new(words: &'static str) -> Self {
        Self(words.to_owned())
    }

    /// More words of ours.
    pub(crate) fn and(self, words: &'static str) -> Self {
        Self(format!("{} {words}", self.0))
    }

    /// A file there.
    pub(crate) fn file(self, file: &PathThere) -> Self {
        Self(format!("{} {}", self.0, shell_word(file)))
    }

    /// What was approved. An approval begins with the name of its hazard.
    pub(crate) fn allowing(self, approvals: &[Approval]) -> Self {
        let flags =
            approvals.iter().map(|approval| format!(" --allow {}", shell_word(&approval.to_string())));
        Self(flags.fold(self.0, |line, flag| line + &flag))
    }

    /// Statements, which no word can hold as they are.
    pub(crate) fn scrubbing(self, sql: &[u8]) -> Self {
        Self(format!("{} --scrub {}", self.0, BASE64_STANDARD.encode(sql)))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommandThere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_one_word() {
        let file = PathThere::parse("/data/my db's").unwrap();
        let approvals = ["DROPS_TABLE:my t".parse().unwrap()];
        let line = CommandThere::new("landfall backup")
            .file(&file)
            .and("--detach")
            .allowing(&approvals)
            .scrubbing(b"DELETE FROM t");
        assert_eq!(
            line.to_string(),
            r"landfall backup '/data/my db'\''s' --detach --allow 'DROPS_TABLE:my t' --scrub REVMRVRFIEZST00gdA=="
        );
    }
}
