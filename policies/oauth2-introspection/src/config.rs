//! What is configured, and whether it can be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use schemars::JsonSchema;
use serde::Deserialize;
use yumen_courier::{Bounds, Courier, Request, Settings as CourierSettings};
use yumen_jose::{Algorithm, Algorithms, Verifier, Wanted};
use yumen_model::report::Report;
use yumen_model::{Pem, Secret, Span};
use yumen_policy::claims::Told;
use yumen_policy::{
    Challenge, ConsumerId, Phase, Places, Policy, Scope, Server, Settings, UnknownConsumer, Who,
    realm,
};

use crate::endpoint::{Endpoint, Form, encode};
use crate::{Challenges, Introspection, Times, Want};

/// Claims whose values may be asked for, and values of one; scopes; types.
const LIST_MAX: usize = 32;
/// The longest times that can be configured.
const CACHE_MAX: Span = Span::seconds(24 * 3600);
const CACHE_REFUSED_MAX: Span = Span::seconds(600);
const TIMEOUT_MAX: Span = Span::seconds(60);
/// The most questions at the same time.
const AT_ONCE_MAX: usize = 1024;

/// Where tokens are looked for, who is asked about them, and what they have to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whom to ask, such as `https://id.example.com/oauth2/introspect`.
    pub endpoint: String,
    /// Who may have signed the certificate of that server, as PEM; whom the system trusts if it is
    /// left out.
    #[serde(default)]
    pub ca: Option<Pem>,
    /// Whether tokens may be sent in clear text to a server that is not this machine.
    #[serde(default)]
    pub insecure: bool,
    /// Who the gateway is to that server. Either this or `endpoint_token`.
    #[serde(default)]
    pub client: Option<Client>,
    /// A token that the gateway brings to that server itself; usually `${file:PATH}`.
    #[serde(default)]
    pub endpoint_token: Option<Secret>,
    /// What sort of tokens the server is told that they are (`token_type_hint`); nothing if it is `null`.
    #[serde(default = "usual_hint")]
    pub token_type_hint: Option<String>,
    /// Whether `Authorization: Bearer TOKEN` is looked at.
    #[serde(default = "yes")]
    pub bearer: bool,
    /// Header fields whose value is a token.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Cookies whose value is a token.
    #[serde(default)]
    pub cookies: Vec<String>,
    /// Query parameters whose value is a token. Tokens in URLs end up in the logs of others.
    #[serde(default)]
    pub query: Vec<String>,
    /// Scopes that a token must have, all of them.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Who may have issued them (`iss`); anybody if none is listed.
    #[serde(default)]
    pub issuers: Vec<String>,
    /// For whom they have to be (`aud`), one of these; for anybody if none is listed.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// What sorts of tokens are good (`token_type`), such as `Bearer`; any if none is listed.
    #[serde(default)]
    pub token_types: Vec<String>,
    /// What the server must say of a token.
    #[serde(default)]
    pub required: Vec<String>,
    /// Claims that must be one of some values; of a claim that is a list, one in it must.
    #[serde(default)]
    pub claims: BTreeMap<String, Vec<String>>,
    /// By how much the clocks of server and gateway may differ.
    #[serde(default = "usual_skew")]
    pub skew: Span,
    /// How long an answer is good for the same token, until its end at most; `off`: the server is asked
    /// for every request.
    #[serde(default = "usual_cache")]
    pub cache: Span,
    /// The same for tokens that are not good.
    #[serde(default = "usual_cache_refused")]
    pub cache_refused: Span,
    /// How much longer a token that was good is taken for good while the server cannot be asked.
    #[serde(default = "off")]
    pub stale: Span,
    /// How long an answer may take.
    #[serde(default = "usual_timeout")]
    pub timeout: Span,
    /// Questions to the server at the same time; further ones wait for their turn.
    #[serde(default = "usual_at_once")]
    pub at_once: usize,
    /// The claim whose value names a consumer, such as `client_id`; none is looked for if it is `null`.
    #[serde(default = "usual_consumer_by")]
    pub consumer_by: Option<String>,
    /// By what it is found.
    #[serde(default = "usual_consumer_id")]
    pub consumer_id: ConsumerId,
    /// What happens if there is no such consumer.
    #[serde(default = "usual_unknown_consumer")]
    pub unknown_consumer: UnknownConsumer,
    /// Claims that the service is told, by the header field.
    #[serde(default)]
    pub claims_to_headers: BTreeMap<String, String>,
    /// Whether the token is taken out of the request before the service sees it.
    #[serde(default)]
    pub strip: bool,
    /// What the client is told that the token is for.
    #[serde(default = "usual_realm")]
    pub realm: String,
}

/// Who the gateway is to the server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its name there (`client_id`).
    pub id: String,
    /// Its secret; usually `${file:PATH}`.
    pub secret: Secret,
    /// How it says them.
    #[serde(default = "usual_send")]
    pub send: Send,
}

/// How the gateway says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Send {
    /// In `Authorization: Basic`.
    Basic,
    /// In the form, with the token.
    Body,
}

fn yes() -> bool {
    true
}

fn off() -> Span {
    Span::OFF
}

fn usual_hint() -> Option<String> {
    Some("access_token".to_owned())
}

fn usual_skew() -> Span {
    Span::seconds(30)
}

fn usual_cache() -> Span {
    Span::seconds(60)
}

fn usual_cache_refused() -> Span {
    Span::seconds(5)
}

fn usual_timeout() -> Span {
    Span::seconds(5)
}

fn usual_at_once() -> usize {
    32
}

fn usual_consumer_by() -> Option<String> {
    Some("sub".to_owned())
}

fn usual_consumer_id() -> ConsumerId {
    ConsumerId::Name
}

fn usual_unknown_consumer() -> UnknownConsumer {
    UnknownConsumer::Refuse
}

fn usual_realm() -> String {
    realm::USUAL.to_owned()
}

fn usual_send() -> Send {
    Send::Basic
}

impl Settings for Config {
    const NAME: &'static str = "oauth2-introspection";
    const PHASE: Phase = Phase::Identify;

    fn compile(mut self, at: &str, report: &mut Report, scope: &Scope) -> Option<Arc<dyn Policy>> {
        let errors_before = report.errors();
        let challenge = realm::challenge("Bearer", &self.realm, &format!("{at}.realm"), report);
        let endpoint = self.endpoint(at, report);
        let verifier = self.verifier(at, report);
        let times = self.times(at, report);
        self.check_lists(at, report);
        let told = std::mem::take(&mut self.claims_to_headers);
        let told = Told::compile(told, &format!("{at}.claims_to_headers"), report);
        let Self { bearer, headers, cookies, query, .. } = self;
        let places = Places { headers, bearer, query, cookies };
        places.check("tokens", at, report);
        let who = Who {
            directory: Arc::clone(&scope.directory),
            by: self.consumer_by,
            id: self.consumer_id,
            unknown: self.unknown_consumer,
        };
        who.check(at, report);
        if report.errors() > errors_before {
            return None;
        }
        let challenges = Challenges::new(challenge, &self.scopes);
        let want = Want {
            verifier: verifier?,
            token_types: self.token_types,
            claims: self.claims.into_iter().collect(),
            scopes: self.scopes,
        };
        let introspection = Introspection::new((places, endpoint?, want), (who, told), times);
        Some(Arc::new(introspection.challenging(challenges).stripping(self.strip)))
    }
}

impl Config {
    fn endpoint(&self, at: &str, report: &mut Report) -> Option<Endpoint> {
        let server = Server {
            url: &self.endpoint,
            ca: self.ca.as_ref(),
            is_insecure: self.insecure,
            keys: ["endpoint", "ca", "insecure"],
            danger: "whoever is on the way could read tokens, and say that theirs are good",
            example: "https://id.example.com/oauth2/introspect",
        };
        let way = server.compile(at, report);
        let timeout_at = format!("{at}.timeout");
        let within = check_span(self.timeout, TIMEOUT_MAX, &timeout_at, report);
        if within.is_none() && self.timeout == Span::OFF {
            report.error(timeout_at, "nobody can wait for ever").hint("such as `5s`");
        }
        if !(1..=AT_ONCE_MAX).contains(&self.at_once) {
            report
                .error(format!("{at}.at_once"), format!("it is not from 1 to {AT_ONCE_MAX}"))
                .hint("such as 32");
        }
        let hint = self.token_type_hint.as_deref();
        let mut pairs: Vec<(&str, &str)> =
            hint.map(|hint| ("token_type_hint", hint)).into_iter().collect();
        let authorization = self.authorization(at, &mut pairs, report);
        let (url, client) = way?;
        let made =
            Endpoint::question(&url.path, within.unwrap_or_default()).and_then(|mut question| {
                add_secret(&mut question, authorization.as_deref())?;
                let mut settings = CourierSettings::new(url.target, client);
                settings.bounds =
                    Bounds { at_once: self.at_once, kept: self.at_once, ..Bounds::default() };
                Ok(Endpoint { courier: Courier::new(settings)?, question, form: Form::new(&pairs) })
            });
        let made = made.map_err(|wrong| {
            report.error(format!("{at}.endpoint"), wrong.0).hint("another URL, or other secrets");
        });
        made.ok()
    }

    /// The value of `Authorization` that the server is sent, or else what the form has more.
    fn authorization<'a>(
        &'a self,
        at: &str,
        pairs: &mut Vec<(&'static str, &'a str)>,
        report: &mut Report,
    ) -> Option<String> {
        match (&self.client, &self.endpoint_token) {
            (Some(client), None) => {
                for (key, text) in [("id", &*client.id), ("secret", client.secret.text())] {
                    if text.is_empty() {
                        report
                            .error(format!("{at}.client.{key}"), "it is empty")
                            .hint("what the server knows the gateway by");
                    }
                }
                let secret = client.secret.text();
                if client.send == Send::Body {
                    pairs.extend([("client_id", &*client.id), ("client_secret", secret)]);
                    return None;
                }
                // RFC 6749 section 2.3.1: both are encoded as in a form first.
                let mut pair = String::new();
                encode(&client.id, &mut pair);
                pair.push(':');
                encode(secret, &mut pair);
                Some(format!("Basic {}", BASE64.encode(pair.as_bytes())))
            }
            (None, Some(token)) => {
                let is_token = !token.text().is_empty()
                    && token.text().bytes().all(|one| one.is_ascii_graphic());
                if !is_token {
                    report
                        .error(format!("{at}.endpoint_token"), "it is no token")
                        .hint("letters, digits and signs, without spaces");
                }
                Some(format!("Bearer {}", token.text()))
            }
            (None, None) => {
                report
                    .error(at, "the server is not told who asks")
                    .hint("give `client` (`id` and `secret`), or `endpoint_token`");
                None
            }
            (Some(_), Some(_)) => {
                report
                    .error(format!("{at}.endpoint_token"), "the gateway says twice who it is")
                    .hint("keep one of `client` and `endpoint_token`");
                None
            }
        }
    }

    fn verifier(&self, at: &str, report: &mut Report) -> Option<Verifier> {
        let skew_at = format!("{at}.skew");
        let skew = check_span(self.skew, Span::LONGEST, &skew_at, report);
        let verifier = Verifier::new(Wanted {
            // No signature is looked at.
            algorithms: Algorithms::of(&Algorithm::ALL),
            issuers: self.issuers.clone(),
            audiences: self.audiences.clone(),
            claims: self.required.clone(),
            skew: skew.map_or(0, |skew| skew.as_secs()),
            ..Wanted::default()
        });
        let problems = match verifier {
            Ok(verifier) => return Some(verifier),
            Err(problems) => problems,
        };
        for problem in problems {
            let key = if problem.at == "claims" { "required" } else { problem.at };
            report.error(format!("{at}.{key}"), problem.message).hint("mend it, or leave it out");
        }
        None
    }

    fn times(&self, at: &str, report: &mut Report) -> Times {
        let mut seconds = |key: &str, span, most| {
            let span = check_span(span, most, &format!("{at}.{key}"), report);
            span.map_or(0, |span| span.as_secs())
        };
        Times {
            cache: seconds("cache", self.cache, CACHE_MAX),
            cache_refused: seconds("cache_refused", self.cache_refused, CACHE_REFUSED_MAX),
            stale: seconds("stale", self.stale, CACHE_MAX),
        }
    }

    fn check_lists(&self, at: &str, report: &mut Report) {
        for (key, list) in [("scopes", &self.scopes), ("token_types", &self.token_types)] {
            if list.len() > LIST_MAX {
                report
                    .error(format!("{at}.{key}"), format!("there are more than {LIST_MAX}"))
                    .hint("leave some out");
            }
            for (index, word) in list.iter().enumerate().filter(|(_, word)| !is_scope(word)) {
                report
                    .error(format!("{at}.{key}[{index}]"), format!("`{word}` is no such word"))
                    .hint("letters, digits and signs, without spaces and quotes");
            }
        }
        if self.stale != Span::OFF && self.cache == Span::OFF {
            report
                .error(format!("{at}.stale"), "nothing is kept that could be taken for good")
                .hint("set `cache`, or leave it out");
        }
        if self.token_type_hint.as_deref().is_some_and(|hint| !is_scope(hint)) {
            report
                .error(format!("{at}.token_type_hint"), "it is no sort of token")
                .hint("such as `access_token`, or `null`");
        }
        if self.claims.len() > LIST_MAX {
            report
                .error(format!("{at}.claims"), format!("there are more than {LIST_MAX}"))
                .hint("leave some out");
        }
        for (claim, values) in &self.claims {
            if claim.is_empty() || values.is_empty() || values.len() > LIST_MAX {
                report
                    .error(
                        format!("{at}.claims.{claim}"),
                        format!("a claim has a name, and 1 to {LIST_MAX} values"),
                    )
                    .hint("such as `client_id: [shop]`");
            }
        }
    }
}

/// A time in whole seconds, if it is on.
fn check_span(span: Span, most: Span, at: &str, report: &mut Report) -> Option<Duration> {
    let span = span.get()?;
    if Some(span) > most.get() {
        report.error(at, format!("it is more than {most}")).hint("a shorter time");
    } else if span.subsec_nanos() != 0 && !at.ends_with(".timeout") {
        report.error(at, "it is no whole number of seconds").hint("such as `30s`");
    }
    Some(span)
}

fn add_secret(question: &mut Request, value: Option<&str>) -> Result<(), yumen_http::Malformed> {
    value.map_or(Ok(()), |value| question.add("authorization", value.as_bytes()))
}

/// What a scope may be written with (RFC 6749 section 3.3).
fn is_scope(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|one| one.is_ascii_graphic() && !matches!(one, b'"' | b'\\'))
}

impl Challenges {
    fn new(challenge: Challenge, scopes: &[String]) -> Self {
        let with = |error: &str| Challenge(format!("{}, error=\"{error}\"", challenge.0).into());
        let mut lacking = with("insufficient_scope");
        if !scopes.is_empty() {
            lacking = Challenge(format!("{}, scope=\"{}\"", lacking.0, scopes.join(" ")).into());
        }
        Self {
            wrong: with("invalid_token"),
            several: with("invalid_request"),
            lacking,
            none: challenge,
        }
    }
}
