//! What a command of `cargo xtask` is, Landfall's own or an adopter's.

use anyhow::Result;
use clap::Args;
use landfall_engine::Interrupt;

use crate::project::Project;
use crate::ui::Ui;

/// A command of `cargo xtask`: its flags, and what it does with them.
///
/// The documentation of the type is the command's line in the help. With the field `format: Format` the command answers
/// `--format json` with one JSON document, in which its report is what it gave to [`Ui::keep`].
pub trait Task: Args {
    /// The word that it is called by: `cargo xtask NAME`.
    const NAME: &'static str;

    /// Does it.
    ///
    /// Returns the exit code, which is 0 where all went well.
    ///
    /// # Errors
    /// Whatever stopped it. An [`Error`](crate::Error) says what to do next and has the exit code of its kind; any other ends with 1.
    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8>;
}
