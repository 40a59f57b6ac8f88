//! What is said of a program that is not there.

use std::env::consts;

pub(super) const NOT_FOUND: &str = "it was not found on PATH";

/// How something is installed on a machine of this kind: with apt, with Homebrew, or as its makers say.
pub(super) fn install(apt: &str, brew: &str, page: &str) -> String {
    match consts::OS {
        "linux" => format!("sudo apt install {apt} (Debian, Ubuntu), or see {page}"),
        "macos" => format!("brew install {brew}, or see {page}"),
        _ => format!("see {page}"),
    }
}
