//! Which exchanges are remembered so that they can be explained, and who may ask for one.

use std::collections::BTreeSet;
use std::time::Duration;

use yumen_model::report::Report;
use yumen_model::{Explain, Keep, Model};
use yumen_tls::SigningKey;

/// Bytes of a secret, at least.
const SECRET_BYTES_MIN: usize = 16;
/// The header fields that routes match on of which values are kept, at most.
const FIELDS_MAX: usize = 16;
/// Most exchanges and bytes that can be asked for.
const ENTRIES_MAX: u32 = 100_000;
const BYTES_MAX: u64 = 256 << 20;

/// Parts of the names of fields whose values are never kept.
const SECRET_PARTS: [&str; 9] =
    ["auth", "cookie", "token", "secret", "key", "password", "session", "signature", "credential"];

/// Which exchanges are remembered.
#[derive(Debug)]
pub struct Remember {
    /// Those that failed.
    pub failures: bool,
    /// The share of the others, of 2^32.
    pub share: u64,
    /// How many, all workers together.
    pub entries: usize,
    /// How many bytes, all workers together.
    pub bytes: usize,
    /// The header fields whose values are kept: what routes match on, unless it looks secret.
    pub fields: Box<[Box<str>]>,
    /// Who may ask for one.
    pub debug: Option<Debugging>,
}

impl Remember {
    /// Whether nothing is remembered at all.
    #[must_use]
    pub fn is_off(&self) -> bool {
        !self.failures && self.share == 0 && self.debug.is_none()
    }

    /// Whether an exchange with this id is among the share that is remembered.
    #[must_use]
    pub fn samples(&self, id: &[u8]) -> bool {
        self.share > 0 && place(id) < self.share
    }
}

/// Where an exchange stands among 2^32, by its id: the same everywhere (FNV-1a).
fn place(id: &[u8]) -> u64 {
    let hash = id
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash.into()
}

/// Knows signed requests to be remembered from forged ones.
#[derive(Debug)]
pub struct Debugging {
    key: SigningKey,
    lifetime_max: Option<Duration>,
}

/// What is signed: one request, as it was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The method.
    pub method: &'a str,
    /// The host, as it is matched.
    pub host: &'a str,
    /// The canonical path, without the query.
    pub path: &'a str,
}

impl Debugging {
    /// With this secret.
    #[must_use]
    pub fn new(secret: &str, lifetime_max: Option<Duration>) -> Self {
        Self { key: SigningKey::new(secret.as_bytes()), lifetime_max }
    }

    /// The value of the header field that holds until `expiry`, in seconds since 1970.
    #[must_use]
    pub fn token(&self, signed: &Signed<'_>, expiry: u64) -> String {
        let mut token = format!("{expiry}.");
        for byte in self.key.sign(message(signed, expiry).as_bytes()) {
            token.push_str(&format!("{byte:02x}"));
        }
        token
    }

    /// Whether this value was made for this request and still holds, `now` seconds since 1970.
    #[must_use]
    pub fn holds(&self, token: &[u8], signed: &Signed<'_>, now: u64) -> bool {
        let token = std::str::from_utf8(token).ok();
        let Some((expiry, signature)) = token.and_then(|token| token.split_once('.')) else {
            return false;
        };
        // One way to write a number, so that one signature has one text.
        let is_plain = expiry.bytes().all(|byte| byte.is_ascii_digit()) && !expiry.starts_with('0');
        let Some(expiry) = expiry.parse::<u64>().ok().filter(|_| is_plain) else { return false };
        let latest = self.lifetime_max.map_or(u64::MAX, |most| now.saturating_add(most.as_secs()));
        if expiry < now || expiry > latest {
            return false;
        }
        let Some(signature) = from_hex(signature) else { return false };
        self.key.verify(message(signed, expiry).as_bytes(), &signature)
    }
}

/// Method and host have no line ends, and neither has a canonical path: no two requests have the
/// same message.
fn message(signed: &Signed<'_>, expiry: u64) -> String {
    format!("yumen-debug 1\n{}\n{}\n{}\n{expiry}", signed.method, signed.host, signed.path)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    /// Digits of a signature.
    const DIGITS: usize = 64;
    if text.len() != DIGITS {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().as_chunks::<2>().0.iter();
    pairs.map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// Compiles what is to be remembered.
pub(crate) fn compile(model: &Model, report: &mut Report) -> Remember {
    let Explain { keep, sample, entries, bytes, debug_header } = &model.explain;
    if !(0.0..=1.0).contains(sample) {
        report
            .error("explain.sample", format!("{sample} is not between 0 and 1"))
            .hint("0.01 remembers one of a hundred");
    }
    if !(1..=ENTRIES_MAX).contains(entries) {
        report
            .error("explain.entries", format!("{entries} is not between 1 and {ENTRIES_MAX}"))
            .hint("to remember nothing, write `keep: off`");
    }
    if !(1..=BYTES_MAX).contains(&bytes.0) {
        report
            .error("explain.bytes", "it is not between 1B and 256MiB")
            .hint("to remember nothing, write `keep: off`");
    }
    let debug = debug_header.as_ref().map(|header| {
        let secret = header.secret.text();
        if secret.len() < SECRET_BYTES_MIN {
            report
                .error(
                    "explain.debug_header.secret",
                    format!("a secret of fewer than {SECRET_BYTES_MIN} bytes can be guessed"),
                )
                .hint("make one with `openssl rand -hex 32`");
        }
        Debugging::new(secret, header.lifetime_max.get())
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of 2^32 is between 0 and 2^32"
    )]
    let share = (sample.clamp(0.0, 1.0) * f64::from(u32::MAX)).ceil() as u64;
    Remember {
        failures: *keep == Keep::Failures,
        share: if *sample >= 1.0 { 1 << 32 } else { share },
        entries: usize::try_from(*entries).unwrap_or(usize::MAX),
        bytes: usize::try_from(bytes.0).unwrap_or(usize::MAX),
        fields: fields(model),
        debug,
    }
}

/// The fields that routes match on and that do not look secret.
fn fields(model: &Model) -> Box<[Box<str>]> {
    let inside = model.services.iter().flat_map(|service| &service.routes);
    let names = inside
        .chain(&model.routes)
        .flat_map(|route| route.matches.headers.keys())
        .map(|name| name.to_ascii_lowercase())
        .filter(|name| !SECRET_PARTS.iter().any(|part| name.contains(part)));
    let names: BTreeSet<String> = names.collect();
    names.into_iter().take(FIELDS_MAX).map(String::into_boxed_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Signed<'static> =
        Signed { method: "GET", host: "api.example.com", path: "/orders/7" };

    #[test]
    fn a_signature_holds_for_one_request_and_one_time() {
        let debugging = Debugging::new("0123456789abcdef", Some(Duration::from_secs(600)));
        let token = debugging.token(&ASKED, 1_000);
        for (what, token, signed, now, holds) in [
            ("the request itself", token.clone(), ASKED, 900, true),
            ("at the last second", token.clone(), ASKED, 1_000, true),
            ("too late", token.clone(), ASKED, 1_001, false),
            ("for too long", token.clone(), ASKED, 399, false),
            ("another path", token.clone(), Signed { path: "/orders/8", ..ASKED }, 900, false),
            ("another host", token.clone(), Signed { host: "example.com", ..ASKED }, 900, false),
            ("another method", token.clone(), Signed { method: "POST", ..ASKED }, 900, false),
            ("another expiry", token.replacen("1000", "1001", 1), ASKED, 900, false),
            ("a zero in front", format!("0{token}"), ASKED, 900, false),
            ("a sign in front", format!("+{token}"), ASKED, 900, false),
            ("in capitals", token.to_ascii_uppercase(), ASKED, 900, false),
            ("cut", token.get(..token.len() - 1).unwrap().to_owned(), ASKED, 900, false),
            ("nothing", String::new(), ASKED, 900, false),
        ] {
            assert_eq!(debugging.holds(token.as_bytes(), &signed, now), holds, "{what}");
        }
        let other = Debugging::new("0123456789abcdeg", None);
        assert!(!other.holds(token.as_bytes(), &ASKED, 900));
    }
}
