//! `landfall last-change`: what the last change did, and how long it took.

use std::fmt;

use serde::Serialize;

use crate::config::Config;
use crate::ending::Ending;
use crate::record::{self, Record};

#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct LastChange(Option<Record>);

pub(crate) fn run(config: &Config) -> Ending<LastChange> {
    record::read(&config.database).map(LastChange).into()
}

impl fmt::Display for LastChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(record) => record.fmt(f),
            None => f.write_str("no change of this database is recorded yet"),
        }
    }
}
