//! Process groups: which machine a part of fly.toml is for.

/// The process group of a fly.toml that names none.
const APP: &str = "app";

/// The group that a part which names none is for, of those that `[processes]` has: `app`, else the first by name (as flyctl does).
pub(super) fn default<'a>(names: impl IntoIterator<Item = &'a str>) -> &'a str {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    names.iter().find(|name| **name == APP).or(names.first()).copied().unwrap_or(APP)
}
