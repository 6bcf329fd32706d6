//! Cookies of a request (RFC 6265 section 4.2): one or several fields of pairs.

use crate::{Fields, Malformed};

const FIELD: &str = "Cookie";

/// The values of the cookies of this name, in the order in which they were sent.
pub fn values<'a>(fields: &'a Fields, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    fields.all(FIELD).flat_map(pairs).filter_map(move |pair| {
        let value = pair.strip_prefix(name.as_bytes())?;
        value.strip_prefix(b"=")
    })
}

/// Takes the cookies of this name out; the others stay as they were written.
///
/// # Errors
/// When what is left breaks the head, which it does not.
pub fn remove(fields: &mut Fields, name: &str) -> Result<(), Malformed> {
    if values(fields, name).next().is_none() {
        return Ok(());
    }
    let is_one =
        |pair: &&[u8]| pair.strip_prefix(name.as_bytes()).is_some_and(|v| v.starts_with(b"="));
    let kept = fields.all(FIELD).flat_map(pairs).filter(|pair| !is_one(pair));
    let kept = kept.collect::<Vec<_>>().join(&b"; "[..]);
    match kept.is_empty() {
        true => fields.remove(FIELD),
        false => fields.set(FIELD, &kept)?,
    }
    Ok(())
}

/// The cookies whose names are this one, or this one with a dot and more behind it: what is behind the
/// name (without the dot), and the value, in the order in which they were sent.
pub fn family<'a>(fields: &'a Fields, name: &'a str) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    fields.all(FIELD).flat_map(pairs).filter_map(move |pair| member(pair, name))
}

/// Takes the cookies of a [`family`] out; the others stay as they were written.
///
/// # Errors
/// When what is left breaks the head, which it does not.
pub fn remove_family(fields: &mut Fields, name: &str) -> Result<(), Malformed> {
    if family(fields, name).next().is_none() {
        return Ok(());
    }
    let kept = fields.all(FIELD).flat_map(pairs).filter(|pair| member(pair, name).is_none());
    let kept = kept.collect::<Vec<_>>().join(&b"; "[..]);
    match kept.is_empty() {
        true => fields.remove(FIELD),
        false => fields.set(FIELD, &kept)?,
    }
    Ok(())
}

/// What is behind the name, and the value, of a pair of a family.
fn member<'a>(pair: &'a [u8], name: &str) -> Option<(&'a [u8], &'a [u8])> {
    let rest = pair.strip_prefix(name.as_bytes())?;
    let equals = rest.iter().position(|byte| *byte == b'=')?;
    let (behind, value) = rest.split_at_checked(equals)?;
    let behind = if behind.is_empty() { behind } else { behind.strip_prefix(b".")? };
    Some((behind, value.get(1..)?))
}

fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_and_taken_out() {
        let both: &[&str] = &["a=1; key=x; b=2", "key=y;key2=z"];
        for (lines, found, left) in [
            (both, &["x", "y"][..], &["a=1; b=2; key2=z"][..]),
            (&["key=x"], &["x"], &[]),
            (&["key=;a"], &[""], &["a"]),
            (&["a=key=x; Key=1; key"], &[], &["a=key=x; Key=1; key"]),
            (&[], &[], &[]),
        ] {
            let mut fields = Fields::new();
            lines.iter().for_each(|line| fields.add("Cookie", line.as_bytes()).unwrap());
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            assert_eq!(values(&fields, "key").map(text).collect::<Vec<_>>(), found, "{lines:?}");
            remove(&mut fields, "key").unwrap();
            assert_eq!(fields.all("cookie").map(text).collect::<Vec<_>>(), left, "{lines:?}");
        }
    }
    #[test]
    fn a_family_is_found_and_taken_out() {
        let mut fields = Fields::new();
        fields.add("Cookie", b"a=1; s=x; s.1=y=z; sx=2; s.login.q=w; s").unwrap();
        fields.add("Cookie", b"s=again; S=3").unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found: Vec<_> = family(&fields, "s").map(|(one, two)| (text(one), text(two))).collect();
        let expect = [("", "x"), ("1", "y=z"), ("login.q", "w"), ("", "again")];
        assert_eq!(found, expect.map(|(one, two)| (one.to_owned(), two.to_owned())));
        remove_family(&mut fields, "s").unwrap();
        assert_eq!(fields.all("cookie").map(text).collect::<Vec<_>>(), ["a=1; sx=2; s; S=3"]);
        remove_family(&mut fields, "none").unwrap();
        let mut fields = Fields::new();
        fields.add("Cookie", b"s.1=x").unwrap();
        remove_family(&mut fields, "s").unwrap();
        assert_eq!(fields.len(), 0);
    }
}
