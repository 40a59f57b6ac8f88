//! What TOML gives, as Fly takes it.

use serde::Deserialize;

/// Fly takes a table for a list of one.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a value in this table is not of the type that Fly takes")]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

pub(super) fn all<T>(list: OneOrMany<T>) -> Vec<T> {
    match list {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    }
}

pub(super) fn one<T>(list: OneOrMany<T>) -> Option<T> {
    all(list).into_iter().next()
}

pub(super) fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
