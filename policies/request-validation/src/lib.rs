//! `request-validation`: refuses requests that are not what a document of OpenAPI, or schemas, say.

mod config;
mod document;
mod doubling;
mod findings;
mod media;
mod openapi;
mod operation;
mod parameter;
mod paths;
mod plain;
mod schema;
mod servers;
mod shape;
#[cfg(test)]
mod tests;
mod translate;

pub use config::{BodyConfig, Config, ParameterConfig, Strict, Unknown, Unsupported};
pub use parameter::{Part, Style};

use std::sync::Arc;

use yumen_http::{Body, Method, RequestHead};
use yumen_json::Limits;
use yumen_model::report::{Report, Severity};
use yumen_policy::{
    Exchange, Failure, FailureKind, Mode, Phase, Policy, Scope, Settings, Step, Verdict, Violation,
};

use crate::document::Document;
use crate::findings::Findings;
use crate::openapi::Described;
use crate::operation::{Operation, Refused, Wanted};
use crate::paths::Paths;

impl Settings for Config {
    const NAME: &'static str = "request-validation";
    const PHASE: Phase = Phase::Shape;

    fn compile(self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let errors = |report: &Report| {
            report.problems().iter().filter(|one| one.severity == Severity::Error).count()
        };
        let before = errors(report);
        self.check(at, report);
        let rules = match &self.openapi {
            Some(openapi) => described(openapi, &self, &format!("{at}.openapi"), report),
            None => plain::read(&self, at, report),
        };
        if errors(report) > before {
            return None;
        }
        let limits = Limits {
            depth: self.depth_max,
            members: usize::MAX,
            items: usize::MAX,
            name: usize::MAX,
            nodes: usize::MAX,
            rounded: self.rounded_numbers,
            ..Limits::default()
        };
        let body_max = usize::try_from(self.body_max.0).unwrap_or(usize::MAX);
        let kind = match self.status {
            422 => FailureKind::Unprocessable,
            _ => FailureKind::Invalid,
        };
        Some(Arc::new(Validation {
            rules: rules?,
            limits,
            body_max,
            kind,
            strict: self.strict,
            told_max: self.violations_max,
            passes_paths: self.unknown_path == Unknown::Pass,
            passes_methods: self.unknown_method == Unknown::Pass,
            only_reports: self.mode == Mode::Report,
        }))
    }
}

fn described(
    openapi: &serde_json::Value,
    config: &Config,
    at: &str,
    report: &mut Report,
) -> Option<Rules> {
    let root = document::written(openapi, at, report)?;
    let document = Document::new(root, at, report)?;
    let mut findings = Findings::new(config.unsupported);
    let described = openapi::read(&document, config, &mut findings);
    findings.tell(at, report);
    Some(Rules::Described(described))
}

/// What requests have to be like.
#[derive(Debug)]
enum Rules {
    /// All of them are one operation.
    One(Operation),
    /// Those of one path are one operation.
    Path(Paths, Operation),
    /// Found by method and path.
    Described(Described),
}

#[derive(Debug)]
struct Validation {
    rules: Rules,
    limits: Limits,
    body_max: usize,
    kind: FailureKind,
    strict: Strict,
    told_max: usize,
    passes_paths: bool,
    passes_methods: bool,
    only_reports: bool,
}

/// What a request is, and what stands in its path for parameters.
struct Asked<'v, 'h> {
    operation: &'v Operation,
    values: Vec<&'h [u8]>,
}

impl Policy for Validation {
    fn on_request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let wanted = match self.decide(exchange) {
            Ok(Some(wanted)) => wanted,
            Ok(None) => return Verdict::Next.into(),
            Err(failure) => return self.conclude(failure).into(),
        };
        Step::later(async move { self.check_body(wanted, exchange).await })
    }

    /// Looks at the head only: a body does not come twice.
    fn dry<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        match self.decide(exchange) {
            Ok(_) => Verdict::Next.into(),
            Err(failure) => self.conclude(failure).into(),
        }
    }
}

impl Validation {
    /// Looks at the head; returns what the body has to be like if that is to be looked at too.
    fn decide(&self, exchange: &Exchange) -> Result<Option<Wanted<'_>>, Failure> {
        let head = &exchange.request.head;
        let Some(Asked { operation, values }) = self.find(head)? else { return Ok(None) };
        let wrong = operation.check_head(head, &values, (self.strict, self.told_max.max(1)));
        if !wrong.is_empty() {
            return Err(self.refuse(wrong));
        }
        match operation.wanted(head, &exchange.request.body, self.strict) {
            Ok(wanted) => Ok(wanted),
            Err(Refused::Violation(one)) => Err(self.refuse(vec![one])),
            Err(Refused::MediaType(why)) => {
                Err(Failure::new(FailureKind::MediaTypeRefused).saying(why).because(why))
            }
        }
    }

    /// Which operation a request is; none if it may pass unseen.
    fn find<'v, 'h>(&'v self, head: &'h RequestHead) -> Result<Option<Asked<'v, 'h>>, Failure> {
        let (paths, described) = match &self.rules {
            Rules::One(operation) => return Ok(Some(Asked { operation, values: Vec::new() })),
            Rules::Path(paths, _) => (paths, None),
            Rules::Described(described) => (&described.paths, Some(described)),
        };
        let Some(found) = paths.find(head.path_bytes()) else {
            let failure =
                Failure::new(FailureKind::NoOperation).because("no such path is described");
            return if self.passes_paths { Ok(None) } else { Err(failure) };
        };
        let values = found.values;
        let described = match (described, &self.rules) {
            (Some(described), _) => described,
            (None, Rules::Path(_, operation)) => return Ok(Some(Asked { operation, values })),
            (None, _) => return Ok(None),
        };
        let methods = described.items.get(found.path).map(Vec::as_slice).unwrap_or_default();
        let named = |name: &str| methods.iter().find(|(method, _)| *method == name);
        let asked = match head.method() {
            // What is served for GET is served for HEAD (RFC 9110 section 9.1).
            Method::Head => named("HEAD").or_else(|| named("GET")),
            method => named(method.as_str()),
        };
        if let Some(operation) = asked.and_then(|(_, number)| described.operations.get(*number)) {
            return Ok(Some(Asked { operation, values }));
        }
        let failure = Failure::new(FailureKind::MethodRefused)
            .allowing(methods.iter().map(|(method, _)| *method))
            .because("no such method is described for the path");
        if self.passes_methods { Ok(None) } else { Err(failure) }
    }

    async fn check_body(&self, wanted: Wanted<'_>, exchange: &mut Exchange) -> Verdict {
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
        let wrong = match body.is_empty() {
            // That there is none was not known before: its length was not.
            true if wanted.required => vec![operation::missing()],
            true => Vec::new(),
            false => wanted.content.check(wanted.sort, &body, (&self.limits, self.told_max.max(1))),
        };
        exchange.request.body = if body.is_empty() { Body::Empty } else { Body::Full(body) };
        if wrong.is_empty() { Verdict::Next } else { self.conclude(self.refuse(wrong)) }
    }

    #[cold]
    fn refuse(&self, wrong: Vec<Violation>) -> Failure {
        let cause = wrong.first().map(ToString::to_string).unwrap_or_default();
        Failure::new(self.kind).because(cause).violating(wrong.into_iter().take(self.told_max))
    }

    fn conclude(&self, failure: Failure) -> Verdict {
        if self.only_reports { Verdict::Report(failure) } else { Verdict::Fail(failure) }
    }
}
