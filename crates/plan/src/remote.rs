//! What is sent to other servers on the gateway's own behalf: whether fields and trust can be as they
//! are written.

use std::collections::BTreeMap;
use std::sync::Arc;

use yumen_courier::Target;
use yumen_http::{is_field_value, is_token};
use yumen_model::report::Report;
use yumen_model::{Pem, Secret};
use yumen_tls::{Client, ClientText};

/// Fields, attributes and labels that may be written, each.
pub(crate) const ENTRIES_MAX: usize = 64;

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

/// Checks the fields of each request.
pub(crate) fn check_fields(fields: &BTreeMap<String, Secret>, at: &str, report: &mut Report) {
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

/// Whose word is taken for the certificate of a server that is asked with TLS. `to` is the key that its
/// URL has, below `at`, where `ca` is too. Of no use if the report has errors.
pub(crate) fn trust(
    target: &Target,
    ca: Option<&Pem>,
    (at, to): (&str, &str),
    report: &mut Report,
) -> Option<Arc<Client>> {
    if !target.is_secure() {
        if ca.is_some() {
            report
                .error(format!("{at}.ca"), "the server is asked in clear text")
                .hint(format!("write `https://` in `{to}`, or leave it out"));
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
