//! The form of a customer's names: each field with what was typed and what is wrong with it.

use axum::extract::rejection::FormRejection;

use super::problem::Problem;
use crate::customer::{Customer, Typed, Wrong};

#[derive(Debug, Default)]
pub(super) struct NamesForm {
    pub(super) first: Field,
    pub(super) last: Field,
    /// Whether somebody goes on typing here, from the first field on.
    pub(super) focus: bool,
}

#[derive(Debug, Default)]
pub(super) struct Field {
    pub(super) typed: String,
    pub(super) error: Option<String>,
}

impl NamesForm {
    /// What was typed, with what is wrong beside it.
    pub(super) fn refused(typed: Typed, wrong: Wrong) -> Self {
        Self {
            first: Field { typed: typed.first_name, error: wrong.first_name },
            last: Field { typed: typed.last_name, error: wrong.last_name },
            focus: false,
        }
    }

    pub(super) fn of(customer: &Customer) -> Self {
        let typed = Typed { first_name: customer.first_name.clone(), last_name: customer.last_name.clone() };
        Self::refused(typed, Wrong::default())
    }

    pub(super) fn has_errors(&self) -> bool {
        self.first.error.is_some() || self.last.error.is_some()
    }
}

impl From<FormRejection> for Problem {
    fn from(rejection: FormRejection) -> Self {
        let text = "What was sent is not this page's form. Nothing was saved.";
        Self::new(rejection.status(), "The form cannot be read", text)
    }
}
