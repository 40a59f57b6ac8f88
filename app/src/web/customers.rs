//! The customers page: a list, and a form that adds one.

use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Site, page};
use crate::customer::{self, Customer, Latest, Name};
use crate::store::StoreError;

#[derive(Template)]
#[template(path = "customers.html")]
struct CustomersPage {
    latest: Latest,
    form: Entry,
    added: Option<Customer>,
}

/// The form: each field with what was typed and what is wrong with it.
#[derive(Debug, Default)]
struct Entry {
    first: Field,
    last: Field,
}

#[derive(Debug, Default)]
struct Field {
    typed: String,
    error: Option<String>,
}

/// A field that is missing is an empty one: the page then says so beside it.
#[derive(Debug, Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
}

/// The id of the customer that was just added.
#[derive(Debug, Deserialize)]
pub(super) struct Added {
    added: Option<i64>,
}

pub(super) async fn list(
    State(site): State<Site>,
    query: Result<Query<Added>, QueryRejection>,
) -> Result<Response, StoreError> {
    let added = query.ok().and_then(|query| query.added);
    show(&site, StatusCode::OK, Entry::default(), added).await
}

pub(super) async fn add(
    State(site): State<Site>,
    form: Result<Form<Typed>, FormRejection>,
) -> Result<Response, StoreError> {
    let Form(typed) = match form {
        Ok(form) => form,
        Err(rejection) => return Ok(unreadable(&rejection)),
    };
    let first = Name::new("First name", &typed.first_name);
    let last = Name::new("Last name", &typed.last_name);
    match (first, last) {
        (Ok(first), Ok(last)) => {
            let id = site.store().write(move |database| customer::add(database, &first, &last)).await?;
            Ok(Redirect::to(&format!("/?added={id}")).into_response())
        }
        (first, last) => {
            let form = Entry {
                first: Field { typed: typed.first_name, error: first.err() },
                last: Field { typed: typed.last_name, error: last.err() },
            };
            show(&site, StatusCode::UNPROCESSABLE_ENTITY, form, None).await
        }
    }
}

async fn show(
    site: &Site,
    status: StatusCode,
    form: Entry,
    added: Option<i64>,
) -> Result<Response, StoreError> {
    let read = site.store().read(move |database| {
        let added = added.map(|id| customer::find(database, id)).transpose()?.flatten();
        Ok((customer::latest(database)?, added))
    });
    let (latest, added) = read.await?;
    Ok(page::html(status, &CustomersPage { latest, form, added }))
}

fn unreadable(rejection: &FormRejection) -> Response {
    let text = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => "What was sent is too large. Nothing was saved.",
        _ => "What was sent is not this page's form. Nothing was saved.",
    };
    page::problem(rejection.status(), "The form cannot be read", text)
}

impl Entry {
    fn has_errors(&self) -> bool {
        self.first.error.is_some() || self.last.error.is_some()
    }
}
