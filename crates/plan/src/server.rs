//! A server that the gateway sends to by itself: where it is, and who may have signed its certificate.

use std::collections::BTreeMap;
use std::sync::Arc;

use yumen_courier::Url;
use yumen_http::{is_field_value, is_token};
use yumen_model::report::Report;
use yumen_model::{Pem, Secret};
use yumen_tls::{Client, ClientText};

/// Fields that may be written.
const HEADERS_MAX: usize = 64;

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
        self.check_headers(report);
        let url = match Url::read(self.url) {
            Ok(url) => url,
            Err(why) => {
                report
                    .error(format!("{}.url", self.at), format!("it is no server: {}", why.0))
                    .hint(format!("such as `{}`", self.example));
                return None;
            }
        };
        let at = format!("{}.ca", self.at);
        let client = match (url.target.is_secure(), self.ca) {
            (false, None) => None,
            (false, Some(_)) => {
                report
                    .error(at, "the server is asked in clear text")
                    .hint("write `https://` in `url`, or leave it out");
                None
            }
            (true, ca) => {
                let ca = ca.map(|ca| ca.text().to_owned());
                match Client::compile(ClientText { ca, ..ClientText::default() }) {
                    Ok(client) => Some(Arc::new(client)),
                    Err(problems) => {
                        for problem in problems {
                            let at = format!("{}.{}", self.at, problem.at);
                            report.error(at, problem.message).hint(problem.hint);
                        }
                        return None;
                    }
                }
            }
        };
        Some(ServerPlan { url, client })
    }

    fn check_headers(&self, report: &mut Report) {
        let at = format!("{}.headers", self.at);
        for (name, value) in self.headers {
            let at = format!("{at}.{name}");
            if !is_token(name.as_bytes()) || !is_field_value(value.text().as_bytes()) {
                report
                    .error(at, "it is no header field")
                    .hint("a name of letters, digits and `-`, and a value of one line");
            } else if OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                report.error(at, "it is written by Yumen itself").hint("leave it out");
            }
        }
        if self.headers.len() > HEADERS_MAX {
            report
                .error(at, format!("there are more than {HEADERS_MAX}"))
                .hint("leave some of them out");
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
