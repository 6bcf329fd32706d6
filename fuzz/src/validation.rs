//! Documents and schemas: each becomes a policy, or problems; a policy lets a request in or refuses it, and
//! what is let in is unchanged.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use yumen_http::Body;
use yumen_policy::testing::{compile, exchange};
use yumen_policy::{Policy, Step, Verdict};
use yumen_policy_request_validation::Config;

/// Parts what is configured, the query, and the body.
const MARK: &str = "\n--\n";

/// Checks a document or a schema (`{` begins a schema if it has no `openapi`), a query and a body.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split(MARK);
    let [document, query, body] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let quoted = serde_json::to_string(document).expect("JSON");
    let config = match document.contains("openapi") {
        true => format!("{{ openapi: {quoted}, unsupported: pass, strict: {{ query: true }} }}"),
        false => format!(
            "{{ body: {{ schema: {quoted}, content_types: [application/json, application/x-www-form-urlencoded] }}, parameters: [{{ name: a, in: query, schema: {quoted} }}] }}"
        ),
    };
    let Ok(policy) = compile::<Config>(&config) else { return };
    for media in ["application/json", "application/x-www-form-urlencoded"] {
        ask(&policy, query, (media, body));
    }
}

fn ask(policy: &Arc<dyn Policy>, query: &str, (media, body): (&str, &str)) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"=&%[]+,|.-_".contains(&byte);
    let query: String = query.bytes().filter(|byte| is_plain(*byte)).map(char::from).collect();
    let query = query.replace('[', "%5B").replace(']', "%5D").replace('|', "%7C");
    let head = format!(
        "POST /a/7?{query} HTTP/1.1\nHost: a\nContent-Type: {media}\nContent-Length: {}",
        body.len()
    );
    let mut exchange = exchange(&head);
    exchange.request.body = Body::Full(body.as_bytes().to_vec());
    let verdict = match policy.on_request(&mut exchange) {
        Step::Now(verdict) => verdict,
        Step::Later(mut later) => {
            let mut context = Context::from_waker(Waker::noop());
            match later.as_mut().poll(&mut context) {
                Poll::Ready(verdict) => verdict,
                Poll::Pending => panic!("all of it is at hand"),
            }
        }
    };
    match verdict {
        Verdict::Next => match &exchange.request.body {
            Body::Empty => assert!(body.is_empty()),
            Body::Full(same) => assert_eq!(same, body.as_bytes()),
            other => panic!("{other:?}"),
        },
        Verdict::Fail(failure) => assert!(failure.violations().len() <= 10),
        other => panic!("{other:?}"),
    }
}
