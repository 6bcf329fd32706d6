//! What an expression computes with: values that borrow from whoever holds the facts.

use std::fmt;
use std::net::IpAddr;
use std::ops::{Deref, Range};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;

use crate::constant::Constant;
use crate::error::Cause;
use crate::print::print;
use crate::time::{SignedDuration, Timestamp};

/// One value. Texts, lists and maps borrow from the facts or from the expression wherever they can.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// Nothing, such as `null` in JSON. Not the same as a value that is absent.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is written with `u`.
    Uint(u64),
    /// A number with a fraction.
    Double(f64),
    /// A text: usually UTF-8, but what comes from the network may hold any byte.
    String(Text<'a>),
    /// Bytes that are no text.
    Bytes(Text<'a>),
    /// A length of time.
    Duration(SignedDuration),
    /// A moment.
    Timestamp(Timestamp),
    /// An address. Make one by [`Value::from`], so that IPv4 inside of IPv6 is IPv4.
    Ip(IpAddr),
    /// A network of addresses.
    Cidr(IpNet),
    /// Several values in order.
    List(List<'a>),
    /// Values by key.
    Map(Map<'a>),
}

/// Bytes, borrowed or made.
#[derive(Debug, Clone)]
pub enum Text<'a> {
    /// They belong to the facts or to the expression.
    Borrowed(&'a [u8]),
    /// They were made in this evaluation.
    Made(Rc<[u8]>),
}

impl Deref for Text<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}

impl<'a> Text<'a> {
    /// A part of it; nothing if the range is not inside. Only what was made is copied.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        match self {
            Self::Borrowed(bytes) => Self::Borrowed(bytes.get(range).unwrap_or_default()),
            Self::Made(bytes) => Self::Made(bytes.get(range).unwrap_or_default().into()),
        }
    }
}

/// A list that the facts hold.
pub trait Items: fmt::Debug {
    /// How many items there are.
    fn size(&self) -> usize;

    /// One of them, counted from 0.
    fn item(&self, at: usize) -> Option<Value<'_>>;
}

/// A map from texts that the facts hold. It decides how keys are compared: names of header fields
/// without their case, say.
pub trait Entries: fmt::Debug {
    /// How many keys there are.
    fn size(&self) -> usize;

    /// The value of a key.
    fn get(&self, key: &[u8]) -> Option<Value<'_>>;

    /// One of the keys, counted from 0.
    fn key(&self, at: usize) -> Option<Value<'_>>;
}

/// Several values in order.
#[derive(Debug, Clone)]
pub enum List<'a> {
    /// They belong to the facts or to the expression.
    Borrowed(&'a dyn Items),
    /// They were made in this evaluation.
    Made(Rc<[Value<'a>]>),
}

impl<'a> List<'a> {
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Borrowed(items) => items.size(),
            Self::Made(items) => items.len(),
        }
    }

    pub(crate) fn item(&self, at: usize) -> Option<Value<'a>> {
        match self {
            Self::Borrowed(items) => items.item(at),
            Self::Made(items) => items.get(at).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        (0..self.size()).filter_map(|at| self.item(at))
    }
}

/// Values by key.
#[derive(Debug, Clone)]
pub enum Map<'a> {
    /// It belongs to the facts.
    Borrowed(&'a dyn Entries),
    /// It is written in the expression, of constants only.
    Written(WrittenMap<'a>),
    /// It was made in this evaluation.
    Made(Rc<[(Value<'a>, Value<'a>)]>),
}

/// A map of constants.
#[derive(Debug, Clone, Copy)]
pub struct WrittenMap<'a>(pub(crate) &'a [(Constant, Constant)]);

impl<'a> Map<'a> {
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Borrowed(entries) => entries.size(),
            Self::Written(entries) => entries.0.len(),
            Self::Made(entries) => entries.len(),
        }
    }

    pub(crate) fn get(&self, key: &Value<'_>) -> Option<Value<'a>> {
        match (self, key) {
            (Self::Borrowed(entries), Value::String(key)) => entries.get(key),
            (Self::Borrowed(_), _) => None,
            (Self::Written(entries), key) => {
                let found = entries.0.iter().find(|(other, _)| other.value().is_key(key));
                found.map(|(_, value)| value.value())
            }
            (Self::Made(entries), key) => {
                let found = entries.iter().find(|(other, _)| other.is_key(key));
                found.map(|(_, value)| value.clone())
            }
        }
    }

    /// One of the keys, counted from 0.
    pub(crate) fn key(&self, at: usize) -> Option<Value<'a>> {
        match self {
            Self::Borrowed(entries) => entries.key(at),
            Self::Written(entries) => entries.0.get(at).map(|(key, _)| key.value()),
            Self::Made(entries) => entries.get(at).map(|(key, _)| key.clone()),
        }
    }
}

impl<'a> Value<'a> {
    /// Writes it behind what is there, as a [`Template`](crate::Template) does.
    ///
    /// # Errors
    /// If it is no one text: a list, a map or null.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Cause> {
        print(self, out)
    }

    pub(crate) fn made_string(text: impl Into<Rc<[u8]>>) -> Self {
        Self::String(Text::Made(text.into()))
    }

    pub(crate) fn made_list(items: Vec<Self>) -> Self {
        Self::List(List::Made(items.into()))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(text: &'a [u8]) -> Self {
        Self::String(Text::Borrowed(text))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::made_string(text.into_bytes())
    }
}

impl From<bool> for Value<'_> {
    fn from(holds: bool) -> Self {
        Self::Bool(holds)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<IpAddr> for Value<'_> {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address.to_canonical())
    }
}

impl From<Duration> for Value<'_> {
    fn from(duration: Duration) -> Self {
        Self::Duration(duration.into())
    }
}

impl From<SystemTime> for Value<'_> {
    fn from(time: SystemTime) -> Self {
        Self::Timestamp(time.into())
    }
}

impl<'a> From<&'a dyn Items> for Value<'a> {
    fn from(items: &'a dyn Items) -> Self {
        Self::List(List::Borrowed(items))
    }
}

impl<'a> From<&'a dyn Entries> for Value<'a> {
    fn from(entries: &'a dyn Entries) -> Self {
        Self::Map(Map::Borrowed(entries))
    }
}

impl<T: AsRef<[u8]> + fmt::Debug> Items for Vec<T> {
    fn size(&self) -> usize {
        self.len()
    }

    fn item(&self, at: usize) -> Option<Value<'_>> {
        self.get(at).map(|text| Value::from(text.as_ref()))
    }
}
