//! What the guard of HTTP/2 sees in frames: the same in any pieces, and the same as a reader that has
//! all bytes at once.

use yumen_listen::guard::{Flood, FrameLimits, Guard, PREFACE};

use crate::pieces::{Dice, pieces};

/// A connection has one for as long as it lasts, so it must not grow with what is sent.
const GUARD_MAX: usize = 256;

/// What happens next on the connection: bytes in one direction, some seconds later.
struct Turn<'a> {
    inward: bool,
    seconds: u64,
    bytes: &'a [u8],
}

/// What a guard says at one moment.
#[derive(Debug, PartialEq, Clone, Copy)]
struct Verdict {
    flood: Option<Flood>,
    in_head: bool,
}

/// Checks one input: two bytes of limits, then turns. A turn is a byte of direction, seconds and
/// size, a byte of length, and so many bytes.
pub fn check(data: &[u8]) {
    let [resets, control, rest @ ..] = data else { return };
    let limits = FrameLimits { resets: u32::from(resets % 8), control: u32::from(control % 32) };
    let turns = turns(rest);
    assert!(size_of::<Guard>() <= GUARD_MAX, "a guard of {} bytes", size_of::<Guard>());
    let mut dice = Dice::of(data);
    let mut guards: Vec<(usize, Guard)> =
        [1, 2, 11, usize::MAX].map(|longest| (longest, Guard::new(limits, 0))).into();
    let mut reader = Reader::new(limits);
    let mut now = 0;
    let preface = Turn { inward: true, seconds: 0, bytes: PREFACE };
    for turn in std::iter::once(preface).chain(turns) {
        now += turn.seconds;
        let expect = reader.turn(&turn, now);
        for (longest, guard) in &mut guards {
            for piece in pieces(turn.bytes, (*longest).min(turn.bytes.len().max(1)), &mut dice) {
                match turn.inward {
                    true => guard.came(piece, now),
                    false => guard.goes(piece, now),
                }
            }
            let says = Verdict { flood: guard.flood(), in_head: guard.is_in_head() };
            assert_eq!(says.flood, expect.flood, "in pieces of up to {longest}");
            // What comes behind a flood is not read any more.
            if says.flood.is_none() {
                assert_eq!(says.in_head, expect.in_head, "in pieces of up to {longest}");
            }
        }
    }
}

fn turns(mut rest: &[u8]) -> Vec<Turn<'_>> {
    const SECONDS: [u64; 4] = [0, 1, 29, 31];
    let mut turns = Vec::new();
    while let [how, length, behind @ ..] = rest {
        let times = if how & 8 == 0 { 1 } else { 16 };
        let (bytes, after) = behind.split_at(behind.len().min(usize::from(*length) * times));
        let seconds = SECONDS[usize::from(how >> 1 & 3)];
        turns.push(Turn { inward: how & 1 == 0, seconds, bytes });
        rest = after;
    }
    turns
}

/// The same rules over all bytes of a direction, read anew from where the last frame began.
struct Reader {
    limits: FrameLimits,
    inward: Vec<u8>,
    outward: Vec<u8>,
    /// Where the next frame begins that was not counted yet.
    in_at: usize,
    out_at: usize,
    since: u64,
    resets: u32,
    control: u32,
    sent: u64,
    flood: Option<Flood>,
    /// A head goes on in the next frame.
    goes_on: bool,
    /// Where the last frame of the last head ends.
    head_end: usize,
}

/// A frame whose head is there: kind, flags, length, and the reason of a reset.
struct Seen {
    kind: u8,
    flags: u8,
    length: usize,
    reason: u32,
}

/// The frame at this place, once enough of it is there to know what it is.
fn frame(bytes: &[u8], at: usize) -> Option<Seen> {
    let [a, b, c, kind, flags, _, _, _, _, rest @ ..] = bytes.get(at..)? else { return None };
    let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).expect("three bytes");
    let reason = match (*kind == 3 && length == 4, rest) {
        (false, _) => 0,
        (true, [a, b, c, d, ..]) => u32::from_be_bytes([*a, *b, *c, *d]),
        (true, _) => return None,
    };
    Some(Seen { kind: *kind, flags: *flags, length, reason })
}

impl Reader {
    fn new(limits: FrameLimits) -> Self {
        Self {
            limits,
            inward: Vec::new(),
            outward: Vec::new(),
            in_at: PREFACE.len(),
            out_at: 0,
            since: 0,
            resets: 0,
            control: 0,
            sent: 0,
            flood: None,
            goes_on: false,
            head_end: 0,
        }
    }

    fn turn(&mut self, turn: &Turn<'_>, now: u64) -> Verdict {
        if !turn.bytes.is_empty() && now - self.since >= 30 {
            (self.since, self.resets, self.control, self.sent) = (now, 0, 0, 0);
        }
        match turn.inward {
            true => self.came(turn.bytes),
            false => self.goes(turn.bytes),
        }
        let begins = self.inward.get(self.in_at..).is_some_and(|rest| rest.get(3) == Some(&1));
        let in_head = self.goes_on || self.inward.len() < self.head_end || begins;
        Verdict { flood: self.flood, in_head }
    }

    fn came(&mut self, bytes: &[u8]) {
        self.inward.extend_from_slice(bytes);
        while let Some(seen) = frame(&self.inward, self.in_at) {
            self.in_at += 9 + seen.length;
            let ends_head = seen.flags & 4 != 0;
            let has_end = seen.flags & 1 != 0;
            match seen.kind {
                0 if seen.length > 0 || has_end => {}
                1 => {
                    self.goes_on = !ends_head;
                    self.head_end = self.in_at;
                }
                3 => self.resets += 1,
                _ => self.control += 1,
            }
            if seen.kind == 9 && self.goes_on {
                self.goes_on = !ends_head;
                self.head_end = self.in_at;
            }
            self.judge();
        }
    }

    fn goes(&mut self, bytes: &[u8]) {
        self.outward.extend_from_slice(bytes);
        while let Some(seen) = frame(&self.outward, self.out_at) {
            self.out_at += 9 + seen.length;
            match seen.kind {
                0 => self.sent += seen.length as u64,
                // Only those that the client has brought about. The gateway's own resets have no
                // reason above 13, so that the last byte says it.
                3 if [1, 3, 5, 6, 7, 9].contains(&(seen.reason & 255)) => self.resets += 1,
                _ => {}
            }
            self.judge();
        }
    }

    fn judge(&mut self) {
        let most = u64::from(self.limits.control) + self.sent / 1024;
        if self.resets > self.limits.resets {
            self.flood.get_or_insert(Flood::Resets);
        } else if u64::from(self.control) > most {
            self.flood.get_or_insert(Flood::ControlFrames);
        }
    }
}
