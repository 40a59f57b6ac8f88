//! The customers page: a list with its search, and a form that adds one.

use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::form::NamesForm;
use super::notice::Done;
use super::page;
use super::place::Place;
use super::problem::Problem;
use super::site::Site;
use crate::customer::{self, Customer, Found, Page, Search, Typed};

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
    before: Option<String>,
    after: Option<String>,
    /// As addresses said it once.
    page: Option<String>,
}

/// A query; one that cannot be read is an empty one.
pub(super) type Lenient = Result<Query<Asked>, QueryRejection>;

pub(super) async fn list(
    State(site): State<Site>,
    headers: HeaderMap,
    query: Lenient,
) -> Result<Response, Problem> {
    let asked = Asked::from(query);
    let place = asked.place();
    if asked.page.is_some() {
        return Ok(Redirect::to(&place.at(customer::Place::Newest).list()).into_response());
    }
    let done = Done::read(&headers);
    let form = NamesForm { focus: matches!(done, Some(Done::Added(_))), ..NamesForm::default() };
    let response = show(&site, StatusCode::OK, form, place, done).await?;
    Ok(match done {
        Some(_) if response.status() == StatusCode::OK => {
            (AppendHeaders([(SET_COOKIE, Done::told())]), response).into_response()
        }
        _ => response,
    })
}

pub(super) async fn add(
    State(site): State<Site>,
    query: Lenient,
    form: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let (place, Form(typed)) = (Asked::from(query).place(), form?);
    match typed.check() {
        Ok(names) => {
            let id = site.store().write(move |database| customer::add(database, &names)).await?;
            Ok(redirect(Done::Added(id), &place))
        }
        Err(wrong) => {
            let form = NamesForm::refused(typed, wrong);
            show(&site, StatusCode::UNPROCESSABLE_ENTITY, form, place, None).await
        }
    }
}

/// Who asks for the address of the form by hand gets the page that has it.
pub(super) async fn back(query: Lenient) -> Redirect {
    Redirect::to(&Asked::from(query).place().list())
}

/// Back to where somebody came from, with what was done.
pub(super) fn redirect(done: Done, place: &Place) -> Response {
    (AppendHeaders([(SET_COOKIE, done.cookie())]), Redirect::to(&place.list())).into_response()
}

async fn show(
    site: &Site,
    status: StatusCode,
    form: NamesForm,
    place: Place,
    done: Option<Done>,
) -> Result<Response, Problem> {
    let search = Search::new(&place.q).map_err(|reason| {
        Problem::new(StatusCode::BAD_REQUEST, "This cannot be looked for", format!("{reason}."))
    })?;
    let at = place.at;
    let page = site.page(search, at).await?;
    let notice = match done {
        Some(done) => site.store().read(move |database| done.words(database)).await?,
        None => None,
    };
    Ok(match elsewhere(&page, at) {
        Some(at) if status == StatusCode::OK => Redirect::to(&place.at(at).list()).into_response(),
        _ => page::html(status, &CustomersPage { page, place, form, notice }),
    })
}

/// Where a page is that has another address: past the last one is the last one, and the first one needs no number.
fn elsewhere(page: &Page, at: customer::Place) -> Option<customer::Place> {
    match at {
        customer::Place::Before(_) if page.customers.is_empty() => Some(customer::Place::After(0)),
        customer::Place::After(_) if page.newer.is_none() => Some(customer::Place::Newest),
        _ => None,
    }
}

impl Asked {
    pub(super) fn from(query: Lenient) -> Self {
        query.map(|Query(asked)| asked).unwrap_or_default()
    }

    pub(super) fn place(&self) -> Place {
        Place::new(self.q.as_deref(), self.before.as_deref(), self.after.as_deref())
    }
}

impl CustomersPage {
    /// How many customers the heading counts.
    fn count(&self) -> String {
        match (self.place.q.is_empty(), self.page.found) {
            (true, Found::Exactly(0)) => "none yet".to_owned(),
            (true, Found::Exactly(1)) => "1 customer".to_owned(),
            (true, Found::Exactly(total)) => format!("{total} customers"),
            (true, Found::MoreThan(total)) => format!("more than {total} customers"),
            (false, Found::Exactly(total)) => format!("{total} found"),
            (false, Found::MoreThan(total)) => format!("more than {total} found"),
        }
    }

    fn newer(&self) -> Option<String> {
        self.page.newer.map(|at| self.place.at(at).list())
    }

    fn older(&self) -> Option<String> {
        self.page.older.map(|at| self.place.at(at).list())
    }

    fn edit(&self, customer: &Customer) -> String {
        self.place.customer(customer.id)
    }
}
