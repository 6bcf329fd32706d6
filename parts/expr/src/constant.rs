//! Values that an expression is written with: owned, so that threads can share it.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::time::{SignedDuration, Timestamp};
use crate::value::{Items, List, Map, Text, Value, WrittenMap};

/// A value that is known when the expression is compiled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Box<[u8]>),
    Bytes(Box<[u8]>),
    Duration(SignedDuration),
    Timestamp(Timestamp),
    Ip(IpAddr),
    Cidr(IpNet),
    List(Constants),
    Map(Box<[(Constant, Constant)]>),
}

/// A list of constants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Constants(pub(crate) Box<[Constant]>);

impl Items for Constants {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn item(&self, at: usize) -> Option<Value<'_>> {
        self.0.get(at).map(Constant::value)
    }
}

impl Constant {
    /// How many bytes its texts have.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::String(text) | Self::Bytes(text) => text.len(),
            Self::List(items) => items.0.iter().map(Self::bytes).sum(),
            Self::Map(entries) => {
                entries.iter().map(|(key, value)| key.bytes() + value.bytes()).sum()
            }
            _ => 0,
        }
    }

    /// The value, which borrows from the constant.
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(holds) => Value::Bool(*holds),
            Self::Int(number) => Value::Int(*number),
            Self::Uint(number) => Value::Uint(*number),
            Self::Double(number) => Value::Double(*number),
            Self::String(text) => Value::String(Text::Borrowed(text)),
            Self::Bytes(bytes) => Value::Bytes(Text::Borrowed(bytes)),
            Self::Duration(duration) => Value::Duration(*duration),
            Self::Timestamp(time) => Value::Timestamp(*time),
            Self::Ip(address) => Value::Ip(*address),
            Self::Cidr(network) => Value::Cidr(*network),
            Self::List(items) => Value::List(List::Borrowed(items)),
            Self::Map(entries) => Value::Map(Map::Written(WrittenMap(entries))),
        }
    }
}

impl From<Value<'_>> for Constant {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(holds) => Self::Bool(holds),
            Value::Int(number) => Self::Int(number),
            Value::Uint(number) => Self::Uint(number),
            Value::Double(number) => Self::Double(number),
            Value::String(text) => Self::String(text.as_ref().into()),
            Value::Bytes(bytes) => Self::Bytes(bytes.as_ref().into()),
            Value::Duration(duration) => Self::Duration(duration),
            Value::Timestamp(time) => Self::Timestamp(time),
            Value::Ip(address) => Self::Ip(address),
            Value::Cidr(network) => Self::Cidr(network),
            Value::List(list) => Self::List(Constants(list.iter().map(Self::from).collect())),
            Value::Map(map) => {
                let keys = (0..map.size()).filter_map(|at| map.key(at));
                let entries = keys.filter_map(|key| map.get(&key).map(|value| (key, value)));
                Self::Map(entries.map(|(key, value)| (key.into(), value.into())).collect())
            }
        }
    }
}
