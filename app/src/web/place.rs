//! Where in the list a visitor is, as addresses carry it.

use form_urlencoded::Serializer;

use crate::customer;

/// What is searched, and where in it. An address never says more than it has to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// As it was typed, trimmed; empty when nothing is searched.
    pub(super) q: String,
    pub(super) at: customer::Place,
}

impl Place {
    /// Reads what a query says; a place that is none is the first page.
    pub(super) fn new(q: Option<&str>, before: Option<&str>, after: Option<&str>) -> Self {
        let id = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        let at = match (id(before), id(after)) {
            (Some(before), _) => customer::Place::Before(before),
            (None, Some(after)) => customer::Place::After(after),
            (None, None) => customer::Place::Newest,
        };
        Self { q: q.unwrap_or_default().trim().to_owned(), at }
    }

    /// The first page of everybody, where adding comes before reading.
    pub(super) fn is_start(&self) -> bool {
        self.q.is_empty() && self.at == customer::Place::Newest
    }

    pub(super) fn at(&self, at: customer::Place) -> Self {
        Self { q: self.q.clone(), at }
    }

    /// The list at this place.
    pub(super) fn list(&self) -> String {
        self.address("/")
    }

    /// The same as a program asks for it.
    pub(super) fn api(&self) -> String {
        self.address("/api/customers")
    }

    /// Where a customer is added, from where the way leads back to this place.
    pub(super) fn addition(&self) -> String {
        self.address("/customers")
    }

    /// A page about one customer, from which the way leads back to this place.
    pub(super) fn customer(&self, id: i64) -> String {
        self.address(&format!("/customers/{id}"))
    }

    pub(super) fn deletion(&self, id: i64) -> String {
        self.address(&format!("/customers/{id}/delete"))
    }

    fn address(&self, path: &str) -> String {
        let mut query = Serializer::new(String::new());
        if !self.q.is_empty() {
            query.append_pair("q", &self.q);
        }
        match self.at {
            customer::Place::Newest => &mut query,
            customer::Place::Before(id) => query.append_pair("before", &id.to_string()),
            customer::Place::After(id) => query.append_pair("after", &id.to_string()),
        };
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_none_is_the_first_page() {
        let at = |before, after| Place::new(None, before, after).at;
        assert_eq!(at(Some("7"), None), customer::Place::Before(7));
        assert_eq!(at(Some("two"), Some("7")), customer::Place::After(7));
        for none in ["", "two", "2.5", "٢", "9223372036854775808"] {
            assert_eq!(at(Some(none), Some(none)), customer::Place::Newest, "{none}");
        }
    }

    #[test]
    fn addresses_carry_the_place_and_nothing_that_goes_without_saying() {
        let start = Place::new(Some("  "), None, None);
        assert_eq!((start.list().as_str(), start.addition().as_str()), ("/", "/customers"));
        let found = Place::new(Some(" É & 100% "), Some("3"), None);
        assert_eq!(found.list(), "/?q=%C3%89+%26+100%25&before=3");
        assert_eq!(found.at(customer::Place::Newest).api(), "/api/customers?q=%C3%89+%26+100%25");
        assert_eq!(start.at(customer::Place::After(2)).customer(7), "/customers/7?after=2");
        assert_eq!(start.deletion(7), "/customers/7/delete");
    }
}
