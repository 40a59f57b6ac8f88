//! One file a command. No command calls another.

pub(crate) mod deploy;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod image;
pub(crate) mod inspect;
pub(crate) mod lock;
pub(crate) mod migrate;
pub(crate) mod pull;
pub(crate) mod rehearse;
pub(crate) mod rollback;
pub(crate) mod status;
pub(crate) mod verify_sync;
