//! Lists of host names, exact or below a name, and the host in the address of a page.

use std::collections::HashSet;

use yumen_http::{Authority, canonical_host};

use crate::Fault;

/// The longest address of a page whose host is looked for: longer ones are not believed.
const PAGE_BYTES_MAX: usize = 8 << 10;

/// Host names, exact ones and `*.` for every name below one.
#[derive(Debug, Default)]
pub struct Hosts {
    /// `a.example`, or `.a.example` for what is below it.
    keys: HashSet<Box<str>>,
}

impl Hosts {
    /// Puts a name in.
    ///
    /// # Errors
    /// If it is no host name in its canonical form, or the wildcard is not a whole label at the front.
    pub fn add(&mut self, text: &str) -> Result<(), Fault> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        check_name(name, name.len() < text.len())?;
        self.keys.insert(text.strip_prefix('*').unwrap_or(text).into());
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a canonical host is in the list.
    #[must_use]
    pub fn contains(&self, host: &str) -> bool {
        // A leading dot would make a host look like the key of a wildcard.
        let is_name = !host.is_empty() && !host.starts_with('.');
        is_name && (self.keys.contains(host) || suffixes(host).any(|key| self.keys.contains(key)))
    }
}

/// What is left of a name from each of its dots on, the longest first.
pub(crate) fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').filter_map(|(at, _)| name.get(at..))
}

/// Checks a host of a list, which may stand for the names below it.
pub(crate) fn check_name(name: &str, is_wild: bool) -> Result<(), Fault> {
    const WHOLE: &str = "a wildcard stands for whole labels at the front: `*.example.com`";
    if name.contains('*') {
        return Err(Fault::new("`*` stands in the wrong place", WHOLE));
    }
    if !name.is_ascii() {
        return Err(Fault::new(format!("`{name}` is not ASCII"), "write it in its `xn--` form"));
    }
    match canonical_host(name) {
        Ok(canonical) if canonical != name => Err(Fault::new(
            format!("`{name}` is not how a browser writes it"),
            format!("write `{canonical}`"),
        )),
        Ok(_) if is_wild && is_address(name) => {
            Err(Fault::new("nothing is below an address", "write the whole address"))
        }
        Ok(_) => Ok(()),
        Err(malformed) => Err(Fault::new(
            format!("`{name}` is no host: {malformed}"),
            "a name such as `example.com` or `*.example.com`, without scheme, port and path",
        )),
    }
}

/// Whether a host is an address: in brackets, or with a number for its last label.
fn is_address(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    host.starts_with('[') || last.bytes().all(|byte| byte.is_ascii_digit())
}

/// The canonical host of a page's address, as `Referer` and `Origin` have it; `None` if it is no
/// address of `http` or `https`, or could be read in two ways.
#[must_use]
pub fn page_host(address: &[u8]) -> Option<String> {
    if address.len() > PAGE_BYTES_MAX {
        return None;
    }
    let address = std::str::from_utf8(address).ok()?;
    let (scheme, rest) = address.split_once("://")?;
    if !(scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    Authority::read(authority.as_bytes()).ok().map(|authority| authority.host().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_in_one_form_only() {
        let check = |text: &str, good: bool| {
            assert_eq!(Hosts::default().add(text).is_ok(), good, "{text:?}");
        };
        for good in ["example.com", "*.example.com", "localhost", "127.0.0.1", "[::1]", "a_b.c"] {
            check(good, true);
        }
        for bad in [
            "",
            "*",
            "*.",
            "*.*.com",
            "a.*.com",
            "*a.com",
            "Example.com",
            "example.com.",
            ".com",
            "a..b",
            "https://a.com",
            "a.com:80",
            "a.com/",
            "u@a.com",
            "*.0.0.1",
            "*.[::1]",
            "é.com",
            "[0:0::1]",
            "a b",
            "^a$",
        ] {
            check(bad, false);
        }
        assert_eq!(Hosts::default().add("A.com").unwrap_err().hint, "write `a.com`");
    }

    #[test]
    fn wildcards_are_whole_labels() {
        let mut hosts = Hosts::default();
        hosts.add("*.example.com").unwrap();
        hosts.add("other.org").unwrap();
        for (host, expect) in [
            ("a.example.com", true),
            ("b.a.example.com", true),
            ("example.com", false),
            (".example.com", false),
            ("evilexample.com", false),
            ("a.example.com.evil.org", false),
            ("a.example.comm", false),
            ("other.org", true),
            ("a.other.org", false),
            ("", false),
        ] {
            assert_eq!(hosts.contains(host), expect, "{host}");
        }
    }

    #[test]
    fn a_page_has_one_host_or_none() {
        for (page, expect) in [
            ("https://a.com/x?y#z", Some("a.com")),
            ("HTTP://A.com.:8080", Some("a.com")),
            ("https://a.com?x=/@b.com", Some("a.com")),
            ("https://a.com@b.com/", None),
            ("https://a.com\\@b.com/", None),
            ("https://a.com#@b.com/", Some("a.com")),
            ("https:///a.com", None),
            ("//a.com/", None),
            ("/x", None),
            ("a.com", None),
            ("null", None),
            ("about:blank", None),
            ("android-app://a.com/", None),
            ("https://a.com:port/", None),
            ("https://[::1]:1/x", Some("[::1]")),
            ("", None),
        ] {
            assert_eq!(page_host(page.as_bytes()).as_deref(), expect, "{page}");
        }
        let long = format!("https://a.com/{}", "x".repeat(PAGE_BYTES_MAX));
        assert_eq!(page_host(long.as_bytes()), None);
        assert_eq!(page_host(b"https://a\xff.com/"), None);
    }
}
