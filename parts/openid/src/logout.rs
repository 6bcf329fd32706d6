//! Logout tokens, by which a provider ends sessions (OpenID Connect Back-Channel Logout section 2.4).

use serde_json::Value;
use yumen_http::query;
use yumen_jose::{KeySet, Problem, Refused, Verifier};

use crate::id_token::Rules;

/// Seconds that a logout token may be old.
pub const LOGOUT_AGE_MAX: u64 = 300;
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The longest id of a token, and of a session of the provider.
const ID_MAX: usize = 1024;

/// Verifies logout tokens of one issuer for one client.
#[derive(Debug)]
pub struct LogoutTokens {
    verifier: Verifier,
    skew: u64,
}

/// What a good logout token says.
#[derive(Debug, PartialEq, Eq)]
pub struct Logout {
    /// Its own id, which is good once.
    pub id: String,
    /// The session of the provider that ends; all of the subject if it is not said.
    pub sid: Option<String>,
    /// Who is logged out.
    pub subject: Option<String>,
}

/// Why a logout token is not good.
#[derive(Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The token itself is refused.
    Refused(Refused),
    /// It says something else; for the log.
    Says(&'static str),
}

impl LogoutTokens {
    /// By these rules.
    ///
    /// # Errors
    /// What cannot be wanted.
    pub fn new(rules: &Rules) -> Result<Self, Vec<Problem>> {
        let verifier = Verifier::new(rules.wanted(&["iat", "jti", "events"]))?;
        Ok(Self { verifier, skew: rules.skew })
    }

    /// The token in the body of a request.
    ///
    /// # Errors
    /// Why there is none, for the log.
    pub fn find(body: &[u8]) -> Result<String, &'static str> {
        let mut tokens = query::values(body, "logout_token");
        let (Some(token), None) = (tokens.next(), tokens.next()) else {
            return Err("the body has not exactly one `logout_token`");
        };
        String::from_utf8(token.into_owned()).map_err(|_binary| "the logout token is no text")
    }

    /// What a token says, if it is good now.
    ///
    /// # Errors
    /// Why it is not.
    pub fn read(&self, keys: &KeySet, token: &str, now: u64) -> Result<Logout, Wrong> {
        let token = self.verifier.verify(keys, token, now).map_err(Wrong::Refused)?;
        let claims = token.claims();
        let text = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if (1..=ID_MAX).contains(&text.len()) => {
                Ok(Some(text.clone()))
            }
            Some(_) => Err(Wrong::Says("a claim of the logout token is no text, or too long")),
        };
        if claims.contains_key("nonce") {
            return Err(Wrong::Says("the logout token has a `nonce`, as ID tokens have"));
        }
        let event = claims.get("events").and_then(|events| events.get(EVENT));
        if !event.is_some_and(Value::is_object) {
            return Err(Wrong::Says("the token is not about a logout (`events`)"));
        }
        let oldest = now.saturating_sub(LOGOUT_AGE_MAX + self.skew);
        if token.issued().is_none_or(|issued| issued < oldest) {
            return Err(Wrong::Says("the logout token is too old"));
        }
        let id = text("jti")?.ok_or(Wrong::Says("the logout token has no `jti`"))?;
        let (sid, subject) = (text("sid")?, text("sub")?);
        if sid.is_none() && subject.is_none() {
            return Err(Wrong::Says("the logout token names neither `sid` nor `sub`"));
        }
        Ok(Logout { id, sid, subject })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use yumen_jose::{Algorithms, SigningKey};

    const NOW: u64 = 1_000_000;

    #[test]
    fn a_logout_token_is_nothing_else_and_nothing_less() {
        let key = SigningKey::from_secret(b"a secret of at least thirty-two bytes").unwrap();
        let keys = KeySet::of(vec![key.verifying().clone()]).unwrap();
        let rules = Rules {
            issuer: "https://i".to_owned(),
            client: "shop".to_owned(),
            algorithms: Algorithms::SECRET,
            skew: 10,
        };
        let tokens = LogoutTokens::new(&rules).unwrap();
        let base = json!({
            "iss": "https://i", "aud": "shop", "sub": "ada", "sid": "s", "jti": "1",
            "events": {EVENT: {}},
        });
        let read = |change: &Value, now| {
            let mut claims = base.as_object().unwrap().clone();
            claims.extend(change.as_object().unwrap().clone());
            claims.retain(|_, value| value != "(none)");
            tokens.read(&keys, &key.sign(claims, Some("logout+jwt"), NOW, 3600).unwrap(), now)
        };
        let good = Logout {
            id: "1".to_owned(),
            sid: Some("s".to_owned()),
            subject: Some("ada".to_owned()),
        };
        assert_eq!(read(&json!({}), NOW), Ok(good));
        assert_eq!(read(&json!({"sid": "(none)"}), NOW).unwrap().sid, None);
        assert_eq!(read(&json!({"sub": "(none)"}), NOW).unwrap().subject, None);
        assert!(read(&json!({}), NOW + 310).is_ok());
        assert_eq!(read(&json!({}), NOW + 311), Err(Wrong::Says("the logout token is too old")));
        for change in [
            json!({"nonce": "n"}),
            json!({"events": {}}),
            json!({"events": {EVENT: true}}),
            json!({"events": [EVENT]}),
            json!({"events": "(none)"}),
            json!({"jti": "(none)"}),
            json!({"jti": 1}),
            json!({"sid": 1}),
            json!({"sid": ""}),
            json!({"sub": "(none)", "sid": "(none)"}),
            json!({"aud": "other"}),
            json!({"iss": "https://evil"}),
        ] {
            assert!(read(&change, NOW).is_err(), "{change}");
        }
    }

    #[test]
    fn a_body_has_one_token() {
        assert_eq!(LogoutTokens::find(b"logout_token=a.b.c&x=y").as_deref(), Ok("a.b.c"));
        for wrong in [&b""[..], b"logout_token=a&logout_token=b", b"x=y", b"logout_token=%FF"] {
            assert!(LogoutTokens::find(wrong).is_err());
        }
    }
}
