//! One access log, or a list of them.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::AccessLog;

/// One access log, or a list of up to 8, each with its own place, form, conditions and secrets.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum AccessLogs {
    /// One.
    One(Box<AccessLog>),
    /// Several, or a list of one.
    Several(Vec<AccessLog>),
}

impl AccessLogs {
    /// All of them, each with its path in the configuration.
    pub fn iter(&self) -> impl Iterator<Item = (String, &AccessLog)> {
        let (one, several) = match self {
            Self::One(one) => (Some((AT.to_owned(), &**one)), &[][..]),
            Self::Several(several) => (None, &several[..]),
        };
        let several = several.iter().enumerate();
        one.into_iter().chain(several.map(|(place, one)| (format!("{AT}[{place}]"), one)))
    }
}

/// Where they are in the configuration.
const AT: &str = "access_log";

impl Default for AccessLogs {
    fn default() -> Self {
        AccessLog::default().into()
    }
}

impl From<AccessLog> for AccessLogs {
    fn from(one: AccessLog) -> Self {
        Self::One(Box::new(one))
    }
}

impl<'de> Deserialize<'de> for AccessLogs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrSeveral)
    }
}

struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = AccessLogs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an access log, or a list of them")
    }

    fn visit_unit<E>(self) -> Result<AccessLogs, E> {
        Ok(AccessLogs::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AccessLogs, A::Error> {
        AccessLog::deserialize(MapAccessDeserializer::new(map)).map(AccessLogs::from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<AccessLogs, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(AccessLogs::Several)
    }
}
