//! The automation of this workspace: `cargo xtask`.

use std::process::ExitCode;

fn main() -> ExitCode {
    landfall_xtask::main()
}
