//! Texts as the types that are asked for.

use serde::de::{
    Deserializer, EnumAccess, Error, Expected, IntoDeserializer, Unexpected, VariantAccess,
    Visitor, value::StrDeserializer,
};
use serde::forward_to_deserialize_any;

use super::fault::{Fault, Kind};
use crate::document::is_number;

/// A mistake about a value that is not what the visitor wants.
pub(crate) fn wrong(expected: &dyn Expected) -> Fault {
    Fault::invalid_type(Unexpected::Other("another value"), expected)
}

/// A whole number in decimal; the visitor checks its range.
pub(crate) fn whole<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Fault> {
    if !is_number(text) {
        return Err(wrong(&visitor));
    }
    if let Ok(number) = text.parse() {
        return visitor.visit_u64(number);
    }
    match text.parse() {
        Ok(number) => visitor.visit_i64(number),
        Err(_) => Err(wrong(&visitor)),
    }
}

/// A number as JSON writes it.
pub(crate) fn float<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Fault> {
    match text.parse::<f64>() {
        Ok(number) if is_number(text) && number.is_finite() => visitor.visit_f64(number),
        _ => Err(wrong(&visitor)),
    }
}

/// `true` or `false`.
pub(crate) fn boolean<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Fault> {
    match text {
        "true" => visitor.visit_bool(true),
        "false" => visitor.visit_bool(false),
        _ => Err(wrong(&visitor)),
    }
}

/// A key of a map: a text, or whatever its type makes of the text.
pub(crate) struct Key<'a>(pub(crate) &'a str);

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_str(self.0)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        boolean(self.0, visitor)
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        whole(self.0, visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        whole(self.0, visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        whole(self.0, visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        whole(self.0, visitor)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        whole(self.0, visitor)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        whole(self.0, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(Unit(self.0))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

/// A variant that is written as a bare text.
pub(crate) struct Unit<'a>(pub(crate) &'a str);

impl<'de, 'a> EnumAccess<'de> for Unit<'a> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: serde::de::DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), Fault> {
        let name: StrDeserializer<'a, Fault> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl Unit<'_> {
    fn needs(&self, what: &str) -> Fault {
        let name = self.0;
        Fault::new(Kind::Other(format!("`{name}` needs {what}\nwrite a map: `{name}: ...`")))
    }
}

impl<'de> VariantAccess<'de> for Unit<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<S: serde::de::DeserializeSeed<'de>>(
        self,
        _: S,
    ) -> Result<S::Value, Fault> {
        Err(self.needs("a value"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, _: V) -> Result<V::Value, Fault> {
        Err(self.needs(&format!("a list of {length}")))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        keys: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Fault> {
        Err(self.needs(&format!("settings: {}", super::words::list(keys))))
    }
}
