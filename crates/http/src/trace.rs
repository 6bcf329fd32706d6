//! The fields that tie the work of many processes into one trace: `traceparent` and `tracestate` of
//! W3C Trace Context (level 2), and B3 with one field or several. Read strictly: what is wrong in
//! them is as if it were not there, and a new trace begins.

use crate::fields::{Fields, Kinds, Known};

/// The longest `tracestate` that is passed on, in bytes. The specification wants at least 512.
const STATE_MAX: usize = 1024;
/// Members of a `tracestate`; with more it is invalid.
const MEMBERS_MAX: usize = 32;

/// A trace, and the span in it that a request comes from or goes out under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The trace; not all zeros.
    pub trace: [u8; 16],
    /// The span; not all zeros.
    pub span: [u8; 8],
    /// Whether it is recorded; `None` if whoever asks leaves that to us.
    pub sampled: Option<bool>,
    /// Whether the trace id is random (level 2).
    pub random: bool,
}

/// What a request says of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// The trace, and the span in it.
    Span(Context),
    /// No trace yet, but whether the one that begins is recorded (B3).
    Decision(bool),
}

/// Which fields are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forms {
    /// `traceparent` and `tracestate`.
    pub w3c: bool,
    /// `X-B3-TraceId` and its kin.
    pub b3: bool,
    /// `b3`.
    pub b3_single: bool,
}

/// What a request to a service says of its trace.
#[derive(Debug, Clone, Copy)]
pub struct TraceLines<'a> {
    /// The trace, and the span that the service's own hangs under.
    pub context: Context,
    /// What is passed on of `tracestate`.
    pub state: &'a [u8],
    /// The fields that say so.
    pub forms: Forms,
}

/// Fields that are written anew where traces are told on: those that are [`Known::Trace`].
pub const FIELDS: [&str; 8] = [
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
];

/// Reads `traceparent`.
#[must_use]
pub fn read_w3c(fields: &Fields) -> Option<Parent> {
    read_traceparent(fields.only("traceparent")?).map(Parent::Span)
}

/// Reads B3: the one field, or else the several.
#[must_use]
pub fn read_b3(fields: &Fields) -> Option<Parent> {
    if let Some(value) = fields.only("b3") {
        return match b3_decision(value) {
            Some(decision) => Some(Parent::Decision(decision)),
            None => read_b3_single(value).map(Parent::Span),
        };
    }
    let sampled = match (fields.only("x-b3-flags"), fields.only("x-b3-sampled")) {
        (Some(b"1"), _) | (_, Some(b"true")) => Some(true),
        (_, Some(b"false")) => Some(false),
        (_, Some(value)) => Some(b3_decision(value)?),
        (_, None) => None,
    };
    if fields.first("x-b3-traceid").is_none() {
        return sampled.map(Parent::Decision);
    }
    let trace = b3_trace(fields.only("x-b3-traceid")?)?;
    let span = id(fields.only("x-b3-spanid")?)?;
    Some(Parent::Span(Context { trace, span, sampled, random: false }))
}

/// Whether a trace is recorded; `d` is for debugging, which is recorded.
fn b3_decision(value: &[u8]) -> Option<bool> {
    match value {
        b"1" | b"d" => Some(true),
        b"0" => Some(false),
        _ => None,
    }
}

/// All fields of `tracestate` as one list; `None` if it is invalid or too long. A member that cannot be
/// read makes all of it invalid.
#[must_use]
pub fn read_state(fields: &Fields) -> Option<Vec<u8>> {
    let mut state = Vec::new();
    let mut members = 0;
    for value in fields.all("tracestate") {
        for member in value.split(|byte| *byte == b',') {
            let member = member.trim_ascii();
            if member.is_empty() {
                continue;
            }
            members += 1;
            if members > MEMBERS_MAX || !is_member(member) {
                return None;
            }
            if !state.is_empty() {
                state.push(b',');
            }
            state.extend_from_slice(member);
            if state.len() > STATE_MAX {
                return None;
            }
        }
    }
    Some(state)
}

/// Reads the value of a `traceparent`.
fn read_traceparent(value: &[u8]) -> Option<Context> {
    let (version, rest) = value.split_at_checked(2)?;
    let [version] = hex::<1>(version)?;
    let (own, more) = rest.split_at_checked(53)?;
    // A later version may say more, behind another dash.
    if version == 0xff
        || (version == 0 && !more.is_empty())
        || more.first().is_some_and(|&next| next != b'-')
    {
        return None;
    }
    let mut parts = own.strip_prefix(b"-")?.split(|byte| *byte == b'-');
    let (trace, span) = (id(parts.next()?)?, id(parts.next()?)?);
    let [flags] = hex::<1>(parts.next()?)?;
    if parts.next().is_some() {
        return None;
    }
    Some(Context { trace, span, sampled: Some(flags & 1 == 1), random: flags & 2 == 2 })
}

fn read_b3_single(value: &[u8]) -> Option<Context> {
    let mut parts = value.split(|byte| *byte == b'-');
    let (trace, span) = (b3_trace(parts.next()?)?, id(parts.next()?)?);
    let sampled = match parts.next() {
        Some(decision) => Some(b3_decision(decision)?),
        None => None,
    };
    if let Some(parent) = parts.next() {
        hex::<8>(parent)?;
    }
    parts.next().is_none().then_some(Context { trace, span, sampled, random: false })
}

/// A trace id of 64 bits is the lower half of one of 128.
fn b3_trace(value: &[u8]) -> Option<[u8; 16]> {
    if value.len() != 16 {
        return id(value);
    }
    let mut trace = [0; 16];
    trace.last_chunk_mut::<8>()?.copy_from_slice(&id::<8>(value)?);
    Some(trace)
}

/// An id that is not all zeros.
fn id<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    hex::<N>(text).filter(|id| id.iter().any(|byte| *byte != 0))
}

/// So many bytes as lower case hexadecimal digits, twice as many.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut out = [0; N];
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

/// The id that 32 digits stand for; zeros if they are none.
#[must_use]
pub fn trace_of(digits: &[u8; 32]) -> [u8; 16] {
    hex(digits).unwrap_or_default()
}

/// A key, `=`, a value (W3C Trace Context section 3.3.1.3).
fn is_member(member: &[u8]) -> bool {
    let Some(equals) = member.iter().position(|byte| *byte == b'=') else { return false };
    let (key, value) = member.split_at(equals);
    let value = value.get(1..).unwrap_or_default();
    let is_key = (1..=256).contains(&key.len())
        && key.first().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && key.iter().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(byte)
        });
    is_key
        && (1..=256).contains(&value.len())
        && value.iter().all(|byte| matches!(byte, 0x20..=0x7e) && !b",=".contains(byte))
}

impl TraceLines<'_> {
    /// Writes the fields, each with its end of line.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Context { trace, span, sampled, random } = self.context;
        let sampled = sampled == Some(true);
        if self.forms.w3c {
            let mut line =
                *b"traceparent: 00-00000000000000000000000000000000-0000000000000000-00\r\n";
            let flags = [u8::from(sampled) | u8::from(random) << 1];
            for (start, bytes) in [(16, &trace[..]), (49, &span), (66, &flags)] {
                let digits = line.get_mut(start..).unwrap_or_default().as_chunks_mut().0;
                digits.iter_mut().zip(bytes).for_each(|(two, byte)| *two = digits_of(*byte));
            }
            out.extend_from_slice(&line);
            if !self.state.is_empty() {
                out.extend_from_slice(b"tracestate: ");
                out.extend_from_slice(self.state);
                out.extend_from_slice(b"\r\n");
            }
        }
        let decision = if sampled { b'1' } else { b'0' };
        if self.forms.b3_single {
            out.extend_from_slice(b"b3: ");
            put_hex(out, &trace);
            out.push(b'-');
            put_hex(out, &span);
            out.extend_from_slice(&[b'-', decision, b'\r', b'\n']);
        }
        if self.forms.b3 {
            out.extend_from_slice(b"X-B3-TraceId: ");
            put_hex(out, &trace);
            out.extend_from_slice(b"\r\nX-B3-SpanId: ");
            put_hex(out, &span);
            out.extend_from_slice(b"\r\nX-B3-Sampled: ");
            out.extend_from_slice(&[decision, b'\r', b'\n']);
        }
    }
}

/// Appends bytes as hexadecimal digits of lower case.
pub fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    bytes.iter().for_each(|byte| out.extend_from_slice(&digits_of(*byte)));
}

fn digits_of(byte: u8) -> [u8; 2] {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
    [digit(byte >> 4), digit(byte & 15)]
}

/// Takes the fields of traces out of a head.
pub fn take_out(fields: &mut Fields) {
    fields.remove_kinds(Kinds::of(&[Known::Trace]));
}

#[cfg(test)]
mod tests;
