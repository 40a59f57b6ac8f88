//! A rehearsal or a `verify-sync` for people who were not there: one value, told as Markdown and as a page.

mod contents;
mod difference;
#[cfg(test)]
mod example;
pub(crate) mod file;
mod html;
mod markdown;
mod words;

pub(crate) use self::contents::Document;

impl Document<'_> {
    /// For the comment on a change request and for a CI's summary: GitHub's Markdown, never longer than a comment may be.
    pub(crate) fn markdown(&self) -> String {
        markdown::of(self)
    }

    /// A page in one file: it loads nothing, runs nothing, and can be printed.
    ///
    /// # Errors
    /// Where the template could not be filled in.
    pub(crate) fn html(&self) -> askama::Result<String> {
        html::of(self)
    }
}
