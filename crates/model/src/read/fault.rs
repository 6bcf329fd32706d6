//! The first mistake that `serde` ran into, and the way to it.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use super::words;

/// What is wrong.
#[derive(Debug)]
pub(crate) enum Kind {
    /// The value is not of this kind (in plain words).
    Wrong(String),
    /// The map has no such key.
    Missing(&'static str),
    /// The map has a key that means nothing.
    UnknownKey(String, &'static [&'static str]),
    /// The value is none of these.
    UnknownValue(String, &'static [&'static str]),
    /// A key that would have been ignored: the type has no `deny_unknown_fields`.
    Ignored,
    /// A value that stood in for a struck or missing one was refused. Never reported.
    Blank,
    /// The type's own words.
    Other(String),
}

/// A mistake with the way to it from the root.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// Positions in lists and maps, the last step first.
    pub(crate) way: Vec<usize>,
    /// Whether it is the key and not the value at the end of the way.
    pub(crate) is_key: bool,
}

impl Fault {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, way: Vec::new(), is_key: false }
    }

    /// The same, seen from the list or map around it.
    pub(crate) fn inside(mut self, position: usize) -> Self {
        self.way.push(position);
        self
    }

    pub(crate) fn in_key(mut self, position: usize) -> Self {
        self.is_key = true;
        self.inside(position)
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Wrong(expected) => write!(f, "expected {expected}"),
            Kind::Missing(key) => write!(f, "`{key}` is missing"),
            Kind::UnknownKey(key, _) => write!(f, "unknown key `{key}`"),
            Kind::UnknownValue(value, _) => write!(f, "unknown value `{value}`"),
            Kind::Ignored => f.write_str("a key that means nothing"),
            Kind::Blank => f.write_str("a value is left out"),
            Kind::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(Kind::Other(message.to_string()))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Kind::Wrong(words::plain(&expected.to_string())))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Kind::Wrong(words::plain(&expected.to_string())))
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new(Kind::Wrong(words::plain(&expected.to_string())))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownValue(variant.to_owned(), expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::UnknownKey(field.to_owned(), expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Kind::Missing(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(Kind::Other(format!("`{field}` is set twice, once under another name")))
    }
}
