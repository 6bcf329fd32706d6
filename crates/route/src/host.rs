//! Host names of rules: exact names, and `*.` for every name below one.

use std::{cmp::Reverse, net::Ipv6Addr};

use crate::rule::Fault;

/// RFC 1035, 2.3.4.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// The key of the rules for any host.
pub(crate) const ANY_HOST: &[u8] = b"";

/// A host of a rule in canonical form: `a.example`, `*.example`, `[::1]`, or empty for any host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct HostPattern(pub(crate) Box<str>);

/// How specific a host is; the smaller goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum HostClass {
    Exact,
    Below(Reverse<usize>),
    Any,
}

impl HostPattern {
    pub(crate) fn any() -> Self {
        Self("".into())
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let name = text.to_ascii_lowercase();
        let fault = if name == "*" {
            Some(Fault::new("`*` is not a host name", "leave `hosts` out to match every host"))
        } else if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
        {
            return address
                .parse::<Ipv6Addr>()
                .map(|address| Self(format!("[{address}]").into()))
                .map_err(|reason| vec![Fault::new(reason.to_string(), "write it like `[::1]`")]);
        } else {
            fault(name.strip_prefix("*.").unwrap_or(&name))
        };
        match fault {
            Some(fault) => Err(vec![fault]),
            None => Ok(Self(name.into())),
        }
    }

    /// The name in a map of hosts: `a.example`, `.example` for what lies below it, or empty.
    pub(crate) fn key(&self) -> &[u8] {
        self.0.strip_prefix('*').unwrap_or(&self.0).as_bytes()
    }

    pub(crate) fn class(&self) -> HostClass {
        match self.0.strip_prefix("*.") {
            Some(suffix) => HostClass::Below(Reverse(suffix.split('.').count())),
            None if self.0.is_empty() => HostClass::Any,
            None => HostClass::Exact,
        }
    }

    /// Whether a canonical host fits; says the same as [`keys`].
    pub(crate) fn fits(&self, host: &[u8]) -> bool {
        match self.class() {
            HostClass::Any => true,
            _ => keys(host).any(|key| key == self.key()),
        }
    }
}

/// The keys under which the rules for a canonical host are found, the most specific first.
pub(crate) fn keys(host: &[u8]) -> impl Iterator<Item = &[u8]> {
    // A leading dot would make a host look like the key of a wildcard.
    let exact = (host.first().is_some_and(|first| *first != b'.')).then_some(host);
    let dots = host.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'.');
    exact.into_iter().chain(dots.filter_map(|(at, _)| host.get(at..)))
}

fn fault(name: &str) -> Option<Fault> {
    let message = if name.contains('*') {
        "`*` may only stand for the leftmost labels"
    } else if name.is_empty() {
        "the host name is empty"
    } else if name.contains("://") || name.contains('/') {
        "this is not a bare host name"
    } else if name.contains(':') {
        "a port or a bare IPv6 address does not belong here"
    } else if name.ends_with('.') {
        "a trailing dot does not belong here"
    } else if !name.is_ascii() {
        "the host name is not in ASCII"
    } else if name.len() > NAME_BYTES_MAX {
        "the host name is longer than 253 bytes"
    } else if !name.split('.').all(is_label) {
        "this is not a host name"
    } else {
        return None;
    };
    let hint = if name.is_ascii() {
        "write it like `api.example.com`, `*.example.com` or `[::1]`, without port"
    } else {
        "write the name in its `xn--` form"
    };
    Some(Fault::new(message, hint))
}

fn is_label(label: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(fits)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_canonical_or_refused() {
        let check = |text: &str, expect: Option<&str>| {
            let parsed = HostPattern::parse(text).ok().map(|host| host.0.to_string());
            assert_eq!(parsed.as_deref(), expect, "{text}");
        };
        check("api.Example.com", Some("api.example.com"));
        check("*.example.com", Some("*.example.com"));
        check("localhost", Some("localhost"));
        check("my_service", Some("my_service"));
        check("127.0.0.1", Some("127.0.0.1"));
        check("[0:0::1]", Some("[::1]"));
        for wrong in [
            "", "*", "*.", "a.*.com", "*a.com", "*.*.com", "a..b", ".a", "a.", "a:80", "::1",
            "[x]", "http://a", "a/b", "a b", "-a", "a-", "é.com", "a,b",
        ] {
            check(wrong, None);
        }
        check(&"a".repeat(64), None);
        check(&["abc"; 80].join("."), None);
    }

    #[test]
    fn a_wildcard_fits_every_name_below_and_not_its_own() {
        let check = |pattern: &str, host: &str, expect: bool| {
            let pattern = HostPattern::parse(pattern).unwrap();
            assert_eq!(pattern.fits(host.as_bytes()), expect, "{pattern:?} {host}");
        };
        check("*.example.com", "a.example.com", true);
        check("*.example.com", "a.b.example.com", true);
        check("*.example.com", "example.com", false);
        check("*.example.com", ".example.com", false);
        check("*.example.com", "aexample.com", false);
        check("*.example.com", "", false);
        check("example.com", "example.com", true);
        check("example.com", "a.example.com", false);
        assert!(HostPattern::any().fits(b"") && HostPattern::any().fits(b"a"));
    }
}
