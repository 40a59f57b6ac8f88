//! The customers, page by page.

use rusqlite::Connection;

use super::{Customer, Search};

/// How many customers a page shows.
pub(crate) const PAGE: u32 = 50;

/// One page of those who were found, the latest first.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) customers: Vec<Customer>,
    /// How many were found, on all pages together.
    pub(crate) total: u64,
    /// From 1 on.
    pub(crate) number: u32,
    /// At least 1: also nobody is a page.
    pub(crate) pages: u32,
}

/// A page of those who are found; past the end it is empty.
pub(crate) fn page(database: &Connection, search: &Search, number: u32) -> rusqlite::Result<Page> {
    // The count and the rows are of one moment.
    let moment = database.unchecked_transaction()?;
    let total = count(&moment, search)?;
    let customers = rows(&moment, search, number)?;
    Ok(Page { customers, total, number, pages: pages(total) })
}

/// The same; past the end it is the last page.
pub(crate) fn page_or_last(database: &Connection, search: &Search, number: u32) -> rusqlite::Result<Page> {
    let asked = page(database, search, number)?;
    if asked.number <= asked.pages { Ok(asked) } else { page(database, search, asked.pages) }
}

fn count(database: &Connection, search: &Search) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM customers WHERE ?1 = '' OR finds(?1, first_name, last_name)";
    database.prepare_cached(sql)?.query_row([search.words()], |row| row.get(0))
}

fn rows(database: &Connection, search: &Search, number: u32) -> rusqlite::Result<Vec<Customer>> {
    let mut select = database.prepare_cached(
        "SELECT id, first_name, last_name FROM customers WHERE ?1 = '' OR finds(?1, first_name, last_name)
         ORDER BY id DESC LIMIT ?2 OFFSET ?3",
    )?;
    let before = u64::from(number.saturating_sub(1)) * u64::from(PAGE);
    select.query_map((search.words(), PAGE, before), Customer::from_row)?.collect()
}

fn pages(total: u64) -> u32 {
    u32::try_from(total.div_ceil(PAGE.into())).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::tests::with_customers;
    use super::*;

    fn all(database: &Connection, number: u32) -> Page {
        page(database, &Search::new(""), number).unwrap()
    }

    fn ids(page: &Page) -> Vec<i64> {
        page.customers.iter().map(|customer| customer.id).collect()
    }

    #[test]
    fn the_latest_come_first_and_only_as_many_as_a_page_shows() {
        let database = with_customers(52);
        let first = all(&database, 1);
        assert_eq!((first.total, first.pages), (52, 2));
        assert_eq!(ids(&first), (3..=52).rev().collect::<Vec<_>>());
        assert_eq!(ids(&all(&database, 2)), [2, 1]);
    }

    #[test]
    fn a_full_page_is_one_and_one_more_customer_makes_two() {
        let pages = |number| all(&with_customers(number), 1).pages;
        assert_eq!([0, 1, 50, 51, 100, 101].map(pages), [1, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn a_page_past_the_end_is_empty_or_the_last_one_as_asked() {
        let database = with_customers(51);
        let past = all(&database, 3);
        assert_eq!((past.number, past.pages, past.total, ids(&past)), (3, 2, 51, vec![]));
        let last = page_or_last(&database, &Search::new(""), u32::MAX).unwrap();
        assert_eq!((last.number, ids(&last)), (2, vec![1]));
        assert_eq!(ids(&all(&database, u32::MAX)), [0; 0]);
    }

    #[test]
    fn a_search_is_counted_and_paged_by_what_it_found() {
        let found = page(&with_customers(60), &Search::new("LOVE ada 5"), 1).unwrap();
        assert_eq!((found.total, found.pages), (15, 1));
        assert_eq!(ids(&found), [59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 45, 35, 25, 15, 5]);
    }
}
