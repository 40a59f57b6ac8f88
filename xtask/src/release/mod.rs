//! What shipping is made of.

mod agreement;
pub(crate) mod annotation;
pub(crate) mod approval;
pub(crate) mod audit;
mod boot;
pub(crate) mod build_log;
pub(crate) mod check;
pub(crate) mod deploy;
pub(crate) mod deployed;
pub(crate) mod document;
pub(crate) mod downtime;
pub(crate) mod equipment;
mod identity;
pub(crate) mod image;
mod live;
pub(crate) mod lock;
pub(crate) mod overview;
mod phase;
pub(crate) mod probe;
pub(crate) mod production;
pub(crate) mod pull;
pub(crate) mod rehearsal;
pub(crate) mod rollback;
pub(crate) mod shipping;
pub(crate) mod smoke;
pub(crate) mod sync;
mod trial;
