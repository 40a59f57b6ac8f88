//! A customer: what it is, when it is valid, how it is kept.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

/// The longest name, in characters.
pub(crate) const NAME_LIMIT: usize = 100;

/// In JSON as the API answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Customer {
    pub(crate) id: i64,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
}

/// A name that may be stored: trimmed, not empty, not too long, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

/// A customer as somebody typed it. A field that is missing is an empty one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    pub(crate) first_name: String,
    pub(crate) last_name: String,
}

/// A customer that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    first: Name,
    last: Name,
}

/// What is wrong with what somebody typed, each beside its field.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
}

impl Name {
    /// Checks what somebody typed; the error is for the person who typed it. `what` begins the sentence.
    pub(crate) fn new(what: &str, typed: &str) -> Result<Self, String> {
        let name = typed.trim();
        let length = name.chars().count();
        if !name.chars().any(is_seen) {
            Err(format!("{what} is missing"))
        } else if length > NAME_LIMIT {
            Err(format!("{what} has {length} characters; {NAME_LIMIT} is the most that fits"))
        } else if name.chars().any(is_harmful) {
            Err(format!("{what} has a line break or another character that cannot be shown"))
        } else {
            Ok(Self(name.to_owned()))
        }
    }
}

/// Whether a character leaves a mark, or takes up room with others that do: of a name that has none nobody could see a thing.
/// By Unicode's property Default_Ignorable_Code_Point, and the blanks that are letters or symbols to it.
fn is_seen(c: char) -> bool {
    !c.is_whitespace()
        && !c.is_control()
        && !matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether a character breaks the line, or turns the direction of what comes after the name as well.
fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

impl Typed {
    pub(crate) fn check(&self) -> Result<Names, Wrong> {
        let first = Name::new("First name", &self.first_name);
        let last = Name::new("Last name", &self.last_name);
        match (first, last) {
            (Ok(first), Ok(last)) => Ok(Names { first, last }),
            (first, last) => Err(Wrong { first_name: first.err(), last_name: last.err() }),
        }
    }
}

impl Names {
    /// The customer of these names.
    pub(crate) fn customer(&self, id: i64) -> Customer {
        Customer { id, first_name: self.first.0.clone(), last_name: self.last.0.clone() }
    }
}

impl Wrong {
    /// Each field that is wrong, with the reason.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = [("first_name", &self.first_name), ("last_name", &self.last_name)];
        fields.into_iter().filter_map(|(field, error)| Some((field, error.as_deref()?)))
    }
}

impl Customer {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }

    /// Up to two letters that stand for the person.
    pub(crate) fn initials(&self) -> String {
        let first = |name: &str| name.chars().find(|c| c.is_alphanumeric()).map(char::to_uppercase);
        [&self.first_name, &self.last_name].into_iter().filter_map(|name| first(name)).flatten().collect()
    }

    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        // Of `id, first_name, last_name`, by their places: to look names up took longer than to read fifty rows.
        Ok(Self { id: row.get(0)?, first_name: row.get(1)?, last_name: row.get(2)? })
    }
}

/// Adds a customer, and gives its id.
pub(crate) fn add(database: &Connection, names: &Names) -> rusqlite::Result<i64> {
    let insert = "INSERT INTO customers (first_name, last_name) VALUES (?1, ?2)";
    database.prepare_cached(insert)?.insert((&names.first.0, &names.last.0))
}

/// Gives a customer other names; false when there is none of this id.
pub(crate) fn change(database: &Connection, id: i64, names: &Names) -> rusqlite::Result<bool> {
    let update = "UPDATE customers SET first_name = ?2, last_name = ?3 WHERE id = ?1";
    Ok(database.execute(update, (id, &names.first.0, &names.last.0))? > 0)
}

/// Deletes a customer; false when there is none of this id.
pub(crate) fn delete(database: &Connection, id: i64) -> rusqlite::Result<bool> {
    Ok(database.execute("DELETE FROM customers WHERE id = ?1", [id])? > 0)
}

pub(crate) fn find(database: &Connection, id: i64) -> rusqlite::Result<Option<Customer>> {
    let select = "SELECT id, first_name, last_name FROM customers WHERE id = ?1";
    database.prepare_cached(select)?.query_row([id], Customer::from_row).optional()
}

/// Reads one row, if there is one: proves that what this release needs is there and can be read.
pub(crate) fn probe(database: &Connection) -> rusqlite::Result<()> {
    let select = "SELECT id, first_name, last_name FROM customers LIMIT 1";
    database.query_row(select, [], Customer::from_row).optional().map(drop)
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use insta::assert_snapshot;

    use super::super::search::register;
    use super::*;

    fn names(first: &str, last: &str) -> Names {
        Typed { first_name: first.into(), last_name: last.into() }.check().unwrap()
    }

    pub(in super::super) fn with_customers(number: u32) -> Connection {
        let database = Connection::open_in_memory().unwrap();
        register(&database).unwrap();
        database.execute_batch(include_str!("../../../schema.sql")).unwrap();
        for i in 1..=number {
            add(&database, &names(&format!("Ada {i}"), "Lovelace")).unwrap();
        }
        database
    }

    #[test]
    fn a_name_is_trimmed_and_keeps_every_other_character() {
        assert_eq!(Name::new("It", "  Zoë \u{3000}").unwrap().0, "Zoë");
        assert_eq!(Name::new("It", "<b>O'Neil & \"Søn\"</b>").unwrap().0, "<b>O'Neil & \"Søn\"</b>");
    }

    #[test]
    fn a_name_as_long_as_the_limit_is_counted_in_characters() {
        assert!(Name::new("It", &"ë".repeat(NAME_LIMIT)).is_ok());
        assert!(Name::new("It", &"ë".repeat(NAME_LIMIT + 1)).is_err());
    }

    #[test]
    fn a_name_that_cannot_be_stored_is_explained() {
        let error = |typed: &str| Name::new("First name", typed).unwrap_err();
        assert_snapshot!(error(" \t "), @"First name is missing");
        assert_snapshot!(error(&"x".repeat(101)), @"First name has 101 characters; 100 is the most that fits");
        assert_snapshot!(error("Ada\nLovelace"), @"First name has a line break or another character that cannot be shown");
        for unseen in ["\u{200B}", "\u{FEFF}\u{2060}", "\u{3164}", "\u{2800} \u{AD}", "\u{E0041}", "\u{202E}"]
        {
            assert_eq!(error(unseen), "First name is missing", "{unseen:?}");
        }
        for harmful in ["A\u{2028}da", "\u{202E}Ada", "A\u{2066}da"] {
            assert!(error(harmful).contains("cannot be shown"), "{harmful:?}");
        }
        // Part of how some names are written.
        assert!(Name::new("It", "می\u{200C}نا").is_ok());
        assert_snapshot!(error("Ada\0"), @"First name has a line break or another character that cannot be shown");
    }

    #[test]
    fn both_names_are_checked_before_one_is_refused() {
        let wrong = Typed::default().check().unwrap_err();
        assert_eq!(wrong.first_name.as_deref(), Some("First name is missing"));
        assert_eq!(wrong.last_name.as_deref(), Some("Last name is missing"));
    }

    #[test]
    fn only_the_customer_of_that_id_is_changed_or_deleted() {
        let database = with_customers(3);
        assert!(change(&database, 2, &names("Grace", "Hopper")).unwrap());
        let grace = find(&database, 2).unwrap().unwrap();
        assert_eq!((grace.first_name.as_str(), grace.last_name.as_str()), ("Grace", "Hopper"));
        assert_eq!(find(&database, 1).unwrap().unwrap().first_name, "Ada 1");
        assert!(delete(&database, 2).unwrap());
        assert_eq!(find(&database, 2).unwrap(), None);
        assert!(find(&database, 3).unwrap().is_some());
    }

    #[test]
    fn a_customer_who_is_gone_can_be_neither_changed_nor_deleted() {
        let database = with_customers(1);
        assert!(!change(&database, 2, &names("Grace", "Hopper")).unwrap());
        assert!(!delete(&database, 2).unwrap());
    }

    #[test]
    fn a_number_is_never_given_again_so_that_an_old_page_cannot_change_somebody_else() {
        let database = with_customers(3);
        assert!(delete(&database, 3).unwrap());
        assert_eq!(add(&database, &names("Grace", "Hopper")).unwrap(), 4);
    }

    #[test]
    fn initials_are_at_most_the_two_names_first_letters() {
        let customer = Customer { id: 1, first_name: "\"éva".into(), last_name: String::new() };
        assert_eq!(customer.initials(), "É");
    }

    #[test]
    fn the_probe_reads_the_table_and_not_only_the_file() {
        let database = Connection::open_in_memory().unwrap();
        assert!(probe(&database).is_err());
        assert!(probe(&with_customers(0)).is_ok());
        assert!(probe(&with_customers(1)).is_ok());
    }
}
