//! `jwt`: knows callers by a signed token (RFC 7519).

mod config;
mod keys;

pub use config::Config;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use yumen_directory::Credential;
use yumen_http::Fields;
use yumen_jose::{Refused, Token, Verifier};
use yumen_policy::{
    ByClaim, Challenge, ClaimFields, Exchange, Failure, FailureKind, Found, Places, Policy,
    Principal, Settings, Step, Verdict, claim_is_one_of,
};

use crate::keys::{Keys, Missed, Origin};
use yumen_kept::{Kept, Room, Ticket};

/// Tokens that are remembered once they were good, of one use of the policy.
const REMEMBERED: Room = Room { entries: 4096, bytes: 4 << 20 };
/// When somebody may try again whose key is not known yet.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Jwt {
    places: Places,
    keys: Keys,
    verifier: Verifier,
    who: ByClaim,
    told: ClaimFields,
    /// Values that claims must have.
    claims: Vec<(String, Vec<String>)>,
    /// For who brings no token, a wrong one, and several.
    challenges: [Challenge; 3],
    strip: bool,
    remembered: Kept<Known>,
    /// Names of what logs do not show.
    secrets: Vec<String>,
}

/// A token that was good.
#[derive(Debug)]
struct Known {
    token: Token,
    origin: Origin,
    /// What services are told of it.
    told: Vec<Option<String>>,
}

/// A token that was good, at this moment.
struct Good {
    known: Arc<Known>,
    /// Whose key it was, if it was a consumer's.
    credential: Option<Arc<Credential>>,
}

/// Why nobody is let in.
enum Why {
    /// For the log only.
    Wrong(Cow<'static, str>),
    /// Another set of keys may say otherwise; this is so if there is none.
    Newer(Refused),
    /// There is no set of keys yet.
    Absent,
}

impl From<Refused> for Why {
    fn from(refused: Refused) -> Self {
        Self::Wrong(refused.to_string().into())
    }
}

impl Policy for Jwt {
    fn secrets(&self) -> &[String] {
        &self.secrets
    }

    fn clear(&self, fields: &mut Fields) {
        self.told.clear(fields);
    }

    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let now = exchange.now;
        let (ticket, token) = match self.places.find(&exchange.request.head) {
            Found::Nothing => return Verdict::Unknown(self.challenges[0].clone()).into(),
            Found::Several => return Verdict::Fail(self.refuse_several()).into(),
            Found::One(token) => {
                let ticket = self.remembered.ticket(&token);
                if let Some(found) = self.remembered(&ticket, now) {
                    drop(token);
                    return self.decide(found, exchange).into();
                }
                let Ok(token) = std::str::from_utf8(&token) else {
                    return Verdict::Fail(self.refuse("the token is no text".into())).into();
                };
                (ticket, token.to_owned())
            }
        };
        let (refused, renewal) = match self.look(&token, ticket, now) {
            Err(Why::Newer(refused)) => (Some(refused), self.renewal()),
            Err(Why::Absent) => (None, self.renewal()),
            found => return self.decide(found, exchange).into(),
        };
        match (renewal, refused) {
            (Some(renewal), _) => Step::later(async move {
                renewal.wait().await;
                let found = self.look(&token, ticket, now);
                self.decide(found, exchange)
            }),
            (None, Some(refused)) => self.decide(Err(refused.into()), exchange).into(),
            (None, None) => self.decide(Err(Why::Absent), exchange).into(),
        }
    }
}

impl Jwt {
    fn new(
        places: Places,
        keys: Keys,
        verifier: Verifier,
        who: ByClaim,
        told: ClaimFields,
    ) -> Self {
        let none = || Challenge("Bearer".into());
        let secrets = places.secrets();
        Self {
            places,
            keys,
            verifier,
            who,
            told,
            claims: Vec::new(),
            challenges: [none(), none(), none()],
            strip: false,
            remembered: Kept::new(REMEMBERED),
            secrets,
        }
    }

    fn wanting(self, claims: Vec<(String, Vec<String>)>) -> Self {
        Self { claims, ..self }
    }

    /// With this challenge, to which is added what was wrong (RFC 6750 section 3.1).
    fn challenging(self, challenge: Challenge) -> Self {
        let with = |error| Challenge(format!("{}, error=\"{error}\"", challenge.0).into());
        let (wrong, several) = (with("invalid_token"), with("invalid_request"));
        Self { challenges: [challenge, wrong, several], ..self }
    }

    fn stripping(self, strip: bool) -> Self {
        Self { strip, ..self }
    }

    fn renewal(&self) -> Option<yumen_key_sets::Renewal> {
        self.keys.remote.as_ref()?.renew()
    }

    /// What is remembered of a token, if that still holds; only its times can have changed.
    fn remembered(&self, ticket: &Ticket, now: u64) -> Option<Result<Good, Why>> {
        let known = self.remembered.get(ticket, now)?;
        if let Err(refused) = known.token.check_times(now) {
            return Some(Err(refused.into()));
        }
        let credential = self.keys.still(&known.origin, now)?;
        Some(Ok(Good { known, credential }))
    }

    /// Looks at a token from the beginning, and remembers it if it is good.
    fn look(&self, token: &str, ticket: Ticket, now: u64) -> Result<Good, Why> {
        let (signed, origin) =
            self.keys.open(&self.verifier, token, now).map_err(|missed| match missed {
                Missed::Refused(refused) => refused.into(),
                Missed::Newer(refused) => Why::Newer(refused),
                Missed::Absent => Why::Absent,
                Missed::Over => {
                    Why::Wrong("the key has expired, or its consumer is disabled".into())
                }
            })?;
        let read = self.verifier.read(signed, now)?;
        let has = |(claim, values): &(String, Vec<String>)| {
            read.claims().get(claim).is_some_and(|own| claim_is_one_of(own, values))
        };
        if !self.claims.iter().all(has) {
            return Err(Why::Wrong(
                "a claim of the token is not one of those that it may be".into(),
            ));
        }
        let told = self.told.values(read.claims());
        let credential = match &origin {
            Origin::Consumer(_, credential) => Some(Arc::clone(credential)),
            Origin::Own | Origin::Remote(_) => None,
        };
        let known = Arc::new(Known { token: read, origin, told });
        self.remembered.put(ticket, Arc::clone(&known), token.len(), now);
        Ok(Good { known, credential })
    }

    fn decide(&self, found: Result<Good, Why>, exchange: &mut Exchange) -> Verdict {
        let entered = found.and_then(|good| {
            let principal = self.principal(&good, exchange.now)?;
            Ok((principal, good.known))
        });
        let (principal, known) = match entered {
            Ok(entered) => entered,
            Err(Why::Wrong(why)) => return Verdict::Fail(self.refuse(why)),
            Err(Why::Newer(refused)) => {
                return Verdict::Fail(self.refuse(refused.to_string().into()));
            }
            Err(Why::Absent) => {
                let failure = Failure::new(FailureKind::IdentityBusy).after(PAUSE);
                return Verdict::Fail(failure.because("the key set was not fetched yet"));
            }
        };
        exchange.principal = Some(Box::new(principal));
        let head = &mut exchange.request.head;
        let stripped = if self.strip { self.places.strip(head) } else { Ok(()) };
        let told = stripped.and_then(|()| self.told.tell(&known.told, head.fields_mut()));
        told.map_err(|wrong| Failure::new(FailureKind::Internal).because(wrong.0)).into()
    }

    fn principal(&self, good: &Good, now: u64) -> Result<Principal, Why> {
        let claims = good.known.token.share_claims();
        if let Some(credential) = &good.credential {
            credential.used(now);
            let principal = Principal::proved(Arc::clone(credential), Config::NAME);
            return Ok(Principal { claims: Some(claims), ..principal });
        }
        self.who.principal(claims, Config::NAME).map_err(|why| Why::Wrong(why.into()))
    }

    /// The client is not told which of the reasons it is.
    #[cold]
    fn refuse(&self, why: Cow<'static, str>) -> Failure {
        Failure::new(FailureKind::Unauthenticated)
            .saying("The token is not good.")
            .because(why)
            .challenging([self.challenges[1].clone()])
    }

    #[cold]
    fn refuse_several(&self) -> Failure {
        Failure::new(FailureKind::Unauthenticated)
            .saying("The token is not good.")
            .because("the request brings several tokens")
            .challenging([self.challenges[2].clone()])
    }
}
