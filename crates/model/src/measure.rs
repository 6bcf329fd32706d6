//! How long, how much and when: durations, byte counts, moments and networks as people write them.

mod moment;
mod network;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use moment::{Moment, NoMoment};
pub(crate) use network::{Network, networks};

/// A duration in whole milliseconds, at most [`Span::LONGEST`], or `off`. Written as a whole
/// number with a unit: `500ms`, `10s`, `2m`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// 0 is off: a time that is over before it began makes no sense as a limit.
    millis: u64,
}

const SPAN_UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const SPAN_WORDS: &str = "a duration such as `10s` or `500ms`, or `off`";

impl Span {
    /// No limit.
    pub const OFF: Self = Self { millis: 0 };
    /// 365 days; a longer time is refused when it is read, so that adding it to a clock is safe.
    pub const LONGEST: Self = Self::seconds(365 * 24 * 3600);

    /// So many seconds; 0 is off.
    pub const fn seconds(seconds: u64) -> Self {
        Self { millis: seconds.saturating_mul(1000) }
    }

    /// So many milliseconds; 0 is off.
    pub const fn millis(millis: u64) -> Self {
        Self { millis }
    }

    /// The duration, or `None` if it is off.
    pub const fn get(self) -> Option<Duration> {
        match self.millis {
            0 => None,
            millis => Some(Duration::from_millis(millis)),
        }
    }
}

/// The largest unit that leaves a whole number, or `off`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SPAN_UNITS.iter().find(|(_, size)| self.millis.is_multiple_of(*size)) {
            _ if self.millis == 0 => f.write_str("off"),
            Some((unit, size)) => write!(f, "{}{unit}", self.millis / size),
            None => write!(f, "{}ms", self.millis),
        }
    }
}

impl FromStr for Span {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text == "off" {
            return Ok(Self::OFF);
        }
        let (number, unit) = amount(text).ok_or(Refusal::Form)?;
        if unit.is_empty() {
            return Err(Refusal::NoUnit);
        }
        let (_, size) = SPAN_UNITS.iter().find(|(name, _)| *name == unit).ok_or(Refusal::Form)?;
        match number.checked_mul(*size) {
            Some(0) => Err(Refusal::Zero),
            Some(millis) if millis <= Self::LONGEST.millis => Ok(Self { millis }),
            _ => Err(Refusal::TooLarge),
        }
    }
}

/// A number of bytes. Written as a whole number with a unit, `8KiB`, `10MiB`, `1GiB`, `100B`
/// (`kB`, `MB` and `GB` are thousands), or as a bare number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

const BYTE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1000),
    ("B", 1),
];
const BYTES_WORDS: &str = "a number of bytes such as `8KiB`, `10MiB` or `512`";

impl Bytes {
    /// So many times 1,024 bytes.
    pub const fn kib(number: u64) -> Self {
        Self(number.saturating_mul(1 << 10))
    }

    /// So many times 1,048,576 bytes.
    pub const fn mib(number: u64) -> Self {
        Self(number.saturating_mul(1 << 20))
    }
}

/// The largest unit that leaves a whole number.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, size): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*size);
        match BYTE_UNITS.iter().find(fits) {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl FromStr for Bytes {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let (number, unit) = amount(text).ok_or(Refusal::Form)?;
        let size = match unit {
            "" => 1,
            unit => BYTE_UNITS.iter().find(|(name, _)| *name == unit).ok_or(Refusal::Unit)?.1,
        };
        number.checked_mul(size).map(Self).ok_or(Refusal::TooLarge)
    }
}

/// Digits and what follows them; a space between them is allowed.
fn amount(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, unit.trim_start_matches(' ')))
}

/// Why a text is not a duration or a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is not a whole number with a unit.
    Form,
    /// It is a duration without a unit.
    NoUnit,
    /// It is a number of bytes with an unknown unit.
    Unit,
    /// It is a duration of nothing.
    Zero,
    /// It is more than can be kept.
    TooLarge,
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "it is not a whole number with a unit",
            Self::NoUnit => {
                "a duration needs a unit\nwrite `10s` for seconds, `10ms` for milliseconds"
            }
            Self::Unit => "this unit is not known\nunits are B, KiB, MiB, GiB, kB, MB, GB",
            Self::Zero => "a duration of nothing\nwrite `off` for no limit",
            Self::TooLarge => "it is too large",
        })
    }
}

/// Reads a measure from its text, or from a bare number as if it were written as text.
struct MeasureVisitor<T> {
    words: &'static str,
    measure: std::marker::PhantomData<T>,
}

impl<T: FromStr<Err = Refusal>> Visitor<'_> for MeasureVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|refusal| match refusal {
            Refusal::Form => E::invalid_value(Unexpected::Str(text), &self),
            other => E::custom(other),
        })
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

fn measure<'de, T, D>(deserializer: D, words: &'static str) -> Result<T, D::Error>
where
    T: FromStr<Err = Refusal>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(MeasureVisitor { words, measure: std::marker::PhantomData })
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        measure(deserializer, SPAN_WORDS)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        measure(deserializer, BYTES_WORDS)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration with its unit, or `off`.",
            "type": "string",
            "pattern": "^(off|[0-9]+ *(ms|s|m|h))$",
            "examples": ["500ms", "10s", "2m", "1h", "off"],
        })
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of bytes, with a unit or bare.",
            "anyOf": [
                {"type": "string", "pattern": "^[0-9]+ *(B|KiB|MiB|GiB|kB|MB|GB)?$"},
                {"type": "integer", "minimum": 0},
            ],
            "examples": ["8KiB", "10MiB", "1GiB", 512],
        })
    }
}
