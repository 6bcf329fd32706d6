//! A server that the gateway sends to by itself: where it is, what each request says, and who may have
//! signed its certificate.

use std::collections::BTreeMap;
use std::sync::Arc;

use yumen_courier::{Target, Url};
use yumen_http::{is_field_value, is_token};
use yumen_model::report::Report;
use yumen_model::{OtlpProtocol, Pem, Secret};
use yumen_tls::{Client, ClientText};

/// Fields, attributes and labels that may be written, each.
const ENTRIES_MAX: usize = 64;

/// Fields that say how a message is sent.
const OWN: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "te",
    "upgrade",
    "expect",
];

/// A server, and the path there.
#[derive(Debug, Clone)]
pub struct ServerPlan {
    /// Where it is.
    pub url: Url,
    /// Whose word is taken for its certificate; `None` in clear text.
    pub client: Option<Arc<Client>>,
}

/// A server as it was written.
pub(crate) struct Written<'w> {
    /// The path of what it is written in.
    pub(crate) at: &'w str,
    pub(crate) url: &'w str,
    pub(crate) headers: &'w BTreeMap<String, Secret>,
    pub(crate) ca: Option<&'w Pem>,
    /// Such a server, as a hint.
    pub(crate) example: &'w str,
}

impl Written<'_> {
    /// Compiles it; `None` if it cannot be asked at all.
    pub(crate) fn compile(&self, report: &mut Report) -> Option<ServerPlan> {
        check_fields(self.headers, &format!("{}.headers", self.at), report);
        let url = match Url::read(self.url) {
            Ok(url) => url,
            Err(why) => {
                report
                    .error(format!("{}.url", self.at), format!("it is no server: {}", why.0))
                    .hint(format!("such as `{}`", self.example));
                return None;
            }
        };
        let client = trust(&url.target, self.ca, self.at, report);
        Some(ServerPlan { url, client })
    }
}

/// A collector of OpenTelemetry as it was written.
pub(crate) struct Collector<'w> {
    pub(crate) at: &'w str,
    pub(crate) url: &'w str,
    pub(crate) protocol: OtlpProtocol,
    pub(crate) headers: &'w BTreeMap<String, Secret>,
    pub(crate) ca: Option<&'w Pem>,
    pub(crate) service_name: &'w str,
    pub(crate) attributes: &'w BTreeMap<String, String>,
    /// Where it takes such records over HTTP, unless it is told otherwise.
    pub(crate) path: &'static str,
}

impl Collector<'_> {
    /// Compiles it; `None` if it cannot be asked at all.
    pub(crate) fn compile(&self, report: &mut Report) -> Option<ServerPlan> {
        let Self { at, url, headers, ca, .. } = *self;
        if self.service_name.is_empty() {
            report
                .error(format!("{at}.service_name"), "it is empty")
                .hint("such as `yumen`, or leave it out");
        }
        check_count(self.attributes.len(), &format!("{at}.attributes"), report);
        let written = Written { at, url, headers, ca, example: "http://127.0.0.1:4318" };
        let mut server = written.compile(report)?;
        match self.protocol {
            OtlpProtocol::Http if server.url.path == "/" => server.url.path = self.path.to_owned(),
            OtlpProtocol::Grpc if server.url.path != "/" => {
                report
                    .error(format!("{at}.url"), "a collector that speaks gRPC has no path")
                    .hint("write the host and port only, or `protocol: http`");
            }
            OtlpProtocol::Http | OtlpProtocol::Grpc => {}
        }
        Some(server)
    }
}

/// Checks the fields of each request.
fn check_fields(fields: &BTreeMap<String, Secret>, at: &str, report: &mut Report) {
    for (name, value) in fields {
        let at = format!("{at}.{name}");
        if !is_token(name.as_bytes()) || !is_field_value(value.text().as_bytes()) {
            report
                .error(at, "it is no header field")
                .hint("a name of letters, digits and `-`, and a value of one line");
        } else if OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            report.error(at, "it is written by Yumen itself").hint("leave it out");
        }
    }
    check_count(fields.len(), at, report);
}

/// Checks that there are not too many.
pub(crate) fn check_count(count: usize, at: &str, report: &mut Report) {
    if count > ENTRIES_MAX {
        report
            .error(at, format!("there are more than {ENTRIES_MAX}"))
            .hint("leave some of them out");
    }
}

/// Whose word is taken for the certificate of a server that is asked with TLS. Of no use if the report has
/// errors.
fn trust(target: &Target, ca: Option<&Pem>, at: &str, report: &mut Report) -> Option<Arc<Client>> {
    if !target.is_secure() {
        if ca.is_some() {
            report
                .error(format!("{at}.ca"), "the server is asked in clear text")
                .hint("write `https://` in `url`, or leave it out");
        }
        return None;
    }
    let ca = ca.map(|ca| ca.text().to_owned());
    match Client::compile(ClientText { ca, ..ClientText::default() }) {
        Ok(client) => Some(Arc::new(client)),
        Err(problems) => {
            for problem in problems {
                let at = format!("{at}.{}", problem.at);
                report.error(at, problem.message).hint(problem.hint);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str, headers: &[(&str, &str)], ca: Option<&str>) -> String {
        // A secret can only be read.
        let value: BTreeMap<&str, &str> = headers.iter().copied().collect();
        let headers =
            value.into_iter().map(|(name, value)| (name.to_owned(), Secret::from(value))).collect();
        let ca = ca.map(Pem::from);
        let written = Written {
            at: "here",
            url,
            headers: &headers,
            ca: ca.as_ref(),
            example: "http://127.0.0.1:1",
        };
        let mut report = Report::default();
        let plan = written.compile(&mut report);
        assert!(plan.is_some() || report.has_errors());
        let problems = report.problems().iter();
        problems.map(|one| one.path.clone()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_cannot_be_is_told_with_its_place() {
        for (url, headers, ca, expect) in [
            ("http://127.0.0.1:4318/x?key=1", &[("x-key", "a b")][..], None, ""),
            ("https://logs.example", &[], None, ""),
            ("", &[], None, "here.url"),
            ("ftp://a", &[("a b", "c")], None, "here.headers.a b here.url"),
            ("http://a", &[("Content-Type", "text/html")], None, "here.headers.Content-Type"),
            ("http://a", &[("x", "a\nb")], None, "here.headers.x"),
            ("http://a", &[], Some("x"), "here.ca"),
            ("https://a", &[], Some("x"), "here.ca"),
        ] {
            assert_eq!(told(url, headers, ca), expect, "{url} {headers:?}");
        }
    }
}
