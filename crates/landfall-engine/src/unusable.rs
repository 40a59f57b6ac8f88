//! What of a schema no statement can use: CREATE lets it pass, and SQLite refuses whatever comes near it later.
//!
//! Asked of a database in memory: a statement of each kind is prepared for each table and view. A fault is told where it is,
//! so each foreign key and each trigger is asked by itself, too.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::answer::or_refusal;
use crate::ddl;
use crate::declared::probe::{Verb, statements};
use crate::replica;
use crate::schema::{Schema, Table, Trigger};
use crate::settings::Settings;
use crate::stand_in::Names;
use crate::token::{Kind, Token, fold, quote, tokenize, verbatim};
use crate::words::{self, Unknown};

/// Something that no statement can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The table, view or trigger.
    pub(crate) object: String,
    pub(crate) part: Part,
    /// What is wrong with it, as the end of a sentence.
    pub(crate) reason: String,
    /// SQLite's words.
    cause: String,
    /// The folded name of the table or view that fails with it.
    place: String,
    /// The folded names of tables and views that it uses: one of those may be the cause.
    uses: BTreeSet<String>,
    /// The part that calls what only the service has: as long as it says the same, it is what it was.
    text: Option<String>,
    /// SQLite reads a name as a text where no column is called so, and says nothing (<https://www.sqlite.org/quirks.html#dblquote>).
    pub(crate) is_quiet: bool,
}

/// What of an object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A foreign key of a table, by its place among those of the CREATE text, from 0.
    ForeignKey(usize),
    Table,
    Index,
    View,
    Trigger,
}

impl Part {
    /// What the object is called.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::ForeignKey(_) | Self::Table => "table",
            Self::Index => "index",
            Self::View => "view",
            Self::Trigger => "trigger",
        }
    }
}

impl Fault {
    /// A part that calls what only the service has; `missing` are SQLite's words.
    pub(crate) fn missing(object: &str, part: Part, missing: String, text: String) -> Self {
        let (object, place) = (object.to_owned(), fold(object));
        Self {
            object,
            part,
            reason: missing.clone(),
            cause: missing,
            place,
            uses: BTreeSet::new(),
            text: Some(text),
            is_quiet: false,
        }
    }

    /// The name that SQLite could not find, if it names one: `b` of "no such column: t.b".
    pub(crate) fn missing_name(&self) -> Option<&str> {
        words::missing_name(&self.cause)
    }

    /// Whether it is the same fault in another schema, where its object is called `object`.
    fn is(&self, other: &Self, object: &str) -> bool {
        let of_table = |fault: &Self| matches!(fault.part, Part::ForeignKey(_));
        other.object.eq_ignore_ascii_case(object)
            && (&self.cause, &self.text) == (&other.cause, &other.text)
            && of_table(self) == of_table(other)
            && self.part.kind() == other.part.kind()
    }
}

/// The faults of a schema, by whether the live one has them, too.
#[derive(Debug, Default)]
pub(crate) struct Faults<'f> {
    pub(crate) new: Vec<&'f Fault>,
    pub(crate) old: Vec<&'f Fault>,
}

/// Tells the faults of a declared schema that are new from those of `live`; `live_name` is what a declared table was called there.
/// Of those that have one cause, the nearest to it.
pub(crate) fn told_apart<'f>(
    declared: &'f [Fault],
    stand_ins: &Names,
    (live, new): (&Schema, &Schema),
    settings: &Settings,
    live_name: impl Fn(&str) -> String,
) -> rusqlite::Result<Faults<'f>> {
    if declared.is_empty() {
        return Ok(Faults::default());
    }
    let conn = replica::memory(settings)?;
    replica::create_all(&conn, live)?;
    let mut before = faults(&conn, live)?;
    before.extend(stand_ins.faults(live));
    // Each of them accounts for one: a second one of its kind is new.
    let is_old = |fault: &&Fault| {
        let object = match fault.part {
            Part::ForeignKey(_) | Part::Table => live_name(&fault.object),
            Part::Index | Part::View | Part::Trigger => fault.object.clone(),
        };
        match before.iter().position(|other| fault.is(other, &object)) {
            Some(at) => {
                before.swap_remove(at);
                true
            }
            None => false,
        }
    };
    let (mut old, mut new_faults) = declared.iter().partition::<Vec<_>, _>(is_old);
    // Nothing is wrong with it: the service has what is not here, or a text is meant.
    old.retain(|fault| fault.text.is_none() && !fault.is_quiet);
    let has = |table: &Table, name: &str| table.column(name).is_some();
    // A text is meant, too, where no column goes that was called so.
    let goes = |name: &str| {
        let stays = |was: &Table| {
            new.tables.iter().any(|is| live_name(&is.name).eq_ignore_ascii_case(&was.name) && has(is, name))
        };
        live.tables.iter().any(|was| has(was, name) && !stays(was))
    };
    new_faults.retain(|fault| !fault.is_quiet || fault.missing_name().is_some_and(goes));
    Ok(Faults { new: causes(&new_faults), old: causes(&old) })
}

/// Those that do not fail because of another one. Of some that fail because of each other, all.
fn causes<'f>(faults: &[&'f Fault]) -> Vec<&'f Fault> {
    let needs = |a: &Fault, b: &Fault| a.cause == b.cause && a.uses.contains(&b.place);
    let reached = |from: usize| {
        let (mut reached, mut left) = (BTreeSet::new(), vec![from]);
        while let Some(at) = left.pop() {
            let next = (0..faults.len()).filter(|next| needs(faults[at], faults[*next]));
            left.extend(next.filter(|next| reached.insert(*next)));
        }
        reached
    };
    let reached: Vec<_> = (0..faults.len()).map(reached).collect();
    let is_cause = |at: &usize| reached[*at].iter().all(|other| reached[*other].contains(at));
    (0..faults.len()).filter(is_cause).map(|at| faults[at]).collect()
}

/// Every fault of `schema`, which `conn` holds: a database in memory, without rows, which is as it was afterwards.
pub(crate) fn faults(conn: &Connection, schema: &Schema) -> rusqlite::Result<Vec<Fault>> {
    if !conn.is_autocommit() {
        conn.execute_batch("COMMIT")?;
    }
    conn.pragma_update(None, "foreign_keys", true)?;
    let mut found = Asked::all(conn, schema)?;
    found.extend(quiet(conn, schema, &found)?);
    leave_functions(&mut found, schema);
    Ok(found)
}

/// What of views and triggers SQLite takes for a text, in whatever it does not refuse anyway.
fn quiet(conn: &Connection, schema: &Schema, found: &[Fault]) -> rusqlite::Result<Vec<Fault>> {
    let quotes =
        |sql: &String| tokenize(sql).unwrap_or_default().iter().any(|t| t.kind == Kind::DoubleQuoted);
    if !texts(schema).any(|(_, sql)| quotes(sql)) {
        return Ok(Vec::new());
    }
    let quirk = |on: bool| conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, on);
    quirk(false)?;
    let asked = Asked::all(conn, schema);
    quirk(true)?;
    let is_told = |fault: &Fault| found.iter().any(|other| other.is(fault, &fault.object));
    let mut quiet = asked?;
    quiet.retain(|fault| matches!(fault.part, Part::View | Part::Trigger) && !is_told(fault));
    for fault in &mut quiet {
        let name = fault.missing_name().unwrap_or_default();
        fault.reason = format!("no column is called {name}, so that SQLite reads \"{name}\" as a text");
        fault.is_quiet = true;
    }
    Ok(quiet)
}

/// What a view or trigger calls in place of a table is a function that only the service may have: as long as the text is the same, nothing is
/// wrong with it.
fn leave_functions(found: &mut [Fault], schema: &Schema) {
    let tokens: Vec<_> = texts(schema).map(|(_, sql)| tokenize(sql).unwrap_or_default()).collect();
    let is_called = |name: &str| {
        let calls = |pair: &[Token<'_>]| pair[0].name().eq_ignore_ascii_case(name) && pair[1].is_symbol("(");
        tokens.iter().any(|tokens| tokens.windows(2).any(calls))
    };
    for fault in
        found.iter_mut().filter(|fault| matches!(Unknown::in_message(&fault.cause), Some(Unknown::Table(_))))
    {
        let Some(name) = fault.missing_name().filter(|name| is_called(name)).map(str::to_owned) else {
            continue;
        };
        let text = texts(schema).find(|(object, _)| object.eq_ignore_ascii_case(&fault.object));
        fault.text = text.map(|(_, sql)| tokens_of(sql));
        fault.reason = format!("no such table-valued function: {name}");
    }
}

/// The names and texts of views and triggers.
fn texts(schema: &Schema) -> impl Iterator<Item = (&String, &String)> {
    let views = schema.views.iter().map(|view| (&view.name, &view.sql));
    views.chain(schema.triggers.iter().map(|trigger| (&trigger.name, &trigger.sql)))
}

impl Names {
    /// Every part of a schema that calls any of them, as what no statement can use here.
    pub(crate) fn faults(&self, schema: &Schema) -> Vec<Fault> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for table in &schema.tables {
            let parts = self.parts_of(table).into_iter();
            found
                .extend(parts.map(|(missing, text)| Fault::missing(&table.name, Part::Table, missing, text)));
        }
        let indexes = schema.indexes.iter().map(|i| (&i.name, Part::Index, &i.sql));
        let views = schema.views.iter().map(|v| (&v.name, Part::View, &v.body));
        let triggers = schema.triggers.iter().map(|t| (&t.name, Part::Trigger, &t.body));
        for (name, part, text) in indexes.chain(views).chain(triggers) {
            let missing = self.first_in(text);
            found.extend(missing.map(|missing| Fault::missing(name, part, missing, tokens_of(text))));
        }
        found
    }
}

/// The tokens of a text, whatever stands between them.
fn tokens_of(text: &str) -> String {
    verbatim(&tokenize(text).unwrap_or_default())
}

struct Asked<'a> {
    conn: &'a Connection,
    schema: &'a Schema,
    /// Why statements on a table or view fail whatever its triggers do, by folded name; only of those where some statement fails.
    own: BTreeMap<String, BTreeSet<String>>,
    found: Vec<Fault>,
}

impl<'a> Asked<'a> {
    fn all(conn: &'a Connection, schema: &'a Schema) -> rusqlite::Result<Vec<Fault>> {
        let mut asked = Self { conn, schema, own: BTreeMap::new(), found: Vec::new() };
        asked.views()?;
        asked.virtual_tables()?;
        asked.tables()?;
        asked.triggers()?;
        Ok(asked.found)
    }

    fn views(&mut self) -> rusqlite::Result<()> {
        for view in &self.schema.views {
            let refused = self.refused(&[format!("SELECT * FROM {}", quote(&view.name))])?;
            self.add(Part::View, &view.name, &view.name, &refused, || names_in(&view.sql));
        }
        Ok(())
    }

    /// A module may look only when rows are asked for at what it is over.
    fn virtual_tables(&mut self) -> rusqlite::Result<()> {
        for table in self.schema.virtual_tables.iter().filter(|table| !table.is_foreign) {
            let sql = format!("SELECT * FROM {} LIMIT 1", quote(&table.name));
            let read = || self.conn.prepare(&sql)?.raw_query().next().map(|_| ());
            if let Err(words) = or_refusal(read())? {
                self.add(Part::Table, &table.name, &table.name, &[words].into(), BTreeSet::new);
            }
        }
        Ok(())
    }

    fn tables(&mut self) -> rusqlite::Result<()> {
        for table in &self.schema.tables {
            let name = &table.name;
            let statements = statements(self.conn, name, &Verb::ALL)?;
            if self.refused(&statements)?.is_empty() {
                continue;
            }
            let own = self.without_triggers(name, |_| true, |asked| asked.refused(&statements))?;
            let keys = self.foreign_keys(name)?;
            let rest: BTreeSet<_> =
                own.iter().filter(|words| keys.iter().all(|key| key.cause != **words)).cloned().collect();
            self.found.extend(keys);
            self.add(Part::Table, name, name, &rest, || children(self.schema, name));
            self.own.insert(fold(name), own);
        }
        Ok(())
    }

    /// Each by itself.
    fn triggers(&mut self) -> rusqlite::Result<()> {
        let is_suspect =
            |t: &&Trigger| self.own.contains_key(&fold(&t.table)) || self.schema.view(&t.table).is_some();
        let suspects: Vec<_> = self.schema.triggers.iter().filter(is_suspect).collect();
        for trigger in suspects {
            let words = self.refused_alone(trigger)?;
            self.add(Part::Trigger, &trigger.name, &trigger.table, &words, || used_by(trigger));
        }
        self.missing_columns();
        Ok(())
    }

    /// Why the statement that fires it fails while its table has no other trigger, unless that is the table's own matter.
    fn refused_alone(&self, trigger: &Trigger) -> rusqlite::Result<BTreeSet<String>> {
        let verbs: Vec<_> = verb(trigger).into_iter().collect();
        let statements = statements(self.conn, &trigger.table, &verbs)?;
        let is_other = |other: &Trigger| !other.name.eq_ignore_ascii_case(&trigger.name);
        let mut refused = BTreeSet::new();
        // Without them first: a foreign key that is at fault would hide what else is.
        for foreign_keys in [false, true] {
            self.conn.pragma_update(None, "foreign_keys", foreign_keys)?;
            if refused.is_empty() {
                refused =
                    self.without_triggers(&trigger.table, is_other, |asked| asked.refused(&statements))?;
            }
        }
        if let Some(own) = self.own.get(&fold(&trigger.table)) {
            refused.retain(|words| !own.contains(words));
        }
        Ok(refused)
    }

    /// `UPDATE OF` a column that is not there: SQLite never fires it, and never says so.
    fn missing_columns(&mut self) {
        for trigger in &self.schema.triggers {
            let Some(table) = self.schema.table(&trigger.table) else { continue };
            let unknown = columns_of(trigger).into_iter().find(|name| table.column(name).is_none());
            if let Some(name) = unknown {
                let words = format!("no such column: {}.{name}", table.name);
                self.add(Part::Trigger, &trigger.name, &trigger.table, &[words].into(), BTreeSet::new);
            }
        }
    }

    /// The foreign keys of a table that cannot be kept, each asked by itself in a table of its own.
    fn foreign_keys(&self, table: &str) -> rusqlite::Result<Vec<Fault>> {
        let keys = keys(self.conn, table)?;
        let mut found = Vec::new();
        // SQLite tells the last one first.
        for (at, key) in keys.iter().rev().enumerate() {
            let asked = self.undone(|| {
                self.conn.execute_batch(&key.probe())?;
                self.refused(&[format!("INSERT INTO {PROBE} DEFAULT VALUES")])
            })?;
            if let Some(words) = asked.into_iter().next() {
                found.push(Fault {
                    object: table.to_owned(),
                    part: Part::ForeignKey(at),
                    reason: key.reason(self.schema),
                    cause: words.replace(&format!("\"{PROBE}\""), &format!("\"{table}\"")),
                    place: fold(table),
                    uses: BTreeSet::new(),
                    text: None,
                    is_quiet: false,
                });
            }
        }
        Ok(found)
    }

    fn add(
        &mut self,
        part: Part,
        object: &str,
        place: &str,
        refused: &BTreeSet<String>,
        uses: impl Fn() -> BTreeSet<String>,
    ) {
        self.found.extend(refused.iter().map(|words| Fault {
            object: object.to_owned(),
            part,
            reason: words.replacen(": main.", ": ", 1),
            cause: words.clone(),
            place: fold(place),
            uses: uses(),
            text: None,
            is_quiet: false,
        }));
    }

    /// SQLite's words about those of these statements that it refuses.
    fn refused(&self, statements: &[String]) -> rusqlite::Result<BTreeSet<String>> {
        let mut refused = BTreeSet::new();
        for sql in statements {
            let words = or_refusal(self.conn.prepare(sql))?.err();
            // Whoever has the module or the tokenizer can use it, for all that is known here.
            refused.extend(words.filter(|words| {
                !matches!(Unknown::in_message(words), Some(Unknown::Module(_) | Unknown::Tokenizer(_)))
            }));
        }
        Ok(refused)
    }

    /// What is asked while some triggers of a table or view are not there.
    fn without_triggers<T>(
        &self,
        table: &str,
        which: impl Fn(&Trigger) -> bool,
        ask: impl FnOnce(&Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let of_table = self.schema.triggers.iter().filter(|t| t.table.eq_ignore_ascii_case(table));
        let names: Vec<_> = of_table.filter(|trigger| which(trigger)).map(|t| quote(&t.name)).collect();
        self.undone(|| {
            names.iter().try_for_each(|name| self.conn.execute_batch(&format!("DROP TRIGGER {name}")))?;
            ask(self)
        })
    }

    fn undone<T>(&self, ask: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.conn.execute_batch("SAVEPOINT landfall_asked")?;
        let asked = ask();
        self.conn.execute_batch("ROLLBACK TO landfall_asked; RELEASE landfall_asked")?;
        asked
    }
}

/// The statement that fires a trigger.
fn verb(trigger: &Trigger) -> Option<Verb> {
    let tokens = tokenize(&trigger.sql).ok()?;
    let body = ddl::head(&tokens)?.body;
    let verbs = [("INSERT", Verb::Insert), ("UPDATE", Verb::Update), ("DELETE", Verb::Delete)];
    let of = |token: &Token<'_>| verbs.into_iter().find(|(word, _)| token.is(word)).map(|(_, verb)| verb);
    tokens[body..].iter().find_map(of)
}

/// The columns that `UPDATE OF` names.
fn columns_of(trigger: &Trigger) -> Vec<String> {
    let Ok(tokens) = tokenize(&trigger.sql) else { return Vec::new() };
    let Some(head) = ddl::head(&tokens) else { return Vec::new() };
    let event = tokens[head.body..].iter().take_while(|token| !token.is("ON"));
    let names = event.skip_while(|token| !token.is("OF")).skip(1);
    names.filter(|token| !token.is_symbol(",")).map(Token::name).collect()
}

/// What the body of a trigger names, without the table that it is on.
fn used_by(trigger: &Trigger) -> BTreeSet<String> {
    let mut names = names_in(&trigger.sql);
    names.remove(&fold(&trigger.table));
    names
}

fn names_in(sql: &str) -> BTreeSet<String> {
    tokenize(sql).unwrap_or_default().iter().map(|token| fold(&token.name())).collect()
}

/// The tables whose rows may change with those of a table, by foreign keys.
fn children(schema: &Schema, parent: &str) -> BTreeSet<String> {
    let refers =
        |table: &&Table| table.foreign_keys.iter().any(|key| key.parent.eq_ignore_ascii_case(parent));
    schema.tables.iter().filter(refers).map(|table| fold(&table.name)).collect()
}

/// A table with one foreign key.
const PROBE: &str = "landfall_probe";

/// A foreign key as SQLite tells it.
struct ForeignKey {
    parent: String,
    columns: Vec<String>,
    /// Empty where the text names none, which is the primary key of the parent.
    parent_columns: Vec<String>,
}

fn keys(conn: &Connection, table: &str) -> rusqlite::Result<Vec<ForeignKey>> {
    let sql =
        "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1, 'main') ORDER BY id, seq";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([table])?;
    let mut keys: BTreeMap<i64, ForeignKey> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let none = ForeignKey { parent: row.get(1)?, columns: Vec::new(), parent_columns: Vec::new() };
        let key = keys.entry(row.get(0)?).or_insert(none);
        key.columns.push(row.get(2)?);
        key.parent_columns.extend(row.get::<_, Option<String>>(3)?);
    }
    Ok(keys.into_values().collect())
}

impl ForeignKey {
    /// A table that has this key and nothing else.
    fn probe(&self) -> String {
        let columns: Vec<_> = (0..self.columns.len()).map(|at| format!("c{at}")).collect();
        let columns = columns.join(", ");
        let parents: Vec<_> = self.parent_columns.iter().map(|name| quote(name)).collect();
        let parents = if parents.is_empty() { String::new() } else { format!(" ({})", parents.join(", ")) };
        format!(
            "CREATE TABLE {PROBE} ({columns}, FOREIGN KEY ({columns}) REFERENCES {}{parents})",
            quote(&self.parent)
        )
    }

    fn reason(&self, schema: &Schema) -> String {
        let Self { parent, columns, parent_columns } = self;
        let key = format!("FOREIGN KEY ({})", columns.join(", "));
        let Some(table) = schema.table(parent) else {
            return match schema.view(parent).is_some() || schema.virtual_table(parent).is_some() {
                true => format!("{key} refers to {parent}, which is no ordinary table"),
                false => format!("{key} refers to table {parent}, which is not declared"),
            };
        };
        if let Some(missing) = parent_columns.iter().find(|name| table.column(name).is_none()) {
            return format!("{key} refers to {parent}.{missing}, which is not declared");
        }
        match parent_columns.as_slice() {
            [] => format!("{key} refers to the PRIMARY KEY of {parent}, which has none of as many columns"),
            names => {
                format!(
                    "{key} refers to {parent} ({}), which is neither PRIMARY KEY nor UNIQUE",
                    names.join(", ")
                )
            }
        }
    }
}
