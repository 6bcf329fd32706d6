//! Claims as policies read them: by path, as words, and as services are told them in header fields.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use yumen_http::{Fields, Known, Malformed, is_field_value, is_token};
use yumen_model::report::Report;

/// Names in the path of a claim.
const PATH_MAX: usize = 8;
/// Claims that may be told.
const TOLD_MAX: usize = 32;
/// The longest value of a field; a longer one is not told.
const VALUE_MAX: usize = 2048;

/// Where a claim is: its name, or a path of names through objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<String>);

impl Path {
    /// Reads a path such as `realm_access.roles`. A name that is a URL is one name; elsewhere `\\.` is
    /// a dot inside of a name.
    #[must_use]
    pub fn compile(text: &str, at: &str, report: &mut Report) -> Option<Self> {
        const DOT: char = '\u{0}';
        let names: Vec<String> = if text.contains("://") && !text.contains('\\') {
            vec![text.to_owned()]
        } else {
            let text = text.replace("\\.", &DOT.to_string());
            text.split('.').map(|name| name.replace(DOT, ".")).collect()
        };
        if names.iter().any(String::is_empty) || names.len() > PATH_MAX || text.contains(DOT) {
            report
                .error(
                    at,
                    format!("`{text}` is no claim: 1 to {PATH_MAX} names with dots between them"),
                )
                .hint("such as `scope`, or `realm_access.roles`");
            return None;
        }
        Some(Self(names))
    }

    /// What stands there.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, others) = self.0.split_first()?;
        others.iter().try_fold(claims.get(first)?, |value, name| value.as_object()?.get(name))
    }
}

/// The words of a claim: of a text those between spaces, of a list those in it that are one word, of
/// a number, true or false itself. A text in a list is one word, whatever it has in it.
#[must_use]
pub fn words(claim: &Value) -> Vec<String> {
    match claim {
        Value::String(text) => {
            text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
        }
        Value::Array(list) => list.iter().filter_map(plain).collect(),
        one => plain(one).into_iter().collect(),
    }
}

/// Whether a claim is one of these values, or a list that has one of them.
#[must_use]
pub fn is_one_of(claim: &Value, values: &[String]) -> bool {
    let is = |one: &Value| plain(one).is_some_and(|own| values.contains(&own));
    match claim {
        Value::Array(list) => list.iter().any(is),
        one => is(one),
    }
}

/// Which claims are told, and in which fields.
#[derive(Debug, Default)]
pub struct Told(Vec<(String, String)>);

impl Told {
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

/// A claim that is one word, as text.
#[must_use]
pub fn plain(claim: &Value) -> Option<String> {
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
    fn claims_are_found_by_path() {
        let claims = json!({
            "scope": "a b",
            "a": { "b": { "c": [1] }, "b.c": 2 },
            "https://x.example/roles": ["r"],
            "a.b": 3,
        });
        let claims = claims.as_object().unwrap();
        for (text, expect) in [
            ("scope", Some(json!("a b"))),
            ("a.b.c", Some(json!([1]))),
            ("a.b\\.c", Some(json!(2))),
            ("a\\.b", Some(json!(3))),
            ("a.b", Some(json!({ "c": [1] }))),
            ("https://x.example/roles", Some(json!(["r"]))),
            ("https://x\\.example/roles", Some(json!(["r"]))),
            ("a.b.d", None),
            ("scope.a", None),
            ("a.b.c.0", None),
            ("none", None),
        ] {
            let path = Path::compile(text, "c", &mut Report::default()).unwrap();
            assert_eq!(path.find(claims), expect.as_ref(), "{text}");
        }
        for text in ["", ".", "a.", ".a", "a..b", "a.b.c.d.e.f.g.h.i", "a\u{0}b"] {
            let mut report = Report::default();
            assert_eq!(Path::compile(text, "c", &mut report), None, "{text:?}");
            assert_eq!(report.problems().len(), 1, "{text:?}");
        }
    }

    #[test]
    fn a_claim_has_words() {
        for (claim, expect) in [
            (json!("a b"), vec!["a", "b"]),
            (json!("  a  "), vec!["a"]),
            (json!("a\tb,c"), vec!["a\tb,c"]),
            (json!(["a b", "c", 1, true, null, ["d"], {}]), vec!["a b", "c", "1", "true"]),
            (json!(7), vec!["7"]),
            (json!(true), vec!["true"]),
            (json!(""), vec![]),
            (json!(null), vec![]),
            (json!({ "a": 1 }), vec![]),
        ] {
            assert_eq!(words(&claim), expect, "{claim}");
        }
    }

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
