//! What something becomes with all that SQLite copies into it, and how much of that is too much.

use std::fmt;

/// Copies of views, expressions and generated columns that a statement may take: some tenths of a second.
const COPIES: u64 = 10_000;

/// Parts of expressions (names, literals, operators) that it may copy or look through: some tenths of a second.
const WORK: u64 = 1_000_000;

/// Copies one into the other: 13 ms. SQLite itself takes up to 1,000, or ends the process by its stack (1,999 generated columns, on a
/// thread of 2 MB).
pub(super) const DEPTH: u64 = 200;

/// Operators one into the other. SQLite allows each expression 1,000, and counts none of those that it copies into it: 3,600 are used,
/// and 4,000 end the process by its stack (on a thread of 2 MB).
const HEIGHT: u64 = 2_000;

/// What of a statement is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    Copies(u64),
    Depth(u64),
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLite would copy what it names ")?;
        match self {
            Self::Copies(copies) => write!(f, "{copies} times over")?,
            Self::Depth(depth) => write!(f, "one into the other, {depth} deep")?,
        }
        write!(f, ", and nobody can stop it meanwhile")
    }
}

/// What something becomes: itself, and all that is copied into it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size {
    pub(super) copies: u64,
    pub(super) depth: u64,
    /// Names, literals and operators.
    pub(super) parts: u64,
    /// The parts that SQLite looks through, once for each view in between.
    pub(super) work: u64,
    /// Operators that are one in the other.
    pub(super) height: u64,
}

impl Size {
    /// Both, one beside the other.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            copies: self.copies.saturating_add(other.copies),
            depth: self.depth.max(other.depth),
            parts: self.parts.saturating_add(other.parts),
            work: self.work.saturating_add(other.work),
            height: self.height.max(other.height),
        }
    }

    /// Whichever is larger, in each respect.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            copies: self.copies.max(other.copies),
            depth: self.depth.max(other.depth),
            parts: self.parts.max(other.parts),
            work: self.work.max(other.work),
            height: self.height.max(other.height),
        }
    }

    pub(super) fn excess(self) -> Option<Excess> {
        match self {
            Self { copies, .. } if copies > COPIES => Some(Excess::Copies(copies)),
            Self { depth, .. } if depth > DEPTH => Some(Excess::Depth(depth)),
            Self { work, parts, .. } if work > WORK => Some(Excess::Copies(parts)),
            Self { height, .. } if height > HEIGHT => Some(Excess::Depth(height)),
            _ => None,
        }
    }
}
