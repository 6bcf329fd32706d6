//! Signs tokens for a short time, and says which public key they are verified with.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::{Map, Value};

use crate::algorithm::{Algorithm, Algorithms};
use crate::key::Key;
use crate::public::{Curve, Public};
use crate::token::TIME_MAX;
use crate::unusable::Unusable;
use crate::{base64, pem};

/// Seconds that a token may be good for which is signed here.
pub const SIGNED_LIFETIME_MAX: u64 = 24 * 60 * 60;

/// A private key or a secret that signs tokens.
pub struct SigningKey {
    kid: Option<String>,
    algorithm: Algorithm,
    pair: Pair,
    public: Option<Public>,
    verifying: Key,
}

pub(crate) enum Pair {
    Secret(Box<hmac::Key>),
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Why no token was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// It would be good for no time, for too long, or beyond the year 9999.
    Lifetime,
    /// The library could not sign.
    Signature,
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lifetime => "a token cannot be good for that long",
            Self::Signature => "the token could not be signed",
        })
    }
}

impl std::error::Error for Unsigned {}

impl SigningKey {
    /// Reads a private key in PKCS #8 that signs in this way: `RS256`, `PS256`, `ES256`, `EdDSA` or
    /// `Ed25519`. It is named by the thumbprint of its public key (RFC 7638).
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub fn from_pem(text: &str, algorithm: Algorithm) -> Result<Self, Unusable> {
        let bytes = pem::private(text)?;
        let kind = |_rejected| Unusable::Kind;
        let (pair, public) = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let pair = RsaKeyPair::from_pkcs8(&bytes).map_err(kind)?;
                let public = Public::from_pkcs1(pair.public_key().as_ref())?;
                (Pair::Rsa(pair), public)
            }
            Algorithm::Es256 => {
                let how = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::from_pkcs8(how, &bytes).map_err(kind)?;
                let public = Public::from_point(Curve::P256, pair.public_key().as_ref())?;
                (Pair::Ecdsa(pair), public)
            }
            Algorithm::EdDsa | Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::from_pkcs8(&bytes).map_err(kind)?;
                let public = Public::ed25519(pair.public_key().as_ref().to_vec())?;
                (Pair::Ed25519(pair), public)
            }
            _ => return Err(Unusable::Algorithm),
        };
        Self::of(pair, public, algorithm)
    }

    /// A pair, under the thumbprint of its public key.
    pub(crate) fn of(pair: Pair, public: Public, algorithm: Algorithm) -> Result<Self, Unusable> {
        let kid = public.thumbprint();
        let verifying = Key::from_public(public.clone())?;
        let verifying = verifying.only(Algorithms::of(&[algorithm]))?.with_kid(&kid)?;
        Ok(Self { kid: Some(kid), algorithm, pair, public: Some(public), verifying })
    }

    /// Takes a secret that signs in the way of `HS256`. It has no name: the thumbprint of a secret
    /// would tell of it.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub fn from_secret(secret: &[u8]) -> Result<Self, Unusable> {
        let algorithm = Algorithm::Hs256;
        let verifying = Key::from_secret(secret)?.only(Algorithms::of(&[algorithm]))?;
        let pair = Pair::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)));
        Ok(Self { kid: None, algorithm, pair, public: None, verifying })
    }

    /// The key, under a name of one's own.
    ///
    /// # Errors
    ///
    /// The name is empty, too long, or has control characters.
    pub fn with_kid(mut self, kid: &str) -> Result<Self, Unusable> {
        self.verifying = self.verifying.with_kid(kid)?;
        self.kid = Some(kid.to_owned());
        Ok(self)
    }

    /// Its name.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// How it signs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn verifying(&self) -> &Key {
        &self.verifying
    }

    /// The public key as a JWK; of a secret there is none.
    #[must_use]
    pub fn public_jwk(&self) -> Option<Map<String, Value>> {
        let mut jwk = self.public.as_ref()?.jwk();
        let kid = self.kid.as_deref().unwrap_or_default();
        for (name, value) in [("use", "sig"), ("alg", self.algorithm.name()), ("kid", kid)] {
            jwk.insert(name.to_owned(), value.into());
        }
        Some(jwk)
    }

    /// Signs a token with these claims that is good from now, in seconds since 1970, for so many
    /// seconds: `iat` and `exp` are set. Its type is `JWT` unless another one is given.
    ///
    /// # Errors
    ///
    /// Why no token was signed.
    pub fn sign(
        &self,
        mut claims: Map<String, Value>,
        typ: Option<&str>,
        now: u64,
        lifetime: u64,
    ) -> Result<String, Unsigned> {
        let expires = now.saturating_add(lifetime);
        if !(1..=SIGNED_LIFETIME_MAX).contains(&lifetime) || expires > TIME_MAX {
            return Err(Unsigned::Lifetime);
        }
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), expires.into());
        let mut header = Map::new();
        header.insert("alg".to_owned(), self.algorithm.name().into());
        header.insert("typ".to_owned(), typ.unwrap_or("JWT").into());
        if let Some(kid) = &self.kid {
            header.insert("kid".to_owned(), kid.as_str().into());
        }
        let part = |object| base64::encode(Value::Object(object).to_string().as_bytes());
        let mut token = format!("{}.{}", part(header), part(claims));
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        token.push_str(&base64::encode(&signature));
        Ok(token)
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, Unsigned> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Secret(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let how = match self.algorithm {
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign(how, &random, message, &mut signature);
                signed.map(|()| signature).map_err(|_failed| Unsigned::Signature)
            }
            Pair::Ecdsa(pair) => {
                let signed = pair.sign(&random, message);
                signed.map(|one| one.as_ref().to_vec()).map_err(|_failed| Unsigned::Signature)
            }
            Pair::Ed25519(pair) => {
                let signed = pair.try_sign(message);
                signed.map(|one| one.as_ref().to_vec()).map_err(|_failed| Unsigned::Signature)
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// A document of the public keys that these keys are verified with (RFC 7517 section 5). Secrets are
/// not in it.
#[must_use]
pub fn key_set_document(keys: &[&SigningKey]) -> String {
    let keys = keys.iter().filter_map(|key| key.public_jwk()).map(Value::Object).collect();
    let document: Map<_, _> = [("keys".to_owned(), Value::Array(keys))].into_iter().collect();
    Value::Object(document).to_string()
}
