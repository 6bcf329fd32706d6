//! `oauth2-introspection`: knows callers by a token that another server is asked about (RFC 7662).

mod asking;
mod config;
mod endpoint;

pub use config::{Client, Config, Send};

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use yumen_http::Fields;
use yumen_jose::{TOKEN_BYTES, Verifier};
use yumen_kept::{Kept, Room, Ticket};
use yumen_policy::claims::{Told, is_one_of, words};
use yumen_policy::{
    Challenge, Exchange, Failure, FailureKind, Found, Places, Policy, Settings, Step, Verdict, Who,
};

use crate::asking::Asking;
use crate::endpoint::{Away, Endpoint, Said};

/// Tokens that are remembered as good, of one use of the policy.
const GOOD: Room = Room { entries: 16 * 1024, bytes: 16 << 20 };
/// Tokens that are remembered as not good. They are kept apart, so that many of them take no room
/// from good ones.
const WRONG: Room = Room::of(16 * 1024);
/// Seconds until the server is asked again about a token that is taken for good without it.
const STALE_PAUSE: u64 = 5;

/// For who brings no token, a wrong one, several, and one without the scopes.
#[derive(Debug)]
struct Challenges {
    none: Challenge,
    wrong: Challenge,
    several: Challenge,
    lacking: Challenge,
}

/// What an answer must say.
#[derive(Debug)]
struct Want {
    verifier: Verifier,
    token_types: Vec<String>,
    claims: Vec<(String, Vec<String>)>,
    scopes: Vec<String>,
}

/// Seconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    cache: u64,
    cache_refused: u64,
    stale: u64,
}

#[derive(Debug)]
struct Introspection {
    places: Places,
    endpoint: Endpoint,
    want: Want,
    who: Who,
    told: Told,
    times: Times,
    challenges: Challenges,
    strip: bool,
    good: Kept<Known>,
    wrong: Kept<(Why, u64)>,
    asking: Asking<Heard>,
    /// Names of what logs do not show.
    secrets: Vec<String>,
}

/// A token that was good.
#[derive(Debug, Clone)]
struct Known {
    facts: Arc<Facts>,
    /// The first second in which the server is asked again.
    fresh_until: u64,
    /// The first second in which it is not good any more, whatever happens.
    good_until: u64,
}

/// What does not change about a token.
struct Facts {
    claims: Arc<Map<String, Value>>,
    /// What services are told of it.
    told: Vec<Option<String>>,
    /// It has not all of the scopes.
    is_lacking: bool,
    /// Bytes of what the server said of it.
    size: usize,
}

/// Without what is claimed: that is nobody's business.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("is_lacking", &self.is_lacking).finish_non_exhaustive()
    }
}

/// Why a token is not good, for the log only.
type Why = Cow<'static, str>;

/// What is known of a token.
#[derive(Debug, Clone)]
enum Heard {
    Good(Arc<Facts>),
    Wrong(Why),
    Away(Away),
}

/// What is remembered of a token.
enum Remembered {
    /// This, without asking.
    All(Heard),
    /// That it was good, which the server may still say.
    Stale(Known),
    Nothing,
}

impl Policy for Introspection {
    fn secrets(&self) -> &[String] {
        &self.secrets
    }

    fn clear(&self, fields: &mut Fields) {
        self.told.clear(fields);
    }

    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let (ticket, token) = match self.begin(exchange) {
            Ok(begun) => begun,
            Err(verdict) => return verdict.into(),
        };
        let now = exchange.now;
        Step::later(async move {
            let learned = Box::pin(self.learn(&token, ticket, now));
            let heard = self.asking.hear(ticket, learned).await;
            let heard = heard.unwrap_or_else(|| Heard::Away(Away::new("too many ask already")));
            self.decide(heard, exchange)
        })
    }

    /// Asks nobody.
    fn dry<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        match self.begin(exchange) {
            Ok(_unknown) => {
                let heard = Heard::Away(Away::new("the server would be asked"));
                self.decide(heard, exchange).into()
            }
            Err(verdict) => verdict.into(),
        }
    }
}

impl Introspection {
    fn new(
        (places, endpoint, want): (Places, Endpoint, Want),
        (who, told): (Who, Told),
        times: Times,
    ) -> Self {
        let none = || Challenge("Bearer".into());
        let secrets = places.secrets();
        Self {
            places,
            endpoint,
            want,
            who,
            told,
            times,
            challenges: Challenges {
                none: none(),
                wrong: none(),
                several: none(),
                lacking: none(),
            },
            strip: false,
            good: Kept::new(GOOD),
            wrong: Kept::new(WRONG),
            asking: Asking::new(),
            secrets,
        }
    }

    fn challenging(self, challenges: Challenges) -> Self {
        Self { challenges, ..self }
    }

    fn stripping(self, strip: bool) -> Self {
        Self { strip, ..self }
    }

    /// What can be decided without asking, or else the token to ask about.
    fn begin(&self, exchange: &mut Exchange) -> Result<(Ticket, String), Verdict> {
        let (ticket, token) = match self.places.find(&exchange.request.head) {
            Found::Nothing => return Err(Verdict::Unknown(self.challenges.none.clone())),
            Found::Several => return Err(Verdict::Fail(self.refuse_several())),
            Found::One(token) => (self.good.ticket(&token), token),
        };
        if let Remembered::All(heard) = self.remembered(&ticket, exchange.now) {
            drop(token);
            return Err(self.decide(heard, exchange));
        }
        match read(&token) {
            Ok(token) => Ok((ticket, token)),
            Err(why) => Err(Verdict::Fail(self.refuse(why.into()))),
        }
    }

    fn remembered(&self, ticket: &Ticket, now: u64) -> Remembered {
        if let Some(known) = self.good.get(ticket, now) {
            if now < known.fresh_until {
                return Remembered::All(Heard::Good(known.facts));
            }
            if now < known.good_until {
                return Remembered::Stale(known);
            }
        }
        match self.wrong.get(ticket, now) {
            Some((why, until)) if now < until => Remembered::All(Heard::Wrong(why)),
            _ => Remembered::Nothing,
        }
    }

    /// Asks about a token, and remembers what it hears.
    async fn learn(&self, token: &str, ticket: Ticket, now: u64) -> Heard {
        // Whoever asked before may just have heard.
        let stale = match self.remembered(&ticket, now) {
            Remembered::All(heard) => return heard,
            Remembered::Stale(known) => Some(known),
            Remembered::Nothing => None,
        };
        let said = match self.endpoint.ask(token, now).await {
            Ok(Said::Active(claims)) => self.judge(claims, now),
            Ok(Said::Inactive) => Err("the server says that the token is not active".into()),
            Err(away) => return self.go_on(stale, away, ticket, now),
        };
        match said {
            Ok((facts, end)) => {
                let fresh = now.saturating_add(self.times.cache);
                let (size, facts) = (facts.size, Arc::new(facts));
                let known = Known {
                    facts: Arc::clone(&facts),
                    fresh_until: fresh.min(end),
                    good_until: fresh.saturating_add(self.times.stale).min(end),
                };
                if now < known.fresh_until {
                    self.good.put(ticket, known, size + token.len(), now);
                }
                Heard::Good(facts)
            }
            Err(why) => {
                if stale.is_some() {
                    self.good.forget(&ticket);
                }
                let until = now.saturating_add(self.times.cache_refused);
                self.wrong.put(ticket, (why.clone(), until), 0, now);
                Heard::Wrong(why)
            }
        }
    }

    /// The server cannot be asked: who was good goes on to be so, if that is wanted.
    fn go_on(&self, stale: Option<Known>, away: Away, ticket: Ticket, now: u64) -> Heard {
        let Some(known) = stale else { return Heard::Away(away) };
        let facts = Arc::clone(&known.facts);
        // Nobody waits for the server again at once.
        let fresh_until = now.saturating_add(STALE_PAUSE).min(known.good_until);
        self.good.replace(&ticket, Known { fresh_until, ..known });
        Heard::Good(facts)
    }

    /// What is known of a token of which the server says this, and when that ends.
    fn judge(&self, claims: Map<String, Value>, now: u64) -> Result<(Facts, u64), Why> {
        let Want { verifier, token_types, claims: values, scopes } = &self.want;
        let times = verifier.judge(&claims, now).map_err(|refused| refused.to_string())?;
        let is_type = |own: &str| token_types.iter().any(|one| one.eq_ignore_ascii_case(own));
        let token_type = claims.get("token_type").and_then(Value::as_str);
        if !token_types.is_empty() && !token_type.is_some_and(is_type) {
            return Err("the token is of another type".into());
        }
        let has = |(claim, values): &(String, Vec<String>)| {
            claims.get(claim).is_some_and(|own| is_one_of(own, values))
        };
        if !values.iter().all(has) {
            return Err("a claim of the token is not one of those that it may be".into());
        }
        let own = claims.get("scope").map(words).unwrap_or_default();
        let is_lacking = !scopes.iter().all(|scope| own.contains(scope));
        let told = self.told.values(&claims);
        let size = Value::Object(claims.clone()).to_string().len();
        let end = times.expires().unwrap_or(u64::MAX);
        Ok((Facts { claims: Arc::new(claims), told, is_lacking, size }, end))
    }

    fn decide(&self, heard: Heard, exchange: &mut Exchange) -> Verdict {
        let facts = match heard {
            Heard::Good(facts) => facts,
            Heard::Wrong(why) => return Verdict::Fail(self.refuse(why)),
            Heard::Away(Away { why, after }) => {
                let failure = Failure::new(FailureKind::IdentityBusy).after(after);
                return Verdict::Fail(failure.because(format!("introspection: {why}")));
            }
        };
        let principal = match self.who.principal(Arc::clone(&facts.claims), Config::NAME) {
            Ok(principal) => principal,
            Err(why) => return Verdict::Fail(self.refuse(why.into())),
        };
        if facts.is_lacking {
            return Verdict::Fail(self.refuse_lacking());
        }
        exchange.principal = Some(Box::new(principal));
        let head = &mut exchange.request.head;
        let stripped = if self.strip { self.places.strip(head) } else { Ok(()) };
        let told = stripped.and_then(|()| self.told.tell(&facts.told, head.fields_mut()));
        told.map_err(|wrong| Failure::new(FailureKind::Internal).because(wrong.0)).into()
    }

    /// The client is not told which of the reasons it is.
    #[cold]
    fn refuse(&self, why: Why) -> Failure {
        Failure::new(FailureKind::Unauthenticated)
            .saying("The token is not good.")
            .because(why)
            .challenging([self.challenges.wrong.clone()])
    }

    #[cold]
    fn refuse_several(&self) -> Failure {
        Failure::new(FailureKind::Unauthenticated)
            .saying("The token is not good.")
            .because("the request brings several tokens")
            .challenging([self.challenges.several.clone()])
    }

    #[cold]
    fn refuse_lacking(&self) -> Failure {
        Failure::new(FailureKind::Forbidden)
            .saying("The token is not good for this.")
            .because("the token has not all of the scopes")
            .challenging([self.challenges.lacking.clone()])
    }
}

/// A token that somebody can be asked about (RFC 6749 appendix A.12): nothing else is sent on.
fn read(token: &[u8]) -> Result<String, &'static str> {
    if token.is_empty() {
        return Err("the token is empty");
    }
    if token.len() > TOKEN_BYTES {
        return Err("the token is too long");
    }
    if !token.iter().all(u8::is_ascii_graphic) {
        return Err("the token has characters that no token has");
    }
    std::str::from_utf8(token).map(str::to_owned).map_err(|_other| "the token is no text")
}
