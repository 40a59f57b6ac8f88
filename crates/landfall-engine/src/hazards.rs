//! What a change would cost in data: from the two schemas what goes, and of every table what its rows say.
//!
//! Reads only. Called before planning, and again inside the transaction that applies where somebody has committed in between.

mod context;
mod conversion;
mod rows;
mod schema;

pub(crate) use self::context::Context;
use self::context::Found;
use self::rows::Rows;
use crate::hazard::Hazard;

/// Every hazard that follows from live and declared schema, whoever plans.
pub(crate) fn find(context: &Context<'_>) -> rusqlite::Result<Vec<Hazard>> {
    let mut found = Found::default();
    context.dropped_tables(&mut found)?;
    context.lost_entries(&mut found)?;
    for table in &context.carry.tables {
        let old = context.live.base_table(&table.from);
        let new = context.declared.schema.base_table(&table.to);
        let (Some(old), Some(new)) = (old, new) else { continue };
        context.dropped_columns(table, old, new, &mut found);
        context.lost_rowids(table, &mut found);
        if let Some(conn) = context.conn {
            Rows { context, conn, table, old, new }.hazards(&mut found)?;
        }
    }
    let Found { mut hazards, suspects } = found;
    for suspect in suspects {
        context.say_what_to_write(&suspect, &mut hazards[suspect.hazard]);
    }
    hazards.extend(context.due.hazards(context.conn, context.live, context.declared, context.carry)?);
    for hazard in &mut hazards {
        hazard.approve(&context.settings.allow);
    }
    Ok(hazards)
}
