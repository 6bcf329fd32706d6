//! Sessions: what browsers bring of them, and what they are given.

use std::sync::Arc;

use serde_json::{Map, Value};
use yumen_http::Fields;
use yumen_kept::{Kept, Room};
use yumen_openid::{Attempt, Jar, Ring, Session, Tossed, digest};
use yumen_policy::{Exchange, Failure, FailureKind, claims::Told};
use yumen_replay::Ended;

/// Sessions that are kept open, of one use of the policy.
const OPENED: Room = Room { entries: 4096, bytes: 8 << 20 };
/// Logins of one browser at once; of more, the oldest are given up.
pub(crate) const LOGINS_MAX: usize = 8;
/// Bytes of their cookies.
const LOGIN_BYTES_MAX: usize = 4096;
/// A session is written anew when such a part of its idle time has passed.
const SEEN_PARTS: u64 = 10;
/// What is sealed, by sort: none is taken for another one.
const SESSION: &str = "session";
const LOGIN: &str = "login";
/// How names of cookies of logins go on.
const LOGIN_BEGIN: &str = "login.";

/// Sessions of one relying party.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) ring: Ring,
    pub(crate) jar: Jar,
    /// In seconds.
    pub(crate) lifetime: u64,
    pub(crate) idle: u64,
    /// Which have ended before their time.
    pub(crate) ended: Arc<Ended>,
    /// Tells their marks from those of other relying parties.
    pub(crate) whose: String,
    opened: Kept<Arc<Opened>>,
}

/// A session that a browser brought.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) claims: Arc<Map<String, Value>>,
    /// What services are told of it.
    pub(crate) told: Vec<Option<String>>,
    marks: Vec<[u8; 16]>,
    /// It was sealed with a key that is not the first one any more.
    is_old: bool,
}

/// What a request brings.
#[derive(Debug)]
pub(crate) enum Brought {
    /// No session.
    Nothing,
    /// One that is good no more, or never was; for the log.
    Over(&'static str),
    /// One that is good.
    Good(Arc<Opened>),
}

impl Sessions {
    pub(crate) fn new(
        (ring, jar): (Ring, Jar),
        (lifetime, idle): (u64, u64),
        ended: Arc<Ended>,
        whose: String,
    ) -> Self {
        Self { ring, jar, lifetime, idle, ended, whose, opened: Kept::new(OPENED) }
    }

    /// What a request brings.
    ///
    /// # Errors
    /// When it brings several.
    pub(crate) fn find(&self, fields: &Fields, told: &Told, now: u64) -> Result<Brought, Tossed> {
        let Some(text) = self.jar.find(fields)? else {
            let is_there = self.jar.only(fields, "")?.is_some();
            let torn = "the session's cookies are not whole";
            return Ok(if is_there { Brought::Over(torn) } else { Brought::Nothing });
        };
        let ticket = self.opened.ticket(text.as_bytes());
        let opened = match self.opened.get(&ticket, now) {
            Some(opened) => opened,
            None => match self.open(&text, told) {
                Some(opened) => {
                    let opened = Arc::new(opened);
                    self.opened.put(ticket, Arc::clone(&opened), text.len(), now);
                    opened
                }
                None => return Ok(Brought::Over("the session was not sealed here")),
            },
        };
        if !opened.session.is_good(now, self.lifetime, self.idle) {
            return Ok(Brought::Over("the session is too old, or was idle for too long"));
        }
        if self.has_ended(&opened) {
            return Ok(Brought::Over("the session was ended by a logout"));
        }
        Ok(Brought::Good(opened))
    }

    fn open(&self, text: &str, told: &Told) -> Option<Opened> {
        let (bytes, is_first) = self.ring.open(SESSION, text)?;
        Some(self.opened_of(Session::read(&bytes)?, told, !is_first))
    }

    /// A session, ready for use.
    pub(crate) fn opened_of(&self, session: Session, told: &Told, is_old: bool) -> Opened {
        let claims = Arc::new(session.claims.clone());
        let (told, marks) = (told.values(&claims), session.marks(&self.whose));
        Opened { session, claims, told, marks, is_old }
    }

    /// Whether it was ended: itself, or at the provider after it began. In the same second it is not known
    /// which was first, and nobody is let in by chance.
    pub(crate) fn has_ended(&self, opened: &Opened) -> bool {
        let began = opened.session.began;
        opened.marks.iter().any(|mark| self.ended.when(*mark).is_some_and(|at| at >= began))
    }

    /// Ends what has this mark, now. False if that cannot be remembered.
    pub(crate) fn end(&self, sort: &str, what: &str, now: u64) -> bool {
        self.ended.end(digest(&[&self.whose, sort, what]), now, self.lifetime)
    }

    /// Whether a session is to be written anew: it was not for a while, or with an old key.
    pub(crate) fn is_due(&self, opened: &Opened, now: u64) -> bool {
        let part = (self.idle / SEEN_PARTS).max(1);
        opened.is_old || now >= opened.session.seen.saturating_add(part)
    }

    /// Gives a session to the browser.
    ///
    /// # Errors
    /// When it is too large for cookies, or cannot be sealed.
    pub(crate) fn give(&self, session: &Session, exchange: &mut Exchange) -> Result<(), Failure> {
        let fields = exchange.request.head.fields();
        let put = |session: &Session| {
            let sealed = self.ring.seal(SESSION, &session.bytes())?;
            self.jar.put(&sealed, fields)
        };
        // The provider can do without its ID token, which is the largest part.
        let set = put(session).or_else(|| put(&Session { token: None, ..session.clone() }));
        let too_large = || {
            Failure::new(FailureKind::Internal).because(
                "the session is too large for cookies: claims and tokens have more than 11 KB",
            )
        };
        let set = set.ok_or_else(too_large)?;
        set_cookies(exchange, set)
    }

    /// Takes the session away from the browser.
    pub(crate) fn take(&self, exchange: &mut Exchange) -> Result<(), Failure> {
        let gone = self.jar.forget(exchange.request.head.fields());
        set_cookies(exchange, gone)
    }

    /// Gives the browser an attempt to log in. It keeps so many, and the oldest go first.
    pub(crate) fn give_attempt(
        &self,
        attempt: &Attempt,
        exchange: &mut Exchange,
    ) -> Result<(), Failure> {
        let unsealed = || Failure::new(FailureKind::Internal).because("nothing can be sealed");
        let sealed = self.ring.seal(LOGIN, &attempt.bytes()).ok_or_else(unsealed)?;
        let name = Attempt::cookie(&attempt.state()).ok_or_else(unsealed)?;
        let known = self.jar.all(exchange.request.head.fields(), LOGIN_BEGIN);
        let mut bytes = known.iter().map(|(_, size)| size).sum::<usize>() + sealed.len();
        let mut count = known.len() + 1;
        let mut set = Vec::new();
        for (name, size) in known {
            if count <= LOGINS_MAX && bytes <= LOGIN_BYTES_MAX {
                break;
            }
            set.push(self.jar.set(&name, "", Some(0)));
            (count, bytes) = (count - 1, bytes - size);
        }
        set.push(self.jar.set(&name, &sealed, Some(yumen_openid::ATTEMPT_LIFETIME)));
        set_cookies(exchange, set)
    }

    /// The attempt that a browser was given for this state, if it still has it. It is good once.
    ///
    /// # Errors
    /// When the browser brings several.
    pub(crate) fn attempt(&self, fields: &Fields, state: &str) -> Result<Option<Attempt>, Tossed> {
        let Some(name) = Attempt::cookie(state) else { return Ok(None) };
        let sealed = self.jar.only(fields, &name)?;
        let opened = sealed.and_then(|sealed| self.ring.open(LOGIN, sealed));
        let attempt = opened.and_then(|(bytes, _)| Attempt::read(&bytes));
        Ok(attempt.filter(|attempt| attempt.state() == state))
    }

    /// Takes an attempt away from the browser.
    pub(crate) fn take_attempt(&self, state: &str, exchange: &mut Exchange) -> Result<(), Failure> {
        let Some(name) = Attempt::cookie(state) else { return Ok(()) };
        set_cookies(exchange, [self.jar.set(&name, "", Some(0))])
    }
}

/// Sets cookies with whatever answer there will be, which is nobody else's then: a cache on the way must
/// not give it to others, whatever the service says.
fn set_cookies(
    exchange: &mut Exchange,
    set: impl IntoIterator<Item = String>,
) -> Result<(), Failure> {
    let is_private = |fields: &Fields| fields.all("Cache-Control").any(|value| value == b"private");
    for cookie in set {
        let trail = &mut exchange.trail;
        let mut added = trail.promise("Set-Cookie", cookie.as_bytes());
        if !trail.promised().is_some_and(is_private) {
            added = added.and_then(|()| trail.promise("Cache-Control", b"private"));
        }
        added.map_err(|bad| Failure::new(FailureKind::Internal).because(bad.0))?;
    }
    Ok(())
}
