//! `threat-limits`: refuses bodies whose form costs a service too much, or that readers disagree about.

mod config;
pub mod graphql;
mod wrong;
pub mod xml;

pub use config::{Config, GraphqlLimits, JsonLimits, Other, XmlLimits};
pub use wrong::Wrong;

use std::sync::Arc;

use serde_json::Value;
use yumen_http::media::{MediaType, has_other_charset, is_packed};
use yumen_http::{Body, RequestHead, query};
use yumen_json::{Limits, What};
use yumen_model::report::Report;
use yumen_policy::{
    Exchange, Failure, FailureKind, Mode, Phase, Policy, Scope, Settings, Step, Verdict, Violation,
};

use crate::config::size;

impl Settings for Config {
    const NAME: &'static str = "threat-limits";
    const PHASE: Phase = Phase::Shape;

    fn compile(self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let before = report.problems().len();
        self.check(at, report);
        if report.problems().len() > before {
            return None;
        }
        let (json, body_max) = (self.json.limits(), size(self.body_max));
        Some(Arc::new(ThreatLimits { json, body_max, config: self }))
    }
}

#[derive(Debug)]
struct ThreatLimits {
    config: Config,
    json: Limits,
    body_max: usize,
}

/// How a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Xml,
    /// A query of GraphQL, as it is.
    Query,
}

impl Policy for ThreatLimits {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        match self.decide(exchange) {
            Ok(Some(form)) => Step::later(async move { self.check_body(form, exchange).await }),
            Ok(None) => Verdict::Next.into(),
            Err(failure) => self.conclude(failure).into(),
        }
    }

    /// Looks at the head only: a body does not come twice.
    fn dry<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        match self.decide(exchange) {
            Ok(_) => Verdict::Next.into(),
            Err(failure) => self.conclude(failure).into(),
        }
    }
}

impl ThreatLimits {
    /// Looks at the head; returns how the body is read, if it is looked at.
    fn decide(&self, exchange: &Exchange) -> Result<Option<Form>, Failure> {
        let head = &exchange.request.head;
        self.check_query(head).map_err(|(part, wrong)| refuse(part, wrong))?;
        if exchange.request.body.length() == Some(0) {
            return Ok(None);
        }
        let refused = |why: &'static str| {
            Err(Failure::new(FailureKind::MediaTypeRefused).saying(why).because(why))
        };
        let fields = head.fields();
        let mut types = fields.all("content-type");
        let written = types.next().map(|text| std::str::from_utf8(text).unwrap_or_default());
        if types.next().is_some() {
            return refused("The type of the body is said several times.");
        }
        let Some(form) = written.and_then(|text| self.form(text)) else {
            return match self.config.other {
                Other::Pass => Ok(None),
                Other::Refuse => refused("A body of this type is not taken here."),
            };
        };
        if is_packed(fields) {
            return refused("A body with a `Content-Encoding` is not taken here.");
        }
        if written.is_some_and(has_other_charset) {
            return refused("A body in another encoding than UTF-8 is not taken here.");
        }
        Ok(Some(form))
    }

    fn form(&self, written: &str) -> Option<Form> {
        let own = MediaType::read(written)?;
        let is_query =
            self.config.graphql.is_some() && own.kind() == "application" && own.name() == "graphql";
        Some(match own.kind() {
            _ if own.is_json() => Form::Json,
            _ if own.is_xml() => Form::Xml,
            _ if is_query => Form::Query,
            _ => return None,
        })
    }

    /// Looks at a query of GraphQL in the URL.
    fn check_query(&self, head: &RequestHead) -> Result<(), (&'static str, Wrong)> {
        let Some(limits) = &self.config.graphql else { return Ok(()) };
        let raw = head.query_bytes().unwrap_or_default();
        let named = |name: &str, wrong: Wrong| ("query", Wrong { at: name.to_owned(), ..wrong });
        let has = |name: &str| query::values(raw, name).next().is_some();
        // What a query is known by otherwise is said there.
        if has("extensions") && !has("query") && !limits.persisted {
            return Err(named("query", Wrong::form("it is missing")));
        }
        for name in ["query", "variables", "extensions"] {
            let mut values = query::values(raw, name);
            let Some(value) = values.next() else { continue };
            if values.next().is_some() {
                return Err(named(name, Wrong::form("it came several times")));
            }
            let checked = match name {
                "query" => std::str::from_utf8(&value)
                    .map_err(|_other| Wrong::form("it is not UTF-8"))
                    .and_then(|text| graphql::check(text, limits)),
                _ => yumen_json::check(&value, &self.json).map(|_| ()).map_err(of_json),
            };
            checked.map_err(|wrong| named(name, wrong))?;
        }
        Ok(())
    }

    async fn check_body(&self, form: Form, exchange: &mut Exchange) -> Verdict {
        let body = match exchange.request.body.take().collect_or_leave(self.body_max).await {
            Ok(Ok(body)) => body,
            Ok(Err(longer)) => {
                exchange.request.body = longer;
                let cause = format!("it is longer than `body_max`, {} bytes", self.body_max);
                return self.conclude(Failure::new(FailureKind::BodyTooLarge).because(cause));
            }
            // Nobody can go on with it.
            Err(error) => return Verdict::Fail(error.into()),
        };
        let checked = match form {
            // That there is none was not known before: its length was not.
            _ if body.is_empty() => Ok(()),
            Form::Json => self.check_json(&body),
            Form::Xml => xml::check(&body, &self.config.xml),
            Form::Query => match (std::str::from_utf8(&body), &self.config.graphql) {
                (Ok(text), Some(limits)) => graphql::check(text, limits),
                _ => Err(Wrong::form("it is not UTF-8")),
            },
        };
        exchange.request.body = if body.is_empty() { Body::Empty } else { Body::Full(body) };
        match checked {
            Ok(()) => Verdict::Next,
            Err(wrong) => self.conclude(refuse("body", wrong)),
        }
    }

    fn check_json(&self, body: &[u8]) -> Result<(), Wrong> {
        let Some(limits) = &self.config.graphql else {
            return yumen_json::check(body, &self.json).map(|_| ()).map_err(of_json);
        };
        let value = yumen_json::read(body, &self.json).map_err(of_json)?;
        let Value::Array(batch) = &value else { return check_asked(&value, limits, "") };
        if batch.len() > limits.batch {
            return Err(Wrong::bound("there are too many queries in one request"));
        }
        let mut all = batch.iter().enumerate();
        all.try_for_each(|(place, one)| check_asked(one, limits, &format!("/{place}")))
    }

    fn conclude(&self, failure: Failure) -> Verdict {
        match self.config.mode {
            Mode::Enforce => Verdict::Fail(failure),
            Mode::Report => Verdict::Report(failure),
        }
    }
}

/// Looks at one request of GraphQL in JSON.
fn check_asked(asked: &Value, limits: &GraphqlLimits, at: &str) -> Result<(), Wrong> {
    let inside = |wrong: Wrong| Wrong { at: format!("{at}/query"), ..wrong };
    match asked.get("query") {
        Some(Value::String(text)) => graphql::check(text, limits).map_err(inside),
        None | Some(Value::Null) if limits.persisted && asked.is_object() => Ok(()),
        None => Err(inside(Wrong::form("it is missing"))),
        Some(_) => Err(inside(Wrong::form("it is no text"))),
    }
}

fn of_json(wrong: yumen_json::Wrong) -> Wrong {
    let is_bound = matches!(wrong.what, What::Exceeds(_));
    Wrong { is_bound, message: wrong.to_string(), at: wrong.pointer }
}

#[cold]
fn refuse(part: &'static str, wrong: Wrong) -> Failure {
    let Wrong { is_bound, at, message } = wrong;
    let kind = if is_bound { FailureKind::TooComplex } else { FailureKind::Invalid };
    let violation = Violation::new(part, at, message);
    Failure::new(kind).because(violation.to_string()).violating([violation])
}
