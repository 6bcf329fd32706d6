//! What credentials are found by: digests that nobody can make without the gateway's own secret.

use std::fmt;

use crate::credential::Proof;

/// Makes digests with BLAKE3 in its keyed mode. Without a secret they are digests of the text alone:
/// good for keys that were drawn at random, and only for them.
#[derive(Clone, PartialEq, Eq)]
pub struct Pepper {
    /// For each kind of proof, so that names of one kind are never found as those of another.
    keys: [[u8; 32]; Proof::ALL.len()],
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper")
    }
}

impl Pepper {
    /// With this secret; empty if there is none.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        let key = |proof: Proof| {
            let context = format!("yumen directory, proof by {}", proof.word());
            blake3::derive_key(&context, secret.as_bytes())
        };
        Self { keys: Proof::ALL.map(key) }
    }

    /// The digest of a name or of a secret.
    #[must_use]
    pub fn digest(&self, proof: Proof, text: &[u8]) -> Digest {
        let key = self.keys.get(proof.place()).unwrap_or(&[0; 32]);
        Digest(blake3::keyed_hash(key, text))
    }

    /// The digest of a password with its user's name.
    #[must_use]
    pub fn password(&self, user: &[u8], password: &[u8]) -> Digest {
        self.digest(Proof::Password, &[user, password].join(&0))
    }

    /// Tells peppers apart without telling what they are: eight hexadecimal digits.
    #[must_use]
    pub fn mark(&self) -> String {
        self.digest(Proof::Name, b"").text().chars().take(8).collect()
    }
}

/// A digest of a name or of a secret. Comparing two takes as long whatever they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(blake3::Hash);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

impl Digest {
    /// As 64 hexadecimal digits.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_hex().to_string()
    }

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(Self)
    }

    /// Half of it, which is enough to find something by.
    pub(crate) fn handle(&self) -> Handle {
        let half = |at: usize| {
            let bytes = self.0.as_bytes().iter().skip(at).take(8);
            bytes.fold(0, |number: u64, byte| number << 8 | u64::from(*byte))
        };
        Handle([half(0), half(8)])
    }
}

/// What an entry of the index is found by: 128 bits that look drawn at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Handle([u64; 2]);

impl Handle {
    /// Chooses the shard.
    pub(crate) fn front(self) -> u64 {
        self.0[0]
    }

    /// One of many that are spread as drawn ones are.
    #[cfg(test)]
    pub(crate) fn of(number: u64) -> Self {
        Self([number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number])
    }
}
