//! `headers`: sets, adds and removes header fields of requests and answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_http::{Fields, Known, is_field_value, is_token};
use yumen_model::report::Report;
use yumen_policy::{Exchange, Failure, FailureKind, Phase, Policy, Scope, Settings, Step, Verdict};

/// Header fields to change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is changed in the request before the service sees it.
    pub request: Changes,
    /// What is changed in the answer before the client sees it.
    pub response: Changes,
}

/// Changes of one head. They are made in this order: remove, set, add.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Changes {
    /// Fields to take out.
    pub remove: Vec<String>,
    /// Fields that have exactly this value then, whatever was there.
    pub set: BTreeMap<String, String>,
    /// Lines that are put in beside what is there.
    pub add: BTreeMap<String, String>,
}

impl Settings for Config {
    const NAME: &'static str = "headers";
    const PHASE: Phase = Phase::Shape;

    fn compile(self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = report.problems().len();
        self.request.check(&format!("{at}.request"), report);
        self.response.check(&format!("{at}.response"), report);
        (report.problems().len() == before).then(|| Arc::new(Headers(self)) as Arc<dyn Policy>)
    }
}

impl Changes {
    fn check(&self, at: &str, report: &mut Report) {
        for (index, name) in self.remove.iter().enumerate() {
            check_name(name, &format!("{at}.remove[{index}]"), report);
        }
        for (key, fields) in [("set", &self.set), ("add", &self.add)] {
            for (name, value) in fields {
                let at = format!("{at}.{key}.{name}");
                check_name(name, &at, report);
                if !is_field_value(value.as_bytes()) {
                    report
                        .error(at, "the value has a control character, or white space at an end")
                        .hint("a header field is one line of text");
                }
            }
        }
    }

    fn apply(&self, fields: &mut Fields) -> Result<(), Failure> {
        self.remove.iter().for_each(|name| fields.remove(name));
        let set = self.set.iter().try_for_each(|(name, value)| fields.set(name, value.as_bytes()));
        let add = self.add.iter().try_for_each(|(name, value)| fields.add(name, value.as_bytes()));
        set.and(add).map_err(|malformed| Failure::new(FailureKind::Internal).because(malformed.0))
    }
}

fn check_name(name: &str, at: &str, report: &mut Report) {
    if !is_token(name.as_bytes()) {
        report
            .error(at, format!("`{name}` is no name of a header field"))
            .hint("letters, digits and dashes");
        return;
    }
    match Known::of(name.as_bytes()) {
        Known::Host => {
            report
                .error(at, "`Host` is not changed here")
                .hint("use `host` in the route or the service");
        }
        Known::Connection
        | Known::ContentLength
        | Known::TransferEncoding
        | Known::Upgrade
        | Known::Te
        | Known::Hop
        | Known::Expect => {
            report
                .error(
                    at,
                    format!("`{name}` belongs to the connection, which the gateway manages itself"),
                )
                .hint("take it out");
        }
        Known::Via
        | Known::ForwardedFor
        | Known::ForwardedProto
        | Known::ForwardedHost
        | Known::Forwarded
        | Known::RequestId => {
            report
                .error(at, format!("`{name}` is always written by the gateway"))
                .hint("take it out; see the page on headers and trust");
        }
        _ => {}
    }
}

#[derive(Debug)]
struct Headers(Config);

impl Policy for Headers {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        self.0.request.apply(exchange.request.head.fields_mut()).into()
    }

    fn on_response<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        match &mut exchange.response {
            Some(response) => self.0.response.apply(response.head.fields_mut()).into(),
            None => Verdict::Next.into(),
        }
    }
}
