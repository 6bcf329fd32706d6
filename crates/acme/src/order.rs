//! One order, from its placing to the certificate.

use std::io;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, NewOrder, Order, OrderStatus,
    RetryPolicy,
};

use yumen_courier as courier;

use crate::Challenge;
use crate::store::{Asked, Store, read_certificate};

/// How long other processes that share the folder are given to see a challenge: the authority may
/// come to any of them.
const OTHERS: Duration = Duration::from_secs(2);
/// How often the authority is asked for news, at first, and for how long.
const FIRST_LOOK: Duration = Duration::from_millis(500);
const LOOKS: Duration = Duration::from_secs(90);

/// Why there is no certificate.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) why: String,
    /// The authority does not know our account.
    pub(crate) is_unknown: bool,
    /// It says nothing of the name.
    pub(crate) is_passing: bool,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Api(problem) => problem.r#type.as_deref(),
            _ => None,
        };
        let is_unknown = kind == Some("urn:ietf:params:acme:error:accountDoesNotExist");
        let is_nonce = kind == Some("urn:ietf:params:acme:error:badNonce");
        // What our own requests failed with.
        let is_unreached = matches!(&error, Error::Other(inner) if inner.is::<courier::Fault>());
        let is_passing = is_unknown || is_nonce || is_unreached;
        Self { why: error.to_string(), is_unknown, is_passing }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        fault(format!("cannot write to the state folder: {error}"))
    }
}

pub(crate) fn fault(why: impl Into<String>) -> Fault {
    Fault { why: why.into(), is_unknown: false, is_passing: false }
}

/// An order that is to be placed.
pub(crate) struct Errand<'a> {
    pub(crate) account: &'a Account,
    pub(crate) store: &'a Store,
    pub(crate) name: &'a str,
    /// The best first.
    pub(crate) challenges: &'a [Challenge],
    /// Shows what the store holds.
    pub(crate) show: &'a (dyn Fn() + Send + Sync),
}

impl Errand<'_> {
    /// Gets a certificate and keeps it.
    pub(crate) async fn run(&self) -> Result<(), Fault> {
        let text = self.text().await;
        self.store.remove_challenge(self.name);
        let kept = text.and_then(|text| {
            if read_certificate(&text, self.name).is_none() {
                return Err(fault("what the authority has issued is not for this name and key"));
            }
            Ok(self.store.keep_certificate(self.name, &text)?)
        });
        (self.show)();
        kept
    }

    /// The certificate and its key.
    async fn text(&self) -> Result<String, Fault> {
        let names = [Identifier::Dns(self.name.to_owned())];
        let mut order = self.account.new_order(&NewOrder::new(&names)).await?;
        let looks = RetryPolicy::new().initial_delay(FIRST_LOOK).backoff(1.5).timeout(LOOKS);
        if order.state().status == OrderStatus::Pending {
            self.answer(&mut order).await?;
            let ready = order.poll_ready(&looks).await;
            if !matches!(ready, Ok(OrderStatus::Ready)) {
                let why = why_refused(&mut order).await;
                return Err(match (why, ready) {
                    (Some(why), _) => fault(why),
                    (None, Err(error)) => error.into(),
                    (None, Ok(_)) => fault("the authority has refused the order without a word"),
                });
            }
        }
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&looks).await?;
        Ok(format!("{}\n{key}", chain.trim_end()))
    }

    /// Shows what the authority is to find, and tells it so.
    async fn answer(&self, order: &mut Order) -> Result<(), Fault> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            match authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                _ => return Err(fault("the authority has an authorization that is over")),
            }
            let offered = |challenge: &&Challenge| {
                authorization.challenges.iter().any(|one| one.r#type == kind(**challenge))
            };
            let chosen = self.challenges.iter().find(offered);
            let chosen =
                *chosen.ok_or_else(|| fault("the authority offers no challenge we know"))?;
            let challenge = authorization.challenge(kind(chosen));
            let mut challenge = challenge.ok_or_else(|| fault("the challenge is gone"))?;
            let answer = challenge.key_authorization();
            let digest = match chosen {
                Challenge::Http01 => None,
                Challenge::TlsAlpn01 => Some(answer.digest().as_ref().to_vec()),
            };
            self.store.keep_challenge(&Asked {
                name: self.name.to_owned(),
                token: challenge.token.clone(),
                answer: answer.as_str().to_owned(),
                digest,
            })?;
            (self.show)();
            tokio::time::sleep(OTHERS).await;
            challenge.set_ready().await?;
        }
        Ok(())
    }
}

fn kind(challenge: Challenge) -> ChallengeType {
    match challenge {
        Challenge::Http01 => ChallengeType::Http01,
        Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
    }
}

/// What the authority says of a challenge that was not met.
async fn why_refused(order: &mut Order) -> Option<String> {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        let failed = state.challenges.iter().find_map(|one| Some((one, one.error.as_ref()?)));
        if let Some((challenge, problem)) = failed {
            let detail = problem.detail.as_deref().unwrap_or("no reason given");
            let kind = match challenge.r#type {
                ChallengeType::Http01 => Challenge::Http01.name(),
                ChallengeType::TlsAlpn01 => Challenge::TlsAlpn01.name(),
                _ => "challenge",
            };
            return Some(format!("{kind} has failed: {detail}"));
        }
    }
    None
}
