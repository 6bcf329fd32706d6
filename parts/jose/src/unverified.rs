//! What a token says before anything of it is believed: only for finding the key that it may be
//! verified with.

use std::fmt;

use serde_json::{Map, Value};

use crate::compact::{Compact, Header};
use crate::json;
use crate::refused::Refused;

/// What a token says, and anybody may have written.
pub struct Unverified {
    header: Header,
    claims: Map<String, Value>,
}

impl Unverified {
    /// Reads a token of at most so many bytes.
    ///
    /// # Errors
    ///
    /// Why a verifier would refuse its form.
    pub fn read(token: &str, bytes_max: usize) -> Result<Self, Refused> {
        let Compact { header, payload, .. } = Compact::read(token, bytes_max)?;
        let claims = json::object(&payload).ok_or(Refused::Claims)?;
        Ok(Self { header, claims })
    }

    /// The name that it says its key has.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// A claim of it, if that is a text.
    #[must_use]
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }
}

/// Without what it says.
impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("header", &self.header).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64;

    #[test]
    fn a_token_says_which_key_it_wants() {
        let token = |header: &str, claims: &str| {
            format!(
                "{}.{}.AA",
                base64::encode(header.as_bytes()),
                base64::encode(claims.as_bytes())
            )
        };
        let read = |token: &str| Unverified::read(token, 1000);
        let said = read(&token(r#"{"alg":"HS256","kid":"a"}"#, r#"{"iss":"b","n":1}"#)).unwrap();
        assert_eq!((said.kid(), said.text("iss"), said.text("n")), (Some("a"), Some("b"), None));
        assert!(!format!("{said:?}").contains("iss"));
        for (header, claims, refused) in [
            (r#"{"alg":"none"}"#, "{}", Refused::AlgorithmUnknown),
            (r#"{"alg":"HS256"}"#, "[]", Refused::Claims),
            (r#"{"alg":"HS256"}"#, r#"{"iss":"a","iss":"b"}"#, Refused::Claims),
        ] {
            assert_eq!(read(&token(header, claims)).unwrap_err(), refused, "{header} {claims}");
        }
    }
}
