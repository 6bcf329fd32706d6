//! One value of a configuration as it was written.

use std::cell::Cell;
use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::report::Place;

/// One value of a configuration as it was written: nothing, a text, a list or a map. What a text
/// means is decided by who reads it ([`crate::read()`]).
///
/// Two nodes are equal if they say the same, wherever they are written. Where a value came from
/// the environment, `Debug` and `Serialize` show the reference (`${env:NAME}`), not the value.
#[derive(Clone, Default)]
pub struct Node {
    pub(crate) value: Value,
    pub(crate) place: Option<Place>,
}

#[derive(Clone, Default, PartialEq)]
pub(crate) enum Value {
    #[default]
    Nothing,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a map with its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: Box<str>,
    pub(crate) key_place: Option<Place>,
    pub(crate) node: Node,
}

/// A text, and what must be known about how it was written.
#[derive(Clone)]
pub(crate) struct Scalar {
    /// With references resolved.
    pub(crate) text: Box<str>,
    /// As written, if that has references.
    pub(crate) written: Option<Box<str>>,
    /// Written without quotes, so that it may be a number, `true` or `false` to a reader that
    /// does not ask for a type.
    pub(crate) bare: bool,
}

impl Scalar {
    /// What may be shown: never the value of a reference.
    pub(crate) fn shown(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.text)
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        let is_text = |scalar: &Self| matches!(scalar.untyped(), Untyped::Text(_));
        self.text == other.text && self.written == other.written && is_text(self) == is_text(other)
    }
}

/// What a scalar is to a reader that does not ask for a type.
pub(crate) enum Untyped<'a> {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
}

impl Scalar {
    pub(crate) fn untyped(&self) -> Untyped<'_> {
        let text = &*self.text;
        match text {
            _ if !self.bare => Untyped::Text(text),
            "true" => Untyped::Bool(true),
            "false" => Untyped::Bool(false),
            _ if !is_number(text) => Untyped::Text(text),
            _ => text
                .parse()
                .map(Untyped::Unsigned)
                .or_else(|_| text.parse().map(Untyped::Signed))
                .or_else(|_| text.parse().map(Untyped::Float))
                .unwrap_or(Untyped::Text(text)),
        }
    }
}

/// Whether a text is a number as JSON writes it.
pub(crate) fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let sign = |text: &str| digits(text.strip_prefix(['-', '+']).unwrap_or(text));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(sign)
}

impl Node {
    pub(crate) fn text(text: impl Into<Box<str>>, bare: bool, place: Option<Place>) -> Self {
        let scalar = Scalar { text: text.into(), written: None, bare };
        Self { value: Value::Scalar(scalar), place }
    }

    /// Where it is written, if it came from a file.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Whether there is no value: it was left out, left empty, or is `null`.
    pub fn is_nothing(&self) -> bool {
        matches!(self.value, Value::Nothing)
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.node == other.node
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Nothing => f.write_str("null"),
            Value::Scalar(scalar) => fmt::Debug::fmt(scalar.shown(), f),
            Value::List(items) => f.debug_list().entries(items).finish(),
            Value::Map(entries) => f
                .debug_map()
                .entries(entries.iter().map(|entry| (&entry.key, &entry.node)))
                .finish(),
        }
    }
}

/// As written: references stay references, and numbers that would not come back as they are
/// written (such as `1.10`) become texts.
impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Value::Nothing => serializer.serialize_unit(),
            Value::Scalar(Scalar { written: Some(written), .. }) => {
                serializer.serialize_str(written)
            }
            Value::Scalar(scalar) => match scalar.untyped() {
                Untyped::Bool(value) => serializer.serialize_bool(value),
                Untyped::Unsigned(value) => serializer.serialize_u64(value),
                Untyped::Signed(value) => serializer.serialize_i64(value),
                Untyped::Float(value) if format!("{value:?}") == *scalar.text => {
                    serializer.serialize_f64(value)
                }
                Untyped::Float(_) | Untyped::Text(_) => serializer.serialize_str(&scalar.text),
            },
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                let mut write = |entry: &Entry| map.serialize_entry(&*entry.key, &entry.node);
                entries.iter().try_for_each(&mut write)?;
                map.end()
            }
        }
    }
}

/// The name by which a [`Node`] asks a deserializer for the node itself.
pub(crate) const HANDED_OVER_AS: &str = "yumen::Node";

thread_local! {
    /// Our own deserializer puts a node here and at once calls the visitor, which takes it out:
    /// serde has no other way to hand over a value that it does not know, with its places and
    /// its references.
    static HANDED_OVER: Cell<Option<Node>> = const { Cell::new(None) };
}

/// Hands a node to a visitor that asked for [`HANDED_OVER_AS`].
pub(crate) fn hand_over<'de, V: Visitor<'de>, E: Error>(
    node: Node,
    visitor: V,
) -> Result<V::Value, E> {
    HANDED_OVER.set(Some(node));
    let taken = visitor.visit_unit();
    HANDED_OVER.set(None);
    taken
}

/// From any format. References in it are text like any other: only [`crate::document`] resolves
/// them.
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(HANDED_OVER_AS, NodeVisitor)
    }
}

struct NodeVisitor;

impl NodeVisitor {
    fn bare(text: &impl ToString) -> Node {
        Node::text(text.to_string(), true, None)
    }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(HANDED_OVER.take().unwrap_or_default())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Self::bare(&value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Self::bare(&value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Self::bare(&value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::text(format!("{value:?}"), true, None))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::text(value, false, None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node { value: Value::List(items), place: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, node)) = map.next_entry::<String, Node>()? {
            entries.push(Entry { key: key.into(), key_place: None, node });
        }
        Ok(Node { value: Value::Map(entries), place: None })
    }
}
