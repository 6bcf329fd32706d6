//! Query parameters, compared as they are after decoding, and taken out.

use std::borrow::Cow;

/// The decoded values of one parameter by its decoded name, in the order in which they were sent.
/// Parameters are parted by `&`; `+` is a space; a `%` that encodes nothing stands for itself.
pub fn values<'a>(query: &'a [u8], name: &'a str) -> impl Iterator<Item = Cow<'a, [u8]>> {
    query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).filter_map(move |pair| {
        let (written, value) = halves(pair);
        decoded(written).eq(name.bytes()).then(|| {
            if value.iter().any(|byte| matches!(byte, b'%' | b'+')) {
                Cow::Owned(decoded(value).collect())
            } else {
                Cow::Borrowed(value)
            }
        })
    })
}

fn halves(pair: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = pair.splitn(2, |byte| *byte == b'=');
    (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
}

/// The query without the parameters of this decoded name; all else stays as it was written.
#[must_use]
pub fn without(query: &[u8], name: &str) -> Vec<u8> {
    let kept = query.split(|byte| *byte == b'&');
    let kept = kept.filter(|pair| !decoded(halves(pair).0).eq(name.bytes()));
    kept.collect::<Vec<_>>().join(&b'&')
}

/// The bytes that a percent-encoded text stands for.
pub fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (first, tail) = rest.split_first()?;
        rest = tail;
        Some(match first {
            b'+' => b' ',
            b'%' => match tail.split_first_chunk::<2>().and_then(|(hex, after)| {
                rest = after;
                hex_byte(*hex)
            }) {
                Some(byte) => byte,
                None => {
                    rest = tail;
                    b'%'
                }
            },
            other => *other,
        })
    })
}

/// The byte that two hexadecimal digits stand for.
#[must_use]
pub fn hex_byte([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_decoded_name() {
        let check = |query: &str, name: &str, expect: &[&str]| {
            let found: Vec<_> = values(query.as_bytes(), name)
                .map(|value| String::from_utf8_lossy(&value).into_owned())
                .collect();
            assert_eq!(found, expect, "{query} {name}");
        };
        check("a=1&b=2", "a", &["1"]);
        check("a=1&a=2", "a", &["1", "2"]);
        check("a", "a", &[""]);
        check("a=", "a", &[""]);
        check("a=b=c", "a", &["b=c"]);
        check("", "", &[]);
        check("&&", "", &[]);
        check("aa=1", "a", &[]);
        check("%61=%31", "a", &["1"]);
        check("a+b=c+d%2B", "a b", &["c d+"]);
        check("a=%zz%4", "a", &["%zz%4"]);
        check("a=%%41", "a", &["%A"]);
        check("a=1;b=2", "b", &[]);
        check("A=1", "a", &[]);
        check("a=caf%C3%A9", "a", &["café"]);
    }

    #[test]
    fn parameters_are_taken_out_by_decoded_name() {
        for (query, left) in [
            ("key=1", ""),
            ("a=1&key=2&b=3&%6Bey", "a=1&b=3"),
            ("a=%2f&&b", "a=%2f&&b"),
            ("keys=1&Key=2", "keys=1&Key=2"),
        ] {
            assert_eq!(String::from_utf8_lossy(&without(query.as_bytes(), "key")), left, "{query}");
        }
    }
}
