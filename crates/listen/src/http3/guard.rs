//! What frames the streams of a connection carry: a frame that is too large to be held, and too
//! many of those that carry nothing, end it.
//!
//! The frames' heads are read while their bytes pass to the library, which holds a frame until all
//! of it is there and does not notice when a stream ends inside of one.

use std::cell::{Cell, RefCell};
use std::task::{Context, Waker};

use h3::error::Code;
use quinn::VarInt;
use yumen_worker::Worker;

/// How long frames are counted before the counts begin anew, in seconds.
const WINDOW_SECONDS: u64 = 30;
/// The largest frame that is neither of a body nor a head, in bytes.
const FRAME_MAX: u64 = 4 * 1024;
/// So many bytes on streams that carry no request count as one frame.
const BYTES_PER_FRAME: usize = 64;

const DATA: u64 = 0;
const HEADERS: u64 = 1;
/// The kind of stream that carries frames beside the requests.
const CONTROL: u64 = 0;

/// An error code as QUIC has it.
pub(super) fn code(code: Code) -> VarInt {
    VarInt::from_u64(code.value()).unwrap_or(VarInt::MAX)
}

/// How much a client may send of what nobody needs, in each window.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameLimits {
    /// Requests that are broken off.
    pub(super) resets: u32,
    /// Frames that carry nothing.
    pub(super) control: u32,
    /// The largest head, as it is on the wire, in bytes.
    pub(super) head: u64,
}

/// What a connection has sent of what nobody needs.
#[derive(Debug)]
pub(super) struct Guard {
    worker: Worker,
    limits: FrameLimits,
    began: Cell<u64>,
    resets: Cell<u32>,
    control: Cell<u32>,
    flooded: Cell<bool>,
    /// Wakes the one who ends the connection.
    waker: RefCell<Option<Waker>>,
}

impl Guard {
    pub(super) fn new(worker: Worker, limits: FrameLimits) -> Self {
        let began = Cell::new(worker.unix_seconds());
        Self {
            worker,
            limits,
            began,
            resets: Cell::new(0),
            control: Cell::new(0),
            flooded: Cell::new(false),
            waker: RefCell::default(),
        }
    }

    /// Whether there was too much.
    pub(super) fn is_flooded(&self) -> bool {
        self.flooded.get()
    }

    /// Wakes this task when there is.
    pub(super) fn wake_at_flood(&self, context: &Context<'_>) {
        *self.waker.borrow_mut() = Some(context.waker().clone());
    }

    /// A request was broken off by its client.
    pub(super) fn reset(&self) {
        self.count(&self.resets, 1, self.limits.resets);
    }

    /// So many frames came that carry nothing.
    pub(super) fn control(&self, frames: u32) {
        self.count(&self.control, frames, self.limits.control);
    }

    fn count(&self, counter: &Cell<u32>, more: u32, limit: u32) {
        let now = self.worker.unix_seconds();
        if now >= self.began.get().saturating_add(WINDOW_SECONDS) {
            self.began.set(now);
            self.resets.set(0);
            self.control.set(0);
        }
        counter.set(counter.get().saturating_add(more));
        if counter.get() > limit {
            self.flooded.set(true);
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
    }
}

/// What is wrong with the frames of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A frame is too large to be held.
    TooLarge,
    /// The stream ended inside of a frame.
    Cut,
}

/// Follows the frames through the bytes of one stream.
#[derive(Debug)]
pub(super) struct Frames {
    kind: Kind,
    /// What is there of the numbers that a frame begins with.
    head: [u8; Self::HEAD_MAX],
    have: usize,
    /// Heads, of which a second one is the trailers.
    heads: u32,
    /// Empty pieces of the body.
    empty: u64,
    /// Bytes of a frame that are still to come.
    rest: u64,
}

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A request.
    Request,
    /// Its first number says it.
    Unknown,
    /// Frames beside the requests.
    Control,
    /// Something that nobody reads.
    Other,
}

impl Frames {
    /// Two numbers of at most eight bytes: kind and length.
    const HEAD_MAX: usize = 16;

    pub(super) fn of_request() -> Self {
        Self::new(Kind::Request)
    }

    pub(super) fn beside() -> Self {
        Self::new(Kind::Unknown)
    }

    fn new(kind: Kind) -> Self {
        Self { kind, head: [0; Self::HEAD_MAX], have: 0, heads: 0, empty: 0, rest: 0 }
    }

    /// Takes the next bytes.
    pub(super) fn came(&mut self, bytes: &[u8], guard: &Guard) -> Result<(), Flaw> {
        if self.kind != Kind::Request {
            guard.control(u32::try_from(bytes.len().div_ceil(BYTES_PER_FRAME)).unwrap_or(u32::MAX));
        }
        let mut bytes = bytes;
        while !bytes.is_empty() && self.kind != Kind::Other {
            let passed = usize::try_from(self.rest).unwrap_or(usize::MAX).min(bytes.len());
            self.rest -= passed as u64;
            bytes = bytes.get(passed..).unwrap_or_default();
            let Some((byte, behind)) = bytes.split_first() else { break };
            bytes = behind;
            if let Some(place) = self.head.get_mut(self.have) {
                *place = *byte;
            }
            self.have += 1;
            self.look(guard)?;
        }
        Ok(())
    }

    /// How many empty pieces of the body have come: each one looks like its end to the library.
    pub(super) fn empty(&self) -> u64 {
        self.empty
    }

    /// The stream ends here.
    pub(super) fn end(&self) -> Result<(), Flaw> {
        let is_between = self.have == 0 && self.rest == 0;
        let is_frames = matches!(self.kind, Kind::Request | Kind::Control);
        if is_between || !is_frames { Ok(()) } else { Err(Flaw::Cut) }
    }

    /// Acts on the head of a frame, once it is complete.
    fn look(&mut self, guard: &Guard) -> Result<(), Flaw> {
        let head = self.head.get(..self.have).unwrap_or_default();
        let Some((first, behind)) = number(head) else { return Ok(()) };
        if self.kind == Kind::Unknown {
            self.kind = if first == CONTROL { Kind::Control } else { Kind::Other };
            self.have = 0;
            return Ok(());
        }
        let Some((length, _)) = number(behind) else { return Ok(()) };
        self.have = 0;
        self.rest = length;
        match (self.kind, first) {
            (Kind::Request, DATA) if length > 0 => return Ok(()),
            (Kind::Request, DATA) if self.heads == 1 => self.empty += 1,
            (Kind::Request, HEADERS) if length <= guard.limits.head => {
                self.heads += 1;
                return Ok(());
            }
            (Kind::Request, HEADERS) => return Err(Flaw::TooLarge),
            _ => {}
        }
        guard.control(1);
        if length > FRAME_MAX { Err(Flaw::TooLarge) } else { Ok(()) }
    }
}

/// Reads a number (RFC 9000 section 16), if all of it is there; and what is behind it.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let first = bytes.first()?;
    let (number, behind) = bytes.split_at_checked(1 << (first >> 6))?;
    let high = u64::from(first & 0x3f);
    let rest = number.iter().skip(1);
    Some((rest.fold(high, |number, byte| number << 8 | u64::from(*byte)), behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let limits = FrameLimits { resets: 2, control: 5, head: 100 };
        Guard::new(Worker::here(0), limits)
    }

    /// What comes of these bytes, whole and byte by byte, and of the end behind them.
    fn check(frames: fn() -> Frames, bytes: &[u8], expect: Result<(), Flaw>) {
        for size in [1, 3, bytes.len().max(1)] {
            let mut frames = frames();
            let guard = guard();
            let came = bytes.chunks(size).try_for_each(|part| frames.came(part, &guard));
            assert_eq!(came.and_then(|()| frames.end()), expect, "{bytes:?} by {size}");
        }
    }

    #[test]
    fn frames_end_where_they_say() {
        let request = Frames::of_request;
        check(request, &[], Ok(()));
        check(request, &[1, 2, 9, 9, 0, 3, 1, 2, 3], Ok(()));
        check(request, &[1, 2, 9, 9, 0, 3, 1, 2], Err(Flaw::Cut));
        check(request, &[1, 2, 9], Err(Flaw::Cut));
        check(request, &[1], Err(Flaw::Cut));
        check(request, &[0x40, 1, 0x40, 2, 9, 9], Ok(()));
        check(request, &[0x21, 1, 7, 1, 1, 8], Ok(()));
    }

    #[test]
    fn what_cannot_be_held_is_a_flaw() {
        let request = Frames::of_request;
        check(request, &[1, 0x40, 101], Err(Flaw::TooLarge));
        check(request, &[0x21, 0x50, 1], Err(Flaw::TooLarge));
        check(request, &[1, 0xff, 255, 255, 255, 255, 255, 255, 255], Err(Flaw::TooLarge));
        // Bodies pass.
        check(request, &[0, 0x80, 1, 0, 0, 1], Err(Flaw::Cut));
        check(Frames::beside, &[0, 4, 0x50, 1], Err(Flaw::TooLarge));
        check(Frames::beside, &[0, 4, 1, 6], Ok(()));
        check(Frames::beside, &[0, 4, 2, 6], Err(Flaw::Cut));
        check(Frames::beside, &[2, 0xff, 255, 255], Ok(()));
    }

    #[test]
    fn what_carries_nothing_is_counted() {
        for (frame, times, flooded) in [
            (&[0_u8, 0][..], 5, false),
            (&[0, 0][..], 6, true),
            (&[0x21, 1, 1][..], 6, true),
            (&[0, 1, 1][..], 1000, false),
        ] {
            let (guard, mut frames) = (guard(), Frames::of_request());
            (0..times).for_each(|_| frames.came(frame, &guard).unwrap());
            assert_eq!(guard.is_flooded(), flooded, "{frame:?} {times}");
        }
        let guard = guard();
        (0..2).for_each(|_| guard.reset());
        assert!(!guard.is_flooded());
        guard.reset();
        assert!(guard.is_flooded());
    }
}
