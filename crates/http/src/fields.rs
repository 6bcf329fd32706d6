//! Header fields as they stand in a message: one buffer and an index of lines into it.
//!
//! A field is taken out by a mark and put in at the end of the buffer, so that lines nobody
//! touched are sent as they came: order, case and all, in as few pieces as possible.

use std::ops::Range;

use crate::grammar::{is_field_value, is_token, name_run, trim, value_run};
use crate::refusal::Malformed;

/// Field names that the gateway itself knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// None of the others.
    Other,
    /// `Host`
    Host,
    /// `Connection`
    Connection,
    /// `Content-Length`
    ContentLength,
    /// `Transfer-Encoding`
    TransferEncoding,
    /// `Upgrade`
    Upgrade,
    /// `Expect`
    Expect,
    /// `TE`
    Te,
    /// `Trailer`
    Trailer,
    /// Other fields that speak of one connection only: `Keep-Alive`, `Proxy-Connection`,
    /// `Close` (reserved, because `Connection: close` would name it), ...
    Hop,
    /// `Via`
    Via,
    /// `X-Forwarded-For`
    ForwardedFor,
    /// `X-Forwarded-Proto`
    ForwardedProto,
    /// `X-Forwarded-Host`
    ForwardedHost,
    /// `Forwarded`
    Forwarded,
    /// Fields that would speak for the gateway or name an identity, and so never come from a
    /// client: `X-Real-IP`, `X-Consumer-*`, `Client-Cert`, `Proxy`, `X-Original-URL`, ...
    Owned,
    /// `X-Request-Id`
    RequestId,
    /// What ties work into a trace: `traceparent`, `tracestate`, `b3`, `X-B3-TraceId`, ...
    Trace,
    /// `Date`
    Date,
    /// `Server`, `X-Powered-By`: the make of a service
    Product,
    /// A name with an underscore: many servers read it as one with a dash.
    Underscore,
}

impl Known {
    /// What the gateway knows of this name; case does not matter.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        Self::named(name, name.contains(&b'_'))
    }

    fn named(name: &[u8], has_underscore: bool) -> Self {
        let first = first_word(name);
        let is = |other: &str| {
            let other = other.as_bytes();
            first == first_word(other)
                && (name.len() <= WORD || behind(name).eq_ignore_ascii_case(behind(other)))
        };
        let found = match name.len() {
            2 if is("te") => Self::Te,
            2 if is("b3") => Self::Trace,
            3 if is("via") => Self::Via,
            4 if is("host") => Self::Host,
            4 if is("date") => Self::Date,
            5 if is("close") => Self::Hop,
            5 if is("proxy") => Self::Owned,
            6 if is("expect") => Self::Expect,
            6 if is("server") => Self::Product,
            7 if is("upgrade") => Self::Upgrade,
            7 if is("trailer") => Self::Trailer,
            9 if is("forwarded") => Self::Forwarded,
            9 if is("x-real-ip") => Self::Owned,
            10 if is("connection") => Self::Connection,
            10 if is("keep-alive") => Self::Hop,
            10 if is("x-userinfo") => Self::Owned,
            10 if is("tracestate") => Self::Trace,
            10 if is("x-b3-flags") => Self::Trace,
            11 if is("client-cert") => Self::Owned,
            11 if is("traceparent") => Self::Trace,
            11 if is("x-b3-spanid") => Self::Trace,
            12 if is("x-request-id") => Self::RequestId,
            12 if is("x-powered-by") => Self::Product,
            12 if is("x-b3-traceid") => Self::Trace,
            12 if is("x-b3-sampled") => Self::Trace,
            13 if is("x-rewrite-url") => Self::Owned,
            14 if is("content-length") => Self::ContentLength,
            14 if is("x-original-url") => Self::Owned,
            14 if is("http2-settings") => Self::Hop,
            15 if is("x-forwarded-for") => Self::ForwardedFor,
            16 if is("x-forwarded-host") => Self::ForwardedHost,
            16 if is("x-forwarded-port") => Self::Owned,
            16 if is("proxy-connection") => Self::Hop,
            17 if is("x-forwarded-proto") => Self::ForwardedProto,
            17 if is("transfer-encoding") => Self::TransferEncoding,
            17 if is("x-b3-parentspanid") => Self::Trace,
            18 if is("x-forwarded-prefix") => Self::Owned,
            18 if is("proxy-authenticate") => Self::Hop,
            19 if is("proxy-authorization") => Self::Hop,
            20 if is("x-anonymous-consumer") => Self::Owned,
            23 if is("x-forwarded-client-cert") => Self::Owned,
            // `Client-Cert-Chain`, and what else is told of a client's certificate.
            _ if name.len() > 12 && starts_with(name, b"client-cert-") => Self::Owned,
            _ if name.len() > 11 && starts_with(name, b"x-consumer-") => Self::Owned,
            _ if name.len() > 13 && starts_with(name, b"x-credential-") => Self::Owned,
            _ if name.len() > 16 && starts_with(name, b"x-authenticated-") => Self::Owned,
            _ => Self::Other,
        };
        if found == Self::Other && has_underscore { Self::Underscore } else { found }
    }
}

/// A field's name that was looked at before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'n> {
    text: &'n str,
    known: Known,
}

impl<'n> Name<'n> {
    /// Looks at a name.
    ///
    /// # Errors
    /// If it is no token.
    pub fn read(text: &'n str) -> Result<Self, Malformed> {
        if !is_token(text.as_bytes()) {
            return Err(Malformed("a field would break the head"));
        }
        Ok(Self { text, known: Known::of(text.as_bytes()) })
    }

    /// One of those that only the gateway writes ([`Known::Owned`]), as it stands in the code.
    #[must_use]
    pub const fn owned(text: &'n str) -> Self {
        Self { text, known: Known::Owned }
    }
}

const WORD: usize = size_of::<u64>();

/// The first eight bytes of a name as one number, in lower case. The bit that makes a letter small
/// changes two more characters that names have, `^` into `~` and `_` into DEL; no known name has
/// either of them.
#[inline(always)]
fn first_word(name: &[u8]) -> u64 {
    let lower = u64::from_ne_bytes([b' '; WORD]);
    let word = match name.first_chunk::<WORD>() {
        Some(word) => u64::from_le_bytes(*word),
        None => name.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)),
    };
    word | lower
}

/// What stands behind the first word of a name.
#[inline(always)]
fn behind(name: &[u8]) -> &[u8] {
    name.get(WORD..).unwrap_or_default()
}

fn starts_with(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// A set of [`Known`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kinds(u32);

impl Kinds {
    pub(crate) const fn of(kinds: &[Known]) -> Self {
        let mut set = 0;
        let mut rest = kinds;
        while let [first, tail @ ..] = rest {
            set |= 1 << (*first as u32);
            rest = tail;
        }
        Self(set)
    }

    pub(crate) const fn others(self) -> Self {
        Self(!self.0)
    }

    fn has(self, known: Known) -> bool {
        self.0 & Self::of(&[known]).0 != 0
    }

    fn add(&mut self, known: Known) {
        self.0 |= Self::of(&[known]).0;
    }

    fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Room for the lines of a usual head, so that its index does not have to grow.
const LINES_EXPECTED: usize = 12;

/// Where one field line is in its buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    start: u32,
    name_end: u32,
    value_start: u32,
    value_end: u32,
    /// Behind the CRLF.
    end: u32,
    known: Known,
    gone: bool,
}

impl Line {
    /// Reads the line that starts at `at`; `None` while its end has not come.
    ///
    /// # Errors
    /// As [`Fields::read`].
    pub(crate) fn read(bytes: &[u8], at: usize) -> Result<Option<Self>, Malformed> {
        let rest = bytes.get(at..).unwrap_or_default();
        let (name_length, has_underscore) = name_run(rest);
        let (name, rest) = rest.split_at_checked(name_length).unwrap_or_default();
        let Some((colon, rest)) = rest.split_first() else { return Ok(None) };
        match (name, colon) {
            ([], b'\r') if rest.is_empty() => return Ok(None),
            ([], b' ' | b'\t') => return Err(Malformed("a folded field line")),
            (_, b'\n') => return Err(Malformed("a bare LF in the head")),
            ([], _) => return Err(Malformed("a field without a name")),
            (_, b':') => {}
            (_, b' ' | b'\t') => return Err(Malformed("white space before a colon")),
            (_, _) => return Err(Malformed("a field name that is no token")),
        }
        let length = value_run(rest);
        let (raw, behind) = rest.split_at_checked(length).unwrap_or_default();
        match behind {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] => {}
            [b'\n', ..] => return Err(Malformed("a bare LF in the head")),
            _ => return Err(Malformed("a control character in a field")),
        }
        let value = trim(raw);
        let leading = raw.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let name_end = at + name_length;
        let value_start = name_end + 1 + if value.is_empty() { 0 } else { leading };
        let end = name_end + 1 + length + 2;
        if u32::try_from(end).is_err() {
            return Err(Malformed("the head is too long"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the end is the farthest, and it fits")]
        let position = |at: usize| at as u32;
        Ok(Some(Self {
            start: position(at),
            name_end: position(name_end),
            value_start: position(value_start),
            value_end: position(value_start + value.len()),
            end: position(end),
            known: Known::named(name, has_underscore),
            gone: false,
        }))
    }

    fn name_size(&self) -> usize {
        self.name_end.saturating_sub(self.start) as usize
    }

    /// Behind its line end.
    pub(crate) fn end(&self) -> usize {
        self.end as usize
    }
}

/// Where field lines are in a buffer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    lines: Vec<Line>,
    /// Of the lines there are and of some that are gone: what is not in here need not be looked for.
    kinds: Kinds,
}

impl Lines {
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(crate) fn push(&mut self, line: Line) {
        if self.lines.capacity() == 0 {
            self.lines.reserve_exact(LINES_EXPECTED);
        }
        self.kinds.add(line.known);
        self.lines.push(line);
    }
}

/// There are several lines of a name.
#[derive(Debug)]
pub(crate) struct Several;

/// Header or trailer fields in their order.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    bytes: Vec<u8>,
    lines: Vec<Line>,
    kinds: Kinds,
}

impl Fields {
    /// No fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The fields of a buffer whose lines are known.
    pub(crate) fn indexed(bytes: Vec<u8>, lines: Lines) -> Self {
        Self { bytes, lines: lines.lines, kinds: lines.kinds }
    }

    /// No fields yet, behind some bytes that are no field.
    pub(crate) fn behind(front: &[u8]) -> Self {
        /// Room for the lines of a usual head.
        const ROOM: usize = 512;
        let mut bytes = Vec::with_capacity(front.len() + ROOM);
        bytes.extend_from_slice(front);
        Self { bytes, lines: Vec::with_capacity(LINES_EXPECTED), kinds: Kinds::default() }
    }

    /// The size of the whole buffer, in bytes.
    pub(crate) fn buffer_size(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is a line of a known name.
    pub(crate) fn has(&self, known: Known) -> bool {
        self.known(known).next().is_some()
    }

    /// Reads field lines up to an empty one: the whole of `bytes`.
    ///
    /// # Errors
    /// A line that is not `name ":" OWS value OWS CRLF` with a token for a name and no control
    /// character in the value (RFC 9112 section 5), among them folded lines.
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let mut lines = Lines::default();
        let mut at = 0;
        while bytes.get(at..) != Some(b"\r\n") {
            let line = Line::read(&bytes, at)?.ok_or(Malformed("fields that do not end"))?;
            at = line.end();
            lines.push(line);
        }
        Ok(Self::indexed(bytes, lines))
    }

    /// The bytes of the whole buffer; ranges handed out by the head's reader point into it.
    pub(crate) fn slice(&self, range: &Range<u32>) -> &[u8] {
        self.bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// Writes shorter bytes over others that are no field, and returns where they end.
    pub(crate) fn overwrite(&mut self, range: &Range<u32>, with: &[u8]) -> u32 {
        let place = self.bytes.get_mut(range.start as usize..range.end as usize);
        let place = place.unwrap_or_default().iter_mut();
        place.zip(with).fold(range.start, |end, (old, new)| {
            *old = *new;
            end + 1
        })
    }

    /// Keeps bytes that are no field in the buffer, and returns where they are.
    pub(crate) fn put_aside(&mut self, bytes: &[u8]) -> Result<Range<u32>, Malformed> {
        let position =
            |at: usize| u32::try_from(at).map_err(|_too_long| Malformed("the head is too long"));
        let range = position(self.bytes.len())?..position(self.bytes.len() + bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(range)
    }

    fn part(&self, start: u32, end: u32) -> &[u8] {
        self.slice(&(start..end))
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.iter().filter(|line| !line.gone).count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.iter().filter(|line| !line.gone).map(|line| {
            (self.part(line.start, line.name_end), self.part(line.value_start, line.value_end))
        })
    }

    /// All lines as they came, also those that were taken out since: for whoever wants to show
    /// what was received.
    pub fn received(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.iter().map(|line| {
            (self.part(line.start, line.name_end), self.part(line.value_start, line.value_end))
        })
    }

    /// The values of all lines with this name; case does not matter.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        // Most names are not even as long, which is seen without looking at them.
        let lines =
            self.lines.iter().filter(move |line| line.name_size() == name.len() && !line.gone);
        lines
            .filter(move |line| {
                self.part(line.start, line.name_end).eq_ignore_ascii_case(name.as_bytes())
            })
            .map(|line| self.part(line.value_start, line.value_end))
    }

    /// The value of the first line with this name.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The value of the only line with this name; `None` if there are several: a rule that reads
    /// one of two values would decide on another request than the service sees.
    #[must_use]
    pub fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// The values of all lines of a known name.
    pub fn known(&self, known: Known) -> impl Iterator<Item = &[u8]> {
        let lines = if self.kinds.has(known) { &*self.lines } else { &[] };
        lines
            .iter()
            .filter(move |line| line.known == known && !line.gone)
            .map(|line| self.part(line.value_start, line.value_end))
    }

    /// The value of a known name of which there is one line at most.
    ///
    /// # Errors
    /// If there are several.
    #[inline]
    pub(crate) fn lone(&self, known: Known) -> Result<Option<&[u8]>, Several> {
        // What is not there is known without a search, and most is not there.
        if self.kinds.has(known) { self.find_lone(known) } else { Ok(None) }
    }

    #[inline(never)]
    fn find_lone(&self, known: Known) -> Result<Option<&[u8]>, Several> {
        let mut values = self.known(known);
        let first = values.next();
        if values.next().is_none() { Ok(first) } else { Err(Several) }
    }

    /// Whether there is a line of a known name, or was.
    #[must_use]
    pub fn may_have(&self, known: Known) -> bool {
        self.kinds.has(known)
    }

    /// Takes out every line with this name.
    pub fn remove(&mut self, name: &str) {
        let Self { bytes, lines, .. } = self;
        for line in lines {
            let other = bytes.get(line.start as usize..line.name_end as usize);
            if other.is_some_and(|other| other.eq_ignore_ascii_case(name.as_bytes())) {
                line.gone = true;
            }
        }
    }

    /// Takes out every line whose name is one of these kinds.
    #[inline]
    pub(crate) fn remove_kinds(&mut self, gone: Kinds) {
        if self.kinds.overlaps(gone) {
            self.find_and_remove(gone);
        }
    }

    #[inline(never)]
    fn find_and_remove(&mut self, gone: Kinds) {
        for line in &mut self.lines {
            line.gone |= gone.has(line.known);
        }
    }

    /// Puts a line at the end.
    ///
    /// # Errors
    /// If the name is no token or the value holds a control character: nothing is put in then.
    pub fn add(&mut self, name: &str, value: &[u8]) -> Result<(), Malformed> {
        let name = Name::read(name)?;
        self.put(&name, |out| out.extend_from_slice(value))
    }

    /// Puts a line of a name that was looked at before at the end, with the value that is written.
    ///
    /// # Errors
    /// If the value holds a control character: nothing is put in then.
    pub fn put(
        &mut self,
        name: &Name<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Malformed> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name.text.as_bytes());
        self.bytes.extend_from_slice(b": ");
        let value_start = self.bytes.len();
        write(&mut self.bytes);
        let value_end = self.bytes.len();
        self.bytes.extend_from_slice(b"\r\n");
        let value = self.bytes.get(value_start..value_end).unwrap_or_default();
        let (true, Ok(end)) = (is_field_value(value), u32::try_from(self.bytes.len())) else {
            self.bytes.truncate(start);
            return Err(Malformed("a field would break the head"));
        };
        #[expect(clippy::cast_possible_truncation, reason = "the end is the farthest, and it fits")]
        let position = |at: usize| at as u32;
        self.kinds.add(name.known);
        self.lines.push(Line {
            start: position(start),
            name_end: position(start + name.text.len()),
            value_start: position(value_start),
            value_end: position(value_end),
            end,
            known: name.known,
            gone: false,
        });
        Ok(())
    }

    /// Replaces every line with this name by one.
    ///
    /// # Errors
    /// As [`Fields::add`].
    pub fn set(&mut self, name: &str, value: &[u8]) -> Result<(), Malformed> {
        self.remove(name);
        self.add(name, value)
    }

    /// Appends all lines to `out`, neighbours in one piece.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut run: Range<u32> = 0..0;
        for line in self.lines.iter().filter(|line| !line.gone) {
            if line.start != run.end {
                out.extend_from_slice(self.slice(&run));
                run.start = line.start;
            }
            run.end = line.end;
        }
        out.extend_from_slice(self.slice(&run));
    }

    /// The size of all lines, line ends included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.lines
            .iter()
            .filter(|line| !line.gone)
            .map(|line| (line.end - line.start) as usize)
            .sum()
    }
}

#[cfg(test)]
mod tests;
