//! `/api/customers`: the same as JSON, for programs.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::edit::{Id, find, number};
use super::place::Place;
use super::problem::Problem;
use super::sent::Sent;
use super::site::Site;
use crate::customer::{self, Customer, Found, Page, Search};

/// A problem that is answered as JSON.
#[derive(Debug)]
pub(super) struct Refused(Problem);

/// What a query may say; anything else is refused rather than left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    q: String,
    before: Option<i64>,
    after: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Listed {
    customers: Vec<Customer>,
    /// How many were found, as far as they are counted.
    total: u64,
    /// Whether there are no more than that.
    counted_all: bool,
    /// The addresses of the pages beside this one.
    newer: Option<String>,
    older: Option<String>,
}

type Body = Result<Json<Sent>, JsonRejection>;

pub(super) fn router() -> Router<Site> {
    Router::new()
        .route("/api/customers", get(list).post(add))
        .route("/api/customers/{id}", get(show).put(change).delete(delete))
}

async fn list(
    State(site): State<Site>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Listed>, Refused> {
    let Query(asked) = query.map_err(|rejection| malformed(&rejection.body_text()))?;
    let at = match (asked.before, asked.after) {
        (Some(_), Some(_)) => return Err(malformed("before and after exclude each other").into()),
        (Some(id), None) => customer::Place::Before(id),
        (None, Some(id)) => customer::Place::After(id),
        (None, None) => customer::Place::Newest,
    };
    let search = Search::new(&asked.q).map_err(|reason| malformed(&reason))?;
    let page = site.page(search, at).await?;
    Ok(Json(Listed::new(page, &Place { q: asked.q, at })))
}

async fn add(State(site): State<Site>, body: Body) -> Result<Response, Refused> {
    let names = body?.0.names()?;
    let added = move |database: &_| customer::add(database, &names).map(|id| names.customer(id));
    let customer = site.store().write(added).await?;
    let location = [(LOCATION, format!("/api/customers/{}", customer.id))];
    Ok((StatusCode::CREATED, location, Json(customer)).into_response())
}

async fn show(State(site): State<Site>, id: Id) -> Result<Json<Customer>, Refused> {
    Ok(Json(find(&site, number(id)?).await?))
}

async fn change(State(site): State<Site>, id: Id, body: Body) -> Result<Json<Customer>, Refused> {
    let (id, names) = (number(id)?, body?.0.names()?);
    let changed = move |database: &_| Ok(customer::change(database, id, &names)?.then(|| names.customer(id)));
    let customer = site.store().write(changed).await?;
    Ok(Json(customer.ok_or_else(Problem::no_customer)?))
}

async fn delete(State(site): State<Site>, id: Id) -> Result<StatusCode, Refused> {
    let id = number(id)?;
    let deleted = site.store().write(move |database| customer::delete(database, id)).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::no_customer().into()) }
}

fn malformed(reason: &str) -> Problem {
    let text = format!("The query is not understood: {}.", detail(reason));
    Problem::new(StatusCode::BAD_REQUEST, "Not understood", text)
}

/// What a rejection says after its general part.
fn detail(text: &str) -> &str {
    text.split_once(": ").map_or(text, |(_, detail)| detail)
}

impl Listed {
    fn new(page: Page, place: &Place) -> Self {
        let Page { customers, found, newer, older } = page;
        let (total, counted_all) = match found {
            Found::Exactly(total) => (total, true),
            Found::MoreThan(total) => (total, false),
        };
        let [newer, older] = [newer, older].map(|at| at.map(|at| place.at(at).api()));
        Self { customers, total, counted_all, newer, older }
    }
}

impl<T: Into<Problem>> From<T> for Refused {
    fn from(problem: T) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0.json()
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let reason = rejection.body_text();
        let text = match rejection.status() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                "The body has to be JSON, and Content-Type has to say application/json.".to_owned()
            }
            StatusCode::UNPROCESSABLE_ENTITY => {
                format!("The body is not a customer: {}. Nothing was saved.", detail(&reason))
            }
            _ => format!("The body is not JSON: {}. Nothing was saved.", detail(&reason)),
        };
        Self::new(rejection.status(), "Not understood", text)
    }
}
