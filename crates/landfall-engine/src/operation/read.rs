//! The operation of a statement that others wrote: of Atlas's, and of the steps in the report of another release.

use super::{Operation, StepKind};
use crate::ddl::{self, ObjectKind};
use crate::token::{Token, tokenize};

/// Of a statement from outside; `None` of one that only begins or ends a transaction. `owner` knows the table of an index or trigger
/// that is there.
pub(crate) fn statement(sql: &str, owner: impl Fn(&str) -> Option<String>) -> Option<Operation> {
    let statement = Statement { tokens: tokenize(sql).unwrap_or_default() };
    let is_empty = sql.trim().is_empty();
    if is_empty || statement.begins(&["BEGIN"]) || statement.begins(&["COMMIT"]) {
        return None;
    }
    Some(statement.operation(owner).unwrap_or(Operation::Foreign))
}

/// Of a step in a report, by what is said of it there.
pub(crate) fn reported(kind: StepKind, table: &str, sql: &str) -> Operation {
    let statement = Statement { tokens: tokenize(sql).unwrap_or_default() };
    let of_table = || table.to_owned();
    let found = match kind {
        StepKind::Create => statement.creation(of_table),
        StepKind::Drop => statement.drop(|_| Some(of_table())),
        StepKind::Alter => statement.alteration(table),
        StepKind::Check => Some(Operation::Check { table: of_table() }),
        StepKind::Edit => Some(Operation::EditCatalogue { table: of_table() }),
        StepKind::Insert => Some(Operation::InsertRows { table: of_table() }),
        StepKind::Update => Some(Operation::UpdateRows { table: of_table() }),
        StepKind::Metadata if statement.begins(&["PRAGMA"]) => Some(Operation::Pragma),
        StepKind::Metadata if table.is_empty() => None,
        StepKind::Metadata => Some(Operation::EditSequence { table: of_table() }),
        StepKind::Rebuild => statement.part_of_rebuild(table),
    };
    found.unwrap_or(Operation::Foreign)
}

struct Statement<'s> {
    tokens: Vec<Token<'s>>,
}

impl Statement<'_> {
    fn operation(&self, owner: impl Fn(&str) -> Option<String>) -> Option<Operation> {
        let first = self.tokens.first()?;
        match first.text.to_ascii_uppercase().as_str() {
            "PRAGMA" => Some(Operation::Pragma),
            "CREATE" => self.creation(|| self.name_after("ON").unwrap_or_default()),
            "DROP" => self.drop(owner),
            "ALTER" => self.alteration(&self.name_after("TABLE")?),
            "INSERT" if self.is_index_command() => Some(Operation::FillIndex { table: self.name(2)? }),
            // A planner from outside inserts only what it copies.
            "INSERT" => {
                Some(Operation::CopyRows { table: self.name_after("FROM")?, into: self.name_after("INTO")? })
            }
            "UPDATE" => Some(Operation::UpdateRows { table: self.name(1)? }),
            _ => None,
        }
    }

    /// `table` is that of an index or a trigger.
    fn creation(&self, table: impl FnOnce() -> String) -> Option<Operation> {
        let head = ddl::head(&self.tokens)?;
        let name = head.name;
        Some(match head.kind {
            ObjectKind::Table => Operation::CreateTable { table: name },
            ObjectKind::VirtualTable => {
                let full_text = self.name_after("USING")?.to_ascii_lowercase().starts_with("fts");
                Operation::CreateVirtualTable { table: name, full_text }
            }
            ObjectKind::Index => Operation::CreateIndex { index: name, table: table() },
            ObjectKind::View => Operation::CreateView { view: name },
            ObjectKind::Trigger => Operation::CreateTrigger { trigger: name, table: table() },
        })
    }

    fn drop(&self, owner: impl Fn(&str) -> Option<String>) -> Option<Operation> {
        let name = self.last().filter(|_| self.begins(&["DROP"]))?;
        let table = || owner(&name).unwrap_or_else(|| name.clone());
        Some(match self.tokens.get(1)?.text.to_ascii_uppercase().as_str() {
            "INDEX" => Operation::DropIndex { table: table(), index: name },
            "TRIGGER" => Operation::DropTrigger { table: table(), trigger: name },
            "VIEW" => Operation::DropView { view: name },
            "TABLE" => Operation::DropTable { table: name },
            _ => return None,
        })
    }

    /// `ALTER TABLE t` and what comes behind it.
    fn alteration(&self, table: &str) -> Option<Operation> {
        let altered = self.name(2)?;
        let table = table.to_owned();
        let does = |words: &[&str]| self.has(3, words);
        Some(if does(&["ADD", "COLUMN"]) {
            Operation::AddColumn { table, column: self.name(5)? }
        } else if does(&["DROP", "COLUMN"]) {
            Operation::DropColumn { table, column: self.name(5)? }
        } else if does(&["RENAME", "COLUMN"]) {
            Operation::RenameColumn { table, from: self.name(5)?, to: self.last()? }
        } else if does(&["RENAME", "TO"]) && table.eq_ignore_ascii_case(&altered) {
            Operation::TakePlace { table, of: self.last()? }
        } else if does(&["RENAME", "TO"]) {
            Operation::RenameTable { from: altered, to: table }
        } else {
            Operation::AlterConstraint { table }
        })
    }

    fn part_of_rebuild(&self, table: &str) -> Option<Operation> {
        let table = table.to_owned();
        Some(if self.is_index_command() {
            Operation::FillIndex { table }
        } else if self.begins(&["INSERT"]) {
            Operation::CopyRows { table, into: self.name_after("INTO")? }
        } else if self.begins(&["ALTER", "TABLE"]) {
            Operation::SetAside { table, aside: self.last()? }
        } else if self.begins(&["DROP", "TABLE"]) {
            Operation::DropLeftover { table, leftover: self.last()? }
        } else if self.begins(&["DROP", "INDEX"]) {
            Operation::DropKeyIndex { table, index: self.last()? }
        } else if self.begins(&["REINDEX"]) {
            Operation::Reindex { table }
        } else {
            let head = ddl::head(&self.tokens)?;
            match head.kind {
                ObjectKind::Index => Operation::CreateKeyIndex { table, index: head.name },
                _ => Operation::CreateTarget { table, target: head.name },
            }
        })
    }

    /// `INSERT INTO f (f) VALUES ('rebuild')`
    fn is_index_command(&self) -> bool {
        self.begins(&["INSERT", "INTO"]) && self.name(2).is_some() && self.name(2) == self.name(4)
    }

    fn begins(&self, words: &[&str]) -> bool {
        self.has(0, words)
    }

    fn has(&self, at: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(i, word)| self.tokens.get(at + i).is_some_and(|token| token.is(word)))
    }

    fn name(&self, at: usize) -> Option<String> {
        self.tokens.get(at).map(Token::name)
    }

    fn last(&self) -> Option<String> {
        self.tokens.last().map(Token::name)
    }

    fn name_after(&self, word: &str) -> Option<String> {
        let at = self.tokens.iter().position(|token| token.is(word))?;
        self.name(at + 1)
    }
}
