//! What certificates are found by: each sort of it with its own word in front, and written in one
//! way only, so that none is ever taken for another.

use std::fmt::Write;
use std::net::IpAddr;

/// SHA-256 in hexadecimal digits.
const DIGITS: usize = 64;

/// The text that a fingerprint (SHA-256, in hexadecimal digits, with colons between them or not) is
/// found by; `None` if it is none.
#[must_use]
pub fn fingerprint(text: &str) -> Option<String> {
    let digits = text.bytes().filter(|byte| *byte != b':').count();
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
    let plain = text.replace(':', "").to_ascii_lowercase();
    (is_hex && digits == DIGITS).then(|| format!("fingerprint {plain}"))
}

/// The text that a name with its sort in front (`dns:`, `uri:`, `email:`, `ip:`) is found by; `None`
/// if it is none. Hosts have no case, URIs do.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let (sort, rest) = text.split_once(':')?;
    let rest = match sort {
        _ if rest.is_empty() || rest.chars().any(char::is_control) => return None,
        "dns" => rest.to_ascii_lowercase(),
        "uri" => rest.to_owned(),
        "email" => {
            let (mailbox, host) = rest.rsplit_once('@')?;
            format!("{mailbox}@{}", host.to_ascii_lowercase())
        }
        "ip" => rest.parse::<IpAddr>().ok()?.to_string(),
        _ => return None,
    };
    Some(format!("{sort} {rest}"))
}

/// The text that a holder (RFC 4514) is found by, whether characters beyond ASCII are escaped in it
/// as in the fields that services are told, or not.
#[must_use]
pub fn subject(text: &str) -> String {
    let mut found_by = String::from("subject ");
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' => found_by.push(char::from(byte)),
            // To write into memory cannot fail.
            _ => write!(found_by, "\\{byte:02X}").unwrap_or_default(),
        }
    }
    found_by
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_written_in_one_way() {
        let hex = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(fingerprint(&colons), fingerprint(&hex));
        for wrong in ["", "ab", &"xy".repeat(32), &format!("{hex}a"), &" ".repeat(64)] {
            assert_eq!(fingerprint(wrong), None, "{wrong}");
        }
        for (text, expect) in [
            ("dns:A.Test", Some("dns a.test")),
            ("uri:spiffe://A/b", Some("uri spiffe://A/b")),
            ("email:Ann@Example.ORG", Some("email Ann@example.org")),
            ("ip:2001:DB8:0::1", Some("ip 2001:db8::1")),
            ("ip:192.0.2.1", Some("ip 192.0.2.1")),
            ("ip:192.0.2", None),
            ("email:ann", None),
            ("DNS:a", None),
            ("dns:", None),
            ("dns:a\nb", None),
            ("a.test", None),
            ("subject:CN=a", None),
        ] {
            assert_eq!(name(text).as_deref(), expect, "{text}");
        }
        assert_eq!(subject("CN=b\u{fc}ro"), subject(r"CN=b\C3\BCro"));
        assert_ne!(subject("CN=b\u{fc}ro"), subject(r"CN=b\\C3\\BCro"));
        assert_ne!(Some(subject("dns:a")), name("dns:a"));
    }
}
