//! The `-- @` comments of `schema.sql`: what SQL cannot say about the way from an old schema to this one.

use std::fmt;
use std::ops::Range;

use crate::ddl::{self, ObjectKind};
use crate::declared::files::Files;
use crate::error::{Error, ErrorKind, Result};
use crate::object::{self, in_directive, is_name, is_quoted, of_column, unquote_in_line};
use crate::token::{Token, fold, line_at, position, tokenize};
use crate::using::Using;

/// One directive and what it is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directive {
    /// 1-based, in the whole text.
    pub(crate) line: usize,
    /// The declared table; empty at top level.
    pub(crate) table: String,
    /// The declared column, for directives on a column's line.
    pub(crate) column: Option<String>,
    pub(crate) action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// `@renamed from=old`
    Renamed { from: String },
    /// `@using EXPR`, `@using EXPR from=TYPE` (or `from=new`), `@using EXPR for=RULE`
    Using(Using),
    /// `@from SELECT …` before a table that is new: its first rows.
    From { select: String },
    /// `@dropped NAME` inside a table: a column.
    DroppedColumn { name: String },
    /// `@dropped table NAME` at top level.
    DroppedTable { name: String },
}

impl Directive {
    /// What it is about: `table.column`, or a table.
    pub(crate) fn object(&self) -> String {
        match (&self.column, &self.action) {
            (Some(name), _) | (None, Action::DroppedColumn { name }) => of_column(&self.table, name),
            (None, Action::DroppedTable { name }) => object::written(name),
            (None, _) => object::written(&self.table),
        }
    }

    /// Whether it gives up this live table.
    pub(crate) fn drops_table(&self, table: &str) -> bool {
        matches!(&self.action, Action::DroppedTable { name } if name.eq_ignore_ascii_case(table))
    }

    /// Whether it gives up this live column of a declared table.
    pub(crate) fn drops_column(&self, table: &str, column: &str) -> bool {
        self.table.eq_ignore_ascii_case(table)
            && matches!(&self.action, Action::DroppedColumn { name } if name.eq_ignore_ascii_case(column))
    }

    /// Whether a declared table is the live one of this name.
    pub(crate) fn renames_table(&self, table: &str) -> bool {
        self.column.is_none() && self.renames(table)
    }

    /// The declared column that this live one of a declared table becomes.
    pub(crate) fn new_name_of(&self, table: &str, column: &str) -> Option<&String> {
        self.column.as_ref().filter(|_| self.table.eq_ignore_ascii_case(table) && self.renames(column))
    }

    fn renames(&self, name: &str) -> bool {
        matches!(&self.action, Action::Renamed { from } if from.eq_ignore_ascii_case(name))
    }
}

/// As it is written, without the dashes.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renamed { from } => write!(f, "@renamed from={}", in_directive(from)),
            Self::Using(using) => write!(f, "@using {}{}", using.expression, using.acts_on),
            Self::From { select } => {
                write!(f, "@from {}", select.split_whitespace().collect::<Vec<_>>().join(" "))
            }
            Self::DroppedColumn { name } => write!(f, "@dropped {}", in_directive(name)),
            Self::DroppedTable { name } => write!(f, "@dropped table {}", in_directive(name)),
        }
    }
}

const WORDS: [&str; 4] = ["renamed", "using", "from", "dropped"];

/// A `-- @` comment and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Comment {
    /// Byte range in the file, without the line's end.
    pub(crate) start: usize,
    pub(crate) end: usize,
    word: String,
    rest: String,
}

/// Every `-- @word` comment between the tokens of a file.
pub(crate) fn comments(text: &str, tokens: &[Token<'_>]) -> Vec<Comment> {
    let mut found = Vec::new();
    let mut gap_start = 0;
    let ends = tokens.iter().map(|t| (t.start, t.end())).chain([(text.len(), text.len())]);
    for (gap_end, next) in ends {
        comments_in_gap(text, gap_start, gap_end, &mut found);
        gap_start = next;
    }
    found
}

fn comments_in_gap(text: &str, start: usize, end: usize, found: &mut Vec<Comment>) {
    let mut at = start;
    while let Some(offset) = text[at..end].find(['-', '/']) {
        let begin = at + offset;
        let rest = &text[begin..end];
        let length = if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |i| i + 2)
        } else {
            rest.find('\n').unwrap_or(rest.len())
        };
        let line = rest[..length].trim_end();
        if let Some(body) = line.strip_prefix("--").map(str::trim_start).and_then(|b| b.strip_prefix('@')) {
            let (word, rest) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
            let (mut rest, mut comment_end) = (rest.trim().to_owned(), begin + line.len());
            if word == "from" {
                while let Some((more, more_end)) = comment_below(text, comment_end, end) {
                    rest = format!("{rest}\n{more}");
                    comment_end = more_end;
                }
            }
            found.push(Comment { start: begin, end: comment_end, word: word.to_owned(), rest });
            at = (begin + length).max(comment_end);
            continue;
        }
        at = begin + length;
    }
}

/// The comment that is all of the next line, and its end: a SELECT of several lines goes on in it.
fn comment_below(text: &str, at: usize, end: usize) -> Option<(&str, usize)> {
    const BLANK: [char; 3] = [' ', '\t', '\r'];
    let line = text[at..end].trim_start_matches(BLANK).strip_prefix('\n')?;
    let body = line.trim_start_matches(BLANK).strip_prefix("--")?;
    let length = body.find('\n').unwrap_or(body.len());
    let more = body[..length].trim();
    let after = end - body.len() + body[..length].trim_end().len();
    (!more.starts_with('@')).then_some((more, after))
}

/// Text with the directives in it blanked out: they are instructions, not part of a schema.
pub(crate) fn blank(text: &str, comments: &[Comment], range: Range<usize>) -> String {
    let mut result = String::with_capacity(range.len());
    let mut at = range.start;
    for comment in comments.iter().filter(|c| c.start >= range.start && c.end <= range.end) {
        result.push_str(text[at..comment.start].trim_end_matches([' ', '\t']));
        at = comment.end;
        // A line that holds nothing else goes with it.
        if result.is_empty() || result.ends_with('\n') {
            at = text[at..range.end].find('\n').map_or(range.end, |end| at + end + 1);
        }
    }
    result.push_str(&text[at..range.end]);
    result
}

/// A statement of the file: its token range, and its tokens' offsets are those of the file.
pub(crate) type Statement<'t, 'a> = &'t [Token<'a>];

/// Attaches every comment to its table or column.
pub(crate) fn attach(
    files: &Files,
    text: &str,
    statements: &[Statement<'_, '_>],
    comments: &[Comment],
) -> Result<Vec<Directive>> {
    let mut found: Vec<Directive> = Vec::new();
    for comment in comments {
        let place = Place::of(text, statements, comment);
        let directive = place.directive(files, text, comment)?;
        if let Some(twice) = found.iter().find(|d| same_place(d, &directive)) {
            return Err(wrong(
                files,
                text,
                comment,
                &format!("says again what {} says", files.called(twice.line)),
            )
            .remedy("keep one of the two lines"));
        }
        found.push(directive);
    }
    Ok(found)
}

fn same_place(a: &Directive, b: &Directive) -> bool {
    let same =
        fold(&a.table) == fold(&b.table) && a.column.as_deref().map(fold) == b.column.as_deref().map(fold);
    let same_action = match (&a.action, &b.action) {
        (Action::Renamed { .. }, Action::Renamed { .. })
        | (Action::Using(_), Action::Using(_))
        | (Action::From { .. }, Action::From { .. }) => true,
        (Action::DroppedColumn { name: a }, Action::DroppedColumn { name: b })
        | (Action::DroppedTable { name: a }, Action::DroppedTable { name: b }) => fold(a) == fold(b),
        _ => false,
    };
    same && same_action
}

/// Where a comment stands.
enum Place {
    TopLevel { next_table: Option<String> },
    InTable { table: String, column: Option<String> },
    Elsewhere,
}

impl Place {
    fn of(text: &str, statements: &[Statement<'_, '_>], comment: &Comment) -> Self {
        let ends_before = |s: &&Statement<'_, '_>| is_behind(text, &s[s.len() - 1], comment);
        let is_inside =
            |s: &&Statement<'_, '_>| s[0].start < comment.start && comment.start < s[s.len() - 1].end();
        // A one-line CREATE TABLE ends before the comment on its line.
        let around = statements.iter().find(is_inside).or_else(|| statements.iter().rfind(ends_before));
        if let Some(statement) = around {
            return Self::inside(text, statement, comment);
        }
        let next = statements.iter().find(|s| s[0].start > comment.start);
        // Only further comments and blank text may stand between the directive and its table.
        let follows = |s: &&Statement<'_, '_>| {
            tokenize(&text[comment.end..s[0].start]).is_ok_and(|between| between.is_empty())
        };
        Self::TopLevel { next_table: next.filter(follows).and_then(|s| table_name(s)) }
    }

    /// The column is the last that begins before the comment, if any of it stands on the comment's line, or on both sides of it.
    fn inside(text: &str, statement: Statement<'_, '_>, comment: &Comment) -> Self {
        let Some(table) = table_name(statement) else { return Self::Elsewhere };
        let ordinary =
            || Some(ddl::table(statement)?.columns.into_iter().map(|c| (c.name, c.tokens)).collect());
        let columns: Option<Vec<(String, Range<usize>)>> =
            ordinary().or_else(|| ddl::virtual_columns(statement));
        let Some(columns) = columns else { return Self::Elsewhere };
        let last = columns.into_iter().rfind(|(_, range)| statement[range.start].start < comment.start);
        let column = last.filter(|(_, range)| {
            let definition = &statement[range.clone()];
            definition.iter().any(|token| is_behind(text, token, comment))
                || definition.last().is_some_and(|token| comment.start < token.start)
        });
        Self::InTable { table, column: column.map(|(name, _)| name) }
    }

    fn directive(self, files: &Files, text: &str, comment: &Comment) -> Result<Directive> {
        let wrong = |what: &str, remedy: &str| Err(wrong(files, text, comment, what).remedy(remedy));
        let line = position(text, comment.start).0;
        let directive = |table: String, column, action| Ok(Directive { line, table, column, action });
        match comment.word.as_str() {
            "renamed" => {
                let from = comment.rest.strip_prefix("from=").map(str::trim).filter(|n| is_name(n));
                let Some(from) = from.map(unquote) else {
                    return wrong(
                        "has no old name",
                        "write `-- @renamed from=old_name`, the old name in double quotes if it needs any",
                    );
                };
                match self {
                    Self::TopLevel { next_table: Some(table) } => {
                        directive(table, None, Action::Renamed { from })
                    }
                    Self::InTable { table, column: Some(column) } => {
                        directive(table, Some(column), Action::Renamed { from })
                    }
                    _ => wrong(
                        "stands neither on the line of a column nor on the line before a CREATE TABLE",
                        "move it to the end of the line of the column that was renamed, or to the line before the table that was",
                    ),
                }
            }
            "using" => {
                let Some(using) = Using::parse(&comment.rest) else {
                    return wrong(
                        "has no expression that ends on its line",
                        "write `-- @using EXPRESSION` on one line; the expression sees the columns of the old row",
                    );
                };
                match self {
                    Self::InTable { table, column: Some(column) } => {
                        directive(table, Some(column), Action::Using(using))
                    }
                    _ => wrong(
                        "does not stand on the line of a column",
                        "move it to the end of the line of the column whose value it gives",
                    ),
                }
            }
            "from" => match self {
                Self::TopLevel { next_table: Some(table) } if is_select(&comment.rest) => {
                    directive(table, None, Action::From { select: comment.rest.clone() })
                }
                Self::TopLevel { next_table: Some(_) } => wrong(
                    "has no SELECT that is complete",
                    "write `-- @from SELECT …` without a semicolon; it goes on in the comment lines right below",
                ),
                _ => wrong(
                    "does not stand before a CREATE TABLE",
                    "move it to the line before the CREATE TABLE of the table that it fills",
                ),
            },
            "dropped" => match (self, table_in(&comment.rest)) {
                (Self::TopLevel { .. }, Some(name)) if is_name(name) => {
                    directive(String::new(), None, Action::DroppedTable { name: unquote(name) })
                }
                (Self::InTable { table, .. }, _) if is_name(&comment.rest) => {
                    directive(table, None, Action::DroppedColumn { name: unquote(&comment.rest) })
                }
                _ => wrong(
                    "names neither a column inside its CREATE TABLE nor a table between statements",
                    "write `-- @dropped column_name` inside CREATE TABLE, or `-- @dropped table table_name` between statements",
                ),
            },
            "" => wrong("has no word", "write the word right behind the @, or take the @ out of the comment"),
            word => {
                let folded = fold(word);
                let likeness = |known: &&str| strsim::jaro_winkler(&folded, known);
                let nearest = WORDS.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
                wrong(
                    "is not known",
                    &format!("write `-- @{}`, or take the @ out of the comment", nearest.unwrap_or_default()),
                )
            }
        }
    }
}

/// One statement that begins as a query does, with its parentheses closed.
fn is_select(text: &str) -> bool {
    let Ok(tokens) = tokenize(text) else { return false };
    let depth = |depth: i32, token: &Token<'_>| {
        let now = depth + i32::from(token.is_symbol("(")) - i32::from(token.is_symbol(")"));
        (now >= 0 && !token.is_symbol(";")).then_some(now)
    };
    tokens.first().is_some_and(|first| first.is("SELECT") || first.is("WITH"))
        && tokens.iter().try_fold(0, depth) == Some(0)
}

/// NAME in `table NAME`.
fn table_in(rest: &str) -> Option<&str> {
    rest.split_once(char::is_whitespace).filter(|(word, _)| *word == "table").map(|(_, name)| name.trim())
}

/// Whether the comment stands behind this token, on the line on which it ends.
fn is_behind(text: &str, token: &Token<'_>, comment: &Comment) -> bool {
    token.end() <= comment.start && !text[token.end()..comment.start].contains('\n')
}

fn table_name(statement: Statement<'_, '_>) -> Option<String> {
    let is_table = |kind| matches!(kind, ObjectKind::Table | ObjectKind::VirtualTable);
    ddl::head(statement).filter(|h| is_table(h.kind)).map(|h| h.name)
}

fn unquote(name: &str) -> String {
    if is_quoted(name) { unquote_in_line(&name[1..name.len() - 1]) } else { name.to_owned() }
}

fn wrong(files: &Files, text: &str, comment: &Comment, what: &str) -> Error {
    let (line, column) = position(text, comment.start);
    let place = files.place_text(line);
    let shown = line_at(text, comment.start).trim();
    let message = format!("{place}:{column}: the directive @{} {what}\n  {shown}", comment.word);
    Error::new(ErrorKind::Schema, place, message).unchanged()
}
