//! How many operators are nested in one another: as deep as SQLite calls itself, at the most.

use crate::token::Token;

/// One list of expressions: between parentheses, or between CASE and END.
#[derive(Default)]
struct Level {
    is_case: bool,
    /// Of the expression that is being read.
    operators: u64,
    nested: u64,
    /// Of those before it.
    highest: u64,
}

impl Level {
    fn end_expression(&mut self) -> u64 {
        self.highest = self.highest.max(self.operators + self.nested);
        (self.operators, self.nested) = (0, 0);
        self.highest
    }
}

/// What is open around a token.
pub(super) struct Heights(Vec<Level>);

impl Heights {
    pub(super) fn new() -> Self {
        Self(vec![Level::default()])
    }

    pub(super) fn read(&mut self, token: &Token<'_>) {
        if token.is("CASE") {
            self.0.push(Level { is_case: true, ..Level::default() });
        } else if token.is("END") {
            self.end_case();
        } else if let Some(level) = self.0.last_mut() {
            if separates(token) {
                level.end_expression();
            } else if is_operator(token) {
                level.operators += 1;
            }
        }
    }

    pub(super) fn begin(&mut self) {
        self.0.push(Level::default());
    }

    /// Of a parenthesis.
    pub(super) fn end(&mut self) {
        while self.end_case() {}
        self.end_level();
    }

    fn end_case(&mut self) -> bool {
        let is_case = self.0.last().is_some_and(|level| level.is_case);
        if is_case {
            self.end_level();
        }
        is_case
    }

    fn end_level(&mut self) {
        if let Some(mut ended) = self.0.pop_if(|_| true) {
            let height = ended.end_expression() + 1;
            match self.0.last_mut() {
                Some(around) => around.nested = around.nested.max(height),
                None => self.0.push(Level::default()),
            }
        }
    }

    /// Of the list that ends here.
    pub(super) fn ended(&mut self) -> u64 {
        while self.end_case() {}
        let ended = self.0.last_mut().map(|level| (level.end_expression(), level.highest = 0));
        ended.map_or(0, |(height, ())| height)
    }
}

fn separates(token: &Token<'_>) -> bool {
    token.is_symbol(",") || ["WHEN", "THEN", "ELSE"].iter().any(|word| token.is(word))
}

fn is_operator(token: &Token<'_>) -> bool {
    const WORDS: [&str; 13] = [
        "AND", "OR", "NOT", "IS", "IN", "LIKE", "GLOB", "MATCH", "REGEXP", "BETWEEN", "COLLATE", "ISNULL",
        "NOTNULL",
    ];
    (token.kind == crate::token::Kind::Symbol && token.text != ".") || WORDS.iter().any(|word| token.is(word))
}
