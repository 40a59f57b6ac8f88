//! Random schemas, with everything that SQLite can declare, and random rows for them.

use rusqlite::Connection;

/// SplitMix64: a seed is a test case, on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

#[derive(Clone)]
pub(crate) struct Table {
    name: &'static str,
    columns: Vec<Column>,
    key: Key,
    strict: bool,
    without_rowid: bool,
    constraints: Vec<String>,
}

#[derive(Clone)]
struct Column {
    name: &'static str,
    type_: &'static str,
    not_null: bool,
    default: Option<&'static str>,
    collate: Option<&'static str>,
    unique: Option<&'static str>,
    check: Option<String>,
    references: Option<String>,
    generated: Option<(String, bool)>,
    /// Whether it came by ALTER TABLE, so that older rows hold no value for it.
    added: bool,
}

#[derive(Clone, PartialEq)]
enum Key {
    None,
    Rowid { autoincrement: bool },
    RowidDescending,
    Text,
    Composite,
    TableLevel,
}

#[derive(Clone, Default)]
pub(crate) struct Schema {
    tables: Vec<Table>,
    /// Indexes, views, triggers, virtual tables, each with the tables that it needs.
    rest: Vec<(String, Vec<&'static str>)>,
}

const TABLES: [&str; 6] = ["alpha", "\"be ta\"", "gamma", "[order]", "landfall_old_alpha", "new_alpha"];
const COLUMNS: [&str; 9] = ["a", "b", "c", "Key", "\"d e\"", "`f`", "rowid", "group_", "élan"];
const TYPES: [&str; 11] = [
    "INTEGER",
    "INT",
    "TEXT",
    "REAL",
    "NUMERIC",
    "BLOB",
    "",
    "VARCHAR(20)",
    "DECIMAL(10, 2)",
    "BOOLEAN",
    "double precision",
];
const STRICT_TYPES: [&str; 6] = ["INTEGER", "INT", "TEXT", "REAL", "BLOB", "ANY"];
const DEFAULTS: [&str; 9] =
    ["0", "-1", "'x'", "1.5", "NULL", "x'00ff'", "CURRENT_TIMESTAMP", "(1 + 1)", "(lower('Q'))"];
const STRICT_DEFAULTS: [&str; 1] = ["NULL"];

pub(crate) fn schema(random: &mut Random) -> Schema {
    let mut schema = Schema::default();
    let count = 1 + random.below(4);
    for at in 0..count {
        let name = TABLES[(at + random.below(2)) % TABLES.len()];
        if schema.tables.iter().all(|t| t.name != name) {
            let mut table = table(random, name, &schema);
            if random.percent(50) {
                table.add_later(random);
            }
            schema.tables.push(table);
        }
    }
    for _ in 0..random.below(6) {
        let object = object(random, &schema);
        schema.add(object);
    }
    schema
}

fn table(random: &mut Random, name: &'static str, schema: &Schema) -> Table {
    let strict = random.percent(15);
    let key = match random.below(12) {
        0..=1 => Key::None,
        2..=4 => Key::Rowid { autoincrement: false },
        5..=6 => Key::Rowid { autoincrement: true },
        7 => Key::RowidDescending,
        8 => Key::Text,
        9 => Key::TableLevel,
        _ => Key::Composite,
    };
    let without_rowid = matches!(key, Key::Text | Key::Composite | Key::TableLevel) && random.percent(40);
    let mut table = Table { name, columns: Vec::new(), key, strict, without_rowid, constraints: Vec::new() };
    for _ in 0..1 + random.below(5) {
        add_column(random, &mut table, schema);
    }
    if random.percent(20) {
        let column = table.columns[random.below(table.columns.len())].name;
        table.constraints.push(format!("CONSTRAINT named CHECK ({column} IS NOT 'never')"));
    }
    if random.percent(15) && table.columns.len() > 1 {
        table
            .constraints
            .push(format!("UNIQUE ({}, {} COLLATE NOCASE)", table.columns[0].name, table.columns[1].name));
    }
    table
}

fn add_column(random: &mut Random, table: &mut Table, schema: &Schema) {
    let name = *random.pick(&COLUMNS);
    if table.columns.iter().any(|c| c.name == name) {
        return;
    }
    let column = column(random, table, name, schema);
    let at = random.below(table.columns.len() + 1);
    // Generated columns refer to the first column, which must not move behind them or be one.
    let at = if column.generated.is_some() {
        table.columns.len()
    } else {
        at.max(usize::from(!table.columns.is_empty()))
    };
    table.columns.insert(at, column);
}

fn column(random: &mut Random, table: &Table, name: &'static str, schema: &Schema) -> Column {
    let type_ = if table.strict { *random.pick(&STRICT_TYPES) } else { *random.pick(&TYPES) };
    let defaults: &[&str] = if table.strict { &STRICT_DEFAULTS } else { &DEFAULTS };
    let mut column = Column {
        name,
        type_,
        not_null: random.percent(25),
        default: random.percent(40).then(|| *random.pick(defaults)),
        collate: random.percent(12).then(|| *random.pick(&["NOCASE", "rtrim", "BINARY"])),
        unique: random
            .percent(10)
            .then(|| *random.pick(&["", " ON CONFLICT REPLACE", " ON CONFLICT IGNORE"])),
        check: random.percent(15).then(|| {
            let template = *random.pick(&["length(NAME) < 9", "NAME <> 'bad'", "typeof(NAME) <> 'blob'"]);
            template.replace("NAME", name)
        }),
        references: None,
        generated: None,
        added: false,
    };
    if random.percent(15) {
        let parent = schema.tables.iter().find(|t| matches!(t.key, Key::Rowid { .. }));
        let parent =
            if random.percent(25) && matches!(table.key, Key::Rowid { .. }) { Some(table) } else { parent };
        column.references = parent.map(|p| {
            let action = *random.pick(&[
                "",
                " ON DELETE CASCADE",
                " ON DELETE SET NULL ON UPDATE CASCADE",
                " DEFERRABLE INITIALLY DEFERRED",
            ]);
            let target = if random.percent(50) { " (id)" } else { "" };
            format!("REFERENCES {}{target}{action}", p.name)
        });
    }
    if random.percent(8) && !table.columns.is_empty() && table.columns[0].generated.is_none() {
        let expression = format!("coalesce({}, 'none') || '!'", table.columns[0].name);
        column.generated = Some((expression, random.percent(50)));
        column.default = None;
        column.references = None;
        if table.strict {
            column.type_ = "TEXT";
        }
    }
    column
}

fn object(random: &mut Random, schema: &Schema) -> (String, Vec<&'static str>) {
    let table = random.pick(&schema.tables);
    let name = table.name;
    let column = table.columns[random.below(table.columns.len())].name;
    let id = random.below(4);
    let sql = match random.below(9) {
        0 => format!("CREATE INDEX i{id} ON {name} ({column})"),
        1 => format!("CREATE INDEX i{id} ON {name} ({column} COLLATE NOCASE DESC)"),
        2 => format!("CREATE UNIQUE INDEX i{id} ON {name} ({column}) WHERE {column} > 5"),
        3 => format!("CREATE INDEX i{id} ON {name} (upper({column}), {column})"),
        4 => format!(
            "CREATE VIEW v{id} AS SELECT count(*) AS n, max({column}) AS m /* about rows */ FROM {name}"
        ),
        5 => format!(
            "CREATE TRIGGER tr{id} AFTER UPDATE OF {column} ON {name} BEGIN DELETE FROM {name} WHERE {column} = old.{column}; END"
        ),
        6 => format!(
            "CREATE TRIGGER tr{id} BEFORE INSERT ON {name} WHEN new.{column} = 1 BEGIN SELECT CASE WHEN 1 THEN raise(IGNORE) END; END"
        ),
        7 => {
            let definition = *random.pick(&[
                "VIRTUAL TABLE NAME USING fts5 (word, tokenize = 'porter')",
                "VIRTUAL TABLE NAME USING fts5 (word, more)",
                "VIRTUAL TABLE NAME USING fts4 (more, word)",
                "TABLE NAME (more, word)",
                "TABLE NAME (id INTEGER PRIMARY KEY, word)",
                "VIEW NAME AS SELECT 1 AS word",
            ]);
            format!("CREATE {}", definition.replace("NAME", &format!("fts{id}")))
        }
        _ => {
            let columns =
                *random.pick(&["id, low, high", "id, low, high, +note", "id, low, high, left, right"]);
            format!("CREATE VIRTUAL TABLE rt{id} USING rtree ({columns})")
        }
    };
    (sql, vec![name])
}

impl Schema {
    fn add(&mut self, object: (String, Vec<&'static str>)) {
        let head = |sql: &str| {
            sql.split_whitespace()
                .take(4)
                .find(|w| w.ends_with(|c: char| c.is_ascii_digit()))
                .map(str::to_owned)
        };
        let name = head(&object.0);
        self.rest.retain(|(sql, _)| head(sql) != name);
        self.rest.push(object);
    }

    /// A neighbour: the same schema after a few edits.
    pub(crate) fn edited(&self, random: &mut Random) -> Self {
        let mut schema = self.clone();
        for _ in 0..1 + random.below(4) {
            schema.edit(random);
        }
        schema
    }

    fn edit(&mut self, random: &mut Random) {
        let at = random.below(self.tables.len());
        let snapshot = self.clone();
        let table = &mut self.tables[at];
        let column = random.below(table.columns.len());
        match random.below(20) {
            0 | 1 => add_column(random, table, &snapshot),
            2 => {
                if table.columns.len() > 1 {
                    table.constraints.clear();
                    table.columns.remove(column.max(1));
                }
            }
            3 => table.columns[column].not_null ^= true,
            4 => {
                table.columns[column].default =
                    if table.strict { None } else { Some(*random.pick(&DEFAULTS)) }
            }
            5 => {
                let types: &[&str] = if table.strict { &STRICT_TYPES } else { &TYPES };
                table.columns[column].type_ = *random.pick(types);
            }
            6 => table.columns[column].collate = Some(*random.pick(&["NOCASE", "RTRIM"])),
            7 => {
                table.columns[column].unique =
                    if table.columns[column].unique.is_some() { None } else { Some("") }
            }
            8 => table.columns[column].check = None,
            9 => table.constraints.clear(),
            10 => {
                if let Key::Rowid { autoincrement } = &mut table.key {
                    *autoincrement ^= true;
                }
            }
            11 => {
                let object = object(random, &snapshot);
                self.add(object);
            }
            12 => {
                if !self.rest.is_empty() {
                    let at = random.below(self.rest.len());
                    self.rest.remove(at);
                }
            }
            13 => {
                let types = ["INTEGER", "INT", "TEXT", "REAL", "BLOB"];
                if table.columns.iter().all(|c| types.contains(&c.type_)) {
                    table.strict ^= true;
                }
            }
            14 => {
                let name = table.columns[column].name;
                table.columns[column].check = Some(format!("{name} IS NOT 'never' AND {name} IS NOT -99"));
            }
            15 => table.columns[column].change_action(random),
            16 => table.columns[column].change_type_name(),
            17 => {
                if let Some(generated) = &mut table.columns[column].generated {
                    generated.0.push_str(" || '?'");
                } else if !table.strict {
                    table.columns[column].default = Some(*random.pick(&["'late'", "7", "-1.5", "x'01'"]));
                }
            }
            18 => {
                if let Some((_, true)) = table.columns[column].generated {
                    table.columns[column].generated = None;
                }
            }
            _ => {
                if let Some(name) = TABLES.iter().find(|n| self.tables.iter().all(|t| t.name != **n)) {
                    let table = self::table(random, name, &snapshot);
                    self.tables.push(table);
                }
            }
        }
        for table in &mut self.tables {
            if table.columns.iter().any(|c| c.generated.is_some()) && table.columns[0].generated.is_some() {
                table.columns[0].generated = None;
            }
        }
    }

    /// The same tables before columns were added to them, alone.
    pub(crate) fn before_additions(&self) -> Self {
        let mut schema = self.clone();
        schema.rest.clear();
        for table in &mut schema.tables {
            table.columns.retain(|column| !column.added);
        }
        schema
    }

    /// The statements that add them, and then everything else.
    pub(crate) fn additions(&self) -> Vec<String> {
        let added = self.tables.iter().flat_map(|table| {
            let columns = table.columns.iter().filter(|column| column.added);
            columns.map(|column| format!("ALTER TABLE {} ADD COLUMN {}", table.name, column.sql()))
        });
        added.chain(self.rest.iter().map(|(sql, _)| sql.clone())).collect()
    }

    /// The text of a `schema.sql`, without what the tables no longer have.
    pub(crate) fn sql(&self) -> String {
        let pristine = Connection::open_in_memory().unwrap();
        let mut text = String::new();
        let tables = self.tables.iter().map(Table::sql);
        for sql in tables.chain(self.rest.iter().map(|(sql, _)| sql.clone())) {
            // What does not stand on its own is left out: the rest still is a schema.
            if pristine.execute_batch(&sql).is_ok() {
                text.push_str(&sql);
                text.push_str("\n;\n");
            }
        }
        text
    }
}

impl Table {
    /// Makes the last column one that came later, where ALTER TABLE could have added it.
    fn add_later(&mut self, random: &mut Random) {
        const LITERALS: [&str; 9] = ["0", "-1", "'x'", "1.5", "2.0", "x'00ff'", "1e2", "TRUE", "'007'"];
        let key = if self.key == Key::Composite { 2 } else { 0 };
        let text = self.constraints.concat();
        let strict = self.strict;
        let at = self.columns.len() - 1;
        let column = &mut self.columns[at];
        let fits = column.generated.is_none() && column.references.is_none() && !text.contains(column.name);
        if at == 0 || at < key || !fits {
            return;
        }
        (column.added, column.unique) = (true, None);
        column.default = if strict { None } else { Some(*random.pick(&LITERALS)) };
        column.not_null &= !strict;
    }

    fn sql(&self) -> String {
        let mut items: Vec<String> = Vec::new();
        match &self.key {
            Key::Rowid { autoincrement } => {
                items.push(format!(
                    "id INTEGER PRIMARY KEY{}",
                    if *autoincrement { " AUTOINCREMENT" } else { "" }
                ));
            }
            Key::RowidDescending => items.push("id INTEGER PRIMARY KEY DESC".to_owned()),
            Key::Text => items.push("id TEXT PRIMARY KEY".to_owned()),
            Key::TableLevel => items.push("id INTEGER".to_owned()),
            Key::None | Key::Composite => {}
        }
        items.extend(self.columns.iter().map(Column::sql));
        match self.key {
            Key::Composite => {
                let columns: Vec<_> = self.columns.iter().take(2).map(|c| c.name).collect();
                items.push(format!("PRIMARY KEY ({})", columns.join(" DESC, ")));
            }
            Key::TableLevel => items.push("PRIMARY KEY (id)".to_owned()),
            _ => {}
        }
        items.extend(self.constraints.iter().cloned());
        let mut options = Vec::new();
        if self.strict {
            options.push("STRICT");
        }
        if self.without_rowid {
            options.push("WITHOUT ROWID");
        }
        format!("CREATE TABLE {} (\n  {}\n) {}", self.name, items.join(",\n  "), options.join(", "))
    }
}

impl Column {
    fn change_action(&mut self, random: &mut Random) {
        let Some(references) = &mut self.references else { return };
        let plain = references.split(" ON ").next().and_then(|text| text.split(" DEFERRABLE").next());
        let actions = ["", " ON DELETE CASCADE", " ON UPDATE SET NULL", " DEFERRABLE INITIALLY DEFERRED"];
        *references = format!("{}{}", plain.unwrap_or_default(), random.pick(&actions));
    }

    /// To another name of the same affinity.
    fn change_type_name(&mut self) {
        self.type_ = match self.type_ {
            "INTEGER" => "INT",
            "INT" => "INTEGER",
            "TEXT" => "VARCHAR(20)",
            "VARCHAR(20)" => "TEXT",
            "REAL" => "double precision",
            "BOOLEAN" => "NUMERIC",
            other => other,
        };
    }

    fn sql(&self) -> String {
        let mut text = format!("{} {}", self.name, self.type_);
        if let Some((expression, stored)) = &self.generated {
            text.push_str(&format!(" AS ({expression}) {}", if *stored { "STORED" } else { "VIRTUAL" }));
        }
        if self.not_null {
            text.push_str(" NOT NULL");
        }
        for (word, value) in [("DEFAULT", self.default), ("COLLATE", self.collate)] {
            if let Some(value) = value {
                text.push_str(&format!(" {word} {value}"));
            }
        }
        if let Some(conflict) = self.unique {
            text.push_str(&format!(" UNIQUE{conflict}"));
        }
        if let Some(check) = &self.check {
            text.push_str(&format!(" CHECK ({check})"));
        }
        if let Some(references) = &self.references {
            text.push_str(&format!(" {references}"));
        }
        text
    }
}

/// Puts random rows into every table and marks into `sqlite_sequence`; rows that do not fit are left out.
pub(crate) fn fill(conn: &Connection, random: &mut Random) {
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).unwrap();
    let tables = super::query(
        conn,
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite_%'",
    );
    for table in tables.lines() {
        let quoted = format!("\"{table}\"");
        let columns =
            super::query(conn, &format!("SELECT name FROM pragma_table_xinfo('{table}') WHERE hidden = 0"));
        let columns: Vec<_> = columns.lines().map(|c| format!("\"{c}\"")).collect();
        for _ in 0..random.below(12) {
            let values: Vec<_> = columns.iter().map(|_| value(random)).collect();
            let sql = format!(
                "INSERT OR IGNORE INTO {quoted} ({}) VALUES ({})",
                columns.join(", "),
                values.join(", ")
            );
            drop(conn.execute_batch(&sql));
        }
        if random.percent(30) {
            drop(conn.execute_batch(&format!("DELETE FROM {quoted} WHERE rowid % 2")));
        }
    }
    if random.percent(30) {
        conn.execute_batch("ANALYZE; PRAGMA user_version = 42").unwrap();
    }
}

fn value(random: &mut Random) -> String {
    const VALUES: [&str; 16] = [
        "NULL",
        "1",
        "2",
        "3",
        "-7",
        "9223372036854775807",
        "1.5",
        "2.0",
        "'x'",
        "'Y '",
        "'007'",
        "'1e3'",
        "''",
        "x'00ff'",
        "'12'",
        "4611686018427387905",
    ];
    if random.percent(40) { random.below(1000).to_string() } else { (*random.pick(&VALUES)).to_owned() }
}
