//! By this program's own engine: the same crate and the same SQLite as in the image.

use std::time::Instant;

use anyhow::Result;
use landfall_engine::{Outcome, Report};

use super::data::Data;
use super::recorded::Recorded;
use super::{Stage, Tried, with_untouched};
use crate::error::{Error, Kind};
use crate::release::downtime::Measured;

impl Stage<'_> {
    /// Plans, proves, guards, applies, and looks whether anything is left to do.
    pub(super) fn here(&self, data: &Data, recorded: &Recorded) -> Result<Tried> {
        let before = landfall_engine::rows(&data.file, self.settings)?.tables;
        let begun = Instant::now();
        let prepared =
            landfall_engine::prepare(&data.file, self.declared, self.settings, &mut self.ui.progress());
        let planned = begun.elapsed().as_secs_f64();
        let prepared = match prepared {
            Err(error) if error.kind.exit_code() == 3 => return self.refused(data, error),
            prepared => prepared?,
        };
        if let Err(error) = prepared.guard() {
            return self.refused(data, error);
        }
        let mut report = match prepared.report().outcome {
            Outcome::Planned => {
                let applied = prepared.apply(&mut self.ui.progress())?;
                self.refuse_endless(data)?;
                applied
            }
            _ => prepared.into_report(),
        };
        with_untouched(
            &mut report.evidence,
            &before,
            &landfall_engine::rows(&data.file, self.settings)?.tables,
        );
        // A boot makes it at this point. Here it was made before: it is what was changed.
        let copy = report.plan.as_ref().is_some_and(|plan| plan.wants_copy()).then_some(data.copied);
        let seconds = planned + copy.map_or(0.0, |copy| copy.seconds) + report.seconds.unwrap_or_default();
        let change = self.as_there(seconds, data, "on this machine", recorded);
        Ok(Tried { copy, refused: None, change, ..self.tried_here(data, report) })
    }

    fn tried_here(&self, data: &Data, report: Report) -> Tried {
        Tried {
            data: data.what.clone(),
            place: "this machine".to_owned(),
            sqlite: landfall_engine::sqlite_version().to_owned(),
            report,
            copy: None,
            change: Measured::here(0.0, ""),
            stopped: None,
            replaced: None,
            started: None,
            refused: None,
        }
    }

    fn refused(&self, data: &Data, mut error: landfall_engine::Error) -> Result<Tried> {
        let Some(report) = error.report.take() else { return Err(error.into()) };
        Ok(Tried { refused: Some(error.into()), ..self.tried_here(data, *report) })
    }

    fn refuse_endless(&self, data: &Data) -> Result<()> {
        let again = landfall_engine::check(&data.file, self.declared, self.settings, &mut ())?;
        let Some(left) = again.differences.first() else { return Ok(()) };
        let schema = self.project.schema.display().to_string();
        let message =
            format!("the change was applied to {}, and something is left: {}", data.what, left.message);
        Err(Error::new(Kind::Failed, schema, message).remedy("please report this").into())
    }
}
