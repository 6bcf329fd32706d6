//! Paths of rules: exact ones, templates, prefixes and regular expressions.

use std::cmp::Reverse;

use yumen_http::query::{decoded, hex_byte};

use crate::{expression::Expression, parameter::Parameter, rule::Fault};

/// The longest path of a rule, in bytes.
pub const PATH_BYTES_MAX: usize = 8 * 1024;

/// How many segments the path of a rule may have.
pub const SEGMENTS_MAX: usize = 128;

/// The longest name of a path parameter, in bytes.
pub const PARAMETER_NAME_BYTES_MAX: usize = 64;

/// A path of a rule, understood.
#[derive(Debug, Clone)]
pub(crate) enum PathPattern {
    /// No path was written.
    Any,
    Segments(Vec<Segment>, End),
    Regex(Box<str>, Box<Expression>),
}

/// What one segment of a path must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(Box<str>),
    /// Anything but nothing.
    Parameter(Box<str>),
}

/// What may follow the segments of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Nothing,
    /// Any number of segments, and their name if they have one.
    Rest(Option<Box<str>>),
}

/// How specific a path is; the smaller goes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PathClass {
    Exact,
    Template(Vec<Step>),
    Regex(Reverse<usize>),
    Prefix(Vec<Step>),
    Any,
}

/// One step in the comparison of two templates. The end comes last so that more segments win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Literal,
    Parameter,
    End,
}

impl PathPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        if text.len() > PATH_BYTES_MAX {
            let message = format!("the path is longer than {PATH_BYTES_MAX} bytes");
            return Err(vec![Fault::new(message, "use a prefix such as `/a/*`")]);
        }
        if let Some(regex) = text.strip_prefix('~') {
            let Some(regex) = regex.strip_prefix(' ').filter(|regex| !regex.trim().is_empty())
            else {
                let message = "`~` is not followed by a space and a regex";
                return Err(vec![Fault::new(message, r"write it like `~ /users/\d+`")]);
            };
            return Ok(Self::Regex(regex.into(), Box::new(Expression::parse(regex)?)));
        }
        let Some(inside) = text.strip_prefix('/') else {
            let message = "the path does not start with `/`";
            return Err(vec![Fault::new(message, hint_for_slash(text))]);
        };
        let mut faults = Vec::new();
        let parsed = parse_segments(inside, &mut faults);
        if faults.is_empty() { Ok(parsed) } else { Err(faults) }
    }

    pub(crate) fn class(&self) -> PathClass {
        match self {
            Self::Any => PathClass::Any,
            Self::Regex(text, _) => PathClass::Regex(Reverse(text.len())),
            Self::Segments(segments, End::Rest(_)) => PathClass::Prefix(steps(segments)),
            Self::Segments(segments, End::Nothing) => {
                if segments.iter().all(|segment| matches!(segment, Segment::Literal(_))) {
                    PathClass::Exact
                } else {
                    PathClass::Template(steps(segments))
                }
            }
        }
    }

    pub(crate) fn parameters(&self) -> Vec<Parameter> {
        let Self::Segments(segments, end) = self else { return Vec::new() };
        let singles = segments.iter().enumerate().filter_map(|(place, segment)| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter(name) => {
                Some(Parameter { name: name.clone(), segment: place, rest: false })
            }
        });
        let rest = match end {
            End::Rest(Some(name)) => {
                Some(Parameter { name: name.clone(), segment: segments.len(), rest: true })
            }
            _ => None,
        };
        singles.chain(rest).collect()
    }
}

fn steps(segments: &[Segment]) -> Vec<Step> {
    let step = |segment: &Segment| match segment {
        Segment::Literal(_) => Step::Literal,
        Segment::Parameter(_) => Step::Parameter,
    };
    segments.iter().map(step).chain([Step::End]).collect()
}

fn hint_for_slash(text: &str) -> String {
    if text.starts_with('^') || text.contains('\\') {
        format!("write a regex as `~ {text}`")
    } else {
        format!("write `/{text}`")
    }
}

fn parse_segments(inside: &str, faults: &mut Vec<Fault>) -> PathPattern {
    let mut segments = Vec::new();
    let mut end = End::Nothing;
    let mut texts = inside.split('/').peekable();
    while let Some(text) = texts.next() {
        let last = texts.peek().is_none();
        if segments.len() == SEGMENTS_MAX {
            let message = format!("the path has more than {SEGMENTS_MAX} segments");
            faults.push(Fault::new(message, "use a prefix such as `/a/*`"));
            break;
        }
        let braced = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let rest_name = braced.and_then(|name| name.strip_suffix('*'));
        if text == "*" || rest_name.is_some() {
            if !last {
                let message = format!("`{text}` stands before the end of the path");
                faults.push(Fault::new(message, "name a segment that may be anything: `{id}`"));
            }
            end = End::Rest(rest_name.map(Into::into));
        } else if let Some(name) = braced {
            segments.push(Segment::Parameter(name.into()));
        } else {
            faults.extend(literal_fault(text, last));
            segments.push(Segment::Literal(text.into()));
        }
    }
    let pattern = PathPattern::Segments(segments, end);
    faults.extend(name_faults(&pattern.parameters()));
    pattern
}

fn name_faults(parameters: &[Parameter]) -> impl Iterator<Item = Fault> {
    parameters.iter().enumerate().filter_map(|(place, Parameter { name, .. })| {
        if !is_name(name) {
            let message = format!("`{name}` is not a name for a parameter");
            let hint = format!(
                "use a letter or `_`, then letters, digits and `_`, at most \
                 {PARAMETER_NAME_BYTES_MAX}"
            );
            return Some(Fault::new(message, hint));
        }
        let twice = parameters.iter().take(place).any(|before| before.name == *name);
        let message = format!("the parameter `{name}` is named twice");
        twice.then(|| Fault::new(message, "give each parameter a name of its own"))
    })
}

fn is_name(name: &str) -> bool {
    name.len() <= PARAMETER_NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|other| other.is_ascii_alphanumeric() || other == '_')
}

/// Why a request's canonical path could never have such a segment.
fn literal_fault(text: &str, last: bool) -> Option<Fault> {
    let fault = |message: String, hint: &str| Some(Fault::new(message, hint));
    if text.is_empty() && !last {
        return fault("the path has an empty segment (`//`)".into(), "write a single `/`");
    }
    if matches!(text, "." | "..") {
        let message = format!("the path has the dot segment `{text}`");
        return fault(message, "write the path that it leads to");
    }
    if text.bytes().all(is_unreserved) {
        return None;
    }
    if let Some(mark) = text.chars().find(|mark| matches!(mark, '?' | '#')) {
        let message = format!("`{mark}` does not belong to a path");
        return fault(message, "match query parameters under `query`");
    }
    if text.contains(['{', '}']) {
        let message = format!("`{text}` is only in part a parameter");
        return fault(message, "a parameter is a whole segment: `/a/{id}`; else use a `~ regex`");
    }
    if text.contains('*') {
        let message = format!("`{text}` is only in part a wildcard");
        return fault(message, "a prefix goes by whole segments: `/a/*`; else use a `~ regex`");
    }
    let decoded: Vec<_> = decoded(text.as_bytes()).collect();
    let dots = matches!(text.split_once(';'), Some(("." | "..", _)));
    if dots
        || decoded.iter().any(|byte| b"/\\\0".contains(byte))
        || str::from_utf8(&decoded).is_err()
    {
        let message = format!("requests with `{text}` in their path are refused");
        return fault(message, "leave the path out: other servers may read it in another way");
    }
    let canonical = canonical(text);
    (canonical != text).then(|| {
        let message = format!("`{text}` is not in canonical form and would never match");
        Fault::new(message, format!("write `{canonical}`"))
    })
}

/// A segment as it stands in a canonical path (RFC 3986, 6.2.2): encoded in capitals, and only
/// what may not stand there as it is.
fn canonical(text: &str) -> String {
    let mut canonical = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let escaped = tail.split_first_chunk::<2>().filter(|_| *first == b'%');
        let byte = match escaped.and_then(|(hex, after)| Some((hex_byte(*hex)?, after))) {
            Some((byte, after)) => {
                rest = after;
                if is_unreserved(byte) {
                    canonical.push(char::from(byte));
                    continue;
                }
                byte
            }
            None if is_unreserved(*first) || b"!$&'()+,;=:@".contains(first) => {
                canonical.push(char::from(*first));
                continue;
            }
            None => *first,
        };
        canonical.push_str(&format!("%{byte:02X}"));
    }
    canonical
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests;
