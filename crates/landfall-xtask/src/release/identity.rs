//! Who does something to production, and where.

use std::env;
use std::path::Path;

use anyhow::Result;
use landfall_engine::Interrupt;

use crate::environment;
use crate::tool::git;

/// What is written down of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The actor of a workflow, else the address that git knows, else the name of the login.
    pub(crate) who: String,
    /// The name of this machine.
    pub(crate) host: String,
}

impl Identity {
    /// Of whoever runs this, in the repository around `root`.
    pub(crate) fn read(root: &Path, interrupt: &Interrupt) -> Result<Self> {
        let known =
            [environment::github_actor(), git::config(root, "user.email", interrupt)?, env::var("USER").ok()];
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(Self { who: first(known), host: first([Some(host)]) })
    }

    /// What git wants of the author of a commit: a name, and an address.
    pub(crate) fn author(&self) -> (&str, String) {
        let Self { who, host } = self;
        (who, if who.contains('@') { who.clone() } else { format!("{who}@{host}") })
    }
}

/// The first that names somebody; git takes no author of nothing but marks.
fn first<const N: usize>(known: [Option<String>; N]) -> String {
    let plain = known.into_iter().flatten().map(|name| name.replace(char::is_control, ""));
    let mut named = plain.filter(|name| name.contains(char::is_alphanumeric));
    named.next().map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_it_is_has_a_name_that_git_takes() {
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(first([None, some("ada@example.com"), some("ada")]), "ada@example.com");
        assert_eq!(first([some(" \n"), some("<>"), some(" Ada\x1b ")]), "Ada");
        assert_eq!(first([None, some("")]), "unknown");
        let author = |who: &str| Identity { who: who.to_owned(), host: "laptop".to_owned() }.author().1;
        assert_eq!([author("ada@example.com"), author("ada")], ["ada@example.com", "ada@laptop"]);
    }
}
