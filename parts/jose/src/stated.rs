//! A key as people write it, and a key with what it is for as one text.

use crate::algorithm::{Algorithm, Algorithms};
use crate::key::Key;
use crate::unusable::Unusable;

impl Key {
    /// Reads a key as people write it: PEM text, a JWK, or else a secret.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub fn from_text(text: &str) -> Result<Self, Unusable> {
        let text = text.trim();
        if text.starts_with("-----BEGIN ") {
            Self::from_pem(text)
        } else if text.starts_with('{') {
            Self::from_jwk(text)
        } else {
            Self::from_secret(text.as_bytes())
        }
    }

    /// Reads what [`stated`] wrote.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub fn from_stated(stated: &str) -> Result<Self, Unusable> {
        let (names, text) = stated.split_once('\n').ok_or(Unusable::Malformed)?;
        let key = Self::from_text(text)?;
        if names.is_empty() {
            return Ok(key);
        }
        let named = |name| Algorithm::named(name).ok_or(Unusable::Algorithm);
        key.only(names.split(' ').map(named).collect::<Result<Algorithms, _>>()?)
    }
}

/// A key and what it is for, as one text; if that is nothing in particular, it is for all that its
/// kind is for.
#[must_use]
pub fn stated(algorithms: Algorithms, text: &str) -> String {
    let names: Vec<&str> = algorithms.iter().map(Algorithm::name).collect();
    format!("{}\n{text}", names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str =
        "a secret of more than 64 bytes, so that it is long enough for each of them";

    #[test]
    fn a_stated_key_is_for_what_was_stated() {
        let read = |algorithms: &[Algorithm]| {
            Key::from_stated(&stated(Algorithms::of(algorithms), SECRET))
                .map(|key| key.algorithms())
        };
        assert_eq!(read(&[]), Ok(Algorithms::SECRET));
        assert_eq!(read(&[Algorithm::Hs512]), Ok(Algorithms::of(&[Algorithm::Hs512])));
        assert_eq!(read(&[Algorithm::Rs256]), Err(Unusable::Algorithm));
        assert!(Key::from_stated(SECRET).is_err());
    }

    #[test]
    fn a_key_is_read_as_what_it_looks_like() {
        assert!(Key::from_text(SECRET).unwrap().is_secret());
        let jwk = r#"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","kid":"a"}"#;
        assert_eq!(Key::from_text(jwk).unwrap().kid(), Some("a"));
        assert!(matches!(Key::from_text("-----BEGIN PUBLIC KEY-----"), Err(Unusable::Pem(_))));
    }
}
