//! Private keys as people write them: PEM text, or a JWK with its private parts (RFC 7518 section 6).

use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::key::JWK_BYTES_MAX;
use crate::public::{Curve, Public};
use crate::signer::{Pair, SigningKey};
use crate::unusable::Unusable;
use crate::{base64, json};

/// In which ways keys sign if nobody says it, one for each kind.
const USUAL: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

impl SigningKey {
    /// Reads a private key as people write it: PEM text in PKCS #8, or a JWK. If it is not said how it
    /// signs, a JWK may say it (`alg`); else it is `RS256`, `ES256` or `EdDSA`, as the key is. The
    /// name is that of the JWK, or the thumbprint of the public key.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub fn from_text(text: &str, algorithm: Option<Algorithm>) -> Result<Self, Unusable> {
        let text = text.trim();
        if text.starts_with('{') {
            return Self::from_jwk(text, algorithm);
        }
        if let Some(algorithm) = algorithm {
            return Self::from_pem(text, algorithm);
        }
        let mut read = USUAL.into_iter().map(|algorithm| Self::from_pem(text, algorithm));
        read.find(|key| !matches!(key, Err(Unusable::Kind))).unwrap_or(Err(Unusable::Kind))
    }

    /// Reads a JWK that is a private key, as [`SigningKey::from_text`] does.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub fn from_jwk(text: &str, algorithm: Option<Algorithm>) -> Result<Self, Unusable> {
        if text.len() > JWK_BYTES_MAX {
            return Err(Unusable::TooLong);
        }
        let jwk = json::object(text.as_bytes()).ok_or(Unusable::Malformed)?;
        check_use(&jwk)?;
        let public = Public::from_jwk(&jwk)?;
        let own = match jwk.get("alg") {
            None => None,
            Some(alg) => Some(alg.as_str().and_then(Algorithm::named).ok_or(Unusable::Algorithm)?),
        };
        if own.is_some() && algorithm.is_some() && own != algorithm {
            return Err(Unusable::Algorithm);
        }
        let all = public.algorithms();
        let usual = USUAL.into_iter().find(|one| all.contains(*one));
        let algorithm = algorithm.or(own).or(usual).ok_or(Unusable::Algorithm)?;
        let key = Self::of(pair(&jwk, &public, algorithm)?, public, algorithm)?;
        match jwk.get("kid") {
            None => Ok(key),
            Some(Value::String(kid)) => key.with_kid(kid),
            Some(_) => Err(Unusable::Member("kid")),
        }
    }
}

/// The pair that a JWK is, whose two halves belong together.
fn pair(jwk: &Map<String, Value>, public: &Public, algorithm: Algorithm) -> Result<Pair, Unusable> {
    let number = |name: &'static str| {
        let text = jwk.get(name).and_then(Value::as_str);
        text.and_then(base64::decode).ok_or(Unusable::Member(name))
    };
    if jwk.contains_key("oth") {
        return Err(Unusable::Member("oth"));
    }
    match (public, algorithm) {
        (Public::Rsa { modulus, exponent }, Algorithm::Rs256 | Algorithm::Ps256) => {
            let parts = KeyPairComponents {
                public_key: PublicKeyComponents { n: modulus.clone(), e: exponent.clone() },
                d: number("d")?,
                p: number("p")?,
                q: number("q")?,
                dP: number("dp")?,
                dQ: number("dq")?,
                qInv: number("qi")?,
            };
            let pair = RsaKeyPair::from_components(&parts);
            pair.map(Pair::Rsa).map_err(|_rejected| Unusable::Numbers)
        }
        (Public::Ec { curve: Curve::P256, x, y }, Algorithm::Es256) => {
            let point = [&[4], x.as_slice(), y].concat();
            let how = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair = EcdsaKeyPair::from_private_key_and_public_key(how, &number("d")?, &point);
            pair.map(Pair::Ecdsa).map_err(|_rejected| Unusable::Numbers)
        }
        (Public::Ed25519 { x }, Algorithm::EdDsa | Algorithm::Ed25519) => {
            let seed = number("d")?;
            if seed.len() != 32 {
                return Err(Unusable::Member("d"));
            }
            let pair = Ed25519KeyPair::from_seed_and_public_key(&seed, x);
            pair.map(Pair::Ed25519).map_err(|_rejected| Unusable::Numbers)
        }
        _ => Err(Unusable::Algorithm),
    }
}

/// Whether a JWK is for signing, as far as it says (RFC 7517 sections 4.2 and 4.3).
fn check_use(jwk: &Map<String, Value>) -> Result<(), Unusable> {
    let is_for = |purpose: &Value| purpose == "sig";
    let signs = |list: &Value| {
        list.as_array().is_some_and(|list| list.iter().any(|operation| operation == "sign"))
    };
    let is_good = jwk.get("use").is_none_or(is_for) && jwk.get("key_ops").is_none_or(signs);
    if is_good { Ok(()) } else { Err(Unusable::Use) }
}
