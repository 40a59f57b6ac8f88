//! The customers: what one is, and how they are kept, listed and found.

mod list;
mod record;
mod search;

pub(crate) use list::{Found, Page, Place, page};
pub(crate) use record::{Customer, Names, Typed, Wrong, add, change, delete, find, probe};
pub(crate) use search::{Search, register};
