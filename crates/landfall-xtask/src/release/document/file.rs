//! A document as a file, in the form that its name asks for.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Document;
use crate::error::Error;

/// The forms that there are, by the ending of a file's name.
enum Form {
    Markdown,
    Page,
}

/// Refuses a name that asks for no form that there is: before the work, which may take long.
pub(crate) fn refuse_unknown(file: &Path) -> Result<()> {
    form(file).map(drop)
}

/// Writes it, in place of what was there.
pub(crate) fn write(file: &Path, document: &Document<'_>) -> Result<()> {
    let text = match form(file)? {
        Form::Markdown => document.markdown(),
        Form::Page => document.html()?,
    };
    fs::write(file, text).with_context(|| format!("the report {} cannot be written", file.display()))
}

fn form(file: &Path) -> Result<Form> {
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("md") => Ok(Form::Markdown),
        Some("html") => Ok(Form::Page),
        _ => {
            let message = format!("{} is neither Markdown nor a page by its name", file.display());
            Err(Error::usage("--report", message).remedy("let its name end in .md or .html").into())
        }
    }
}
