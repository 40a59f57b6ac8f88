//! SQL text as tokens with positions, and their canonical spelling.
//!
//! Comments and white space are no tokens: they are the gaps between them.

use std::collections::HashSet;

use sqlite3_parser::lexer::Splitter as _;
use sqlite3_parser::lexer::sql::{Error, Tokenizer};

/// What a token is, by its first character: as much as cutting needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword or a bare identifier.
    Word,
    /// An identifier in brackets or backticks.
    Quoted,
    /// In double quotes: an identifier, or a string where no such name exists.
    DoubleQuoted,
    /// A string in single quotes.
    Text,
    /// A blob literal, `x'00'`.
    Blob,
    /// A number.
    Number,
    /// Anything else.
    Symbol,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// Byte offset in the text that was tokenized.
    pub(crate) start: usize,
}

impl Token<'_> {
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this keyword, which must be given in upper case.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    pub(crate) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    /// The name that it spells where SQLite expects a name: unquoted, letter case as written.
    pub(crate) fn name(&self) -> String {
        let inner = || &self.text[1..self.text.len() - 1];
        match (self.kind, self.text.as_bytes().first()) {
            (Kind::Quoted, Some(b'[')) => inner().to_owned(),
            (Kind::Quoted, _) => inner().replace("``", "`"),
            (Kind::DoubleQuoted, _) => inner().replace("\"\"", "\""),
            (Kind::Text, _) => inner().replace("''", "'"),
            _ => self.text.to_owned(),
        }
    }
}

/// Where text could not be cut into tokens, and why.
#[derive(Debug)]
pub(crate) struct BadToken {
    pub(crate) offset: usize,
    pub(crate) reason: &'static str,
}

pub(crate) fn tokenize(sql: &str) -> Result<Vec<Token<'_>>, BadToken> {
    tokens(sql).collect()
}

/// The tokens of a text, cut one by one; the first that cannot be cut is the last.
pub(crate) fn tokens(sql: &str) -> Tokens<'_> {
    Tokens { sql, at: 0, plain, tokenizer: Tokenizer::new() }
}

pub(crate) struct Tokens<'a> {
    sql: &'a str,
    at: usize,
    plain: fn(&[u8]) -> Option<usize>,
    tokenizer: Tokenizer,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, BadToken>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.sql.len() {
            let start = self.at;
            match self.piece() {
                Ok((_, false)) => {}
                Ok((text, true)) => return Some(Ok(Token { kind: kind(text), text, start })),
                Err(reason) => {
                    self.at = self.sql.len();
                    return Some(Err(BadToken { offset: start, reason }));
                }
            }
        }
        None
    }
}

impl<'a> Tokens<'a> {
    /// What comes next, and whether it is a token: comments and white space are none.
    fn piece(&mut self) -> Result<(&'a str, bool), &'static str> {
        const BYTE_ORDER_MARK: &str = "\u{feff}";
        let rest = &self.sql[self.at..];
        let (length, is_token) = if rest.starts_with(BYTE_ORDER_MARK) {
            // White space for SQLite, wherever a token may begin.
            (BYTE_ORDER_MARK.len(), false)
        } else if let Some(length) = (self.plain)(rest.as_bytes()) {
            // Most of a schema, and cut here in a tenth of the time: the library also looks for what a word means.
            (length, !rest.as_bytes()[0].is_ascii_whitespace())
        } else {
            let cut = self.tokenizer.split(rest.as_bytes());
            let (token, length) = cut.map_err(|error| reason(&error))?;
            (length, token.is_some())
        };
        let text = rest.get(..length).filter(|text| !text.is_empty()).ok_or(UNREADABLE)?;
        self.at += length;
        Ok((text, is_token))
    }
}

/// The length of the white space or the ASCII word that is first; `None` where something else is, or a word that may go on.
fn plain(sql: &[u8]) -> Option<usize> {
    let while_all = |is: fn(&u8) -> bool| sql.iter().position(|byte| !is(byte)).unwrap_or(sql.len());
    let length = match sql.first()? {
        b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' => return Some(while_all(u8::is_ascii_whitespace)),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
            while_all(|b| matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_'))
        }
        _ => return None,
    };
    // `$` and every other letter belong to a word, and x'00' is a blob.
    let goes_on = |byte: &u8| matches!(byte, b'$' | b'\'' | 0x80..);
    (!sql.get(length).is_some_and(goes_on)).then_some(length)
}

const UNREADABLE: &str = "this cannot be read as SQL";

fn reason(error: &Error) -> &'static str {
    match error {
        Error::UnterminatedLiteral(_) => "this quote is never closed",
        Error::UnterminatedBracket(_) => "this bracket is never closed",
        Error::UnterminatedBlockComment(_) => "this comment is never closed",
        Error::BadNumber(_) | Error::MalformedHexInteger(_) => "this is not a number",
        Error::MalformedBlobLiteral(_) => "this blob is not made of pairs of hexadecimal digits",
        _ => UNREADABLE,
    }
}

fn kind(text: &str) -> Kind {
    let mut bytes = text.bytes();
    match (bytes.next(), bytes.next()) {
        (Some(b'x' | b'X'), Some(b'\'')) => Kind::Blob,
        (Some(b'\''), _) => Kind::Text,
        (Some(b'"'), _) => Kind::DoubleQuoted,
        (Some(b'`' | b'['), _) => Kind::Quoted,
        (Some(b'0'..=b'9'), _) | (Some(b'.'), Some(b'0'..=b'9')) => Kind::Number,
        (Some(b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80..), _) => Kind::Word,
        _ => Kind::Symbol,
    }
}

/// A name as SQLite compares it: letter case folded for ASCII only.
pub(crate) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// A name, quoted for SQL.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string, quoted for SQL.
pub(crate) fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Words that mean something else when they are not quoted: SQLite's reserved words, the words that are values
/// (<https://www.sqlite.org/lang_keywords.html>), and those that are names in some places and have a meaning of their own
/// in others (`FROM t LEFT JOIN u` is not `FROM t "left" JOIN u`). In order, to be searched.
const NOT_NAMES: &[&str] = &[
    "abort",
    "add",
    "all",
    "alter",
    "and",
    "as",
    "asc",
    "autoincrement",
    "begin",
    "between",
    "by",
    "case",
    "cast",
    "check",
    "collate",
    "commit",
    "constraint",
    "create",
    "cross",
    "current",
    "current_date",
    "current_time",
    "current_timestamp",
    "default",
    "deferrable",
    "delete",
    "desc",
    "distinct",
    "do",
    "drop",
    "each",
    "else",
    "end",
    "escape",
    "except",
    "exclude",
    "exists",
    "fail",
    "false",
    "filter",
    "following",
    "for",
    "foreign",
    "from",
    "full",
    "glob",
    "group",
    "groups",
    "having",
    "if",
    "ignore",
    "in",
    "index",
    "indexed",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "left",
    "like",
    "limit",
    "match",
    "materialized",
    "natural",
    "not",
    "nothing",
    "notnull",
    "null",
    "nulls",
    "offset",
    "on",
    "or",
    "order",
    "others",
    "outer",
    "over",
    "partition",
    "preceding",
    "primary",
    "raise",
    "range",
    "recursive",
    "references",
    "regexp",
    "replace",
    "returning",
    "right",
    "rollback",
    "row",
    "rows",
    "select",
    "set",
    "table",
    "then",
    "ties",
    "to",
    "transaction",
    "true",
    "unbounded",
    "union",
    "unique",
    "update",
    "using",
    "values",
    "when",
    "where",
    "window",
    "with",
    "within",
];

/// Whether a word means something else than a name where it is not quoted, letter case aside.
pub(crate) fn is_reserved(word: &str) -> bool {
    let folded = || word.bytes().map(|byte| byte.to_ascii_lowercase());
    NOT_NAMES.binary_search_by(|known| known.bytes().cmp(folded())).is_ok()
}

/// What a double-quoted word can mean where no name is required: SQLite reads it as a string where no such column is in
/// scope (<https://www.sqlite.org/quirks.html>, section 8). All names are folded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope<'n> {
    /// These columns and no others.
    Exactly(&'n HashSet<String>),
    /// At least these columns: any other word may be a column's name or a string, and stays distinct from both.
    AtLeast(&'n HashSet<String>),
}

impl Scope<'_> {
    fn has(self, name: &str) -> bool {
        match self {
            Self::Exactly(names) | Self::AtLeast(names) => names.contains(name),
        }
    }
}

/// The canonical spelling of tokens: equal only when the texts differ in nothing but comments, white space, letter case and
/// quoting. It is SQL itself where the scope is exact.
pub(crate) fn canonical(tokens: &[Token<'_>], scope: Scope<'_>) -> String {
    joined(tokens, |at| {
        let token = &tokens[at];
        let name = || canonical_name(&token.name());
        match token.kind {
            Kind::Symbol => token.text.to_owned(),
            Kind::Word | Kind::Quoted | Kind::DoubleQuoted | Kind::Text if is_qualified(tokens, at) => name(),
            Kind::Word | Kind::Number | Kind::Blob => fold(token.text),
            Kind::Text => token.text.to_owned(),
            Kind::Quoted => name(),
            Kind::DoubleQuoted if names_something(tokens, at) || scope.has(&fold(&token.name())) => name(),
            Kind::DoubleQuoted => match scope {
                Scope::Exactly(_) => quote_text(&token.name()),
                Scope::AtLeast(_) => format!("string{}", token.text),
            },
        }
    })
}

/// Tokens, each in its spelling, with spaces where a person would put them.
fn joined(tokens: &[Token<'_>], spelling: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for at in 0..tokens.len() {
        if at > 0 && !touch(&tokens[at - 1], &tokens[at]) {
            text.push(' ');
        }
        text.push_str(&spelling(at));
    }
    text
}

fn touch(left: &Token<'_>, right: &Token<'_>) -> bool {
    let is_one_of = |token: &Token<'_>, symbols: &[&str]| symbols.iter().any(|s| token.is_symbol(s));
    let is_called =
        !matches!(left.kind, Kind::Symbol | Kind::Number) && !NOT_NAMES.contains(&fold(left.text).as_str());
    is_one_of(left, &["(", "."]) || is_one_of(right, &[")", ",", "."]) || (is_called && right.is_symbol("("))
}

/// Beside a dot, only names can stand.
fn is_qualified(tokens: &[Token<'_>], at: usize) -> bool {
    let is_dot = |at: Option<usize>| at.and_then(|at| tokens.get(at)).is_some_and(|t| t.is_symbol("."));
    is_dot(at.checked_sub(1)) || is_dot(Some(at + 1))
}

/// Whether the token stands where SQLite reads a name and never a string.
fn names_something(tokens: &[Token<'_>], at: usize) -> bool {
    let calls = tokens.get(at + 1).is_some_and(|t| t.is_symbol("("));
    let introduced =
        at > 0 && ["AS", "COLLATE", "INTO", "JOIN", "UPDATE"].iter().any(|word| tokens[at - 1].is(word));
    calls || introduced || follows_from(tokens, at)
}

/// Whether the token stands after FROM, which in `a IS DISTINCT FROM b` begins no table.
pub(crate) fn follows_from(tokens: &[Token<'_>], at: usize) -> bool {
    at > 0 && tokens[at - 1].is("FROM") && !(at > 1 && tokens[at - 2].is("DISTINCT"))
}

/// The canonical spelling of tokens that are all names, keywords or punctuation: the same in every quoting.
pub(crate) fn canonical_names(tokens: &[Token<'_>]) -> String {
    joined(tokens, |at| match tokens[at].kind {
        Kind::Quoted | Kind::DoubleQuoted | Kind::Text => canonical_name(&tokens[at].name()),
        _ => fold(tokens[at].text),
    })
}

/// The canonical spelling of a type: SQLite compares types without letter case.
pub(crate) fn canonical_type(type_: &str) -> String {
    tokenize(type_).map_or_else(|_| fold(type_), |tokens| joined(&tokens, |at| fold(tokens[at].text)))
}

/// The canonical spelling of a DEFAULT: a lone name there is a string, letter case and all, unless it is a value's own word.
pub(crate) fn canonical_default(tokens: &[Token<'_>]) -> String {
    const VALUES: [&str; 6] = ["null", "true", "false", "current_date", "current_time", "current_timestamp"];
    match tokens {
        [Token { kind: Kind::Word, text, .. }] if !VALUES.contains(&fold(text).as_str()) => quote_text(text),
        [name @ Token { kind: Kind::Quoted | Kind::DoubleQuoted, .. }] => quote_text(&name.name()),
        _ => match without_parentheses(tokens) {
            [sign, number] if sign.kind == Kind::Symbol && number.kind == Kind::Number => {
                format!("{}{}", sign.text, fold(number.text))
            }
            value => canonical(value, Scope::Exactly(&HashSet::new())),
        },
    }
}

/// A DEFAULT as an expression that reads the same beside any columns: TRUE and FALSE are values only where no column is called so.
pub(crate) fn default_beside_columns(default: &str) -> String {
    let tokens = tokenize(default).unwrap_or_default();
    // `x IS TRUE` asks something else than `x IS 1`.
    let behind = |at: usize, word: &str| at > 0 && tokens[at - 1].is(word);
    let is_asked = |at: usize| behind(at, "IS") || (behind(at, "NOT") && behind(at - 1, "IS"));
    let text = joined(&tokens, |at| match &tokens[at] {
        token if token.is("TRUE") && !is_asked(at) => "1".to_owned(),
        token if token.is("FALSE") && !is_asked(at) => "0".to_owned(),
        token => token.text.to_owned(),
    });
    if tokens.is_empty() { default.to_owned() } else { text }
}

/// Whether a name means a value wherever no column is called so, and is no column of a subquery, whatever it is called there.
pub(crate) fn is_truth(name: &str) -> bool {
    ["true", "false"].iter().any(|truth| truth.eq_ignore_ascii_case(name))
}

/// A text with names replaced, each by another: by the names' own spelling, in whatever quotes.
pub(crate) fn renamed(text: &str, names: &[(String, String)]) -> String {
    let mut result = String::new();
    let mut at = 0;
    for token in tokenize(text).unwrap_or_default() {
        result.push_str(&text[at..token.start]);
        let is_name = matches!(token.kind, Kind::Word | Kind::Quoted | Kind::DoubleQuoted);
        match names.iter().find(|(name, _)| is_name && name.eq_ignore_ascii_case(&token.name())) {
            Some((_, other)) => result.push_str(&quote(other)),
            None => result.push_str(token.text),
        }
        at = token.end();
    }
    result + &text[at..]
}

/// The tokens as written, for texts of which nothing else is known.
pub(crate) fn verbatim(tokens: &[Token<'_>]) -> String {
    joined(tokens, |at| tokens[at].text.to_owned())
}

/// The canonical spelling of a name: bare where that means the same.
pub(crate) fn canonical_name(name: &str) -> String {
    let folded = fold(name);
    let bare = folded.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'$' | 0x80..))
        && folded.bytes().next().is_some_and(|b| !b.is_ascii_digit() && b != b'$')
        && !is_reserved(&folded);
    if bare { folded } else { quote(&folded) }
}

/// A name in SQL that a person reads: as it is written, and quoted only where it has to be.
pub(crate) fn shown(name: &str) -> String {
    if canonical_name(name).starts_with('"') { quote(name) } else { name.to_owned() }
}

/// The tokens without parentheses that enclose all of them.
pub(crate) fn without_parentheses<'t, 'a>(mut tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    while tokens.len() >= 2 && tokens[0].is_symbol("(") && closing(tokens, 0) == Some(tokens.len() - 1) {
        tokens = &tokens[1..tokens.len() - 1];
    }
    tokens
}

/// The index of the parenthesis that closes the one at `open`.
pub(crate) fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        if token.is_symbol("(") {
            depth += 1;
        } else if token.is_symbol(")") {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(index);
            }
        }
    }
    None
}

/// 1-based line and column (in characters) of a byte offset.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The line, without its end, that contains a byte offset.
pub(crate) fn line_at(text: &str, offset: usize) -> &str {
    let offset = offset.min(text.len());
    let start = text[..offset].rfind('\n').map_or(0, |i| i + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |i| offset + i);
    text[start..end].trim_end_matches('\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_white_space_are_what_they_are_for_the_library() {
        const PIECES: [&str; 17] = [
            "a", "x", "X", "_", "$", "'", "\"", "`", "0", " ", "\n", "-", "/*", "é", "\u{feff}", ".",
            "CREATE",
        ];
        let mut state = 1_u64;
        let mut any = |of: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % of
        };
        for _ in 0..50_000 {
            let length = 1 + any(8);
            let sql: String = (0..length).map(|_| PIECES[any(PIECES.len())]).collect();
            let told = |tokens: Result<Vec<Token<'_>>, BadToken>| match tokens {
                Ok(tokens) => format!("{tokens:?}"),
                Err(bad) => format!("{} {}", bad.offset, bad.reason),
            };
            let by_the_library = Tokens { plain: |_| None, ..tokens(&sql) };
            assert_eq!(told(tokenize(&sql)), told(by_the_library.collect()), "{sql:?}");
        }
    }

    #[test]
    fn reserved_words_are_in_the_order_that_they_are_searched_in() {
        assert!(NOT_NAMES.is_sorted(), "{NOT_NAMES:?}");
    }
}
