//! What the token endpoint answers (RFC 6749 section 5).

use std::fmt;

use serde_json::Value;

/// The longest token of each sort, in bytes.
const TOKEN_MAX: usize = 16 * 1024;
/// The longest name of an error that is told on.
const ERROR_MAX: usize = 64;

/// Tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Opens services.
    pub access: String,
    /// Says who it is.
    pub id: Option<String>,
    /// Is good for new ones.
    pub refresh: Option<String>,
    /// Seconds that the access token is good for.
    pub expires_in: Option<u64>,
}

/// Without the tokens.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Reads a good answer.
    ///
    /// # Errors
    /// Why it is none, for the log.
    pub fn read(body: &[u8]) -> Result<Self, &'static str> {
        let said =
            yumen_jose::object(body).ok_or("it is no JSON object whose members stand once")?;
        let token = |name: &str| match said.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(token)) if is_token(token) => Ok(Some(token.clone())),
            Some(_) => Err("a token in it is no text, or too long"),
        };
        let is_bearer = |kind: &str| kind.eq_ignore_ascii_case("bearer");
        if !said.get("token_type").and_then(Value::as_str).is_some_and(is_bearer) {
            return Err("`token_type` in it is not `Bearer`");
        }
        let expires_in = match said.get("expires_in") {
            None | Some(Value::Null) => None,
            Some(Value::Number(number)) => {
                Some(number.as_u64().ok_or("`expires_in` in it cannot be")?)
            }
            // Some send it as a text.
            Some(Value::String(text)) => {
                Some(text.parse().map_err(|_odd| "`expires_in` in it cannot be")?)
            }
            Some(_) => return Err("`expires_in` in it cannot be"),
        };
        Ok(Self {
            access: token("access_token")?.ok_or("there is no access token in it")?,
            id: token("id_token")?,
            refresh: token("refresh_token")?,
            expires_in,
        })
    }
}

/// Whether it can be sent in a field, after `Bearer`.
fn is_token(token: &str) -> bool {
    (1..=TOKEN_MAX).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The word for why the token endpoint refuses, fit for a log.
#[must_use]
pub fn refusal_of(body: &[u8]) -> Option<String> {
    let said = yumen_jose::object(body)?;
    let word = said.get("error")?.as_str()?;
    let is_plain =
        word.bytes().all(|one| one.is_ascii_alphanumeric() || matches!(one, b'_' | b'-'));
    (is_plain && word.len() <= ERROR_MAX).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_strictly() {
        let good = br#"{"access_token":"a","token_type":"bearer","expires_in":60,"id_token":"i","scope":"x"}"#;
        let read = Tokens::read(good).unwrap();
        assert_eq!((read.access.as_str(), read.id.as_deref()), ("a", Some("i")));
        assert_eq!((read.refresh.clone(), read.expires_in), (None, Some(60)));
        assert!(!format!("{read:?}").contains("\"a\""));
        for (text, words) in [
            ("", "no JSON"),
            ("[]", "no JSON"),
            (r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#, "no JSON"),
            (r#"{"token_type":"Bearer"}"#, "no access token"),
            (r#"{"access_token":"a"}"#, "token_type"),
            (r#"{"access_token":"a","token_type":"DPoP"}"#, "token_type"),
            (r#"{"access_token":1,"token_type":"Bearer"}"#, "no text"),
            (r#"{"access_token":"a b","token_type":"Bearer"}"#, "no text"),
            (r#"{"access_token":"a\r\nb","token_type":"Bearer"}"#, "no text"),
            (r#"{"access_token":"","token_type":"Bearer"}"#, "no text"),
            (r#"{"access_token":"a","token_type":"Bearer","expires_in":-1}"#, "expires_in"),
            (r#"{"access_token":"a","token_type":"Bearer","expires_in":[]}"#, "expires_in"),
        ] {
            let why = Tokens::read(text.as_bytes()).unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
        }
        let text = br#"{"access_token":"a","token_type":"Bearer","expires_in":"60"}"#;
        assert_eq!(Tokens::read(text).unwrap().expires_in, Some(60));
    }

    #[test]
    fn a_refusal_is_a_word() {
        for (text, expect) in [
            (r#"{"error":"invalid_grant","error_description":"x"}"#, Some("invalid_grant")),
            (r#"{"error":"a b"}"#, None),
            (r#"{"error":1}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(refusal_of(text.as_bytes()).as_deref(), expect, "{text}");
        }
    }
}
