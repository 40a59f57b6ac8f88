//! git: which commit this is, where it comes from, what another one holds.

use std::path::Path;

use anyhow::Result;
use xshell::{Shell, cmd};

/// The commit that is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    /// All of its name.
    pub(crate) id: String,
    /// Whether the work tree holds something else.
    pub(crate) dirty: bool,
}

/// The commit of a work tree; `None` where there is no git, no repository, or no commit yet.
pub(crate) fn head(root: &Path) -> Result<Option<Commit>> {
    let Some(id) = rev_parse(root, "HEAD")? else { return Ok(None) };
    let sh = Shell::new()?;
    let changed = cmd!(sh, "git -C {root} status --porcelain").quiet().read()?;
    Ok(Some(Commit { id, dirty: !changed.is_empty() }))
}

/// Where the repository is published, without the credentials that an address may carry; `None` where it is not.
pub(crate) fn source(root: &Path) -> Result<Option<String>> {
    let address = ask(root, &["remote", "get-url", "origin"])?;
    Ok(address.map(|address| without_credentials(&address)))
}

/// The commit that a ref names; `None` where there is no such ref.
pub(crate) fn rev_parse(root: &Path, name: &str) -> Result<Option<String>> {
    ask(root, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])
}

/// A file of the workspace as it is in a commit; `None` where it is not.
pub(crate) fn show(root: &Path, commit: &str, file: &Path) -> Result<Option<String>> {
    ask(root, &["show", &format!("{commit}:./{}", file.display())])
}

/// What git answers; `None` where it has no answer, or there is no git.
fn ask(root: &Path, args: &[&str]) -> Result<Option<String>> {
    let sh = Shell::new()?;
    let asked = cmd!(sh, "git -C {root} {args...}").quiet().ignore_status().ignore_stderr();
    let Ok(output) = asked.output() else { return Ok(None) };
    let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    Ok(output.status.success().then_some(text))
}

fn without_credentials(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or(host);
            format!("{scheme}://{host}/{path}")
        }
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_credentials() {
        let told = without_credentials;
        assert_eq!(told("https://me:secret@example.com/a/b.git"), "https://example.com/a/b.git");
        assert_eq!(told("https://secret@example.com/a@b"), "https://example.com/a@b");
        assert_eq!(told("https://example.com/a/b.git"), "https://example.com/a/b.git");
        assert_eq!(told("git@example.com:a/b.git"), "git@example.com:a/b.git");
    }
}
