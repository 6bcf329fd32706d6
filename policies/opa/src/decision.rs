//! What the server decided, read strictly: what cannot be understood is no decision.

use serde_json::{Map, Value};
use yumen_http::{Fields, Malformed, Status, is_field_value, is_token};
use yumen_inquiry::{Field, Names};

/// Fields of one decision, of each sort.
const FIELDS_MAX: usize = 100;
/// The longest reason, in bytes.
const REASON_MAX: usize = 500;
const FORBIDDEN: u16 = 403;

/// What is taken over from a decision.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) to_service: Names,
    pub(crate) to_client: Names,
    pub(crate) refusal: Names,
}

/// A decision.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Yes {
        to_service: Vec<Field>,
        to_client: Vec<Field>,
    },
    No {
        status: Status,
        reason: Option<String>,
        fields: Vec<Field>,
        /// For the log.
        why: &'static str,
    },
}

impl Copied {
    /// Reads the document of an answer.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn read(&self, document: &[u8]) -> Result<Decision, String> {
        let document: Value = serde_json::from_slice(document)
            .map_err(|wrong| format!("its answer is no JSON: {wrong}"))?;
        let Value::Object(mut document) = document else {
            return Err("its answer is no object".to_owned());
        };
        let status = Status::new(FORBIDDEN).ok_or("no status")?;
        let no = |why| Decision::No { status, reason: None, fields: Vec::new(), why };
        match document.remove("result") {
            None => Ok(no("the decision is undefined")),
            Some(Value::Bool(true)) => {
                Ok(Decision::Yes { to_service: Vec::new(), to_client: Vec::new() })
            }
            Some(Value::Bool(false)) => Ok(no("the decision is `false`")),
            Some(Value::Object(result)) => self.of_object(&result),
            Some(_) => Err("its decision is neither true or false nor an object".to_owned()),
        }
    }

    fn of_object(&self, result: &Map<String, Value>) -> Result<Decision, String> {
        match result.get("allow") {
            Some(Value::Bool(true)) => Ok(Decision::Yes {
                to_service: fields(result, "request_headers", &self.to_service)?,
                to_client: fields(result, "response_headers", &self.to_client)?,
            }),
            Some(Value::Bool(false)) => Ok(Decision::No {
                status: status(result.get("status"))?,
                reason: reason(result.get("reason"))?,
                fields: fields(result, "headers", &self.refusal)?,
                why: "`allow` of the decision is `false`",
            }),
            Some(_) => Err("`allow` of its decision is neither true nor false".to_owned()),
            None => Err("its decision is an object without `allow`".to_owned()),
        }
    }

    /// Takes out what only a decision says.
    pub(crate) fn clear(&self, fields: &mut Fields) {
        self.to_service.clear(fields);
    }
}

/// Tells a service what was decided.
pub(crate) fn tell(told: &[Field], fields: &mut Fields) -> Result<(), Malformed> {
    told.iter().try_for_each(|(name, value)| fields.add(name, value))
}

fn status(value: Option<&Value>) -> Result<Status, String> {
    let code = match value {
        None => u64::from(FORBIDDEN),
        Some(value) => value.as_u64().unwrap_or(0),
    };
    let status = u16::try_from(code).ok().filter(|code| (300..600).contains(code));
    let status = status.and_then(Status::new).filter(|status| !status.is_bodiless());
    status.ok_or_else(|| "`status` of its decision is no status of a refusal".to_owned())
}

fn reason(value: Option<&Value>) -> Result<Option<String>, String> {
    match value {
        None => Ok(None),
        Some(Value::String(reason)) if reason.len() <= REASON_MAX => Ok(Some(reason.clone())),
        Some(_) => Err(format!("`reason` of its decision is no text of up to {REASON_MAX} bytes")),
    }
}

/// The fields of an object, each with a text or a list of texts; those that may be told.
fn fields(result: &Map<String, Value>, key: &str, names: &Names) -> Result<Vec<Field>, String> {
    let all = match result.get(key) {
        None => return Ok(Vec::new()),
        Some(Value::Object(all)) => all,
        Some(_) => return Err(format!("`{key}` of its decision is no object")),
    };
    let wrong = |name: &str| format!("`{name}` in `{key}` of its decision is no field");
    let mut fields = Vec::new();
    for (name, value) in all {
        let lines = match value {
            Value::Array(lines) => lines.as_slice(),
            one => std::slice::from_ref(one),
        };
        for line in lines {
            let value = line.as_str().filter(|line| is_field_value(line.as_bytes()));
            let value = value.filter(|_| is_token(name.as_bytes())).ok_or_else(|| wrong(name))?;
            if fields.len() >= FIELDS_MAX {
                return Err(format!("`{key}` of its decision has more than {FIELDS_MAX} fields"));
            }
            if names.has_free(name) {
                fields.push((name.as_str().into(), value.as_bytes().into()));
            }
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> Result<Decision, String> {
        let names = |list: &[&str]| {
            let list: Vec<String> = list.iter().map(|&name| name.to_owned()).collect();
            Names::compile(&list, |_| Ok(())).unwrap()
        };
        let copied = Copied {
            to_service: names(&["X-Role", "X-Opa-*"]),
            to_client: names(&["X-Left"]),
            refusal: names(&["WWW-Authenticate"]),
        };
        copied.read(document.as_bytes())
    }

    fn field(name: &str, value: &str) -> Field {
        (name.into(), value.as_bytes().into())
    }

    #[test]
    fn decisions_are_read() {
        let yes = |to_service, to_client| Decision::Yes { to_service, to_client };
        assert_eq!(read(r#"{"result":true}"#), Ok(yes(vec![], vec![])));
        let told = r#"{"result":{"allow":true,"request_headers":{"x-role":"a","X-Opa-A":["1","2"],
            "X-Opa":"no","Host":"no","X-Opa-\u0041":"3"},"response_headers":{"X-Left":"5","X-No":"1"}}}"#;
        let expect = vec![field("x-role", "a"), field("X-Opa-A", "3")];
        assert_eq!(read(told), Ok(yes(expect, vec![field("X-Left", "5")])));
        let no = |document: &str| match read(document) {
            Ok(Decision::No { status, reason, fields, .. }) => (status.code(), reason, fields),
            other => panic!("{document}: {other:?}"),
        };
        for document in [
            "{}",
            r#"{"decision_id":"1"}"#,
            r#"{"result":false}"#,
            r#"{"result":{"allow":false}}"#,
            r#"{"result":{"allow":false,"request_headers":{"X-Role":"a"}}}"#,
        ] {
            assert_eq!(no(document), (403, None, vec![]), "{document}");
        }
        let full = r#"{"result":{"allow":false,"status":401,"reason":"Log in.","headers":
            {"WWW-Authenticate":"Bearer","Set-Cookie":"a=b"}}}"#;
        let fields = vec![field("WWW-Authenticate", "Bearer")];
        assert_eq!(no(full), (401, Some("Log in.".to_owned()), fields));
    }

    #[test]
    fn what_cannot_be_understood_is_no_decision() {
        for document in [
            "",
            "true",
            "[]",
            "null",
            r#"{"result":null}"#,
            r#"{"result":1}"#,
            r#"{"result":"true"}"#,
            r#"{"result":[true]}"#,
            r#"{"result":{}}"#,
            r#"{"result":{"allowed":true}}"#,
            r#"{"result":{"allow":"true"}}"#,
            r#"{"result":{"allow":1}}"#,
            r#"{"result":{"allow":false,"status":200}}"#,
            r#"{"result":{"allow":false,"status":304}}"#,
            r#"{"result":{"allow":false,"status":"403"}}"#,
            r#"{"result":{"allow":false,"status":70000}}"#,
            r#"{"result":{"allow":false,"reason":1}}"#,
            r#"{"result":{"allow":true,"request_headers":[]}}"#,
            r#"{"result":{"allow":true,"request_headers":{"X-Role":1}}}"#,
            r#"{"result":{"allow":true,"request_headers":{"X-Role":"a\r\nX-Admin: 1"}}}"#,
            r#"{"result":{"allow":true,"request_headers":{"X-Role: a\r\nX":"1"}}}"#,
            r#"{"result":{"allow":false,"headers":{"X":"a\nb"}}}"#,
            r#"{"result":true"#,
        ] {
            assert!(read(document).is_err(), "{document}");
        }
        let long = "x".repeat(REASON_MAX + 1);
        let long = format!(r#"{{"result":{{"allow":false,"reason":"{long}"}}}}"#);
        assert!(read(&long).is_err());
        let lines = vec!["\"1\""; FIELDS_MAX + 1].join(",");
        let many =
            format!(r#"{{"result":{{"allow":true,"request_headers":{{"X-Role":[{lines}]}}}}}}"#);
        assert!(read(&many).is_err());
        let deep = format!(r#"{{"result":{}"#, "[".repeat(10_000));
        assert!(read(&deep).is_err());
    }
}
