//! The sources of a crate, for the rules that read them.

use std::fs;
use std::path::{Path, PathBuf};

/// The Rust files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let nested = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    nested.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Without tests, and without what documents the file; whoever may use what is in it.
pub fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let code = text.split("mod tests {").next().unwrap().replace("pub fn ", "pub(crate) fn ");
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//!"))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The files below `src` that hold one of these words outside their tests, but for those below what may.
pub fn offenders(src: &Path, words: &[&str], may: &[&str]) -> Vec<PathBuf> {
    let mut found = files(src);
    found.retain(|file| !may.iter().any(|name| file.starts_with(src.join(name))));
    found.retain(|file| words.iter().any(|word| code(file).contains(word)));
    found
}
