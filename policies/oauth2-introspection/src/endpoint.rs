//! The server that is asked, and what it says (RFC 7662).

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value};
use yumen_courier::{Answer, Courier, Request};
use yumen_http::Malformed;
use yumen_jose::object;

/// The longest answer that is read, in bytes.
pub(crate) const ANSWER_MAX: usize = 64 * 1024;
/// When somebody may try again of whose token nothing is known.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest time that clients are told to wait because the server says so.
const PAUSE_MAX: Duration = Duration::from_secs(60);
const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// The server, and how it is asked.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) courier: Courier,
    /// All of a question but the token.
    pub(crate) question: Request,
    /// What stands in the body behind the token.
    pub(crate) form: Form,
}

/// Names and values of a form.
pub(crate) struct Form(String);

/// Without the secret that may be in it.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Form")
    }
}

/// What the server says of a token.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    /// It is good, and this is known of it.
    Active(Map<String, Value>),
    /// It is not good.
    Inactive,
}

/// Why nothing is known of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Away {
    /// For the log only.
    pub(crate) why: String,
    /// When to try again.
    pub(crate) after: Duration,
}

impl Away {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), after: PAUSE }
    }
}

impl Form {
    pub(crate) fn new(pairs: &[(&str, &str)]) -> Self {
        let mut form = String::new();
        for (name, value) in pairs {
            form.push('&');
            encode(name, &mut form);
            form.push('=');
            encode(value, &mut form);
        }
        Self(form)
    }
}

impl Endpoint {
    /// A question without a token.
    pub(crate) fn question(path: &str, within: Duration) -> Result<Request, Malformed> {
        let mut question = Request::post(path, "")?;
        question.add("content-type", FORM)?;
        question.add("accept", b"application/json")?;
        (question.within, question.answer_max) = (within, ANSWER_MAX);
        // To ask twice changes nothing.
        question.may_repeat = true;
        Ok(question)
    }

    /// Asks about a token, at this second since 1970.
    pub(crate) async fn ask(&self, token: &str, now: u64) -> Result<Said, Away> {
        let mut body = "token=".to_owned();
        encode(token, &mut body);
        body.push_str(&self.form.0);
        let mut question = self.question.clone();
        question.set_body(body);
        let answer = self.courier.ask(&question).await;
        let answer = answer.map_err(|fault| Away::new(fault.to_string()))?;
        read(&answer, now)
    }
}

fn read(answer: &Answer, now: u64) -> Result<Said, Away> {
    let status = answer.status.code();
    if status != 200 {
        let why = match status {
            401 | 403 => "; it does not know the gateway, or does not let it ask",
            300..=399 => "; redirects are not followed",
            _ => "",
        };
        let after = answer.retry_after(UNIX_EPOCH + Duration::from_secs(now));
        let after = after.map_or(PAUSE, |after| after.clamp(PAUSE, PAUSE_MAX));
        return Err(Away { why: format!("the server answers with {status}{why}"), after });
    }
    let Some(claims) = object(&answer.body) else {
        return Err(Away::new("the answer is no JSON object, or a name stands in it twice"));
    };
    match claims.get("active") {
        Some(Value::Bool(true)) => Ok(Said::Active(claims)),
        Some(Value::Bool(false)) => Ok(Said::Inactive),
        _ => Err(Away::new("the answer does not say `active` with true or false")),
    }
}

/// Adds a text as forms and RFC 6749 appendix B want it.
pub(crate) fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            // To write into memory cannot fail.
            _ => write!(out, "%{byte:02X}").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use yumen_http::{Fields, Status};

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: Status::new(status).unwrap(),
            fields: Fields::new(),
            body: body.as_bytes().to_vec(),
            trailers: None,
        }
    }

    #[test]
    fn only_true_is_active() {
        let why = |body: &str| read(&answer(200, body), 0).map_err(|away| away.why);
        let Ok(Said::Active(claims)) = why(r#"{"active":true,"sub":"ada"}"#) else { panic!() };
        assert_eq!(claims.get("sub"), Some(&"ada".into()));
        assert_eq!(why(r#"{"active":false,"sub":"ada"}"#), Ok(Said::Inactive));
        for body in [
            "{}",
            r#"{"active":"true"}"#,
            r#"{"active":1}"#,
            r#"{"active":null}"#,
            r#"{"active":[true]}"#,
            r#"{"Active":true}"#,
            r#"{"active":false,"active":true}"#,
            r#"{"active":true,"sub":"eve","sub":"ada"}"#,
            r#"{"active":true,"a":{"b":1,"b":2}}"#,
            r#"[{"active":true}]"#,
            r#"{"active":true}{"active":true}"#,
            "",
            "true",
            "active=true",
        ] {
            assert!(why(body).is_err(), "{body}: {:?}", why(body));
        }
    }

    #[test]
    fn what_is_no_good_answer_says_nothing_of_the_token() {
        for (status, words) in [
            (201, "answers with 201"),
            (302, "redirects are not followed"),
            (401, "does not know the gateway"),
            (404, "answers with 404"),
            (503, "answers with 503"),
        ] {
            let away = read(&answer(status, r#"{"active":true}"#), 0).unwrap_err();
            assert!(away.why.contains(words), "{away:?}");
            assert_eq!(away.after, PAUSE);
        }
        for (text, seconds) in [("7", 7), ("0", 1), ("99999999999999999999", 60), ("x", 1)] {
            let mut answer = answer(429, "");
            answer.fields.add("Retry-After", text.as_bytes()).unwrap();
            assert_eq!(read(&answer, 0).unwrap_err().after, Duration::from_secs(seconds));
        }
    }

    #[test]
    fn no_token_breaks_out_of_its_form() {
        let form = |pairs: &[(&str, &str)]| Form::new(pairs).0;
        assert_eq!(form(&[("token_type_hint", "access_token")]), "&token_type_hint=access_token");
        assert_eq!(
            form(&[("client_secret", "a&b=c +%\u{e9}")]),
            "&client_secret=a%26b%3Dc%20%2B%25%C3%A9"
        );
        assert!(!format!("{:?}", Form::new(&[("client_secret", "s3cret")])).contains("s3cret"));
    }
}
