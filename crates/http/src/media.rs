//! Media types (RFC 9110 section 8.3.1), and what else says how a body is written.

use crate::Fields;

/// A media type, or a range of them: `*` stands for anything, `*+json` for all with that suffix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    kind: String,
    name: String,
}

impl MediaType {
    /// One from its text. Parameters are not looked at; case does not matter.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let whole = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let (kind, name) = whole.split_once('/')?;
        let is_token = |text: &str| crate::is_token(text.as_bytes());
        (is_token(kind) && is_token(name))
            .then(|| Self { kind: kind.to_owned(), name: name.to_owned() })
    }

    /// In front of the slash, in lower case.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Behind the slash, in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether another one is in this range.
    #[must_use]
    pub fn takes(&self, other: &Self) -> bool {
        let name = match self.name.strip_prefix('*') {
            Some(end) => other.name.ends_with(end),
            None => self.name == other.name,
        };
        name && (self.kind == "*" || self.kind == other.kind)
    }

    /// How little of it is written out: 0 if it is one type.
    #[must_use]
    pub fn width(&self) -> usize {
        usize::from(self.kind == "*") * 2 + usize::from(self.name.contains('*'))
    }

    /// Whether what has it is JSON (RFC 8259, RFC 6839).
    #[must_use]
    pub fn is_json(&self) -> bool {
        let is_plain = matches!(self.kind.as_str(), "application" | "text") && self.name == "json";
        is_plain || self.name.ends_with("+json")
    }

    /// Whether what has it is XML (RFC 7303).
    #[must_use]
    pub fn is_xml(&self) -> bool {
        let is_plain = matches!(self.kind.as_str(), "application" | "text") && self.name == "xml";
        is_plain || self.name.ends_with("+xml")
    }
}

/// Whether a type names another encoding of its text than UTF-8.
#[must_use]
pub fn has_other_charset(text: &str) -> bool {
    let parameters = text.split(';').skip(1).filter_map(|one| one.split_once('='));
    let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charsets.any(|(_, value)| {
        let value = value.trim().trim_matches('"');
        !["utf-8", "utf8", "us-ascii"].iter().any(|known| value.eq_ignore_ascii_case(known))
    })
}

/// Whether a body was packed (RFC 9110 section 8.4), so that nobody sees what is in it.
#[must_use]
pub fn is_packed(fields: &Fields) -> bool {
    let mut codings = fields.all("content-encoding");
    codings.any(|value| !value.trim_ascii().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_for_what_they_are() {
        for (text, json, xml) in [
            ("application/json", true, false),
            ("Application/JSON; charset=utf-8", true, false),
            ("application/problem+json", true, false),
            ("text/json", true, false),
            ("image/json", false, false),
            ("application/x-www-form-urlencoded", false, false),
            ("application/jsonp", false, false),
            ("text/xml", false, true),
            ("application/soap+xml; action=x", false, true),
        ] {
            let read = MediaType::read(text).unwrap();
            assert_eq!((read.is_json(), read.is_xml()), (json, xml), "{text}");
        }
        for text in ["json", "a b/c", "", "/", "a/", "a/b/c"] {
            assert_eq!(MediaType::read(text), None, "{text}");
        }
    }

    #[test]
    fn ranges_take_what_they_say() {
        for (range, text, expect) in [
            ("*/*", "image/png", true),
            ("application/*", "application/json", true),
            ("application/*", "text/json", false),
            ("application/*+json", "application/ld+json", true),
            ("application/*+json", "application/json", false),
            ("application/json", "application/json;v=1", true),
        ] {
            let read = |text| MediaType::read(text).unwrap();
            assert_eq!(read(range).takes(&read(text)), expect, "{range} {text}");
        }
    }

    #[test]
    fn what_is_not_plain_utf_8_is_known() {
        assert!(has_other_charset("application/json; Charset=\"utf-16\""));
        assert!(!has_other_charset("application/json;charset=\"UTF-8\"; a=b"));
        let mut fields = Fields::new();
        fields.add("Content-Encoding", b"Identity").unwrap();
        assert!(!is_packed(&fields));
        fields.add("content-encoding", b"gzip").unwrap();
        assert!(is_packed(&fields));
    }
}
