//! One attempt to log in: what the browser keeps of it, and what follows from that.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use data_encoding::BASE64URL_NOPAD;

/// Seconds that an attempt may take.
pub const ATTEMPT_LIFETIME: u64 = 600;
/// The longest path with its query that a login comes back to.
pub const URL_MAX: usize = 1024;
/// Characters of `state` by which an attempt's cookie is found.
const ID_LENGTH: usize = 10;

/// One attempt to log in.
#[derive(PartialEq, Eq)]
pub struct Attempt {
    secret: [u8; 32],
    /// When it began, in seconds since 1970.
    pub began: u64,
    /// The path with its query that was asked for.
    pub url: String,
}

/// Without its secret, and without what was asked for.
impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("began", &self.began).finish_non_exhaustive()
    }
}

impl Attempt {
    /// Begins one now. A URL that is too long is cut to its path, or to `/`. `None` if the system has no
    /// random numbers.
    #[must_use]
    pub fn begin(path: &str, query: Option<&str>, now: u64) -> Option<Self> {
        let mut secret = [0; 32];
        rand::fill(&mut secret).ok()?;
        let whole = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        let url = [whole.as_str(), path].into_iter().find(|url| url.len() <= URL_MAX);
        Some(Self { secret, began: now, url: url.unwrap_or("/").to_owned() })
    }

    /// As it is sealed.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [&self.began.to_be_bytes()[..], &self.secret, self.url.as_bytes()].concat()
    }

    /// Reads what [`Attempt::bytes`] wrote.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (began, rest) = bytes.split_first_chunk::<8>()?;
        let (secret, url) = rest.split_first_chunk::<32>()?;
        let url = std::str::from_utf8(url).ok()?.to_owned();
        Some(Self { secret: *secret, began: u64::from_be_bytes(*began), url })
    }

    /// Whether it may still end well at this time.
    #[must_use]
    pub fn is_open(&self, now: u64) -> bool {
        // A clock that was put back by more than this makes it too old as well.
        now.abs_diff(self.began) < ATTEMPT_LIFETIME
    }

    /// What comes back with the answer, and nobody else can know.
    #[must_use]
    pub fn state(&self) -> String {
        self.derived(b"state")
    }

    /// What the ID token has to say.
    #[must_use]
    pub fn nonce(&self) -> String {
        self.derived(b"nonce")
    }

    /// What the code is good with (RFC 7636 section 4.1).
    #[must_use]
    pub fn verifier(&self) -> String {
        self.derived(b"verifier")
    }

    /// What the provider is told of the verifier (`S256`).
    #[must_use]
    pub fn challenge(&self) -> String {
        BASE64URL_NOPAD.encode(digest(&SHA256, self.verifier().as_bytes()).as_ref())
    }

    fn derived(&self, what: &[u8]) -> String {
        let bytes = [b"yumen openid-connect ", what, b"\n", &self.secret[..]].concat();
        BASE64URL_NOPAD.encode(digest(&SHA256, &bytes).as_ref())
    }

    /// The name of the cookie for a `state`, without what stands before it; `None` if it cannot be a state.
    #[must_use]
    pub fn cookie(state: &str) -> Option<String> {
        let is_state = state.len() == 43
            && state.bytes().all(|one| one.is_ascii_alphanumeric() || matches!(one, b'-' | b'_'));
        let id = state.get(..ID_LENGTH).filter(|_| is_state)?;
        Some(format!("login.{id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_from_an_attempt_is_told_apart() {
        let attempt = Attempt::begin("/a", Some("b=c"), 1000).unwrap();
        assert_eq!(Attempt::read(&attempt.bytes()), Some(Attempt { ..attempt }));
        let attempt = Attempt::begin("/a", Some("b=c"), 1000).unwrap();
        assert_eq!(attempt.url, "/a?b=c");
        let all = [attempt.state(), attempt.nonce(), attempt.verifier(), attempt.challenge()];
        for (place, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 43);
            assert!(!all[..place].contains(one));
        }
        let other = Attempt::begin("/a", None, 1000).unwrap();
        assert_ne!(other.state(), attempt.state());
        assert_eq!(other.url, "/a");
        let cookie = Attempt::cookie(&attempt.state()).unwrap();
        assert_eq!(cookie, format!("login.{}", attempt.state().get(..10).unwrap()));
        for wrong in ["", "short", "a;".repeat(22).get(..43).unwrap(), &"a".repeat(44), "\u{e4}"] {
            assert_eq!(Attempt::cookie(wrong), None, "{wrong}");
        }
        assert!(!format!("{attempt:?}").contains("/a"));
    }

    /// The vector of RFC 7636, appendix B, is a digest of the verifier like this one.
    #[test]
    fn a_challenge_is_made_as_rfc_7636_has_it() {
        let hash = digest(&SHA256, b"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        let expect = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert_eq!(BASE64URL_NOPAD.encode(hash.as_ref()), expect);
    }

    #[test]
    fn an_attempt_is_open_for_a_while_and_its_url_is_bounded() {
        let attempt = Attempt::begin("/", None, 1000).unwrap();
        for (now, expect) in [(1000, true), (1599, true), (1600, false), (401, true), (400, false)]
        {
            assert_eq!(attempt.is_open(now), expect, "{now}");
        }
        let long = "x".repeat(URL_MAX);
        assert_eq!(Attempt::begin("/a", Some(&long), 0).unwrap().url, "/a");
        assert_eq!(Attempt::begin(&format!("/{long}"), Some("a"), 0).unwrap().url, "/");
        assert_eq!(Attempt::read(&[0; 39]), None);
        assert_eq!(Attempt::read(&[0xff; 41]), None);
    }
}
