//! What shipping is made of.

pub(crate) mod annotation;
mod boot;
pub(crate) mod build_log;
pub(crate) mod check;
pub(crate) mod deployed;
pub(crate) mod document;
pub(crate) mod downtime;
pub(crate) mod image;
pub(crate) mod probe;
pub(crate) mod production;
pub(crate) mod pull;
pub(crate) mod rehearsal;
pub(crate) mod smoke;
pub(crate) mod sync;
mod trial;
