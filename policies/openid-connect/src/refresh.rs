//! New tokens for old ones. Requests of one session that come together share what came of it: a provider
//! that rotates refresh tokens takes one that comes twice for a stolen one.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use yumen_openid::{Expected, Session, Tokens, digest};

use crate::Inner;
use crate::provider::Lost;

/// Outcomes that are remembered; with more, whoever comes goes on with what they have.
const OUTCOMES_MAX: usize = 4096;
/// Seconds that an outcome is remembered: for requests that were sent before its cookies came.
const REMEMBERED: u64 = 60;
/// Below so many it is not looked for those that are over.
const SWEPT_MIN: usize = 64;
/// Seconds after which a provider that was away is asked again for the same session.
const AGAIN: u64 = 20;
/// How long a request waits for new tokens while the old one is good.
const PATIENCE: Duration = Duration::from_secs(2);

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) enum Refreshed {
    /// The session goes on with new tokens.
    New(Box<Session>),
    /// The provider ended it; for the log.
    Over(String),
    /// The provider is away, and nothing is new; for the log.
    Away(String),
}

/// What came of refreshes lately, and what is under way.
#[derive(Default)]
pub(crate) struct Refreshes(Mutex<Held>);

#[derive(Default)]
struct Held {
    outcomes: HashMap<[u8; 16], Outcome>,
    /// With so many it is time to look for those that are over.
    sweep: usize,
}

impl fmt::Debug for Refreshes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refreshes").finish_non_exhaustive()
    }
}

struct Outcome {
    at: u64,
    said: watch::Receiver<Option<Refreshed>>,
}

impl Outcome {
    fn is_fresh(&self, now: u64) -> bool {
        let seconds = match *self.said.borrow() {
            Some(Refreshed::Away(_)) => AGAIN,
            _ => REMEMBERED,
        };
        now < self.at.saturating_add(seconds)
    }
}

impl Refreshes {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of this refresh, or who is to be told what comes of it.
    fn enter(&self, key: [u8; 16], now: u64) -> Result<Place, Refreshed> {
        let mut held = self.held();
        if let Some(known) = held.outcomes.get(&key).filter(|known| known.is_fresh(now)) {
            return Ok(Place::Waits(known.said.clone()));
        }
        if held.outcomes.len() >= held.sweep.clamp(SWEPT_MIN, OUTCOMES_MAX) {
            held.outcomes.retain(|_, outcome| outcome.is_fresh(now));
            held.sweep = held.outcomes.len().saturating_mul(2);
        }
        if held.outcomes.len() >= OUTCOMES_MAX {
            return Err(Refreshed::Away("too many tokens are renewed at once".to_owned()));
        }
        let (teller, said) = watch::channel(None);
        held.outcomes.insert(key, Outcome { at: now, said: said.clone() });
        Ok(Place::Asks(teller, said))
    }
}

/// Who asks, and who waits for what comes of it.
enum Place {
    Asks(watch::Sender<Option<Refreshed>>, watch::Receiver<Option<Refreshed>>),
    Waits(watch::Receiver<Option<Refreshed>>),
}

/// Renews the tokens of a session. It goes on if whoever waits for it goes away: what the provider gives
/// it gives once.
pub(crate) async fn refresh(
    inner: &Arc<Inner>,
    session: &Session,
    token: &str,
    now: u64,
) -> Refreshed {
    let key = digest(&["refresh", &session.id, token]);
    let mut said = match inner.refreshes.enter(key, now) {
        Err(refreshed) => return refreshed,
        Ok(Place::Waits(said)) => said,
        Ok(Place::Asks(teller, said)) => {
            let (inner, session, token) = (Arc::clone(inner), session.clone(), token.to_owned());
            yumen_worker::spawn(async move {
                let refreshed = ask(&inner, session, token, now).await;
                teller.send_replace(Some(refreshed));
            });
            said
        }
    };
    let told = async { said.wait_for(Option::is_some).await.ok()?.clone() };
    // Whoever is not waited for goes on being asked, and a later request finds what came of it.
    let told = match inner.keeps_access() && session.is_without_token(now) {
        true => told.await,
        false => tokio::time::timeout(PATIENCE, told).await.unwrap_or_default(),
    };
    told.unwrap_or_else(|| Refreshed::Away("the provider takes long".to_owned()))
}

async fn ask(inner: &Inner, session: Session, token: String, now: u64) -> Refreshed {
    let reached = match inner.provider.reached() {
        Ok(Some(reached)) => reached,
        Ok(None) => return Refreshed::Away("the provider was not heard of yet".to_owned()),
        Err(why) => return Refreshed::Away(why),
    };
    let grant = ("grant_type", "refresh_token".to_owned());
    let tokens = inner.provider.ask(&reached, vec![grant, ("refresh_token", token)], now).await;
    let renewed = match tokens {
        Ok(tokens) => renew(inner, session, tokens, now).await,
        Err(lost) => Err(lost),
    };
    match renewed {
        Ok(session) => Refreshed::New(Box::new(session)),
        // The others are about the gateway, and not about this session.
        Err(Lost::Refused(word)) if word == "invalid_grant" => {
            Refreshed::Over("the provider renews its tokens no more (invalid_grant)".to_owned())
        }
        Err(Lost::Refused(word)) => Refreshed::Away(format!("the provider refuses: {word}")),
        Err(Lost::Wrong(why)) => Refreshed::Over(why),
        Err(Lost::Away(why)) => Refreshed::Away(why),
    }
}

/// The session with new tokens (OpenID Connect Core section 12.2).
async fn renew(
    inner: &Inner,
    mut session: Session,
    tokens: Tokens,
    now: u64,
) -> Result<Session, Lost> {
    if let Some(id) = &tokens.id {
        let expected = Expected {
            access: Some(&tokens.access),
            subject: Some(&session.subject),
            ..Expected::default()
        };
        let token = inner.provider.id_token(id, &expected, now).await?;
        session.claims.extend(Session::claims_of(token.claims()));
    }
    session.lasts(now, tokens.expires_in);
    session.access = inner.keeps_access().then_some(tokens.access);
    session.token = tokens.id.filter(|_| inner.keeps_token()).or(session.token);
    // One that is not rotated goes on being good.
    session.refresh = tokens.refresh.or(session.refresh);
    session.seen = now;
    Ok(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Box<Session> {
        let text = br#"{"id":"x","b":1,"s":1,"u":"ada","c":{}}"#;
        Box::new(Session::read(text).unwrap())
    }

    #[test]
    fn one_asks_and_the_others_wait() {
        let refreshes = Refreshes::default();
        let Ok(Place::Asks(teller, _said)) = refreshes.enter([1; 16], 1000) else {
            panic!("first")
        };
        assert!(matches!(refreshes.enter([1; 16], 1000), Ok(Place::Waits(_))));
        assert!(matches!(refreshes.enter([2; 16], 1000), Ok(Place::Asks(..))));
        teller.send_replace(Some(Refreshed::New(session())));
        assert!(
            matches!(refreshes.enter([1; 16], 1059), Ok(Place::Waits(_))),
            "late ones share it"
        );
        assert!(matches!(refreshes.enter([1; 16], 1060), Ok(Place::Asks(..))));
    }

    #[test]
    fn whoever_was_away_is_asked_again_soon_but_not_at_once() {
        let refreshes = Refreshes::default();
        let Ok(Place::Asks(teller, _said)) = refreshes.enter([1; 16], 1000) else {
            panic!("first")
        };
        teller.send_replace(Some(Refreshed::Away("x".to_owned())));
        assert!(matches!(refreshes.enter([1; 16], 1019), Ok(Place::Waits(_))));
        assert!(matches!(refreshes.enter([1; 16], 1020), Ok(Place::Asks(..))));
    }

    #[test]
    fn they_are_bounded() {
        let refreshes = Refreshes::default();
        for number in 0..OUTCOMES_MAX {
            let key = digest(&[&number.to_string()]);
            assert!(matches!(refreshes.enter(key, 1000), Ok(Place::Asks(..))));
        }
        assert!(matches!(refreshes.enter([1; 16], 1059), Err(Refreshed::Away(_))));
        assert!(matches!(refreshes.enter([1; 16], 1060), Ok(Place::Asks(..))));
        assert_eq!(refreshes.held().outcomes.len(), 1);
    }
}
