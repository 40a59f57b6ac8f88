//! The named ways in which a plan may cost data, and their approval.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::object;
use crate::shown::{in_line, shown, shown_in_line};

/// A named way in which a plan may cost data or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HazardName {
    /// A table with all its rows goes.
    DropsTable,
    /// A column with all its values goes.
    DropsColumn,
    /// Values read differently afterwards, and the old ones cannot be told from the new ones.
    ChangesValues,
    /// One goes and one comes, and they look alike: rows would lose what was probably to be renamed.
    LooksLikeRename,
    /// Implicit rowids cannot be kept.
    RenumbersRowids,
    /// SQLite would refuse every statement that comes near it: `schema.sql` names what is not there.
    Unusable,
    /// A column without a value for rows that exist.
    NeedsBackfill,
    /// Rows that exist break a constraint that is new.
    ViolatedConstraint,
    /// Only told: the table is written anew, which takes time in proportion to its rows.
    RewritesTable,
}

impl HazardName {
    pub(crate) const ALL: [Self; 9] = [
        Self::DropsTable,
        Self::DropsColumn,
        Self::ChangesValues,
        Self::LooksLikeRename,
        Self::RenumbersRowids,
        Self::Unusable,
        Self::NeedsBackfill,
        Self::ViolatedConstraint,
        Self::RewritesTable,
    ];

    /// The name as the command line and reports write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DropsTable => "DROPS_TABLE",
            Self::DropsColumn => "DROPS_COLUMN",
            Self::ChangesValues => "CHANGES_VALUES",
            Self::LooksLikeRename => "LOOKS_LIKE_RENAME",
            Self::RenumbersRowids => "RENUMBERS_ROWIDS",
            Self::Unusable => "UNUSABLE",
            Self::NeedsBackfill => "NEEDS_BACKFILL",
            Self::ViolatedConstraint => "VIOLATED_CONSTRAINT",
            Self::RewritesTable => "REWRITES_TABLE",
        }
    }

    /// Whether an approval lets a plan with this hazard run.
    #[must_use]
    pub fn is_approvable(self) -> bool {
        !matches!(self, Self::NeedsBackfill | Self::ViolatedConstraint | Self::RewritesTable)
    }
}

impl fmt::Display for HazardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who approved a hazard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovedBy {
    /// A directive in `schema.sql`.
    Schema,
    /// [`crate::Settings::allow`].
    Caller,
}

/// Lines of `schema.sql`, and what to write in their place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The file.
    pub file: String,
    /// The first line that is replaced, from 1.
    pub first: usize,
    /// The last one.
    pub last: usize,
    /// The new lines, to be pasted.
    pub text: String,
}

impl Edit {
    /// As a person does it: the sentence, and below it the lines, further to the right.
    pub(crate) fn as_advice(&self) -> String {
        let Self { file, first, last, text } = self;
        let lines = match first == last {
            true => format!("line {first} of {file}"),
            false => format!("lines {first} to {last} of {file}"),
        };
        format!("write {lines} like this:\n  {}", text.replace('\n', "\n  "))
    }
}

/// A hazard of a plan, on one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hazard {
    /// Which.
    pub name: HazardName,
    /// `table` or `table.column`, or a view or trigger that cannot be used; a name that would read as something else in double quotes.
    pub object: String,
    /// What would happen, for a person.
    pub message: String,
    /// What to write or type, a line each; empty for what is only told. Has what `edit` and `query` say.
    pub remedy: String,
    /// What lets a plan with it run; `None` where nothing does.
    #[serde(default)]
    pub approval: Option<Approval>,
    /// What is probably meant, where that is one thing.
    #[serde(default)]
    pub edit: Option<Edit>,
    /// The SELECT that finds the rows. No value of a row is in it.
    #[serde(default)]
    pub query: Option<String>,
    /// How many rows it concerns, where they were counted.
    pub rows: Option<u64>,
    /// Up to five of them.
    pub rowids: Vec<i64>,
    /// Who approved it, if anybody.
    pub approved: Option<ApprovedBy>,
}

impl Hazard {
    /// Not approved yet, and without rows.
    #[must_use]
    pub fn new(
        name: HazardName,
        object: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            name,
            object: object.to_owned(),
            message: in_line(message.into()),
            remedy: shown(&remedy.into()).into_owned(),
            approval: name.is_approvable().then(|| Approval::of(name, object)),
            edit: None,
            query: None,
            rows: None,
            rowids: Vec::new(),
            approved: None,
        }
    }

    /// Approves it where the caller does, and nobody has.
    pub(crate) fn approve(&mut self, allow: &[Approval]) {
        let by_caller = allow.iter().any(|approval| approval.covers(self.name, &self.object));
        if self.approved.is_none() && self.name.is_approvable() && by_caller {
            self.approved = Some(ApprovedBy::Caller);
        }
    }

    /// With the SELECT that finds the rows. One that names what nobody can type is not offered to be typed.
    pub(crate) fn found_by(mut self, query: String) -> Self {
        if shown_in_line(&query) == query {
            self.remedy.push_str(&format!("\nto see them: {query};"));
        }
        self.query = Some(query);
        self
    }

    /// Takes back what the caller approved: it was approved for another plan.
    pub(crate) fn forget_caller(&mut self) {
        if self.approved == Some(ApprovedBy::Caller) {
            self.approved = None;
        }
    }

    /// Whether the plan must not run because of it.
    #[must_use]
    pub fn stops(&self) -> bool {
        self.name != HazardName::RewritesTable && self.approved.is_none()
    }
}

/// An approval: this hazard on this object, written `HAZARD:OBJECT`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Approval {
    name: HazardName,
    object: String,
}

impl Approval {
    /// Of this hazard on every object.
    pub(crate) fn any(name: HazardName) -> Self {
        Self { name, object: "*".to_owned() }
    }

    /// Of this hazard on this object.
    pub(crate) fn of(name: HazardName, object: &str) -> Self {
        Self { name, object: object.to_owned() }
    }

    /// Whether it is of that very object, and not of all.
    pub(crate) fn names(&self, name: HazardName, object: &str) -> bool {
        self.object != "*" && self.covers(name, object)
    }

    /// Whether it approves this hazard on this object. `*` means every object; names compare without letter case, and one in double
    /// quotes may hold anything: `"a.b".c`.
    #[must_use]
    pub fn covers(&self, name: HazardName, object: &str) -> bool {
        self.name == name && (self.object == "*" || object::same(&self.object, object))
    }
}

impl fmt::Display for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.object)
    }
}

impl From<Approval> for String {
    fn from(approval: Approval) -> Self {
        approval.to_string()
    }
}
