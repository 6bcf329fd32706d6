//! What a browser asks for: a preflight, or something else.

use yumen_http::{Fields, Method, RequestHead, is_token};
use yumen_origin::Said;

use crate::ORIGIN;

const METHOD: &str = "Access-Control-Request-Method";
const HEADERS: &str = "Access-Control-Request-Headers";
const PRIVATE_NETWORK: &str = "Access-Control-Request-Private-Network";
const AUTHORIZATION: &str = "authorization";

/// The most that is repeated of the names that a browser asks for, in bytes.
const REPEATED_BYTES_MAX: usize = 4 << 10;

/// A request, as the Fetch standard tells them apart.
#[derive(Debug)]
pub(crate) enum Asked<'a> {
    /// Whether a page of this origin may send something; nothing is sent yet.
    Preflight(&'a [u8]),
    /// Anything else, also `OPTIONS` of those that are no browsers.
    Other,
}

impl<'a> Asked<'a> {
    /// # Errors
    /// If it can be read in two ways.
    pub(crate) fn of(head: &'a RequestHead) -> Result<Self, &'static str> {
        let fields = head.fields();
        let origin = match Said::of(fields.all(ORIGIN)) {
            Said::Nothing => return Ok(Self::Other),
            Said::Once(origin) => origin,
            Said::Often => return Err("several Origin fields"),
        };
        if *head.method() != Method::Options {
            return Ok(Self::Other);
        }
        match Said::of(fields.all(METHOD)) {
            Said::Nothing => Ok(Self::Other),
            Said::Once(_) => Ok(Self::Preflight(origin)),
            Said::Often => Err("several Access-Control-Request-Method fields"),
        }
    }
}

/// The origin that the client told of. A policy may have taken it out since, so that the service does
/// not see it; `None` if there are several.
pub(crate) fn origin(fields: &Fields) -> Option<&[u8]> {
    if Said::of(fields.all(ORIGIN)) == Said::Often {
        return None;
    }
    let mut received = fields.received();
    let found = received.find(|(name, _)| name.eq_ignore_ascii_case(ORIGIN.as_bytes()));
    found.map(|(_, value)| value)
}

/// The method that a browser wants to use.
pub(crate) fn method(fields: &Fields) -> Option<&str> {
    std::str::from_utf8(fields.only(METHOD)?).ok()
}

/// The fields that a page wants to send.
pub(crate) fn headers(fields: &Fields) -> Option<&str> {
    std::str::from_utf8(fields.only(HEADERS)?).ok()
}

/// Whether a page of a public network asks for something in a private one.
pub(crate) fn is_private_network(fields: &Fields) -> bool {
    fields.only(PRIVATE_NETWORK) == Some(b"true")
}

/// The names of a list, to be repeated; `None` if there are none, or something else than names.
pub(crate) fn names(asked: &str, authorization: bool) -> Option<String> {
    let names: Vec<&str> = asked.split(',').map(str::trim).collect();
    let are_good = names.iter().all(|name| is_token(name.as_bytes()));
    if !are_good || asked.len() > REPEATED_BYTES_MAX {
        return None;
    }
    let allowed = |name: &&str| authorization || !name.eq_ignore_ascii_case(AUTHORIZATION);
    let names: Vec<&str> = names.into_iter().filter(allowed).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
