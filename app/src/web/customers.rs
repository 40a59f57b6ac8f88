//! The customers page: a list with its search, and a form that adds one.

use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use rusqlite::Connection;
use serde::Deserialize;

use super::form::NamesForm;
use super::place::Place;
use super::problem::Problem;
use super::{Site, page};
use crate::customer::{self, Customer, Page, Search, Typed};

#[derive(Template)]
#[template(path = "customers.html")]
struct CustomersPage {
    page: Page,
    place: Place,
    form: NamesForm,
    notice: Option<String>,
}

/// What an address of the page may say; what it says wrongly counts as unsaid.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
    page: Option<String>,
    added: Option<String>,
    saved: Option<String>,
    deleted: Option<String>,
}

/// A query; one that cannot be read is an empty one.
pub(super) type Lenient = Result<Query<Asked>, QueryRejection>;

pub(super) async fn list(State(site): State<Site>, query: Lenient) -> Result<Response, Problem> {
    show(&site, StatusCode::OK, NamesForm::default(), Asked::from(query)).await
}

pub(super) async fn add(
    State(site): State<Site>,
    form: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(typed) = form?;
    match typed.check() {
        Ok(names) => {
            let id = site.store().write(move |database| customer::add(database, &names)).await?;
            let start = Asked::default().place();
            Ok(Redirect::to(&start.told("added", id)).into_response())
        }
        Err(wrong) => {
            let form = NamesForm::refused(typed, wrong);
            show(&site, StatusCode::UNPROCESSABLE_ENTITY, form, Asked::default()).await
        }
    }
}

async fn show(site: &Site, status: StatusCode, form: NamesForm, asked: Asked) -> Result<Response, Problem> {
    let place = asked.place();
    let (search, number) = (Search::new(&place.q), place.page);
    let read = site.store().read(move |database| {
        Ok((customer::page_or_last(database, &search, number)?, asked.notice(database)?))
    });
    let (page, notice) = read.await?;
    let place = place.at(page.number);
    Ok(page::html(status, &CustomersPage { page, place, form, notice }))
}

impl Asked {
    pub(super) fn from(query: Lenient) -> Self {
        query.map(|Query(asked)| asked).unwrap_or_default()
    }

    pub(super) fn place(&self) -> Place {
        Place::new(self.q.as_deref(), self.page.as_deref())
    }

    /// What was just done, as far as the database agrees.
    fn notice(&self, database: &Connection) -> rusqlite::Result<Option<String>> {
        let id = |said: &Option<String>| said.as_deref().and_then(|id| id.parse().ok());
        let told = |id: i64, what: &str| {
            Ok(customer::find(database, id)?.map(|customer| format!("{} was {what}.", customer.name())))
        };
        match (id(&self.added), id(&self.saved), id(&self.deleted)) {
            (Some(id), ..) => told(id, "added"),
            (_, Some(id), _) => told(id, "saved"),
            (.., Some(id)) if customer::find(database, id)?.is_none() => {
                Ok(Some(format!("Customer No. {id} was deleted.")))
            }
            _ => Ok(None),
        }
    }
}

impl CustomersPage {
    /// How many customers the heading counts.
    fn count(&self) -> String {
        match (self.place.q.is_empty(), self.page.total) {
            (true, 0) => "none yet".to_owned(),
            (true, 1) => "1 customer".to_owned(),
            (true, total) => format!("{total} customers"),
            (false, total) => format!("{total} found"),
        }
    }

    fn newer(&self) -> Option<String> {
        (self.page.number > 1).then(|| self.place.at(self.page.number - 1).list())
    }

    fn older(&self) -> Option<String> {
        (self.page.number < self.page.pages).then(|| self.place.at(self.page.number + 1).list())
    }

    fn edit(&self, customer: &Customer) -> String {
        self.place.customer(customer.id)
    }
}
