//! Which names an expression may use, and the types of values.

use std::fmt;

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// `null` and nothing else.
    Null,
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A whole number of 64 bits that is not negative.
    Uint,
    /// A number with a fraction.
    Double,
    /// A text.
    String,
    /// Bytes that are no text.
    Bytes,
    /// A length of time.
    Duration,
    /// A moment.
    Timestamp,
    /// An address.
    Ip,
    /// A network of addresses.
    Cidr,
    /// Values of one type in order.
    List(Box<Self>),
    /// Values of one type, by keys of one type.
    Map(Box<(Self, Self)>),
    /// Not known before the evaluation, such as what is inside of a JSON document. What does not
    /// fit then is an error of the evaluation.
    Dyn,
}

impl Type {
    /// A list of this type.
    #[must_use]
    pub fn list(of: Self) -> Self {
        Self::List(Box::new(of))
    }

    /// A map from texts to this type.
    #[must_use]
    pub fn map(to: Self) -> Self {
        Self::Map(Box::new((Self::String, to)))
    }

    /// Whether a value of the other type can stand where this one is wanted.
    pub(crate) fn takes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dyn, _) | (_, Self::Dyn) => true,
            (Self::List(one), Self::List(other)) => one.takes(other),
            (Self::Map(one), Self::Map(other)) => one.0.takes(&other.0) && one.1.takes(&other.1),
            _ => self == other,
        }
    }

    /// The type of what may be one or the other; `None` if they have nothing in common.
    pub(crate) fn with(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Dyn, _) | (_, Self::Dyn) => Self::Dyn,
            (Self::List(one), Self::List(other)) => Self::list(one.with(other)?),
            (Self::Map(one), Self::Map(other)) => {
                Self::Map(Box::new((one.0.with(&other.0)?, one.1.with(&other.1)?)))
            }
            _ => (self == other).then(|| self.clone())?,
        })
    }

    /// Whether a value can be written as one piece of text.
    pub(crate) const fn is_printable(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Map(_) | Self::Null)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Duration => "duration",
            Self::Timestamp => "timestamp",
            Self::Ip => "ip",
            Self::Cidr => "cidr",
            Self::Dyn => "dyn",
            Self::List(of) => return write!(f, "list({of})"),
            Self::Map(of) => return write!(f, "map({}, {})", of.0, of.1),
        };
        f.write_str(name)
    }
}

/// The names that expressions of one sort may use. Each has a type, and a key by which its value is
/// asked for when an expression is evaluated: usually a variant of an `enum`.
#[derive(Debug, Clone)]
pub struct Schema<K> {
    pub(crate) names: Names,
    keys: Vec<K>,
}

impl<K> Default for Schema<K> {
    fn default() -> Self {
        Self { names: Names::default(), keys: Vec::new() }
    }
}

impl<K: Copy> Schema<K> {
    /// A schema with one more name: words with dots between them, such as `request.method`.
    /// Of two equal names the first one counts.
    #[must_use]
    pub fn with(mut self, name: &str, is: Type, key: K) -> Self {
        self.names.0.push((name.to_owned(), is));
        self.keys.push(key);
        self
    }

    /// Every name with its type, in the order in which they were declared.
    pub fn names(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.names.0.iter().map(|(name, is)| (name.as_str(), is))
    }

    /// The keys of some names, by their places.
    pub(crate) fn keys_of(&self, places: &[usize]) -> Box<[K]> {
        places.iter().filter_map(|place| self.keys.get(*place).copied()).collect()
    }
}

/// Names and their types.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(Vec<(String, Type)>);

impl Names {
    /// The place and type of a name.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Type)> {
        let place = self.0.iter().position(|(other, _)| other == name)?;
        self.0.get(place).map(|(_, is)| (place, is))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}
