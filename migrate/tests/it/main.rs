//! The engine through its public face, on real databases.

#![allow(clippy::unwrap_used, reason = "tests")]

mod advice;
mod alone;
mod atlas_traps;
mod beside_indexes;
mod checks;
mod compare;
mod copies;
mod declared;
mod declared_rows;
mod defaults;
mod directive_lines;
mod directives;
mod dumps;
mod errors;
mod expansion;
mod fast_path;
mod faults;
mod fingerprints;
mod fit;
mod from_select;
mod guard;
mod hazards;
mod histories;
mod in_sync;
mod inspect;
mod kinds;
mod locks;
mod look_again;
mod many_tables;
mod names;
mod orphans;
mod planners;
mod plans;
mod predictions;
mod random;
mod rebuild;
#[path = "../../../xtask/tests/support/requires.rs"]
mod requires;
mod rules;
mod schema_files;
mod scrub;
mod sequences;
mod stand_ins;
mod steps;
mod support;
mod tokenizers;
mod unusable;
mod virtual_tables;
