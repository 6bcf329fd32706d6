//! Signatures with a shared secret: HMAC with SHA-256 (RFC 2104).

use std::fmt;

use aws_lc_rs::hmac;

/// A secret that signs, and knows its signatures again.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// The key that is made of this secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Signs a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        hmac::sign(&self.0, message).as_ref().to_vec()
    }

    /// Whether this is the signature of the message. It takes as long for a wrong one as for the
    /// right one.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.0, message, signature).is_ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a key that is not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 section 4.3.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let key = SigningKey::new(b"Jefe");
        let signature = key.sign(b"what do ya want for nothing?");
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(key.verify(b"what do ya want for nothing?", &signature));
        assert!(!key.verify(b"what do ya want for nothing!", &signature));
        assert!(!key.verify(b"what do ya want for nothing?", signature.get(..31).unwrap()));
        assert!(!SigningKey::new(b"jefe").verify(b"what do ya want for nothing?", &signature));
        assert!(!format!("{key:?}").contains("Jefe"));
    }
}
