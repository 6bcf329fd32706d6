//! One key: what it is for, and whether a signature is one of it.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;
use serde_json::{Map, Value};

use crate::algorithm::{Algorithm, Algorithms};
use crate::public::Public;
use crate::refused::Refused;
use crate::unusable::Unusable;
use crate::{base64, json, pem};

/// Bytes of the longest JWK that is read.
pub const JWK_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the longest name of a key, in a key or in a token.
pub const KID_BYTES_MAX: usize = 256;
/// Bytes of the longest secret.
pub const SECRET_BYTES_MAX: usize = 4096;

/// What a JWK has only if it is a private key.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// A key that verifies signatures: a public key or a secret.
///
/// What it is for is said by the key itself and who gave it, never by a token: by `alg` if a JWK has
/// one, by its kind, by [`Key::only`].
#[derive(Clone)]
pub struct Key {
    kid: Option<String>,
    public: Option<Public>,
    checks: Vec<(Algorithm, Check)>,
}

#[derive(Clone)]
enum Check {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

impl Key {
    /// Reads a JWK (RFC 7517) that is a public key or a secret. What it says of certificates is not
    /// looked at.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub fn from_jwk(text: &str) -> Result<Self, Unusable> {
        if text.len() > JWK_BYTES_MAX {
            return Err(Unusable::TooLong);
        }
        Self::from_members(&json::object(text.as_bytes()).ok_or(Unusable::Malformed)?)
    }

    pub(crate) fn from_members(jwk: &Map<String, Value>) -> Result<Self, Unusable> {
        let kid = match jwk.get("kid") {
            None => None,
            Some(Value::String(kid)) if is_kid(kid) => Some(kid.clone()),
            Some(_) => return Err(Unusable::Member("kid")),
        };
        if PRIVATE.iter().any(|member| jwk.contains_key(*member)) {
            return Err(Unusable::Private);
        }
        is_for_verifying(jwk)?;
        let mut key = if jwk.get("kty").and_then(Value::as_str) == Some("oct") {
            let secret = jwk.get("k").and_then(Value::as_str).and_then(base64::decode);
            Self::from_secret(&secret.ok_or(Unusable::Member("k"))?)?
        } else {
            Self::from_public(Public::from_jwk(jwk)?)?
        };
        if let Some(alg) = jwk.get("alg") {
            let algorithm = alg.as_str().and_then(Algorithm::named).ok_or(Unusable::Algorithm)?;
            key = key.only(Algorithms::of(&[algorithm]))?;
        }
        key.kid = kid;
        Ok(key)
    }

    /// Reads the PEM text of a public key (`PUBLIC KEY`, `RSA PUBLIC KEY`) or of a certificate, of
    /// which nothing but the key is looked at: neither its time nor its issuer.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub fn from_pem(text: &str) -> Result<Self, Unusable> {
        Self::from_public(pem::public(text)?)
    }

    /// Takes a secret, for each algorithm for which it is long enough: it has at least as many bytes
    /// as what the algorithm hashes to.
    ///
    /// # Errors
    ///
    /// Why it cannot be used.
    pub fn from_secret(secret: &[u8]) -> Result<Self, Unusable> {
        if secret.windows(11).any(|window| window == b"-----BEGIN ") {
            return Err(Unusable::NotSecret);
        }
        let fits = |bytes: usize| (bytes..=SECRET_BYTES_MAX).contains(&secret.len());
        let checks = [
            (Algorithm::Hs256, hmac::HMAC_SHA256, 32),
            (Algorithm::Hs384, hmac::HMAC_SHA384, 48),
            (Algorithm::Hs512, hmac::HMAC_SHA512, 64),
        ];
        let checks = checks.into_iter().filter(|(_, _, bytes)| fits(*bytes));
        let checks: Vec<_> = checks
            .map(|(algorithm, hash, _)| {
                (algorithm, Check::Secret(Box::new(hmac::Key::new(hash, secret))))
            })
            .collect();
        if checks.is_empty() {
            return Err(Unusable::SecretBytes(secret.len()));
        }
        Ok(Self { kid: None, public: None, checks })
    }

    pub(crate) fn from_public(public: Public) -> Result<Self, Unusable> {
        let checks = public.algorithms().iter();
        let checks: Result<_, Unusable> = checks
            .map(|algorithm| Ok((algorithm, Check::Public(public.parsed(algorithm)?))))
            .collect();
        Ok(Self { kid: None, checks: checks?, public: Some(public) })
    }

    /// The key, for nothing but these algorithms.
    ///
    /// # Errors
    ///
    /// It was for none of them.
    pub fn only(mut self, algorithms: Algorithms) -> Result<Self, Unusable> {
        self.checks.retain(|(algorithm, _)| algorithms.contains(*algorithm));
        if self.checks.is_empty() { Err(Unusable::Algorithm) } else { Ok(self) }
    }

    /// The key, under this name.
    ///
    /// # Errors
    ///
    /// The name is empty, too long, or has control characters.
    pub fn with_kid(mut self, kid: &str) -> Result<Self, Unusable> {
        if !is_kid(kid) {
            return Err(Unusable::Member("kid"));
        }
        self.kid = Some(kid.to_owned());
        Ok(self)
    }

    /// Its name.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// What it is for.
    #[must_use]
    pub fn algorithms(&self) -> Algorithms {
        self.checks.iter().map(|(algorithm, _)| *algorithm).collect()
    }

    /// Whether it is for this algorithm.
    #[must_use]
    pub fn is_for(&self, algorithm: Algorithm) -> bool {
        self.checks.iter().any(|(one, _)| *one == algorithm)
    }

    /// Whether it is a secret.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.public.is_none()
    }

    /// The thumbprint of RFC 7638 of a public key. That of a secret would tell of the secret.
    #[must_use]
    pub fn thumbprint(&self) -> Option<String> {
        self.public.as_ref().map(Public::thumbprint)
    }

    /// Whether the signature is one of this key under the message.
    ///
    /// # Errors
    ///
    /// The key is not for the algorithm, or the signature is wrong.
    pub fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Refused> {
        let check = self.checks.iter().find(|(one, _)| *one == algorithm);
        let (_, check) = check.ok_or(Refused::AlgorithmRefused)?;
        match check {
            Check::Public(key) => key.verify_sig(message, signature),
            // In the same time for any tag.
            Check::Secret(key) => hmac::verify(key, message, signature),
        }
        .map_err(|_wrong| Refused::Signature)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("secret", &self.is_secret())
            .field("algorithms", &self.algorithms())
            .finish()
    }
}

/// Whether it can be the name of a key.
pub(crate) fn is_kid(kid: &str) -> bool {
    (1..=KID_BYTES_MAX).contains(&kid.len()) && !kid.chars().any(char::is_control)
}

/// Whether `use` and `key_ops` let a key verify signatures (RFC 7517 sections 4.2 and 4.3).
fn is_for_verifying(jwk: &Map<String, Value>) -> Result<(), Unusable> {
    match jwk.get("use") {
        None => {}
        Some(Value::String(purpose)) if purpose == "sig" => {}
        Some(Value::String(_)) => return Err(Unusable::Use),
        Some(_) => return Err(Unusable::Member("use")),
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
            let verifies = list.iter().any(|one| one == "verify");
            if verifies { Ok(()) } else { Err(Unusable::Use) }
        }
        Some(_) => Err(Unusable::Member("key_ops")),
    }
}
