//! What is answered to whom.

mod api;
mod asset;
mod attempts;
mod body;
mod client;
mod cross_site;
mod customers;
mod edit;
mod form;
mod gate;
mod headers;
mod health;
mod host;
mod notice;
mod page;
mod pages;
mod panic;
mod place;
mod problem;
mod request_log;
mod sent;
mod site;
mod version;
mod visit;

pub(crate) use pages::Pages;
pub(crate) use site::Site;
pub(crate) use visit::{GRACE, Visit};

#[cfg(test)]
pub(crate) use pages::tests;
