//! Two texts side by side: which lines changed, and which words in them.

use similar::{Algorithm, DiffOp, capture_diff_slices, get_diff_ratio, group_diff_ops};

/// How many unchanged lines are shown around a change.
const CONTEXT: usize = 3;
/// How many lines further down the new form of a line is looked for: enough for a comment that comes before it.
const REACH: usize = 8;
/// Two lines with less in common than this are not one line that changed.
const ALIKE: f32 = 0.5;

/// What differs between two texts; line endings count for nothing.
#[derive(Debug)]
pub(crate) struct Difference {
    /// In order; empty where nothing differs.
    pub(super) hunks: Vec<Hunk>,
    /// How many unchanged lines follow the last of them.
    pub(super) rest: u64,
}

/// Changes with the lines around them.
#[derive(Debug)]
pub(crate) struct Hunk {
    /// How many unchanged lines were left out before it.
    pub(super) skipped: u64,
    /// In order.
    pub(super) rows: Vec<Row>,
}

/// A line as it was beside the line that it is now; one of them where there is no other.
#[derive(Debug)]
pub(crate) struct Row {
    pub(super) before: Option<Line>,
    pub(super) after: Option<Line>,
    pub(super) is_changed: bool,
}

/// A line of one of the texts.
#[derive(Debug)]
pub(crate) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    /// Its text, cut where that begins or ceases to be new; whole where nothing in it is like the other line.
    pub(super) pieces: Vec<Piece>,
}

/// A part of a line.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(super) text: String,
    /// Whether the line on the other side lacks it.
    pub(super) is_changed: bool,
}

impl Difference {
    /// Compares line by line, and changed lines word by word.
    pub(super) fn between(before: &str, after: &str) -> Self {
        let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
        let ops = capture_diff_slices(Algorithm::Myers, &before, &after);
        let mut shown = 0;
        let mut hunks = Vec::new();
        for group in group_diff_ops(ops, CONTEXT).iter().filter(|group| !group.is_empty()) {
            let skipped = (group[0].old_range().start - shown) as u64;
            let rows = group.iter().flat_map(|op| rows(op, &before, &after)).collect();
            hunks.push(Hunk { skipped, rows });
            shown = group[group.len() - 1].old_range().end;
        }
        Self { hunks, rest: (before.len() - shown) as u64 }
    }
}

impl Line {
    fn whole(index: usize, text: &str) -> Self {
        Self::of(index, vec![Piece { text: text.to_owned(), is_changed: false }])
    }

    fn of(index: usize, pieces: Vec<Piece>) -> Self {
        Self { number: index + 1, pieces }
    }

    /// Its text.
    pub(super) fn text(&self) -> String {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }
}

fn rows(op: &DiffOp, before: &[&str], after: &[&str]) -> Vec<Row> {
    let (old, new) = (op.old_range(), op.new_range());
    if let DiffOp::Equal { .. } = op {
        let both = old.zip(new);
        let whole = |(o, n): (usize, usize)| Row {
            before: Some(Line::whole(o, before[o])),
            after: Some(Line::whole(n, after[n])),
            is_changed: false,
        };
        return both.map(whole).collect();
    }
    let mut rows = Vec::new();
    let mut next = new.start;
    for o in old {
        let candidates = next..new.end.min(next + REACH);
        match candidates.into_iter().find(|n| are_alike(before[o], after[*n])) {
            Some(n) => {
                rows.extend((next..n).map(|n| only_after(n, after[n])));
                rows.push(changed(o, before[o], n, after[n]));
                next = n + 1;
            }
            None => rows.push(only_before(o, before[o])),
        }
    }
    rows.extend((next..new.end).map(|n| only_after(n, after[n])));
    rows
}

fn only_before(index: usize, text: &str) -> Row {
    Row { before: Some(Line::whole(index, text)), after: None, is_changed: true }
}

fn only_after(index: usize, text: &str) -> Row {
    Row { before: None, after: Some(Line::whole(index, text)), is_changed: true }
}

fn changed(o: usize, before: &str, n: usize, after: &str) -> Row {
    let (old, new) = (words(before), words(after));
    let (mut was, mut is) = (Vec::new(), Vec::new());
    for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
        let is_changed = !matches!(op, DiffOp::Equal { .. });
        push(&mut was, old[op.old_range()].concat(), is_changed);
        push(&mut is, new[op.new_range()].concat(), is_changed);
    }
    Row { before: Some(Line::of(o, was)), after: Some(Line::of(n, is)), is_changed: true }
}

fn push(pieces: &mut Vec<Piece>, text: String, is_changed: bool) {
    if !text.is_empty() {
        pieces.push(Piece { text, is_changed });
    }
}

fn are_alike(before: &str, after: &str) -> bool {
    let (old, new) = (words(before), words(after));
    let ops = capture_diff_slices(Algorithm::Myers, &old, &new);
    get_diff_ratio(&ops, old.len(), new.len()) >= ALIKE
}

/// Names and numbers whole, blanks together, everything else by itself.
fn words(text: &str) -> Vec<&str> {
    #[derive(PartialEq)]
    enum Kind {
        Name,
        Blank,
        Other,
    }
    let kind = |c: char| match c {
        _ if c.is_alphanumeric() || c == '_' => Kind::Name,
        _ if c.is_whitespace() => Kind::Blank,
        _ => Kind::Other,
    };
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let kind_of_first = kind(first);
        let length = match kind_of_first {
            Kind::Other => first.len_utf8(),
            _ => rest.find(|c| kind(c) != kind_of_first).unwrap_or(rest.len()),
        };
        let (word, tail) = rest.split_at(length);
        words.push(word);
        rest = tail;
    }
    words
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    /// Each row as `3 before | 4 after`, with what changed inside a line in brackets.
    fn shown(before: &str, after: &str) -> String {
        let difference = Difference::between(before, after);
        let mut out = String::new();
        for hunk in &difference.hunks {
            out += &format!("({} unchanged)\n", hunk.skipped);
            for row in &hunk.rows {
                let mark = if row.is_changed { '*' } else { ' ' };
                out += &format!("{mark} {} | {}\n", side(row.before.as_ref()), side(row.after.as_ref()));
            }
        }
        out + &format!("({} unchanged)", difference.rest)
    }

    fn side(line: Option<&Line>) -> String {
        let Some(line) = line else { return String::new() };
        let piece = |piece: &Piece| match piece.is_changed {
            true => format!("[{}]", piece.text),
            false => piece.text.clone(),
        };
        format!("{} {}", line.number, line.pieces.iter().map(piece).collect::<String>())
    }

    #[test]
    fn a_changed_line_is_beside_its_old_form_with_the_changed_words_marked() {
        assert_snapshot!(shown("name TEXT,\nage INT", "name TEXT NOT NULL,\nage INTEGER"), @"
        (0 unchanged)
        * 1 name TEXT, | 1 name TEXT[ NOT NULL],
        * 2 age [INT] | 2 age [INTEGER]
        (0 unchanged)
        ");
    }

    #[test]
    fn a_comment_before_a_changed_line_does_not_part_it_from_its_old_form() {
        let after = "-- Compared without letter case.\nemail TEXT COLLATE NOCASE,\nscore INT";
        assert_snapshot!(shown("email TEXT,", after), @"
        (0 unchanged)
        *  | 1 -- Compared without letter case.
        * 1 email TEXT, | 2 email TEXT[ COLLATE NOCASE],
        *  | 3 score INT
        (0 unchanged)
        ");
    }

    #[test]
    fn lines_with_little_in_common_stand_alone() {
        assert_snapshot!(shown("DROP TABLE a;", "-- nothing like it"), @"
        (0 unchanged)
        * 1 DROP TABLE a; | 
        *  | 1 -- nothing like it
        (0 unchanged)
        ");
    }

    #[test]
    fn far_from_a_change_nothing_is_shown_but_how_much_there_is() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14";
        let after = before.replace("6", "six").replace("14", "14\nfifteen");
        assert_snapshot!(shown(before, &after), @"
        (2 unchanged)
          3 3 | 3 3
          4 4 | 4 4
          5 5 | 5 5
        * 6 6 | 
        *  | 6 six
          7 7 | 7 7
          8 8 | 8 8
          9 9 | 9 9
        (2 unchanged)
          12 12 | 12 12
          13 13 | 13 13
          14 14 | 14 14
        *  | 15 fifteen
        (0 unchanged)
        ");
    }

    #[test]
    fn other_line_endings_are_no_difference() {
        assert_snapshot!(shown("a\r\nb\r\n", "a\nb"), @"(2 unchanged)");
    }

    #[test]
    fn where_there_was_nothing_every_line_is_new() {
        assert_snapshot!(shown("", "a"), @"
        (0 unchanged)
        *  | 1 a
        (0 unchanged)
        ");
    }
}
