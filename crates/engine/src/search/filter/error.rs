//! What is wrong with a filter, and where.

use std::fmt;

/// A filter that cannot be understood. Columns count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// Where the trouble begins; one past the end when something is missing there.
    pub column: usize,
    /// What is wrong, as a clause: `unknown field "prise"`.
    pub problem: String,
    /// What could stand there, when that helps.
    pub expected: Option<String>,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl FilterError {
    pub(super) fn at(column: usize, problem: impl Into<String>) -> Self {
        Self { column, problem: problem.into(), expected: None, suggestion: None }
    }

    pub(super) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(super) fn suggest(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion;
        self
    }

    /// The filter with a caret under the column, for terminals.
    #[must_use]
    pub fn pointed(&self, filter: &str) -> String {
        let line: String =
            filter.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
        format!("{line}\n{:>width$}", "^", width = self.column)
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "filter, column {}: {}", self.column, self.problem)?;
        if let Some(expected) = &self.expected {
            write!(out, "; expected {expected}")?;
        }
        if let Some(suggestion) = &self.suggestion {
            write!(out, "; did you mean {suggestion}?")?;
        }
        Ok(())
    }
}

impl std::error::Error for FilterError {}
