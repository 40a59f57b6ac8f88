//! A customer as a program sends it: a JSON object with two texts and nothing else.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::customer::{Names, Typed, Wrong};

/// Any values, so that every field that is wrong can be told at once.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object with first_name and last_name")]
pub(super) struct Sent {
    #[serde(default)]
    first_name: Value,
    #[serde(default)]
    last_name: Value,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Sent {
    /// The names, or what is wrong with each field.
    pub(super) fn names(self) -> Result<Names, Problem> {
        let mut wrong = Map::new();
        let mut text = |field: &str, value: Value| match value {
            Value::String(text) => text,
            Value::Null => String::new(),
            _ => {
                wrong.insert(field.into(), format!("{field} is not a text").into());
                String::new()
            }
        };
        let first_name = text("first_name", self.first_name);
        let last_name = text("last_name", self.last_name);
        let checked = Typed { first_name, last_name }.check();
        for (field, error) in checked.as_ref().err().into_iter().flat_map(Wrong::fields) {
            wrong.entry(field).or_insert_with(|| error.into());
        }
        wrong.extend(self.unknown.into_iter().map(|(field, _)| {
            let error = format!("{field} is not known: a customer has first_name and last_name");
            (field, error.into())
        }));
        match checked {
            Ok(names) if wrong.is_empty() => Ok(names),
            _ => Err(refused(wrong)),
        }
    }
}

fn refused(fields: Map<String, Value>) -> Problem {
    let text = "This customer cannot be stored; fields says why. Nothing was saved.";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "Not possible", text).fields(fields)
}
