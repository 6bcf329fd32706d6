//! JSON that two readers cannot read in two ways, within bounds: no name twice in an object, no number
//! that readers round, nothing deeper, longer or more than is allowed. Each byte is looked at once.

mod frame;
mod number;
mod pointer;
mod scan;
mod wrong;

pub use pointer::push as push_pointer;
pub use wrong::{Bound, What, Wrong};

use serde_json::Value;

/// The deepest that values may ever be nested: who makes values of them goes as deep.
pub const DEPTH_MAX: usize = 120;

/// What a text may have at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Objects and lists within each other; never more than [`DEPTH_MAX`].
    pub depth: usize,
    /// Members of one object.
    pub members: usize,
    /// Items of one list.
    pub items: usize,
    /// Bytes of one text, as it is after its escapes.
    pub text: usize,
    /// Bytes of one name, as it is after its escapes.
    pub name: usize,
    /// Digits of one number, those of its exponent with them.
    pub digits: usize,
    /// Values of all kinds together.
    pub nodes: usize,
    /// Whether numbers may be such that readers round them.
    pub rounded: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 64,
            members: 10_000,
            items: 100_000,
            text: usize::MAX,
            name: 1024,
            digits: 64,
            nodes: 1_000_000,
            rounded: false,
        }
    }
}

/// How many values a text has.
///
/// # Errors
/// The first thing that is wrong with it, and where.
pub fn check(text: &[u8], limits: &Limits) -> Result<usize, Wrong> {
    scan::Scan::new(text, limits)?.whole()
}

/// The value that a text is.
///
/// # Errors
/// As [`check`].
pub fn read(text: &[u8], limits: &Limits) -> Result<Value, Wrong> {
    check(text, limits)?;
    // What was checked is JSON; where this reader is stricter, its word counts.
    serde_json::from_slice(text).map_err(|_other| Wrong::of(What::Syntax("it is no JSON"), 0))
}
