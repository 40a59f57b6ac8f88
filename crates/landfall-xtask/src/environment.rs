//! What the environment says of where this runs.

use std::env;

/// Whether this runs under CI, whose logs and disks are read by many.
pub(crate) fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// Who started the workflow that this runs in, on GitHub
/// (<https://docs.github.com/actions/reference/workflows-and-actions/variables>).
pub(crate) fn github_actor() -> Option<String> {
    let is_github = env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true");
    is_github.then(|| env::var("GITHUB_ACTOR").ok()).flatten()
}
