//! BuildKit's plain progress, read line by line: which steps there were, how long they took, which one failed and on what.
//!
//! Its lines are `#7 [builder 4/6] RUN cargo build`, `#7 1.234 what the step prints`, `#7 DONE 8.1s`, `#7 CACHED` and
//! `#7 ERROR: why`; the same from the engine's own BuildKit and from buildx.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

/// How many lines of a step are kept, for when it fails.
const KEPT: usize = 30;

/// Everything that was read so far.
#[derive(Debug, Default)]
pub(crate) struct BuildLog {
    steps: BTreeMap<u32, Step>,
    /// Lines of no step: what the client itself has to say.
    other: VecDeque<String>,
}

/// A step of a stage.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// The stage with the step's number in it, such as `builder 4/6`.
    pub(crate) place: String,
    /// The instruction.
    pub(crate) instruction: String,
    output: VecDeque<String>,
    seconds: f64,
    is_cached: bool,
    error: Option<String>,
}

/// What a line told.
#[derive(Debug)]
pub(crate) enum Told<'a> {
    /// It is done, after so many seconds.
    Done(&'a Step, f64),
    /// What it prints, and whether it printed nothing before: such a step really runs.
    Prints(&'a Step, bool),
    /// It was done in an earlier build.
    Cached(&'a Step),
}

/// A stage of the Dockerfile.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Stage {
    /// Its name.
    pub(crate) stage: String,
    /// How long its steps took, in seconds.
    pub(crate) seconds: f64,
    /// How many steps were seen.
    pub(crate) steps: usize,
    /// How many of them an earlier build had done.
    pub(crate) cached: usize,
}

impl BuildLog {
    /// Reads a line.
    pub(crate) fn line(&mut self, text: &str) -> Option<Told<'_>> {
        let Some((number, rest)) = numbered(text) else {
            push(&mut self.other, text);
            return None;
        };
        let step = self.steps.entry(number).or_default();
        if let Some(seconds) = rest.strip_prefix("DONE ") {
            step.seconds = seconds.trim_end_matches('s').parse().unwrap_or_default();
            return step.is_of_a_stage().then_some(Told::Done(step, step.seconds));
        }
        if rest == "CACHED" {
            step.is_cached = true;
            return step.is_of_a_stage().then_some(Told::Cached(step));
        }
        if let Some(error) = rest.strip_prefix("ERROR: ") {
            step.error = Some(error.to_owned());
        } else if let Some((place, instruction)) = header(rest) {
            (step.place, step.instruction) = (place.to_owned(), instruction.to_owned());
        } else if let Some(printed) = printed(rest) {
            let is_first = step.output.is_empty();
            push(&mut step.output, printed);
            return step.is_of_a_stage().then_some(Told::Prints(step, is_first));
        }
        None
    }

    /// The step that failed.
    pub(crate) fn failed(&self) -> Option<&Step> {
        // One that was only given up because another one failed says so.
        let mut failed =
            self.steps.values().filter(|step| step.error.as_deref().is_some_and(|e| e != "CANCELED"));
        failed.next()
    }

    /// What the client itself said, in a line.
    pub(crate) fn last_words(&self) -> String {
        let line = self.other.iter().rev().find(|line| !line.trim().is_empty() && !line.starts_with("---"));
        line.map_or("it said nothing", |line| line.trim()).to_owned()
    }

    /// Whether these words (in lower case) are anywhere in what is kept, in whatever case.
    pub(crate) fn mentions(&self, words: &str) -> bool {
        let outputs = self.steps.values().flat_map(|step| step.output.iter().chain(&step.error));
        outputs.chain(&self.other).any(|line| line.to_ascii_lowercase().contains(words))
    }

    /// The stages, in the order in which they were first seen.
    pub(crate) fn stages(&self) -> Vec<Stage> {
        let mut stages: Vec<Stage> = Vec::new();
        for step in self.steps.values().filter(|step| step.is_of_a_stage()) {
            let name = step.place.split(' ').next().unwrap_or_default();
            let found = stages.iter().position(|stage| stage.stage == name);
            let index = found.unwrap_or_else(|| {
                stages.push(Stage { stage: name.to_owned(), seconds: 0.0, steps: 0, cached: 0 });
                stages.len() - 1
            });
            stages[index].seconds += step.seconds;
            stages[index].steps += 1;
            stages[index].cached += usize::from(step.is_cached);
        }
        stages
    }
}

impl Step {
    /// The last lines that it printed.
    pub(crate) fn last_lines(&self) -> String {
        let lines: Vec<_> = self.output.iter().map(|line| format!("  {line}")).collect();
        lines.join("\n")
    }

    /// The last of them.
    pub(crate) fn last_line(&self) -> &str {
        self.output.back().map_or("", |line| line.trim())
    }

    /// Why it failed.
    pub(crate) fn error(&self) -> &str {
        self.error.as_deref().unwrap_or_default()
    }

    /// The image that it could not read, where it is the one that looks for a base.
    pub(crate) fn missing_image(&self) -> Option<&str> {
        let (_, image) = self.instruction.split_once("load metadata for ")?;
        Some(image)
    }

    /// Not BuildKit's own housekeeping.
    fn is_of_a_stage(&self) -> bool {
        !self.place.is_empty() && self.place != "internal"
    }
}

fn numbered(text: &str) -> Option<(u32, &str)> {
    let (number, rest) = text.strip_prefix('#')?.split_once(' ')?;
    Some((number.parse().ok()?, rest))
}

/// `[place] instruction`
fn header(rest: &str) -> Option<(&str, &str)> {
    rest.strip_prefix('[')?.split_once("] ")
}

/// `seconds text`
fn printed(rest: &str) -> Option<&str> {
    let (seconds, text) = rest.split_once(' ')?;
    seconds.parse::<f64>().ok()?;
    Some(text)
}

fn push(lines: &mut VecDeque<String>, line: &str) {
    if lines.len() == KEPT {
        lines.pop_front();
    }
    lines.push_back(line.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> BuildLog {
        let mut log = BuildLog::default();
        for line in text.lines() {
            log.line(line);
        }
        log
    }

    const GOOD: &str = "\
#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 3.12kB done
#1 DONE 0.0s
#4 [builder 1/2] FROM docker.io/library/rust
#4 CACHED
#5 [runtime 1/2] COPY a b
#5 sha256:f9522e
#5 ...
#6 [builder 2/2] RUN cargo build
#6 0.403 Compiling
#5 [runtime 1/2] COPY a b
#5 DONE 0.5s
#6 12.9 Finished
#6 DONE 13.0s
";

    #[test]
    fn stages_have_their_steps_and_their_time() {
        let stage = |name: &str, seconds: f64, steps, cached| Stage {
            stage: name.to_owned(),
            seconds,
            steps,
            cached,
        };
        assert_eq!(read(GOOD).stages(), [stage("builder", 13.0, 2, 1), stage("runtime", 0.5, 1, 0)]);
        assert!(read(GOOD).failed().is_none());
    }

    #[test]
    fn a_step_is_told_when_it_runs_and_when_it_ends() {
        let mut log = BuildLog::default();
        let told: Vec<_> = GOOD
            .lines()
            .filter_map(|line| {
                log.line(line).map(|told| match told {
                    Told::Prints(step, true) => format!("runs {}", step.place),
                    Told::Prints(step, false) => format!("goes on {}: {}", step.place, step.last_line()),
                    Told::Done(step, seconds) => format!("done {} {seconds}", step.place),
                    Told::Cached(step) => format!("cached {}", step.place),
                })
            })
            .collect();
        assert_eq!(
            told,
            [
                "cached builder 1/2",
                "runs builder 2/2",
                "done runtime 1/2 0.5",
                "goes on builder 2/2: Finished",
                "done builder 2/2 13"
            ]
        );
    }

    #[test]
    fn the_step_that_failed_is_told_with_its_last_lines_only() {
        let noise: String = (1..=50).map(|n| format!("#6 {n}.1 line {n}\n")).collect();
        let log = read(&format!(
            "#5 [atlas 1/1] FROM x\n#5 ERROR: CANCELED\n#6 [builder 2/2] RUN cargo build\n{noise}\
             #6 ERROR: executor failed running [cargo build]: exit code: 101\n------\n > [builder 2/2] RUN:\n"
        ));
        let failed = log.failed().unwrap();
        assert_eq!((failed.place.as_str(), failed.instruction.as_str()), ("builder 2/2", "RUN cargo build"));
        assert!(failed.error().ends_with("exit code: 101"));
        let lines = failed.last_lines();
        assert_eq!(lines.lines().count(), 30);
        assert!(lines.starts_with("  line 21\n") && lines.ends_with("  line 50"), "{lines}");
    }

    #[test]
    fn the_words_of_buildx_are_read_as_well() {
        let log = read(
            "#0 building with \"default\" instance using docker driver\n#9 [builder 4/6] RUN cargo build\n#9 0.1 error\n\
             #9 ERROR: process \"/bin/sh -c cargo build\" did not complete successfully: exit code: 101\n------\n\
             ERROR: failed to build: failed to solve: process \"/bin/sh -c cargo build\" did not complete successfully: exit code: 101",
        );
        let failed = log.failed().unwrap();
        assert_eq!((failed.place.as_str(), failed.last_line()), ("builder 4/6", "error"));
        assert!(
            failed.error().ends_with("exit code: 101")
                && log.last_words().starts_with("ERROR: failed to build")
        );
    }

    #[test]
    fn an_image_that_cannot_be_had_is_named() {
        let log = read(
            "#3 [internal] load metadata for docker.io/arigaio/atlas:9\n#3 ERROR: not found\nfailed to solve",
        );
        assert_eq!(log.failed().unwrap().missing_image(), Some("docker.io/arigaio/atlas:9"));
        assert_eq!(log.last_words(), "failed to solve");
    }
}
