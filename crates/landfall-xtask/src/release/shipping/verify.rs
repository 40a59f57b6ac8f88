//! What came of an update, whatever flyctl said of it.

use super::Shipping;
use super::prove::{Expected, Proved, Sick, Unknown, Unproved};
use super::ship::Shipped;
use crate::tool::fly::Machine;

/// Why a release is not there that was shipped well.
const SOMEBODY: &str = "somebody else was at the app in the middle";

impl Shipping<'_> {
    /// The release that was shipped to the machine `before`, proved; or why it is not.
    pub(crate) fn verify(
        &self,
        before: &Machine,
        shipped: &Shipped,
        expected: &Expected<'_>,
    ) -> Result<Proved, Unproved> {
        let said = shipped.said.as_ref().err().map(ToString::to_string);
        if self.interrupt.is_raised() {
            return Err(Unproved::Interrupted);
        }
        let sick = |or: &str| Err(Unproved::Sick(Sick::new(said.clone().unwrap_or_else(|| or.to_owned()))));
        let in_brackets = || said.as_ref().map_or_else(String::new, |said| format!(" ({said})"));
        let machine = match &shipped.machine {
            Ok(Some(machine)) if machine.id != before.id => return sick(SOMEBODY),
            Ok(Some(machine)) if machine.instance_id != before.instance_id => machine,
            Ok(Some(_)) => return sick("`fly deploy` ended well, and updated nothing"),
            Ok(None) => return sick(SOMEBODY),
            Err(trouble) => {
                let message = format!("{}{}", trouble.message, in_brackets());
                let mut seen = shipped.seen.clone();
                self.look_meanwhile(&mut seen);
                return Err(Unproved::Unknown(Unknown { message, seen }));
            }
        };
        let limit = shipped.limit(self.wait_timeout);
        let proved =
            self.prove(&machine.id, expected, limit, self.interrupt).map_err(|unproved| match unproved {
                _ if self.interrupt.is_raised() => Unproved::Interrupted,
                Unproved::Sick(Sick { message, exit_code }) => {
                    let message = format!("{message}{}{}", in_brackets(), self.log(&machine.id));
                    Unproved::Sick(Sick { message, exit_code })
                }
                Unproved::Unknown(Unknown { message, seen }) => {
                    let message = format!("{message}{}", in_brackets());
                    Unproved::Unknown(Unknown { message, seen: seen.or(&shipped.seen) })
                }
                Unproved::Interrupted => Unproved::Interrupted,
            })?;
        if let Some(said) = said {
            self.ui.note(format!("{said}; the release serves all the same"));
        }
        Ok(proved)
    }
}
