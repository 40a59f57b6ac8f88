//! `landfall inspect`: the live schema.

use std::fmt;

use landfall_engine::{Error, ErrorKind};
use serde::Serialize;

use crate::config::Config;
use crate::ending::{Ending, Format, stdout_is_a_file};

#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Inspected(landfall_engine::Live);

pub(crate) fn run(config: &Config, format: Format) -> Ending<Inspected> {
    let live =
        config.database.existing().and_then(|database| landfall_engine::inspect(database, &config.settings));
    let is_shown = format == Format::Text && !stdout_is_a_file();
    match live {
        Ok(live) if is_shown && landfall_engine::shown(&live.sql) != live.sql => {
            Ending::failed(inexact(config).into()).with(Inspected(live))
        }
        live => Ending::from(live.map(Inspected)).exactly(),
    }
}

fn inexact(config: &Config) -> Error {
    let shown = config.database.path.display().to_string();
    let message = format!(
        "the schema of {shown} has what cannot be seen: it is written out above, which is no schema.sql"
    );
    Error::new(ErrorKind::Database, shown, message).unchanged().remedy(
        "to have it exactly, write it into a file: landfall inspect > FILE\nor take it as JSON: landfall inspect --format json",
    )
}

impl fmt::Display for Inspected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.sql)
    }
}
