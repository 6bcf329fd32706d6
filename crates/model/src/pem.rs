//! Certificates and keys as they are configured: PEM text, inline or by reference.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::document::{Node, Value};

/// PEM text. It is shown as the reference that it was written as, such as `${file:key.pem}`; an
/// inline key is not shown at all.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    text: String,
    /// As it was written, if that is a reference.
    written: Option<String>,
}

impl Pem {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn shown(&self) -> &str {
        match &self.written {
            Some(written) => written,
            None if self.text.contains("PRIVATE KEY") => "(a key that is not shown)",
            None => &self.text,
        }
    }
}

impl From<&str> for Pem {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), written: None }
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.shown(), f)
    }
}

impl Serialize for Pem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}

impl<'de> Deserialize<'de> for Pem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As a node, which alone knows how it was written.
        match Node::deserialize(deserializer)?.value {
            Value::Scalar(scalar) => {
                Ok(Self { text: scalar.text.into(), written: scalar.written.map(String::from) })
            }
            _ => Err(D::Error::custom(
                "this is no PEM text\nwrite `${file:PATH}`, or the text itself, which begins with `-----BEGIN`",
            )),
        }
    }
}

impl JsonSchema for Pem {
    fn schema_name() -> Cow<'static, str> {
        "Pem".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "PEM text: `${file:PATH}` for the text of a file, or the text itself.",
            "type": "string",
            "examples": ["${file:certificate.pem}"],
        })
    }
}
