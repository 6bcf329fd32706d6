//! Host and port, as in the `Host` field and in absolute targets (RFC 3986 section 3.2).

use std::net::Ipv6Addr;

use crate::grammar::{digits, is_host_byte};
use crate::refusal::Malformed;

/// The longest host name (RFC 1035 section 2.3.4), brackets of an IPv6 address included.
const HOST_LENGTH_MAX: usize = 255;

/// A host, and a port if one was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// As it was sent, port included.
    text: Box<str>,
    host: Canonical,
    port: Option<u16>,
}

/// The canonical host: lower case, no port, no trailing dot.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Canonical {
    /// So many bytes at the front of the text: the common case.
    Front(usize),
    Made(Box<str>),
}

impl Authority {
    /// Reads `host [":" port]`.
    ///
    /// # Errors
    /// On user information, an empty or overlong host, a character that no host name has, a bad
    /// IPv6 address, or a port that is no number from 0 to 65535.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_not_ascii| Malformed("a host that is not ASCII"))?;
        let front = canonical_run(bytes);
        let (host, port) = match bytes.get(front) {
            None if front > 0 => (Canonical::Front(front), None),
            Some(b':') if front > 0 => (Canonical::Front(front), text.get(front + 1..)),
            _ => {
                let (host, port) = split_port(text)?;
                (Canonical::Made(canonical_host(host)?.into()), port)
            }
        };
        let port = port.map(read_port).transpose()?;
        Ok(Self { text: text.into(), host, port })
    }

    /// As it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host in its one canonical form: lower case, without port and trailing dot. IPv6
    /// addresses are in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        match &self.host {
            Canonical::Front(length) => self.text.get(..*length).unwrap_or_default(),
            Canonical::Made(host) => host,
        }
    }

    /// The port, if one was given.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

fn split_port(text: &str) -> Result<(&str, Option<&str>), Malformed> {
    if text.starts_with('[') {
        let (address, rest) =
            text.split_once(']').ok_or(Malformed("a bracket that is not closed"))?;
        let host = text.get(..=address.len()).unwrap_or_default();
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(Malformed("something behind an IPv6 address")),
        };
    }
    Ok(match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    })
}

fn read_port(port: &str) -> Result<u16, Malformed> {
    digits(port.as_bytes())
        .filter(|_| port.len() <= 5)
        .and_then(|port| u16::try_from(port).ok())
        .ok_or(Malformed("a port that is no number from 0 to 65535"))
}

/// The length of the host at the front that is good and canonical as it is; 0 if it may not be.
fn canonical_run(bytes: &[u8]) -> usize {
    let mut previous = b'.';
    for (place, &byte) in bytes.iter().take(HOST_LENGTH_MAX + 1).enumerate() {
        let good =
            is_host_byte(byte) && !byte.is_ascii_uppercase() && !(byte == b'.' && previous == b'.');
        if !good {
            return if previous == b'.' { 0 } else { place };
        }
        previous = byte;
    }
    if previous == b'.' || bytes.len() > HOST_LENGTH_MAX { 0 } else { bytes.len() }
}

/// The one form in which a host is compared: lower case, without a trailing dot.
///
/// # Errors
/// If it is empty, too long, or has a character that host names do not have.
pub fn canonical_host(host: &str) -> Result<String, Malformed> {
    let host = host.strip_suffix('.').unwrap_or(host);
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address
            .parse::<Ipv6Addr>()
            .map(|address| format!("[{address}]"))
            .map_err(|_invalid| Malformed("a bad IPv6 address"));
    }
    if host.is_empty() || host.len() > HOST_LENGTH_MAX {
        return Err(Malformed("a host that is empty or too long"));
    }
    let has_empty_label = host.split('.').any(str::is_empty);
    if has_empty_label || !host.bytes().all(is_host_byte) {
        return Err(Malformed("a character that no host name has"));
    }
    Ok(host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_form() {
        for (text, host, port) in [
            ("example.com", "example.com", None),
            ("Example.COM.:80", "example.com", Some(80)),
            ("127.0.0.1:65535", "127.0.0.1", Some(65535)),
            ("[::1]:8080", "[::1]", Some(8080)),
            ("[0:0::1]", "[::1]", None),
            ("my_service", "my_service", None),
        ] {
            let authority = Authority::read(text.as_bytes()).unwrap();
            assert_eq!(
                (authority.as_str(), authority.host(), authority.port()),
                (text, host, port)
            );
        }
    }

    #[test]
    fn bad_hosts_are_refused() {
        for text in [
            "",
            ".",
            ":80",
            "a b",
            "a,b",
            "user@host",
            "a/b",
            "a:",
            "a:x",
            "a:+80",
            "a:65536",
            "a:000080",
            "a:80:80",
            "[::1",
            "[::g]",
            "[::1]x",
            "[]",
            "a\0",
            "a..b",
            "a..",
            "a..:80",
            ".a",
            "a%20b",
            "::1",
            "a\\b",
            "a#b",
            "a?b",
        ] {
            assert!(Authority::read(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(Authority::read(&[b'a'; 300]).is_err());
        assert!(Authority::read(b"\xff").is_err());
    }
}
