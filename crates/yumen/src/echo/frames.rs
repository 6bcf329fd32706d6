//! WebSocket frames, turned around: data comes back as it came, a ping as a pong, a close as a
//! close (RFC 6455 section 5).

use yumen_http::BodyError;

/// The longest frame that is echoed, in bytes.
const FRAME_MAX: u64 = 64 << 20;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Takes whole frames off `received` and puts their answers into `answer`; true after a close.
pub(super) fn turn(received: &mut Vec<u8>, answer: &mut Vec<u8>) -> Result<bool, BodyError> {
    let mut used = 0;
    let mut closed = false;
    while let Some(frame) = read(received.get(used..).unwrap_or_default())? {
        used += frame.length;
        let opcode = match frame.opcode {
            PING => PONG,
            PONG => continue,
            other => other,
        };
        write(answer, frame.first & 0xf0 | opcode, &frame.payload);
        closed |= opcode == CLOSE;
    }
    received.drain(..used);
    Ok(closed)
}

struct Frame {
    first: u8,
    opcode: u8,
    payload: Vec<u8>,
    length: usize,
}

/// Reads one frame of a client; `None` if it is not complete.
fn read(bytes: &[u8]) -> Result<Option<Frame>, BodyError> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if second & 0x80 == 0 {
        return Err(BodyError::Malformed);
    }
    let (size, rest) = match (second & 0x7f, rest) {
        (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
        (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
            (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
        }
        (126 | 127, _) => return Ok(None),
        (size, rest) => (u64::from(size), rest),
    };
    if size > FRAME_MAX {
        return Err(BodyError::TooLarge);
    }
    let Some((mask, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let Some(masked) = rest.get(..size) else { return Ok(None) };
    let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    let length = bytes.len() - rest.len() + size;
    Ok(Some(Frame { first: *first, opcode: first & 0x0f, payload, length }))
}

/// Writes one frame of a server.
fn write(out: &mut Vec<u8>, first: u8, payload: &[u8]) {
    out.push(first);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(size), _) if size < 126 => out.push(size),
        (_, Ok(size)) => {
            out.push(126);
            out.extend_from_slice(&size.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_however_they_are_cut() {
        // A masked "Hello" (RFC 6455 section 5.7), a masked ping, a masked close.
        let input = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58, 0x89, 0x80, 1, 2, 3,
            4, 0x88, 0x80, 0, 0, 0, 0,
        ];
        for size in 1..=input.len() {
            let (mut received, mut answer, mut closed) = (Vec::new(), Vec::new(), false);
            for piece in input.chunks(size) {
                received.extend_from_slice(piece);
                closed |= turn(&mut received, &mut answer).unwrap();
            }
            assert_eq!(answer, [&[0x81, 5][..], b"Hello", &[0x8a, 0, 0x88, 0]].concat());
            assert!(closed);
        }
    }

    #[test]
    fn unmasked_and_huge_frames_are_refused() {
        assert!(turn(&mut vec![0x81, 0x05, 1], &mut Vec::new()).is_err());
        assert!(turn(&mut vec![0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0], &mut Vec::new()).is_err());
    }
}
