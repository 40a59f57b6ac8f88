//! `landfall discard`: a database that was set aside is removed.

use std::fmt;
use std::path::Path;

use crate::config::Config;
use crate::discard::{Discarded, discard};
use crate::ending::Ending;

pub(crate) fn run(config: &Config, file: &Path) -> Ending<Discarded> {
    discard(&config.database, file).into()
}

impl fmt::Display for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} was removed: {} bytes", self.file, self.bytes)
    }
}
