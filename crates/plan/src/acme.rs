//! Certificates from an authority: which names, and whether what is said of it can be.

use std::sync::Arc;

use yumen_model::report::Report;
use yumen_model::{Acme, AcmeChallenge, ExternalAccount, Model};
use yumen_tls::{Client, ClientText};

/// The longest name: as a file with an ending it must fit into a folder.
const NAME_MAX: usize = 240;
/// The most names: each is a file that is read again when one of them has changed.
const NAMES_MAX: usize = 1000;

/// What is asked of an authority.
#[derive(Debug, PartialEq)]
pub struct AcmePlan {
    /// As it was written.
    pub acme: Acme,
    /// The names that listeners want certificates for, each once, in lower case.
    pub names: Vec<String>,
    /// The challenges that listeners can answer, the best first.
    pub challenges: Vec<AcmeChallenge>,
    /// The key of the external account.
    pub external_key: Vec<u8>,
    /// Whose word is taken for the authority's own certificate.
    pub client: Arc<Client>,
}

/// Compiles it; `None` if nothing is asked for, or something is wrong.
pub(crate) fn compile(model: &Model, report: &mut Report) -> Option<AcmePlan> {
    let names = names(model, report);
    let Some(acme) = &model.acme else {
        if let Some((at, _)) = names.first() {
            report
                .error(at.as_str(), "there is no authority to get a certificate from")
                .hint("add `acme: { terms_agreed: true }` at the top of the configuration");
        }
        return None;
    };
    if names.is_empty() {
        report
            .warning("acme", "no listener has names to get certificates for")
            .hint("add them to `tls.acme` of a listener");
    }
    check(acme, report);
    let challenges = challenges(acme, model, report);
    let external_key = external_key(acme.external_account.as_ref(), report);
    let ca = acme.ca.as_ref().map(|ca| ca.text().to_owned());
    let text = ClientText { ca, protocols: vec![b"http/1.1"], ..ClientText::default() };
    match Client::compile(text) {
        Ok(client) => (!names.is_empty()).then(|| AcmePlan {
            acme: acme.clone(),
            names: names.into_iter().map(|(_, name)| name).collect(),
            challenges,
            external_key,
            client: Arc::new(client),
        }),
        Err(problems) => {
            for problem in problems {
                report.error(format!("acme.{}", problem.at), problem.message).hint(problem.hint);
            }
            None
        }
    }
}

/// Each name once, with where it is written first.
fn names(model: &Model, report: &mut Report) -> Vec<(String, String)> {
    let mut names: Vec<(String, String)> = Vec::new();
    for (index, listener) in model.listeners.iter().enumerate() {
        let written = listener.tls.iter().flat_map(|tls| tls.acme.iter().enumerate());
        for (number, name) in written {
            let at = format!("listeners[{index}].tls.acme[{number}]");
            if let Some((message, hint)) = wrong_name(name) {
                report.error(at, format!("`{name}` {message}")).hint(hint);
            } else if names.len() == NAMES_MAX {
                report
                    .error(at, format!("there are more than {NAMES_MAX} names"))
                    .hint("share them out over several gateways");
                return names;
            } else {
                let name = name.to_ascii_lowercase();
                if !names.iter().any(|(_, known)| *known == name) {
                    names.push((at, name));
                }
            }
        }
    }
    names
}

/// What is wrong with a name, and what would be right.
fn wrong_name(name: &str) -> Option<(&'static str, &'static str)> {
    if name.starts_with("*.") {
        let hint = "list the names themselves; a wildcard needs the challenge dns-01, which Yumen \
                    cannot answer: get that certificate elsewhere and write it in `certificates`";
        return Some(("is a wildcard", hint));
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_address = name.split('.').all(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    let is_name = name.len() <= NAME_MAX && name.contains('.') && name.split('.').all(is_label);
    (!is_name || is_address).then_some((
        "is no name that an authority can issue for",
        "write a whole host name such as `shop.example.com`; one with other letters in its \
         `xn--` form",
    ))
}

fn check(acme: &Acme, report: &mut Report) {
    if !acme.terms_agreed {
        report
            .error("acme.terms_agreed", "the terms of the authority are not agreed to")
            .hint("read them, then write `terms_agreed: true`");
    }
    let rest = acme.directory.strip_prefix("https://");
    let is_url = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && acme.directory.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_url {
        report
            .error("acme.directory", format!("`{}` is no directory", acme.directory))
            .hint("a URL that begins with https://; leave it out for Let's Encrypt");
    }
    for (index, contact) in acme.contact.iter().enumerate() {
        let halves = contact.split_once('@');
        let is_mail = halves.is_some_and(|(user, host)| !user.is_empty() && host.contains('.'))
            && contact.bytes().all(|byte| byte.is_ascii_graphic() && !b",?:".contains(&byte));
        if !is_mail {
            report
                .error(format!("acme.contact[{index}]"), format!("`{contact}` is no mail address"))
                .hint("such as `ops@example.com`, without `mailto:`");
        }
    }
}

/// The challenges that listeners can answer.
fn challenges(acme: &Acme, model: &Model, report: &mut Report) -> Vec<AcmeChallenge> {
    let is_plain = model.listeners.iter().any(|listener| listener.tls.is_none());
    let can = |challenge: &&AcmeChallenge| match challenge {
        AcmeChallenge::Http01 => is_plain,
        AcmeChallenge::TlsAlpn01 => true,
    };
    let challenges: Vec<_> = acme.challenges.iter().filter(can).copied().collect();
    if acme.challenges.is_empty() {
        report
            .error("acme.challenges", "there is no challenge")
            .hint("leave it out for `[tls-alpn-01, http-01]`");
    } else if challenges.is_empty() {
        report
            .error("acme.challenges", "no listener can answer http-01: all of them have TLS")
            .hint("add a listener without `tls` for port 80, or write `[tls-alpn-01]`");
    }
    challenges
}

fn external_key(account: Option<&ExternalAccount>, report: &mut Report) -> Vec<u8> {
    let Some(account) = account else { return Vec::new() };
    if account.id.is_empty() {
        report
            .error("acme.external_account.id", "it is empty")
            .hint("copy the key identifier that the authority gave you");
    }
    let key = read_base64url(account.key.text()).filter(|key| !key.is_empty());
    if key.is_none() {
        report
            .error("acme.external_account.key", "it is not in base64url")
            .hint("copy the HMAC key that the authority gave you");
    }
    key.unwrap_or_default()
}

/// Reads base64url (RFC 4648 section 5); the plain alphabet and padding are taken too.
fn read_base64url(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for one in text.bytes() {
        let value = match one {
            b'A'..=b'Z' => one - b'A',
            b'a'..=b'z' => one - b'a' + 26,
            b'0'..=b'9' => one - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
        bits &= (1 << count) - 1;
    }
    // What is left over of the last letter holds nothing.
    (count < 6 && bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_base64url() {
        let check = |text: &str, expect: Option<&[u8]>| {
            assert_eq!(read_base64url(text).as_deref(), expect, "{text}");
        };
        check("", Some(b""));
        check("Zg", Some(b"f"));
        check("Zg==", Some(b"f"));
        check("Zm9vYmE", Some(b"fooba"));
        check("_-8", Some(&[0xff, 0xef]));
        check("/+8", Some(&[0xff, 0xef]));
        check("Z", None);
        check("Zh", None);
        check("Zm 9", None);
    }

    #[test]
    fn only_whole_host_names_are_names() {
        let check = |name: &str, good: bool| {
            assert_eq!(wrong_name(name).is_none(), good, "{name}");
        };
        for good in ["shop.example", "A.b-c.example.com", "xn--bcher-kva.example", "1.example"] {
            check(good, true);
        }
        for bad in [
            "",
            "localhost",
            "*.example.com",
            "a..b",
            ".a.b",
            "a.b.",
            "-a.b",
            "a-.b",
            "a_b.c",
            "a b.c",
            "10.0.0.1",
            "[::1]",
            "bücher.example",
            "../x.y",
            "a.b/c",
        ] {
            check(bad, false);
        }
        check(&format!("{}.example", "a.".repeat(120)), false);
    }
}
