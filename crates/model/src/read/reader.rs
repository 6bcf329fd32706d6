//! A [`Node`] as a `serde` deserializer.

use serde::de::{Deserializer, Visitor};

use super::AS_WRITTEN;
use super::access::{Entries, Items, variants};
use super::fault::{Fault, Kind};
use super::scalar::{Unit, boolean, float, whole, wrong};
use super::strike::Marks;
use super::words;
use crate::document::{HANDED_OVER_AS, Node, Untyped, Value, hand_over};

/// Reads one node, without what is struck out.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    node: &'a Node,
    marks: &'a Marks,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(node: &'a Node, marks: &'a Marks) -> Self {
        Self { node, marks }
    }

    /// Gives the text of a scalar to `read`; the visitor refuses anything else.
    fn scalar<'de, V, R>(self, visitor: V, read: R) -> Result<V::Value, Fault>
    where
        V: Visitor<'de>,
        R: FnOnce(&str, V) -> Result<V::Value, Fault>,
    {
        match &self.node.value {
            Value::Scalar(scalar) => read(&scalar.text, visitor),
            _ => Err(wrong(&visitor)),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.scalar(visitor, |text, visitor| visitor.visit_str(text))
    }

    /// A list, of which `good` items at the front need not be read again.
    fn list<'de, V: Visitor<'de>>(self, visitor: V, good: usize) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Nothing => visitor.visit_seq(Items::new(&[], self.marks, 0)),
            Value::List(items) => {
                let mut items = Items::new(items, self.marks, good);
                let list = visitor.visit_seq(&mut items)?;
                items.end().map(|()| list)
            }
            Value::Scalar(_) | Value::Map(_) => Err(wrong(&visitor)),
        }
    }

    /// Nothing is an empty map. `known` are the keys that a type without `deny_unknown_fields`
    /// would not ignore.
    fn map<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        known: &'static [&'static str],
    ) -> Result<V::Value, Fault> {
        let mut entries = Entries::new(self.node, self.marks, known);
        let map = visitor.visit_map(&mut entries)?;
        entries.end().map(|()| map)
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Nothing => visitor.visit_unit(),
            Value::List(_) => self.list(visitor, 0),
            Value::Map(_) => self.map(visitor, &[]),
            Value::Scalar(scalar) => match scalar.untyped() {
                Untyped::Bool(value) => visitor.visit_bool(value),
                Untyped::Unsigned(value) => visitor.visit_u64(value),
                Untyped::Signed(value) => visitor.visit_i64(value),
                Untyped::Float(value) => visitor.visit_f64(value),
                Untyped::Text(text) => visitor.visit_str(text),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.scalar(visitor, boolean)
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.scalar(visitor, whole)
    }

    fn deserialize_i16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.scalar(visitor, whole)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.scalar(visitor, whole)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.scalar(visitor, whole)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.scalar(visitor, whole)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.scalar(visitor, whole)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.scalar(visitor, whole)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.scalar(visitor, whole)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.scalar(visitor, float)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.scalar(visitor, float)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Nothing => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Nothing => visitor.visit_unit(),
            _ => Err(wrong(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match (name, &self.node.value) {
            (HANDED_OVER_AS, _) => hand_over(self.node.clone(), visitor),
            (AS_WRITTEN, Value::Scalar(scalar)) => visitor.visit_str(&scalar.text),
            (AS_WRITTEN, _) => self.deserialize_any(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor, self.marks.good_items(self.node))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor, 0)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.list(visitor, 0)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Nothing | Value::Map(_) => self.map(visitor, &[]),
            Value::Scalar(_) | Value::List(_) => Err(wrong(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Nothing | Value::Map(_) => self.map(visitor, keys),
            Value::Scalar(_) | Value::List(_) => Err(Fault::new(Kind::Wrong(words::map_of(keys)))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Scalar(scalar) => visitor.visit_enum(Unit(&scalar.text)),
            Value::Map(_) => variants(self.node, self.marks, known, visitor),
            Value::Nothing | Value::List(_) => Err(Fault::new(Kind::Wrong(words::choice(known)))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(Fault::new(Kind::Ignored))
    }
}
