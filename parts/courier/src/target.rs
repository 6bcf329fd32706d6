//! Where requests go: a server, and what is asked for there.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use yumen_http::{Authority, Malformed};

use crate::percent;

/// The longest path with its query, in bytes.
const PATH_MAX: usize = 8 * 1024;
/// The usual ports.
const PORT: u16 = 80;
const PORT_SECURE: u16 = 443;

/// A server: `http://host:port`, `https://host:port`, or `http+unix://%2Frun%2Fname.sock` for a
/// socket of this system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(crate) place: Place,
    pub(crate) is_secure: bool,
    /// What it is called in requests: the host, and the port where it is not the usual one.
    pub(crate) authority: String,
}

/// Where a connection is made to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A host name or an address, without brackets, and a port.
    Net(String, u16),
    /// A socket of this system.
    Unix(PathBuf),
}

/// A server, and a path with its query there. The path may be a secret: it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// The server.
    pub target: Target,
    /// The path and the query, as they are sent.
    pub path: String,
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Url").field("target", &self.target).finish_non_exhaustive()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Net(..) if self.is_secure => write!(f, "https://{}", self.authority),
            Place::Net(..) => write!(f, "http://{}", self.authority),
            Place::Unix(path) => write!(f, "http+unix:{}", path.display()),
        }
    }
}

impl Target {
    /// Whether TLS is spoken with it.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The host, without brackets and port, in lower case; `None` for a socket of this system.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match &self.place {
            Place::Net(host, _) => Some(host),
            Place::Unix(_) => None,
        }
    }

    /// Whether it is on this machine, so that nobody is on the way to it.
    #[must_use]
    pub fn is_here(&self) -> bool {
        let is_loopback = |host: &str| host.parse().is_ok_and(|one: IpAddr| one.is_loopback());
        self.host().is_none_or(|host| host == "localhost" || is_loopback(host))
    }
}

impl Url {
    /// Reads a URL. A path that is left out is `/`.
    ///
    /// # Errors
    /// When it is none of the three kinds, its host or port is wrong, it has user information (a
    /// field says that better) or a fragment (nobody sends that), or a character that no URL has.
    pub fn read(url: &str) -> Result<Self, Malformed> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or(Malformed("a URL that does not begin with `https://` or `http://`"))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(end).unwrap_or_default();
        let target = match scheme.to_ascii_lowercase().as_str() {
            "http" => Target::net(host, false)?,
            "https" => Target::net(host, true)?,
            "http+unix" => Target::unix(host)?,
            _ => return Err(Malformed("a URL that does not begin with `https://` or `http://`")),
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        check_path(&path)?;
        Ok(Self { target, path })
    }
}

impl Target {
    fn net(host: &str, is_secure: bool) -> Result<Self, Malformed> {
        let usual = if is_secure { PORT_SECURE } else { PORT };
        let authority = Authority::read(host.as_bytes())?;
        let port = authority.port().unwrap_or(usual);
        if port == 0 {
            return Err(Malformed("port 0 is no port to connect to"));
        }
        let host = authority.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let authority = if port == usual { host.to_owned() } else { format!("{host}:{port}") };
        Ok(Self { place: Place::Net(bare, port), is_secure, authority })
    }

    fn unix(name: &str) -> Result<Self, Malformed> {
        let path = String::from_utf8(percent::decode(name.as_bytes()))
            .map_err(|_binary| Malformed("a socket whose name is no text"))?;
        if !path.starts_with('/') || path.contains('\0') {
            return Err(Malformed("a socket whose path does not begin with `%2F`"));
        }
        let place = Place::Unix(PathBuf::from(path));
        Ok(Self { place, is_secure: false, authority: "localhost".to_owned() })
    }
}

/// Whether this can be sent as a path with its query.
pub(crate) fn check_path(path: &str) -> Result<(), Malformed> {
    if !path.starts_with('/') {
        return Err(Malformed("a path that does not begin with `/`"));
    }
    if path.len() > PATH_MAX {
        return Err(Malformed("a path that is too long"));
    }
    if path.contains('#') {
        return Err(Malformed("a fragment, which is never sent"));
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Malformed("a path with a character that must be percent-encoded"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let check = |text: &str, target: &str, place: Place, path: &str| {
            let url = Url::read(text).unwrap();
            assert_eq!(url.target.to_string(), target, "{text}");
            assert_eq!((url.target.place, url.path.as_str()), (place, path), "{text}");
        };
        let net = |host: &str, port| Place::Net(host.to_owned(), port);
        check("http://a.example", "http://a.example", net("a.example", 80), "/");
        check("HTTP://A.Example:80/", "http://a.example", net("a.example", 80), "/");
        check("https://a:8443/x?y=z", "https://a:8443", net("a", 8443), "/x?y=z");
        check("https://a?y", "https://a", net("a", 443), "/?y");
        check("https://a:80/", "https://a:80", net("a", 80), "/");
        check("http://[::1]:4318/v1", "http://[::1]:4318", net("::1", 4318), "/v1");
        check("http://127.0.0.1:1/", "http://127.0.0.1:1", net("127.0.0.1", 1), "/");
        let socket = Place::Unix("/run/a b.sock".into());
        check("http+unix://%2Frun%2Fa%20b.sock/v1", "http+unix:/run/a b.sock", socket, "/v1");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "a.example",
            "//a",
            "ftp://a",
            "http://",
            "http:///x",
            "http://user:word@a/",
            "http://a:0/",
            "http://a:65536/",
            "http://a b/",
            "http://a/#x",
            "http://a#x",
            "http://a/x y",
            "http://a/\r\nx: y",
            "http://a/\u{e4}",
            "http+unix://run%2Fx",
            "http+unix:///run/x",
            "http+unix://%2Fx%00",
            "http+unix://%2Fx%ff",
        ] {
            assert!(Url::read(text).is_err(), "{text:?}");
        }
        assert!(Url::read(&format!("http://a/{}", "x".repeat(PATH_MAX))).is_err());
    }

    #[test]
    fn a_path_is_not_shown() {
        let url = Url::read("https://hooks.example/services/s3cret?token=s3cret").unwrap();
        assert!(!format!("{url:?}").contains("s3cret"));
    }
}
