//! `@using`: a value for rows that exist, and what it acts on. By that name it is known whether it has acted.

use crate::ddl;
use crate::schema::{Column, Schema, Table, as_columns, canonical_in};
use crate::token::{Token, canonical_type, fold, tokenize};

/// `@using EXPRESSION [from=TYPE|new] [for=RULE]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Using {
    /// SQL over the old row.
    pub(crate) expression: String,
    pub(crate) acts_on: ActsOn,
}

/// The state of a column that an `@using` changes. Afterwards the column is in another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ActsOn {
    /// Not written: a column that is new.
    Unsaid,
    /// `from=new`
    New,
    /// `from=TYPE`, in canonical spelling: a column of another type than the declared one.
    Type(String),
    /// `for=RULE`: a column that the rule does not hold for yet.
    Rule(Rule),
}

/// What a declared column may ask of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    NotNull,
    Strict,
    Collate(String),
    /// The text in the parentheses; empty for the column alone.
    Unique(String),
    PrimaryKey(String),
    Check(String),
    References(String),
}

impl From<Rule> for ActsOn {
    fn from(rule: Rule) -> Self {
        Self::Rule(rule)
    }
}

/// What an `@using` does in a database.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Acts,
    /// The column is as it is declared to be, in what the directive is about.
    HasActed,
    /// Neither is certain.
    Unclear,
}

/// A table and one of its columns, in the schema that it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct ColumnOf<'s> {
    pub(crate) schema: &'s Schema,
    pub(crate) table: &'s Table,
    pub(crate) column: &'s Column,
}

impl Using {
    /// `None` where there is no expression that ends on its line.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let tokens = tokenize(text).ok()?;
        let (at, acts_on) = acts_on(text, &tokens).unwrap_or((tokens.len(), ActsOn::Unsaid));
        Some(Self { expression: expression(text, tokens.get(..at)?)?, acts_on })
    }

    /// Whether it acts on the live column `was`, which feeds the declared one.
    pub(crate) fn turn(&self, was: Option<ColumnOf<'_>>, declared: ColumnOf<'_>) -> Turn {
        match (&self.acts_on, was) {
            (ActsOn::Unsaid | ActsOn::New, None) => Turn::Acts,
            (ActsOn::Type(_) | ActsOn::Rule(_), None) => Turn::Unclear,
            (ActsOn::New, Some(_)) => Turn::HasActed,
            (ActsOn::Unsaid, Some(was)) => match needs(was, declared).is_empty() {
                true => Turn::HasActed,
                false => Turn::Unclear,
            },
            (ActsOn::Type(_), Some(was)) if was.column.type_ == declared.column.type_ => Turn::HasActed,
            (ActsOn::Type(from), Some(was)) if was.column.type_ == *from => Turn::Acts,
            (ActsOn::Type(_), Some(_)) => Turn::Unclear,
            (ActsOn::Rule(rule), Some(was)) if rule.holds(was) => Turn::HasActed,
            (ActsOn::Rule(_), Some(_)) => Turn::Acts,
        }
    }

    /// Why it can act on no database, if so: the end of a sentence that begins with the directive.
    pub(crate) fn contradiction(&self, declared: ColumnOf<'_>) -> Option<String> {
        match &self.acts_on {
            ActsOn::Type(from) if *from == declared.column.type_ => {
                Some(format!("acts on type {}, which is the declared type", shown(from)))
            }
            ActsOn::Rule(rule) if !rule.holds(declared) || !rule.is_about(&declared.column.name) => {
                Some(format!("is for {rule}, which is not declared of this column"))
            }
            _ => None,
        }
    }
}

/// What there is to name behind an `@using` of a column that is there and is declared otherwise: `from=REAL`, `for=NOT NULL`.
///
/// Most certain first; empty where no value has to change.
pub(crate) fn needs(was: ColumnOf<'_>, declared: ColumnOf<'_>) -> Vec<ActsOn> {
    let (old, new) = (was.column, declared.column);
    let mut found = Vec::new();
    if old.affinity(was.table.strict) != new.affinity(declared.table.strict) && old.type_ != new.type_ {
        found.push(ActsOn::Type(old.type_.clone()));
    }
    let rules = rules(declared).into_iter().filter(|rule| !rule.holds(was));
    found.extend(rules.map(ActsOn::Rule));
    found
}

/// Every rule that is declared of a column.
fn rules(place: ColumnOf<'_>) -> Vec<Rule> {
    let ColumnOf { schema, table, column } = place;
    let about = |expression: &str| mentions(expression, &column.name);
    let mut found = Vec::new();
    if column.not_null.is_some() {
        found.push(Rule::NotNull);
    }
    found.extend(table.checks.iter().filter(|check| about(check)).map(|check| Rule::Check(check.clone())));
    let named = |columns: String| if columns == fold(&column.name) { String::new() } else { columns };
    let primary = table.primary_key.iter().map(|key| as_columns(&key.columns));
    found.extend(primary.filter(|key| about(key)).map(|key| Rule::PrimaryKey(named(key))));
    let indexes = schema.indexes.iter().filter(|i| i.unique && i.table.eq_ignore_ascii_case(&table.name));
    let uniques = table.uniques.iter().map(|key| &key.columns).chain(indexes.map(|index| &index.columns));
    let uniques = uniques.map(|columns| as_columns(columns)).filter(|key| about(key));
    found.extend(uniques.map(|key| Rule::Unique(named(key))));
    let keys = table.foreign_keys.iter().filter(|key| key.columns.contains(&fold(&column.name)));
    found.extend(keys.map(|key| Rule::References(key.parent.clone())));
    if column.collation != "binary" {
        found.push(Rule::Collate(column.collation.clone()));
    }
    if table.strict {
        found.push(Rule::Strict);
    }
    found
}

/// Whether an expression, or a list of them, names a column.
pub(crate) fn mentions(expression: &str, column: &str) -> bool {
    tokenize(expression).unwrap_or_default().iter().any(|token| token.name().eq_ignore_ascii_case(column))
}

impl Rule {
    fn parse(text: &str, tokens: &[Token<'_>]) -> Option<Self> {
        let inside = |open: usize| {
            let ends = tokens.get(open)?.is_symbol("(") && tokens.last()?.is_symbol(")");
            ends.then(|| text[tokens[open].end()..tokens[tokens.len() - 1].start].trim().to_owned())
        };
        let listed = |open: usize| if tokens.len() == open { Some(String::new()) } else { inside(open) };
        let word = |at: usize, word: &str| tokens.get(at).is_some_and(|t| t.is(word));
        match tokens {
            [_, _] if word(0, "NOT") && word(1, "NULL") => Some(Self::NotNull),
            [_] if word(0, "STRICT") => Some(Self::Strict),
            [_, name] if word(0, "COLLATE") => Some(Self::Collate(fold(&name.name()))),
            [_, name] if word(0, "REFERENCES") => Some(Self::References(fold(&name.name()))),
            [_, ..] if word(0, "UNIQUE") => listed(1).map(Self::Unique),
            [_, _, ..] if word(0, "PRIMARY") && word(1, "KEY") => listed(2).map(Self::PrimaryKey),
            [_, ..] if word(0, "CHECK") => inside(1).map(Self::Check),
            _ => None,
        }
    }

    fn is_about(&self, column: &str) -> bool {
        match self {
            Self::Check(text) => mentions(text, column),
            Self::Unique(text) | Self::PrimaryKey(text) => text.is_empty() || mentions(text, column),
            Self::NotNull | Self::Strict | Self::Collate(_) | Self::References(_) => true,
        }
    }

    /// Whether a schema has it of a column.
    fn holds(&self, place: ColumnOf<'_>) -> bool {
        let ColumnOf { schema, table, column } = place;
        let keyed = |text: &str, columns: String| {
            let text = if text.is_empty() { &column.name } else { text };
            canonical_list(text, table) == canonical_list(&columns, table)
        };
        match self {
            Self::NotNull => column.not_null.is_some(),
            Self::Strict => table.strict,
            Self::Collate(name) => column.collation == *name,
            Self::References(parent) => {
                let of_column = |columns: &[String]| columns.contains(&fold(&column.name));
                table.foreign_keys.iter().any(|key| key.parent == *parent && of_column(&key.columns))
            }
            Self::Check(text) => table.checks.contains(&canonical_in(text, table)),
            Self::PrimaryKey(text) => {
                table.primary_key.as_ref().is_some_and(|key| keyed(text, as_columns(&key.columns)))
            }
            Self::Unique(text) => {
                let of_table = |table_name: &str| table_name.eq_ignore_ascii_case(&table.name);
                let indexes = schema.indexes.iter().filter(|i| i.unique && of_table(&i.table));
                let keys = table.uniques.iter().map(|key| &key.columns).chain(indexes.map(|i| &i.columns));
                keys.map(|columns| as_columns(columns)).any(|columns| keyed(text, columns))
            }
        }
    }
}

/// The parts of a list, each in canonical spelling.
fn canonical_list(text: &str, table: &Table) -> Vec<String> {
    let tokens = tokenize(text).unwrap_or_default();
    let parts = ddl::items(&tokens, 0..tokens.len()).into_iter();
    let texts =
        parts.filter_map(|part| Some(&text[tokens.get(part.start)?.start..tokens.get(part.end - 1)?.end()]));
    texts.map(|part| canonical_in(part, table)).collect()
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let listed = |columns: &str| if columns.is_empty() { String::new() } else { format!(" ({columns})") };
        match self {
            Self::NotNull => f.write_str("NOT NULL"),
            Self::Strict => f.write_str("STRICT"),
            Self::Collate(name) => write!(f, "COLLATE {}", name.to_uppercase()),
            Self::Unique(columns) => write!(f, "UNIQUE{}", listed(columns)),
            Self::PrimaryKey(columns) => write!(f, "PRIMARY KEY{}", listed(columns)),
            Self::Check(expression) => write!(f, "CHECK ({expression})"),
            Self::References(parent) => write!(f, "REFERENCES {parent}"),
        }
    }
}

/// As it is written behind an expression; nothing for a column that is new.
impl std::fmt::Display for ActsOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsaid => Ok(()),
            Self::New => f.write_str(" from=new"),
            Self::Type(type_) => write!(f, " from={}", shown(type_)),
            Self::Rule(rule) => write!(f, " for={rule}"),
        }
    }
}

/// A type as `from=` takes it.
pub(crate) fn shown(type_: &str) -> String {
    if type_.is_empty() || type_ == "new" { format!("\"{type_}\"") } else { type_.to_uppercase() }
}

/// Where `from=` or `for=` begins, outside all parentheses, and what it says. Whatever else stands there is an expression.
fn acts_on(text: &str, tokens: &[Token<'_>]) -> Option<(usize, ActsOn)> {
    let at = (0..tokens.len()).rev().find(|at| {
        let word = ["FROM", "FOR"].iter().any(|word| tokens[*at].is(word));
        word && tokens.get(at + 1).is_some_and(|t| t.is_symbol("=")) && is_outside(&tokens[..*at])
    })?;
    let value = tokens.get(at + 2..).filter(|value| !value.is_empty())?;
    let (first, last) = (value.first()?, value.last()?);
    let acts_on = match tokens[at].is("FOR") {
        true => ActsOn::Rule(Rule::parse(text, value)?),
        false if value.len() == 1 && first.is("NEW") => ActsOn::New,
        false if value.len() == 1 => ActsOn::Type(canonical_type(&first.name())),
        false => ActsOn::Type(canonical_type(&text[first.start..last.end()])),
    };
    Some((at, acts_on))
}

fn is_outside(tokens: &[Token<'_>]) -> bool {
    let count = |symbol| tokens.iter().filter(|t| t.is_symbol(symbol)).count();
    count("(") == count(")")
}

/// An expression that can stand in parentheses, without a comment behind it.
fn expression(text: &str, tokens: &[Token<'_>]) -> Option<String> {
    let mut open = 0usize;
    for token in tokens {
        if token.is_symbol("(") {
            open += 1;
        } else if token.is_symbol(")") {
            open = open.checked_sub(1)?;
        } else if token.is_symbol(";") {
            return None;
        }
    }
    let (first, last) = (tokens.first()?, tokens.last()?);
    (open == 0).then(|| text[first.start..last.end()].to_owned())
}
