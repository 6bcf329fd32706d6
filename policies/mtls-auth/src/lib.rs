//! `mtls-auth`: knows consumers by the certificates that they show when the connection is made.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_directory::{Credential, Directory, Proof, certificate};
use yumen_model::report::Report;
use yumen_policy::{
    Challenge, Exchange, Failure, FailureKind, Phase, Policy, Principal, Scope, Settings, Shown,
    Step, Verdict, realm,
};

/// Names of a certificate that are looked up; one that has more is refused.
const NAMES_MAX: usize = 64;

/// Who is known by a certificate. That it is good was found out by TLS before: the listener's
/// `client_certificates` say whose certificates are taken.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What becomes of a good certificate that belongs to no consumer.
    pub unknown: Unknown,
    /// What the client is told that a certificate is for.
    pub realm: String,
}

/// What becomes of a good certificate that belongs to no consumer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The request is refused.
    #[default]
    Refuse,
    /// It is as if there were none: the next policy that identifies is asked.
    Pass,
}

impl Default for Config {
    fn default() -> Self {
        Self { unknown: Unknown::default(), realm: realm::USUAL.to_owned() }
    }
}

impl Settings for Config {
    const NAME: &'static str = "mtls-auth";
    const PHASE: Phase = Phase::Identify;

    fn compile(self, at: &str, report: &mut Report, scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = report.problems().len();
        let at = format!("{at}.realm");
        let challenge = realm::challenge("Certificate", &self.realm, &at, report);
        let directory = Arc::clone(&scope.directory);
        let policy = MtlsAuth { unknown: self.unknown, challenge, directory };
        (report.problems().len() == before).then(|| Arc::new(policy) as Arc<dyn Policy>)
    }
}

#[derive(Debug)]
struct MtlsAuth {
    unknown: Unknown,
    challenge: Challenge,
    directory: Arc<Directory>,
}

impl Policy for MtlsAuth {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let secured = exchange.client.secured.as_deref();
        let identity = secured.and_then(|secured| secured.identity.as_ref());
        let found = identity.map(|identity| self.find(&identity.shown, exchange.now));
        match found {
            Some(Ok(Some(credential))) => {
                credential.used(exchange.now);
                let principal = Principal::proved(credential, Config::NAME);
                exchange.principal = Some(Box::new(principal));
                Verdict::Next.into()
            }
            Some(Ok(None)) if self.unknown == Unknown::Refuse => {
                Verdict::Fail(self.refuse("the certificate belongs to nobody".into())).into()
            }
            Some(Err(why)) => Verdict::Fail(self.refuse(why)).into(),
            Some(Ok(None)) | None => Verdict::Unknown(self.challenge.clone()).into(),
        }
    }
}

impl MtlsAuth {
    /// The credential that a certificate is, or why it is not good: the first that is good of those
    /// that its fingerprint, its names and its subject lead to, which must all be one consumer's.
    fn find(&self, shown: &Shown, now: u64) -> Result<Option<Arc<Credential>>, Cow<'static, str>> {
        if shown.names.len() > NAMES_MAX {
            return Err("the certificate has too many names".into());
        }
        let names = shown.names.iter().filter_map(|name| certificate::name(name));
        let fingerprint = certificate::fingerprint(&shown.fingerprint);
        // Whoever has no subject is not everybody else who has none.
        let subject = (!shown.subject.is_empty()).then(|| certificate::subject(&shown.subject));
        let mut found: Option<Arc<Credential>> = None;
        for text in fingerprint.into_iter().chain(names).chain(subject) {
            let Some(other) = self.directory.named(Proof::Certificate, text.as_bytes()) else {
                continue;
            };
            match &found {
                Some(one) if one.consumer.name != other.consumer.name => {
                    let (one, other) = (&one.consumer.name, &other.consumer.name);
                    return Err(format!("the certificate belongs to {one} and to {other}").into());
                }
                Some(one) if one.is_good(now) => {}
                _ => found = Some(other),
            }
        }
        match found {
            Some(credential) if !credential.is_good(now) => {
                let (id, name) = (credential.id(), &credential.consumer.name);
                Err(format!("{id} has expired, or its consumer {name} is disabled").into())
            }
            found => Ok(found),
        }
    }

    /// The client is not told which of the reasons it is.
    #[cold]
    fn refuse(&self, why: Cow<'static, str>) -> Failure {
        Failure::new(FailureKind::Unauthenticated)
            .saying("The certificate is not good here.")
            .because(why)
            .challenging([self.challenge.clone()])
    }
}
