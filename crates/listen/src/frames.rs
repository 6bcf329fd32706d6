//! Where the frames of a WebSocket end (RFC 6455 section 5.2): just enough of them to say goodbye
//! between two, never inside one.

/// The longest head of a frame: two bytes, a length of eight, a mask of four.
const HEAD_MAX: usize = 14;
/// The kind of frame that ends a WebSocket.
const CLOSE: u8 = 8;

/// "Going away" (1001), as a server says it.
const TO_CLIENT: &[u8] = &[0x80 | CLOSE, 2, 0x03, 0xe9];
/// The same as a client says it: under a mask. A mask protects proxies from bytes that somebody
/// chose; nobody chose these, so one of zeros will do.
const TO_SERVICE: &[u8] = &[0x80 | CLOSE, 0x80 | 2, 0, 0, 0, 0, 0x03, 0xe9];

/// To whom bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// From the service.
    Client,
    /// From the client, so its frames have masks.
    Service,
}

impl To {
    /// The frame that says goodbye.
    pub fn goodbye(self) -> &'static [u8] {
        match self {
            Self::Client => TO_CLIENT,
            Self::Service => TO_SERVICE,
        }
    }
}

/// One direction of a WebSocket, as far as it has gone by.
#[derive(Debug, Clone, Default)]
pub struct Frames {
    head: [u8; HEAD_MAX],
    /// Bytes of the head under way that have come.
    have: usize,
    /// Bytes of the frame under way that are still to come.
    left: u64,
    closed: bool,
}

impl Frames {
    /// Bytes went by.
    pub fn pass(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = self.step(rest);
        }
    }

    /// How many of these bytes, if they went by, would end with the frame under way; nothing if
    /// that goes on after them.
    pub fn end_in(&self, bytes: &[u8]) -> Option<usize> {
        let mut ahead = self.clone();
        let mut rest = bytes;
        while !ahead.is_between() {
            if rest.is_empty() {
                return None;
            }
            rest = ahead.step(rest);
        }
        Some(bytes.len() - rest.len())
    }

    /// Whether the last frame of all has begun.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    fn is_between(&self) -> bool {
        self.have == 0 && self.left == 0
    }

    /// Passes over the head of a frame, or a piece of it, or what follows it; hands back the rest.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.left > 0 {
            let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            self.left -= here as u64;
            return bytes.get(here..).unwrap_or_default();
        }
        let Some((first, rest)) = bytes.split_first() else { return &[] };
        if let Some(place) = self.head.get_mut(self.have) {
            *place = *first;
        }
        self.have += 1;
        if let Some(length) = self.length() {
            self.closed |= self.head.first().is_some_and(|kind| kind & 0x0f == CLOSE);
            self.have = 0;
            self.left = length;
        }
        rest
    }

    /// How long the frame is behind its head, once that is whole.
    fn length(&self) -> Option<u64> {
        let head = self.head.get(..self.have)?;
        let (_, [second, long @ ..]) = head.split_first()? else { return None };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let more = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if long.len() < more + mask {
            return None;
        }
        let written = long.get(..more)?.iter();
        Some(match more {
            0 => u64::from(second & 0x7f),
            _ => written.fold(0, |length, byte| length << 8 | u64::from(*byte)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut bytes = vec![0x80 | kind];
        match length {
            0..126 => bytes.push(mask | u8::try_from(length).unwrap()),
            126..65536 => {
                bytes.push(mask | 126);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(masked.then_some([0xff; 4]).into_iter().flatten());
        // Bytes that would begin frames of their own if they were taken for heads.
        bytes.extend(std::iter::repeat_n(0x88, length));
        bytes
    }

    #[test]
    fn the_end_of_a_frame_is_found_wherever_the_bytes_are_cut() {
        for (length, masked) in
            [(0, false), (0, true), (5, true), (125, false), (126, true), (70_000, true)]
        {
            let bytes = frame(1, length, masked);
            let cuts = (0..bytes.len()).filter(|cut| *cut < 20 || cut % 997 == 0);
            for cut in cuts {
                let (before, after) = bytes.split_at(cut);
                let mut frames = Frames::default();
                frames.pass(before);
                let expect = if cut == 0 { 0 } else { after.len() };
                assert_eq!(frames.end_in(&[after, b"\x81\x05more"].concat()), Some(expect));
                assert_eq!(frames.end_in(&after[..after.len() - 1]).is_none(), cut > 0, "{cut}");
                assert!(!frames.is_closed());
            }
        }
    }

    #[test]
    fn a_close_frame_is_noticed_behind_others() {
        let mut frames = Frames::default();
        let bytes = [frame(2, 300, true), frame(9, 0, true), frame(8, 2, true)].concat();
        for byte in &bytes[..bytes.len() - 8] {
            frames.pass(&[*byte]);
            assert!(!frames.is_closed());
        }
        frames.pass(&bytes[bytes.len() - 8..]);
        assert!(frames.is_closed());
    }

    #[test]
    fn goodbyes_are_whole_frames() {
        for to in [To::Client, To::Service] {
            let mut frames = Frames::default();
            frames.pass(to.goodbye());
            assert!(frames.is_closed() && frames.end_in(b"").is_some());
        }
    }
}
