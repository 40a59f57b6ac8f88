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
    Ok(migrate::backup(database, file, None, &config.settings)?)
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let migrate::Backup { file, bytes, sha256, seconds } = &self.0;
        writeln!(f, "copied to {file}: {bytes} bytes in {seconds:.3} s, integrity checked")?;
        write!(f, "sha256 {sha256}")
    }
}
