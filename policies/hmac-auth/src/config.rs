//! What is demanded of a signature.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_http::is_token;
use yumen_model::report::Report;
use yumen_model::{Bytes, Span};
use yumen_policy::realm;

use crate::component::DERIVED;

/// Components that may be demanded.
const COVERED_MAX: usize = 32;
/// The most that clocks may differ.
const SKEW_MAX: Duration = Duration::from_secs(15 * 60);
/// The largest body that may be held back.
const BODY_MAX: u64 = 16 << 20;

/// What is demanded of a signature. It is made with a secret that a consumer has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// In which forms signatures may come.
    pub forms: Vec<Form>,
    /// What a signature must cover: components of RFC 9421, which are fields by their names in lower case, and
    /// `@method`, `@target-uri`, `@authority`, `@scheme`, `@request-target`, `@path`, `@query`.
    pub covered: Vec<String>,
    /// Whether a digest of the body must be covered where there is a body. One that is covered is checked
    /// in any case.
    pub body: Body,
    /// The largest body whose digest is checked, for it is held back until it is whole.
    pub body_max: Bytes,
    /// How far the clocks of client and gateway may differ, and how old a signature may be.
    pub clock_skew: Span,
    /// The algorithms of the older forms. Message signatures have `hmac-sha256` only.
    pub algorithms: Vec<Allowed>,
    /// Of several message signatures, the one that is for this purpose; others are not looked at.
    pub tag: Option<String>,
    /// What becomes of a signature that comes a second time.
    pub replays: Replayed,
    /// What the client is told that signatures are for.
    pub realm: String,
}

/// In which form a signature comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The fields `Signature-Input` and `Signature` (RFC 9421).
    Message,
    /// `Authorization: Signature keyId="..."` (draft-cavage-http-signatures).
    Cavage,
    /// `Authorization: hmac username="..."`.
    Hmac,
}

/// What is demanded where there is a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// `content-digest` or `digest` is covered.
    Signed,
    /// Nothing.
    Unsigned,
}

/// A hash for the older forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Allowed {
    /// HMAC with SHA-256.
    #[serde(rename = "hmac-sha256")]
    Sha256,
    /// HMAC with SHA-384.
    #[serde(rename = "hmac-sha384")]
    Sha384,
    /// HMAC with SHA-512.
    #[serde(rename = "hmac-sha512")]
    Sha512,
}

/// What becomes of a signature that comes a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Replayed {
    /// It is refused, as long as it would be good.
    Refuse,
    /// It is as good as the first time.
    Allow,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            forms: vec![Form::Message],
            covered: ["@method", "@authority", "@path", "@query"].map(str::to_owned).to_vec(),
            body: Body::Signed,
            body_max: Bytes(64 << 10),
            clock_skew: Span::seconds(300),
            algorithms: vec![Allowed::Sha256],
            tag: None,
            replays: Replayed::Refuse,
            realm: realm::USUAL.to_owned(),
        }
    }
}

impl Config {
    /// The schemes that clients are told.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.forms.iter().all(|form| *form == Form::Hmac) { "hmac" } else { "Signature" }
    }

    pub(crate) fn check(&self, at: &str, report: &mut Report) {
        let Self { forms, covered, body_max, clock_skew, algorithms, tag, .. } = self;
        if forms.is_empty() {
            report
                .error(format!("{at}.forms"), "signatures are taken in no form")
                .hint("such as `forms: [message]`");
        }
        if algorithms.is_empty() {
            report
                .error(format!("{at}.algorithms"), "no algorithm is good")
                .hint("such as `algorithms: [hmac-sha256]`");
        }
        if tag.is_some() && !forms.contains(&Form::Message) {
            report
                .error(format!("{at}.tag"), "only message signatures have a tag")
                .hint("leave it out, or add `message` to `forms`");
        }
        if covered.len() > COVERED_MAX {
            report
                .error(format!("{at}.covered"), format!("there are more than {COVERED_MAX}"))
                .hint("leave some out");
        }
        for (index, name) in covered.iter().enumerate() {
            let is_field = is_token(name.as_bytes()) && *name == name.to_ascii_lowercase();
            if !is_field && !DERIVED.contains(&name.as_str()) {
                report
                    .error(
                        format!("{at}.covered[{index}]"),
                        format!(
                            "`{name}` is neither a field in lower case nor a derived component"
                        ),
                    )
                    .hint(DERIVED.join(", "));
            }
        }
        if body_max.0 == 0 || body_max.0 > BODY_MAX {
            report
                .error(format!("{at}.body_max"), "it is from 1B to 16MiB")
                .hint("larger bodies cannot be signed here: `body: unsigned` lets them through");
        }
        let skew = clock_skew.get().filter(|skew| {
            (Duration::from_secs(1)..=SKEW_MAX).contains(skew) && skew.subsec_nanos() == 0
        });
        if skew.is_none() {
            report
                .error(format!("{at}.clock_skew"), "it is from 1s to 15m, in whole seconds")
                .hint("such as `300s`");
        }
    }
}
