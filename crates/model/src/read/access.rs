//! The items of a list, the entries of a map and the variant of an enum, without what is struck.

use serde::de::{
    DeserializeSeed, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor, value::StrDeserializer,
};

use super::blank::Blank;
use super::fault::{Fault, Kind};
use super::reader::Reader;
use super::scalar::Key;
use super::strike::Marks;
use super::words;
use crate::document::{Entry, Node, Value};

/// The items of a list that are left.
pub(crate) struct Items<'a> {
    rest: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
    marks: &'a Marks,
}

impl<'a> Items<'a> {
    /// The items but for the first `good` ones.
    pub(crate) fn new(items: &'a [Node], marks: &'a Marks, good: usize) -> Self {
        let mut rest = items.iter().enumerate();
        if let Some(last_good) = good.checked_sub(1) {
            rest.nth(last_good);
        }
        Self { rest, marks }
    }

    fn next(&mut self) -> Option<(usize, &'a Node)> {
        self.rest.find(|(_, node)| !self.marks.is_struck(node))
    }

    /// Refuses items that nobody asked for.
    pub(crate) fn end(mut self) -> Result<(), Fault> {
        match self.next() {
            None => Ok(()),
            Some((position, _)) => Err(Fault::new(Kind::Wrong(format!("a list of {position}")))),
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some((position, node)) = self.next() else { return Ok(None) };
        let item = seed.deserialize(Reader::new(node, self.marks));
        item.map(Some).map_err(|fault| fault.inside(position))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The entries of a map that are left, then blanks for what is missing.
pub(crate) struct Entries<'a> {
    rest: std::iter::Enumerate<std::slice::Iter<'a, Entry>>,
    blanks: std::slice::Iter<'a, &'static str>,
    value: Option<(usize, &'a Entry)>,
    marks: &'a Marks,
    known: &'static [&'static str],
}

impl<'a> Entries<'a> {
    pub(crate) fn new(node: &'a Node, marks: &'a Marks, known: &'static [&'static str]) -> Self {
        let entries: &[Entry] = match &node.value {
            Value::Map(entries) => entries,
            _ => &[],
        };
        let rest = entries.iter().enumerate();
        Self { rest, blanks: marks.blanks(node).iter(), value: None, marks, known }
    }

    fn next(&mut self) -> Option<(usize, &'a Entry)> {
        self.rest.find(|(_, entry)| !self.marks.is_struck(&entry.node))
    }

    /// Refuses entries that nobody asked for.
    pub(crate) fn end(mut self) -> Result<(), Fault> {
        match self.next() {
            None => Ok(()),
            Some(_) => Err(Fault::new(Kind::Wrong("a map with one key".to_owned()))),
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        self.value = self.next();
        let Some((position, entry)) = self.value else {
            return self.blanks.next().map(|key| seed.deserialize(Key(key))).transpose();
        };
        let key = seed.deserialize(Key(&entry.key));
        key.map(Some).map_err(|fault| fault.in_key(position))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let Some((position, entry)) = self.value.take() else {
            // Whatever refuses a blank, it is not the user's mistake.
            return seed
                .deserialize(Blank)
                .map_err(|refused| Fault { kind: Kind::Blank, ..refused });
        };
        let value = seed.deserialize(Reader::new(&entry.node, self.marks));
        value.map_err(|fault| match fault.kind {
            Kind::Ignored if fault.way.is_empty() => {
                Fault::unknown_field(&entry.key, self.known).in_key(position)
            }
            _ => fault.inside(position),
        })
    }
}

/// Reads an enum from a map with one key, the name of the variant.
pub(crate) fn variants<'de, V: Visitor<'de>>(
    node: &Node,
    marks: &Marks,
    known: &'static [&'static str],
    visitor: V,
) -> Result<V::Value, Fault> {
    let mut entries = Entries::new(node, marks, &[]);
    let (Some((position, entry)), None) = (entries.next(), entries.next()) else {
        let wanted = format!("a map with one key: {}", words::choice(known));
        return Err(Fault::new(Kind::Wrong(wanted)));
    };
    visitor.visit_enum(Variant { position, entry, marks })
}

struct Variant<'a> {
    position: usize,
    entry: &'a Entry,
    marks: &'a Marks,
}

impl<'a> Variant<'a> {
    fn content(&self) -> Reader<'a> {
        Reader::new(&self.entry.node, self.marks)
    }
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let name: StrDeserializer<'a, Fault> = (*self.entry.key).into_deserializer();
        match seed.deserialize(name) {
            Ok(variant) => Ok((variant, self)),
            Err(fault) => Err(fault.in_key(self.position)),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        let name = &self.entry.key;
        if self.entry.node.is_nothing() {
            return Ok(());
        }
        let message = format!("`{name}` has no settings\nwrite only `{name}`");
        Err(Fault::new(Kind::Other(message)).inside(self.position))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self.content()).map_err(|fault| fault.inside(self.position))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        let content = serde::Deserializer::deserialize_tuple(self.content(), length, visitor);
        content.map_err(|fault| fault.inside(self.position))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let content = serde::Deserializer::deserialize_struct(self.content(), "", keys, visitor);
        content.map_err(|fault| fault.inside(self.position))
    }
}
