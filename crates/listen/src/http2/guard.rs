//! What frames a connection sees: too many of those that carry nothing are a flood.
//!
//! The frames' heads are read while their bytes pass, before anybody acts on them. So a flood ends
//! where its bytes come in, whatever the frames would have led to.

/// The client's first bytes (RFC 9113 section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long frames are counted before the counts begin anew, in seconds.
const WINDOW_SECONDS: u64 = 30;
/// Each so many bytes that a client is sent allow it one more frame that carries nothing: it has
/// to open windows for them.
const BYTES_PER_FRAME: u64 = 1024;

/// How many frames of a sort a client may send, or cause, in each window.
#[derive(Debug, Clone, Copy)]
pub struct FrameLimits {
    /// Resets of streams.
    pub resets: u32,
    /// Frames that carry nothing.
    pub control: u32,
}

/// What there was too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flood {
    /// Streams that end in a reset.
    Resets,
    /// Frames that carry nothing.
    ControlFrames,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Reasons of resets that a client brings about by breaking the protocol (RFC 9113 section 7). The
/// gateway's own resets have others.
fn is_forced(reason: u8) -> bool {
    const PROTOCOL_ERROR: u8 = 1;
    const FLOW_CONTROL_ERROR: u8 = 3;
    const STREAM_CLOSED: u8 = 5;
    const FRAME_SIZE_ERROR: u8 = 6;
    const REFUSED_STREAM: u8 = 7;
    const COMPRESSION_ERROR: u8 = 9;
    matches!(
        reason,
        PROTOCOL_ERROR
            | FLOW_CONTROL_ERROR
            | STREAM_CLOSED
            | FRAME_SIZE_ERROR
            | REFUSED_STREAM
            | COMPRESSION_ERROR
    )
}

/// The head of a frame.
#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: u8,
    flags: u8,
    length: usize,
    /// The last byte of the reason, of a reset.
    reason: u8,
}

/// Follows frames through the bytes of one direction.
#[derive(Debug, Default)]
struct Frames {
    /// Bytes to pass over: a preface, the rest of a payload.
    skip: usize,
    head: [u8; Self::RESET],
    /// Bytes of the head that are there.
    have: usize,
}

impl Frames {
    /// The head of any frame.
    const HEAD: usize = 9;
    /// The same with the reason, of a reset.
    const RESET: usize = 13;

    /// Passes over what is no head and takes what is there of the next; the frame whose head is
    /// complete.
    fn next(&mut self, bytes: &mut &[u8]) -> Option<Frame> {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            *bytes = bytes.get(skipped..).unwrap_or_default();
            // As much as any head has; of a reset, its reason too.
            let wanted = if self.have < Self::HEAD { Self::HEAD } else { Self::RESET } - self.have;
            let (taken, rest) = bytes.split_at_checked(wanted).unwrap_or((bytes, &[]));
            let end = self.have + taken.len();
            self.head.get_mut(self.have..end)?.copy_from_slice(taken);
            self.have = end;
            *bytes = rest;
            if let Some(frame) = self.frame() {
                return Some(frame);
            }
        }
        None
    }

    fn frame(&mut self) -> Option<Frame> {
        let [high, middle, low, kind, flags, _, _, _, _, _, _, _, reason] = self.head;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let is_reset = kind == RST_STREAM && length == Self::RESET - Self::HEAD;
        let need = if is_reset { Self::RESET } else { Self::HEAD };
        if self.have < need {
            return None;
        }
        self.have = 0;
        self.skip = length - (need - Self::HEAD);
        Some(Frame { kind, flags, length, reason: if is_reset { reason } else { 0 } })
    }
}

/// Counts the frames of one connection.
#[derive(Debug)]
pub struct Guard {
    limits: FrameLimits,
    inward: Frames,
    outward: Frames,
    /// When the current window began, in seconds since 1970.
    since: u64,
    resets: u32,
    control: u32,
    /// Bytes of bodies that the client was sent.
    sent: u64,
    flood: Option<Flood>,
    head: Head,
}

/// How far the head under way has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    /// There is none.
    None,
    /// It goes on in the next frame.
    GoesOn,
    /// The frame under way is its last.
    Ends,
}

impl Guard {
    /// Of a connection that begins now, in seconds since 1970.
    pub fn new(limits: FrameLimits, now: u64) -> Self {
        Self {
            limits,
            inward: Frames { skip: PREFACE.len(), ..Frames::default() },
            outward: Frames::default(),
            since: now,
            resets: 0,
            control: 0,
            sent: 0,
            flood: None,
            head: Head::None,
        }
    }

    /// What there was too much of, from then on.
    pub fn flood(&self) -> Option<Flood> {
        self.flood
    }

    /// Whether the client has begun a head that it has not ended.
    pub fn is_in_head(&self) -> bool {
        let Frames { skip, head, have } = &self.inward;
        match self.head {
            Head::GoesOn => true,
            Head::Ends if *skip > 0 => true,
            Head::Ends | Head::None => *have > 3 && head.get(3) == Some(&HEADERS),
        }
    }

    /// The client sent these bytes.
    pub fn came(&mut self, bytes: &[u8], now: u64) {
        self.turn(now);
        let mut bytes = bytes;
        while let Some(frame) = self.inward.next(&mut bytes) {
            let Frame { kind, flags, length, .. } = frame;
            match kind {
                RST_STREAM => self.resets += 1,
                DATA if length > 0 || flags & END_STREAM != 0 => {}
                HEADERS => {}
                _ => self.control += 1,
            }
            self.head = match (kind, self.head) {
                (HEADERS, _) | (CONTINUATION, Head::GoesOn) if flags & END_HEADERS != 0 => {
                    Head::Ends
                }
                (HEADERS, _) | (_, Head::GoesOn) => Head::GoesOn,
                _ => Head::None,
            };
            self.judge();
            if self.flood.is_some() {
                return;
            }
        }
    }

    /// The client is sent these bytes.
    pub fn goes(&mut self, bytes: &[u8], now: u64) {
        self.turn(now);
        let mut bytes = bytes;
        while let Some(frame) = self.outward.next(&mut bytes) {
            match frame.kind {
                DATA => self.sent += frame.length as u64,
                RST_STREAM if is_forced(frame.reason) => self.resets += 1,
                _ => {}
            }
        }
        self.judge();
    }

    fn judge(&mut self) {
        let earned = self.sent / BYTES_PER_FRAME;
        if self.resets > self.limits.resets {
            self.flood.get_or_insert(Flood::Resets);
        } else if u64::from(self.control) > u64::from(self.limits.control) + earned {
            self.flood.get_or_insert(Flood::ControlFrames);
        }
    }

    /// Begins a new window when the last one is over.
    fn turn(&mut self, now: u64) {
        if now.saturating_sub(self.since) >= WINDOW_SECONDS {
            self.since = now;
            (self.resets, self.control, self.sent) = (0, 0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, 1], payload].concat()
    }

    fn guard() -> Guard {
        let mut guard = Guard::new(FrameLimits { resets: 3, control: 5 }, 100);
        guard.came(PREFACE, 100);
        guard
    }

    fn check(frames: &[Vec<u8>], times: usize, expect: Option<Flood>) {
        let bytes = frames.concat().repeat(times);
        for longest in [1, 2, 7, bytes.len()] {
            let mut guard = guard();
            bytes.chunks(longest).for_each(|piece| guard.came(piece, 100));
            assert_eq!(guard.flood(), expect, "{frames:?} {times} times, {longest} at once");
        }
    }

    #[test]
    fn floods_are_seen_in_any_pieces() {
        let reset = frame(RST_STREAM, 0, &[0, 0, 0, 8]);
        let ping = frame(6, 0, &[0; 8]);
        let head = frame(HEADERS, END_HEADERS, &[1, 2, 3]);
        check(&[head.clone(), reset.clone()], 3, None);
        check(&[head.clone(), reset], 4, Some(Flood::Resets));
        check(std::slice::from_ref(&ping), 5, None);
        check(&[head.clone(), ping], 6, Some(Flood::ControlFrames));
        check(&[head, frame(DATA, 0, b"x"), frame(DATA, END_STREAM, b"")], 50, None);
        for kind in [2, 4, 6, 8, 9, 0xa, 0xff] {
            check(&[frame(kind, 0, b"")], 6, Some(Flood::ControlFrames));
        }
        check(&[frame(DATA, 0, b"")], 6, Some(Flood::ControlFrames));
    }

    #[test]
    fn forced_resets_count_and_our_own_do_not() {
        for (reason, flood) in
            [(1, true), (3, true), (5, true), (7, true), (0, false), (2, false), (8, false)]
        {
            let mut guard = guard();
            let bytes = frame(RST_STREAM, 0, &[0, 0, 0, reason]).repeat(4);
            bytes.chunks(5).for_each(|piece| guard.goes(piece, 100));
            assert_eq!(guard.flood().is_some(), flood, "reason {reason}");
        }
    }

    #[test]
    fn what_is_sent_allows_for_windows_that_are_opened() {
        let mut guard = guard();
        let data = frame(DATA, 0, &[0; 128]);
        guard.goes(&data.repeat(8 * 10), 100);
        guard.came(&frame(8, 0, &[0; 4]).repeat(15), 100);
        assert_eq!(guard.flood(), None);
        guard.came(&frame(8, 0, &[0; 4]), 100);
        assert_eq!(guard.flood(), Some(Flood::ControlFrames));
    }

    #[test]
    fn counts_begin_anew() {
        let mut guard = guard();
        for now in (100..1000).step_by(30) {
            guard.came(&frame(6, 0, &[0; 8]).repeat(5), now);
            assert_eq!(guard.flood(), None);
        }
    }

    #[test]
    fn a_head_that_does_not_end_is_seen() {
        let mut guard = guard();
        let begun = frame(HEADERS, 0, b"abc");
        guard.came(&begun[..4], 100);
        assert!(guard.is_in_head());
        guard.came(&begun[4..], 100);
        guard.came(&frame(CONTINUATION, 0, b"abc"), 100);
        assert!(guard.is_in_head());
        let last = frame(CONTINUATION, END_HEADERS, b"abc");
        let (begun, rest) = last.split_at(10);
        guard.came(begun, 100);
        assert!(guard.is_in_head(), "the rest of the last frame");
        guard.came(rest, 100);
        assert!(!guard.is_in_head());
        // The usual case: one frame, in pieces.
        let whole = frame(HEADERS, END_HEADERS, b"abc");
        for cut in 4..whole.len() {
            guard.came(&whole[..cut], 100);
            assert!(guard.is_in_head(), "{cut} bytes");
            guard.came(&whole[cut..], 100);
            assert!(!guard.is_in_head(), "{cut} bytes");
        }
        let data = frame(DATA, 0, b"abc");
        guard.came(&[&whole[..], &data[..10]].concat(), 100);
        assert!(!guard.is_in_head(), "what comes behind a head is none");
    }
}
