//! A token that was verified: its claims, and when it is good.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Number, Value};

use crate::compact::Header;
use crate::refused::Refused;

/// The latest time that a token may name: the end of the year 9999, in seconds since 1970.
pub const TIME_MAX: u64 = 253_402_300_799;

/// A token whose signature is good, and whose claims were what they had to be when it was verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub(crate) header: Header,
    pub(crate) claims: Arc<Map<String, Value>>,
    pub(crate) times: Times,
    pub(crate) skew: u64,
}

/// When a token is good, in seconds since 1970: its `exp`, `nbf` and `iat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    expires: Option<u64>,
    begins: Option<u64>,
    issued: Option<u64>,
}

impl Times {
    pub(crate) fn read(claims: &Map<String, Value>) -> Result<Self, Refused> {
        let time = |name| match claims.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => seconds(number).map(Some).ok_or(Refused::TimeMalformed),
            Some(_) => Err(Refused::TimeMalformed),
        };
        Ok(Self { expires: time("exp")?, begins: time("nbf")?, issued: time("iat")? })
    }

    /// When it ends, if it does.
    #[must_use]
    pub fn expires(self) -> Option<u64> {
        self.expires
    }

    /// Whether it is good at this time, if clocks may differ by so many seconds.
    ///
    /// # Errors
    ///
    /// It is over, or not good yet.
    pub fn check(self, now: u64, skew: u64) -> Result<(), Refused> {
        let later = now.saturating_add(skew);
        if self.expires.is_some_and(|expires| now >= expires.saturating_add(skew)) {
            Err(Refused::Expired)
        } else if self.begins.is_some_and(|begins| begins > later) {
            Err(Refused::NotYet)
        } else if self.issued.is_some_and(|issued| issued > later) {
            Err(Refused::IssuedLater)
        } else {
            Ok(())
        }
    }

    /// Whether it is good for at most so long, from when it was issued if it says so, else from now.
    pub(crate) fn check_lifetime(self, now: u64, longest: u64) -> Result<(), Refused> {
        let expires = self.expires.ok_or(Refused::ClaimMissing)?;
        let lifetime = expires.saturating_sub(self.issued.unwrap_or(now));
        if lifetime > longest { Err(Refused::Lifetime) } else { Ok(()) }
    }
}

/// Whole seconds of a time that may have a fraction; `None` if it is out of range.
fn seconds(number: &Number) -> Option<u64> {
    if let Some(whole) = number.as_u64() {
        return (whole <= TIME_MAX).then_some(whole);
    }
    let time = number.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "it is compared with both ends first, and they are whole in a float"
    )]
    (time.is_sign_positive() && time <= TIME_MAX as f64).then_some(time as u64)
}

impl Token {
    /// Whether it is good at this time, in seconds since 1970, with the skew of who verified it. All
    /// else was verified once and does not change.
    ///
    /// # Errors
    ///
    /// It is over, or not good yet.
    pub fn check_times(&self, now: u64) -> Result<(), Refused> {
        self.times.check(now, self.skew)
    }

    /// What its header said.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All that it claims.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The same, to be kept by others.
    #[must_use]
    pub fn share_claims(&self) -> Arc<Map<String, Value>> {
        Arc::clone(&self.claims)
    }

    /// Whom it is about (`sub`): a text without control characters.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.claims.get("sub").and_then(Value::as_str)
    }

    /// Who issued it (`iss`).
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// When it ends (`exp`), in seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> Option<u64> {
        self.times.expires
    }

    /// When it was issued (`iat`), in seconds since 1970.
    #[must_use]
    pub fn issued(&self) -> Option<u64> {
        self.times.issued
    }

    /// The first second in which it is not accepted any more, if it ends at all: nothing that is kept
    /// because of it may be kept for longer.
    #[must_use]
    pub fn good_until(&self) -> Option<u64> {
        self.times.expires.map(|expires| expires.saturating_add(self.skew))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("algorithm", &self.header.algorithm)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_within_range() {
        for (text, expect) in [
            ("0", Some(0)),
            ("1516239022", Some(1_516_239_022)),
            ("1516239022.9", Some(1_516_239_022)),
            ("1.5e9", Some(1_500_000_000)),
            ("0.0", Some(0)),
            ("253402300799", Some(TIME_MAX)),
            ("253402300800", None),
            ("253402300799.5", None),
            ("1e300", None),
            ("18446744073709551615", None),
            ("18446744073709551616", None),
            ("-1", None),
            ("-0", None),
            ("-0.5", None),
        ] {
            let number: Number = serde_json::from_str(text).unwrap();
            assert_eq!(seconds(&number), expect, "{text}");
        }
    }

    #[test]
    fn a_token_is_good_from_its_begin_to_its_end() {
        let times = Times { expires: Some(200), begins: Some(100), issued: Some(90) };
        for (now, skew, expect) in [
            (99, 0, Err(Refused::NotYet)),
            (100, 0, Ok(())),
            (199, 0, Ok(())),
            (200, 0, Err(Refused::Expired)),
            (94, 5, Err(Refused::NotYet)),
            (95, 5, Ok(())),
            (204, 5, Ok(())),
            (205, 5, Err(Refused::Expired)),
            (u64::MAX, 5, Err(Refused::Expired)),
        ] {
            assert_eq!(times.check(now, skew), expect, "{now} {skew}");
        }
        let issued = Times { expires: None, begins: None, issued: Some(90) };
        assert_eq!(issued.check(89, 0), Err(Refused::IssuedLater));
        assert_eq!(issued.check(89, 1), Ok(()));
        assert_eq!(issued.check(u64::MAX, 0), Ok(()));
    }
}
