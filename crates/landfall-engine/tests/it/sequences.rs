//! Three to five schemas in a row, with every directive, tables that change their kind and virtual tables with values of their own,
//! applied one after the other and with steps left out. What the values are to be is computed beside, in tables without types.
//!
//! `LANDFALL_SEQUENCES` is how many, 150 if unset; `LANDFALL_SEED=7` runs and shows one sequence.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rusqlite::Connection;

use crate::support::generate::Random;
use crate::support::{Bench, MODES, query};

#[test]
fn databases_that_end_at_one_schema_hold_the_same_values_or_were_refused() {
    if let Ok(seed) = std::env::var("LANDFALL_SEED") {
        println!("{:?}", Sequence::new(seed.parse().unwrap(), true).run());
        return;
    }
    let count = std::env::var("LANDFALL_SEQUENCES").map_or(150, |n| n.parse().unwrap());
    let mut outcomes = BTreeMap::new();
    for seed in 0..count {
        let outcome = std::panic::catch_unwind(|| Sequence::new(seed, false).run());
        let Ok(found) = outcome else { panic!("seed {seed} failed: LANDFALL_SEED={seed} shows it") };
        for (what, times) in found {
            *outcomes.entry(what).or_insert(0u64) += times;
        }
    }
    println!("{count} sequences: {outcomes:#?}");
    let [same, refused] =
        ["skipped: same values", "skipped: refused"].map(|what| outcomes.get(what).copied().unwrap_or(0));
    assert!(same > count / 4 && refused > count / 20, "too few steps are left out: {outcomes:#?}");
    for edit in EDITS {
        assert!(
            outcomes.get(edit.0).is_some_and(|times| *times > count / 40),
            "too few of {}: {outcomes:#?}",
            edit.0
        );
    }
}

#[derive(Clone)]
struct Column {
    name: String,
    since: usize,
    type_: &'static str,
    not_null: bool,
    unique: bool,
    check: bool,
    default: bool,
    renamed: Option<Directive>,
    using: Option<Directive>,
}

/// What is written behind its word, and the step that it came with.
#[derive(Clone)]
struct Directive {
    text: String,
    since: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Ordinary { key: bool },
    FullText,
}

#[derive(Clone)]
struct Table {
    name: String,
    kind: Kind,
    columns: Vec<Column>,
    renamed: Option<Directive>,
    dropped: Vec<Directive>,
}

#[derive(Clone, Default)]
struct Schema {
    tables: Vec<Table>,
    dropped: Vec<String>,
}

struct Sequence {
    random: Random,
    show: bool,
    /// A table for each, by its name, without types: what the values are to be.
    mirror: Connection,
    names: u32,
    /// The step that is being made.
    now: usize,
    /// Whether all that `schema.sql` once said of the way is still there: else a database that is behind cannot know it.
    complete: bool,
    made: BTreeMap<&'static str, u64>,
}

type Edit = (&'static str, fn(&mut Sequence, &mut Schema, usize) -> bool);

const EDITS: [Edit; 15] = [
    ("a column is renamed", Sequence::rename_column),
    ("a table is renamed", Sequence::rename_table),
    ("a column comes", Sequence::add_column),
    ("a computed column comes", Sequence::add_computed),
    ("a type changes with its values", Sequence::change_type),
    ("NOT NULL with values", Sequence::forbid_null),
    ("CHECK with values", Sequence::add_check),
    ("UNIQUE with values", Sequence::add_unique),
    ("a column is given up", Sequence::drop_column),
    ("a table is given up", Sequence::drop_table),
    ("a column comes back by its name", Sequence::bring_back),
    ("directives are taken out", Sequence::take_out),
    ("a line changes beside its directive", Sequence::change_beside),
    ("the kind of a table changes", Sequence::change_kind),
    ("the rowid gets a name", Sequence::name_rowid),
];

impl Sequence {
    fn new(seed: u64, show: bool) -> Self {
        let mirror = Connection::open_in_memory().unwrap();
        Self {
            random: Random::new(seed),
            show,
            mirror,
            names: 0,
            now: 0,
            complete: true,
            made: BTreeMap::new(),
        }
    }

    fn run(mut self) -> BTreeMap<&'static str, u64> {
        let first = self.first();
        let bench = Bench::new(&first.sql());
        self.fill(&bench, &first);
        let mut steps = vec![first];
        for step in 1..3 + self.random.below(3) {
            self.now = step;
            let mut next = steps[steps.len() - 1].clone();
            for _ in 0..1 + self.random.below(3) {
                self.edit(&mut next);
            }
            steps.push(next);
        }
        let texts: Vec<_> = steps.iter().map(Schema::sql).collect();
        if self.show {
            texts.iter().enumerate().for_each(|(at, text)| println!("-- step {at}\n{text}"));
        }
        let expected = self.expected(&steps[steps.len() - 1]);
        let whole = self
            .walk(&bench, &texts, 0)
            .unwrap_or_else(|error| panic!("every step has its directive: {error}"));
        assert_eq!(values(&whole, &steps[steps.len() - 1]), expected, "one step after the other");
        for _ in 0..3 {
            let left_out = 1 + self.random.below((1 << (texts.len() - 2)) - 1);
            self.skip(&bench, &texts, left_out << 1, &steps[steps.len() - 1], &expected);
        }
        self.made
    }

    fn skip(&mut self, bench: &Bench, texts: &[String], left_out: usize, last: &Schema, expected: &str) {
        let outcome = match self.walk(bench, texts, left_out) {
            Err(_) => "skipped: refused",
            Ok(_) if !self.complete => "skipped: the way was not there any more",
            Ok(there) => {
                assert_eq!(values(&there, last), expected, "without the steps {left_out:b}");
                "skipped: same values"
            }
        };
        *self.made.entry(outcome).or_insert(0) += 1;
    }

    /// Applies all steps but the first and those that are left out; a refusal changes nothing.
    fn walk(
        &mut self,
        bench: &Bench,
        texts: &[String],
        left_out: usize,
    ) -> Result<Bench, landfall_engine::Error> {
        let mode = *self.random.pick(&MODES);
        let there = bench.twin().with(|s| s.fast_path = mode);
        for (at, text) in texts.iter().enumerate().skip(1) {
            if left_out >> at & 1 == 1 {
                continue;
            }
            let before = there.dump();
            if let Err(error) = there.migrate(text) {
                assert_eq!(there.dump(), before, "a refused migration changed something: {error}");
                if self.show {
                    println!("step {at} without {left_out:b}: {error}");
                }
                return Err(error);
            }
            let again = there.migrate(text).unwrap();
            assert_eq!(again.outcome, landfall_engine::Outcome::InSync);
            assert_eq!(there.query("PRAGMA integrity_check"), "ok");
        }
        Ok(there)
    }

    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}{}", self.names)
    }

    fn first(&mut self) -> Schema {
        let mut schema = Schema::default();
        for _ in 0..1 + self.random.below(3) {
            let kind = match self.random.below(3) {
                0 => Kind::FullText,
                key => Kind::Ordinary { key: key == 1 },
            };
            let mut table =
                Table { name: self.name("t"), kind, columns: Vec::new(), renamed: None, dropped: Vec::new() };
            for _ in 0..2 + self.random.below(3) {
                let type_ = *self.random.pick(&["TEXT", "INTEGER", "REAL"]);
                table.columns.push(column(
                    self.name("c"),
                    if kind == Kind::FullText { "" } else { type_ },
                    0,
                ));
            }
            let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
            self.mirror
                .execute_batch(&format!(
                    "CREATE TABLE {} (rid INTEGER PRIMARY KEY, {})",
                    table.name,
                    names.join(", ")
                ))
                .unwrap();
            schema.tables.push(table);
        }
        schema
    }

    fn fill(&mut self, bench: &Bench, schema: &Schema) {
        let conn = bench.open();
        for table in &schema.tables {
            let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
            for rowid in 1..2 + self.random.below(9) {
                let values: Vec<_> = table.columns.iter().map(|c| value(&mut self.random, c.type_)).collect();
                let rows = format!("({}) VALUES ({}, {})", names.join(", "), rowid * 3, values.join(", "));
                for (conn, key) in [(&conn, "rowid"), (&self.mirror, "rid")] {
                    conn.execute_batch(&format!("INSERT INTO {} ({key}, {}", table.name, &rows[1..]))
                        .unwrap();
                }
            }
        }
    }

    fn edit(&mut self, schema: &mut Schema) {
        for _ in 0..20 {
            let at = self.random.below(schema.tables.len());
            let (what, edit) = *self.random.pick(&EDITS);
            if edit(self, schema, at) {
                *self.made.entry(what).or_insert(0) += 1;
                return;
            }
        }
    }

    fn told(&self, sql: &str) {
        self.mirror.execute_batch(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// A column that no directive of this very step is about yet: one that the database has by this name.
    fn old_column(&mut self, table: &Table, is_it: impl Fn(&Column) -> bool) -> Option<usize> {
        let at = self.random.below(table.columns.len());
        let column = &table.columns[at];
        let reads = |using: &Option<Directive>| {
            self.is_new(using) && using.as_ref().is_some_and(|d| d.text.contains(&column.name))
        };
        let is_old = column.since < self.now && !self.is_new(&column.renamed) && !self.is_new(&column.using);
        (is_old && is_it(column) && !table.columns.iter().any(|c| reads(&c.using))).then_some(at)
    }

    fn is_new(&self, directive: &Option<Directive>) -> bool {
        directive.as_ref().is_some_and(|directive| directive.since == self.now)
    }

    fn directive(&self, text: impl Into<String>) -> Option<Directive> {
        Some(Directive { text: text.into(), since: self.now })
    }

    /// In the place of an earlier one, of which a database that is behind is told nothing more.
    fn using(&mut self, column: &mut Column, text: String) {
        self.complete &= column.using.is_none();
        column.using = self.directive(text);
    }

    fn rename_column(&mut self, schema: &mut Schema, at: usize) -> bool {
        let new = self.name("c");
        let table = &mut schema.tables[at];
        let Some(at) = self.old_column(table, |_| true) else { return false };
        let column = &mut table.columns[at];
        self.told(&format!("ALTER TABLE {} RENAME COLUMN {} TO {new}", table.name, column.name));
        // Without a type there is one line, and so one directive; and a rule that names the column is another one now.
        if column.type_.is_empty() || column.check {
            self.complete &= column.using.take().is_none();
        }
        column.renamed = self.directive(std::mem::replace(&mut column.name, new));
        true
    }

    fn rename_table(&mut self, schema: &mut Schema, at: usize) -> bool {
        let new = self.name("t");
        let table = &mut schema.tables[at];
        if self.is_new(&table.renamed) {
            return false;
        }
        self.told(&format!("ALTER TABLE {} RENAME TO {new}", table.name));
        table.renamed = self.directive(std::mem::replace(&mut table.name, new));
        true
    }

    fn add_column(&mut self, schema: &mut Schema, at: usize) -> bool {
        let name = self.name("c");
        let table = &mut schema.tables[at];
        self.told(&format!("ALTER TABLE {} ADD COLUMN {name}", table.name));
        table.columns.push(column(name, if table.kind == Kind::FullText { "" } else { "TEXT" }, self.now));
        true
    }

    fn add_computed(&mut self, schema: &mut Schema, at: usize) -> bool {
        let name = self.name("c");
        let table = &mut schema.tables[at];
        let Some(from) = self.old_column(table, |_| true) else { return false };
        let expression = format!("quote({}) || '!'", table.columns[from].name);
        self.told(&format!(
            "ALTER TABLE {0} ADD COLUMN {name}; UPDATE {0} SET {name} = {expression}",
            table.name
        ));
        let state = if self.random.percent(50) { " from=new" } else { "" };
        let type_ = if table.kind == Kind::FullText { "" } else { "TEXT" };
        table.columns.push(Column {
            using: self.directive(format!("{expression}{state}")),
            ..column(name, type_, self.now)
        });
        true
    }

    fn change_type(&mut self, schema: &mut Schema, at: usize) -> bool {
        let table = &mut schema.tables[at];
        let Some(at) = self.old_column(table, |c| !c.type_.is_empty() && !c.check && !c.unique) else {
            return false;
        };
        let column = &mut table.columns[at];
        let name = &column.name;
        let (to, expression) = match column.type_ {
            "REAL" => ("INTEGER", format!("cast(round({name} * 100) AS INTEGER)")),
            "INTEGER" => ("TEXT", format!("'v' || {name}")),
            _ => ("INTEGER", format!("length({name}) + 1")),
        };
        self.told(&format!("UPDATE {} SET {name} = {expression}", table.name));
        let using = format!("{expression} from={}", column.type_);
        column.type_ = to;
        self.using(column, using);
        true
    }

    fn rule(
        &mut self,
        schema: &mut Schema,
        at: usize,
        fits: impl Fn(&Column) -> bool,
        with: impl Fn(&mut Column) -> (String, String),
    ) -> bool {
        let table = &mut schema.tables[at];
        let Some(at) = self.old_column(table, |c| !c.type_.is_empty() && fits(c)) else { return false };
        let (expression, rule) = with(&mut table.columns[at]);
        let column = &mut table.columns[at];
        let over_old = expression.replace("rowid", "rid");
        self.told(&format!("UPDATE {} SET {} = {over_old}", table.name, column.name));
        self.using(column, format!("{expression} for={rule}"));
        true
    }

    fn forbid_null(&mut self, schema: &mut Schema, at: usize) -> bool {
        self.rule(
            schema,
            at,
            |c| !c.not_null,
            |c| {
                c.not_null = true;
                let other = if c.type_ == "TEXT" { "'none'" } else { "1" };
                let other = if c.type_ == "REAL" { "0.5" } else { other };
                (format!("coalesce({}, {other})", c.name), "NOT NULL".to_owned())
            },
        )
    }

    fn add_check(&mut self, schema: &mut Schema, at: usize) -> bool {
        self.rule(
            schema,
            at,
            |c| !c.check && c.type_ == "INTEGER",
            |c| {
                c.check = true;
                (format!("abs({}) * 2 + 1", c.name), format!("CHECK ({} > 0)", c.name))
            },
        )
    }

    fn add_unique(&mut self, schema: &mut Schema, at: usize) -> bool {
        self.rule(
            schema,
            at,
            |c| !c.unique && c.type_ == "TEXT",
            |c| {
                c.unique = true;
                (format!("coalesce({}, '') || '-' || rowid", c.name), "UNIQUE".to_owned())
            },
        )
    }

    fn drop_column(&mut self, schema: &mut Schema, at: usize) -> bool {
        let table = &mut schema.tables[at];
        if table.columns.len() < 2 {
            return false;
        }
        let Some(at) = self.old_column(table, |_| true) else { return false };
        let column = table.columns.remove(at);
        // What became of its values goes with its line, and others may have been computed of them.
        self.complete &= column.using.is_none();
        self.told(&format!("ALTER TABLE {} DROP COLUMN {}", table.name, column.name));
        table.dropped.extend(self.directive(column.name));
        true
    }

    fn drop_table(&mut self, schema: &mut Schema, at: usize) -> bool {
        let untouched = !self.is_new(&schema.tables[at].renamed);
        if schema.tables.len() < 2 || !untouched {
            return false;
        }
        let table = schema.tables.remove(at);
        self.told(&format!("DROP TABLE {}", table.name));
        schema.dropped.push(table.name);
        true
    }

    /// As another column: one of its name that went by an earlier step is no part of it.
    fn bring_back(&mut self, schema: &mut Schema, at: usize) -> bool {
        let table = &mut schema.tables[at];
        // Not one that goes by this very step: the database still has it.
        if table.dropped.first().is_none_or(|directive| directive.since == self.now) {
            return false;
        }
        let name = table.dropped.remove(0).text;
        self.complete = false;
        self.told(&format!("ALTER TABLE {} ADD COLUMN {name}", table.name));
        table.columns.push(column(name, if table.kind == Kind::FullText { "" } else { "TEXT" }, self.now));
        true
    }

    /// Those that have acted, as a person would.
    fn take_out(&mut self, schema: &mut Schema, at: usize) -> bool {
        let (table, now) = (&mut schema.tables[at], self.now);
        let has_acted = |directive: &mut Directive| directive.since < now;
        let mut taken = table.dropped.extract_if(.., has_acted).count();
        for column in &mut table.columns {
            taken += usize::from(
                column.using.take_if(has_acted).is_some() || column.renamed.take_if(has_acted).is_some(),
            );
        }
        self.complete &= taken == 0;
        taken > 0
    }

    /// So that one which acts whenever its line changes acts again.
    fn change_beside(&mut self, schema: &mut Schema, at: usize) -> bool {
        let table = &mut schema.tables[at];
        let can = |c: &Column| c.using.is_some() && !c.default && !c.type_.is_empty();
        let Some(at) = self.old_column(table, can) else { return false };
        table.columns[at].default = true;
        true
    }

    fn change_kind(&mut self, schema: &mut Schema, at: usize) -> bool {
        let table = &mut schema.tables[at];
        // What becomes of types and rules is another step's.
        if self.is_new(&table.renamed) || table.columns.iter().any(|c| self.is_new(&c.using)) {
            return false;
        }
        let directives = table.columns.iter_mut().filter_map(|c| c.using.take()).count();
        self.complete &= directives == 0;
        match table.kind {
            Kind::Ordinary { key: true } => return false,
            Kind::Ordinary { key: false } => {
                table.kind = Kind::FullText;
                for column in &mut table.columns {
                    (column.type_, column.not_null, column.unique) = ("", false, false);
                    (column.check, column.default) = (false, false);
                }
            }
            Kind::FullText => table.kind = Kind::Ordinary { key: self.random.percent(50) },
        }
        true
    }

    fn name_rowid(&mut self, schema: &mut Schema, at: usize) -> bool {
        let table = &mut schema.tables[at];
        let can = table.kind == Kind::Ordinary { key: false };
        if can {
            table.kind = Kind::Ordinary { key: true };
        }
        can
    }

    fn expected(&self, last: &Schema) -> String {
        let rows = |table: &Table| query(&self.mirror, &select(table, "rid"));
        last.tables.iter().map(|table| format!("{}\n{}\n", table.name, rows(table))).collect()
    }
}

fn values(bench: &Bench, last: &Schema) -> String {
    let rows = |table: &Table| {
        if table.kind == (Kind::Ordinary { key: true }) {
            assert_eq!(bench.query(&format!("SELECT count(*) FROM {} WHERE id <> rowid", table.name)), "0");
        }
        bench.query(&select(table, "rowid"))
    };
    last.tables.iter().map(|table| format!("{}\n{}\n", table.name, rows(table))).collect()
}

fn select(table: &Table, key: &str) -> String {
    let columns: Vec<_> = table.columns.iter().map(|c| format!("quote({})", c.name)).collect();
    format!("SELECT {key}, {} FROM {} ORDER BY 1", columns.join(", "), table.name)
}

fn column(name: String, type_: &'static str, since: usize) -> Column {
    Column {
        name,
        type_,
        since,
        not_null: false,
        unique: false,
        check: false,
        default: false,
        renamed: None,
        using: None,
    }
}

fn value(random: &mut Random, type_: &str) -> String {
    let null = random.percent(20);
    let number = random.below(40);
    match type_ {
        _ if null => "NULL".to_owned(),
        "INTEGER" => format!("{}", number as i64 - 20),
        "REAL" => format!("{}.{}", number, 5 + 20 * random.below(4)),
        "TEXT" => (*random.pick(&["'x'", "'Y y'", "'007'", "''", "'1e3'", "'ü'"])).to_owned(),
        _ => (*random.pick(&["'word'", "7", "2.5", "x'00ff'", "''", "'two words'"])).to_owned(),
    }
}

impl Schema {
    fn sql(&self) -> String {
        let mut text: String =
            self.dropped.iter().map(|name| format!("-- @dropped table {name}\n")).collect();
        for table in &self.tables {
            table.write(&mut text);
        }
        text
    }
}

impl Table {
    fn write(&self, text: &mut String) {
        if let Some(from) = &self.renamed {
            writeln!(text, "-- @renamed from={}", from.text).unwrap();
        }
        let (begin, key) = match self.kind {
            Kind::Ordinary { key } => ("TABLE", key),
            Kind::FullText => ("VIRTUAL TABLE", false),
        };
        let using = if self.kind == Kind::FullText { " USING fts5" } else { "" };
        writeln!(text, "CREATE {begin} {}{using} (", self.name).unwrap();
        let mut comma = " ";
        if key {
            writeln!(text, "  id INTEGER PRIMARY KEY").unwrap();
            comma = ",";
        }
        for column in &self.columns {
            column.write(text, comma);
            comma = ",";
        }
        for name in &self.dropped {
            writeln!(text, "  -- @dropped {}", name.text).unwrap();
        }
        writeln!(text, ");").unwrap();
    }
}

impl Column {
    fn write(&self, text: &mut String, comma: &str) {
        write!(text, " {comma}{}", self.name).unwrap();
        if let Some(from) = &self.renamed {
            write!(text, " -- @renamed from={}\n   ", from.text).unwrap();
        }
        let words = [
            (!self.type_.is_empty()).then(|| self.type_.to_owned()),
            self.not_null.then(|| "NOT NULL".to_owned()),
            self.unique.then(|| "UNIQUE".to_owned()),
            self.check.then(|| format!("CHECK ({} > 0)", self.name)),
            self.default.then(|| "DEFAULT 77".to_owned()),
        ];
        words.into_iter().flatten().for_each(|word| write!(text, " {word}").unwrap());
        if let Some(using) = &self.using {
            write!(text, " -- @using {}", using.text).unwrap();
        }
        text.push('\n');
    }
}
