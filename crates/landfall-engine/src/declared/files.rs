//! The text of a schema, from one file, from every `*.sql` of a folder or from a list of both; and where in which file a line of it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Result, io_reason};
use crate::token::{BadToken, tokenize};

/// A schema as it was read: the texts of its files, one behind the other, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// What the caller named, for messages about the whole.
    path: PathBuf,
    text: String,
    /// Each file with the number of lines before it, in order; at least one.
    files: Vec<(PathBuf, usize)>,
}

impl Files {
    /// Reads a file, the `*.sql` of a folder by name, or several of them: a list as PATH has it.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`] when one is missing or is not UTF-8, or a folder has no such file.
    pub fn read(path: &Path) -> Result<Self> {
        let mut texts = Vec::new();
        for named in named(path) {
            for file in files_in(&named)? {
                texts.push((file.clone(), read(&file)?));
            }
        }
        Ok(Self::of(path, texts))
    }

    /// Texts that were read already, such as those of a commit; `path` is what is told of the whole.
    #[must_use]
    pub fn of(path: &Path, texts: Vec<(PathBuf, String)>) -> Self {
        let mut whole = Self { path: path.to_owned(), text: String::new(), files: Vec::new() };
        for (file, text) in texts {
            if !whole.text.is_empty() {
                // Whatever the file before ends in: a comment, or a statement without its semicolon.
                whole.text.push_str("\n;\n");
            }
            whole.files.push((file, whole.text.matches('\n').count()));
            whole.text.push_str(text.strip_prefix('\u{feff}').unwrap_or(&text));
        }
        if whole.files.is_empty() {
            whole.files.push((path.to_owned(), 0));
        }
        whole
    }

    /// What the caller named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file that a line of the text is of, and its line there; both from 1.
    #[must_use]
    pub fn place(&self, line: usize) -> (&Path, usize) {
        let at = self.files.iter().rposition(|(_, before)| *before < line).unwrap_or(0);
        let (file, before) = &self.files[at];
        (file, line.saturating_sub(*before).max(1))
    }

    /// How a sentence calls a line: `line 3`, or its place where it may be of another file.
    pub(crate) fn called(&self, line: usize) -> String {
        if self.files.len() > 1 { self.place_text(line) } else { format!("line {line}") }
    }

    /// Whether each file can be cut by itself: a quote that is never closed would go on in the next one.
    pub(crate) fn ends(&self) -> Result<(), BadToken> {
        if self.files.len() == 1 {
            return Ok(());
        }
        let begins = self.files.iter().map(|(_, before)| {
            self.text.match_indices('\n').nth(before.wrapping_sub(1)).map_or(0, |(at, _)| at + 1)
        });
        let begins: Vec<_> = begins.chain([self.text.len()]).collect();
        begins.windows(2).try_for_each(|part| {
            let bad = |bad: BadToken| BadToken { offset: part[0] + bad.offset, ..bad };
            tokenize(&self.text[part[0]..part[1]]).map(drop).map_err(bad)
        })
    }

    /// `schema.sql:3`
    pub(crate) fn place_text(&self, line: usize) -> String {
        let (file, line) = self.place(line);
        format!("{}:{line}", file.display())
    }
}

/// The paths of a list; one that exists as it is, colons and all, is none.
fn named(path: &Path) -> Vec<PathBuf> {
    let list: Vec<_> = std::env::split_paths(path).filter(|path| !path.as_os_str().is_empty()).collect();
    if list.len() < 2 || path.exists() { vec![path.to_owned()] } else { list }
}

/// A file, or those of a folder whose names end in `.sql`, by name.
fn files_in(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| unreadable(path, &error))?;
    let mut files: Vec<_> =
        entries.into_iter().map(|entry| entry.path()).filter(|path| is_sql(path)).collect();
    files.sort();
    if files.is_empty() {
        let folder = path.display().to_string();
        let message = format!("the schema {folder} is a folder without a file whose name ends in .sql");
        return Err(Error::new(ErrorKind::Schema, &folder, message).remedy(
            "write the CREATE statements of the database into files there, or name another folder or file",
        ));
    }
    Ok(files)
}

/// Whether a file of a folder is of its schema.
#[must_use]
pub fn is_sql(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "sql")
}

fn read(path: &Path) -> Result<String> {
    let file = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        not_utf8(&file, before, error.as_bytes())
    })?;
    // Every second byte of a text in UTF-16 is one, and all of it may be valid UTF-8.
    match text.find('\0') {
        Some(at) => Err(not_utf8(&file, &text.as_bytes()[..at], text.as_bytes())),
        None => Ok(text),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    let file = path.display().to_string();
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => "write the CREATE statements of the database there, or name another file",
        _ => "check the rights of the file and of its folder",
    };
    Error::new(ErrorKind::Schema, &file, format!("the schema {file} cannot be read: {}", io_reason(error)))
        .remedy(remedy)
}

/// Bytes that are no text are not shown; `before` are those that were.
fn not_utf8(file: &str, before: &[u8], bytes: &[u8]) -> Error {
    let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || bytes.contains(&0);
    let (line, what) = match is_utf16 {
        true => (1, "this is UTF-16"),
        false => (before.iter().filter(|byte| **byte == b'\n').count() + 1, "this is not valid UTF-8"),
    };
    let place = format!("{file}:{line}");
    Error::new(ErrorKind::Schema, &place, format!("{place}: {what}"))
        .unchanged()
        .remedy("save the file as UTF-8")
}
