//! Serving a database as it is: only where all that this release declares is there.

use landfall_engine::{Declared, Difference, Error, ErrorKind};
use tracing::info;

use crate::about;
use crate::config::Config;

/// Refuses a database that this release does not fit; exit code 3. Nothing is written. The fingerprint of its schema.
pub(super) fn check(config: &Config, declared: &Declared) -> Result<String, Error> {
    let database = config.database.existing()?;
    let fit = landfall_engine::fit(database, declared, &config.settings, &mut ())?;
    if !fit.misfits.is_empty() {
        return Err(does_not_fit(config, &fit.misfits));
    }
    info!("{} is kept as it is: this release fits it", database.display());
    for extra in fit.extra {
        info!("not known to this release: {}", extra.message);
    }
    about::live(database, Some(declared), &config.settings)
}

fn does_not_fit(config: &Config, misfits: &[Difference]) -> Error {
    let (database, schema) = (config.database.path.display(), config.schema.display());
    let reasons: String = misfits.iter().map(|misfit| format!("\n  {}", misfit.message)).collect();
    let message = format!("{database} does not have what {schema} of this release declares{reasons}");
    Error::new(ErrorKind::Hazard, database.to_string(), message).unchanged().remedy(
        "start a release that fits the database, put back the data of this release, or migrate: unset LANDFALL_SCHEMA",
    )
}
