//! The key of a WebSocket's handshake, and the only answer to it (RFC 6455 section 4).

use data_encoding::BASE64;
use sha1::{Digest, Sha1};

use crate::fields::Fields;

/// What is put behind a key before it is hashed.
const SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a key before they are written in Base64.
const KEY_LENGTH: usize = 16;

/// The field that holds the key.
pub(crate) const KEY: &str = "sec-websocket-key";
/// The field that holds the answer to it.
pub(crate) const ACCEPT: &str = "sec-websocket-accept";

/// A key of these bytes.
pub(crate) fn make_key(nonce: [u8; KEY_LENGTH]) -> String {
    BASE64.encode(&nonce)
}

/// The key of a request, if it has one.
pub(crate) fn key(fields: &Fields) -> Option<&[u8]> {
    let key = fields.only(KEY)?;
    let decoded = BASE64.decode(key).ok()?;
    (decoded.len() == KEY_LENGTH).then_some(key)
}

/// Whether the answer's fields agree to the handshake that the request's fields begin. Without
/// that, the service may not have meant this request, or have meant something else.
#[must_use]
pub fn agrees_to_websocket(request: &Fields, answer: &Fields) -> bool {
    let expected = key(request).map(|key| {
        let hash = Sha1::new().chain_update(key).chain_update(SUFFIX).finalize();
        BASE64.encode(&hash)
    });
    expected.is_some_and(|expected| answer.only(ACCEPT) == Some(expected.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(name: &str, values: &[&str]) -> Fields {
        let mut fields = Fields::new();
        for value in values {
            fields.add(name, value.as_bytes()).unwrap();
        }
        fields
    }

    #[test]
    fn only_the_right_answer_agrees() {
        // The example of RFC 6455 section 1.3.
        const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
        const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        for (keys, accepts, expect) in [
            (&[KEY][..], &[ACCEPT][..], true),
            (&[KEY], &[], false),
            (&[KEY], &["s3pPLMBiTxaQ9kYGzzhZRbK+xOO="], false),
            (&[KEY], &["s3pplmbitxaq9kygzzhzrbk+xoo="], false),
            (&[KEY], &[ACCEPT, ACCEPT], false),
            (&[KEY, KEY], &[ACCEPT], false),
            (&[], &[ACCEPT], false),
            (&["dGhlIHNhbXBsZSBub25jZQ"], &[ACCEPT], false),
        ] {
            let request = fields("Sec-WebSocket-Key", keys);
            let answer = fields("Sec-WebSocket-Accept", accepts);
            assert_eq!(agrees_to_websocket(&request, &answer), expect, "{keys:?} {accepts:?}");
        }
        assert_eq!(make_key(*b"the sample nonce"), KEY);
    }
}
