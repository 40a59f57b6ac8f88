//! The flags of our own commands, in one place.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use landfall_xtask::Format;

use crate::bench::work::WORKS;

/// How many rows, where nobody says.
const ROWS: [u64; 2] = [10_000, 1_000_000];
/// How often each is timed, where nobody says.
const RUNS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);

const BENCH_HELP: &str = "\
Whole processes are timed, each on a fresh copy of the same file, in turns: what a boot does
(`landfall migrate`), Atlas (`atlas schema apply`), and a limit that neither can go below. After every
one its database is looked at: rows, values, and whether it is what was declared. The databases are
made in cargo's target folder and go away again; a million rows take 0.3 GB, four times that while
they are timed.

Works:
  no-drift          nothing to do, with 1, 60 and 500 tables; xtask-no-drift by `xtask migrate`
  rewrite           TEXT to INTEGER, with three indexes and a child table; rewrite-full with
                    LANDFALL_FAST_PATH=full
  cp, count         no change at all: what the disk and SQLite allow

Environment:
  ATLAS   the Atlas binary [default: the one on PATH]

Exit codes:
  0  measured, however slow
  1  failed, or interrupted; or a result was not what it has to be
  2  wrong usage or configuration";

/// Run all checks: format, lints, tests, documentation
#[derive(Debug, Args)]
pub(crate) struct Ci {
    /// Fail, rather than skip, the tests that need this tool (repeatable)
    #[arg(long, value_name = "TOOL", value_delimiter = ',')]
    pub(crate) require: Vec<Tool>,

    /// Run what comes after a failure, too
    #[arg(long)]
    pub(crate) keep_going: bool,

    /// Also tell what went well: every line of cargo, and the names of the tests
    #[arg(long)]
    pub(crate) verbose: bool,
}

/// Time changes of a schema: this engine, Atlas, and what the disk allows
#[derive(Debug, Args)]
#[command(after_help = BENCH_HELP)]
pub(crate) struct Bench {
    /// How many rows the changed table has, and its child (repeatable, or with commas between)
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = ROWS,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) rows: Vec<u64>,

    /// Only this work (repeatable, or with commas between)
    #[arg(long, value_name = "WORK", value_delimiter = ',', value_parser = PossibleValuesParser::new(WORKS.iter().map(|work| work.name)))]
    pub(crate) only: Vec<String>,

    /// How often each is timed: medians are told
    #[arg(long, value_name = "N", default_value_t = RUNS, value_parser = at_least_one)]
    pub(crate) runs: NonZeroUsize,

    /// Also draw the times against the rows
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Time this very binary and the `landfall` that lies beside it, instead of release builds
    #[arg(long)]
    pub(crate) no_build: bool,

    /// What stdout carries: text for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

/// A tool, or something else of a machine, that some tests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    Atlas,
    // Schemas of real projects.
    Corpus,
    Docker,
    // flyctl, and the simulator that it talks to.
    Fly,
    // The program of that name beside the binary that is tested.
    Landfall,
    // The right to mount a small file system.
    Mount,
    // /proc/self/io, which tells what was read.
    Proc,
    // To be root.
    Root,
    Setpriv,
    Sqlite3,
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "a number from 1 on is wanted")
}

#[cfg(test)]
mod tests {
    use landfall_testkit::requires;

    use super::*;

    #[test]
    fn whatever_a_test_may_need_can_be_required() {
        let known = Tool::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        assert_eq!(known.map(|value| value.get_name().to_owned()).collect::<Vec<_>>(), requires::TOOLS);
    }
}
