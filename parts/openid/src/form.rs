//! Texts in forms and queries (`application/x-www-form-urlencoded`).

use std::fmt::Write;

/// A text as it stands in a form or a query: all but letters, digits and `-._~` is percent-encoded.
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // To write into memory cannot fail.
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
    }
    out
}

/// Pairs of names and values as a form.
#[must_use]
pub fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let written =
        pairs.into_iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    written.collect::<Vec<_>>().join("&")
}

/// A URL with more in its query.
#[must_use]
pub fn with_query(url: &str, query: &str) -> String {
    let sign = match url.rsplit_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{url}{sign}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_its_place() {
        assert_eq!(
            pairs([("a b", "c&d=e+f"), ("x", "%\r\n\u{e4}"), ("", "")]),
            "a%20b=c%26d%3De%2Bf&x=%25%0D%0A%C3%A4&="
        );
        for (url, expect) in [
            ("https://a/b", "https://a/b?q"),
            ("https://a/b?", "https://a/b?q"),
            ("https://a/b?c=d", "https://a/b?c=d&q"),
        ] {
            assert_eq!(with_query(url, "q"), expect);
        }
    }
}
