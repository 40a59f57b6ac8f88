//! What shipping is made of.

pub(crate) mod annotation;
pub(crate) mod build_log;
pub(crate) mod check;
pub(crate) mod deployed;
#[allow(dead_code, reason = "rehearse is to fill it")]
pub(crate) mod downtime;
#[allow(dead_code, reason = "rehearse and verify-sync will write it")]
pub(crate) mod document;
pub(crate) mod image;
pub(crate) mod probe;
pub(crate) mod production;
pub(crate) mod smoke;
pub(crate) mod sync;
mod trial;
