//! A customer: what it is, when it is valid, how it is kept.

use rusqlite::{Connection, OptionalExtension, Row};

/// The longest name, in characters.
pub(crate) const NAME_LIMIT: usize = 100;
/// How many customers a page shows.
pub(crate) const PAGE: u32 = 50;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Customer {
    pub(crate) id: i64,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
}

/// A name that may be stored: trimmed, not empty, not too long, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

/// The latest customers, and how many there are in all.
#[derive(Debug)]
pub(crate) struct Latest {
    pub(crate) customers: Vec<Customer>,
    pub(crate) total: i64,
}

impl Name {
    /// Checks what somebody typed; the error is for the person who typed it. `what` begins the sentence.
    pub(crate) fn new(what: &str, typed: &str) -> Result<Self, String> {
        let name = typed.trim();
        let length = name.chars().count();
        if name.is_empty() {
            Err(format!("{what} is missing"))
        } else if length > NAME_LIMIT {
            Err(format!("{what} has {length} characters; {NAME_LIMIT} is the most that fits"))
        } else if name.chars().any(char::is_control) {
            Err(format!("{what} has a line break or another character that cannot be shown"))
        } else {
            Ok(Self(name.to_owned()))
        }
    }
}

impl Latest {
    /// Whether there are more than these.
    pub(crate) fn is_cut(&self) -> bool {
        self.total > self.customers.len() as i64
    }
}

impl Customer {
    /// Up to two letters that stand for the person.
    pub(crate) fn initials(&self) -> String {
        let first = |name: &str| name.chars().find(|c| c.is_alphanumeric()).map(char::to_uppercase);
        [&self.first_name, &self.last_name].into_iter().filter_map(|name| first(name)).flatten().collect()
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get("id")?, first_name: row.get("first_name")?, last_name: row.get("last_name")? })
    }
}

/// Adds a customer, and gives its id.
pub(crate) fn add(database: &Connection, first: &Name, last: &Name) -> rusqlite::Result<i64> {
    database.execute("INSERT INTO customers (first_name, last_name) VALUES (?1, ?2)", [&first.0, &last.0])?;
    Ok(database.last_insert_rowid())
}

/// The latest first.
pub(crate) fn latest(database: &Connection) -> rusqlite::Result<Latest> {
    let mut select = database
        .prepare_cached("SELECT id, first_name, last_name FROM customers ORDER BY id DESC LIMIT ?1")?;
    let customers = select.query_map([PAGE], Customer::from_row)?.collect::<Result<_, _>>()?;
    let total = database.query_row("SELECT count(*) FROM customers", [], |row| row.get(0))?;
    Ok(Latest { customers, total })
}

pub(crate) fn find(database: &Connection, id: i64) -> rusqlite::Result<Option<Customer>> {
    database
        .query_row("SELECT id, first_name, last_name FROM customers WHERE id = ?1", [id], Customer::from_row)
        .optional()
}

/// Reads one row, if there is one: proves that what this release needs is there and can be read.
pub(crate) fn probe(database: &Connection) -> rusqlite::Result<()> {
    let select = "SELECT id, first_name, last_name FROM customers LIMIT 1";
    database.query_row(select, [], Customer::from_row).optional().map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use insta::assert_snapshot;

    use super::*;

    fn with_customers(number: u32) -> Connection {
        let database = Connection::open_in_memory().unwrap();
        database.execute_batch(include_str!("../../schema.sql")).unwrap();
        let last = Name::new("It", "Lovelace").unwrap();
        for i in 1..=number {
            add(&database, &Name::new("It", &format!("Ada {i}")).unwrap(), &last).unwrap();
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
        assert_snapshot!(error("Ada\0"), @"First name has a line break or another character that cannot be shown");
    }

    #[test]
    fn the_latest_come_first_and_only_as_many_as_a_page_shows() {
        let latest = latest(&with_customers(52)).unwrap();
        assert_eq!(latest.total, 52);
        assert_eq!(latest.customers.len(), PAGE as usize);
        assert_eq!(latest.customers[0].first_name, "Ada 52");
        assert_eq!(latest.customers[49].first_name, "Ada 3");
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
