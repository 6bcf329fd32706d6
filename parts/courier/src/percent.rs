//! Percent-encoded text, as `grpc-message` and the names of sockets have it.

/// The bytes that are meant. What is no encoding stands for itself.
pub(crate) fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        let pair = behind.first_chunk::<2>().filter(|_| first == b'%');
        match pair.and_then(|[high, low]| Some(hex(*high)? << 4 | hex(*low)?)) {
            Some(byte) => {
                out.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = behind;
            }
        }
    }
    out
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_and_the_rest_stays() {
        for (text, expect) in [
            ("", &b""[..]),
            ("plain", b"plain"),
            ("%2Frun%2fx.sock", b"/run/x.sock"),
            ("50 %25 of %C3%A4", b"50 % of \xc3\xa4"),
            ("%", b"%"),
            ("%4", b"%4"),
            ("%4g%41", b"%4gA"),
            ("%%41", b"%A"),
        ] {
            assert_eq!(decode(text.as_bytes()), expect, "{text}");
        }
    }
}
