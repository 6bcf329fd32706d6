//! How a token may be signed: a closed list, and sets of its members.

use std::fmt;

/// How a token is signed (RFC 7518 section 3.1, RFC 8037, RFC 9864). `none` is not among them, in
/// no spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA (PKCS #1 version 1.5) with SHA-256.
    Rs256,
    /// RSA (PKCS #1 version 1.5) with SHA-384.
    Rs384,
    /// RSA (PKCS #1 version 1.5) with SHA-512.
    Rs512,
    /// RSA (PSS) with SHA-256.
    Ps256,
    /// RSA (PSS) with SHA-384.
    Ps384,
    /// RSA (PSS) with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519, by its first name.
    EdDsa,
    /// Ed25519, by its newer name.
    Ed25519,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Ed25519,
    ];

    /// Its name, as `alg` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The one with exactly this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some algorithms.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Algorithms(u16);

impl Algorithms {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// Those whose key is a secret that signer and verifier share.
    pub const SECRET: Self = Self::of(&[Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512]);
    /// Those that are verified with a public key.
    pub const PUBLIC: Self = Self(!Self::SECRET.0 & ((1 << Algorithm::ALL.len()) - 1));

    /// Those of a list.
    #[must_use]
    pub const fn of(list: &[Algorithm]) -> Self {
        let (mut set, mut rest) = (0, list);
        while let [first, behind @ ..] = rest {
            set |= 1 << *first as u16;
            rest = behind;
        }
        Self(set)
    }

    /// Those that are in both.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it is one of them.
    #[must_use]
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & (1 << algorithm as u16) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |algorithm| self.contains(*algorithm))
    }
}

impl FromIterator<Algorithm> for Algorithms {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(list: I) -> Self {
        list.into_iter().fold(Self::NONE, |set, one| Self(set.0 | Self::of(&[one]).0))
    }
}

impl fmt::Debug for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
            assert_eq!(Algorithm::named(&algorithm.name().to_lowercase()), None);
        }
        for name in ["none", "None", "NONE", "nOnE", "", "HS256 ", "ES256K", "RS1", "dir"] {
            assert_eq!(Algorithm::named(name), None, "{name}");
        }
    }

    #[test]
    fn an_algorithm_is_secret_or_public() {
        assert_eq!(Algorithms::SECRET.both(Algorithms::PUBLIC), Algorithms::NONE);
        assert_eq!(Algorithms::SECRET.iter().count(), 3);
        assert_eq!(Algorithms::PUBLIC.iter().count(), 11);
        let all: Algorithms = Algorithm::ALL.into_iter().collect();
        assert_eq!(all, Algorithms::of(&Algorithm::ALL));
        assert!(!all.is_empty() && Algorithms::default().is_empty());
        assert_eq!(format!("{:?}", Algorithms::of(&[Algorithm::Es256])), "{Es256}");
    }
}
