//! What is configured, and whether it can be.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_http::{Known, is_token};
use yumen_model::Span;
use yumen_model::report::Report;
use yumen_policy::claims::Path;
use yumen_policy::{Phase, Policy, Scope, Settings};

use crate::{Said, SignedIdentity, Times};

/// Audiences, and claims that are passed on.
const LIST_MAX: usize = 32;
/// How long a token may be good.
const LIFETIME_MAX: Span = Span::seconds(3600);
const AUTHORIZATION: &str = "authorization";
/// What the policy says itself.
const OWN: [&str; 13] = [
    "iss",
    "aud",
    "sub",
    "iat",
    "nbf",
    "exp",
    "jti",
    "consumer",
    "external_id",
    "groups",
    "credential",
    "identified_by",
    "anonymous",
];

/// What the token says that the service is given, who signs it, and where it stands.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name of the `signing_keys` that sign it.
    pub keys: String,
    /// Who the gateway is (`iss`), such as `https://gateway.example.com`.
    pub issuer: String,
    /// For whom it is (`aud`): names of the services that take it.
    pub audiences: Vec<String>,
    /// The header field that it stands in; in `Authorization` behind `Bearer`. Whatever the client wrote
    /// there is taken out.
    #[serde(default = "usual_field")]
    pub field: String,
    /// The claim of the caller's own token that says whom it is about (`sub`); the consumer's name if it
    /// is left out.
    #[serde(default)]
    pub subject_by: Option<String>,
    /// Claims of the caller's own token that are passed on, by the name that they get, such as
    /// `roles: realm_access.roles`.
    #[serde(default)]
    pub claims: BTreeMap<String, String>,
    /// How long it is good.
    #[serde(default = "usual_lifetime")]
    pub lifetime: Span,
    /// How long the same token is given again for the same caller; half of `lifetime` if it is left out.
    /// `off`: each request gets a token of its own.
    #[serde(default)]
    pub reuse: Option<Span>,
}

fn usual_field() -> String {
    "X-Identity-Token".to_owned()
}

fn usual_lifetime() -> Span {
    Span::seconds(60)
}

impl Settings for Config {
    const NAME: &'static str = "signed-identity";
    const PHASE: Phase = Phase::Shape;
    const NEEDS_PRINCIPAL: bool = true;

    fn compile(self, at: &str, report: &mut Report, scope: &Scope) -> Option<Arc<dyn Policy>> {
        let errors_before = report.errors();
        let signer = scope.signers.named(&self.keys, &format!("{at}.keys"), report);
        self.check_field(&format!("{at}.field"), report);
        self.check_who(at, report);
        let times = self.times(at, report);
        let subject_at = format!("{at}.subject_by");
        let subject =
            self.subject_by.as_ref().map(|claim| Path::compile(claim, &subject_at, report));
        let claims = self.passed_on(at, report);
        if report.errors() > errors_before {
            return None;
        }
        let is_bearer = self.field.eq_ignore_ascii_case(AUTHORIZATION);
        let subject = subject.flatten();
        let said = Said { issuer: self.issuer, audiences: self.audiences, subject, claims };
        Some(Arc::new(SignedIdentity::new(signer?, said, (self.field, is_bearer), times)))
    }
}

impl Config {
    fn check_field(&self, at: &str, report: &mut Report) {
        let field = &self.field;
        if !is_token(field.as_bytes()) {
            report
                .error(at, format!("`{field}` is no name of a header field"))
                .hint("such as `X-Identity-Token`");
        } else if Known::of(field.as_bytes()) != Known::Other
            || field.eq_ignore_ascii_case("cookie")
        {
            report
                .error(
                    at,
                    format!("no token can stand in `{field}`: that belongs to HTTP or the gateway"),
                )
                .hint("such as `X-Identity-Token`, or `Authorization`");
        }
    }

    fn check_who(&self, at: &str, report: &mut Report) {
        if self.issuer.is_empty() || self.issuer.chars().any(char::is_control) {
            report
                .error(format!("{at}.issuer"), "it says nothing of who signs")
                .hint("such as `https://gateway.example.com`");
        }
        if !(1..=LIST_MAX).contains(&self.audiences.len()) {
            report
                .error(format!("{at}.audiences"), format!("there are 1 to {LIST_MAX}"))
                .hint("the name of the service: a token for anybody could be passed on to others");
        }
        for (index, one) in self.audiences.iter().enumerate() {
            if one.is_empty() || one.chars().any(char::is_control) {
                report
                    .error(format!("{at}.audiences[{index}]"), "it names nobody")
                    .hint("such as `orders`");
            }
        }
    }

    fn times(&self, at: &str, report: &mut Report) -> Times {
        let seconds = |span: Span| span.get().filter(|span| span.subsec_nanos() == 0);
        let lifetime = seconds(self.lifetime).map_or(0, |span| span.as_secs());
        if lifetime < 2 || self.lifetime.get() > LIFETIME_MAX.get() {
            report
                .error(format!("{at}.lifetime"), format!("it is not from 2s to {LIFETIME_MAX}"))
                .hint("whole seconds, such as `60s`");
        }
        let reuse = match self.reuse {
            None => lifetime / 2,
            Some(Span::OFF) => 0,
            Some(span) => seconds(span).map_or(u64::MAX, |span| span.as_secs()),
        };
        if reuse >= lifetime.max(1) {
            report
                .error(format!("{at}.reuse"), "a token would be given that is over")
                .hint("whole seconds, less than `lifetime`; or `off`");
        }
        Times { lifetime, reuse }
    }

    fn passed_on(&self, at: &str, report: &mut Report) -> Vec<(String, Path)> {
        let claims_at = format!("{at}.claims");
        if self.claims.len() > LIST_MAX {
            report
                .error(claims_at.as_str(), format!("there are more than {LIST_MAX}"))
                .hint("pass on what the service asks for");
        }
        let mut passed_on = Vec::with_capacity(self.claims.len());
        for (name, claim) in &self.claims {
            let at = format!("{claims_at}.{name}");
            if name.is_empty() || OWN.contains(&name.as_str()) {
                report
                    .error(at.as_str(), "the gateway says that itself, or it is no name")
                    .hint("choose another name");
            }
            passed_on.extend(Path::compile(claim, &at, report).map(|path| (name.clone(), path)));
        }
        passed_on
    }
}
