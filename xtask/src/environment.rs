//! What the environment says of where this runs.

use std::env;

/// Whether this runs under CI, whose logs and disks are read by many.
pub(crate) fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty())
}
