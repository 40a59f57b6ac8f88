//! The only file that prints. Status lines and questions go to stderr, results to stdout.

use std::fmt::{self, Display};
use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use clap::builder::StyledStr;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use landfall_engine::{Event, Interrupt, Planner, Watch, shown, shown_in_line, written};
use serde::Serialize;
use terminal_size::Width;

use crate::error::{Error, Kind, Told};
use crate::plain;
use crate::release::annotation::Annotation;
use crate::text;
use crate::wrap;

const VERB: Style = AnsiColor::Green.on_default().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default().bold();
/// Of the document's form: another one once a field means something else, or is gone.
const VERSION: u32 = 2;
/// Where the text of a status line begins, from its verb on.
const STATUS: usize = 13;
/// How often a progress that is no terminal gets a line.
const PLAIN_EVERY: Duration = Duration::from_secs(3);

/// What stdout carries: text for a person; or one JSON document, and the text goes to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[expect(missing_docs, reason = "clap would make long help of them")]
pub enum Format {
    Text,
    Json,
}

/// The one JSON document that stdout carries with `--format json`.
///
/// `version` is that of its form. `command` is null when the arguments name none; `report` is a [`landfall_engine::Report`] (of `inspect` a
/// [`landfall_engine::Live`]), or null when it failed before there was one; `error` is null when all went well, else `kind` (kebab-case), `object`, `message`, what was `changed` (`"nothing"`, `{"what": …}` or `"unknown"`) and `remedy`,
/// which are empty where there is nothing to say.
#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    command: Option<&'a str>,
    exit: u8,
    report: Option<&'a serde_json::Value>,
    error: Option<&'a Told>,
}

/// How a person, or a program, is told what happens: nothing else prints.
pub struct Ui {
    format: Format,
    report: Option<serde_json::Value>,
    /// The first that could not be written: on which stream, and why.
    unwritten: OnceLock<(&'static str, io::Error)>,
}

impl Ui {
    /// Tells in this format.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, report: None, unwritten: OnceLock::new() }
    }

    /// A status line in cargo's manner.
    pub fn status(&self, verb: &str, text: impl Display) {
        let text = text.to_string();
        let text = shown(&text);
        self.say(&format!("{VERB}{verb:>12}{VERB:#} {text}\n"), STATUS);
    }

    /// Something worth knowing that is no error.
    pub fn note(&self, text: impl Display) {
        let text = text.to_string();
        let text = shown(&text);
        self.say(&format!("{NOTE}note{NOTE:#}: {text}\n"), 0);
    }

    /// A line that a workflow's runner reads: it looks at both streams, and stdout is the result's.
    pub(crate) fn annotation(&self, annotation: &Annotation) {
        let mut stderr = io::stderr().lock();
        self.wrote("stderr", writeln!(stderr, "{annotation}").and_then(|()| stderr.flush()));
    }

    /// Keeps the report for the JSON document, whatever happens next.
    pub fn keep(&mut self, report: &impl Serialize) {
        self.report = serde_json::to_value(report).ok();
    }

    /// What the command was asked for: stdout, unless that carries JSON.
    pub fn result(&self, text: &str) {
        match self.format {
            Format::Text => self.out(text),
            Format::Json => self.err(text),
        }
    }

    /// A result to be kept: into a file as it is, elsewhere as it may be shown. Whether that is the same.
    pub(crate) fn exact(&self, text: &str) -> bool {
        if is_file(io::stdout().as_fd()) {
            let mut stdout = io::stdout().lock();
            self.wrote("stdout", stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
            return true;
        }
        self.out(text);
        shown(text) == text
    }

    /// Whether results are shown in colours.
    #[must_use]
    pub fn has_colours(&self) -> bool {
        anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
    }

    /// Whether the result goes to a terminal, for a person to read.
    pub(crate) fn is_on_screen(&self) -> bool {
        self.format == Format::Text && io::stdout().is_terminal()
    }

    /// Whether there is a person to ask.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks; no is the default.
    ///
    /// # Errors
    /// A request to stop, so that the command ends at once.
    pub fn ask(&self, question: &str, interrupt: &Interrupt) -> Result<bool> {
        self.say(&format!("{question} [y/N]"), 0);
        // By itself: a line that is made to fit loses the space at its end.
        self.err(" ");
        let (send, answers) = mpsc::channel();
        // On a thread of its own: a read of the terminal does not end when a signal comes.
        thread::spawn(move || {
            let mut line = String::new();
            let _ = io::stdin().lock().read_line(&mut line);
            let _ = send.send(line);
        });
        loop {
            match answers.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => {
                    return Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"));
                }
                Err(RecvTimeoutError::Timeout) if !interrupt.is_raised() => {}
                Err(_) => {
                    self.err("\n");
                    return Err(Error::new(Kind::Interrupted, "", "interrupted").unchanged().into());
                }
            }
        }
    }

    /// What tells of a running migration.
    pub(crate) fn progress(&self) -> Progress<'_> {
        Progress { ui: self, bar: None, told: Instant::now() }
    }

    /// What tells of a long piece of work of somebody else.
    #[must_use]
    pub fn activity(&self) -> Activity<'_> {
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(None, target).with_style(style(false)).with_prefix("Working");
        bar.enable_steady_tick(Duration::from_millis(100));
        Activity { ui: self, bar }
    }

    /// Help and version, which clap has laid out. Returns the exit code.
    pub(crate) fn help(self, text: &StyledStr) -> u8 {
        self.out(&text.ansi().to_string());
        self.exit(0)
    }

    /// Arguments that could not be parsed, in clap's words. Returns the exit code.
    pub(crate) fn wrong_usage(self, text: &StyledStr) -> u8 {
        self.say(&text.ansi().to_string(), 0);
        self.exit(2)
    }

    /// The end of a command, of whose name there is none when the arguments could not be parsed: the error or the
    /// JSON document. Returns the exit code.
    pub(crate) fn finish(self, command: Option<&str>, ended: &Result<u8>) -> u8 {
        let error = ended.as_ref().err().map(Told::of);
        let exit = error.as_ref().map_or_else(|| *ended.as_ref().unwrap_or(&1), |error| error.exit);
        if let Some(error) = &error {
            let remedy = if error.remedy.is_empty() { String::new() } else { format!("{}\n", error.remedy) };
            self.say(&format!("{ERROR}error{ERROR:#}: {}\n{remedy}", error.told()), 0);
        }
        if self.format == Format::Json {
            let (report, error) = (self.report.as_ref(), error.as_ref());
            let document = Document { version: VERSION, command, exit, report, error };
            self.out(&format!("{}\n", landfall_engine::json(&document).unwrap_or_default()));
        }
        self.exit(exit)
    }

    /// The exit code of what ends with this one, where all could be written; else that is told, and is a failure.
    fn exit(self, code: u8) -> u8 {
        let Some((stream, error)) = self.unwritten.get() else { return code };
        let done = if code == 0 { "; the command itself went through" } else { "" };
        let message = format!("cannot write to {stream}: {error}{done}");
        self.err(&format!(
            "{ERROR}error{ERROR:#}: {message}\nmake room there, or send the output elsewhere\n"
        ));
        code.max(1)
    }

    /// On stderr, as wide as the terminal that it is; a longer line goes on so many columns further in.
    fn say(&self, text: &str, indent: usize) {
        match terminal_size::terminal_size_of(io::stderr()) {
            Some((Width(width), _)) => self.err(&wrap::wrap(text, width.into(), indent)),
            None => self.err(text),
        }
    }

    fn out(&self, text: &str) {
        self.wrote("stdout", write(&mut anstream::stdout().lock(), text));
    }

    fn err(&self, text: &str) {
        self.wrote("stderr", write(&mut anstream::stderr().lock(), text));
    }

    /// A reader that went away (`| head`) is no failure of ours.
    fn wrote(&self, stream: &'static str, written: io::Result<()>) {
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            // Only the first counts.
            let _ = self.unwritten.set((stream, error));
        }
    }
}

/// Whether this is a file on a disk: no terminal, and no log.
fn is_file(stream: BorrowedFd<'_>) -> bool {
    let file = stream.try_clone_to_owned().map(File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|facts| facts.is_file())
}

fn write(stream: &mut impl Write, text: &str) -> io::Result<()> {
    stream.write_all(plain::styled(text).as_bytes())?;
    stream.flush()
}

/// Tells of a long piece of work: on a terminal what it is at, in a line that changes; elsewhere its status lines alone.
pub struct Activity<'a> {
    ui: &'a Ui,
    bar: ProgressBar,
}

impl Activity<'_> {
    /// A status line that stays.
    pub fn status(&self, verb: &str, text: impl Display) {
        let text = text.to_string();
        let text = shown(&text);
        self.bar.suspend(|| self.ui.status(verb, text));
    }

    /// Something worth knowing that is no error.
    pub fn note(&self, text: impl Display) {
        self.bar.suspend(|| self.ui.note(text));
    }

    /// What was asked for, or a part of it.
    pub fn result(&self, text: &str) {
        self.bar.suspend(|| self.ui.result(text));
    }

    /// What it is at, until the next.
    pub fn goes_on(&self, text: &str) {
        self.bar.set_message(shown_in_line(text).into_owned());
    }
}

impl Drop for Activity<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Tells of a running migration: a bar on a terminal, a line now and then elsewhere.
pub(crate) struct Progress<'a> {
    ui: &'a Ui,
    bar: Option<(String, ProgressBar)>,
    told: Instant,
}

impl Progress<'_> {
    fn rows(&mut self, table: &str, done: u64, total: u64) {
        let bar = self.bar("Copying", table, Some(total));
        bar.set_position(done);
        if self.is_plain_due(&bar) {
            let pace = pace(done, total, bar.elapsed());
            let (done, total) = (text::count(done, "row"), text::count(total, "row"));
            self.ui.status("Copying", format!("{}: {done} of {total}, {pace}", written(table)));
        }
    }

    fn planning(&mut self, planner: Planner) {
        let bar = self.bar("Planning", &format!("with {planner}"), None);
        bar.enable_steady_tick(Duration::from_millis(100));
    }

    fn checking(&mut self, table: &str) {
        let bar = self.bar("Checking", table, None);
        bar.enable_steady_tick(Duration::from_millis(100));
        if self.is_plain_due(&bar) {
            self.ui.status("Checking", written(table));
        }
    }

    fn is_plain_due(&mut self, bar: &ProgressBar) -> bool {
        let due = bar.is_hidden() && self.told.elapsed() >= PLAIN_EVERY;
        if due {
            self.told = Instant::now();
        }
        due
    }

    /// The bar (without an end, a spinner) of this work; another one's is taken away.
    fn bar(&mut self, verb: &'static str, table: &str, total: Option<u64>) -> ProgressBar {
        let name = format!("{verb} {table}");
        if let Some((of, bar)) = &self.bar
            && *of == name
        {
            return bar.clone();
        }
        self.clear();
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr())
            .with_style(style(total.is_some()));
        bar.set_prefix(verb);
        bar.set_message(shown_in_line(table).into_owned());
        self.bar = Some((name, bar.clone()));
        bar
    }

    fn clear(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn style(has_end: bool) -> ProgressStyle {
    let template = if has_end {
        "{prefix:>12.green.bold} {msg} [{wide_bar}] {human_pos} of {human_len} rows, {pace}"
    } else {
        "{prefix:>12.green.bold} {spinner} {wide_msg}"
    };
    let pace = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = out.write_str(&pace(state.pos(), state.len().unwrap_or_default(), state.elapsed()));
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("pace", pace).progress_chars("=> ")
}

/// Rate and time left, over the whole time: an estimate over the last moment jumps.
fn pace(done: u64, total: u64, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    let left = total.saturating_sub(done) as f64 / rate.max(1.0);
    format!("{}/s, {left:.0} s left", text::count(rate as u64, "row"))
}

impl Watch for Progress<'_> {
    fn event(&mut self, event: &Event<'_>) {
        match *event {
            Event::WaitingForLock { database, limit } => {
                let seconds = limit.as_secs();
                let text = format!(
                    "for the lock of another connection on {}, {seconds} s at most",
                    database.display()
                );
                self.ui.status("Waiting", text);
            }
            Event::Planning { planner } => self.planning(planner),
            Event::Proving { planner } => {
                self.clear();
                self.ui.status("Proving", format!("the plan of {planner} on a replica"));
            }
            Event::Replanning => self.ui.status("Replanning", "the database changed since the plan was made"),
            Event::Rows { table, done, total } => self.rows(table, done, total),
            Event::Checking { table } => self.checking(table),
            _ => self.clear(),
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pace_is_that_of_the_whole_time() {
        assert_eq!(pace(500, 2_000, Duration::from_secs(1)), "500 rows/s, 3 s left");
        assert_eq!(pace(0, 10, Duration::ZERO), "0 rows/s, 10 s left");
        assert_eq!(pace(10, 10, Duration::from_secs(2)), "5 rows/s, 0 s left");
    }
}
