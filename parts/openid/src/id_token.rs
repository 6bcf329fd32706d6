//! Whether an ID token is good for a login (OpenID Connect Core section 3.1.3.7).

use aws_lc_rs::digest::{Algorithm as Hash, SHA256, SHA384, SHA512, digest};
use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use yumen_jose::{Algorithm, Algorithms, KeySet, Problem, Refused, Token, Verifier, Wanted};

/// Verifies ID tokens of one issuer for one client.
#[derive(Debug)]
pub struct IdTokens {
    verifier: Verifier,
    client: String,
    skew: u64,
}

/// What ID tokens have to be.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Who issues them.
    pub issuer: String,
    /// For whom they are.
    pub client: String,
    /// How they may be signed.
    pub algorithms: Algorithms,
    /// Seconds by which clocks may differ.
    pub skew: u64,
}

/// What one ID token has to say.
#[derive(Debug, Default, Clone, Copy)]
pub struct Expected<'a> {
    /// The nonce of the login.
    pub nonce: Option<&'a str>,
    /// The access token that came with it.
    pub access: Option<&'a str>,
    /// Who it was before.
    pub subject: Option<&'a str>,
    /// When it was asked for: one that is older was made for somebody else.
    pub asked: u64,
}

impl Rules {
    /// What is wanted of a token of this issuer for this client that has these claims.
    pub(crate) fn wanted(&self, claims: &[&str]) -> Wanted {
        Wanted {
            algorithms: self.algorithms,
            issuers: vec![self.issuer.clone()],
            audiences: vec![self.client.clone()],
            claims: claims.iter().map(|claim| (*claim).to_owned()).collect(),
            skew: self.skew,
            ..Wanted::default()
        }
    }
}

impl IdTokens {
    /// By these rules.
    ///
    /// # Errors
    /// What cannot be wanted.
    pub fn new(rules: Rules) -> Result<Self, Vec<Problem>> {
        let verifier = Verifier::new(rules.wanted(&["exp", "iat", "sub"]))?;
        Ok(Self { verifier, client: rules.client, skew: rules.skew })
    }

    /// The token, if a key of the issuer signed it, and it is for this client and good now.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, keys: &KeySet, token: &str, now: u64) -> Result<Token, Refused> {
        self.verifier.verify(keys, token, now)
    }

    /// Whether a token that is good is the one that is expected.
    ///
    /// # Errors
    /// Why it is not, for the log.
    pub fn judge(&self, token: &Token, expected: &Expected<'_>) -> Result<(), &'static str> {
        let claims = token.claims();
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let is_for_many = matches!(claims.get("aud"), Some(Value::Array(list)) if list.len() > 1);
        let is_own = text("azp") == Some(&*self.client);
        if !is_own && (is_for_many || claims.contains_key("azp")) {
            return Err("the ID token was made for another client (`azp`)");
        }
        if expected.nonce.is_some() && text("nonce") != expected.nonce {
            return Err("the ID token is not of this login (`nonce`)");
        }
        if expected.subject.is_some() && token.subject() != expected.subject {
            return Err("the ID token is about somebody else (`sub`)");
        }
        if token.subject().is_none_or(str::is_empty) {
            return Err("the ID token is about nobody (`sub`)");
        }
        let issued = token.issued().unwrap_or(0);
        if issued.saturating_add(self.skew) < expected.asked {
            return Err("the ID token is older than the login (`iat`)");
        }
        match (claims.get("at_hash"), expected.access) {
            (Some(hash), Some(access)) if hash.as_str() != Some(&half(token, access)) => {
                Err("the access token is not the one of the ID token (`at_hash`)")
            }
            _ => Ok(()),
        }
    }
}

/// The left half of a digest of a text, by the algorithm of the token (OpenID Connect Core section
/// 3.1.3.6).
fn half(token: &Token, text: &str) -> String {
    let hash: &'static Hash = match token.header().algorithm {
        Algorithm::Hs256 | Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => &SHA256,
        Algorithm::Hs384 | Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => &SHA384,
        Algorithm::Hs512
        | Algorithm::Rs512
        | Algorithm::Ps512
        | Algorithm::Es512
        | Algorithm::EdDsa
        | Algorithm::Ed25519 => &SHA512,
    };
    let whole = digest(hash, text.as_bytes());
    let whole = whole.as_ref();
    BASE64URL_NOPAD.encode(whole.get(..whole.len() / 2).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use yumen_jose::SigningKey;

    const NOW: u64 = 1_000_000;

    fn made() -> (IdTokens, KeySet, SigningKey) {
        let key = SigningKey::from_secret(b"a secret of at least thirty-two bytes").unwrap();
        let keys = KeySet::of(vec![key.verifying().clone()]).unwrap();
        let rules = Rules {
            issuer: "https://i".to_owned(),
            client: "shop".to_owned(),
            algorithms: Algorithms::SECRET,
            skew: 10,
        };
        (IdTokens::new(rules).unwrap(), keys, key)
    }

    #[test]
    fn an_id_token_is_of_its_login() {
        let (tokens, keys, key) = made();
        let hash = BASE64URL_NOPAD.encode(&digest(&SHA256, b"access").as_ref()[..16]);
        let base = json!({"iss": "https://i", "aud": "shop", "sub": "ada", "nonce": "n"});
        for (change, expect) in [
            (json!({}), None),
            (json!({"azp": "shop"}), None),
            (json!({"aud": ["shop"]}), None),
            (json!({"aud": ["shop", "other"], "azp": "shop"}), None),
            (json!({"at_hash": hash}), None),
            (json!({"aud": ["shop", "other"]}), Some("azp")),
            (json!({"aud": ["shop", "other"], "azp": "other"}), Some("azp")),
            (json!({"azp": "other"}), Some("azp")),
            (json!({"azp": null}), Some("azp")),
            (json!({"azp": ["shop"]}), Some("azp")),
            (json!({"nonce": "m"}), Some("nonce")),
            (json!({"nonce": null}), Some("nonce")),
            (json!({"nonce": ["n"]}), Some("nonce")),
            (json!({"sub": "bob"}), Some("sub")),
            (json!({"at_hash": "x"}), Some("at_hash")),
            (json!({"at_hash": null}), Some("at_hash")),
            (json!({"at_hash": hash.get(..10)}), Some("at_hash")),
        ] {
            let mut claims = base.as_object().unwrap().clone();
            claims.extend(change.as_object().unwrap().clone());
            let token = key.sign(claims, None, NOW, 60).unwrap();
            let token = tokens.verify(&keys, &token, NOW).unwrap();
            let expected = Expected {
                nonce: Some("n"),
                access: Some("access"),
                subject: Some("ada"),
                asked: NOW,
            };
            let judged = tokens.judge(&token, &expected).err();
            let word = expect.map(|word| format!("`{word}`"));
            assert_eq!(judged.is_some(), expect.is_some(), "{change}: {judged:?}");
            assert!(judged.is_none_or(|why| why.contains(&*word.unwrap())), "{change}: {judged:?}");
        }
    }

    #[test]
    fn one_that_is_older_than_the_login_is_not_of_it() {
        let (tokens, keys, key) = made();
        let claims = json!({"iss": "https://i", "aud": "shop", "sub": "ada"});
        let token = key.sign(claims.as_object().unwrap().clone(), None, NOW, 3600).unwrap();
        let token = tokens.verify(&keys, &token, NOW + 100).unwrap();
        let judge = |asked| tokens.judge(&token, &Expected { asked, ..Expected::default() });
        assert!(judge(NOW + 10).is_ok());
        assert!(judge(NOW + 11).unwrap_err().contains("iat"));
    }

    #[test]
    fn what_the_verifier_refuses_is_refused() {
        let (tokens, keys, key) = made();
        for claims in [
            json!({"iss": "https://i/", "aud": "shop", "sub": "ada"}),
            json!({"iss": "https://i", "aud": "other", "sub": "ada"}),
            json!({"iss": "https://i", "aud": [], "sub": "ada"}),
            json!({"iss": "https://i", "sub": "ada"}),
            json!({"iss": "https://i", "aud": "shop"}),
            json!({"iss": "https://i", "aud": "shop", "sub": 1}),
        ] {
            let token = key.sign(claims.as_object().unwrap().clone(), None, NOW, 60).unwrap();
            assert!(tokens.verify(&keys, &token, NOW).is_err(), "{claims}");
        }
    }
}
