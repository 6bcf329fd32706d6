//! What is left of a login: who it is, since when, and the tokens. The browser keeps it, sealed.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest as hash};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Seconds before its end that an access token is renewed; of a short one, half of what it lasts.
const RENEWED_BEFORE: u64 = 30;
/// Claims that say something of the token that they came in, and nothing of who it is about.
const OF_THE_TOKEN: [&str; 8] =
    ["nonce", "at_hash", "c_hash", "s_hash", "exp", "iat", "nbf", "jti"];

/// A session.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Drawn at the login.
    pub id: String,
    /// When the login was, in seconds since 1970.
    #[serde(rename = "b")]
    pub began: u64,
    /// When it was last seen, more or less.
    #[serde(rename = "s")]
    pub seen: u64,
    /// Whom it is about (`sub`).
    #[serde(rename = "u")]
    pub subject: String,
    /// What the provider calls it.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The access token, if it is good for anything here.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
    /// When that ends, if the provider said so.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// When new tokens are to be had, if they can.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub renew: Option<u64>,
    /// What new tokens can be had with.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<String>,
    /// The ID token, which the provider wants to see at a logout.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What is claimed of whom it is about.
    #[serde(rename = "c")]
    pub claims: Map<String, Value>,
}

/// Without tokens and claims.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("began", &self.began).finish_non_exhaustive()
    }
}

impl Session {
    /// As it is sealed.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        // Texts and numbers can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Session::bytes`] wrote.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The claims of a token that are about whom it is about.
    #[must_use]
    pub fn claims_of(claims: &Map<String, Value>) -> Map<String, Value> {
        let kept = claims.iter().filter(|(name, _)| !OF_THE_TOKEN.contains(&name.as_str()));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Whether it may still be used: it is not too old, and was not idle for too long, in seconds.
    #[must_use]
    pub fn is_good(&self, now: u64, lifetime: u64, idle: u64) -> bool {
        now < self.began.saturating_add(lifetime) && now < self.seen.saturating_add(idle)
    }

    /// Writes down that its access token is good for so many seconds from now. It is renewed a while
    /// before it ends.
    pub fn lasts(&mut self, now: u64, seconds: Option<u64>) {
        self.until = seconds.map(|seconds| now.saturating_add(seconds));
        let early = |seconds: u64| seconds - RENEWED_BEFORE.min(seconds / 2);
        self.renew = seconds.map(|seconds| now.saturating_add(early(seconds)));
    }

    /// Whether its access token has ended.
    #[must_use]
    pub fn is_without_token(&self, now: u64) -> bool {
        self.access.is_none() || self.until.is_some_and(|until| until <= now)
    }

    /// What new tokens can be had with, if it is time.
    #[must_use]
    pub fn due(&self, now: u64) -> Option<&str> {
        self.refresh.as_deref().filter(|_| self.renew.is_some_and(|renew| renew <= now))
    }

    /// What a provider can end it by, and its own id, as digests for a memory.
    #[must_use]
    pub fn marks(&self, whose: &str) -> Vec<[u8; 16]> {
        let mut marks =
            vec![digest(&[whose, "id", &self.id]), digest(&[whose, "sub", &self.subject])];
        marks.extend(self.sid.as_ref().map(|sid| digest(&[whose, "sid", sid])));
        marks
    }
}

/// A digest of texts that cannot be taken for another list of them.
#[must_use]
pub fn digest(texts: &[&str]) -> [u8; 16] {
    let mut all = Vec::new();
    for text in texts {
        all.extend((text.len() as u64).to_be_bytes());
        all.extend(text.as_bytes());
    }
    hash(&SHA256, &all).as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn session() -> Session {
        Session {
            id: "drawn".to_owned(),
            began: 1000,
            seen: 2000,
            subject: "ada".to_owned(),
            sid: Some("p1".to_owned()),
            access: Some("hidden".to_owned()),
            until: None,
            renew: None,
            refresh: None,
            token: None,
            claims: json!({"email": "a@b"}).as_object().unwrap().clone(),
        }
    }

    #[test]
    fn a_session_is_read_as_it_was_written() {
        let session = session();
        assert_eq!(Session::read(&session.bytes()), Some(session.clone()));
        assert!(!format!("{session:?}").contains("hidden"));
        for wrong in [&b""[..], b"{}", b"[]", b"{\"id\":1}"] {
            assert_eq!(Session::read(wrong), None);
        }
    }

    #[test]
    fn a_session_has_two_ends() {
        let session = session();
        for (now, lifetime, idle, expect) in [
            (2000, 8000, 600, true),
            (2599, 8000, 600, true),
            (2600, 8000, 600, false),
            (2500, 1501, 600, true),
            (2500, 1500, 600, false),
            (2500, u64::MAX, u64::MAX, true),
        ] {
            assert_eq!(session.is_good(now, lifetime, idle), expect, "{now} {lifetime} {idle}");
        }
    }

    #[test]
    fn tokens_are_renewed_before_they_end() {
        let mut session = Session { refresh: Some("r".to_owned()), ..session() };
        for (lasts, due, over) in
            [(300, 2270, 2300), (40, 2020, 2040), (1, 2001, 2001), (0, 2000, 2000)]
        {
            session.lasts(2000, Some(lasts));
            assert_eq!((session.due(due - 1), session.due(due)), (None, Some("r")), "{lasts}");
            assert!(session.is_without_token(over) && !session.is_without_token(over - 1));
        }
        session.lasts(2000, None);
        assert!(session.due(u64::MAX).is_none() && !session.is_without_token(u64::MAX));
        assert!(Session { access: None, ..session.clone() }.is_without_token(0));
        session.lasts(2000, Some(0));
        assert_eq!(Session { refresh: None, ..session }.due(u64::MAX), None);
    }

    #[test]
    fn marks_are_told_apart() {
        let one = session().marks("i");
        assert_eq!(one.len(), 3);
        assert!(session().marks("j").iter().all(|mark| !one.contains(mark)));
        let other = Session { subject: "p1".to_owned(), sid: Some("ada".to_owned()), ..session() };
        assert_eq!(other.marks("i").iter().filter(|mark| one.contains(mark)).count(), 1, "the id");
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }

    #[test]
    fn claims_of_the_token_are_left_out() {
        let all = json!({"sub": "ada", "exp": 1, "nonce": "n", "at_hash": "h", "roles": ["a"]});
        let kept = Session::claims_of(all.as_object().unwrap());
        assert_eq!(Value::Object(kept), json!({"sub": "ada", "roles": ["a"]}));
    }
}
