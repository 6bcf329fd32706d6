//! Why a key cannot be used, and why a set of keys cannot.

use std::fmt;

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// It is no JSON object, or a member of it stands twice.
    Malformed,
    /// Its kind (`kty`, `crv`) is not known.
    Kind,
    /// This member is missing, or is not what it has to be.
    Member(&'static str),
    /// It has private parts. A key for verifying has no use for them, and where they are they may be
    /// read by others: such a key is not to be trusted any more.
    Private,
    /// Its `alg` is not known, or not for keys of its kind; or none is left of those that it is for.
    Algorithm,
    /// It is not for signatures (`use`, `key_ops`).
    Use,
    /// An RSA key has so many bits, and that is too few or too many.
    Bits(usize),
    /// The exponent of an RSA key is even, below 3 or beyond 33 bits.
    Exponent,
    /// An RSA key was made by a chip whose keys can be broken (ROCA, CVE-2017-15361).
    Roca,
    /// The numbers are not those of a key: a point beside its curve, an even modulus.
    Numbers,
    /// A secret has so many bytes, and that is too few (RFC 7518 section 3.2) or too many.
    SecretBytes(usize),
    /// A public key was given as a secret. It is none.
    NotSecret,
    /// It is not exactly one PEM text of a kind that can be used.
    Pem(&'static str),
    /// It is longer than a key can be.
    TooLong,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("it is no JSON object whose members stand once"),
            Self::Kind => f.write_str("its kind is not known"),
            Self::Member(name) => write!(f, "`{name}` is missing or cannot be read"),
            Self::Private => f.write_str("it has private parts, which do not belong here"),
            Self::Algorithm => f.write_str("no algorithm is left that it could be for"),
            Self::Use => f.write_str("it is not for signatures"),
            Self::Bits(bits) => write!(f, "an RSA key of {bits} bits is not taken"),
            Self::Exponent => f.write_str("the exponent of the RSA key cannot be"),
            Self::Roca => f.write_str("the RSA key can be broken (CVE-2017-15361)"),
            Self::Numbers => f.write_str("its numbers are not those of a key"),
            Self::SecretBytes(bytes) => write!(f, "a secret of {bytes} bytes is not taken"),
            Self::NotSecret => f.write_str("a public key is no secret"),
            Self::Pem(what) => f.write_str(what),
            Self::TooLong => f.write_str("it is longer than a key can be"),
        }
    }
}

impl std::error::Error for Unusable {}

/// Why a set of keys cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnusableSet {
    /// It has so many bytes, and that is too many.
    Bytes(usize),
    /// It is no JSON object with a list `keys`, or a member stands twice.
    Malformed,
    /// It has so many keys, and that is too many.
    Keys(usize),
    /// Secrets stand beside public keys. Who may read the one must not read the other.
    Mixed,
    /// Two secrets have one `kid`: a slip of who wrote them.
    SecretTwice,
}

impl fmt::Display for UnusableSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "a set of {bytes} bytes is not taken"),
            Self::Malformed => f.write_str("it is no JSON object with a list `keys`"),
            Self::Keys(keys) => write!(f, "a set of {keys} keys is not taken"),
            Self::Mixed => f.write_str("it has secrets beside public keys"),
            Self::SecretTwice => f.write_str("two secrets have the same `kid`"),
        }
    }
}

impl std::error::Error for UnusableSet {}
