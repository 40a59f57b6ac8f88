//! Brings a local database to the declared schema: what every command does that needs one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use landfall_engine::{
    Changed, Declared, ErrorKind, Hazard, Interrupt, Outcome, PlannerChoice, Prepared, Report, Settings,
};

use crate::error::{Error, Kind};
use crate::project::Project;
use crate::release::approval;
use crate::text::{self, Cut};
use crate::tool::atlas;
use crate::ui::Ui;

/// How often a plan is made anew because the database moved.
const ATTEMPTS: usize = 3;

/// Who says that a plan may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Nobody: it ends with the plan.
    DryRun,
    /// The person at the terminal.
    Ask,
    /// It was given beforehand.
    Given,
}

/// A local database, the schema it is brought to, and how.
#[derive(Debug)]
pub(crate) struct Local {
    /// The database.
    pub(crate) db: PathBuf,
    /// `schema.sql`.
    pub(crate) schema: PathBuf,
    /// Whether the database's folder is made.
    pub(crate) make_folder: bool,
    /// Whether what is no difference is told, too.
    pub(crate) verbose: bool,
    /// What the engine is told; without Atlas until [`Local::settings`].
    pub(crate) settings: Settings,
    /// The command line that approves what it lacks, up to `--allow`.
    pub(crate) command: String,
}

impl Local {
    /// The project's own local database.
    pub(crate) fn new(project: &Project, interrupt: &Interrupt) -> Self {
        Self {
            db: project.local_db.clone(),
            schema: project.schema.clone(),
            make_folder: true,
            verbose: false,
            settings: project.settings(interrupt),
            command: "cargo xtask migrate".to_owned(),
        }
    }

    /// Only compares. Whether it is in sync.
    pub(crate) fn check(&self, ui: &mut Ui) -> Result<bool> {
        self.refuse_missing_folder()?;
        let declared = Declared::read(&self.schema, &self.settings)?;
        let checked = landfall_engine::check(&self.db, &declared, &self.settings, &mut ui.progress());
        let report = checked.map_err(|error| self.refused(error, ui))?;
        ui.keep(&report);
        self.show(&report, ui);
        if report.outcome == Outcome::InSync {
            self.up_to_date(ui);
            return Ok(true);
        }
        let differences = text::count(report.differences.len() as u64, "difference");
        ui.status(
            "Out of sync",
            format!("{} has {differences} from {}", self.db.display(), self.schema.display()),
        );
        Ok(false)
    }

    /// Plans, proves, shows, guards, asks, applies.
    pub(crate) fn bring(&self, consent: Consent, ui: &mut Ui) -> Result<()> {
        self.refuse_missing_folder()?;
        let settings = self.with_atlas()?;
        let declared = Declared::read(&self.schema, &settings)?;
        let mut agreed = None;
        for _ in 1..ATTEMPTS {
            match self.attempt(&declared, &settings, consent, &mut agreed, ui) {
                Err(error) if is_moved(&error) => {
                    let db = self.db.display();
                    ui.status("Replanning", format!("{db} changed since the plan was made"));
                }
                ended => return ended,
            }
        }
        self.attempt(&declared, &settings, consent, &mut agreed, ui)
    }

    /// `agreed` is the fingerprint of the plan that may run: another one is shown, and asked about, first.
    fn attempt(
        &self,
        declared: &Declared,
        settings: &Settings,
        consent: Consent,
        agreed: &mut Option<String>,
        ui: &mut Ui,
    ) -> Result<()> {
        let prepared = landfall_engine::prepare(&self.db, declared, settings, &mut ui.progress());
        let prepared = prepared.map_err(|error| self.refused(error, ui))?;
        ui.keep(prepared.report());
        let Some(plan) = &prepared.report().plan else {
            self.show(prepared.report(), ui);
            self.up_to_date(ui);
            return Ok(());
        };
        if agreed.as_ref() != Some(&plan.fingerprint) {
            self.show(prepared.report(), ui);
            tell_missing_atlas(settings, ui);
            approval::guard(&prepared, &self.command)?;
            if !self.agree(consent, &settings.interrupt, ui)? {
                ui.status("Planned", Changed::Nothing.told(&self.db.display().to_string()));
                return Ok(());
            }
            *agreed = Some(plan.fingerprint.clone());
        }
        self.apply(prepared, ui)
    }

    fn with_atlas(&self) -> Result<Settings> {
        let atlas = if self.settings.planner == PlannerChoice::Builtin { None } else { atlas::find()? };
        Ok(Settings { atlas, ..self.settings.clone() })
    }

    fn refuse_missing_folder(&self) -> Result<()> {
        let folder = folder_of(&self.db);
        if self.make_folder || folder.is_dir() {
            return Ok(());
        }
        let db = self.db.display().to_string();
        let message = format!("there is no folder {} for the database {db}", folder.display());
        Err(Error::usage(db, message)
            .unchanged()
            .remedy("make the folder first, or name another --db")
            .into())
    }

    /// What was found before a refusal belongs to it.
    fn refused(&self, mut error: landfall_engine::Error, ui: &mut Ui) -> landfall_engine::Error {
        let Some(report) = &error.report else { return error };
        ui.keep(report);
        if error.kind == ErrorKind::Hazard {
            self.show(report, ui);
        }
        if report.hazards().any(Hazard::stops) {
            error.remedy = format!("when that is done: {}", self.command);
        }
        error
    }

    fn show(&self, report: &Report, ui: &Ui) {
        let command = format!("{} --dry-run --verbose", self.command);
        let cut = Cut { steps: text::LONG, command };
        let is_cut = ui.is_on_screen() && !self.verbose;
        ui.result(&text::plan(report, self.verbose, Some(&cut).filter(|_| is_cut)));
    }

    fn up_to_date(&self, ui: &Ui) {
        ui.status("Up to date", format!("{} is what {} says", self.db.display(), self.schema.display()));
    }

    fn agree(&self, consent: Consent, interrupt: &Interrupt, ui: &Ui) -> Result<bool> {
        match consent {
            Consent::DryRun => return Ok(false),
            Consent::Given => return Ok(true),
            Consent::Ask => {}
        }
        let db = self.db.display().to_string();
        if !ui.can_ask() {
            let message = "there is no terminal to ask on whether this plan may run";
            return Err(Error::usage(db, message)
                .unchanged()
                .remedy("add --auto-approve to apply it without the question")
                .into());
        }
        if ui.ask(&format!("Apply this plan to {db}?"), interrupt)? {
            return Ok(true);
        }
        Err(Error::new(Kind::Declined, db, "the plan was declined").unchanged().into())
    }

    fn apply(&self, prepared: Prepared<'_>, ui: &mut Ui) -> Result<()> {
        let made = if self.make_folder { make_folders(folder_of(&self.db))? } else { Vec::new() };
        let applied = prepared.apply(&mut ui.progress()).inspect_err(|_| remove_folders(&made))?;
        ui.keep(&applied);
        ui.result(&format!("\n{}", text::evidence(&applied.evidence)));
        if let Some(plan) = &applied.plan {
            let steps = text::count(plan.steps.len() as u64, "step");
            let seconds = applied.seconds.unwrap_or_default();
            let db = self.db.display();
            ui.status("Applied", format!("{steps} to {db} in {seconds:.2} s, planned by {}", plan.planner));
        }
        Ok(())
    }
}

/// Says that Atlas did not take part, where it could have.
pub(crate) fn tell_missing_atlas(settings: &Settings, ui: &Ui) {
    if settings.planner == PlannerChoice::Auto && settings.atlas.is_none() {
        ui.note("Atlas was not found: planned with the built-in planner");
    }
}

fn is_moved(error: &anyhow::Error) -> bool {
    error.downcast_ref::<landfall_engine::Error>().is_some_and(|error| error.kind == ErrorKind::Moved)
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// The folders that were missing and are there now, the innermost first.
fn make_folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let missing = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let missing: Vec<_> = missing.map(Path::to_path_buf).collect();
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(missing)
}

/// Takes back what [`make_folders`] made; one that is not empty stays.
fn remove_folders(made: &[PathBuf]) {
    let removed: io::Result<()> = made.iter().try_for_each(fs::remove_dir);
    drop(removed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_and_taken_back() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (root.path().join("a"), root.path().join("a/b"));
        let made = make_folders(&b).unwrap();
        assert_eq!(made, [b, a.clone()]);
        remove_folders(&made);
        assert!(!a.exists() && root.path().exists());
    }
}
