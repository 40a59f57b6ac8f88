//! `app inspect`: the live schema.

use std::fmt;

use serde::Serialize;

use crate::config::Config;
use crate::ending::Ending;

#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Inspected(migrate::Live);

pub(crate) fn run(config: &Config) -> Ending<Inspected> {
    let live = config.database.existing().and_then(|database| migrate::inspect(database, &config.settings));
    live.map(Inspected).into()
}

impl fmt::Display for Inspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.sql)
    }
}
