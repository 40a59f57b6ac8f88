//! `@using`: a value for rows that exist, and what it acts on. By that name it is known whether it has acted.

use crate::ddl;
use crate::object::in_directive;
use crate::schema::{Column, ForeignKey, KeyColumn, Schema, Table, as_columns, canonical_in};
use crate::token::{Token, canonical_type, fold, renamed, tokenize};

/// `@using EXPRESSION`, with `from=` a type or `new`, or with `for=` a rule
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
    /// Columns and tables that are declared under another name than they have here: declared, and here.
    pub(crate) renamed: &'s [(String, String)],
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
            (ActsOn::Rule(rule), Some(was)) if rule.is_met(was, declared) => Turn::HasActed,
            // Another spelling of what it acted for, perhaps.
            (ActsOn::Rule(rule), Some(was)) if rules(was).iter().any(|other| other.is_like(rule)) => {
                Turn::Unclear
            }
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
    let there = rules(was);
    let rules = rules(declared).into_iter().filter(|rule| !there.iter().any(|other| other.is_like(rule)));
    found.extend(rules.map(ActsOn::Rule));
    found
}

/// A key: its columns, and the condition of a partial index.
type KeyOf<'s> = (&'s [KeyColumn], Option<&'s String>);

fn keys(place: ColumnOf<'_>, primary: bool) -> Vec<KeyOf<'_>> {
    let ColumnOf { schema, table, .. } = place;
    if primary {
        return table.primary_key.iter().map(|key| (key.columns.as_slice(), None)).collect();
    }
    let indexes = schema.indexes.iter().filter(|i| i.unique && i.table.eq_ignore_ascii_case(&table.name));
    let indexes = indexes.map(|index| (index.columns.as_slice(), index.condition.as_ref()));
    table.uniques.iter().map(|key| (key.columns.as_slice(), None)).chain(indexes).collect()
}

/// Every rule that is declared of a column.
fn rules(place: ColumnOf<'_>) -> Vec<Rule> {
    let ColumnOf { table, column, .. } = place;
    let about = |expression: &str| mentions(expression, &column.name);
    let mut found = Vec::new();
    if column.not_null.is_some() {
        found.push(Rule::NotNull);
    }
    found.extend(table.checks.iter().filter(|check| about(check)).map(|check| Rule::Check(check.clone())));
    let named = |columns: String| if columns == fold(&column.name) { String::new() } else { columns };
    let primary = keys(place, true).into_iter().map(|(columns, _)| as_columns(columns));
    found.extend(primary.filter(|key| about(key)).map(|key| Rule::PrimaryKey(named(key))));
    let uniques = keys(place, false).into_iter().map(|(columns, _)| as_columns(columns));
    found.extend(uniques.filter(|key| about(key)).map(|key| Rule::Unique(named(key))));
    let references = table.foreign_keys.iter().filter(|key| key.columns.contains(&fold(&column.name)));
    found.extend(references.map(|key| Rule::References(key.parent.clone())));
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

    /// Whether both are of one kind: a key is one, primary or not.
    fn is_like(&self, other: &Self) -> bool {
        let kind = |rule: &Self| match rule {
            Self::NotNull => 0,
            Self::Strict => 1,
            Self::Collate(_) => 2,
            Self::Check(_) => 3,
            Self::References(_) => 4,
            Self::Unique(_) | Self::PrimaryKey(_) => 5,
        };
        kind(self) == kind(other)
    }

    /// Whether a schema has it of a column, as far as it says.
    fn holds(&self, place: ColumnOf<'_>) -> bool {
        let ColumnOf { table, column, .. } = place;
        match self {
            Self::NotNull => column.not_null.is_some(),
            Self::Strict => table.strict,
            Self::Collate(name) => column.collation == *name,
            Self::References(_) => self.references(place).next().is_some(),
            Self::Check(text) => table.checks.contains(&canonical_in(&here(text, place), table)),
            Self::PrimaryKey(_) | Self::Unique(_) => !self.named_keys(place).is_empty(),
        }
    }

    /// Whether the live column has it just as it is declared.
    fn is_met(&self, was: ColumnOf<'_>, declared: ColumnOf<'_>) -> bool {
        match self {
            Self::NotNull | Self::Strict | Self::Collate(_) | Self::Check(_) => self.holds(was),
            Self::References(_) => {
                let columns = |key: &ForeignKey| key.parent_columns.clone();
                let there: Vec<_> = self.references(was).map(columns).collect();
                self.references(declared).map(columns).any(|columns| there.contains(&columns))
            }
            Self::PrimaryKey(_) | Self::Unique(_) => {
                let there = keys(was, matches!(self, Self::PrimaryKey(_)));
                let same = |key: &KeyOf<'_>| there.iter().any(|other| same_key(*key, *other, was));
                self.named_keys(declared).iter().any(same)
            }
        }
    }

    /// The foreign keys of a column to the parent that is named.
    fn references<'s>(&self, place: ColumnOf<'s>) -> impl Iterator<Item = &'s ForeignKey> {
        let parent = match self {
            Self::References(parent) => fold(&name_here(parent, place)),
            _ => String::new(),
        };
        let column = fold(&place.column.name);
        place
            .table
            .foreign_keys
            .iter()
            .filter(move |key| key.parent == parent && key.columns.contains(&column))
    }

    /// The keys of the columns that are named.
    fn named_keys<'s>(&self, place: ColumnOf<'s>) -> Vec<KeyOf<'s>> {
        let (text, primary) = match self {
            Self::PrimaryKey(text) => (text, true),
            Self::Unique(text) => (text, false),
            _ => return Vec::new(),
        };
        let text = if text.is_empty() { place.column.name.clone() } else { here(text, place) };
        let wanted = canonical_list(&text, place.table);
        let is_it = |(columns, _): &KeyOf<'_>| canonical_list(&as_columns(columns), place.table) == wanted;
        keys(place, primary).into_iter().filter(is_it).collect()
    }
}

/// Whether a declared key and a live one hold the same.
fn same_key((new, condition): KeyOf<'_>, (old, old_condition): KeyOf<'_>, was: ColumnOf<'_>) -> bool {
    let expression = |text: &str| canonical_in(&here(text, was), was.table);
    let same = |(new, old): (&KeyColumn, &KeyColumn)| {
        expression(&new.expression) == canonical_in(&old.expression, was.table)
            && new.collation == old.collation
    };
    new.len() == old.len()
        && new.iter().zip(old).all(same)
        && condition.map(|text| expression(text)) == old_condition.map(|text| canonical_in(text, was.table))
}

/// A text with every name that is declared otherwise as it is here.
fn here(text: &str, place: ColumnOf<'_>) -> String {
    renamed(text, place.renamed)
}

fn name_here(name: &str, place: ColumnOf<'_>) -> String {
    let renamed = place.renamed.iter().find(|(to, _)| to.eq_ignore_ascii_case(name));
    renamed.map_or_else(|| name.to_owned(), |(_, from)| from.clone())
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
            Self::References(parent) => write!(f, "REFERENCES {}", in_directive(parent)),
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
