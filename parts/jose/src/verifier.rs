//! What a token has to be, and whether it is.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::algorithm::Algorithms;
use crate::compact::{Compact, Header};
use crate::json;
use crate::key_set::{KeySet, Signer};
use crate::refused::Refused;
use crate::token::{Times, Token};

/// Bytes of the longest token that is taken, unless something else is asked for.
pub const TOKEN_BYTES: usize = 16 * 1024;
/// The most that may be asked for.
pub const TOKEN_BYTES_MAX: usize = 64 * 1024;
/// Seconds that the clocks of issuer and verifier may differ at most.
pub const SKEW_MAX: u64 = 300;
/// Issuers, audiences and claims that may be asked for, of each.
pub const WANTED_MAX: usize = 64;

/// What a token has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// How it may be signed.
    pub algorithms: Algorithms,
    /// Who may have issued it, letter by letter; anybody if empty.
    pub issuers: Vec<String>,
    /// For whom it has to be, one of them; for anybody if empty.
    pub audiences: Vec<String>,
    /// Claims that must be there and not be null.
    pub claims: Vec<String>,
    /// Its type, such as `at+jwt`, with or without `application/` in front; any if `None`.
    pub typ: Option<String>,
    /// Seconds by which clocks may differ.
    pub skew: u64,
    /// Seconds that it may be good for: from `iat` to `exp`, or from now if there is no `iat`.
    pub lifetime_max: Option<u64>,
    /// Bytes that it may have.
    pub bytes_max: usize,
}

/// Signed with a public key, and it ends.
impl Default for Wanted {
    fn default() -> Self {
        Self {
            algorithms: Algorithms::PUBLIC,
            issuers: Vec::new(),
            audiences: Vec::new(),
            claims: vec!["exp".to_owned()],
            typ: None,
            skew: 0,
            lifetime_max: None,
            bytes_max: TOKEN_BYTES,
        }
    }
}

/// Something that cannot be wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which member of [`Wanted`].
    pub at: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

impl std::error::Error for Problem {}

/// Verifies tokens.
#[derive(Debug, Clone)]
pub struct Verifier {
    wanted: Wanted,
}

/// A token whose signature is good; only [`Verifier::open`] makes one. What it says was not looked at
/// yet, and need not be JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    header: Header,
    payload: Vec<u8>,
}

impl Signed {
    /// What its header says.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What was signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier of tokens that are as they are wanted.
    ///
    /// # Errors
    ///
    /// All that cannot be wanted.
    pub fn new(wanted: Wanted) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut problem = |at, message: String| problems.push(Problem { at, message });
        if wanted.algorithms.is_empty() {
            problem("algorithms", "there is none".to_owned());
        }
        for (at, list) in [
            ("issuers", &wanted.issuers),
            ("audiences", &wanted.audiences),
            ("claims", &wanted.claims),
        ] {
            if list.len() > WANTED_MAX {
                problem(at, format!("more than {WANTED_MAX}"));
            }
            if list.iter().any(String::is_empty) {
                problem(at, "an empty text".to_owned());
            }
        }
        if wanted.typ.as_deref().is_some_and(str::is_empty) {
            problem("typ", "an empty text".to_owned());
        }
        if wanted.skew > SKEW_MAX {
            problem("skew", format!("more than {SKEW_MAX} seconds"));
        }
        if wanted.lifetime_max == Some(0) {
            problem("lifetime_max", "no token is good for 0 seconds".to_owned());
        }
        if !(1..=TOKEN_BYTES_MAX).contains(&wanted.bytes_max) {
            problem("bytes_max", format!("from 1 to {TOKEN_BYTES_MAX}"));
        }
        if problems.is_empty() { Ok(Self { wanted }) } else { Err(problems) }
    }

    /// The token, if it is as it is wanted at this time, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub fn verify(&self, keys: &KeySet, token: &str, now: u64) -> Result<Token, Refused> {
        self.read(self.open(keys, token)?, now)
    }

    /// The first half: the form of a token, its header and its signature.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub fn open(&self, keys: &KeySet, token: &str) -> Result<Signed, Refused> {
        let token = Compact::read(token, self.wanted.bytes_max)?;
        if let Some(typ) = &self.wanted.typ {
            let own = token.header.typ.as_deref().ok_or(Refused::Type)?;
            if !media_type(own).eq_ignore_ascii_case(media_type(typ)) {
                return Err(Refused::Type);
            }
        }
        let signer = Signer {
            kid: token.header.kid.as_deref(),
            algorithm: token.header.algorithm,
            allowed: self.wanted.algorithms,
        };
        keys.verify(signer, token.signed.as_bytes(), &token.signature)?;
        Ok(Signed { header: token.header, payload: token.payload })
    }

    /// The second half: its claims, at this time, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub fn read(&self, signed: Signed, now: u64) -> Result<Token, Refused> {
        let claims = json::object(&signed.payload).ok_or(Refused::Claims)?;
        let times = self.judge(&claims, now)?;
        let (claims, skew) = (Arc::new(claims), self.wanted.skew);
        Ok(Token { header: signed.header, claims, times, skew })
    }

    /// Judges claims that somebody vouches for in another way than by a signature, such as the server
    /// that a token was shown to, at this time, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// Why they are refused.
    pub fn judge(&self, claims: &Map<String, Value>, now: u64) -> Result<Times, Refused> {
        let times = Times::read(claims)?;
        self.check_who(claims)?;
        let is_there = |name: &String| claims.get(name).is_some_and(|value| !value.is_null());
        if !self.wanted.claims.iter().all(is_there) {
            return Err(Refused::ClaimMissing);
        }
        times.check(now, self.wanted.skew)?;
        if let Some(longest) = self.wanted.lifetime_max {
            times.check_lifetime(now, longest)?;
        }
        Ok(times)
    }

    /// Who issued it, for whom, and about whom.
    fn check_who(&self, claims: &Map<String, Value>) -> Result<(), Refused> {
        let text = |name| match claims.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.chars().any(char::is_control) => Ok(Some(text)),
            Some(_) => Err(()),
        };
        let issuer = text("iss").map_err(|()| Refused::Issuer)?;
        let issuers = &self.wanted.issuers;
        if !issuers.is_empty() && !issuer.is_some_and(|issuer| issuers.contains(issuer)) {
            return Err(Refused::Issuer);
        }
        text("sub").map_err(|()| Refused::Subject)?;
        let audiences = match claims.get("aud") {
            None => &[],
            Some(Value::Array(list)) if list.iter().all(Value::is_string) => list.as_slice(),
            Some(one @ Value::String(_)) => std::slice::from_ref(one),
            Some(_) => return Err(Refused::Audience),
        };
        let wanted = &self.wanted.audiences;
        let is_wanted = |own: &Value| wanted.iter().any(|audience| own == audience);
        if wanted.is_empty() || audiences.iter().any(is_wanted) {
            Ok(())
        } else {
            Err(Refused::Audience)
        }
    }
}

/// A type without `application/` in front (RFC 7515 section 4.1.9).
fn media_type(typ: &str) -> &str {
    const FRONT: &str = "application/";
    match typ.split_at_checked(FRONT.len()) {
        Some((front, rest)) if front.eq_ignore_ascii_case(FRONT) && !rest.contains('/') => rest,
        _ => typ,
    }
}
