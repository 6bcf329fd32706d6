//! `key-auth`: knows consumers by a secret key.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_directory::Directory;
use yumen_model::report::Report;
use yumen_policy::{
    Challenge, Exchange, Failure, FailureKind, Found, Phase, Places, Policy, Principal, Scope,
    Settings, Step, Verdict, realm,
};

/// The longest key that is looked up.
const KEY_BYTES_MAX: usize = 512;

/// Where keys are looked for. A request may bring one key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Header fields whose value is a key.
    pub headers: Vec<String>,
    /// Whether `Authorization: Bearer KEY` is a key.
    pub bearer: bool,
    /// Query parameters whose value is a key. Keys in URLs end up in the logs of others.
    pub query: Vec<String>,
    /// Cookies whose value is a key.
    pub cookies: Vec<String>,
    /// Whether the key is taken out of the request before the service sees it.
    pub strip: bool,
    /// What the client is told that the key is for.
    pub realm: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            headers: vec!["X-API-Key".to_owned()],
            bearer: false,
            query: Vec::new(),
            cookies: Vec::new(),
            strip: false,
            realm: realm::USUAL.to_owned(),
        }
    }
}

impl Settings for Config {
    const NAME: &'static str = "key-auth";
    const PHASE: Phase = Phase::Identify;

    fn compile(self, at: &str, report: &mut Report, scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = report.problems().len();
        let Self { headers, bearer, query, cookies, strip, realm } = self;
        let places = Places { headers, bearer, query, cookies };
        places.check("keys", at, report);
        let scheme = if bearer { "Bearer" } else { "Key" };
        let challenge = realm::challenge(scheme, &realm, &format!("{at}.realm"), report);
        if report.problems().len() > before {
            return None;
        }
        let directory = Arc::clone(&scope.directory);
        let secrets = places.secrets();
        Some(Arc::new(KeyAuth { places, strip, challenge, directory, secrets }))
    }
}

#[derive(Debug)]
struct KeyAuth {
    places: Places,
    strip: bool,
    challenge: Challenge,
    directory: Arc<Directory>,
    secrets: Vec<String>,
}

impl Policy for KeyAuth {
    fn secrets(&self) -> &[String] {
        &self.secrets
    }

    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let found = match self.places.find(&exchange.request.head) {
            Found::Nothing => return Verdict::Unknown(self.challenge.clone()).into(),
            Found::One(key) => self.principal(&key, exchange.now),
            Found::Several => Err("the request brings several keys".into()),
        };
        match found {
            Ok(principal) => exchange.principal = Some(Box::new(principal)),
            Err(why) => return Verdict::Fail(self.refuse(why)).into(),
        }
        if !self.strip {
            return Verdict::Next.into();
        }
        let stripped = self.places.strip(&mut exchange.request.head);
        stripped.map_err(|wrong| Failure::new(FailureKind::Internal).because(wrong.0)).into()
    }
}

impl KeyAuth {
    /// Whose key it is, or why it is not good.
    fn principal(&self, key: &[u8], now: u64) -> Result<Principal, Cow<'static, str>> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err("the key is empty, or too long".into());
        }
        let credential = self.directory.key(key).ok_or("nobody has this key")?;
        if !credential.is_good(now) {
            let (id, name) = (credential.id(), &credential.consumer.name);
            return Err(format!("{id} has expired, or its consumer {name} is disabled").into());
        }
        credential.used(now);
        Ok(Principal::proved(credential, Config::NAME))
    }

    /// The client is not told which of the reasons it is.
    #[cold]
    fn refuse(&self, why: Cow<'static, str>) -> Failure {
        Failure::new(FailureKind::Unauthenticated)
            .saying("The key is not good.")
            .because(why)
            .challenging([self.challenge.clone()])
    }
}
