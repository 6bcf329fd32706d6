//! `security-headers`: tells browsers to be careful with answers.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_http::{Malformed, is_field_value};
use yumen_model::report::Report;
use yumen_model::{Hsts, Span};
use yumen_policy::{Exchange, Failure, FailureKind, Phase, Policy, Scope, Settings, Step};

/// The most that one value may be, in bytes.
const VALUE_BYTES_MAX: usize = 8 << 10;
/// A field that is not sent.
const OFF: &str = "off";

const HSTS: &str = "Strict-Transport-Security";

/// What browsers are told. Each field can be changed, or is not sent with `off`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `X-Content-Type-Options`: `nosniff`, or `off`.
    pub content_type_options: String,
    /// `X-Frame-Options`: who may show a page in a frame, `DENY` or `SAMEORIGIN`, or `off`.
    pub frame_options: String,
    /// `Referrer-Policy`: how much other sites are told of where their visitors come from.
    pub referrer_policy: String,
    /// `Strict-Transport-Security`: sent where clients come with TLS, here or at a trusted proxy.
    /// Nothing, unless it is given: `tls.hsts` of the listener says it too.
    pub hsts: Option<Hsts>,
    /// `Content-Security-Policy`, as it is sent.
    pub content_security_policy: String,
    /// `Content-Security-Policy-Report-Only`, as it is sent.
    pub content_security_policy_report_only: String,
    /// `Permissions-Policy`, as it is sent.
    pub permissions_policy: String,
    /// `Cross-Origin-Opener-Policy`: with which pages one shares a group of windows.
    pub cross_origin_opener_policy: String,
    /// `Cross-Origin-Embedder-Policy`: what a page may have in it.
    pub cross_origin_embedder_policy: String,
    /// `Cross-Origin-Resource-Policy`: which pages may have this in them.
    pub cross_origin_resource_policy: String,
    /// Whether fields that a service has set are replaced.
    #[serde(rename = "override")]
    pub replaces: bool,
}

impl Default for Config {
    fn default() -> Self {
        let off = || OFF.to_owned();
        Self {
            content_type_options: "nosniff".to_owned(),
            frame_options: "SAMEORIGIN".to_owned(),
            referrer_policy: "strict-origin-when-cross-origin".to_owned(),
            hsts: None,
            content_security_policy: off(),
            content_security_policy_report_only: off(),
            permissions_policy: off(),
            cross_origin_opener_policy: off(),
            cross_origin_embedder_policy: off(),
            cross_origin_resource_policy: off(),
            replaces: false,
        }
    }
}

const FRAME_OPTIONS: &[&str] = &["DENY", "SAMEORIGIN"];
const REFERRER_POLICIES: &[&str] = &[
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
];
const OPENER_POLICIES: &[&str] =
    &["unsafe-none", "same-origin-allow-popups", "same-origin", "noopener-allow-popups"];
const EMBEDDER_POLICIES: &[&str] = &["unsafe-none", "require-corp", "credentialless"];
const RESOURCE_POLICIES: &[&str] = &["same-site", "same-origin", "cross-origin"];

impl Settings for Config {
    const NAME: &'static str = "security-headers";
    const PHASE: Phase = Phase::Guard;

    fn compile(self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let mut found = Report::default();
        let fields = self.fields();
        for (key, _, value, words) in fields.iter().filter(|(_, _, value, _)| *value != OFF) {
            check(value, words, &format!("{at}.{key}"), &mut found);
        }
        if let Some(hsts) = &self.hsts
            && hsts.preload
            && !(hsts.include_subdomains && hsts.max_age == Span::LONGEST)
        {
            found
                .error(
                    format!("{at}.hsts.preload"),
                    "browsers take up only names that are for all names below them, for a year",
                )
                .hint("add `include_subdomains: true` and leave `max_age` at `8760h`");
        }
        let sent = fields.iter().filter(|(_, _, value, _)| *value != OFF);
        let sent: Vec<_> = sent.map(|(_, name, value, _)| (*name, (*value).into())).collect();
        let hsts = self.hsts.as_ref().map(|hsts| hsts.to_string().into());
        if sent.is_empty() && hsts.is_none() {
            found.error(at, "everything is off").hint("take the policy out");
        }
        let is_good = !found.has_errors();
        report.append(found);
        let policy = SecurityHeaders { sent, hsts, replaces: self.replaces };
        is_good.then(|| Arc::new(policy) as Arc<dyn Policy>)
    }
}

/// Key, name and value of a field, and the words that the value may be; none if it is a text.
type Row<'a> = (&'static str, &'static str, &'a str, &'static [&'static str]);

impl Config {
    fn fields(&self) -> [Row<'_>; 9] {
        let report_only = &self.content_security_policy_report_only;
        let opener = &self.cross_origin_opener_policy;
        let embedder = &self.cross_origin_embedder_policy;
        let resource = &self.cross_origin_resource_policy;
        [
            (
                "content_type_options",
                "X-Content-Type-Options",
                &self.content_type_options,
                &["nosniff"],
            ),
            ("frame_options", "X-Frame-Options", &self.frame_options, FRAME_OPTIONS),
            ("referrer_policy", "Referrer-Policy", &self.referrer_policy, REFERRER_POLICIES),
            (
                "content_security_policy",
                "Content-Security-Policy",
                &self.content_security_policy,
                &[],
            ),
            (
                "content_security_policy_report_only",
                "Content-Security-Policy-Report-Only",
                report_only,
                &[],
            ),
            ("permissions_policy", "Permissions-Policy", &self.permissions_policy, &[]),
            ("cross_origin_opener_policy", "Cross-Origin-Opener-Policy", opener, OPENER_POLICIES),
            (
                "cross_origin_embedder_policy",
                "Cross-Origin-Embedder-Policy",
                embedder,
                EMBEDDER_POLICIES,
            ),
            (
                "cross_origin_resource_policy",
                "Cross-Origin-Resource-Policy",
                resource,
                RESOURCE_POLICIES,
            ),
        ]
    }
}

fn check(value: &str, words: &[&str], at: &str, report: &mut Report) {
    if value.len() > VALUE_BYTES_MAX {
        let message = format!("the value is longer than {VALUE_BYTES_MAX} bytes");
        report.error(at, message).hint("browsers and proxies refuse long heads");
    } else if !words.is_empty() && !words.contains(&value) {
        report
            .error(at, format!("`{value}` is no value that browsers know"))
            .hint(format!("one of {}, or `off`", words.join(", ")));
    } else if value.is_empty() {
        report.error(at, "the value is empty").hint("`off`, if the field is not to be sent");
    } else if !value.is_ascii() || !is_field_value(value.as_bytes()) {
        report
            .error(at, "the value has a control character, white space at an end, or is not ASCII")
            .hint("a header field is one line of text; in YAML, `>-` folds lines into one");
    }
}

#[derive(Debug)]
struct SecurityHeaders {
    sent: Vec<(&'static str, Box<str>)>,
    hsts: Option<Box<str>>,
    replaces: bool,
}

impl Policy for SecurityHeaders {
    fn on_response<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let told = self.tell(exchange);
        told.map_err(|malformed| Failure::new(FailureKind::Internal).because(malformed.0)).into()
    }

    fn on_failure(&self, exchange: &mut Exchange) {
        // The values are good by construction; a failure stays what it is in any case.
        self.tell(exchange).unwrap_or_default();
    }
}

impl SecurityHeaders {
    fn tell(&self, exchange: &mut Exchange) -> Result<(), Malformed> {
        let is_secured = exchange.client.forwarding.proto() == "https";
        let Some(response) = &mut exchange.response else { return Ok(()) };
        let fields = response.head.fields_mut();
        let hsts = self.hsts.iter().filter(|_| is_secured).map(|value| (HSTS, value));
        for (name, value) in self.sent.iter().map(|(name, value)| (*name, value)).chain(hsts) {
            if self.replaces || fields.first(name).is_none() {
                fields.set(name, value.as_bytes())?;
            }
        }
        Ok(())
    }
}
