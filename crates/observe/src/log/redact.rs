//! Queries without their secrets: which parameters look secret, and what is logged of them.

use super::escape::{Escape, capped};

/// Logged in place of a secret value.
const REDACTED: &[u8] = b"***";

/// Longest folded name that is judged; a longer one counts as secret.
const NAME_BYTES_MAX: usize = 64;

/// Names that are secret as they are, folded (see [`is_secret`]).
const SECRET_NAMES: &[&[u8]] = &[
    b"auth",
    b"code",
    b"idtokenhint",
    b"jwt",
    b"key",
    b"otp",
    b"pass",
    b"pin",
    b"pwd",
    b"samlresponse",
    b"sid",
    b"sig",
];

/// What the name of a secret ends with, folded: `token` stands for `access_token`,
/// `X-Amz-Security-Token`, `csrfToken` and so on.
const SECRET_ENDINGS: &[&[u8]] = &[
    b"accesskey",
    b"apikey",
    b"assertion",
    b"authorization",
    b"credential",
    b"credentials",
    b"passphrase",
    b"passwd",
    b"password",
    b"privatekey",
    b"secret",
    b"sessionid",
    b"signature",
    b"token",
];

/// Appends a query, capped and escaped; the values of secret-looking names are left out.
pub(crate) fn query(out: &mut Vec<u8>, query: &[u8], escape: impl Escape) {
    let (kept, cut) = capped(query);
    parameters(out, kept, escape);
    out.extend_from_slice(cut);
}

/// Appends a URL, capped and escaped; its query and fragment are treated as [`query`] does.
pub(crate) fn url(out: &mut Vec<u8>, url: &[u8], escape: impl Escape) {
    let (kept, cut) = capped(url);
    let path = kept.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(kept.len());
    let (path, rest) = kept.split_at_checked(path).unwrap_or((kept, b""));
    escape(out, path);
    parameters(out, rest, escape);
    out.extend_from_slice(cut);
}

/// Every separator that some server splits at is one here, so that none of them hides a secret.
fn parameters(out: &mut Vec<u8>, all: &[u8], escape: impl Escape) {
    for part in all.split_inclusive(|byte| matches!(byte, b'&' | b';' | b'?' | b'#')) {
        let (parameter, separator) = match part.split_last() {
            Some((b'&' | b';' | b'?' | b'#', before)) => (before, part.get(before.len()..)),
            _ => (part, None),
        };
        let equals = parameter.iter().position(|byte| *byte == b'=');
        match equals.and_then(|at| parameter.split_at_checked(at + 1)) {
            Some((name, _)) if is_secret(name.strip_suffix(b"=").unwrap_or(name)) => {
                escape(out, name);
                out.extend_from_slice(REDACTED);
            }
            _ => escape(out, parameter),
        }
        out.extend_from_slice(separator.unwrap_or_default());
    }
}

/// Whether the value of a parameter of this name is kept out of logs. The name is folded first:
/// percent-decoded, in lower case, without `_ - . [ ]`.
fn is_secret(name: &[u8]) -> bool {
    let mut folded = [0; NAME_BYTES_MAX];
    let mut free = folded.iter_mut();
    let mut rest = name;
    while let Some((byte, after)) = decoded_first(rest) {
        rest = after;
        if matches!(byte, b'_' | b'-' | b'.' | b'[' | b']') {
            continue;
        }
        let Some(place) = free.next() else { return true };
        *place = byte.to_ascii_lowercase();
    }
    let length = NAME_BYTES_MAX - free.len();
    let folded = folded.get(..length).unwrap_or(&[]);
    SECRET_NAMES.contains(&folded) || SECRET_ENDINGS.iter().any(|ending| folded.ends_with(ending))
}

/// The first byte of percent-encoded text and what follows it.
fn decoded_first(text: &[u8]) -> Option<(u8, &[u8])> {
    if let [b'%', high, low, rest @ ..] = text
        && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
    {
        return Some((high << 4 | low, rest));
    }
    text.split_first().map(|(byte, rest)| (*byte, rest))
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
