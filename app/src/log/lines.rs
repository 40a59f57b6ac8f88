//! Lines on their way to stderr. While the service serves, a thread of their own writes them, as many at once as came meanwhile: nobody
//! waits for whoever reads the log, and many requests cost one call of the system.

use std::io::{self, Write};
use std::mem;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// As many bytes wait to be written; what comes then is lost, and told.
const MOST: usize = 1 << 20;
/// From the first line of a batch to its writing: at 20,000 requests a second to wake a thread for each cost as much as the request.
const PAUSE: Duration = Duration::from_millis(5);
/// How long the last lines may take at the end.
const LIMIT: Duration = Duration::from_secs(1);

/// `None` while each line is written by whoever logs it.
static QUEUE: Mutex<Option<Queue>> = Mutex::new(None);
static CAME: Condvar = Condvar::new();

#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    lost: u64,
}

/// Where the log writes a line.
#[derive(Debug)]
pub(super) struct Lines;

/// As long as it lives, lines are written by a thread of their own.
#[derive(Debug)]
pub(crate) struct Behind {
    ended: Receiver<()>,
}

/// From now on nobody who logs waits.
pub(crate) fn behind() -> Behind {
    *queue() = Some(Queue::default());
    let (end, ended) = channel::<()>();
    thread::spawn(move || {
        while let Some(batch) = next() {
            batch.write();
        }
        drop(end);
    });
    Behind { ended }
}

impl Drop for Behind {
    fn drop(&mut self) {
        let rest = queue().take();
        CAME.notify_one();
        // Where nobody reads the log the thread still holds it, and will for ever.
        if self.ended.recv_timeout(LIMIT) == Err(RecvTimeoutError::Disconnected) {
            rest.unwrap_or_default().write();
        }
    }
}

impl Write for Lines {
    /// Each line comes in one piece, and is written as it may be shown.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = shown(&String::from_utf8_lossy(line));
        if let Some(queue) = &mut *queue() {
            // Only the first one wakes whoever writes.
            if queue.is_empty() {
                CAME.notify_one();
            }
            queue.push(shown.as_bytes());
            return Ok(line.len());
        }
        io::stderr().write_all(shown.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line with whatever acts on a terminal, hides or changes the direction of writing written out.
fn shown(line: &str) -> String {
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    let is_plain = |c: &char| matches!(c, '\'' | '"' | '\\');
    let mut shown = String::with_capacity(line.len());
    for c in text.chars() {
        if is_plain(&c) { shown.push(c) } else { shown.extend(c.escape_debug()) }
    }
    shown + end
}

impl Queue {
    fn push(&mut self, line: &[u8]) {
        if self.bytes.len() + line.len() > MOST {
            self.lost += 1;
        } else {
            self.bytes.extend_from_slice(line);
        }
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.lost == 0
    }

    /// A line that cannot be written is lost.
    fn write(mut self) {
        if self.lost > 0 {
            self.bytes
                .extend_from_slice(format!("WARN {} lines of the log were lost\n", self.lost).as_bytes());
        }
        let _ = io::stderr().write_all(&self.bytes);
    }
}

/// What came meanwhile; `None` once nothing is to be written here any more.
fn next() -> Option<Queue> {
    drop(CAME.wait_while(queue(), |queue| queue.as_ref().is_some_and(Queue::is_empty)));
    thread::sleep(PAUSE);
    queue().as_mut().map(mem::take)
}

fn queue() -> MutexGuard<'static, Option<Queue>> {
    // It is whole after every call.
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_as_text() {
        assert_eq!(shown("Ada's \"é\" \\ 日本\n"), "Ada's \"é\" \\ 日本\n");
        assert_eq!(shown("a\nb\u{9b}31m\u{202e}c\u{200b}\n"), "a\\nb\\u{9b}31m\\u{202e}c\\u{200b}\n");
    }

    #[test]
    fn what_nobody_reads_is_lost_at_a_bound_and_told() {
        let mut queue = Queue::default();
        for _ in 0..MOST {
            queue.push(b"a line\n");
        }
        assert!(queue.bytes.len() <= MOST && queue.bytes.ends_with(b"a line\n"));
        let taken = u64::try_from(queue.bytes.len() / 7).unwrap_or_default();
        assert_eq!(queue.lost + taken, MOST as u64);
        assert!(!queue.is_empty() && Queue::default().is_empty());
    }
}
