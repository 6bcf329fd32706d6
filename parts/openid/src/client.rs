//! How the relying party proves who it is at the token endpoint (OpenID Connect Core section 9).

use std::fmt;

use data_encoding::BASE64;
use serde_json::{Map, Value};
use yumen_jose::SigningKey;

use crate::form::encoded;

/// Seconds that an assertion is good for.
pub const ASSERTION_LIFETIME: u64 = 60;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How the relying party proves who it is.
pub enum ClientAuth {
    /// It does not; the code is bound to it by PKCE alone.
    None,
    /// By a secret, in `Authorization` (`client_secret_basic`).
    Basic(String),
    /// By a secret, in the body (`client_secret_post`).
    Post(String),
    /// By a signature (`private_key_jwt`).
    Key(Box<SigningKey>),
}

/// Without the secret.
impl fmt::Debug for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic(_) => "Basic",
            Self::Post(_) => "Post",
            Self::Key(_) => "Key",
        })
    }
}

/// The library could not sign, or the system has no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmade;

impl ClientAuth {
    /// Adds to a form what proves who the client is; what has to be in `Authorization` is returned.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn prove(
        &self,
        client: &str,
        audience: &str,
        form: &mut Vec<(&'static str, String)>,
        now: u64,
    ) -> Result<Option<String>, Unmade> {
        match self {
            Self::Basic(secret) => return Ok(Some(basic(client, secret))),
            Self::None => {}
            Self::Post(secret) => form.push(("client_secret", secret.clone())),
            Self::Key(key) => {
                let mut claims = Map::new();
                let id = crate::drawn().ok_or(Unmade)?;
                for (name, value) in
                    [("iss", client), ("sub", client), ("aud", audience), ("jti", &id)]
                {
                    claims.insert(name.to_owned(), Value::from(value));
                }
                let signed = key.sign(claims, None, now, ASSERTION_LIFETIME);
                form.push(("client_assertion_type", ASSERTION_TYPE.to_owned()));
                form.push(("client_assertion", signed.map_err(|_failed| Unmade)?));
            }
        }
        form.push(("client_id", client.to_owned()));
        Ok(None)
    }
}

/// RFC 6749 section 2.3.1: both are encoded as in a form first.
pub(crate) fn basic(client: &str, secret: &str) -> String {
    let pair = format!("{}:{}", encoded(client), encoded(secret));
    format!("Basic {}", BASE64.encode(pair.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_jose::{KeySet, Verifier, Wanted};

    #[test]
    fn each_way_is_as_its_rfc_has_it() {
        let prove = |auth: ClientAuth| {
            let mut form = Vec::new();
            let field = auth.prove("s6Bh:d", "https://i", &mut form, 1000).unwrap();
            (field, form)
        };
        let (field, form) = prove(ClientAuth::Basic("a b&c".to_owned()));
        let expect = format!("Basic {}", BASE64.encode(b"s6Bh%3Ad:a%20b%26c"));
        assert_eq!((field, form.len()), (Some(expect), 0));
        let id = ("client_id", "s6Bh:d".to_owned());
        assert_eq!(prove(ClientAuth::None), (None, vec![id.clone()]));
        let (field, form) = prove(ClientAuth::Post("x".to_owned()));
        assert_eq!((field, form), (None, vec![("client_secret", "x".to_owned()), id]));
        let key = || SigningKey::from_secret(b"a secret of at least thirty-two bytes").unwrap();
        let (field, form) = prove(ClientAuth::Key(Box::new(key())));
        assert_eq!((field, form.len()), (None, 3));
        assert_eq!(form[0], ("client_assertion_type", ASSERTION_TYPE.to_owned()));
        let set = KeySet::of(vec![key().verifying().clone()]).unwrap();
        let verifier = Verifier::new(Wanted {
            algorithms: yumen_jose::Algorithms::SECRET,
            issuers: vec!["s6Bh:d".to_owned()],
            audiences: vec!["https://i".to_owned()],
            claims: ["exp", "iat", "jti", "sub"].map(str::to_owned).to_vec(),
            ..Wanted::default()
        });
        assert!(verifier.unwrap().verify(&set, &form[1].1, 1059).is_ok());
        assert!(!format!("{:?}", ClientAuth::Post("hidden".to_owned())).contains("hidden"));
    }
}
