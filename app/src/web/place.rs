//! Where in the list a visitor is, as addresses carry it.

use form_urlencoded::Serializer;

/// What is searched, and the page. An address never says more than it has to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// As it was typed, trimmed; empty when nothing is searched.
    pub(super) q: String,
    /// From 1 on.
    pub(super) page: u32,
}

impl Place {
    /// Reads what a query says; a page that is none is the first.
    pub(super) fn new(q: Option<&str>, page: Option<&str>) -> Self {
        Self { q: q.unwrap_or_default().trim().to_owned(), page: page.and_then(number).unwrap_or(1) }
    }

    /// The first page of everybody, where adding comes before reading.
    pub(super) fn is_start(&self) -> bool {
        self.q.is_empty() && self.page == 1
    }

    pub(super) fn at(&self, page: u32) -> Self {
        Self { q: self.q.clone(), page }
    }

    /// The list at this place.
    pub(super) fn list(&self) -> String {
        self.address("/", None)
    }

    /// The list at this place, with a notice about a customer.
    pub(super) fn told(&self, notice: &str, id: i64) -> String {
        self.address("/", Some((notice, id)))
    }

    /// A page about one customer, from which the way leads back to this place.
    pub(super) fn customer(&self, id: i64) -> String {
        self.address(&format!("/customers/{id}"), None)
    }

    pub(super) fn deletion(&self, id: i64) -> String {
        self.address(&format!("/customers/{id}/delete"), None)
    }

    fn address(&self, path: &str, notice: Option<(&str, i64)>) -> String {
        let mut query = Serializer::new(String::new());
        if !self.q.is_empty() {
            query.append_pair("q", &self.q);
        }
        if self.page > 1 {
            query.append_pair("page", &self.page.to_string());
        }
        if let Some((name, id)) = notice {
            query.append_pair(name, &id.to_string());
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// A page's number. One too large to be counted lies past every end.
pub(super) fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().unwrap_or(u32::MAX));
    number.filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_none_is_the_first_page_and_a_large_one_is_past_the_end() {
        let page = |text| Place::new(None, Some(text)).page;
        assert_eq!(["2", "007"].map(page), [2, 7]);
        assert_eq!(["", "0", "-2", "+2", "two", "2.5", "٢"].map(page), [1; 7]);
        assert_eq!(["4294967296", "99999999999999999999999"].map(page), [u32::MAX; 2]);
        assert_eq!(Place::new(None, None).page, 1);
    }

    #[test]
    fn addresses_carry_the_place_and_nothing_that_goes_without_saying() {
        let start = Place::new(Some("  "), None);
        assert_eq!(start.list(), "/");
        assert_eq!(start.told("added", 7), "/?added=7");
        let found = Place::new(Some(" É & 100% "), Some("3"));
        assert_eq!(found.list(), "/?q=%C3%89+%26+100%25&page=3");
        assert_eq!(found.at(1).told("saved", 7), "/?q=%C3%89+%26+100%25&saved=7");
        assert_eq!(start.at(2).customer(7), "/customers/7?page=2");
        assert_eq!(start.deletion(7), "/customers/7/delete");
    }
}
