//! One work, in turns: ours, Atlas, the limit, ours, … each on a fresh copy of the same file, and looked at afterwards.
//!
//! A time of something that went wrong is worth nothing: ours that is not what it has to be is an error, Atlas's a note.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use landfall_engine::{Declared, Interrupt, Outcome, Part, Report, Settings, TableRows};
use landfall_xtask::{Error, Kind, Project, Ui, text};
use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use super::binaries::{Binaries, folder};
use super::data;
use super::limit;
use super::line::{Lap, Laps, Line};
use super::table;
use super::work::{On, Ours, Work};
use crate::tool::landfall::{self, Change};
use crate::tool::timed::Timed;
use crate::tool::{atlas, xtask};

/// A copy, its log, the copy that a boot makes, and what is sorted: as many times the database.
const ROOM: u64 = 4;

/// Where races are held.
pub(super) struct Track<'a> {
    pub(super) project: &'a Project,
    pub(super) binaries: Binaries,
    pub(super) runs: usize,
    pub(super) interrupt: &'a Interrupt,
    pub(super) ui: &'a Ui,
}

impl Track<'_> {
    /// All works on one database.
    pub(super) fn all(&self, works: &[&Work], on: On, size: u64) -> Result<Vec<Line>> {
        let folder = folder(self.project)?;
        let base = folder.path().join("base");
        self.ui.status("Making", format!("a database of {}", on.counted(size)));
        match on {
            On::Rows => data::of_rows(&base, size, self.interrupt)?,
            On::Tables => data::of_tables(&base, size)?,
        }
        let bytes = fs::metadata(&base)?.len();
        landfall_engine::make_sure_of_room(&base, "a benchmark", bytes * ROOM)?;
        self.ui.status("Made", format!("{}, {}", on.counted(size), text::size(bytes)));
        works.iter().map(|work| self.race(work, size, &base)).collect()
    }

    /// One work on copies of `base`.
    fn race(&self, work: &Work, size: u64, base: &Path) -> Result<Line> {
        let race = Race::new(self, work, size, base)?;
        let mut laps = Laps::default();
        for _ in 0..self.runs {
            race.lap(&mut laps)?;
        }
        let line = Line::new(work, size, &laps);
        self.ui.status("Timed", table::line(&line));
        Ok(line)
    }
}

/// A work at one size.
struct Race<'a> {
    track: &'a Track<'a>,
    work: &'a Work,
    size: u64,
    /// The file that is copied; the folder of all copies is its own.
    base: &'a Path,
    /// As we read it.
    schema: PathBuf,
    /// As Atlas reads it.
    schema_to_atlas: PathBuf,
    declared: Declared,
    /// The rows that every table has before, and has to have afterwards.
    rows: Vec<TableRows>,
}

/// A copy that goes away.
struct Copy {
    file: PathBuf,
    _folder: TempDir,
}

/// What is not as it has to be afterwards, each a clause.
struct Left {
    /// The schema is not the declared one, or tables have other numbers of rows.
    undone: Vec<String>,
    /// Rows have lost what they held.
    lost: Option<String>,
}

impl<'a> Race<'a> {
    fn new(track: &'a Track<'a>, work: &'a Work, size: u64, base: &'a Path) -> Result<Self> {
        let written = |suffix: &str, text: &str| -> Result<PathBuf> {
            let file = base.with_file_name(format!("{}{suffix}.sql", work.name));
            fs::write(&file, text).context("cannot write the schema of a benchmark")?;
            Ok(file)
        };
        let schema = written("", &work.declared(size))?;
        let schema_to_atlas = written("-atlas", &work.declared_to_atlas(size))?;
        let declared = Declared::read(&schema, &Settings::default())?;
        let rows = landfall_engine::rows(base, &Settings::default())?.tables;
        Ok(Self { track, work, size, base, schema, schema_to_atlas, declared, rows })
    }

    fn lap(&self, laps: &mut Laps) -> Result<()> {
        if self.work.ours != Ours::Nobody {
            laps.ours.push(self.ours()?);
            if let Some(file) = &self.track.binaries.atlas {
                self.atlas(file, laps)?;
            }
        }
        laps.limit.push(self.limit()?);
        Ok(())
    }

    fn ours(&self) -> Result<Lap> {
        let copy = self.copy()?;
        let atlas = self.track.binaries.atlas.as_deref();
        let change = |fast_path| Change { db: &copy.file, schema: &self.schema, atlas, fast_path };
        let (root, interrupt) = (&self.track.project.root, self.track.interrupt);
        let (landfall, xtask) = (&self.track.binaries.landfall, &self.track.binaries.xtask);
        let in_words = match self.work.ours {
            Ours::Boot(fast_path) if !self.work.is_change() => {
                Some(landfall::migrate_in_words(landfall, &change(fast_path), interrupt)?)
            }
            _ => None,
        };
        // Where there was nothing to do this one has nothing either, and says so in a way that can be read.
        let timed = match self.work.ours {
            Ours::Boot(fast_path) => landfall::migrate(landfall, &change(fast_path), interrupt)?,
            Ours::Person | Ours::Nobody => xtask::migrate(xtask, root, &copy.file, &self.schema, interrupt)?,
        };
        let report = self.report(&timed)?;
        let Left { mut undone, lost } = self.look(&copy.file)?;
        undone.extend(lost);
        if !undone.is_empty() {
            return Err(self.wrong(&undone.join("; ")).into());
        }
        let copied = match self.work.ours {
            Ours::Boot(fast_path) if report.outcome == Outcome::Applied => {
                let record = document(&landfall::last_change(landfall, &change(fast_path), interrupt)?);
                record["report"]["copy"]["seconds"].as_f64()
            }
            _ => None,
        };
        Ok(lap(in_words.as_ref().unwrap_or(&timed), &report, copied))
    }

    /// What ours says of what it did; an error where it did not.
    fn report(&self, timed: &Timed) -> Result<Report> {
        let document = document(timed);
        if !timed.output.status.success() {
            let told = document["error"]["message"].as_str().map(str::to_owned);
            return Err(self.wrong(&told.unwrap_or_else(|| last_words(timed))).into());
        }
        let report: Report = serde_json::from_value(document["report"].clone())
            .map_err(|error| self.wrong(&format!("its report cannot be read: {error}")))?;
        let expected = if self.work.is_change() { Outcome::Applied } else { Outcome::InSync };
        if report.outcome == expected {
            return Ok(report);
        }
        Err(self.wrong(&format!("it ended as {} and not as {expected}", report.outcome)).into())
    }

    /// Atlas's time, and what is to be told of its result. There is none where it did not do the work.
    fn atlas(&self, file: &Path, laps: &mut Laps) -> Result<()> {
        let copy = self.copy()?;
        let timed = atlas::apply(file, &copy.file, &self.schema_to_atlas, self.track.interrupt)?;
        if !timed.output.status.success() {
            laps.notes.insert(format!("Atlas failed: {}", last_words(&timed)));
            return Ok(());
        }
        let Left { undone, lost } = self.look(&copy.file)?;
        if undone.is_empty() {
            laps.atlas.push(timed.seconds);
            laps.notes.extend(lost.map(|lost| format!("after Atlas {lost}")));
        } else {
            laps.notes.insert(format!("Atlas did not do it: {}", undone.join("; ")));
        }
        Ok(())
    }

    fn limit(&self) -> Result<f64> {
        let copy = self.copy()?;
        if let Some(seconds) = self.work.limit.measure(&copy.file)? {
            return Ok(seconds);
        }
        let binaries = &self.track.binaries;
        let binary = if self.work.ours == Ours::Person { &binaries.xtask } else { &binaries.landfall };
        Ok(landfall::help(binary, self.track.interrupt)?.seconds)
    }

    /// In a folder of its own, with whatever will be made beside it, and on the disk: nothing is still to be written when a
    /// time begins.
    fn copy(&self) -> Result<Copy> {
        let folder = self.base.parent().context("a database is in a folder")?;
        let folder = tempfile::Builder::new().prefix("run-").tempdir_in(folder)?;
        let file = folder.path().join("db");
        limit::copy(self.base, &file)?;
        Ok(Copy { file, _folder: folder })
    }

    /// What is not as it has to be afterwards.
    fn look(&self, file: &Path) -> Result<Left> {
        let settings = Settings::default();
        let after = landfall_engine::rows(file, &settings)?.tables;
        let mut undone = Vec::new();
        for TableRows { table, rows } in &self.rows {
            let left = after.iter().find(|after| after.table == *table).map_or(0, |after| after.rows);
            if left != *rows {
                undone.push(format!("{table} has {left} of {}", On::Rows.counted(*rows)));
            }
        }
        let report = landfall_engine::check(file, &self.declared, &settings, &mut ())?;
        undone.extend(report.differences.into_iter().map(|difference| difference.message));
        // Where columns are missing there is nothing to ask of them.
        let asks = self.work.on == On::Rows && undone.is_empty();
        let wrong = if asks { self.wrong_rows(file)? } else { 0 };
        let lost =
            (wrong > 0).then(|| format!("{} are not where {}", On::Rows.counted(wrong), self.work.truth));
        Ok(Left { undone, lost })
    }

    fn wrong_rows(&self, file: &Path) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM accounts WHERE ({}) IS NOT TRUE", self.work.truth);
        let read = Connection::open(file).and_then(|database| database.query_row(&sql, [], |row| row.get(0)));
        read.context("cannot read the database of a benchmark")
    }

    fn wrong(&self, what: &str) -> Error {
        let Work { name, on, .. } = self.work;
        let message = format!("{name} at {} is not what it has to be: {what}", on.counted(self.size));
        Error::new(Kind::Failed, *name, message)
            .remedy("no time is told of what went wrong; please report this")
    }
}

fn document(timed: &Timed) -> Value {
    serde_json::from_slice(&timed.output.stdout).unwrap_or_default()
}

/// The last line that a program printed, of either kind.
fn last_words(timed: &Timed) -> String {
    let said = [&timed.output.stderr, &timed.output.stdout].map(|bytes| String::from_utf8_lossy(bytes));
    let lines = said.iter().filter_map(|text| text.lines().rfind(|line| !line.trim().is_empty()));
    lines.map(str::trim).next().unwrap_or("it said nothing").to_owned()
}

fn lap(timed: &Timed, report: &Report, copy: Option<f64>) -> Lap {
    let part = |part: Part| report.timings.iter().filter(|t| t.part == part).map(|t| t.seconds).sum::<f64>();
    Lap {
        seconds: timed.seconds,
        copy: copy.unwrap_or_default(),
        transaction: report.seconds.unwrap_or_default(),
        parts: [Part::Look, Part::Step, Part::Evidence, Part::Keys, Part::Commit].map(part),
        peak: timed.peak,
        planner: report.plan.as_ref().map(|plan| plan.planner),
        prediction: report.plan.as_ref().map(|plan| plan.prediction),
    }
}
