//! The last lines that a machine logged: for whoever waits for the command, and for nobody else. A service logs what it likes, its
//! customers' names too: the audit, which goes to `origin`, never has a line of it. Values in, text out.

use crate::tool::fly::Failure;

/// As many lines are shown unasked.
const LINES: usize = 50;
/// What each line begins with, and no other line of a message.
const MARK: &str = "  | ";

/// The last lines, below the message that they belong to; or why they were not read.
pub(crate) fn told(log: &Result<String, Failure>) -> String {
    let log = match log {
        Ok(log) => log,
        Err(failure) => return format!("\n{MARK}(its log was not read: {failure})"),
    };
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| format!("\n{MARK}{line}")).collect()
}

/// A message without them.
pub(crate) fn without(message: &str) -> String {
    message.lines().filter(|line| !line.starts_with(MARK)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_told_and_taken_out_again() {
        let log: String = (0..60).map(|number| format!("line {number}\n")).collect();
        let log = told(&Ok(log));
        let message = format!("it failed: exit code 1{log}\nproduction serves a again\n  a reason");
        assert!(message.contains("\n  | line 10\n") && message.contains("\n  | line 59\n"), "{message}");
        assert!(!message.contains("line 9\n"), "{message}");
        assert_eq!(without(&message), "it failed: exit code 1\nproduction serves a again\n  a reason");
        assert_eq!(told(&Ok(String::new())), "");
    }
}
