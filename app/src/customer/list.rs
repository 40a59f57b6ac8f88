//! The customers, page by page. A page begins beside a customer, and not after so many: it costs the same however far down it is.

use rusqlite::{CachedStatement, Connection, params_from_iter};

use super::record::Customer;
use super::search::Search;

/// How many customers a page shows.
pub(crate) const PAGE: usize = 50;
/// As far as those who were found are counted: to count a million takes a quarter of a second, and helps nobody.
const COUNTED: u64 = 1000;

/// Where a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Newest,
    /// The next ones older than this customer, whether or not there is one.
    Before(i64),
    /// The next ones newer than this customer.
    After(i64),
}

/// One page of those who were found, the latest first.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) customers: Vec<Customer>,
    pub(crate) found: Found,
    /// Where the page with newer ones is; `None` on the first.
    pub(crate) newer: Option<Place>,
    /// Where the page with older ones is; `None` on the last.
    pub(crate) older: Option<Place>,
}

/// How many were found, on all pages together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Exactly(u64),
    MoreThan(u64),
}

/// The page of those who are found there; past an end it is empty.
pub(crate) fn page(database: &Connection, search: &Search, place: Place) -> rusqlite::Result<Page> {
    // The count and the rows are of one moment.
    let moment = database.unchecked_transaction()?;
    let mut customers = rows(&moment, search, place, PAGE + 1)?;
    let more = customers.len() > PAGE;
    customers.truncate(PAGE);
    // Who is all on the first page is counted already.
    let found = if place == Place::Newest && !more {
        Found::Exactly(customers.len() as u64)
    } else {
        count(&moment, search)?
    };
    if let Place::After(_) = place {
        customers.reverse();
    }
    let beside = |place: Option<Place>| -> rusqlite::Result<Option<Place>> {
        let Some(place) = place else { return Ok(None) };
        Ok((!rows(&moment, search, place, 1)?.is_empty()).then_some(place))
    };
    let newer = customers.first().map(|first| Place::After(first.id));
    let older = customers.last().map(|last| Place::Before(last.id));
    // In the direction that it was read in it is known whether there are more.
    let (newer, older) = match place {
        Place::Newest => (None, older.filter(|_| more)),
        Place::Before(_) => (beside(newer)?, older.filter(|_| more)),
        Place::After(_) => (newer.filter(|_| more), beside(older)?),
    };
    Ok(Page { customers, found, newer, older })
}

/// At most so many: from the newest on, or from the oldest after a customer.
fn rows(
    database: &Connection,
    search: &Search,
    place: Place,
    limit: usize,
) -> rusqlite::Result<Vec<Customer>> {
    let words = search.words();
    let (beside, order) = match place {
        Place::Newest => ("", "DESC"),
        Place::Before(_) => ("AND id < ?1", "DESC"),
        Place::After(_) => ("AND id > ?1", "ASC"),
    };
    let found = if words.is_empty() { "" } else { "AND finds(?2, first_name, last_name)" };
    // SQLite plans by the limit. Bound, it would prepare the statement again each time, as long as all else of a page takes
    // (`a_list_is_prepared_once`).
    let sql = format!(
        "SELECT id, first_name, last_name FROM customers WHERE TRUE {beside} {found} ORDER BY id {order} LIMIT {limit}"
    );
    let mut select: CachedStatement<'_> = database.prepare_cached(&sql)?;
    if let Place::Before(id) | Place::After(id) = place {
        select.raw_bind_parameter(1, id)?;
    }
    if !words.is_empty() {
        select.raw_bind_parameter(2, words)?;
    }
    select.raw_query().mapped(Customer::from_row).collect()
}

fn count(database: &Connection, search: &Search) -> rusqlite::Result<Found> {
    const LIMIT: u64 = COUNTED + 1;
    let words = Some(search.words()).filter(|words| !words.is_empty());
    let found = words.map_or("", |_| "WHERE finds(?1, first_name, last_name)");
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM customers {found} LIMIT {LIMIT})");
    let counted: u64 = database.prepare_cached(&sql)?.query_row(params_from_iter(words), |row| row.get(0))?;
    Ok(if counted > COUNTED { Found::MoreThan(COUNTED) } else { Found::Exactly(counted) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

    use super::super::record::tests::with_customers;
    use super::*;

    fn all(database: &Connection, place: Place) -> Page {
        page(database, &Search::new("").unwrap(), place).unwrap()
    }

    fn ids(page: &Page) -> Vec<i64> {
        page.customers.iter().map(|customer| customer.id).collect()
    }

    #[test]
    fn the_latest_come_first_and_only_as_many_as_a_page_shows() {
        let database = with_customers(102);
        let first = all(&database, Place::Newest);
        assert_eq!(ids(&first), (53..=102).rev().collect::<Vec<_>>());
        assert_eq!(
            (first.found, first.newer, first.older),
            (Found::Exactly(102), None, Some(Place::Before(53)))
        );
        let second = all(&database, Place::Before(53));
        assert_eq!(ids(&second), (3..=52).rev().collect::<Vec<_>>());
        assert_eq!((second.newer, second.older), (Some(Place::After(52)), Some(Place::Before(3))));
        let third = all(&database, Place::Before(3));
        assert_eq!((ids(&third), third.newer, third.older), (vec![2, 1], Some(Place::After(2)), None));
        let back = all(&database, Place::After(2));
        assert_eq!((ids(&back), back.newer, back.older), (ids(&second), second.newer, second.older));
        let start = all(&database, Place::After(52));
        assert_eq!((ids(&start), start.newer, start.older), (ids(&first), None, first.older));
    }

    #[test]
    fn a_full_page_is_one_and_one_more_customer_makes_two() {
        let more = |number| all(&with_customers(number), Place::Newest).older.is_some();
        assert_eq!([0, 1, 50, 51].map(more), [false, false, false, true]);
    }

    #[test]
    fn past_an_end_nobody_is_found() {
        let database = with_customers(51);
        for place in [Place::Before(1), Place::Before(i64::MIN), Place::After(51), Place::After(i64::MAX)] {
            let past = all(&database, place);
            assert_eq!((ids(&past), past.found), (vec![], Found::Exactly(51)), "{place:?}");
            assert_eq!((past.newer, past.older), (None, None));
        }
        assert_eq!(ids(&all(&database, Place::Before(i64::MAX))).len(), PAGE);
    }

    #[test]
    fn a_search_is_counted_and_paged_by_what_it_found() {
        let found = page(&with_customers(60), &Search::new("LOVE ada 5").unwrap(), Place::Newest).unwrap();
        assert_eq!(found.found, Found::Exactly(15));
        assert_eq!(ids(&found), [59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 45, 35, 25, 15, 5]);
        let ada = Search::new("ada").unwrap();
        let second = page(&with_customers(60), &ada, Place::Before(11)).unwrap();
        assert_eq!((second.found, ids(&second)), (Found::Exactly(60), (1..=10).rev().collect()));
        let first = page(&with_customers(60), &ada, Place::After(10)).unwrap();
        assert_eq!(ids(&first), (11..=60).rev().collect::<Vec<_>>());
    }

    #[test]
    fn no_more_are_counted_than_helps() {
        let database = with_customers(1000);
        assert_eq!(all(&database, Place::Newest).found, Found::Exactly(1000));
        database
            .execute_batch("INSERT INTO customers (first_name, last_name) VALUES ('Ada', 'King')")
            .unwrap();
        assert_eq!(all(&database, Place::Newest).found, Found::MoreThan(1000));
        let found = page(&database, &Search::new("ada").unwrap(), Place::Newest).unwrap().found;
        assert_eq!(found, Found::MoreThan(1000));
    }

    #[test]
    fn a_list_is_prepared_once() {
        let mut database = with_customers(2000);
        let prepared = Arc::new(AtomicU64::default());
        let counting = Arc::clone(&prepared);
        // SQLite asks it about every statement that it prepares, and never about one that is prepared.
        let asked = move |context: AuthContext<'_>| {
            counting.fetch_add(u64::from(context.action == AuthAction::Select), Ordering::Relaxed);
            Authorization::Allow
        };
        database.authorizer(Some(asked)).unwrap();
        let list = |id: i64| {
            for words in ["", "ada", "love"].map(|typed| Search::new(typed).unwrap()) {
                for place in [Place::Newest, Place::Before(id), Place::After(id)] {
                    page(&database, &words, place).unwrap();
                }
            }
        };
        list(1000);
        let first = prepared.swap(0, Ordering::Relaxed);
        list(1500);
        assert_eq!((first > 0, prepared.load(Ordering::Relaxed)), (true, 0));
    }

    #[test]
    fn a_list_without_a_search_reads_no_more_rows_where_there_are_more() {
        let steps = |number| {
            let mut database = with_customers(number);
            let listed = [Place::Newest, Place::Before(1500), Place::After(1500), Place::Before(70)];
            listed.map(|place| {
                let counted = Arc::new(AtomicU64::default());
                let counting = Arc::clone(&counted);
                let count = move || {
                    counting.fetch_add(1, Ordering::Relaxed);
                    false
                };
                database.progress_handler(1, Some(count)).unwrap();
                all(&database, place);
                counted.load(Ordering::Relaxed)
            })
        };
        let (few, many) = (steps(2000), steps(6000));
        assert_eq!(few, many);
    }
}
