//! A WebSocket's handshake and its frames: who agrees, and where a frame ends, as a second reading
//! has it.

use yumen_http::{Fields, agrees_to_websocket};
use yumen_listen::frames::{Frames, To};

use crate::pieces::{Dice, pieces};

/// Bytes of a stream whose every cut is looked at.
const CUTS_MAX: usize = 400;

/// Checks a key and an answer, each in a line, and the rest as frames.
pub fn check(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (key, accept) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    check_agreement(key, accept);
    check_frames(lines.next().unwrap_or_default(), &mut Dice::of(data));
}

fn field(name: &str, value: &[u8]) -> Option<Fields> {
    let mut fields = Fields::new();
    fields.add(name, value).ok().map(|()| fields)
}

fn check_agreement(key: &[u8], accept: &[u8]) {
    let request = field("Sec-WebSocket-Key", key);
    let answer = field("Sec-WebSocket-Accept", accept);
    let (Some(request), Some(answer)) = (request, answer) else { return };
    let right = is_key(key).then(|| {
        let text = [key, b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat();
        base64(&sha1(&text)).into_bytes()
    });
    let agrees = agrees_to_websocket(&request, &answer);
    assert_eq!(agrees, right.as_deref() == Some(accept), "{}", key.escape_ascii());
    if let Some(right) = right {
        let answer = field("sec-websocket-accept", &right).expect("a good value");
        assert!(agrees_to_websocket(&request, &answer), "{}", key.escape_ascii());
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Sixteen bytes in Base64, in the one way there is.
fn is_key(key: &[u8]) -> bool {
    let Some(digits) = key.strip_suffix(b"==") else { return false };
    let value = |byte: &u8| ALPHABET.iter().position(|letter| letter == byte);
    // The last digit has two bits that count.
    digits.len() == 22
        && digits.iter().all(|byte| value(byte).is_some())
        && digits.last().and_then(value).is_some_and(|bits| bits % 16 == 0)
}

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..three.len()].copy_from_slice(three);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for place in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * place) & 63).expect("six bits");
            out.push(if place <= three.len() { char::from(ALPHABET[digit]) } else { '=' });
        }
    }
    out
}

/// SHA-1 as FIPS 180-4 writes it down.
fn sha1(text: &[u8]) -> [u8; 20] {
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut padded = text.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(text.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        let mut words: Vec<u32> = block
            .chunks(4)
            .map(|word| u32::from_be_bytes(word.try_into().expect("four bytes")))
            .collect();
        for at in 16..80 {
            let mixed = words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16];
            words.push(mixed.rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (round, word) in words.iter().enumerate() {
            let (mix, constant) = match round / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(mix).wrapping_add(e).wrapping_add(constant);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next.wrapping_add(*word));
        }
        for (sum, part) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut out = [0; 20];
    for (place, word) in out.chunks_mut(4).zip(state) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    out
}

/// One frame: where its head ends, where it ends itself, and of which kind it is.
struct Seen {
    head: u128,
    end: u128,
    kind: u8,
}

/// The frames of a stream, as far as their heads are there (RFC 6455 section 5.2).
fn frames(stream: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut at = 0_u128;
    while let Some([first, second, rest @ ..]) =
        usize::try_from(at).ok().and_then(|at| stream.get(at..))
    {
        let more = match second & 127 {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 128 == 0 { 0 } else { 4 };
        if rest.len() < more + mask {
            break;
        }
        let length = match more {
            0 => u128::from(second & 127),
            _ => rest[..more].iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte)),
        };
        let head = at + 2 + more as u128 + mask as u128;
        at = head + length;
        seen.push(Seen { head, end: at, kind: first & 15 });
    }
    seen
}

fn check_frames(stream: &[u8], dice: &mut Dice) {
    let seen = frames(stream);
    let stride = stream.len() / CUTS_MAX + 1;
    let mut cut = Frames::default();
    let mut passed = 0;
    for piece in pieces(stream, stride, dice) {
        cut.pass(piece);
        passed += piece.len();
        let at = passed as u128;
        let mut whole = Frames::default();
        whole.pass(&stream[..passed]);
        let closed = seen.iter().any(|one| one.kind == 8 && one.head <= at);
        assert_eq!((cut.is_closed(), whole.is_closed()), (closed, closed), "{passed}");
        // Between two frames, inside of one whose end is known, or inside of a head.
        let between = at == 0 || seen.iter().any(|one| one.end == at);
        let inside = seen.iter().find(|one| one.end > at);
        let expect = match inside {
            _ if between => Some(0),
            Some(one) => {
                usize::try_from(one.end - at).ok().filter(|end| *end <= stream.len() - passed)
            }
            None => None,
        };
        let rest = &stream[passed..];
        assert_eq!(cut.end_in(rest), expect, "{passed}");
        assert_eq!(whole.end_in(rest), expect, "{passed}");
        if let Some(end) = expect {
            // Goodbye fits there, and is understood.
            for to in [To::Client, To::Service] {
                let mut told = cut.clone();
                told.pass(&rest[..end]);
                told.pass(to.goodbye());
                assert!(told.is_closed() && told.end_in(b"") == Some(0));
            }
        }
    }
}
