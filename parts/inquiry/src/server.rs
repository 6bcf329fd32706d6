//! Where a server is and how it is reached, as it is configured.

use std::sync::Arc;
use std::time::Duration;

use yumen_courier::{Bounds, Courier, Settings, Target, Url};
use yumen_tls::{Client, ClientText};

use crate::asker::Asker;

/// How long an answer may take, if nothing else is said.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// Inquiries under way at the same time, if nothing else is said.
pub const AT_ONCE: u32 = 256;
/// The most that can be said.
pub const AT_ONCE_MAX: u32 = 4096;
/// Connections that are kept for later inquiries.
const KEPT_MAX: usize = 128;
/// How long a connection is kept without one.
const IDLE: Duration = Duration::from_secs(30);

/// Where a server is, as it is written. The names of the fields are those of the settings.
#[derive(Debug)]
pub struct Server<'a> {
    /// `http://`, `https://`, `http+unix://`; with `grpc` instead of `http` it is asked by calls.
    pub url: &'a str,
    /// Who may have signed its certificate, as PEM; whom the system trusts if it is left out.
    pub ca: Option<&'a str>,
    /// The certificate and the key that it is shown, as PEM.
    pub own: Option<(&'a str, &'a str)>,
    /// Whether it may be asked in clear text, though it is not this machine.
    pub insecure: bool,
    /// How long an answer may take; `None` for ever.
    pub timeout: Option<Duration>,
    /// Inquiries under way at the same time.
    pub at_once: u32,
}

/// A server that can be asked.
#[derive(Debug)]
pub struct Reached {
    /// Who asks it.
    pub asker: Asker,
    /// The path and query of its URL.
    pub path: String,
    /// Whether it is asked by calls of gRPC.
    pub is_grpc: bool,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: &'static str,
}

pub(crate) fn problem(
    key: &'static str,
    message: impl Into<String>,
    hint: &'static str,
) -> Problem {
    Problem { key, message: message.into(), hint }
}

impl Server<'_> {
    /// Makes what asks it.
    ///
    /// # Errors
    /// Every problem that is in the settings.
    pub fn compile(&self) -> Result<Reached, Vec<Problem>> {
        let mut problems = Vec::new();
        let is_grpc = self.url.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("grpc"));
        let url = match self.url.get(4..) {
            Some(rest) if is_grpc => format!("http{rest}"),
            _ => self.url.to_owned(),
        };
        let url = Url::read(&url).map_err(|wrong| {
            let hint = "such as `https://auth.example.com/verify` or `grpc://127.0.0.1:9191`";
            problems.push(problem("url", wrong.0, hint));
        });
        let is_clear = |url: &Url| !url.target.is_secure();
        if let Ok(url) = &url
            && is_clear(url)
            && !self.insecure
            && !url.target.is_here()
        {
            let message = "whoever is on the way could answer in its name";
            let hint = "`https://` or `grpcs://`; or say `insecure: true` if nobody can be";
            problems.push(problem("url", message, hint));
        }
        let tls = url.as_ref().ok().and_then(|url| self.client(&url.target, &mut problems));
        let within = self.timeout.unwrap_or_default();
        if within.is_zero() {
            problems.push(problem("timeout", "a request would wait for ever", "such as `2s`"));
        }
        if !(1..=AT_ONCE_MAX).contains(&self.at_once) {
            let message = format!("it is not from 1 to {AT_ONCE_MAX}");
            problems.push(problem("at_once", message, "such as `256`"));
        }
        let (Ok(Url { target, path }), true) = (url, problems.is_empty()) else {
            return Err(problems);
        };
        let at_once = usize::try_from(self.at_once).unwrap_or(usize::MAX);
        let kept = at_once.min(KEPT_MAX);
        let bounds = Bounds { at_once, kept, idle: IDLE, connect: within };
        let settings = Settings { bounds, ..Settings::new(target, tls) };
        let courier = Courier::new(settings)
            .map_err(|wrong| vec![problem("url", wrong.0, "give a host name or an address")])?;
        Ok(Reached { asker: Asker::new(courier, within, at_once), path, is_grpc })
    }

    /// Whose word is taken for the server.
    fn client(&self, target: &Target, problems: &mut Vec<Problem>) -> Option<Arc<Client>> {
        if !target.is_secure() {
            let hint = "write `https://` or `grpcs://` in `url`, or leave it out";
            let is_there = [("ca", self.ca.is_some()), ("certificate", self.own.is_some())];
            for (key, _) in is_there.into_iter().filter(|(_, is_there)| *is_there) {
                problems.push(problem(key, "the server is asked in clear text", hint));
            }
            return None;
        }
        let own = self.own.map(|(certificate, key)| (certificate.to_owned(), key.to_owned()));
        let text = ClientText { ca: self.ca.map(str::to_owned), own, ..ClientText::default() };
        let wrong = match Client::compile(text) {
            Ok(client) => return Some(Arc::new(client)),
            Err(wrong) => wrong,
        };
        for one in wrong {
            let key = match one.at.as_str() {
                "own.key" => "key",
                "own.certificate" => "certificate",
                _ => "ca",
            };
            problems.push(problem(key, one.message, one.hint));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Server<'_> {
        let (timeout, at_once) = (Some(TIMEOUT), AT_ONCE);
        Server { url, ca: None, own: None, insecure: false, timeout, at_once }
    }

    #[test]
    fn the_scheme_says_how_it_is_asked() {
        for (url, path, is_grpc) in [
            ("http://127.0.0.1:1/a?b=c", "/a?b=c", false),
            ("https://auth.example", "/", false),
            ("HTTP://localhost", "/", false),
            ("http+unix://%2Frun%2Fa.sock/v", "/v", false),
            ("grpc://[::1]:9191", "/", true),
            ("GRPCS://auth.example", "/", true),
            ("grpc+unix://%2Frun%2Fa.sock", "/", true),
        ] {
            let reached = server(url).compile().unwrap_or_else(|wrong| panic!("{url}: {wrong:?}"));
            assert_eq!((&*reached.path, reached.is_grpc), (path, is_grpc), "{url}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let check = |server: Server<'_>, expect: &[&str]| {
            let problems = server.compile().map(|_| ()).unwrap_err();
            let keys: Vec<_> = problems.iter().map(|one| one.key).collect();
            assert_eq!(keys, expect, "{problems:?}");
        };
        check(server("auth.example"), &["url"]);
        check(server("gopher://auth.example"), &["url"]);
        check(server("http://auth.example"), &["url"]);
        check(server("grpc://10.0.0.1:1"), &["url"]);
        let clear = server("http://127.0.0.1");
        check(Server { ca: Some("x"), own: Some(("x", "y")), ..clear }, &["ca", "certificate"]);
        check(Server { ca: Some("no PEM"), ..server("https://a.example") }, &["ca"]);
        let bad = Server { timeout: None, at_once: 0, ..server("http://a.example") };
        check(bad, &["url", "timeout", "at_once"]);
        check(Server { at_once: AT_ONCE_MAX + 1, ..server("http://[::1]") }, &["at_once"]);
        let trusted = Server { insecure: true, ..server("http://auth.example") };
        assert!(trusted.compile().is_ok());
    }
}
