//! What a request claims: who signed it, over what, and when.

use std::borrow::Cow;
use std::fmt;

use aws_lc_rs::hmac;

/// Why a claim is not good, for the log.
pub(crate) type Why = Cow<'static, str>;

/// A signature, and what it is made over.
pub(crate) struct Claim {
    /// The name of the secret.
    pub(crate) id: String,
    pub(crate) algorithm: Algorithm,
    /// The text that was signed.
    pub(crate) base: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) covered: Covered,
    /// When it was made, in seconds since 1970: all that says so and is signed.
    pub(crate) made: Vec<i64>,
    /// From when on it is no longer good.
    pub(crate) expires: Option<i64>,
}

/// Without the text, in which there may be anything of the request.
impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The hash of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// As the older forms name it.
    pub(crate) fn read(name: &str) -> Option<Self> {
        match name {
            "hmac-sha256" => Some(Self::Sha256),
            "hmac-sha384" => Some(Self::Sha384),
            "hmac-sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(crate) fn verifies(self, secret: &[u8], claim: &Claim) -> bool {
        let hash = match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        // It takes as long wherever they differ.
        hmac::verify(&hmac::Key::new(hash, secret), &claim.base, &claim.signature).is_ok()
    }
}

/// What a signature is made over, by the names of RFC 9421.
#[derive(Debug, Default)]
pub(crate) struct Covered(Vec<String>);

impl Covered {
    pub(crate) fn add(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    fn says(&self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }

    /// Whether it is covered, by itself or as a part of something else.
    pub(crate) fn has(&self, name: &str) -> bool {
        let wholes: &[&str] = match name {
            "@path" | "@query" => &["@target-uri", "@request-target"],
            "@scheme" => &["@target-uri"],
            "@authority" => &["@target-uri", "host"],
            "host" => &["@target-uri", "@authority"],
            _ => &[],
        };
        self.says(name)
            || wholes.iter().any(|whole| self.says(whole))
            // The target is a path and a query.
            || (name == "@request-target" && self.says("@path") && self.says("@query"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_covered_with_its_whole() {
        for (covered, name, expect) in [
            (&["@path"][..], "@path", true),
            (&["@target-uri"], "@query", true),
            (&["@target-uri"], "@authority", true),
            (&["@request-target"], "@path", true),
            (&["@request-target"], "@authority", false),
            (&["@request-target"], "@method", false),
            (&["@path"], "@request-target", false),
            (&["@path", "@query"], "@request-target", true),
            (&["@path"], "@query", false),
            (&["host"], "@authority", true),
            (&["@path"], "@target-uri", false),
            (&["date"], "x-date", false),
        ] {
            let covered = Covered(covered.iter().map(ToString::to_string).collect());
            assert_eq!(covered.has(name), expect, "{covered:?} {name}");
        }
    }
}
