//! Whether an earlier release fits the schema that the data has now: known from what was read, or from what an attempt can have made
//! of it. What is not known does not fit.

use std::time::Duration;

use anyhow::Result;
use landfall_engine::fingerprint::{self, Likeness};
use landfall_engine::{Declared, Live};

use super::earlier::Earlier;
use super::standing::Standing;
use super::{Shipping, is_same_image};
use crate::release::live::Replica;
use crate::release::production::{self, Trouble};
use crate::tool::fly::Machine;

/// For how long the schema is asked for: of a machine that starts again and again it is answered now and then.
const ASKING: Duration = Duration::from_secs(20);
/// The exit codes of a boot that ended before it changed anything: wrong usage, refused.
const UNCHANGED: [i32; 2] = [2, 3];

/// What an attempt may have made of the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    /// Nothing: it found the schema as it wants it, or was to keep it.
    Nothing,
    /// What this declares, or nothing: it is one transaction.
    To(&'a Declared),
}

/// Whether it fits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is known to.
    Fits,
    /// It is known not to; what it would miss.
    Misfits(Vec<String>),
    /// It is not known; why.
    Unknown(String),
}

impl Shipping<'_> {
    /// Reads the schema where the machine lets us; else concludes from the schema before. `exit_code` is how the boot ended.
    pub(super) fn fit(
        &self,
        now: &Machine,
        before: &Standing,
        earlier: &Earlier,
        change: Change<'_>,
        exit_code: Option<i32>,
    ) -> Result<Fit> {
        let live = match self.live(now) {
            Ok(live) => live,
            Err(why) => {
                let is_as_before = exit_code.is_some_and(|code| UNCHANGED.contains(&code));
                let change = if is_as_before { Change::Nothing } else { change };
                return self.concluded(before, earlier, change, &why);
            }
        };
        match &earlier.declared {
            Some(declared) => self.fits(&Replica::of(&live, self.settings)?, declared),
            None if ran(before, earlier) && before.live.as_ref().is_ok_and(|b| is_same(b, &live)) => {
                Ok(Fit::Fits)
            }
            None => Ok(Fit::Unknown(format!("the schema.sql of {} is not known", earlier.name()))),
        }
    }

    /// The schema that the data has now; or why it is not known.
    fn live(&self, machine: &Machine) -> Result<Live, String> {
        if machine.state != "started" {
            return Err(format!("machine {} is {}", machine.id, machine.state));
        }
        let limit = ASKING.min(self.wait_timeout);
        self.patiently(limit, Trouble::may_pass, |fly| production::live_schema(fly, &machine.id))
            .map_err(|trouble| trouble.message)
    }

    /// It has to fit all that the schema can be: what it was, and what the attempt was to make of it.
    fn concluded(&self, before: &Standing, earlier: &Earlier, change: Change<'_>, why: &str) -> Result<Fit> {
        let unknown = || Ok(Fit::Unknown(why.to_owned()));
        if !ran(before, earlier) {
            let (Ok(live), Some(declared)) = (&before.live, &earlier.declared) else { return unknown() };
            let fit = self.fits(&Replica::of(live, self.settings)?, declared)?;
            if fit != Fit::Fits {
                return Ok(fit);
            }
        }
        let Change::To(target) = change else { return Ok(Fit::Fits) };
        let Some(declared) = &earlier.declared else { return unknown() };
        match self.fits(&Replica::declared(target, self.settings)?, declared)? {
            Fit::Fits => Ok(Fit::Fits),
            _ => unknown(),
        }
    }

    fn fits(&self, replica: &Replica, declared: &Declared) -> Result<Fit> {
        let misfits = replica.misfits(declared, self.settings)?;
        let told: Vec<_> = misfits.into_iter().map(|misfit| misfit.message).collect();
        Ok(if told.is_empty() { Fit::Fits } else { Fit::Misfits(told) })
    }
}

/// Whether the machine served this very image on the schema before.
fn ran(before: &Standing, earlier: &Earlier) -> bool {
    let image = before.machine.pinned_image();
    before.machine.state == "started" && image.is_some_and(|image| is_same_image(&image, &earlier.image))
}

fn is_same(one: &Live, other: &Live) -> bool {
    match fingerprint::likeness(&one.fingerprint, &other.fingerprint) {
        Likeness::Same => true,
        Likeness::Other => false,
        // Made by two versions of Landfall: the texts themselves tell.
        Likeness::Incomparable => one.sql == other.sql,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_of_two_versions_do_not_differ_where_the_schemas_are_the_same_text() {
        let live =
            |fingerprint: &str, sql: &str| Live { fingerprint: fingerprint.to_owned(), sql: sql.to_owned() };
        let before = live("5e", "CREATE TABLE t (a);");
        assert!(is_same(&before, &live("5e", "CREATE TABLE t (a);")));
        assert!(is_same(&before, &live("v1-77", "CREATE TABLE t (a);")));
        assert!(!is_same(&before, &live("v1-77", "CREATE TABLE t (b);")));
        assert!(!is_same(&before, &live("77", "CREATE TABLE t (b);")));
    }
}
