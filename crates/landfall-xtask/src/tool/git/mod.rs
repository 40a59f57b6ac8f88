//! git: which commit this is, where it comes from, what another one holds.

mod ask;
mod object;
mod origin;
mod repository;
#[cfg(test)]
pub(crate) mod sandbox;

pub(crate) use self::object::{
    Tree, blob, commit, commits_only_in, history, message, reparent, set_ref, tree,
};
pub(crate) use self::origin::{
    Origin, Pushed, Pushedness, Swapped, ambiguous, fetch, fetch_history, has_origin, is_pushed, is_shallow,
    origin_ref, put, refs, swap,
};
pub(crate) use self::repository::{
    changed_files, checked_out, children, commits_since, common_folder, config, has, head, named,
    origin_address, prefix, repository, show, source, typed, version,
};
