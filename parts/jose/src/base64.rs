//! The one base64 that tokens and keys have: the alphabet for URLs, without padding and without
//! bits that belong to no byte (RFC 7515 section 2).

use data_encoding::BASE64URL_NOPAD;

/// The bytes of a text; `None` if it is written in any other way than [`encode`] writes it.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

/// The one text for these bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_text() {
        for (text, expect) in [
            ("", Some(&b""[..])),
            ("Zm9v", Some(b"foo")),
            ("-_8", Some(b"\xfb\xff")),
            ("AA", Some(b"\0")),
            // Bits behind the last byte.
            ("AB", None),
            ("-_9", None),
            // Padding, whole or half.
            ("AA==", None),
            ("AA=", None),
            ("=", None),
            // The standard alphabet.
            ("+/8", None),
            // White space.
            ("Zm9v ", None),
            (" Zm9v", None),
            ("Zm\n9v", None),
            ("Zm9v\r\n", None),
            // A single character is no byte.
            ("A", None),
            ("Zm9vA", None),
            ("Zm9\0", None),
            ("Zm9\u{e9}", None),
        ] {
            assert_eq!(decode(text).as_deref(), expect, "{text:?}");
            if let Some(bytes) = expect {
                assert_eq!(encode(bytes), text);
            }
        }
    }
}
