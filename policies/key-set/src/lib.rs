//! `key-set`: answers with the public keys that tokens of the gateway are verified with (RFC 7517).

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_http::{Body, Fields, Malformed, Method, Response, ResponseHead, Status};
use yumen_model::Span;
use yumen_model::report::Report;
use yumen_policy::{
    Exchange, Failure, FailureKind, Phase, Policy, Scope, Settings, Step, Verdict, signers,
};

/// Names of signing keys.
const NAMES_MAX: usize = 16;
/// How long others may keep the answer.
const MAX_AGE_MAX: Span = Span::seconds(24 * 3600);

/// Which public keys are published.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names of `signing_keys`: the public halves of all their keys are in the answer.
    pub keys: Vec<String>,
    /// How long whoever asks may keep the answer.
    #[serde(default = "usual_max_age")]
    pub max_age: Span,
}

fn usual_max_age() -> Span {
    Span::seconds(300)
}

impl Settings for Config {
    const NAME: &'static str = "key-set";
    const PHASE: Phase = Phase::Answer;
    const ANSWERS: &'static [&'static str] = &["GET"];

    fn compile(self, at: &str, report: &mut Report, scope: &Scope) -> Option<Arc<dyn Policy>> {
        let errors_before = report.errors();
        if !(1..=NAMES_MAX).contains(&self.keys.len()) {
            report
                .error(format!("{at}.keys"), format!("there are 1 to {NAMES_MAX} names"))
                .hint("names of `signing_keys`");
        }
        let mut found = Vec::with_capacity(self.keys.len());
        for (index, name) in self.keys.iter().enumerate() {
            let at = format!("{at}.keys[{index}]");
            if self.keys.iter().take(index).any(|other| other == name) {
                report
                    .error(at.as_str(), format!("`{name}` is there twice"))
                    .hint("leave it out here");
            }
            found.extend(scope.signers.named(name, &at, report));
        }
        let max_age = self.max_age.get();
        if max_age > MAX_AGE_MAX.get() || max_age.is_some_and(|age| age.subsec_nanos() != 0) {
            report
                .error(format!("{at}.max_age"), format!("it is not up to {MAX_AGE_MAX}"))
                .hint("whole seconds, such as `5m`, or `off`");
        }
        if report.errors() > errors_before || found.len() != self.keys.len() {
            return None;
        }
        let document = signers::document(&found);
        let digest = blake3::hash(document.as_bytes()).to_hex();
        let etag = format!("\"{}\"", digest.get(..32).unwrap_or_default());
        let cache_control = match max_age {
            Some(age) => format!("public, max-age={}", age.as_secs()),
            None => "no-cache".to_owned(),
        };
        Some(Arc::new(KeySet { document, etag, cache_control }))
    }
}

#[derive(Debug)]
struct KeySet {
    document: String,
    etag: String,
    cache_control: String,
}

impl Policy for KeySet {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let head = &exchange.request.head;
        if !matches!(head.method(), Method::Get | Method::Head) {
            return Verdict::Fail(Failure::new(FailureKind::MethodRefused)).into();
        }
        match self.answer(is_known(head.fields(), &self.etag)) {
            Ok(response) => Verdict::Answer(Box::new(response)).into(),
            Err(wrong) => {
                Verdict::Fail(Failure::new(FailureKind::Internal).because(wrong.0)).into()
            }
        }
    }
}

impl KeySet {
    fn answer(&self, is_known: bool) -> Result<Response, Malformed> {
        let status = if is_known { Status::NOT_MODIFIED } else { Status::OK };
        let mut head = ResponseHead::new(status);
        let fields = head.fields_mut();
        fields.add("Cache-Control", self.cache_control.as_bytes())?;
        fields.add("ETag", self.etag.as_bytes())?;
        if is_known {
            return Ok(Response::new(head, Body::Empty));
        }
        fields.add("Content-Type", b"application/jwk-set+json")?;
        Ok(Response::new(head, Body::Full(self.document.clone().into_bytes())))
    }
}

/// Whether the client has this already (RFC 9110 section 13.1.2).
fn is_known(fields: &Fields, etag: &str) -> bool {
    let mut asked = fields.all("if-none-match").flat_map(|value| value.split(|one| *one == b','));
    asked.any(|one| {
        let one = one.trim_ascii();
        one == b"*" || one.strip_prefix(b"W/").unwrap_or(one) == etag.as_bytes()
    })
}
