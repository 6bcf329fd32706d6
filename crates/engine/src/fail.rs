//! The one place where a failure becomes an answer: one body in the form that the client accepts,
//! with a stable code, a sentence, and the request's id.

use yumen_http::{Body, Response, ResponseHead, Status, grpc};
use yumen_policy::{Failure, Violation};

/// A form of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Problem,
    Html,
    Plain,
}

/// The answer to a failed exchange.
#[cold]
pub(crate) fn respond(failure: &Failure, accept: Option<&[u8]>, id: &str) -> Response {
    let form = choose(accept);
    let status = failure.status();
    let body = write(form, failure, id);
    let mut head = ResponseHead::new(status);
    let content_type = match form {
        Form::Json => "application/json",
        Form::Problem => "application/problem+json",
        Form::Html => "text/html; charset=utf-8",
        Form::Plain => "text/plain; charset=utf-8",
    };
    for (name, value) in
        [("Content-Type", content_type), ("Cache-Control", "no-store"), ("X-Request-Id", id)]
    {
        // These are good by construction; if one were not, the answer would do without it.
        head.fields_mut().add(name, value.as_bytes()).unwrap_or_default();
    }
    for challenge in failure.challenges() {
        head.fields_mut().add("WWW-Authenticate", challenge.0.as_bytes()).unwrap_or_default();
    }
    if !failure.allowed().is_empty() {
        let methods = failure.allowed().join(", ");
        head.fields_mut().add("Allow", methods.as_bytes()).unwrap_or_default();
    }
    if let Some(wait) = failure.retry_after() {
        let seconds = wait.as_millis().div_ceil(1000).max(1).to_string();
        head.fields_mut().add("Retry-After", seconds.as_bytes()).unwrap_or_default();
    }
    Response::new(head, Body::Full(body.into_bytes()))
}

/// The answer to a call of gRPC that failed: trailers only, as its clients expect it.
#[cold]
pub(crate) fn respond_to_call(failure: &Failure, id: &str) -> Response {
    let mut head = ResponseHead::new(Status::OK);
    let status = failure.kind().grpc_status().to_string();
    let message = format!("{} ({})", failure.sentence(), failure.kind().code());
    let message = grpc::encode_message(&message);
    for (name, value) in [
        ("Content-Type", "application/grpc"),
        ("Grpc-Status", &status),
        ("Grpc-Message", &message),
        ("X-Request-Id", id),
    ] {
        // These are good by construction; if one were not, the answer would do without it.
        head.fields_mut().add(name, value.as_bytes()).unwrap_or_default();
    }
    Response::new(head, Body::Empty)
}

fn write(form: Form, failure: &Failure, id: &str) -> String {
    let (code, status) = (failure.kind().code(), failure.status());
    let sentence = failure.sentence();
    let reason = yumen_http::reason(status);
    let quoted = quote(sentence);
    match form {
        Form::Json => {
            let more = violations(failure);
            format!("{{\"code\":\"{code}\",\"message\":{quoted},{more}\"request_id\":\"{id}\"}}\n")
        }
        Form::Problem => format!(
            "{{\"type\":\"about:blank\",\"title\":\"{reason}\",\"status\":{},\"detail\":{quoted},\"code\":\"{code}\",{}\"request_id\":\"{id}\"}}\n",
            status.code(),
            violations(failure)
        ),
        Form::Plain => {
            let lines = failure.violations().iter().map(|one| format!("{}\n", plain(one)));
            let lines: String = lines.collect();
            format!("{sentence}\n{lines}code: {code}\nrequest id: {id}\n")
        }
        Form::Html => {
            let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
            let sentence = escape(sentence);
            let lines = failure.violations().iter();
            let lines: String =
                lines.map(|one| format!("<li>{}</li>", escape(&plain(one)))).collect();
            let list = if lines.is_empty() { lines } else { format!("<ul>{lines}</ul>") };
            format!(
                "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0} {reason}</title>\
                 <h1>{0} {reason}</h1><p>{sentence}</p>{list}<p><small>{code} &middot; {id}</small></p></html>\n",
                status.code()
            )
        }
    }
}

/// What of the request is wrong, as a member of an object, with a comma behind it; nothing if that is
/// not known.
fn violations(failure: &Failure) -> String {
    let all = failure.violations().iter().map(|Violation { part, at, message }| {
        format!("{{\"in\":\"{part}\",\"at\":{},\"message\":{}}}", quote(at), quote(message))
    });
    let all: Vec<String> = all.collect();
    if all.is_empty() { String::new() } else { format!("\"violations\":[{}],", all.join(",")) }
}

/// A violation on one line.
fn plain(violation: &Violation) -> String {
    violation.to_string().replace(|one: char| one.is_control(), " ")
}

/// A text as a JSON string.
fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for one in text.chars() {
        match one {
            '"' | '\\' => out.extend(['\\', one]),
            one if one < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(one))),
            one => out.push(one),
        }
    }
    out.push('"');
    out
}

/// The form that the client likes best (RFC 9110 section 12.5.1); JSON if it does not say.
fn choose(accept: Option<&[u8]>) -> Form {
    let accept = accept.and_then(|accept| std::str::from_utf8(accept).ok()).unwrap_or_default();
    let mut best = (0, Form::Json);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let form = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/problem+json" => Form::Problem,
            "text/html" | "application/xhtml+xml" => Form::Html,
            "text/plain" | "text/*" => Form::Plain,
            "application/json" | "application/*" | "*/*" => Form::Json,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1000, read_quality);
        if quality > best.0 {
            best = (quality, form);
        }
    }
    best.1
}

/// A weight in thousandths.
fn read_quality(text: &str) -> u32 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = part.chars().chain("000".chars()).take(3).collect();
    if whole == "1" { 1000 } else { digits.parse().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_policy::FailureKind;

    #[test]
    fn the_client_chooses_the_form() {
        for (accept, form) in [
            ("", Form::Json),
            ("*/*", Form::Json),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Form::Html),
            ("application/problem+json, application/json;q=0.5", Form::Problem),
            ("text/plain;q=0.9, application/json;q=0.1", Form::Plain),
            ("image/png", Form::Json),
            ("text/html;q=0", Form::Json),
        ] {
            assert_eq!(choose(Some(accept.as_bytes())), form, "{accept}");
        }
    }

    #[test]
    fn the_cause_stays_here() {
        for form in [Form::Json, Form::Problem, Form::Html, Form::Plain] {
            let failure =
                Failure::new(FailureKind::UpstreamUnreachable).because("10.0.0.7:80 refused");
            let body = write(form, &failure, "id7");
            assert!(body.contains("upstream_unreachable") && body.contains("id7"), "{body}");
            assert!(!body.contains("10.0.0.7"), "{body}");
        }
    }

    #[test]
    fn calls_are_answered_with_trailers_only() {
        let failure = Failure::new(FailureKind::NoRoute).because("secret").saying("100 %\n");
        let Response { head, body, .. } = respond_to_call(&failure, "id7");
        let fields: Vec<_> = head.fields().iter().collect();
        let expect: [(&[u8], &[u8]); 4] = [
            (b"Content-Type", b"application/grpc"),
            (b"Grpc-Status", b"12"),
            (b"Grpc-Message", b"100 %25%0A (no_route)"),
            (b"X-Request-Id", b"id7"),
        ];
        assert_eq!(fields, expect);
        assert!(head.status() == Status::OK && body.is_empty());
    }

    #[test]
    fn violations_are_told_in_every_form() {
        let bad = Violation::new("body", "/a\"<b>\n", "it is <i>wrong</i>");
        let failure = Failure::new(FailureKind::Invalid).violating([bad.clone(), bad]);
        for form in [Form::Json, Form::Problem] {
            let body = write(form, &failure, "i");
            let one = r#"{"in":"body","at":"/a\"<b>\u000a","message":"it is <i>wrong</i>"}"#;
            assert!(
                body.contains(&format!(r#","violations":[{one},{one}],"request_id""#)),
                "{body}"
            );
        }
        let plain = write(Form::Plain, &failure, "i");
        assert_eq!(plain.lines().filter(|line| line.starts_with("body /a\"<b> : it")).count(), 2);
        let html = write(Form::Html, &failure, "i");
        assert!(html.contains("<li>body /a\"&lt;b> : it is &lt;i>wrong&lt;/i></li>"), "{html}");
        let head = respond(&failure.allowing(["GET", "PUT"]), None, "i").head;
        assert_eq!(head.fields().only("allow"), Some(&b"GET, PUT"[..]));
    }

    #[test]
    fn a_sentence_cannot_break_out() {
        let failure = Failure::new(FailureKind::Forbidden).saying("a \"b\" <script>\n");
        assert!(write(Form::Json, &failure, "i").contains(r#""a \"b\" <script>\u000a""#));
        assert!(write(Form::Html, &failure, "i").contains("&lt;script>"));
    }
}
