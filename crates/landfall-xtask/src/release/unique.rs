//! A name that nothing else has: of this moment and this process.

use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

/// 15 characters, digits and small letters.
pub(crate) fn unique() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}{:04x}", now.as_millis(), process::id() & 0xffff)
}

/// 8 characters, digits and small letters, where a name must be short: a volume's has 30 at most.
pub(crate) fn brief() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:08x}", (now.as_millis() as u32) ^ process::id().rotate_left(16))
}
