//! What is logged without its secrets: which names look secret, and what is written of their values.

use yumen_model::{AccessLog, LogNames};

use super::escape::{Escape, capped};

/// Logged in place of a secret value.
pub(crate) const REDACTED: &[u8] = b"***";

/// Longest folded name that is judged; a longer one counts as secret.
const NAME_BYTES_MAX: usize = 64;

/// Names that are secret as they are, folded (see [`folded`]).
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
    b"cookie",
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

/// What one configuration keeps out of all that is written of exchanges: the access log, and spans.
#[derive(Debug, Default)]
pub struct Secrets {
    headers: Rules,
    query: Rules,
}

/// Names, folded, for which something else holds than for those that look alike.
#[derive(Debug, Default)]
struct Rules {
    hidden: Box<[Box<[u8]>]>,
    shown: Box<[Box<[u8]>]>,
}

impl Secrets {
    pub(crate) fn new(config: &AccessLog) -> Self {
        let rules = |names: fn(&LogNames) -> &[String]| Rules {
            hidden: names(&config.redact).iter().filter_map(|name| fold(name)).collect(),
            shown: names(&config.show).iter().filter_map(|name| fold(name)).collect(),
        };
        Self { headers: rules(|names| &names.headers), query: rules(|names| &names.query) }
    }

    /// Whether the value of a header field is kept out.
    pub(crate) fn hides_header(&self, name: &[u8]) -> bool {
        self.headers.hide(name)
    }

    /// Appends a query, capped and escaped; the values of secret names are left out.
    pub(crate) fn query(&self, out: &mut Vec<u8>, query: &[u8], escape: impl Escape) {
        let (kept, cut) = capped(query);
        self.parameters(out, kept, escape);
        out.extend_from_slice(cut);
    }

    /// Appends a URL, capped and escaped; its query and fragment are treated as [`Self::query`] does.
    pub(crate) fn url(&self, out: &mut Vec<u8>, url: &[u8], escape: impl Escape) {
        let (kept, cut) = capped(url);
        let path = kept.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(kept.len());
        let (path, rest) = kept.split_at_checked(path).unwrap_or((kept, b""));
        escape(out, path);
        self.parameters(out, rest, escape);
        out.extend_from_slice(cut);
    }

    /// Every separator that some server splits at is one here, so that none of them hides a secret.
    fn parameters(&self, out: &mut Vec<u8>, all: &[u8], escape: impl Escape) {
        for part in all.split_inclusive(|byte| matches!(byte, b'&' | b';' | b'?' | b'#')) {
            let (parameter, separator) = match part.split_last() {
                Some((b'&' | b';' | b'?' | b'#', before)) => (before, part.get(before.len()..)),
                _ => (part, None),
            };
            let equals = parameter.iter().position(|byte| *byte == b'=');
            match equals.and_then(|at| parameter.split_at_checked(at + 1)) {
                Some((name, _)) if self.query.hide(name.strip_suffix(b"=").unwrap_or(name)) => {
                    escape(out, name);
                    out.extend_from_slice(REDACTED);
                }
                _ => escape(out, parameter),
            }
            out.extend_from_slice(separator.unwrap_or_default());
        }
    }
}

impl Rules {
    /// Whether the value of this name is kept out of logs.
    fn hide(&self, name: &[u8]) -> bool {
        let mut room = [0; NAME_BYTES_MAX];
        let Some(folded) = folded(name, &mut room) else { return true };
        let among = |names: &[Box<[u8]>]| names.iter().any(|name| **name == *folded);
        if among(&self.hidden) {
            return true;
        }
        let looks_secret = SECRET_NAMES.contains(&folded)
            || SECRET_ENDINGS.iter().any(|ending| folded.ends_with(ending));
        looks_secret && !among(&self.shown)
    }
}

/// A name of the configuration, folded; `None` if it is too long or nothing is left of it.
pub(crate) fn fold(name: &str) -> Option<Box<[u8]>> {
    let mut room = [0; NAME_BYTES_MAX];
    folded(name.as_bytes(), &mut room).filter(|folded| !folded.is_empty()).map(Box::from)
}

/// The name percent-decoded, in lower case, without `_ - . [ ]` and blanks; `None` if it is too long.
fn folded<'r>(name: &[u8], room: &'r mut [u8; NAME_BYTES_MAX]) -> Option<&'r [u8]> {
    let mut free = room.iter_mut();
    let mut rest = name;
    while let Some((byte, after)) = decoded_first(rest) {
        rest = after;
        if matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b' ') {
            continue;
        }
        *free.next()? = byte.to_ascii_lowercase();
    }
    let length = NAME_BYTES_MAX - free.len();
    room.get(..length)
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
