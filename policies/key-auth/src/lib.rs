//! `key-auth`: knows consumers by a secret key.

use std::borrow::Cow;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_directory::Directory;
use yumen_http::{Known, Malformed, RequestHead, cookie, is_token, query};
use yumen_model::report::Report;
use yumen_policy::{
    Challenge, Exchange, Failure, FailureKind, Phase, Policy, Principal, Scope, Settings, Step,
    Verdict, realm,
};

/// Places that one use of it looks at.
const PLACES_MAX: usize = 16;
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
        self.check(at, report);
        let scheme = if self.bearer { "Bearer" } else { "Key" };
        let challenge = realm::challenge(scheme, &self.realm, &format!("{at}.realm"), report);
        if report.problems().len() > before {
            return None;
        }
        let directory = Arc::clone(&scope.directory);
        Some(Arc::new(KeyAuth { config: self, challenge, directory }))
    }
}

impl Config {
    fn check(&self, at: &str, report: &mut Report) {
        let Self { headers, query, cookies, bearer, .. } = self;
        let places = headers.len() + query.len() + cookies.len() + usize::from(*bearer);
        if places == 0 {
            report.error(at, "keys are looked for nowhere").hint("such as `headers: [X-API-Key]`");
        }
        if places > PLACES_MAX {
            report
                .error(at, format!("keys are looked for in more than {PLACES_MAX} places"))
                .hint("leave some out");
        }
        for (index, name) in headers.iter().enumerate() {
            let at = format!("{at}.headers[{index}]");
            match Known::of(name.as_bytes()) {
                _ if !is_token(name.as_bytes()) => {
                    report
                        .error(at, format!("`{name}` is no name of a header field"))
                        .hint("letters, digits and dashes");
                }
                Known::Other => {}
                _ => {
                    report
                        .error(
                            at,
                            format!(
                                "no key can come in `{name}`: that belongs to HTTP or the gateway"
                            ),
                        )
                        .hint("such as `X-API-Key`");
                }
            }
        }
        for (index, name) in query.iter().enumerate().filter(|(_, name)| name.is_empty()) {
            report
                .error(format!("{at}.query[{index}]"), format!("`{name}` is no name"))
                .hint("such as `api_key`");
        }
        for (index, name) in cookies.iter().enumerate() {
            if !is_token(name.as_bytes()) {
                report
                    .error(format!("{at}.cookies[{index}]"), format!("`{name}` is no name"))
                    .hint("letters, digits and dashes");
            }
        }
    }

    /// All keys that a request brings.
    fn keys<'a>(&'a self, head: &'a RequestHead) -> impl Iterator<Item = Cow<'a, [u8]>> {
        let fields = head.fields();
        let headers = self.headers.iter().flat_map(|name| fields.all(name));
        let bearer = self.bearer.then(|| fields.all("authorization").filter_map(bearer));
        let cookies = self.cookies.iter().flat_map(|name| cookie::values(fields, name));
        let query = head.query_bytes().unwrap_or_default();
        let query = self.query.iter().flat_map(|name| query::values(query, name));
        let plain = headers.chain(bearer.into_iter().flatten()).chain(cookies);
        plain.map(Cow::Borrowed).chain(query)
    }

    fn strip(&self, head: &mut RequestHead) -> Result<(), Malformed> {
        self.query.iter().for_each(|name| head.remove_parameter(name));
        let fields = head.fields_mut();
        self.headers.iter().for_each(|name| fields.remove(name));
        if self.bearer && fields.all("authorization").any(|value| bearer(value).is_some()) {
            fields.remove("authorization");
        }
        self.cookies.iter().try_for_each(|name| cookie::remove(fields, name))
    }
}

/// The credentials behind the scheme `Bearer` (RFC 6750 section 2.1; schemes are compared without
/// case, RFC 9110 section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, credentials) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| credentials.trim_ascii_start())
}

#[derive(Debug)]
struct KeyAuth {
    config: Config,
    challenge: Challenge,
    directory: Arc<Directory>,
}

impl Policy for KeyAuth {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let mut keys = self.config.keys(&exchange.request.head);
        let Some(key) = keys.next() else {
            return Verdict::Unknown(self.challenge.clone()).into();
        };
        let is_only = keys.next().is_none();
        let found = self.principal(&key, is_only, exchange.now);
        drop((keys, key));
        match found {
            Ok(principal) => exchange.principal = Some(Box::new(principal)),
            Err(why) => return Verdict::Fail(self.refuse(why)).into(),
        }
        if !self.config.strip {
            return Verdict::Next.into();
        }
        let stripped = self.config.strip(&mut exchange.request.head);
        stripped.map_err(|wrong| Failure::new(FailureKind::Internal).because(wrong.0)).into()
    }
}

impl KeyAuth {
    /// Whose key it is, or why it is not good.
    fn principal(
        &self,
        key: &[u8],
        is_only: bool,
        now: u64,
    ) -> Result<Principal, Cow<'static, str>> {
        if !is_only {
            return Err("the request brings several keys".into());
        }
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
