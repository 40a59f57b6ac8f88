//! What shipping is made of.

pub(crate) mod build_log;
pub(crate) mod image;
pub(crate) mod probe;
pub(crate) mod smoke;
mod trial;
