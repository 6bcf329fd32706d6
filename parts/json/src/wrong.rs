//! What is wrong with a text, and where.

use std::fmt;

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What.
    pub what: What,
    /// Of the value that is wrong, or that the mistake is in: a JSON pointer (RFC 6901). It is made of
    /// names that the text has.
    pub pointer: String,
    /// The place in the text, in bytes from its beginning.
    pub at: usize,
}

impl Wrong {
    pub(crate) fn of(what: What, at: usize) -> Self {
        Self { what, pointer: String::new(), at }
    }
}

/// What is wrong with a text. None of it says what the text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It is no JSON.
    Syntax(&'static str),
    /// A name stands twice in an object.
    Twice,
    /// A number that readers round, each in its own way.
    Rounded,
    /// There is more than is allowed.
    Exceeds(Bound),
}

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// Objects and lists within each other.
    Depth,
    /// Members of one object.
    Members,
    /// Items of one list.
    Items,
    /// Bytes of one text.
    Text,
    /// Bytes of one name.
    Name,
    /// Digits of one number.
    Digits,
    /// Values.
    Nodes,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.what, self.at)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax(what) => what,
            Self::Twice => "a name stands twice in an object",
            Self::Rounded => "a number has more digits than most readers keep",
            Self::Exceeds(bound) => match bound {
                Bound::Depth => "it is nested too deep",
                Bound::Members => "an object has too many members",
                Bound::Items => "a list has too many items",
                Bound::Text => "a text is too long",
                Bound::Name => "a name is too long",
                Bound::Digits => "a number has too many digits",
                Bound::Nodes => "there are too many values",
            },
        })
    }
}

impl std::error::Error for Wrong {}
