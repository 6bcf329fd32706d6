//! Moments as people write them: a day, or a time of RFC 3339.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment between 1970 and 2106. Written as in RFC 3339, `2027-01-31T18:00:00Z`, or as the day
/// whose first moment in UTC it is, `2027-01-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    seconds: u32,
}

impl Moment {
    /// In seconds since 1970.
    #[must_use]
    pub fn seconds(self) -> u64 {
        u64::from(self.seconds)
    }
}

/// Why a text is no moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMoment;

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let is_day = text.len() == "2027-01-31".len();
        let text = if is_day { format!("{text}T00:00:00Z") } else { text.to_owned() };
        let moment = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_wrong| NoMoment)?;
        let seconds = u32::try_from(moment.unix_timestamp()).map_err(|_far| NoMoment)?;
        Ok(Self { seconds })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp(i64::from(self.seconds)).ok();
        f.write_str(&moment.and_then(|one| one.format(&Rfc3339).ok()).unwrap_or_default())
    }
}

const WORDS: &str = "a moment such as `2027-01-31` or `2027-01-31T18:00:00Z`";

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = |_: NoMoment| D::Error::invalid_value(Unexpected::Str(&text), &WORDS);
        text.parse().map_err(wrong)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A day, whose first moment in UTC it is, or a time of RFC 3339.",
            "type": "string",
            "examples": ["2027-01-31", "2027-01-31T18:00:00Z"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read() {
        for (text, expect) in [
            ("1970-01-01", Some("1970-01-01T00:00:00Z")),
            ("2027-01-31", Some("2027-01-31T00:00:00Z")),
            ("2027-01-31T18:00:00Z", Some("2027-01-31T18:00:00Z")),
            ("2027-01-31T18:00:00.9+02:00", Some("2027-01-31T16:00:00Z")),
            ("2027-02-30", None),
            ("2027-1-31", None),
            ("2027-01-31T18:00:00", None),
            ("1969-12-31", None),
            ("2107-01-01", None),
            ("tomorrow", None),
            ("", None),
        ] {
            let moment = text.parse::<Moment>().ok().map(|moment| moment.to_string());
            assert_eq!(moment.as_deref(), expect, "{text}");
        }
    }
}
