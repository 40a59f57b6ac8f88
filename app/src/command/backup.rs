//! `app backup FILE`: a consistent copy.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::config::Config;
use crate::ending::Ending;
use crate::failure::Failure;
use crate::stop;

#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Copied(migrate::Backup);

pub(crate) fn run(config: &Config, file: &Path) -> Ending<Copied> {
    copy(config, file).map(Copied).into()
}

fn copy(config: &Config, file: &Path) -> Result<migrate::Backup, Failure> {
    let database = config.database.existing()?;
    stop::on_signal(config.settings.interrupt.clone())?;
    Ok(migrate::backup(database, file, &config.settings)?)
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "copied to {}: {} bytes, integrity checked", self.0.file, self.0.bytes)
    }
}
