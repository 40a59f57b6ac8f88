//! What a change would cost in data: from the two schemas what goes, and of every table what its rows say.

pub(crate) mod conversion;
pub(crate) mod rows;
pub(crate) mod schema;
