//! `landfall version`: what `/version` says, as far as it is known without a database.

use crate::about::About;
use crate::config::Config;
use crate::ending::Ending;

pub(crate) fn run(config: &Config) -> Ending<About> {
    Ending::done(About::new(config, config.declared_if_readable().as_ref()))
}
