//! The chunked transfer coding (RFC 9112 section 7.1), strictly: every line ends in CRLF, sizes
//! are plain hexadecimal digits, extensions and trailers are bounded.

use crate::fields::Fields;
use crate::framing::Step;
use crate::grammar::{hex, is_value};
use crate::refusal::Malformed;
use crate::trailers;

/// The longest chunk-size line, extension included, in bytes.
pub const SIZE_LINE_MAX: usize = 256;
/// The most digits of a chunk size; more could overflow in somebody's arithmetic.
const DIGITS_MAX: usize = 15;
/// Room for the head of a chunk of up to [`SIZE_EASY_MAX`]; see [`write_head`].
pub const HEAD_ROOM: usize = 6;
/// The largest chunk whose head fits into [`HEAD_ROOM`].
pub const SIZE_EASY_MAX: usize = 0xffff;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the line with the size.
    Size,
    /// So many bytes of data are still to come.
    Data(u64),
    /// Behind the data: the CR.
    DataCr,
    /// Behind the data: the LF.
    DataLf,
    /// In the trailers.
    Trailers,
    Done,
}

/// Decodes one chunked body, in pieces as they come.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// The size line or the trailers so far.
    line: Vec<u8>,
    trailers_max: usize,
    trailers: Option<Fields>,
}

impl Decoder {
    /// A decoder that allows so many bytes of trailers.
    #[must_use]
    pub fn new(trailers_max: usize) -> Self {
        Self { state: State::Size, line: Vec::new(), trailers_max, trailers: None }
    }

    /// Whether the last chunk and its trailers have been seen.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Decodes the bytes behind `from`, in place.
    ///
    /// # Errors
    /// On anything that is not exactly the grammar.
    pub(crate) fn decode(&mut self, buffer: &mut Vec<u8>, from: usize) -> Result<Step, Malformed> {
        let mut read = from;
        let mut written = from;
        while self.state != State::Done {
            let Some(rest) = buffer.get(read..).filter(|rest| !rest.is_empty()) else { break };
            if let State::Data(left) = self.state {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                buffer.copy_within(read..read + taken, written);
                written += taken;
                read += taken;
                let left = left - taken as u64;
                self.state = if left == 0 { State::DataCr } else { State::Data(left) };
            } else {
                read += self.step(rest)?;
            }
        }
        let surplus = buffer.len() - read;
        buffer.copy_within(read.., written);
        buffer.truncate(written + surplus);
        Ok(Step { end: self.state == State::Done, surplus })
    }

    /// Takes some bytes that are not data; says how many.
    fn step(&mut self, rest: &[u8]) -> Result<usize, Malformed> {
        match (self.state, rest.first()) {
            (State::DataCr, Some(b'\r')) => self.state = State::DataLf,
            (State::DataLf, Some(b'\n')) => self.state = State::Size,
            (State::DataCr | State::DataLf, _) => {
                return Err(Malformed("a chunk without its line end"));
            }
            (State::Size, _) => return self.size_line(rest),
            _ => return self.trailer_lines(rest),
        }
        Ok(1)
    }

    fn size_line(&mut self, rest: &[u8]) -> Result<usize, Malformed> {
        let end = memchr::memchr(b'\n', rest);
        let taken = end.map_or(rest.len(), |end| end + 1);
        self.line.extend_from_slice(rest.get(..taken).unwrap_or_default());
        if self.line.len() > SIZE_LINE_MAX {
            return Err(Malformed("a chunk-size line that is too long"));
        }
        if end.is_none() {
            // Junk is refused as soon as it is seen, not when its line ends.
            read_size(self.line.strip_suffix(b"\r").unwrap_or(&self.line), false)?;
            return Ok(taken);
        }
        let line =
            self.line.strip_suffix(b"\r\n").ok_or(Malformed("a bare LF behind a chunk size"))?;
        let size = read_size(line, true)?;
        self.line.clear();
        self.state = if size == 0 { State::Trailers } else { State::Data(size) };
        Ok(taken)
    }

    fn trailer_lines(&mut self, rest: &[u8]) -> Result<usize, Malformed> {
        let end = memchr::memchr(b'\n', rest);
        let taken = end.map_or(rest.len(), |end| end + 1);
        let start = self.line.len();
        self.line.extend_from_slice(rest.get(..taken).unwrap_or_default());
        if self.line.len() > self.trailers_max + 2 {
            return Err(Malformed("trailers that are too long"));
        }
        if end.is_none() {
            return Ok(taken);
        }
        if !self.line.ends_with(b"\r\n") {
            return Err(Malformed("a bare LF in the trailers"));
        }
        let is_empty_line = self.line.len() == 2 || self.line.ends_with(b"\r\n\r\n");
        if is_empty_line && self.line.len() - start <= 2 {
            self.trailers = trailers::clean(Fields::read(std::mem::take(&mut self.line))?);
            self.state = State::Done;
        }
        Ok(taken)
    }

    pub(crate) fn into_trailers(self) -> Option<Fields> {
        self.trailers
    }
}

/// Reads `size [";" extension]`. An unfinished line is held to the same grammar as far as it goes.
fn read_size(line: &[u8], finished: bool) -> Result<u64, Malformed> {
    const BAD: Malformed = Malformed("a chunk size that is not a hexadecimal number");
    let end = line.iter().position(|&byte| hex(byte).is_none()).unwrap_or(line.len());
    if end > DIGITS_MAX || (end == 0 && (finished || !line.is_empty())) {
        return Err(BAD);
    }
    let (size, extension) = line.split_at_checked(end).unwrap_or_default();
    match extension.first() {
        None => {}
        Some(b';') if is_value(extension) => {}
        Some(_) => return Err(BAD),
    }
    Ok(size
        .iter()
        .filter_map(|&byte| hex(byte))
        .fold(0, |sum, digit| (sum << 4) | u64::from(digit)))
}

/// Writes the head of a chunk that stands in `buffer` behind `at + HEAD_ROOM`, into the room that
/// the caller left at `at`, and the line end behind the data.
pub fn write_head(buffer: &mut Vec<u8>, at: usize) {
    let data = at + HEAD_ROOM;
    let size = buffer.len().saturating_sub(data);
    let text = hex_line(size);
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1) as usize;
    let head = text.get(text.len().saturating_sub(digits + 2)..).unwrap_or_default();
    match HEAD_ROOM.checked_sub(head.len()) {
        // Small chunks have short sizes: the data moves up to its head.
        Some(unused) if unused > 0 => {
            buffer.copy_within(data.., data - unused);
            buffer.truncate(buffer.len() - unused);
            put(buffer, at, head);
        }
        Some(_) => put(buffer, at, head),
        None => drop(buffer.splice(at..data, head.iter().copied())),
    }
    buffer.extend_from_slice(b"\r\n");
}

/// The number in sixteen hexadecimal digits, and the line end.
fn hex_line(size: usize) -> [u8; 18] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = *b"0000000000000000\r\n";
    let mut rest = size;
    for place in text.iter_mut().take(16).rev() {
        *place = DIGITS.get(rest & 15).copied().unwrap_or(b'0');
        rest >>= 4;
    }
    text
}

fn put(buffer: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = buffer.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Writes the last chunk and the trailers.
pub fn write_end(out: &mut Vec<u8>, trailers: Option<&Fields>) {
    out.extend_from_slice(b"0\r\n");
    if let Some(trailers) = trailers {
        trailers.write(out);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
