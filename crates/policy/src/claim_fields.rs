//! Claims that services are told in header fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use yumen_http::{Fields, Known, Malformed, is_field_value, is_token};
use yumen_model::report::Report;

/// Claims that may be told.
const TOLD_MAX: usize = 32;
/// The longest value of a field; a longer one is not told.
const VALUE_MAX: usize = 2048;

/// Which claims are told, and in which fields.
#[derive(Debug, Default)]
pub struct ClaimFields(Vec<(String, String)>);

impl ClaimFields {
    /// Each claim by the field that it is told in.
    #[must_use]
    pub fn compile(claims: BTreeMap<String, String>, at: &str, report: &mut Report) -> Self {
        if claims.len() > TOLD_MAX {
            report
                .error(at, format!("there are more than {TOLD_MAX} claims"))
                .hint("tell what the service asks for");
        }
        let mut fields: Vec<&String> = Vec::new();
        for (field, claim) in &claims {
            let at = format!("{at}.{field}");
            let known = Known::of(field.as_bytes());
            // What they say would be believed of the gateway, or of the client.
            let is_taken =
                ["authorization", "cookie"].iter().any(|one| field.eq_ignore_ascii_case(one));
            if !is_token(field.as_bytes()) {
                report
                    .error(at, format!("`{field}` is no name of a header field"))
                    .hint("such as `X-User-Email`");
            } else if known != Known::Other || is_taken {
                report
                    .error(
                        at,
                        format!(
                            "no claim can be told in `{field}`: that belongs to HTTP or the gateway"
                        ),
                    )
                    .hint("such as `X-User-Email`");
            } else if fields.iter().any(|other| other.eq_ignore_ascii_case(field)) {
                report.error(at, "it is there twice").hint("upper and lower case are the same");
            } else if claim.is_empty() {
                report.error(at, "it names no claim").hint("such as `email`");
            }
            fields.push(field);
        }
        Self(claims.into_iter().collect())
    }

    /// Takes out what the client wrote there itself.
    pub fn clear(&self, fields: &mut Fields) {
        self.0.iter().for_each(|(field, _)| fields.remove(field));
    }

    /// The values, in the order of the fields.
    #[must_use]
    pub fn values(&self, claims: &Map<String, Value>) -> Vec<Option<String>> {
        self.0.iter().map(|(_, claim)| claims.get(claim).and_then(text)).collect()
    }

    /// Tells them.
    ///
    /// # Errors
    /// When a value breaks the head, which none does.
    pub fn tell(&self, values: &[Option<String>], fields: &mut Fields) -> Result<(), Malformed> {
        for ((field, _), value) in self.0.iter().zip(values) {
            if let Some(value) = value {
                fields.set(field, value.as_bytes())?;
            }
        }
        Ok(())
    }
}

/// A claim as the value of a field; `None` if it cannot be one that is read as what it is.
fn text(claim: &Value) -> Option<String> {
    let text = match claim {
        Value::Array(list) => {
            let words = list.iter().map(|one| one.as_str().filter(|word| !word.contains(',')));
            let words: Option<Vec<&str>> = words.collect();
            words?.join(",")
        }
        one => plain(one)?,
    };
    (text.len() <= VALUE_MAX && is_field_value(text.as_bytes())).then_some(text)
}

/// Whether a claim is one of these values, or a list that has one of them.
#[must_use]
pub fn claim_is_one_of(claim: &Value, values: &[String]) -> bool {
    let is = |one: &Value| plain(one).is_some_and(|own| values.contains(&own));
    match claim {
        Value::Array(list) => list.iter().any(is),
        one => is(one),
    }
}

/// A claim that is one word, as text.
fn plain(claim: &Value) -> Option<String> {
    match claim {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_told_only_as_what_it_is() {
        for (claim, expect) in [
            (json!("ada@example.com"), Some("ada@example.com")),
            (json!("s\u{e9}same"), Some("s\u{e9}same")),
            (json!(12), Some("12")),
            (json!(true), Some("true")),
            (json!(["a", "b"]), Some("a,b")),
            (json!([]), Some("")),
            (json!(["a,admin"]), None),
            (json!(["a", 1]), None),
            (json!("a\r\nX-Admin: 1"), None),
            (json!(" a"), None),
            (json!("\u{0}"), None),
            (json!(null), None),
            (json!({ "a": 1 }), None),
            (json!("x".repeat(VALUE_MAX + 1)), None),
        ] {
            assert_eq!(text(&claim).as_deref(), expect, "{claim}");
        }
    }
}
