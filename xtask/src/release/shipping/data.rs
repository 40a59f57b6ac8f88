//! Data back.

use anyhow::Result;

use super::Shipping;
use super::back::Returned;
use super::earlier::Earlier;
use super::standing::Standing;

impl Shipping<'_> {
    pub(crate) fn put_copy_back(&self, _: &Standing, _: &Earlier) -> Result<Returned> {
        anyhow::bail!("not built")
    }
}
