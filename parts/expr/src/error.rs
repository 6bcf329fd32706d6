//! Why an evaluation gave no value.

use std::fmt;

/// An evaluation gave no value. That is no fault of the gateway: something that the expression
/// asks for is not there this time, or cannot be computed. A condition that ends so does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// Why.
    pub cause: Cause,
    /// Where in the expression: bytes from its start.
    pub at: usize,
}

/// Why an evaluation gave no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A name has no value this time, or a map has no such key.
    Absent,
    /// A list has no item at this place, or a text no such character.
    OutOfRange,
    /// A number was divided by zero.
    DivisionByZero,
    /// A number, a duration or a time is larger than its type can hold.
    Overflow,
    /// A text cannot be read as what it is converted to.
    Unreadable,
    /// A value whose type was not known when the expression was compiled does not fit.
    Mismatch,
    /// It took more than [`STEPS_MAX`](crate::STEPS_MAX) steps.
    TooManySteps,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Absent,
        Self::OutOfRange,
        Self::DivisionByZero,
        Self::Overflow,
        Self::Unreadable,
        Self::Mismatch,
        Self::TooManySteps,
    ];

    /// The word for it in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::OutOfRange => "out_of_range",
            Self::DivisionByZero => "division_by_zero",
            Self::Overflow => "overflow",
            Self::Unreadable => "unreadable",
            Self::Mismatch => "mismatch",
            Self::TooManySteps => "too_many_steps",
        }
    }

    const fn told(self) -> &'static str {
        match self {
            Self::Absent => "there is no such value this time",
            Self::OutOfRange => "there is nothing at this place",
            Self::DivisionByZero => "this divides by zero",
            Self::Overflow => "the result is too large for its type",
            Self::Unreadable => "the text cannot be read as this type",
            Self::Mismatch => "the value is of another type",
            Self::TooManySteps => "this takes too many steps",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.told())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.at, self.cause)
    }
}

impl std::error::Error for Error {}
