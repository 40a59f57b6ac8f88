//! A schema whose names and texts speak to terminals, to readers and to the runner of a workflow; and what no output may have.

/// Each begins, ends or holds what must not be shown as it is.
pub const EVIL: [&str; 18] = [
    "\u{1b}]0;title\u{7}",
    "\u{1b}[31;5mred",
    "\u{9b}2J",
    "a\n::error::b",
    "a\r\n \t::add-mask::b",
    "::warning::c",
    "  ::stop-commands::d",
    "##[group]e",
    "f ##[error]g",
    "\u{202e}gnp.exe",
    "\u{2066}h\u{2069}",
    "\u{200b}i\u{feff}",
    "j\u{2028}::error::k",
    "l\u{2029}\u{85}::m",
    "n\u{7f}\u{8}",
    "o\rp",
    "q\u{e0041}\u{ad}",
    "`|<b>@everyone [r](s) %0A::t",
];

/// As SQL writes a name.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table with a column, a CHECK, a DEFAULT, a comment, an index, a view and a trigger for each. `word` is in the texts, so that two
/// of these differ in all that has a meaning.
pub fn schema(word: &str) -> String {
    let of = |(number, evil): (usize, &&str)| {
        let name = |what: &str| quoted(&format!("{evil}{what}{number}"));
        let text = format!("'{}'", format!("{evil}{word}").replace('\'', "''"));
        let (table, column) = (name("t"), name("c"));
        format!(
            "CREATE TABLE {table} (id INTEGER PRIMARY KEY, {column} TEXT DEFAULT {text} /* {evil} */ CHECK ({column} <> {text}));\n\
             CREATE INDEX {} ON {table} ({column}) WHERE {column} <> {text};\n\
             CREATE VIEW {} AS SELECT {text} AS {column} FROM {table};\n\
             CREATE TRIGGER {} AFTER INSERT ON {table} BEGIN SELECT {text}; END;\n",
            name("i"),
            name("v"),
            name("g"),
        )
    };
    EVIL.iter().enumerate().map(of).collect()
}

/// A row for each of its tables.
pub fn rows() -> String {
    let of = |(number, evil): (usize, &&str)| {
        format!("INSERT INTO {} VALUES (1, 'x');\n", quoted(&format!("{evil}t{number}")))
    };
    EVIL.iter().enumerate().map(of).collect()
}

/// What of a text would be acted on, line by line; `annotations` are the lines that are ours to begin with `::`.
pub fn harm(text: &str, annotations: &str) -> Vec<String> {
    let is_ours = |line: &str| !annotations.is_empty() && line.starts_with(annotations);
    let speaks = |line: &str| line.trim_start().starts_with("::") && !is_ours(line) || line.contains("##[");
    let harms = |line: &&str| speaks(line) || without_colours(line).chars().any(is_hidden);
    text.split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .filter(harms)
        .map(str::to_owned)
        .collect()
}

/// Without the colours that are ours: none of them blinks.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('m') {
            Some((numbers, rest))
                if numbers.chars().all(|c| c.is_ascii_digit() || c == ';') && numbers != "31;5" =>
            {
                out.push_str(rest);
            }
            _ => out.push_str(&format!("\u{1b}[{part}")),
        }
    }
    out
}

/// By Unicode's own lists of what is a control, turns the direction of writing, or has no width.
fn is_hidden(c: char) -> bool {
    let is_control = c.is_control() && c != '\t';
    let is_end_of_line = matches!(c, '\u{2028}' | '\u{2029}');
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let has_no_width = matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' | '\u{e0000}'..='\u{e007f}');
    is_control || is_end_of_line || turns || has_no_width
}
