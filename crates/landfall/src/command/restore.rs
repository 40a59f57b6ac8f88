//! `landfall restore`: a copy in the place of the database.

use std::fmt;
use std::path::Path;

use landfall_engine::{Counted, TableRows};

use crate::config::Config;
use crate::ending::Ending;
use crate::restore::{Restored, restore};
use crate::stop;

pub(crate) fn run(config: &Config, copy: &Path) -> Ending<Restored> {
    if let Err(failure) = stop::interrupts(&config.settings.interrupt) {
        return Ending::failed(failure);
    }
    restore(config, copy).into()
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, from, set_aside, bytes, seconds, rows: Counted { tables, uncounted } } = self;
        writeln!(
            f,
            "{database} is now a copy of {from}: {bytes} bytes in {seconds:.3} s, integrity checked"
        )?;
        match set_aside {
            Some(aside) => writeln!(f, "what it was is set aside: {aside}")?,
            None => writeln!(f, "there was no database before")?,
        }
        for TableRows { table, rows } in tables {
            writeln!(f, "rows of {table}: {rows}")?;
        }
        uncounted
            .iter()
            .try_for_each(|table| writeln!(f, "rows of {table}: not counted, its module is not here"))
    }
}
