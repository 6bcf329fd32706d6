//! Lists of origins, exact or below a name.

use std::collections::{HashMap, HashSet};

use crate::hosts::{check_name, suffixes};
use crate::{Fault, ORIGIN_BYTES_MAX};

/// The origin of documents that have none of their own: sandboxed frames, files, some redirects.
const OPAQUE: &str = "null";

/// Ports that are not written.
const DEFAULT_PORTS: [(&str, u16); 2] = [("http", 80), ("https", 443)];

/// Origins, exact ones and those with a wildcard for labels of the name.
#[derive(Debug, Default)]
pub struct Origins {
    exact: HashSet<Box<str>>,
    /// By what follows the wildcard, `.example.com:8443`: the schemes.
    below: HashMap<Box<str>, Vec<Box<str>>>,
}

impl Origins {
    /// Puts an origin in: `null`, `scheme://host`, `scheme://host:port`, with `*.` before a name for
    /// every name below it.
    ///
    /// # Errors
    /// If it is not written as browsers write it, or the wildcard is not a whole label at the front.
    pub fn add(&mut self, text: &str) -> Result<(), Fault> {
        if text == OPAQUE {
            self.exact.insert(text.into());
            return Ok(());
        }
        let Some((scheme, authority)) = text.split_once("://") else {
            let hint = format!("write the scheme too, such as `https://{text}`");
            return Err(Fault::new(format!("`{text}` is no origin"), hint));
        };
        check_scheme(scheme)?;
        if text.len() > ORIGIN_BYTES_MAX {
            return Err(Fault::new(
                format!("it is longer than {ORIGIN_BYTES_MAX} bytes"),
                "no origin is",
            ));
        }
        if let Some((origin, _)) = authority.split_once(['/', '?', '#']) {
            return Err(Fault::new(
                format!("`{text}` has something behind the origin"),
                format!("write `{scheme}://{origin}`"),
            ));
        }
        let (host, port) = split_port(authority);
        if let Some(port) = port {
            check_port(scheme, host, port)?;
        }
        match host.strip_prefix("*.") {
            None => {
                check_name(host, false)?;
                self.exact.insert(text.into());
            }
            Some(name) => {
                check_name(name, true)?;
                let key = authority.strip_prefix('*').unwrap_or_default();
                let schemes = self.below.entry(key.into()).or_default();
                if !schemes.iter().any(|known| **known == *scheme) {
                    schemes.push(scheme.into());
                }
            }
        }
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.below.is_empty()
    }

    /// Whether an origin is in the list, as it was sent.
    #[must_use]
    pub fn contains(&self, origin: &[u8]) -> bool {
        if origin.len() > ORIGIN_BYTES_MAX {
            return false;
        }
        let Ok(origin) = std::str::from_utf8(origin) else { return false };
        self.exact.contains(origin) || (!self.below.is_empty() && self.is_below(origin))
    }

    fn is_below(&self, origin: &str) -> bool {
        let Some((scheme, authority)) = origin.split_once("://") else { return false };
        let fits = |key: &str| {
            let schemes = self.below.get(key)?;
            let labels = authority.strip_suffix(key)?;
            Some(schemes.iter().any(|known| **known == *scheme) && are_labels(labels))
        };
        suffixes(authority).any(|key| fits(key) == Some(true))
    }
}

/// Scheme and authority of an origin, neither of which is checked; `None` of one that is opaque.
#[must_use]
pub fn split_origin(origin: &[u8]) -> Option<(&str, &str)> {
    if origin.len() > ORIGIN_BYTES_MAX {
        return None;
    }
    std::str::from_utf8(origin).ok()?.split_once("://")
}

/// Whether this is one label of a name, or several, in lower case.
fn are_labels(text: &str) -> bool {
    let fits = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
    };
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(fits))
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // A colon of an IPv6 address is no port's.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn check_scheme(scheme: &str) -> Result<(), Fault> {
    let fits = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')
    };
    let begins = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if begins && scheme.bytes().all(fits) {
        return Ok(());
    }
    Err(Fault::new(format!("`{scheme}` is no scheme"), "such as `https`, in lower case"))
}

fn check_port(scheme: &str, host: &str, port: &str) -> Result<(), Fault> {
    let number = port.parse::<u16>().ok().filter(|number| number.to_string() == port);
    match number {
        None | Some(0) => {
            Err(Fault::new(format!("`{port}` is no port"), "a number from 1 to 65535"))
        }
        Some(number) if DEFAULT_PORTS.contains(&(scheme, number)) => Err(Fault::new(
            format!("browsers leave port {number} out for `{scheme}`"),
            format!("write `{scheme}://{host}`"),
        )),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_taken_as_browsers_write_them() {
        for good in [
            "null",
            "https://a.com",
            "http://localhost:3000",
            "https://*.a.com",
            "https://*.a.com:8443",
            "http://[::1]:8080",
            "http://127.0.0.1",
            "https://a.com:80",
            "chrome-extension://abcdefghijklmnop",
            "capacitor://localhost",
        ] {
            assert_eq!(Origins::default().add(good), Ok(()), "{good}");
        }
        for (bad, hint) in [
            ("", "write the scheme too, such as `https://`"),
            ("a.com", "write the scheme too, such as `https://a.com`"),
            ("*", "write the scheme too, such as `https://*`"),
            ("*.a.com", "write the scheme too, such as `https://*.a.com`"),
            ("https://a.com/", "write `https://a.com`"),
            ("https://a.com/x", "write `https://a.com`"),
            ("https://A.com", "write `a.com`"),
            ("https://a.com.", "write `a.com`"),
            ("https://a.com:443", "write `https://a.com`"),
            ("http://a.com:80", "write `http://a.com`"),
            ("https://a.com:0", "a number from 1 to 65535"),
            ("https://a.com:080", "a number from 1 to 65535"),
            ("https://a.com:*", "a number from 1 to 65535"),
            ("HTTPS://a.com", "such as `https`, in lower case"),
            ("*://a.com", "such as `https`, in lower case"),
            ("https://é.com", "write it in its `xn--` form"),
            ("https://*.0.0.1", "write the whole address"),
        ] {
            assert_eq!(Origins::default().add(bad).unwrap_err().hint, hint, "{bad}");
        }
        for bad in ["https://", "https://*", "https://*a.com", "https://a.*.com", "https://u@a.com"]
        {
            assert!(Origins::default().add(bad).is_err(), "{bad}");
        }
        assert!(Origins::default().add(&format!("https://{}.com", "a".repeat(400))).is_err());
    }

    #[test]
    fn nothing_else_than_what_is_listed_is_in() {
        let mut origins = Origins::default();
        for origin in ["https://a.com", "https://*.b.com", "http://*.b.com:81", "http://[::1]:8080"]
        {
            origins.add(origin).unwrap();
        }
        for good in [
            "https://a.com",
            "https://x.b.com",
            "https://y.x.b.com",
            "http://x.b.com:81",
            "http://[::1]:8080",
        ] {
            assert!(origins.contains(good.as_bytes()), "{good}");
        }
        for bad in [
            "null",
            "",
            "https://",
            "https://a.com.evil.org",
            "https://evila.com",
            "https://x.a.com",
            "https://a.com:8443",
            "https://a.com:443",
            "http://a.com",
            "HTTPS://a.com",
            "https://A.com",
            "https://a.com.",
            "https://a.com/",
            "https://user@a.com",
            "https://a.com@evil.org",
            "https://a.com, https://a.com",
            "https://a.com https://evil.org",
            "https://b.com",
            "https://.b.com",
            "https://evilb.com",
            "https://x..b.com",
            "https://X.b.com",
            "https://x.b.com.",
            "https://x.b.com:81",
            "http://x.b.com",
            "http://x.b.com:810",
            "https://evil.org/.b.com",
            "https://evil.org?.b.com",
            "https://evil.org#.b.com",
            "https://user:pass@x.b.com",
            "https://evil.org\\.b.com",
            "https://evil.org%2f.b.com",
            "https://[::1].b.com",
            "https://https://x.b.com",
            "x.b.com",
        ] {
            assert!(!origins.contains(bad.as_bytes()), "{bad}");
        }
        assert!(!origins.contains(b"https://\xff.b.com"));
        let long = format!("https://{}.b.com", "x.".repeat(10_000));
        assert!(!origins.contains(long.as_bytes()));
        origins.add("null").unwrap();
        assert!(origins.contains(b"null") && !origins.contains(b"NULL"));
    }
}
