//! `hmac-auth`: knows consumers by signatures that they make over requests with a shared secret.

mod body_digest;
mod claim;
mod component;
mod config;
mod legacy;
mod message;
mod structured;

pub use config::{Allowed, Body, Config, Form, Replayed};

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;
use yumen_directory::{Credential, Directory, Material, Proof};
use yumen_http::Body as Content;
use yumen_model::report::Report;
use yumen_policy::{
    Challenge, Exchange, Failure, FailureKind, Phase, Policy, Principal, Scope, Settings, Step,
    Verdict, realm,
};
use yumen_replay::{Ledger, Use};

use crate::body_digest::Digests;
use crate::claim::{Algorithm, Claim, Why};
use crate::legacy::Older;

/// The longest name of a secret that is looked up.
const ID_MAX: usize = 256;
/// When somebody may try again whose signature could not be remembered.
const PAUSE: Duration = Duration::from_secs(10);

impl Settings for Config {
    const NAME: &'static str = "hmac-auth";
    const PHASE: Phase = Phase::Identify;

    fn compile(self, at: &str, report: &mut Report, scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = report.problems().len();
        self.check(at, report);
        let challenge =
            realm::challenge(self.scheme(), &self.realm, &format!("{at}.realm"), report);
        if report.problems().len() > before {
            return None;
        }
        let skew = self.clock_skew.get().unwrap_or_default().as_secs();
        // A signature is good from one skew before it was made until one skew after.
        let ledger = (self.replays == Replayed::Refuse).then(|| scope.replays.of(2 * skew + 1));
        let skew = i64::try_from(skew).unwrap_or(0);
        let body_max = usize::try_from(self.body_max.0).unwrap_or(usize::MAX);
        let directory = Arc::clone(&scope.directory);
        Some(Arc::new(HmacAuth { config: self, skew, body_max, challenge, directory, ledger }))
    }
}

#[derive(Debug)]
struct HmacAuth {
    config: Config,
    skew: i64,
    body_max: usize,
    challenge: Challenge,
    directory: Arc<Directory>,
    ledger: Option<Arc<Ledger>>,
}

/// A signature that is good, as far as the head tells.
struct Proved {
    credential: Arc<Credential>,
    /// What the body must be.
    digests: Option<Digests>,
    /// What is remembered of it.
    used: [u8; 16],
}

impl Policy for HmacAuth {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let proved = match self.prove(exchange) {
            Ok(Some(proved)) => proved,
            Ok(None) => return Verdict::Unknown(self.challenge.clone()).into(),
            Err(why) => return Verdict::Fail(self.refuse(why)).into(),
        };
        let Some(digests) = proved.digests else {
            return self.let_in(proved.credential, proved.used, exchange).into();
        };
        // The signature is good: only those who have a secret make the gateway hold a body.
        Step::later(async move {
            let body = match exchange.request.body.take().collect(self.body_max).await {
                Ok(body) => body,
                Err(error) => return Verdict::Fail(error.into()),
            };
            let is_same = digests.are_of(&body);
            let is_empty = body.is_empty();
            exchange.request.body = if is_empty { Content::Empty } else { Content::Full(body) };
            if !is_same {
                return Verdict::Fail(
                    self.refuse("the body is not the one that was signed".into()),
                );
            }
            self.let_in(proved.credential, proved.used, exchange)
        })
    }

    /// Neither waits for a body nor remembers the signature.
    fn dry<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        match self.prove(exchange) {
            Ok(Some(Proved { credential, .. })) => {
                let principal = Principal::proved(credential, Config::NAME);
                exchange.principal = Some(Box::new(principal));
                Verdict::Next.into()
            }
            Ok(None) => Verdict::Unknown(self.challenge.clone()).into(),
            Err(why) => Verdict::Fail(self.refuse(why)).into(),
        }
    }
}

impl HmacAuth {
    /// What the head of a request proves; nothing if it brings no signature.
    fn prove(&self, exchange: &Exchange) -> Result<Option<Proved>, Why> {
        let Some(claim) = self.claim(exchange)? else { return Ok(None) };
        let now = exchange.now;
        self.check_time(&claim, now)?;
        self.check_covered(&claim, exchange)?;
        let credential = self.named(&claim.id).ok_or("nobody has a secret of this name")?;
        let Material::Secret(secret) = credential.material() else {
            return Err("the credential has no secret".into());
        };
        let secret = BASE64.decode(secret.as_bytes()).map_err(|_wrong| "the secret is broken")?;
        if !claim.algorithm.verifies(&secret, &claim) {
            return Err(format!("the signature was not made with {}", credential.id()).into());
        }
        if !credential.is_good(now) {
            let (id, name) = (credential.id(), &credential.consumer.name);
            return Err(format!("{id} has expired, or its consumer {name} is disabled").into());
        }
        let digests = Digests::read(exchange.request.head.fields(), &claim.covered)?;
        let hash = digest(&SHA256, &[credential.id().as_bytes(), &claim.signature].concat());
        let used = hash.as_ref().first_chunk().copied().unwrap_or_default();
        Ok(Some(Proved { credential, digests, used }))
    }

    /// The one claim that a request brings.
    fn claim(&self, exchange: &Exchange) -> Result<Option<Claim>, Why> {
        let mut claim = None;
        for form in &self.config.forms {
            let found = match form {
                Form::Message => self.message_claim(exchange)?,
                Form::Cavage => self.older_claim(Older::Cavage, exchange)?,
                Form::Hmac => self.older_claim(Older::Hmac, exchange)?,
            };
            if found.is_some() && claim.is_some() {
                return Err("the request brings signatures in several forms".into());
            }
            claim = claim.or(found);
        }
        Ok(claim)
    }

    fn message_claim(&self, exchange: &Exchange) -> Result<Option<Claim>, Why> {
        let mut signed = message::read(exchange.request.head.fields())?;
        if let Some(tag) = &self.config.tag {
            signed.retain(|one| one.tag() == Some(tag));
            if signed.len() > 1 {
                return Err("several signatures have the tag".into());
            }
        }
        if signed.is_empty() {
            return Ok(None);
        }
        // Of several, the first whose name is known. There are few.
        let known = signed.iter().position(|one| one.key_id().is_some_and(|id| self.knows(id)));
        signed.swap_remove(known.unwrap_or(0)).claim(exchange).map(Some)
    }

    fn older_claim(&self, form: Older, exchange: &Exchange) -> Result<Option<Claim>, Why> {
        let Some(parameters) = form.find(exchange.request.head.fields())? else { return Ok(None) };
        let claim = form.claim(parameters, exchange)?;
        let allowed = self.config.algorithms.iter().map(|allowed| match allowed {
            Allowed::Sha256 => Algorithm::Sha256,
            Allowed::Sha384 => Algorithm::Sha384,
            Allowed::Sha512 => Algorithm::Sha512,
        });
        if !allowed.into_iter().any(|allowed| allowed == claim.algorithm) {
            return Err("the algorithm is not allowed here".into());
        }
        Ok(Some(claim))
    }

    fn knows(&self, id: &str) -> bool {
        self.named(id).is_some()
    }

    fn named(&self, id: &str) -> Option<Arc<Credential>> {
        let is_possible = !id.is_empty() && id.len() <= ID_MAX;
        is_possible.then(|| self.directory.named(Proof::Secret, id.as_bytes())).flatten()
    }

    fn check_time(&self, claim: &Claim, now: u64) -> Result<(), Why> {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        for made in &claim.made {
            let age = now.saturating_sub(*made);
            if age > self.skew || age < -self.skew {
                return Err(format!("the signature is {age} seconds old").into());
            }
        }
        match claim.expires {
            Some(expires) if expires <= now => Err("the signature has expired".into()),
            _ => Ok(()),
        }
    }

    fn check_covered(&self, claim: &Claim, exchange: &Exchange) -> Result<(), Why> {
        let missing = self.config.covered.iter().find(|name| !claim.covered.has(name));
        if let Some(name) = missing {
            return Err(format!("the signature does not cover `{name}`").into());
        }
        let has_digest = claim.covered.has("content-digest") || claim.covered.has("digest");
        let has_body = exchange.request.body.length() != Some(0);
        if self.config.body == Body::Signed && has_body && !has_digest {
            return Err("the signature covers no digest of the body".into());
        }
        Ok(())
    }

    /// The last step: the signature is good no more from here on.
    fn let_in(
        &self,
        credential: Arc<Credential>,
        used: [u8; 16],
        exchange: &mut Exchange,
    ) -> Verdict {
        let now = exchange.now;
        match self.ledger.as_ref().map(|ledger| ledger.using(used, now)) {
            None | Some(Use::First) => {}
            Some(Use::Again) => {
                return Verdict::Fail(self.refuse("the signature was used before".into()));
            }
            Some(Use::Full) => {
                let failure = Failure::new(FailureKind::IdentityBusy).after(PAUSE);
                return Verdict::Fail(failure.because("no more signatures can be remembered"));
            }
        }
        credential.used(now);
        exchange.principal = Some(Box::new(Principal::proved(credential, Config::NAME)));
        Verdict::Next
    }

    /// The client is not told which of the reasons it is.
    #[cold]
    fn refuse(&self, why: Why) -> Failure {
        Failure::new(FailureKind::Unauthenticated)
            .saying("The signature is not good.")
            .because(why)
            .challenging([self.challenge.clone()])
    }
}
