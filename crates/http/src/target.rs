//! The request target (RFC 9112 section 3.2): origin form, absolute form, and `*` for `OPTIONS`.

use std::ops::Range;

use crate::authority::Authority;
use crate::grammar::is_query;
use crate::method::Method;
use crate::path::canonical_path;
use crate::refusal::{Malformed, Refusal};

/// A target, read and canonical. Parts that are sent as they came are ranges of the head.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) path: Path,
    /// Behind the question mark.
    pub(crate) query: Option<Range<u32>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Path {
    /// Canonical as it came.
    At(Range<u32>),
    /// Made canonical.
    Made(Box<str>),
}

impl Target {
    /// The root.
    pub(crate) fn root() -> Self {
        Self { path: Path::Made("/".into()), query: None }
    }

    /// Reads the target that stands at `at` in the head, and what an absolute one says of where it
    /// goes.
    pub(crate) fn read(
        target: &[u8],
        at: usize,
        method: &Method,
    ) -> Result<(Self, Option<Authority>), Refusal> {
        if *method == Method::Connect || *method == Method::Trace {
            return Err(Refusal::Method);
        }
        if target == b"*" && *method == Method::Options {
            return Ok((Self { path: Path::Made("*".into()), query: None }, None));
        }
        if target.first() == Some(&b'/') {
            return Ok((Self::read_origin(target, at)?, None));
        }
        let rest = strip_scheme(target)?;
        let end =
            rest.iter().position(|&byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        let (authority, origin) = rest.split_at_checked(end).unwrap_or_default();
        let authority = Authority::read(authority)?;
        let at = at + target.len() - origin.len();
        let read = match origin.first() {
            // An absolute target without a path means the root (RFC 9112 section 3.2.1).
            None => Self::root(),
            Some(b'?') => {
                let query = read_query(origin.get(1..).unwrap_or_default(), at + 1)?;
                Self { query: Some(query), ..Self::root() }
            }
            _ => Self::read_origin(origin, at)?,
        };
        Ok((read, Some(authority)))
    }

    fn read_origin(target: &[u8], at: usize) -> Result<Self, Malformed> {
        let mark = memchr::memchr(b'?', target);
        let end = mark.unwrap_or(target.len());
        let raw = target.get(..end).unwrap_or_default();
        let path = match canonical_path(raw)? {
            None => Path::At(range(at, at + end)?),
            Some(made) => Path::Made(made.into()),
        };
        let query = match mark {
            None => None,
            Some(mark) => {
                Some(read_query(target.get(mark + 1..).unwrap_or_default(), at + mark + 1)?)
            }
        };
        Ok(Self { path, query })
    }
}

fn strip_scheme(target: &[u8]) -> Result<&[u8], Malformed> {
    for scheme in [&b"http://"[..], b"https://"] {
        if target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) {
            return Ok(target.get(scheme.len()..).unwrap_or_default());
        }
    }
    Err(Malformed("a target that is neither a path nor an http URL"))
}

fn read_query(query: &[u8], at: usize) -> Result<Range<u32>, Malformed> {
    if !is_query(query) {
        return Err(Malformed("a character that no query has"));
    }
    range(at, at + query.len())
}

fn range(start: usize, end: usize) -> Result<Range<u32>, Malformed> {
    match (u32::try_from(start), u32::try_from(end)) {
        (Ok(start), Ok(end)) => Ok(start..end),
        _ => Err(Malformed("the head is too long")),
    }
}
