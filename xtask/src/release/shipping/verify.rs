//! What came of an update, whatever flyctl said of it.

use std::time::Duration;

use super::Shipping;
use super::prove::{Expected, Proved};
use super::ship::Shipped;
use crate::tool::fly::Machine;

/// How long a release may take to give good answers after flyctl has waited for it.
pub(crate) const AFTER_WELL: Duration = Duration::from_secs(60);
/// The same where flyctl gave up: it has waited already.
const AFTER_FAILURE: Duration = Duration::from_secs(15);
/// Why a release is not proved that may be well.
const INTERRUPTED: &str = "it was interrupted";
/// Why a release is not there that was shipped well.
const SOMEBODY: &str = "somebody else was at the app in the middle";

impl Shipping<'_> {
    /// The release that was shipped to the machine `before`, proved; or why it is not there.
    pub(crate) fn verify(
        &self,
        before: &Machine,
        shipped: &Shipped,
        expected: &Expected<'_>,
    ) -> Result<Proved, String> {
        let said = shipped.said.as_ref().err().map(ToString::to_string);
        if self.interrupt.is_raised() {
            return Err(INTERRUPTED.to_owned());
        }
        let machine = match &shipped.machine {
            Ok(Some(machine)) if machine.instance_id != before.instance_id => machine,
            Ok(Some(_)) => {
                return Err(said.unwrap_or_else(|| "`fly deploy` ended well, and updated nothing".to_owned()));
            }
            Ok(None) => return Err(said.unwrap_or_else(|| SOMEBODY.to_owned())),
            Err(_) => return Err(said.unwrap_or_else(|| "it could not be read back".to_owned())),
        };
        if machine.id != before.id {
            return Err(SOMEBODY.to_owned());
        }
        let limit = if said.is_none() { AFTER_WELL } else { AFTER_FAILURE };
        let proved = self.prove(&machine.id, expected, limit, self.interrupt).map_err(|unproved| {
            if self.interrupt.is_raised() {
                return INTERRUPTED.to_owned();
            }
            let said = said.as_ref().map_or_else(String::new, |said| format!(" ({said})"));
            format!("{}{said}{}", unproved.message, self.log(&machine.id))
        })?;
        if let Some(said) = said {
            self.ui.note(format!("{said}; the release serves all the same"));
        }
        Ok(proved)
    }
}
