//! What is configured, and whether it can be.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_http::{Known, Status, is_field_value, is_token};
use yumen_inquiry::{AT_ONCE, Kept, Names, Problem, Server, TIMEOUT, check_name};
use yumen_model::report::Report;
use yumen_model::{Bytes, Pem, Secret, Span};
use yumen_policy::{Challenge, ConsumerId, Phase, Policy, Scope, Settings, UnknownConsumer};

use crate::copied::Copied;
use crate::question::Question;
use crate::remembered::{By, Remembered};
use crate::who::Who;
use crate::{Failing, ForwardAuth};

/// The largest body that may be sent to the server, and the largest answer.
const BODY_MAX: u64 = 1 << 20;
/// Entries of a map or a list of the configuration.
const ENTRIES: usize = 64;
/// Fields that are sent and are no secret of anybody.
const PLAIN: [&str; 9] = [
    "Accept",
    "Accept-Language",
    "Content-Type",
    "Content-Language",
    "Origin",
    "Referer",
    "Sec-Fetch-Mode",
    "User-Agent",
    "X-Requested-With",
];
/// Stands for all fields in `send`.
const ALL: &str = "*";

/// Whom to ask, with which fields of the request, and what becomes of the answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Config {
    /// The server: `http://` or `https://` with the path that is asked for, or `grpc://` or `grpcs://` for
    /// one that speaks Envoy's external authorization. `http+unix://%2Frun%2Fauth.sock/verify` for a socket.
    pub url: String,
    /// Who may have signed its certificate, as PEM; whom the system trusts if it is left out.
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
    /// The method of the inquiry.
    pub method: Method,
    /// Whether the path and query of the request are put behind the path in `url`.
    pub append_path: bool,
    /// Fields of the request that the server is sent: names, beginnings such as `X-Auth-*`, or `*` for all.
    pub send: Vec<String>,
    /// Whether it is also sent `X-Original-URL`, `X-Original-URI` and `X-Original-Method`.
    pub original: bool,
    /// Further fields of the inquiry, such as a secret between gateway and server.
    pub headers: BTreeMap<String, Secret>,
    /// The largest body of a request, which is held back and sent to the server too; it is not sent if
    /// this is 0.
    pub body_max: Bytes,
    /// Over gRPC: what else it is told (`context_extensions`).
    pub context: BTreeMap<String, String>,
    /// Fields of which a request must have one to be asked about; without them it brings nothing that
    /// this policy looks for. All are asked about if there are none.
    pub only_with: Vec<String>,
    /// What a client is told that brings nothing (`WWW-Authenticate`).
    pub challenge: String,
    /// Fields of the answer that the service is told, names or beginnings such as `Remote-*`. What a
    /// client writes there itself is taken out.
    pub copy_to_service: Vec<String>,
    /// Whether the service gets the `Authorization` of the answer in place of the client's.
    pub replace_authorization: bool,
    /// Fields of the answer that the client is told when its request passes, such as `Set-Cookie`.
    pub copy_to_client: Vec<String>,
    /// Fields of the answer that the client is told when its request is refused.
    pub refusal_headers: Vec<String>,
    /// Whether the client is sent the body of a refusal.
    pub refusal_body: bool,
    /// The largest answer: the body, or the message.
    pub answer_max: Bytes,
    /// What becomes of requests while there is no answer.
    pub on_failure: OnFailure,
    /// The status of those that are refused then.
    pub failure_status: u16,
    /// How long an answer that lets pass is good for the next request that is the same; not at all if it
    /// is left out.
    pub cache: Option<Cache>,
    /// The field of the answer whose value names a consumer; none is looked for if it is left out.
    pub consumer_from: Option<String>,
    /// By what it is found.
    pub consumer_id: ConsumerId,
    /// What happens if there is no such consumer.
    pub unknown_consumer: UnknownConsumer,
    /// What is known of the caller from then on: the field of the answer, by claim.
    pub claims: BTreeMap<String, String>,
}

/// The method of an inquiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// That of the request.
    Same,
}

/// What becomes of requests while there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// They are refused.
    Refuse,
    /// They pass, as nobody.
    Allow,
}

/// How long an answer that lets pass is good.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// In whole seconds, such as `5s`.
    #[serde(rename = "for")]
    pub lifetime: Span,
    /// What must be the same: fields, and `request.method`, `request.host`, `request.path`, `request.query`,
    /// `client.address`. All that the server is sent if there are none.
    #[serde(default)]
    pub by: Vec<String>,
    /// The most answers that are kept, at least; twice as many at most.
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
            method: Method::Get,
            append_path: false,
            send: list(&["Accept", "Authorization", "Cookie", "X-Requested-With"]),
            original: false,
            headers: BTreeMap::new(),
            body_max: Bytes(0),
            context: BTreeMap::new(),
            only_with: Vec::new(),
            challenge: "Bearer realm=\"yumen\"".to_owned(),
            copy_to_service: Vec::new(),
            replace_authorization: false,
            copy_to_client: Vec::new(),
            refusal_headers: list(&[
                "WWW-Authenticate",
                "Location",
                "Set-Cookie",
                "Content-Type",
                "Content-Language",
                "Cache-Control",
                "Retry-After",
            ]),
            refusal_body: true,
            answer_max: Bytes::kib(64),
            on_failure: OnFailure::Refuse,
            failure_status: 503,
            cache: None,
            consumer_from: None,
            consumer_id: ConsumerId::Name,
            unknown_consumer: UnknownConsumer::Refuse,
            claims: BTreeMap::new(),
        }
    }
}

impl Settings for Config {
    const NAME: &'static str = "forward-auth";
    const PHASE: Phase = Phase::Identify;

    fn compile(self, at: &str, report: &mut Report, scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = report.problems().len();
        self.check(at, report);
        let reached = self.server(at, report);
        let send_all = self.send.iter().any(|name| name == ALL);
        // All have a name that is sent anyway in its place, so that the others keep theirs.
        let some = |name: &String| if name == ALL { "Accept".to_owned() } else { name.clone() };
        let some: Vec<String> = self.send.iter().map(some).collect();
        let mut list = |key: &str, names: &[String], check: fn(&str) -> Result<(), String>| {
            names_of(&format!("{at}.{key}"), names, check, report)
        };
        let send = list("send", &some, check_sent);
        let only_with = list("only_with", &self.only_with, check_sent);
        let to_service = list("copy_to_service", &self.copy_to_service, check_name);
        let to_client = list("copy_to_client", &self.copy_to_client, check_answered);
        let refusal = list("refusal_headers", &self.refusal_headers, check_answered);
        let remembered = self.cache.as_ref().map(|cache| self.cache(cache, at, report));
        if report.problems().len() > before {
            return None;
        }
        let reached = reached?;
        let on_failure = match self.on_failure {
            OnFailure::Allow => Failing::Allow,
            OnFailure::Refuse => Failing::Refuse(Status::new(self.failure_status)?),
        };
        let size = |bytes: Bytes| usize::try_from(bytes.0).unwrap_or(usize::MAX);
        let question = Question {
            path: reached.path,
            method: self.method,
            append_path: self.append_path,
            send: send?,
            send_all,
            original: self.original,
            headers: self.headers.into_iter().collect(),
            context: self.context.into_iter().collect(),
            answer_max: size(self.answer_max),
        };
        let copied = Copied {
            to_service: to_service?,
            authorization: self.replace_authorization,
            to_client: to_client?,
            refusal: refusal?,
            refusal_body: self.refusal_body,
            consumer_from: self.consumer_from,
            claims: self.claims.into_iter().collect(),
        };
        let who = Who {
            directory: Arc::clone(&scope.directory),
            is_named: copied.consumer_from.is_some(),
            id: self.consumer_id,
            lets_in: self.unknown_consumer == UnknownConsumer::LetIn,
        };
        let secrets = secrets(&question.send, only_with.as_ref());
        Some(Arc::new(ForwardAuth {
            secrets,
            asker: reached.asker,
            is_grpc: reached.is_grpc,
            question,
            body_max: (self.body_max.0 > 0).then(|| size(self.body_max)),
            only_with: only_with.filter(|names| !names.is_empty()),
            challenge: Challenge(self.challenge.into()),
            copied,
            who,
            on_failure,
            remembered: remembered.flatten(),
        }))
    }
}

impl Config {
    fn server(&self, at: &str, report: &mut Report) -> Option<yumen_inquiry::Reached> {
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
        match server.compile() {
            Ok(reached) => {
                self.check_protocol(reached.is_grpc, &reached.path, at, report);
                Some(reached)
            }
            Err(problems) => {
                tell(problems, at, report);
                None
            }
        }
    }

    /// What has a meaning over one of the two protocols only.
    fn check_protocol(&self, is_grpc: bool, path: &str, at: &str, report: &mut Report) {
        let mut check = |key: &str, is_wrong: bool, message: &str, hint: &str| {
            if is_wrong {
                report.error(format!("{at}.{key}"), message.to_owned()).hint(hint.to_owned());
            }
        };
        let calls = "a call of gRPC has its own method and path";
        check("url", is_grpc && path != "/", calls, "leave the path out");
        check("method", is_grpc && self.method != Method::Get, calls, "leave it out");
        check("append_path", is_grpc && self.append_path, calls, "leave it out");
        check(
            "original",
            is_grpc && self.original,
            "a call says what is asked for",
            "leave it out",
        );
        let context = !is_grpc && !self.context.is_empty();
        check("context", context, "only a call of gRPC has one", "use `headers`");
        let body = !is_grpc && self.body_max.0 > 0 && self.method == Method::Get;
        check("body_max", body, "a GET brings no body", "say `method: post`, or `same`");
    }

    fn check(&self, at: &str, report: &mut Report) {
        let mut check = |key: &str, is_wrong: bool, message: String, hint: &str| {
            if is_wrong {
                report.error(format!("{at}.{key}"), message).hint(hint.to_owned());
            }
        };
        for (key, bytes, least) in
            [("body_max", self.body_max, 0), ("answer_max", self.answer_max, 1)]
        {
            let is_wrong = bytes.0 > BODY_MAX || bytes.0 < least;
            check(
                key,
                is_wrong,
                format!("it is not from {least}B to {}", Bytes(BODY_MAX)),
                "64KiB",
            );
        }
        let is_status = (400..=599).contains(&self.failure_status);
        let message = "it is no status of a failure".to_owned();
        check("failure_status", !is_status, message, "from 400 to 599, such as `503`");
        let is_challenge = !self.challenge.is_empty() && is_field_value(self.challenge.as_bytes());
        let message = "it is no value of `WWW-Authenticate`".to_owned();
        check("challenge", !is_challenge, message, "such as `Bearer realm=\"orders\"`");
        let sizes = [self.headers.len(), self.context.len(), self.claims.len()];
        let keys = ["headers", "context", "claims"];
        for (key, size) in keys.into_iter().zip(sizes) {
            check(key, size > ENTRIES, format!("there are more than {ENTRIES}"), "leave some out");
        }
        for (name, value) in &self.headers {
            let key = format!("headers.{name}");
            let wrong = check_sent(name).err();
            check(&key, wrong.is_some(), wrong.unwrap_or_default(), "such as `X-Gateway-Token`");
            let is_value = is_field_value(value.text().as_bytes());
            let message = "its value has a character that no field has".to_owned();
            check(&key, !is_value, message, "one line of text");
        }
        let no_name = |name: &str| format!("`{name}` is no name of a header field");
        for (claim, name) in &self.claims {
            let is_wrong = claim.is_empty() || !is_token(name.as_bytes());
            let hint = "such as `email: X-Auth-Email`";
            check(&format!("claims.{claim}"), is_wrong, no_name(name), hint);
        }
        if let Some(name) = &self.consumer_from {
            let is_wrong = !is_token(name.as_bytes());
            check("consumer_from", is_wrong, no_name(name), "such as `X-Auth-User`");
        }
    }

    fn cache(&self, cache: &Cache, at: &str, report: &mut Report) -> Option<Remembered> {
        let before = report.problems().len();
        let kept = Kept::compile(cache.lifetime.get().unwrap_or_default(), cache.entries);
        let kept = kept.map_err(|problems| tell(problems, at, report)).ok();
        if self.body_max.0 > 0 {
            report
                .error(format!("{at}.cache"), "an answer to one body is none to another")
                .hint("leave out `cache`, or `body_max`");
        }
        if cache.by.len() > ENTRIES {
            report
                .error(format!("{at}.cache.by"), format!("there are more than {ENTRIES}"))
                .hint("leave some out");
        }
        let mut by = Vec::new();
        for (index, word) in cache.by.iter().enumerate() {
            match By::read(word) {
                Some(one) => by.push(one),
                None => {
                    report
                        .error(
                            format!("{at}.cache.by[{index}]"),
                            format!("`{word}` is neither a field nor a part of a request"),
                        )
                        .hint("such as `Authorization` or `request.path`");
                }
            }
        }
        let kept = kept.filter(|_| report.problems().len() == before)?;
        Some(Remembered { kept, by })
    }
}

/// Tells what is wrong with the settings of the server and of what is kept.
fn tell(problems: Vec<Problem>, at: &str, report: &mut Report) {
    for one in problems {
        report.error(format!("{at}.{}", one.key), one.message).hint(one.hint);
    }
}

/// The names of fields that may prove who calls: logs do not show their values.
fn secrets(send: &Names, only_with: Option<&Names>) -> Vec<String> {
    let is_plain = |name: &&str| PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(name));
    let sent = send.exact().filter(|name| !is_plain(name));
    let wanted = only_with.into_iter().flat_map(Names::exact);
    sent.chain(wanted).map(str::to_owned).collect()
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
                report.error(format!("{at}[{place}]"), why).hint("such as `X-Auth-User`");
            }
            None
        }
    }
}

/// Whether a field of this name can be sent to the server.
fn check_sent(name: &str) -> Result<(), String> {
    match Known::of(name.as_bytes()) {
        _ if !is_token(name.as_bytes()) => Err(format!("`{name}` is no name of a header field")),
        Known::Other => Ok(()),
        _ => Err(format!("`{name}` is written by the gateway, or never comes from a client")),
    }
}

/// Whether a field of this name can be told to a client.
fn check_answered(name: &str) -> Result<(), String> {
    match Known::of(name.as_bytes()) {
        _ if !is_token(name.as_bytes()) => Err(format!("`{name}` is no name of a header field")),
        Known::Other => Ok(()),
        _ => Err(format!("`{name}` is written by the gateway")),
    }
}
