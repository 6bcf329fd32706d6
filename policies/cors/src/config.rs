//! The settings, and what is wrong with them.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use yumen_http::{Method, is_token};
use yumen_model::Span;
use yumen_model::report::Report;
use yumen_origin::{ENTRIES_MAX, Origins};
use yumen_policy::{Phase, Policy, Scope, Settings};

use crate::{Allowed, Cors, Readers};

/// Stands for all.
const ANY: &str = "*";
/// The field that no `*` covers.
const AUTHORIZATION: &str = "Authorization";
/// The most that a list may be as a field, in bytes.
const LIST_BYTES_MAX: usize = 8 << 10;
/// No browser remembers for longer.
const AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Which pages of other origins may read answers, and what they may send.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whose pages may read: origins such as `https://app.example.com`, `https://*.example.com` for
    /// all names below one, `null` for documents without an origin. `*` alone stands for everybody.
    pub origins: Vec<String>,
    /// The methods that they may use. `*` stands for all.
    pub methods: Vec<String>,
    /// The header fields that they may send beside those that need no word. `*` stands for all but
    /// `Authorization`, which has to be named.
    pub headers: Vec<String>,
    /// The header fields of answers that they may read beside those that need no word. `*` stands for
    /// all.
    pub expose: Vec<String>,
    /// Whether browsers send cookies and certificates along, and let pages read the answer.
    pub credentials: bool,
    /// How long browsers may remember the answer to a preflight: at most 24 hours. `off`: not at all.
    pub max_age: Span,
    /// Whether pages of public networks may ask, if browsers ask for that.
    pub private_network: bool,
}

impl Default for Config {
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            origins: Vec::new(),
            methods: list(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
            headers: list(&[AUTHORIZATION, "Content-Type"]),
            expose: Vec::new(),
            credentials: false,
            max_age: Span::seconds(600),
            private_network: false,
        }
    }
}

impl Settings for Config {
    const NAME: &'static str = "cors";
    const PHASE: Phase = Phase::Guard;
    const ANSWERS: &'static [&'static str] = &["OPTIONS"];

    fn compile(self, at: &str, report: &mut Report, _scope: &Scope) -> Option<Arc<dyn Policy>> {
        let mut found = Report::default();
        let readers = self.readers(at, &mut found);
        self.check_names(at, &mut found);
        if self.max_age.get().is_some_and(|age| age > AGE_MAX) {
            found
                .error(format!("{at}.max_age"), "no browser remembers for longer than 24 hours")
                .hint("`24h` at most; browsers have bounds of their own, such as two hours");
        }
        let is_good = !found.has_errors();
        report.append(found);
        if !is_good {
            return None;
        }
        let methods = allowed(&self.methods, self.credentials);
        let headers = allowed(&self.headers, self.credentials);
        let mut vary = vec![];
        if matches!(readers, Readers::Listed(_)) {
            vary.push("Origin");
        }
        vary.push("Access-Control-Request-Method");
        if matches!(headers, Allowed::Reflected { .. }) {
            vary.push("Access-Control-Request-Headers");
        }
        if self.private_network {
            vary.push("Access-Control-Request-Private-Network");
        }
        Some(Arc::new(Cors {
            readers,
            methods,
            headers,
            expose: (!self.expose.is_empty()).then(|| self.expose.join(", ").into()),
            credentials: self.credentials,
            max_age: self.max_age.get().map_or(0, |age| age.as_secs()).to_string().into(),
            private_network: self.private_network,
            preflight_vary: vary.join(", ").into(),
        }))
    }
}

impl Config {
    fn readers(&self, at: &str, report: &mut Report) -> Readers {
        let at = format!("{at}.origins");
        if self.origins.is_empty() {
            report
                .error(at, "no origin is listed, so no page may read anything")
                .hint("such as `origins: [https://app.example.com]`");
            return Readers::All;
        }
        check_size(&self.origins, &at, report);
        if self.origins.iter().any(|origin| origin == ANY) {
            if self.origins.len() > 1 {
                report
                    .error(at.as_str(), "`*` stands for everybody, so the others say nothing")
                    .hint("keep `*` alone, or take it out");
            }
            if self.credentials {
                report
                    .error(at, "with `credentials`, `*` is nobody to a browser")
                    .hint("list the origins; every site could act in the name of your users");
            }
            return Readers::All;
        }
        let mut origins = Origins::default();
        for (index, origin) in self.origins.iter().enumerate() {
            let at = format!("{at}[{index}]");
            if let Err(fault) = origins.add(origin) {
                report.error(at, fault.message).hint(fault.hint);
            } else if origin == "null" && self.credentials {
                report
                    .warning(at, "every site can make a document of the origin `null`")
                    .hint("with `credentials`, any of them could act in the name of your users");
            }
        }
        Readers::Listed(origins)
    }

    fn check_names(&self, at: &str, report: &mut Report) {
        let is_method = |name: &str| Method::read(name.as_bytes()).is_some();
        let is_field = |name: &str| is_token(name.as_bytes());
        let methods = (&self.methods, "methods", "method", "in capitals, such as `PUT`");
        let headers = (&self.headers, "headers", "header field", "letters, digits and dashes");
        let expose = (&self.expose, "expose", "header field", "letters, digits and dashes");
        for ((list, key, noun, hint), is_good) in [
            (methods, &is_method as &dyn Fn(&str) -> bool),
            (headers, &is_field),
            (expose, &is_field),
        ] {
            let at = format!("{at}.{key}");
            check_size(list, &at, report);
            for (index, name) in list.iter().enumerate().filter(|(_, name)| !is_good(name)) {
                let message = format!("`{name}` is no name of a {noun}");
                report.error(format!("{at}[{index}]"), message).hint(hint);
            }
        }
        if self.credentials && self.expose.iter().any(|name| name == ANY) {
            report
                .error(
                    format!("{at}.expose"),
                    "with `credentials`, `*` is a mere name to a browser",
                )
                .hint("list the fields that pages may read");
        }
    }
}

/// What is said of a list. With credentials a browser takes `*` for a name, so what it asks for is
/// repeated instead.
fn allowed(list: &[String], credentials: bool) -> Allowed {
    let is_any = list.iter().any(|name| name == ANY);
    if list.is_empty() {
        Allowed::Nothing
    } else if is_any && credentials {
        let is_named = |name: &String| name.eq_ignore_ascii_case(AUTHORIZATION);
        Allowed::Reflected { authorization: list.iter().any(is_named) }
    } else {
        Allowed::Said(list.join(", ").into())
    }
}

fn check_size(list: &[String], at: &str, report: &mut Report) {
    if list.len() > ENTRIES_MAX {
        report
            .error(at, format!("there are more than {ENTRIES_MAX} entries"))
            .hint("use a wildcard, or several routes");
    } else if !at.ends_with("origins")
        && list.iter().map(|name| name.len() + 2).sum::<usize>() > LIST_BYTES_MAX
    {
        report
            .error(at, format!("the list is longer than {LIST_BYTES_MAX} bytes as a header field"))
            .hint("`*` stands for all");
    }
}
