//! The page of one customer: a form that changes the names, and a button that deletes.

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};

use super::customers::{Asked, Lenient, redirect};
use super::form::NamesForm;
use super::notice::Done;
use super::page;
use super::place::Place;
use super::problem::Problem;
use super::site::Site;
use crate::customer::{self, Customer, Typed};

#[derive(Template)]
#[template(path = "edit.html")]
struct EditPage {
    customer: Customer,
    place: Place,
    form: NamesForm,
}

impl EditPage {
    fn save(&self) -> String {
        self.place.customer(self.customer.id)
    }

    fn delete(&self) -> String {
        self.place.deletion(self.customer.id)
    }
}

/// The number in an address. One that is none names nobody.
pub(super) type Id = Result<Path<i64>, PathRejection>;

pub(super) async fn form(State(site): State<Site>, id: Id, query: Lenient) -> Result<Response, Problem> {
    let customer = find(&site, number(id)?).await?;
    let (form, place) = (NamesForm::of(&customer), Asked::from(query).place());
    Ok(page::html(StatusCode::OK, &EditPage { customer, place, form }))
}

pub(super) async fn save(
    State(site): State<Site>,
    id: Id,
    query: Lenient,
    form: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let (id, place, Form(typed)) = (number(id)?, Asked::from(query).place(), form?);
    match typed.check() {
        Ok(names) => {
            let changed = site.store().write(move |database| customer::change(database, id, &names)).await?;
            done(changed, Done::Saved(id), &place)
        }
        Err(wrong) => {
            let (customer, form) = (find(&site, id).await?, NamesForm::refused(typed, wrong));
            Ok(page::html(StatusCode::UNPROCESSABLE_ENTITY, &EditPage { customer, place, form }))
        }
    }
}

pub(super) async fn delete(State(site): State<Site>, id: Id, query: Lenient) -> Result<Response, Problem> {
    let (id, place) = (number(id)?, Asked::from(query).place());
    let deleted = site.store().write(move |database| customer::delete(database, id)).await?;
    done(deleted, Done::Deleted(id), &place)
}

/// Who asks for the deletion's address by hand gets the page that has its button.
pub(super) async fn back(id: Id, query: Lenient) -> Result<Redirect, Problem> {
    Ok(Redirect::to(&Asked::from(query).place().customer(number(id)?)))
}

pub(super) fn number(id: Id) -> Result<i64, Problem> {
    id.map(|Path(id)| id).map_err(|_| Problem::no_customer())
}

pub(super) async fn find(site: &Site, id: i64) -> Result<Customer, Problem> {
    let customer = site.store().read(move |database| customer::find(database, id)).await?;
    customer.ok_or_else(Problem::no_customer)
}

fn done(was_there: bool, done: Done, place: &Place) -> Result<Response, Problem> {
    if was_there { Ok(redirect(done, place)) } else { Err(Problem::no_customer()) }
}
