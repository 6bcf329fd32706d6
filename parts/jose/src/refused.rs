//! Why a token is refused: a closed list of words that say nothing of what was in it.

use std::fmt;

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// It is longer than the verifier takes.
    TooLong,
    /// It is encrypted: it has five parts, or says so.
    Encrypted,
    /// It has not three parts.
    Parts,
    /// A part is no base64 for URLs, or is padded, or has bits that belong to no byte.
    Base64,
    /// Its header is no JSON object, or a member of it stands twice or is of a wrong type.
    Header,
    /// `alg` is missing or no name that is known; `none` is not.
    AlgorithmUnknown,
    /// Neither the verifier nor the key allow the algorithm.
    AlgorithmRefused,
    /// It asks for extensions (`crit`), and none is understood.
    Critical,
    /// Its payload is not encoded (`b64`).
    Unencoded,
    /// Its payload is compressed (`zip`).
    Compressed,
    /// `kid` is too long, empty, or not a plain text.
    KeyId,
    /// `typ` is not what it has to be.
    Type,
    /// No key has its `kid`, and none without a name made its signature; or it has no `kid`, and no key
    /// is for its algorithm. A newer key set may have one.
    KeyUnknown,
    /// It has no `kid`, and more keys fit than are tried.
    KeyAmbiguous,
    /// The signature is not one of the key.
    Signature,
    /// Its claims are no JSON object, a name stands twice, or they are too deep.
    Claims,
    /// `exp`, `nbf` or `iat` is no number of seconds within range.
    TimeMalformed,
    /// It is over.
    Expired,
    /// It has not begun.
    NotYet,
    /// It was issued later than now.
    IssuedLater,
    /// It is good for longer than it may be.
    Lifetime,
    /// `iss` is missing, no text, or none of those that it has to be.
    Issuer,
    /// `aud` is missing, empty, of a wrong type, or without any of those that it has to name.
    Audience,
    /// `sub` is no text, or has control characters.
    Subject,
    /// A claim that it must have is missing.
    ClaimMissing,
}

impl Refused {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::TooLong,
        Self::Encrypted,
        Self::Parts,
        Self::Base64,
        Self::Header,
        Self::AlgorithmUnknown,
        Self::AlgorithmRefused,
        Self::Critical,
        Self::Unencoded,
        Self::Compressed,
        Self::KeyId,
        Self::Type,
        Self::KeyUnknown,
        Self::KeyAmbiguous,
        Self::Signature,
        Self::Claims,
        Self::TimeMalformed,
        Self::Expired,
        Self::NotYet,
        Self::IssuedLater,
        Self::Lifetime,
        Self::Issuer,
        Self::Audience,
        Self::Subject,
        Self::ClaimMissing,
    ];

    /// A word for logs and metrics; it never changes.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Encrypted => "encrypted",
            Self::Parts => "parts",
            Self::Base64 => "base64",
            Self::Header => "header",
            Self::AlgorithmUnknown => "algorithm_unknown",
            Self::AlgorithmRefused => "algorithm_refused",
            Self::Critical => "critical",
            Self::Unencoded => "unencoded",
            Self::Compressed => "compressed",
            Self::KeyId => "key_id",
            Self::Type => "type",
            Self::KeyUnknown => "key_unknown",
            Self::KeyAmbiguous => "key_ambiguous",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::TimeMalformed => "time_malformed",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::IssuedLater => "issued_later",
            Self::Lifetime => "lifetime",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Subject => "subject",
            Self::ClaimMissing => "claim_missing",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the token is too long",
            Self::Encrypted => "the token is encrypted",
            Self::Parts => "the token has not three parts",
            Self::Base64 => "a part of the token is not written in base64 for URLs",
            Self::Header => "the header of the token cannot be read",
            Self::AlgorithmUnknown => "the token is not signed in a way that is known",
            Self::AlgorithmRefused => "the token is signed in a way that its key is not for",
            Self::Critical => "the token asks for an extension",
            Self::Unencoded => "the claims of the token are not encoded",
            Self::Compressed => "the claims of the token are compressed",
            Self::KeyId => "the token names its key in a way that cannot be",
            Self::Type => "the token is of another type",
            Self::KeyUnknown => "no key fits the token",
            Self::KeyAmbiguous => "the token does not say which of many keys is its own",
            Self::Signature => "the signature of the token is wrong",
            Self::Claims => "the claims of the token cannot be read",
            Self::TimeMalformed => "a time in the token is none",
            Self::Expired => "the token is over",
            Self::NotYet => "the token is not good yet",
            Self::IssuedLater => "the token was issued later than now",
            Self::Lifetime => "the token is good for too long",
            Self::Issuer => "the token is of another issuer",
            Self::Audience => "the token is for another audience",
            Self::Subject => "the subject of the token cannot be",
            Self::ClaimMissing => "a claim is missing in the token",
        })
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = Refused::ALL.map(Refused::word).into();
        assert_eq!(words.len(), Refused::ALL.len());
        let plain =
            |word: &&str| word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        assert!(words.iter().all(plain));
    }
}
