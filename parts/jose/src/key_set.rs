//! The keys of one issuer: a document of them (RFC 7517 section 5), and which ones a token may be
//! signed with.

use serde_json::Value;

use crate::algorithm::{Algorithm, Algorithms};
use crate::json;
use crate::key::{Key, is_kid};
use crate::refused::Refused;
use crate::unusable::{Unusable, UnusableSet};

/// Bytes of the longest document of keys.
pub const SET_BYTES_MAX: usize = 256 * 1024;
/// Keys of one document.
pub const KEYS_MAX: usize = 256;
/// Keys that are tried with one token.
pub const TRIES_MAX: usize = 4;

/// The keys that tokens of one issuer may be signed with.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<Key>,
    skipped: Vec<Skipped>,
}

/// A key of a document that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Which one of the list, from 0.
    pub at: usize,
    /// Its name, if it has one.
    pub kid: Option<String>,
    /// Why it is not used.
    pub why: Unusable,
}

impl KeySet {
    /// Reads a document of keys. One that cannot be used is skipped, as RFC 7517 wants it: a new kind
    /// of key beside the others must not lock everybody out. So the set may be empty.
    ///
    /// Several public keys may have one name: a rotation, or a key of each kind. They all are the
    /// issuer's.
    ///
    /// # Errors
    ///
    /// Why the whole document cannot be used.
    pub fn from_json(document: &[u8]) -> Result<Self, UnusableSet> {
        if document.len() > SET_BYTES_MAX {
            return Err(UnusableSet::Bytes(document.len()));
        }
        let object = json::object(document).ok_or(UnusableSet::Malformed)?;
        let Some(Value::Array(list)) = object.get("keys") else {
            return Err(UnusableSet::Malformed);
        };
        if list.len() > KEYS_MAX {
            return Err(UnusableSet::Keys(list.len()));
        }
        let mut set = Self::default();
        for (at, jwk) in list.iter().enumerate() {
            let key = jwk.as_object().ok_or(Unusable::Malformed).and_then(Key::from_members);
            match key {
                Ok(key) => set.keys.push(key),
                Err(why) => {
                    let kid = jwk.get("kid").and_then(Value::as_str);
                    let kid = kid.filter(|kid| is_kid(kid)).map(str::to_owned);
                    set.skipped.push(Skipped { at, kid, why });
                }
            }
        }
        let secrets = list.iter().filter(|jwk| jwk.get("kty").is_some_and(|kind| kind == "oct"));
        let names = secrets.filter_map(|jwk| jwk.get("kid").and_then(Value::as_str));
        set.check_secrets(names.collect())?;
        Ok(set)
    }

    /// The set of these keys, such as those of a configuration.
    ///
    /// # Errors
    ///
    /// Why they cannot be in one set.
    pub fn of(keys: Vec<Key>) -> Result<Self, UnusableSet> {
        if keys.len() > KEYS_MAX {
            return Err(UnusableSet::Keys(keys.len()));
        }
        let set = Self { keys, skipped: Vec::new() };
        let secrets = set.keys.iter().filter(|key| key.is_secret());
        set.check_secrets(secrets.filter_map(Key::kid).collect())?;
        Ok(set)
    }

    /// Looks at secrets, whose names are given: who wrote them can repair what is wrong, so nothing of
    /// it is passed over.
    fn check_secrets(&self, mut names: Vec<&str>) -> Result<(), UnusableSet> {
        if !self.has_secrets() {
            return Ok(());
        }
        if !self.keys.iter().all(Key::is_secret) {
            return Err(UnusableSet::Mixed);
        }
        names.sort_unstable();
        let is_twice = names.windows(2).any(|pair| matches!(pair, [one, other] if one == other));
        if is_twice { Err(UnusableSet::SecretTwice) } else { Ok(()) }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The keys of the document that are not used.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether its keys are secrets. A document that anybody may read must have none.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        self.keys.iter().any(Key::is_secret)
    }

    /// Whether the message was signed with a key of the set: one of that name; if none has it, one
    /// without a name; if the token names none, any. Only keys that are for the algorithm are tried.
    pub(crate) fn verify(
        &self,
        signer: Signer<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Refused> {
        let Signer { kid, algorithm, allowed } = signer;
        if !allowed.contains(algorithm) {
            return Err(Refused::AlgorithmRefused);
        }
        let is_known = kid.is_some() && self.keys.iter().any(|key| key.kid() == kid);
        let is_named = |key: &&Key| match kid {
            None => true,
            Some(_) if is_known => key.kid() == kid,
            // The name is the issuer's; a key that came without one may be it.
            Some(_) => key.kid().is_none(),
        };
        let fit = self.keys.iter().filter(is_named).filter(|key| key.is_for(algorithm));
        match fit.clone().count() {
            0 if is_known => Err(Refused::AlgorithmRefused),
            0 => Err(Refused::KeyUnknown),
            1..=TRIES_MAX => {
                let mut results = fit.map(|key| key.verify(algorithm, message, signature));
                // A name that no key has may be that of a newer key.
                let is_new = kid.is_some() && !is_known;
                let wrong = if is_new { Refused::KeyUnknown } else { Refused::Signature };
                results.find(Result::is_ok).unwrap_or(Err(wrong))
            }
            _ => Err(Refused::KeyAmbiguous),
        }
    }
}

/// Who a token says it is signed by, and what the verifier allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signer<'a> {
    pub(crate) kid: Option<&'a str>,
    pub(crate) algorithm: Algorithm,
    pub(crate) allowed: Algorithms,
}
