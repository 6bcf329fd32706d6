//! Where a browser says that a request comes from: origins and the hosts of pages, and lists of them
//! that are compiled once and then compared without parsing.
//!
//! Browsers write an origin in one form only (<https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin>):
//! lower case, no default port, no slash at the end. Whatever is written otherwise is no origin that is
//! known here, so nothing is repaired on the way. A wildcard stands for whole labels of a name at its
//! front, and for at least one: `*.example.com` is neither `example.com` nor `evilexample.com`.

mod hosts;
mod origins;

pub use hosts::{Hosts, page_host};
pub use origins::{Origins, split_origin};

/// Entries that one list may have.
pub const ENTRIES_MAX: usize = 1000;

/// The longest origin that is compared: scheme, name and port, with room for schemes of extensions.
pub const ORIGIN_BYTES_MAX: usize = 320;

/// What is wrong with an entry of a list, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl Fault {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// The values of the field lines of one name, of which there must be one at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// There is no such line.
    Nothing,
    /// There is one, with this value.
    Once(&'a [u8]),
    /// There are several, so that two readers may see two values.
    Often,
}

impl<'a> Said<'a> {
    /// Reads the lines.
    pub fn of(mut values: impl Iterator<Item = &'a [u8]>) -> Self {
        match (values.next(), values.next()) {
            (None, _) => Self::Nothing,
            (Some(value), None) => Self::Once(value),
            (Some(_), Some(_)) => Self::Often,
        }
    }
}
