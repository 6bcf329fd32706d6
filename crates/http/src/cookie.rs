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
}
