//! A secret: its keys and their values.

use std::collections::HashMap;
use std::fmt;

use serde_json::value::RawValue;

use crate::fault::Fault;
use crate::hidden::Hidden;

/// A secret that was read. Which keys it has is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    path: String,
    /// `None` for what is no text and no number.
    values: HashMap<String, Option<Hidden>>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Secret {
    pub(crate) fn new(path: &str, values: HashMap<String, Box<RawValue>>) -> Self {
        let values = values.into_iter().map(|(key, value)| (key, text(&value))).collect();
        Self { path: path.to_owned(), values }
    }

    /// With one value, such as tests want it.
    #[must_use]
    pub fn of(path: &str, key: &str, value: &str) -> Self {
        let values = HashMap::from([(key.to_owned(), Some(Hidden(value.to_owned())))]);
        Self { path: path.to_owned(), values }
    }

    /// The value of a key: a text, or a number, `true` or `false` as it is written.
    ///
    /// # Errors
    /// If there is no such key, or its value is something else. Which keys there are is not told.
    pub fn value(&self, key: &str) -> Result<&str, Fault> {
        let path = &self.path;
        match self.values.get(key) {
            Some(Some(value)) => Ok(&value.0),
            Some(None) => Err(Fault::wrong(
                format!("the value of its key `{key}` is no text"),
                "store a text, a number, `true` or `false` there: lists and maps have no one form",
            )),
            None => Err(Fault::wrong(
                format!("it has no key `{key}`"),
                format!("`vault kv get {path}` shows which keys it has"),
            )),
        }
    }
}

/// As it is written: a number that went through a float would be another one.
fn text(value: &RawValue) -> Option<Hidden> {
    let written = value.get();
    match written.bytes().next()? {
        b'"' => serde_json::from_str(written).ok().map(Hidden),
        b'{' | b'[' | b'n' => None,
        _ => Some(Hidden(written.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_texts_numbers_and_truths() {
        let json = r#"{"a": "x\n\u00e4\"", "b": 1.10, "c": 12345678901234567890123, "d": true, "e": -0,
            "f": null, "g": [1], "h": {}, "": "empty", "i": ""}"#;
        let secret = Secret::new("secret/shop", serde_json::from_str(json).unwrap());
        for (key, expect) in [
            ("a", "x\n\u{e4}\""),
            ("b", "1.10"),
            ("c", "12345678901234567890123"),
            ("d", "true"),
            ("e", "-0"),
            ("", "empty"),
            ("i", ""),
        ] {
            assert_eq!(secret.value(key), Ok(expect), "{key}");
        }
        for key in ["f", "g", "h"] {
            let fault = secret.value(key).unwrap_err();
            assert!(fault.why.contains("no text") && !fault.is_away(), "{fault}");
        }
        let fault = secret.value("j").unwrap_err();
        assert_eq!(
            fault.to_string(),
            "it has no key `j`; `vault kv get secret/shop` shows which keys it has"
        );
        assert_eq!(format!("{secret:?}"), r#"Secret { path: "secret/shop", .. }"#);
    }
}
