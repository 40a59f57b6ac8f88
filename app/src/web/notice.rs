//! What was just done, told once: a cookie brings it to the next page, which takes it away. So neither reloading that page nor keeping
//! its address tells it again.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use rusqlite::Connection;

use crate::customer;

const NAME: &str = "done";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Added(i64),
    Saved(i64),
    Deleted(i64),
}

impl Done {
    /// The cookie that brings it.
    pub(super) fn cookie(self) -> String {
        let (what, id) = match self {
            Self::Added(id) => ("added", id),
            Self::Saved(id) => ("saved", id),
            Self::Deleted(id) => ("deleted", id),
        };
        format!("{NAME}={what}-{id}; Path=/; Max-Age=60; HttpOnly; SameSite=Strict")
    }

    /// The cookie that takes it away.
    pub(super) fn told() -> String {
        format!("{NAME}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
    }

    /// What a browser brings; anybody can have written it.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        let mut cookies = cookies.flat_map(|cookies| cookies.split(';')).map(str::trim);
        let (what, id) =
            cookies.find_map(|cookie| cookie.strip_prefix(NAME)?.strip_prefix('=')?.split_once('-'))?;
        let id = id.parse().ok()?;
        match what {
            "added" => Some(Self::Added(id)),
            "saved" => Some(Self::Saved(id)),
            "deleted" => Some(Self::Deleted(id)),
            _ => None,
        }
    }

    /// In words, as far as the database agrees.
    pub(super) fn words(self, database: &Connection) -> rusqlite::Result<Option<String>> {
        let told = |id: i64, what: &str| {
            Ok(customer::find(database, id)?.map(|customer| format!("{} was {what}.", customer.name())))
        };
        match self {
            Self::Added(id) => told(id, "added"),
            Self::Saved(id) => told(id, "saved"),
            Self::Deleted(id) if customer::find(database, id)?.is_none() => {
                Ok(Some(format!("Customer No. {id} was deleted.")))
            }
            Self::Deleted(_) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(cookies: &[&str]) -> Option<Done> {
        Done::read(&cookies.iter().map(|cookie| (COOKIE, cookie.parse().unwrap())).collect())
    }

    #[test]
    fn what_a_cookie_brings_is_read_among_others_and_nonsense_is_nothing() {
        for done in [Done::Added(7), Done::Saved(i64::MAX), Done::Deleted(-7)] {
            let cookie = done.cookie();
            let pair = cookie.split(';').next().unwrap();
            assert_eq!(read(&[pair]), Some(done));
            assert_eq!(read(&["a=b", &format!("undone=x; {pair};c=d")]), Some(done));
        }
        for nonsense in [
            "",
            "done",
            "done=",
            "done=added",
            "done=added-",
            "done=added-x",
            "done=eaten-7",
            "done-7",
            "xdone=added-7",
        ] {
            assert_eq!(read(&[nonsense]), None, "{nonsense}");
        }
    }
}
