//! What cargo prints of checks and tests, read: what of it is worth a line, and how many tests passed. Values in, values out.

use std::mem;

use landfall_xtask::plain;

/// What cargo begins a line with that only says that it goes on.
const PROGRESS: [&str; 16] = [
    "Adding",
    "Blocking",
    "Building",
    "Checking",
    "Compiling",
    "Dirty",
    "Doc-tests",
    "Documenting",
    "Downloaded",
    "Downloading",
    "Finished",
    "Fresh",
    "Generated",
    "Locking",
    "Running",
    "Updating",
];

/// What became of the tests of one binary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tests {
    /// As cargo calls it, such as `tests/it/main.rs`.
    pub(crate) name: String,
    /// The file that was run, without its folder; empty for examples in documentation.
    pub(crate) binary: String,
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

/// What is read so far.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// All binaries that are done and had tests to run.
    pub(crate) done: Vec<Tests>,
    now: Tests,
    /// What a binary said so far that is of interest once it fails; `None` between two of them.
    held: Option<Vec<String>>,
}

impl Output {
    /// What there is to show of the next line, and of those before it.
    pub(crate) fn line(&mut self, line: &str) -> Vec<String> {
        let text = plain::text(line);
        match self.held.take() {
            Some(held) => self.inside(held, &text),
            None => self.between(line, &text),
        }
    }

    /// What there is to show once no line comes any more.
    pub(crate) fn end(&mut self) -> Vec<String> {
        self.held.take().unwrap_or_default()
    }

    fn between(&mut self, line: &str, text: &str) -> Vec<String> {
        if text.starts_with("running ") && (text.ends_with(" test") || text.ends_with(" tests")) {
            self.held = Some(Vec::new());
        } else if let Some((name, binary)) = binary(text) {
            self.now = Tests { name, binary, ..Tests::default() };
        } else if !is_progress(text) {
            return vec![line.to_owned()];
        }
        Vec::new()
    }

    fn inside(&mut self, mut held: Vec<String>, text: &str) -> Vec<String> {
        // A binary that dies has no result: the next line is cargo's.
        if text.starts_with("error: ") {
            held.push(text.to_owned());
            return held;
        }
        if let Some(counts) = text.strip_prefix("test result: ") {
            let Tests { name, binary, .. } = mem::take(&mut self.now);
            let [passed, failed, ignored] = ["passed", "failed", "ignored"].map(|word| count(counts, word));
            self.done.extend((passed + failed + ignored > 0).then_some(Tests {
                name,
                binary,
                passed,
                failed,
                ignored,
            }));
            held.push(text.to_owned());
            return if failed > 0 { held } else { Vec::new() };
        }
        let is_well =
            text.starts_with("test ") && (text.ends_with(" ... ok") || text.contains(" ... ignored"));
        if !is_well {
            held.push(text.to_owned());
        }
        self.held = Some(held);
        Vec::new()
    }
}

/// `     Running unittests src/main.rs (target/debug/deps/xtask-0123456789abcdef)`, `   Doc-tests migrate`.
fn binary(text: &str) -> Option<(String, String)> {
    let text = text.trim_start();
    if let Some(package) = text.strip_prefix("Doc-tests ") {
        return Some((format!("documentation of {package}"), String::new()));
    }
    let (name, path) = text.strip_prefix("Running ")?.trim_end_matches(')').rsplit_once(" (")?;
    let binary = path.rsplit('/').next().unwrap_or(path);
    // `src/main.rs` is in every package.
    let name = match name.strip_prefix("unittests ") {
        Some(_) => format!("unit tests of {}", binary.rsplit_once('-').map_or(binary, |(stem, _)| stem)),
        None => name.to_owned(),
    };
    Some((name, binary.to_owned()))
}

fn is_progress(text: &str) -> bool {
    let first = text.split_whitespace().next();
    let is_status = text.starts_with(' ') && first.is_some_and(|word| PROGRESS.contains(&word));
    is_status || text.is_empty() || text.starts_with("all doctests ran in ")
}

/// `ok. 12 passed; 0 failed; 1 ignored; …`.
fn count(counts: &str, word: &str) -> u64 {
    let words: Vec<_> = counts.split([' ', ';']).collect();
    let at = words.iter().position(|w| *w == word);
    at.and_then(|at| words[at.checked_sub(1)?].parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: &str = "   Compiling shop v0.1.0 (/shop)
    Finished `test` profile target(s) in 1.2s
     Running unittests src/main.rs (target/debug/deps/shop-0123456789abcdef)

running 3 tests
noise of a child process
test a ... ok
test b ... ignored, takes an hour
test c::d ... ok

test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running tests/it/main.rs (target/debug/deps/it-0123456789abcdef)

running 0 tests

test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests shop

running 1 test
test shop/src/lib.rs - (line 1) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

all doctests ran in 0.5s; merged doctests compilation took 0.4s
";

    const ILL: &str = "     Running tests/it/main.rs (target/debug/deps/it-01)

running 2 tests
test a ... ok
test b ... FAILED

failures:

---- b stdout ----
left is not right

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: test failed, to rerun pass `--test it`
";

    fn shown(text: &str) -> (Vec<String>, Vec<Tests>) {
        let mut output = Output::default();
        let mut shown: Vec<_> = text.lines().flat_map(|line| output.line(line)).collect();
        shown.extend(output.end());
        (shown, output.done)
    }

    #[test]
    fn what_went_well_is_counted_and_not_shown() {
        let (shown, done) = shown(WELL);
        assert_eq!(shown, [""; 0]);
        let told: Vec<_> =
            done.iter().map(|t| (t.name.as_str(), t.binary.as_str(), t.passed, t.ignored)).collect();
        assert_eq!(
            told,
            [("unit tests of shop", "shop-0123456789abcdef", 2, 1), ("documentation of shop", "", 1, 0)]
        );
    }

    #[test]
    fn what_failed_is_shown_whole() {
        let (shown, done) = shown(ILL);
        assert_eq!(
            shown.join("\n"),
            ILL[ILL.find("test b").unwrap()..].trim_end().replace("s\n\nerror", "s\nerror")
        );
        assert_eq!((done[0].passed, done[0].failed), (1, 1));
    }

    #[test]
    fn a_binary_that_dies_is_shown_with_what_it_said() {
        let text = "running 2 tests\ntest a ... ok\nlast words\nerror: test failed, to rerun pass `--lib`\n";
        assert_eq!(shown(text).0, ["last words", "error: test failed, to rerun pass `--lib`"]);
        assert_eq!(shown("running 2 tests\nlast words\n").0, ["last words"]);
    }

    #[test]
    fn what_is_neither_progress_nor_a_test_is_shown_as_it_is() {
        let text = "\u{1b}[33mwarning\u{1b}[0m: unused\n --> src/main.rs:1:1\n  |  Running is a name\nDiff in main.rs:1:\n";
        assert_eq!(shown(text).0, text.lines().collect::<Vec<_>>());
    }
}
