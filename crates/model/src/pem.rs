//! Certificates and keys as they are configured: PEM text, inline or by reference.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::document::{Node, Value};
use crate::hide::HIDDEN;

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

/// A secret. It is shown as the reference that it was written as, and not at all if it was written
/// in place.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Pem);

impl Secret {
    /// The secret itself, without white space around it.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.text.trim()
    }

    fn shown(&self) -> &str {
        self.0.written.as_deref().unwrap_or(HIDDEN)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.shown(), f)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Node::deserialize(deserializer)?.value {
            Value::Scalar(scalar) => Ok(Self(Pem {
                text: scalar.text.into(),
                written: scalar.written.map(String::from),
            })),
            _ => Err(D::Error::custom("this is no text\nwrite `${file:PATH}` or `${env:NAME}`")),
        }
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A secret: `${file:PATH}` or `${env:NAME}`, or the text itself.",
            "type": "string",
            "writeOnly": true,
            "examples": ["${file:secret.txt}"],
        })
    }
}
