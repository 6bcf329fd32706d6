//! Secrets in sealed form (AES-256-GCM), and the key that opens them: those that lie in a configuration,
//! and what browsers keep for the gateway.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand;
use data_encoding::BASE64;

/// What sealed secrets begin with.
const PREFIX: &str = "aes256gcm:";
/// The shortest text of a key, in bytes: it is not stretched, so it must have been drawn at random.
pub const KEY_MIN: usize = 32;
/// The longest sealed text.
const SEALED_MAX: usize = 512 * 1024;
/// Separates the key from those that others may make of the same text.
const PURPOSE: &[u8] = b"yumen sealed secrets, 1";

/// Of which key a sealed text is: not the key, nor anything that it could be found by.
const MARK: &[u8] = b"yumen sealed secrets, the mark";

/// Seals and opens.
pub struct SealingKey {
    key: LessSafeKey,
    mark: String,
}

/// Without what is secret in it.
impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey")
    }
}

impl SealingKey {
    /// From the text of a key; `None` if that is too short.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        Self::with_purpose(text, PURPOSE)
    }

    /// From the text of a key, for one purpose: what is sealed for another one does not open. `None` if
    /// the text is too short.
    #[must_use]
    pub fn with_purpose(text: &str, purpose: &[u8]) -> Option<Self> {
        if text.len() < KEY_MIN {
            return None;
        }
        let drawn = Salt::new(HKDF_SHA256, purpose).extract(text.as_bytes());
        let key = UnboundKey::from(drawn.expand(&[purpose], &AES_256_GCM).ok()?);
        let mut mark = [0; 32];
        drawn.expand(&[MARK], HKDF_SHA256).ok()?.fill(&mut mark).ok()?;
        let mark = BASE64.encode(&mark);
        Some(Self { key: LessSafeKey::new(key), mark })
    }

    /// Tells keys apart without telling what they are.
    #[must_use]
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// Seals a secret for this id: it opens for no other one. `None` if the system has no random numbers.
    #[must_use]
    pub fn seal(&self, id: &str, secret: &str) -> Option<String> {
        Some(format!("{PREFIX}{}", BASE64.encode(&self.seal_bytes(id, secret.as_bytes())?)))
    }

    /// As [`SealingKey::seal`], of bytes.
    #[must_use]
    pub fn seal_bytes(&self, id: &str, secret: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let mut sealed = secret.to_vec();
        let (number, bound) = (Nonce::assume_unique_for_key(nonce), Aad::from(id.as_bytes()));
        self.key.seal_in_place_append_tag(number, bound, &mut sealed).ok()?;
        Some([&nonce[..], &sealed].concat())
    }

    /// The secret that was sealed for this id; `None` if it is for another one, was sealed with another key,
    /// or is nothing of the kind.
    #[must_use]
    pub fn open(&self, id: &str, sealed: &str) -> Option<String> {
        let digits = sealed.strip_prefix(PREFIX).filter(|digits| digits.len() <= SEALED_MAX)?;
        let bytes = BASE64.decode(digits.as_bytes()).ok()?;
        String::from_utf8(self.open_bytes(id, &bytes)?).ok()
    }

    /// As [`SealingKey::open`], of bytes; how many there may be is the caller's to bound.
    #[must_use]
    pub fn open_bytes(&self, id: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let (number, bound) = (Nonce::assume_unique_for_key(*nonce), Aad::from(id.as_bytes()));
        let mut open = sealed.to_vec();
        self.key.open_in_place(number, bound, &mut open).ok().map(|open| open.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn what_was_sealed_opens_for_its_id_with_its_key_only() {
        let key = SealingKey::new(KEY).unwrap();
        let sealed = key.seal("orders-1", "a secret, and a long one").unwrap();
        assert_eq!(key.open("orders-1", &sealed).as_deref(), Some("a secret, and a long one"));
        assert!(!sealed.contains("secret") && !format!("{key:?}").contains("0123"));
        assert_ne!(key.seal("orders-1", "a secret, and a long one"), Some(sealed.clone()));
        assert_eq!(key.open("orders-2", &sealed), None);
        let other = SealingKey::new(&KEY.replace('0', "1")).unwrap();
        assert_ne!(other.mark(), key.mark());
        assert_eq!(SealingKey::new(KEY).unwrap().mark(), key.mark());
        assert_eq!(other.open("orders-1", &sealed), None);
        let digits = sealed.strip_prefix(PREFIX).unwrap();
        let mut bytes = BASE64.decode(digits.as_bytes()).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            let changed = format!("{PREFIX}{}", BASE64.encode(&bytes));
            assert_eq!(key.open("orders-1", &changed), None, "byte {at}");
            bytes[at] ^= 1;
        }
        for wrong in ["", digits, PREFIX, "aes256gcm:AAAA", "aes256gcm:!"] {
            assert_eq!(key.open("orders-1", wrong), None, "{wrong}");
        }
        assert!(SealingKey::new("short").is_none());
        let cookies = SealingKey::with_purpose(KEY, b"cookies").unwrap();
        assert_eq!(cookies.open("orders-1", &sealed), None, "it is for another purpose");
        assert_eq!(
            cookies.open_bytes("a", &cookies.seal_bytes("a", b"\xff").unwrap()),
            Some(vec![0xff])
        );
    }
}
