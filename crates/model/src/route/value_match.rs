//! What a header field or a query parameter must be like.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::read::AS_WRITTEN;

/// What a value must be like. A bare text means exactly this text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueMatch {
    /// Exactly this.
    Exact(String),
    /// A regular expression that must match the whole value.
    Regex(String),
    /// `true`: there, whatever it is; `false`: not there.
    Present(bool),
}

/// The long form, as a map with one key.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum LongForm {
    /// Exactly this.
    Exact(String),
    /// A regular expression that must match the whole value.
    Regex(String),
    /// `true`: there, whatever it is; `false`: not there.
    Present(bool),
}

impl<'de> Deserialize<'de> for ValueMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(AS_WRITTEN, EitherForm)
    }
}

struct EitherForm;

impl<'de> Visitor<'de> for EitherForm {
    type Value = ValueMatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a map with `exact`, `regex` or `present`")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, other: D) -> Result<ValueMatch, D::Error> {
        other.deserialize_any(self)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ValueMatch, E> {
        Ok(ValueMatch::Exact(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<ValueMatch, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<ValueMatch, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<ValueMatch, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ValueMatch, A::Error> {
        Ok(match LongForm::deserialize(MapAccessDeserializer::new(map))? {
            LongForm::Exact(text) => ValueMatch::Exact(text),
            LongForm::Regex(pattern) => ValueMatch::Regex(pattern),
            LongForm::Present(present) => ValueMatch::Present(present),
        })
    }
}

impl JsonSchema for ValueMatch {
    fn schema_name() -> Cow<'static, str> {
        "ValueMatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = LongForm::json_schema(generator);
        json_schema!({
            "description": "What a value must be like. A bare text means exactly this text.",
            "anyOf": [{"type": ["string", "number", "boolean"]}, long],
        })
    }
}
