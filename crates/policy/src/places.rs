//! Where a request may bring a credential: fields, `Authorization: Bearer`, cookies, query parameters.

use std::borrow::Cow;

use yumen_http::{Known, Malformed, RequestHead, cookie, is_token, query};
use yumen_model::report::Report;

/// Places that one use of a policy looks at.
const PLACES_MAX: usize = 16;
const AUTHORIZATION: &str = "authorization";

/// Where a credential is looked for.
#[derive(Debug, Default)]
pub struct Places {
    /// Header fields whose value it is.
    pub headers: Vec<String>,
    /// Whether it is behind `Authorization: Bearer`.
    pub bearer: bool,
    /// Query parameters whose value it is.
    pub query: Vec<String>,
    /// Cookies whose value it is.
    pub cookies: Vec<String>,
}

/// What a request brings.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Nothing that is looked for.
    Nothing,
    /// One.
    One(Cow<'a, [u8]>),
    /// Several, or one that other readers could take for another.
    Several,
}

impl<'a> Found<'a> {
    fn add(&mut self, value: Cow<'a, [u8]>) {
        *self = if *self == Self::Nothing { Self::One(value) } else { Self::Several };
    }
}

impl Places {
    /// Tells what is wrong with them. `what` is looked for, such as `keys`.
    pub fn check(&self, what: &str, at: &str, report: &mut Report) {
        let Self { headers, query, cookies, bearer } = self;
        let places = headers.len() + query.len() + cookies.len() + usize::from(*bearer);
        if places == 0 {
            report
                .error(at, format!("{what} are looked for nowhere"))
                .hint("such as `headers: [X-API-Key]`");
        }
        if places > PLACES_MAX {
            report
                .error(at, format!("{what} are looked for in more than {PLACES_MAX} places"))
                .hint("leave some out");
        }
        for (index, name) in headers.iter().enumerate() {
            check_header(name, what, &format!("{at}.headers[{index}]"), report);
        }
        for (index, name) in query.iter().enumerate().filter(|(_, name)| name.is_empty()) {
            report
                .error(format!("{at}.query[{index}]"), format!("`{name}` is no name"))
                .hint("such as `api_key`");
        }
        for (index, name) in cookies.iter().enumerate() {
            if !is_token(name.as_bytes()) {
                report
                    .error(format!("{at}.cookies[{index}]"), format!("`{name}` is no name"))
                    .hint("letters, digits and dashes");
            }
        }
    }

    /// The names of fields and parameters that logs do not show the values of.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        [&self.headers, &self.query, &self.cookies].into_iter().flatten().cloned().collect()
    }

    /// What a request brings.
    #[must_use]
    pub fn find<'a>(&'a self, head: &'a RequestHead) -> Found<'a> {
        let fields = head.fields();
        let mut found = Found::Nothing;
        for name in &self.headers {
            fields.all(name).for_each(|value| found.add(Cow::Borrowed(value)));
        }
        if self.bearer {
            let bearers = fields.all(AUTHORIZATION).filter_map(bearer);
            bearers.for_each(|value| found.add(Cow::Borrowed(value)));
        }
        for name in &self.cookies {
            cookie::values(fields, name).for_each(|value| found.add(Cow::Borrowed(value)));
        }
        let parameters = head.query_bytes().unwrap_or_default();
        for name in &self.query {
            query::values(parameters, name).for_each(|value| found.add(value));
        }
        if found != Found::Nothing && self.has_rival(head) { Found::Several } else { found }
    }

    /// Whether something else stands beside `Authorization: Bearer` in a field of the same name: of the
    /// two, a service may see the other one.
    fn has_rival(&self, head: &RequestHead) -> bool {
        let all = || head.fields().all(AUTHORIZATION);
        self.bearer && all().nth(1).is_some() && all().any(|value| bearer(value).is_some())
    }

    /// Takes it out of a request.
    ///
    /// # Errors
    /// When what is left breaks the head, which it does not.
    pub fn strip(&self, head: &mut RequestHead) -> Result<(), Malformed> {
        self.query.iter().for_each(|name| head.remove_parameter(name));
        let fields = head.fields_mut();
        self.headers.iter().for_each(|name| fields.remove(name));
        if self.bearer && fields.all(AUTHORIZATION).any(|value| bearer(value).is_some()) {
            fields.remove(AUTHORIZATION);
        }
        self.cookies.iter().try_for_each(|name| cookie::remove(fields, name))
    }
}

/// Tells what is wrong with a field that a credential is to come in.
fn check_header(name: &str, what: &str, at: &str, report: &mut Report) {
    match Known::of(name.as_bytes()) {
        _ if !is_token(name.as_bytes()) => {
            report
                .error(at, format!("`{name}` is no name of a header field"))
                .hint("letters, digits and dashes");
        }
        Known::Other => {}
        _ => {
            report
                .error(
                    at,
                    format!("no {what} can come in `{name}`: that belongs to HTTP or the gateway"),
                )
                .hint("such as `X-API-Key`");
        }
    }
}

/// The credentials behind the scheme `Bearer` (RFC 6750 section 2.1; schemes are compared without
/// case, RFC 9110 section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, credentials) = value.split_at_checked("Bearer".len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"Bearer");
    // With nothing behind it, it is an empty one.
    let is_apart = credentials.first().is_none_or(|byte| *byte == b' ');
    (is_bearer && is_apart).then(|| credentials.trim_ascii_start())
}
