//! What a route does with a request.

use std::sync::Arc;

use yumen_http::{RequestHead, Status};
use yumen_model::report::Report;
use yumen_model::{Answer, HostHeader, Redirect};
use yumen_policy::Told;
use yumen_route::{Parameters, Template};
use yumen_upstream::{Destination, Retries, Timeouts};

use crate::fallback::Fallback;

/// What a route does with a request.
#[derive(Debug)]
pub enum Action {
    /// Sends it to a service. Routes that take all of this from their service share it: what requests
    /// of all routes look at in turn is to be little.
    Forward(Arc<Forward>),
    /// Sends the client elsewhere.
    Redirect(Redirection),
    /// Answers at once.
    Answer(Fixed),
}

/// How a request goes to a service.
#[derive(Debug)]
pub struct Forward {
    /// The service.
    pub destination: Arc<Destination>,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// The `Host` field that it sees.
    pub host: HostHeader,
    /// What it is told of the client's certificate.
    pub told: Told,
    /// When a request is sent once more.
    pub retries: Arc<Retries>,
    /// What stands in for its answer when it gave none.
    pub fallback: Option<Arc<Fallback>>,
}

impl Forward {
    /// As the service has it.
    pub(crate) fn of(destination: &Arc<Destination>, fallback: Option<Arc<Fallback>>) -> Self {
        Self {
            destination: Arc::clone(destination),
            timeouts: destination.timeouts,
            host: destination.host.clone(),
            told: destination.told.clone(),
            retries: Arc::clone(&destination.retries),
            fallback,
        }
    }
}

/// Sends the client elsewhere.
#[derive(Debug)]
pub struct Redirection {
    /// 301, 302, 303, 307 or 308.
    pub status: Status,
    location: Template,
    keeps_query: bool,
}

impl Redirection {
    pub(crate) fn compile(
        redirect: &Redirect,
        names: &[String],
        at: &str,
        report: &mut Report,
    ) -> Option<Self> {
        let status = Status::new(redirect.status)
            .filter(|status| matches!(status.code(), 301 | 302 | 303 | 307 | 308));
        if status.is_none() {
            report
                .error(format!("{at}.status"), format!("{} is no redirect", redirect.status))
                .hint("use 301, 302, 303, 307 or 308");
        }
        let location =
            compile_template(&redirect.location, names, &format!("{at}.location"), report)?;
        let text = &redirect.location;
        if !(text.starts_with('/') || text.starts_with("http://") || text.starts_with("https://"))
            || !text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            report
                .error(format!("{at}.location"), format!("`{text}` is no place to go"))
                .hint("start with `/`, `http://` or `https://`, and percent-encode spaces and other characters");
            return None;
        }
        Some(Self { status: status?, location, keeps_query: !redirect.location.contains('?') })
    }

    /// The place for this request.
    #[must_use]
    pub fn location(&self, parameters: &Parameters<'_>, head: &RequestHead) -> Vec<u8> {
        let mut location = Vec::new();
        self.location.render(parameters, &mut location);
        if let Some(query) = head.query().filter(|_| self.keeps_query) {
            location.push(b'?');
            location.extend_from_slice(query.as_bytes());
        }
        location
    }
}

pub(crate) fn compile_template(
    text: &str,
    names: &[String],
    at: &str,
    report: &mut Report,
) -> Option<Template> {
    match Template::compile(text, names) {
        Ok(template) => Some(template),
        Err(faults) => {
            for fault in faults {
                report.error(at, fault.message).hint(fault.hint);
            }
            None
        }
    }
}

/// Answers at once.
#[derive(Debug)]
pub struct Fixed {
    /// The status.
    pub status: Status,
    /// Header fields, checked.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Fixed {
    pub(crate) fn compile(answer: &Answer, at: &str, report: &mut Report) -> Option<Self> {
        let status = Status::new(answer.status).filter(|status| !status.is_interim());
        if status.is_none() {
            report
                .error(
                    format!("{at}.status"),
                    format!("{} is no status of an answer", answer.status),
                )
                .hint("use a number from 200 to 599");
        }
        if status.is_some_and(Status::is_bodiless) && !answer.body.is_empty() {
            report
                .error(
                    format!("{at}.body"),
                    format!("an answer of status {} has no body", answer.status),
                )
                .hint("leave the body out or use another status");
        }
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in &answer.headers {
            check_field(name, Some(value), &format!("{at}.headers.{name}"), report);
            fields.push((name.clone(), value.clone()));
        }
        let typed = answer.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
        if !typed && !answer.body.is_empty() {
            fields.push(("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned()));
        }
        Some(Self { status: status?, fields, body: answer.body.clone() })
    }
}

/// Checks a header field that a config sets.
pub(crate) fn check_field(name: &str, value: Option<&str>, at: &str, report: &mut Report) {
    if !yumen_http::is_token(name.as_bytes()) {
        report
            .error(at, format!("`{name}` is no name of a header field"))
            .hint("letters, digits and dashes");
    }
    if value.is_some_and(|value| !yumen_http::is_field_value(value.as_bytes())) {
        report
            .error(at, "the value has a control character, or white space at an end")
            .hint("a header field is one line");
    }
    let framing =
        ["content-length", "transfer-encoding", "connection", "upgrade", "keep-alive", "te"];
    if framing.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        report.error(
            at,
            format!("`{name}` belongs to the connection, which the gateway manages itself"),
        );
    }
}

#[cfg(test)]
mod tests {
    use yumen_policy::Scope;

    use super::*;
    use crate::Plan;
    use yumen_model::Model;

    #[test]
    fn routes_share_how_requests_go_to_their_service_unless_they_have_wishes_of_their_own() {
        let model: Model = serde_json::from_value(serde_json::json!({
            "listeners": [{ "name": "web", "address": "127.0.0.1:8080" }],
            "services": [{ "name": "shop", "url": "http://127.0.0.1:9000", "routes": [
                { "name": "one", "match": { "paths": ["/one"] } },
                { "name": "two", "match": { "paths": ["/two"] } },
                { "name": "own", "match": { "paths": ["/own"] }, "timeouts": { "first_byte": "7s" } },
                { "name": "host", "match": { "paths": ["/host"] }, "host": "client" },
            ] }],
        }))
        .unwrap();
        let (plan, report) = Plan::compile(&model, &[], &Scope::default(), 1);
        let plan = plan.unwrap_or_else(|| panic!("{:?}", report.problems()));
        let forward = |name: &str| {
            let route = plan.routes.iter().find(|route| &*route.name == name).unwrap();
            match &route.action {
                Action::Forward(forward) => Arc::clone(forward),
                other => panic!("{other:?}"),
            }
        };
        assert!(Arc::ptr_eq(&forward("one"), &forward("two")));
        let seven = yumen_model::ServiceTimeouts {
            first_byte: yumen_model::Span::seconds(7),
            ..yumen_model::ServiceTimeouts::default()
        };
        assert_eq!(forward("own").timeouts, Timeouts::from(&seven));
        assert_eq!(forward("host").host, HostHeader::Client);
        assert_eq!(forward("host").timeouts, forward("one").timeouts);
        assert_ne!(forward("own").timeouts, forward("one").timeouts);
        assert_eq!(forward("one").host, HostHeader::Target);
    }
}
