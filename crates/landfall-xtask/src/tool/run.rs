//! Children: each ends by itself, or is ended because it is late or we are asked to stop.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};
use std::process::{ExitStatus, Output};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use duct::unix::HandleExt as _;
use duct::{Expression, Handle};
use landfall_engine::Interrupt;
use signal_hook::consts::SIGTERM;

use super::child::Child;
use crate::error::{Error, Kind};

/// How often the request to stop is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long a command may take to stop by itself before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How much a command may print, in bytes: what it prints is read into memory, and may come from a machine that somebody else has. A report of
/// a change, the longest that is asked for, has less than a hundredth of it.
const MOST: u64 = 64 << 20;

/// How long a program may take to tell of itself, or of this machine.
const QUESTION_LIMIT: Duration = Duration::from_secs(10);

/// What a program tells of itself, or of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// What it printed on stdout.
    Said(String),
    /// There is no such program.
    Absent,
    /// It failed; its first words about it.
    Failed(String),
    /// It had no answer in time; in words.
    Late(String),
}

impl Reply {
    /// The same with another wording of what it printed.
    pub(crate) fn map(self, other: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Said(text) => Self::Said(other(text)),
            none => none,
        }
    }
}

/// How a command ended.
#[derive(Debug)]
pub enum Answer {
    /// By itself, well or not.
    Exited(Output),
    /// Because we were asked to stop.
    Stopped,
    /// It was not done in time, or got on too slowly, and was stopped.
    Late,
}

/// How long a build, or a check of the workspace, may take: the longest that is known, on a machine that emulates Fly's, has a quarter.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(3 * 3600);

/// How fast something has to get on: by so much in every such time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) least: u64,
    pub(crate) time: Duration,
}

/// Runs it to its end, which has to come within `limit`; what it prints is kept.
///
/// # Errors
/// It cannot be started, or prints without an end.
pub fn within(command: &Child, limit: Duration, interrupt: &Interrupt) -> io::Result<Answer> {
    let begun = Instant::now();
    observed(command, TICK, interrupt, |_| Ok(begun.elapsed() >= limit))
}

/// Asks a program about itself, or about this machine. An error is a request to stop.
pub(crate) fn question(command: &Child, interrupt: &Interrupt) -> Result<Reply, Error> {
    Ok(match within(command, QUESTION_LIMIT, interrupt) {
        Ok(Answer::Exited(output)) if output.status.success() => {
            Reply::Said(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
        }
        Ok(Answer::Exited(output)) => {
            let text = String::from_utf8_lossy(&output.stderr);
            let line = text.lines().find(|line| !line.trim().is_empty());
            Reply::Failed(line.unwrap_or("it said nothing").trim().to_owned())
        }
        Ok(Answer::Late) => Reply::Late(format!("no answer within {} s", QUESTION_LIMIT.as_secs())),
        Ok(Answer::Stopped) => {
            return Err(Error::new(Kind::Interrupted, "", "interrupted").unchanged());
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Reply::Absent,
        Err(error) => Reply::Failed(error.to_string()),
    })
}

/// Runs it to its end, which may take as long as it needs while it keeps this pace: `reached`, asked several times a second, tells how far
/// it has got; an error of that ends it. What it prints is kept.
pub(crate) fn while_it_moves(
    command: &Child,
    pace: Pace,
    interrupt: &Interrupt,
    mut reached: impl FnMut() -> io::Result<u64>,
) -> io::Result<Answer> {
    let (mut before, mut since) = (0, Instant::now());
    observed(command, TICK, interrupt, |_| {
        let now = reached()?;
        if now >= before + pace.least {
            (before, since) = (now, Instant::now());
        }
        Ok(since.elapsed() >= pace.time)
    })
}

/// Runs it to its end; `is_late` is asked each time that it is looked at, with the number of its process. What it prints is kept.
///
/// # Errors
/// It cannot be started, or prints without an end; or `is_late` failed.
pub fn observed(
    command: &Child,
    every: Duration,
    interrupt: &Interrupt,
    mut is_late: impl FnMut(Option<u32>) -> io::Result<bool>,
) -> io::Result<Answer> {
    let kept = Kept::new()?;
    let running = kept.by(command)?.start()?;
    let ended = watched(&running, every, interrupt, || {
        if kept.is_endless()? { Err(endless()) } else { is_late(running.pids().first().copied()) }
    })?;
    Ok(match ended {
        Answer::Exited(output) => Answer::Exited(kept.output(output.status)?),
        ended => ended,
    })
}

/// Waits for its end, and brings that about where we are asked to stop, or where `is_late`, asked each time that it is looked at, says so or fails.
fn watched(
    running: &Handle,
    every: Duration,
    interrupt: &Interrupt,
    mut is_late: impl FnMut() -> io::Result<bool>,
) -> io::Result<Answer> {
    loop {
        if let Some(output) = running.wait_timeout(every)? {
            // A Ctrl-C goes to both of us, and it may have been the faster one.
            if output.status.code().is_none() {
                thread::sleep(TICK);
            }
            let stopped = output.status.code().is_none() && interrupt.is_raised();
            return Ok(if stopped { Answer::Stopped } else { Answer::Exited(output.clone()) });
        }
        let late = is_late();
        if matches!(late, Ok(false)) && !interrupt.is_raised() {
            continue;
        }
        stop(running)?;
        return late.map(|_| if interrupt.is_raised() { Answer::Stopped } else { Answer::Late });
    }
}

/// What a command prints, in files: a pipe stays open for as long as any program holds it that this one started, and is not ours to end.
struct Kept {
    stdout: File,
    stderr: File,
}

impl Kept {
    fn new() -> io::Result<Self> {
        Ok(Self { stdout: tempfile::tempfile()?, stderr: tempfile::tempfile()? })
    }

    /// The command, which prints here.
    fn by(&self, command: &Child) -> io::Result<Expression> {
        let (stdout, stderr) = (self.stdout.try_clone()?, self.stderr.try_clone()?);
        Ok(command.listed().stdin_null().stdout_file(stdout).stderr_file(stderr).unchecked())
    }

    fn is_endless(&self) -> io::Result<bool> {
        Ok(self.stdout.metadata()?.len() + self.stderr.metadata()?.len() > MOST)
    }

    fn output(self, status: ExitStatus) -> io::Result<Output> {
        if self.is_endless()? {
            return Err(endless());
        }
        Ok(Output { status, stdout: written(self.stdout)?, stderr: written(self.stderr)? })
    }
}

fn endless() -> io::Error {
    too_much(format!("it printed more than {} MiB, and was ended", MOST >> 20))
}

/// The error that ends a command which gives more than it may.
pub(crate) fn too_much(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, message.into())
}

/// Whether this is the error of a command that was ended since it gave too much.
pub(crate) fn is_endless(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::FileTooLarge
}

fn written(mut file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What came of a command that had so long; that it was ended is an error.
///
/// # Errors
/// It was late, or we were asked to stop.
pub fn exited(ended: Answer, limit: Duration) -> Result<Output, Error> {
    match ended {
        Answer::Exited(output) => Ok(output),
        Answer::Stopped => Err(Error::new(Kind::Interrupted, "", "interrupted")),
        Answer::Late => Err(Error::new(Kind::Failed, "", late(limit))),
    }
}

/// That it was ended since it took longer than this.
pub(crate) fn late(limit: Duration) -> String {
    format!("it was not done within {}, and was ended", humantime::format_duration(limit))
}

/// Runs it to its end, which has to come within `limit`, with our own output as its. `tick` is called several times a second meanwhile.
///
/// # Errors
/// It cannot be started.
pub fn to_end(
    command: &Child,
    limit: Duration,
    interrupt: &Interrupt,
    mut tick: impl FnMut(),
) -> io::Result<Answer> {
    let begun = Instant::now();
    let running = command.listed().unchecked().start()?;
    let ended = watched(&running, TICK, interrupt, || {
        tick();
        Ok(begun.elapsed() >= limit)
    })?;
    // A Ctrl-C goes to both of us, and may have ended it well before it reached us.
    thread::sleep(TICK);
    Ok(if interrupt.is_raised() { Answer::Stopped } else { ended })
}

/// Runs it to its end, which has to come within `limit`, and hands on each line of its output as it comes,
/// whichever of the two it was written to.
///
/// # Errors
/// It cannot be started, or prints without an end.
pub fn lines(
    command: &Child,
    limit: Duration,
    interrupt: &Interrupt,
    mut line: impl FnMut(&str),
) -> io::Result<Answer> {
    let begun = Instant::now();
    let (output, ours) = io::pipe()?;
    // Not kept: it holds our end of the pipe, and reading would never end.
    let running = command.listed().stdin_null().stderr_to_stdout().stdout_file(ours).unchecked().start()?;
    let (send, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut output = BufReader::new(output.take(MOST + 1));
        for text in output.by_ref().split(b'\n').map_while(Result::ok) {
            let _ = send.send(Some(String::from_utf8_lossy(&text).trim_end().to_owned()));
        }
        if output.into_inner().limit() == 0 {
            let _ = send.send(None);
        }
    });
    let is_late = || begun.elapsed() >= limit;
    loop {
        match lines.recv_timeout(TICK) {
            Ok(Some(text)) => line(&text),
            Ok(None) => {
                stop(&running)?;
                return Err(endless());
            }
            Err(RecvTimeoutError::Timeout) if !interrupt.is_raised() && !is_late() => {}
            Err(RecvTimeoutError::Timeout) => {
                stop(&running)?;
                return Ok(if interrupt.is_raised() { Answer::Stopped } else { Answer::Late });
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let output = running.into_output()?;
    Ok(if interrupt.is_raised() { Answer::Stopped } else { Answer::Exited(output) })
}

/// SIGTERM, so that it can finish what is under way; killed when that takes too long.
fn stop(running: &Handle) -> io::Result<()> {
    // It may have ended meanwhile, of the same Ctrl-C.
    let _ = running.send_signal(SIGTERM);
    if running.wait_timeout(STOP_LIMIT)?.is_none() {
        running.kill()?;
        running.wait()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::child::Program;

    fn sh(script: &str) -> Child {
        Child::new(Program::Atlas, "sh", ["-c", script])
    }

    fn answer(script: &str, limit: Duration, interrupt: &Interrupt) -> Answer {
        within(&sh(script), limit, interrupt).unwrap()
    }

    #[test]
    fn what_has_a_deadline_is_stopped_when_it_is_over() {
        let (short, long) = (Duration::from_millis(200), Duration::from_secs(60));
        let ended = answer("echo one; echo two >&2; exit 3", long, &Interrupt::default());
        let Answer::Exited(output) = ended else { panic!("it ends by itself") };
        assert_eq!(
            (output.stdout, output.stderr, output.status.code()),
            (b"one\n".into(), b"two\n".into(), Some(3))
        );
        assert!(matches!(answer("exec sleep 60", short, &Interrupt::default()), Answer::Late));
        let interrupt = Interrupt::default();
        interrupt.raise();
        assert!(matches!(answer("exec sleep 60", long, &interrupt), Answer::Stopped));
    }

    #[test]
    fn what_prints_without_an_end_is_ended_before_it_is_read() {
        let (command, never) = (sh("exec yes"), Interrupt::default());
        let long = Duration::from_secs(600);
        let told = |error: io::Error| {
            assert!(is_endless(&error));
            error.to_string()
        };
        let expected = "it printed more than 64 MiB, and was ended";
        assert_eq!(within(&command, long, &never).map(drop).map_err(told).unwrap_err(), expected);
        let complaining = sh("exec yes >&2");
        assert_eq!(within(&complaining, long, &never).map(drop).map_err(told).unwrap_err(), expected);
        let ended = observed(&command, TICK, &never, |_| Ok(false));
        assert_eq!(ended.map(drop).map_err(told).unwrap_err(), expected);
        let mut bytes = 0;
        let ended = lines(&command, long, &never, |line| bytes += line.len());
        assert_eq!(ended.map(drop).map_err(told).unwrap_err(), expected);
        // Neither one line without an end, nor what ends by itself with too much.
        let without = sh("exec tr '\\0' x < /dev/zero");
        assert_eq!(lines(&without, long, &never, |_| ()).map(drop).map_err(told).unwrap_err(), expected);
        let ending = sh("exec head -c 70000000 /dev/zero");
        assert_eq!(within(&ending, long, &never).map(drop).map_err(told).unwrap_err(), expected);
    }

    #[test]
    fn what_it_started_itself_keeps_nobody_waiting() {
        let begun = Instant::now();
        let ended = answer("sleep 60; true", Duration::from_millis(200), &Interrupt::default());
        assert!(matches!(ended, Answer::Late));
        let Answer::Exited(output) = answer("sleep 60 & echo one", STOP_LIMIT, &Interrupt::default()) else {
            panic!("it ends by itself")
        };
        assert_eq!(output.stdout, b"one\n");
        assert!(begun.elapsed() < STOP_LIMIT);
    }

    #[test]
    fn what_gets_on_may_take_longer_than_its_limit_and_what_stands_still_or_drips_may_not() {
        let (command, pace) = (sh("exec sleep 60"), Pace { least: 10, time: Duration::from_millis(400) });
        // How often it is looked at until it is late, where it gets on by so much each time, and has so much in all.
        let looks = |each: u64, most: u64| {
            let mut looks = 0;
            let ended = while_it_moves(&command, pace, &Interrupt::default(), || {
                looks += 1;
                Ok(u64::min(looks * each, most))
            });
            assert!(matches!(ended, Ok(Answer::Late)));
            looks
        };
        // It moves for three times as long as it may stand still.
        let moving = looks(10, 240);
        assert!(moving > 24, "{moving}");
        // 8 looks are in that time: a drop at each of them is not enough.
        let dripping = looks(1, u64::MAX);
        assert!(dripping < 10, "{dripping}");
    }

    #[test]
    fn what_a_signal_ended_with_us_was_stopped_and_else_has_no_exit_code() {
        let (command, interrupt) = (sh("kill -INT $$"), Interrupt::default());
        let Answer::Exited(output) = within(&command, STOP_LIMIT, &interrupt).unwrap() else {
            panic!("nobody asked us to stop")
        };
        assert_eq!(output.status.code(), None);
        interrupt.raise();
        assert!(matches!(within(&command, STOP_LIMIT, &interrupt), Ok(Answer::Stopped)));
    }

    #[test]
    fn ends_by_itself_with_its_code() {
        let ended = to_end(&sh("exit 7"), STOP_LIMIT, &Interrupt::default(), || ()).unwrap();
        assert!(matches!(ended, Answer::Exited(output) if output.status.code() == Some(7)));
    }

    #[test]
    fn its_lines_come_as_they_are_written_and_its_code_at_the_end() {
        let mut seen = Vec::new();
        let command = sh("echo one; echo two >&2; printf three; exit 7");
        let ended =
            lines(&command, STOP_LIMIT, &Interrupt::default(), |line| seen.push(line.to_owned())).unwrap();
        assert!(matches!(ended, Answer::Exited(output) if output.status.code() == Some(7)));
        assert_eq!(seen, ["one", "two", "three"]);
    }

    #[test]
    fn a_request_to_stop_reaches_what_prints_lines() {
        let (interrupt, command) = (Interrupt::default(), sh("echo one; exec sleep 60"));
        let ended = lines(&command, STOP_LIMIT, &interrupt, |_| interrupt.raise());
        assert!(matches!(ended, Ok(Answer::Stopped)));
        let ended = lines(&command, Duration::from_millis(200), &Interrupt::default(), |_| ());
        assert!(matches!(ended, Ok(Answer::Late)));
    }

    #[test]
    fn a_request_to_stop_reaches_it() {
        let interrupt = Interrupt::default();
        let begun = Instant::now();
        let ended = to_end(&sh("exec sleep 60"), Duration::MAX, &interrupt.clone(), || {
            interrupt.raise();
        })
        .unwrap();
        assert!(matches!(ended, Answer::Stopped));
        assert!(begun.elapsed() < STOP_LIMIT);
    }
}
