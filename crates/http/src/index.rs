//! Where a head ends and where its lines are, found while it arrives.

use crate::fields::{Fields, Line, Lines};
use crate::grammar::line_feed;
use crate::refusal::{Malformed, Refusal};
use crate::request::LINE_EXTRA;

/// Room behind a head for fields that are put in, so that it is not copied once more for the first one.
const ROOM_BEHIND: usize = 256;

/// How large a head may be, in bytes, and how many fields it may have.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    /// Everything up to the empty line.
    pub head: usize,
    /// The target of a request; the reason of an answer.
    pub target: usize,
    /// One field line.
    pub field: usize,
    /// Fields.
    pub fields: usize,
}

/// Looks for the end of a head while it arrives and writes down where its lines are. Whatever is
/// no head, or is too large for one, is refused as soon as it is seen.
#[derive(Debug, Clone, Default)]
pub struct HeadIndex {
    /// Bytes that were looked at in vain for the end of a line.
    scanned: usize,
    line_start: usize,
    /// The end of the first line, its LF included; 0 until it has come.
    first_end: usize,
    lines: Lines,
}

impl HeadIndex {
    /// The length of the head at the front of `bytes`, its empty line included; `None` while the
    /// end has not come. `bytes` holds what it held in the last call, and more.
    ///
    /// # Errors
    /// On a bare LF, on a field line that is not exactly the grammar (RFC 9112 section 5), and on
    /// everything larger than `limits` allow.
    pub fn find(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Refusal> {
        if self.first_end == 0 || self.scanned > self.line_start {
            // A line that came in part is read when its end is there, and not before.
            let rest = bytes.get(self.scanned..).unwrap_or_default();
            let Some(place) = line_feed(rest) else { return self.wait(bytes, limits) };
            if self.first_end == 0 {
                self.end_first_line(bytes, self.scanned + place, limits)?;
            }
        }
        loop {
            if let [b'\r', b'\n', ..] = bytes.get(self.line_start..).unwrap_or_default() {
                self.check_line(self.line_start + 1, limits)?;
                return Ok(Some(self.line_start + 2));
            }
            let Some(line) = Line::read(bytes, self.line_start)? else {
                return self.wait(bytes, limits);
            };
            self.check_line(line.end() - 1, limits)?;
            self.line_start = line.end();
            self.lines.push(line);
        }
    }

    fn end_first_line(
        &mut self,
        bytes: &[u8],
        end: usize,
        limits: &HeadLimits,
    ) -> Result<(), Refusal> {
        if end.checked_sub(1).and_then(|before| bytes.get(before)) != Some(&b'\r') {
            return Err(Malformed("a bare LF in the head").into());
        }
        self.check_line(end, limits)?;
        self.first_end = end + 1;
        self.line_start = end + 1;
        Ok(())
    }

    fn wait(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Refusal> {
        self.scanned = bytes.len();
        self.check_line(bytes.len(), limits)?;
        Ok(None)
    }

    /// Checks the line that goes from the last line end to `end`, where its LF is or may come.
    fn check_line(&self, end: usize, limits: &HeadLimits) -> Result<(), Refusal> {
        let length = end.saturating_sub(self.line_start);
        if self.first_end == 0 {
            if length > limits.target + LINE_EXTRA {
                return Err(Refusal::TargetTooLong);
            }
        } else if length > limits.field || (self.lines.len() >= limits.fields && length > 1) {
            return Err(Refusal::HeadTooLarge);
        }
        if end > limits.head { Err(Refusal::HeadTooLarge) } else { Ok(()) }
    }

    /// The first line of the head that was indexed, without its line end.
    pub(crate) fn first_line<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        head.get(..self.first_end.saturating_sub(2)).unwrap_or_default()
    }

    /// The fields of the head that was indexed.
    pub(crate) fn into_fields(self, head: &[u8]) -> Fields {
        let mut bytes = Vec::with_capacity(head.len() + ROOM_BEHIND);
        bytes.extend_from_slice(head);
        Fields::indexed(bytes, self.lines)
    }
}
