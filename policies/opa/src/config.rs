//! What is configured, and whether it can be.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use yumen_http::{Known, Status, is_field_value, is_token};
use yumen_inquiry::{AT_ONCE, Kept, Names, Problem, Reached, Server, TIMEOUT, check_name};
use yumen_model::report::Report;
use yumen_model::{Bytes, Pem, Secret, Span};
use yumen_policy::{Phase, Policy, Scope, Settings};

use crate::decision::Copied;
use crate::input::Input;
use crate::{Failing, Opa};

/// The largest answer that can be allowed.
const ANSWER_MAX: u64 = 1 << 20;
/// Entries of a map or a list of the configuration.
const ENTRIES: usize = 64;

/// Whom to ask, what is told of the request, and what becomes of the decision.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The decision: `http://127.0.0.1:8181/v1/data/http/authz`. `https://`, and `http+unix://%2Frun%2Fopa.sock/v1/...`
    /// for a socket.
    pub url: String,
    /// Who may have signed the server's certificate, as PEM; whom the system trusts if it is left out.
    pub ca: Option<Pem>,
    /// The certificate that the gateway shows it, as PEM; with `key`.
    pub certificate: Option<Pem>,
    /// The key of that certificate, usually `${file:PATH}`.
    pub key: Option<Secret>,
    /// Whether it may be asked in clear text, though it is not this machine.
    pub insecure: bool,
    /// How long an answer may take.
    pub timeout: Span,
    /// Inquiries under way at the same time, each on a connection of its own; four times as many more wait.
    pub at_once: u32,
    /// Fields of the inquiry, such as `Authorization: Bearer ${env:OPA_TOKEN}`.
    pub headers: BTreeMap<String, Secret>,
    /// Fields of the request that decisions may depend on (`input.request.headers`, names in lower case).
    pub input_headers: Vec<String>,
    /// What else decisions are told, as it is (`input.context`).
    pub context: BTreeMap<String, String>,
    /// Fields that the service may be told by a decision (`request_headers`), names or beginnings such as
    /// `X-Opa-*`. What a client writes there itself is taken out.
    pub copy_to_service: Vec<String>,
    /// Fields that the client may be told by a decision that lets pass (`response_headers`).
    pub copy_to_client: Vec<String>,
    /// Fields that the client may be told by a decision that refuses (`headers`).
    pub refusal_headers: Vec<String>,
    /// The largest answer.
    pub answer_max: Bytes,
    /// What becomes of requests while there is no decision.
    pub on_failure: OnFailure,
    /// The status of those that are refused then.
    pub failure_status: u16,
    /// How long a decision is good for the next request with the same input; not at all if it is left out.
    pub cache: Option<Cache>,
}

/// What becomes of requests while there is no decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// They are refused.
    Refuse,
    /// They pass.
    Allow,
}

/// How long a decision is good.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// In whole seconds, such as `5s`.
    #[serde(rename = "for")]
    pub lifetime: Span,
    /// The most decisions that are kept, at least; twice as many at most.
    #[serde(default = "entries")]
    pub entries: u32,
}

fn entries() -> u32 {
    10_000
}

impl Default for Config {
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            url: String::new(),
            ca: None,
            certificate: None,
            key: None,
            insecure: false,
            timeout: Span::seconds(TIMEOUT.as_secs()),
            at_once: AT_ONCE,
            headers: BTreeMap::new(),
            input_headers: Vec::new(),
            context: BTreeMap::new(),
            copy_to_service: Vec::new(),
            copy_to_client: Vec::new(),
            refusal_headers: list(&["WWW-Authenticate", "Location", "Retry-After"]),
            answer_max: Bytes::kib(64),
            on_failure: OnFailure::Refuse,
            failure_status: 503,
            cache: None,
        }
    }
}

impl Settings for Config {
    const NAME: &'static str = "opa";
    const PHASE: Phase = Phase::Authorize;

    fn compile(self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = report.problems().len();
        self.check(at, report);
        let reached = self.server(at, report);
        let mut list = |key: &str, names: &[String], check: fn(&str) -> Result<(), String>| {
            names_of(&format!("{at}.{key}"), names, check, report)
        };
        let sent = list("input_headers", &self.input_headers, check_plain);
        let to_service = list("copy_to_service", &self.copy_to_service, check_name);
        let to_client = list("copy_to_client", &self.copy_to_client, check_plain);
        let refusal = list("refusal_headers", &self.refusal_headers, check_plain);
        let kept = self.cache.as_ref().and_then(|cache| {
            let lifetime = cache.lifetime.get().unwrap_or_default();
            let kept = Kept::compile(lifetime, cache.entries);
            kept.map_err(|problems| tell(problems, at, report)).ok()
        });
        if report.problems().len() > before {
            return None;
        }
        let reached = reached?;
        let on_failure = match self.on_failure {
            OnFailure::Allow => Failing::Allow,
            OnFailure::Refuse => Failing::Refuse(Status::new(self.failure_status)?),
        };
        let context = self.context.into_iter().map(|(key, value)| (key, Value::String(value)));
        Some(Arc::new(Opa {
            asker: reached.asker,
            path: reached.path,
            headers: self.headers.into_iter().collect(),
            input: Input { headers: sent?, context: context.collect() },
            copied: Copied { to_service: to_service?, to_client: to_client?, refusal: refusal? },
            answer_max: usize::try_from(self.answer_max.0).unwrap_or(usize::MAX),
            on_failure,
            kept,
        }))
    }
}

impl Config {
    fn server(&self, at: &str, report: &mut Report) -> Option<Reached> {
        let own = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((certificate.text(), key.text())),
            (None, None) => None,
            _ => {
                report
                    .error(format!("{at}.certificate"), "`certificate` and `key` belong together")
                    .hint("give both, or none");
                None
            }
        };
        let server = Server {
            url: &self.url,
            ca: self.ca.as_ref().map(Pem::text),
            own,
            insecure: self.insecure,
            timeout: self.timeout.get(),
            at_once: self.at_once,
        };
        let reached = server.compile();
        if let Ok(reached) = &reached
            && (reached.is_grpc || !reached.path.contains("/v1/data/"))
        {
            report
                .error(format!("{at}.url"), "it names no decision")
                .hint("such as `http://127.0.0.1:8181/v1/data/http/authz`");
        }
        reached.map_err(|problems| tell(problems, at, report)).ok()
    }

    fn check(&self, at: &str, report: &mut Report) {
        let mut check = |key: &str, is_wrong: bool, message: String, hint: &str| {
            if is_wrong {
                report.error(format!("{at}.{key}"), message).hint(hint.to_owned());
            }
        };
        let is_size = (1..=ANSWER_MAX).contains(&self.answer_max.0);
        let message = format!("it is not from 1B to {}", Bytes(ANSWER_MAX));
        check("answer_max", !is_size, message, "such as `64KiB`");
        let is_status = (400..=599).contains(&self.failure_status);
        let message = "it is no status of a failure".to_owned();
        check("failure_status", !is_status, message, "from 400 to 599, such as `503`");
        for (key, size) in [("headers", self.headers.len()), ("context", self.context.len())] {
            check(key, size > ENTRIES, format!("there are more than {ENTRIES}"), "leave some out");
        }
        for (name, value) in &self.headers {
            let key = format!("headers.{name}");
            let wrong = check_plain(name).err();
            check(&key, wrong.is_some(), wrong.unwrap_or_default(), "such as `Authorization`");
            let is_value = is_field_value(value.text().as_bytes());
            let message = "its value has a character that no field has".to_owned();
            check(&key, !is_value, message, "one line of text");
        }
    }
}

/// Tells what is wrong with the settings of the server and of what is kept.
fn tell(problems: Vec<Problem>, at: &str, report: &mut Report) {
    for one in problems {
        report.error(format!("{at}.{}", one.key), one.message).hint(one.hint);
    }
}

fn names_of(
    at: &str,
    names: &[String],
    check: impl Fn(&str) -> Result<(), String>,
    report: &mut Report,
) -> Option<Names> {
    match Names::compile(names, check) {
        Ok(names) => Some(names),
        Err(wrong) => {
            for (place, why) in wrong {
                report.error(format!("{at}[{place}]"), why).hint("such as `X-Opa-Reason`");
            }
            None
        }
    }
}

/// Whether a field of this name comes from a client, or can be told to one.
fn check_plain(name: &str) -> Result<(), String> {
    match Known::of(name.as_bytes()) {
        _ if !is_token(name.as_bytes()) => Err(format!("`{name}` is no name of a header field")),
        Known::Other => Ok(()),
        _ => Err(format!("`{name}` belongs to HTTP or the gateway")),
    }
}
