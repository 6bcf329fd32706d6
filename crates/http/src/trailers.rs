//! Which fields may stand behind a body.

use crate::fields::{Fields, Kinds, Known};
use crate::refusal::Malformed;

/// Fields for authentication, routing, caching and content that are taken from heads only.
const FORBIDDEN: [&str; 14] = [
    "authorization",
    "cookie",
    "set-cookie",
    "cache-control",
    "content-type",
    "content-encoding",
    "content-range",
    "max-forwards",
    "range",
    "www-authenticate",
    "location",
    "vary",
    "age",
    "expires",
];

/// Takes out what must not speak for the head (RFC 9110 section 6.5.1); `None` if nothing is left.
pub(crate) fn clean(trailers: Fields) -> Option<Fields> {
    keep(trailers, Kinds::of(&[Known::Other, Known::Trace]))
}

fn keep(mut trailers: Fields, kinds: Kinds) -> Option<Fields> {
    trailers.remove_kinds(kinds.others());
    for name in FORBIDDEN {
        trailers.remove(name);
    }
    Some(trailers).filter(|trailers| !trailers.is_empty())
}

/// The trailers of an HTTP/2 request, as far as they are passed on. White space around a value is
/// taken off, as it is where trailers come as text.
///
/// # Errors
/// When they are larger than `most` bytes, or hold what no field has.
pub fn read_trailers<'a>(
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    most: usize,
) -> Result<Option<Fields>, Malformed> {
    read(fields, most).map(clean)
}

/// As [`read_trailers`], of an answer: names with an underscore, which gRPC allows, deceive nobody
/// there.
///
/// # Errors
/// As [`read_trailers`].
pub fn read_answer_trailers<'a>(
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    most: usize,
) -> Result<Option<Fields>, Malformed> {
    let kinds = Kinds::of(&[Known::Other, Known::Trace, Known::Underscore]);
    read(fields, most).map(|trailers| keep(trailers, kinds))
}

fn read<'a>(
    fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    most: usize,
) -> Result<Fields, Malformed> {
    let mut trailers = Fields::new();
    for (name, value) in fields {
        trailers.add(name, crate::grammar::trim(value))?;
        if trailers.buffer_size() > most {
            return Err(Malformed("trailers that are too long"));
        }
    }
    Ok(trailers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_do_not_speak_for_the_head() {
        let fields = [("x-sum", &b"1"[..]), ("content-length", b"5"), ("set-cookie", b"a=b")];
        let trailers = read_trailers(fields.into_iter(), 100).unwrap().unwrap();
        assert_eq!(trailers.iter().collect::<Vec<_>>(), [(&b"x-sum"[..], &b"1"[..])]);
        assert!(read_trailers(fields.into_iter().skip(1), 100).unwrap().is_none());
        assert!(read_trailers(fields.into_iter(), 10).is_err());
        assert!(read_trailers([("x", &b"a\n"[..])].into_iter(), 100).is_err());
        let named = || [("x_y", &b" 1 "[..])].into_iter();
        assert!(read_trailers(named(), 100).unwrap().is_none());
        let trailers = read_answer_trailers(named(), 100).unwrap().unwrap();
        assert_eq!(trailers.first("x_y"), Some(&b"1"[..]));
    }
}
