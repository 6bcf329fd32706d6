//! Chunked bodies: decoded in any pieces, as a second decoder does; what is written is read.

use yumen_http::chunked::{HEAD_ROOM, SIZE_LINE_MAX, write_end, write_head};
use yumen_http::{Decoder, Fields, Framing};

use crate::pieces::{Dice, pieces};
use crate::strict;

const TRAILERS_MAX: usize = 128;

/// Body, what stands behind it, and trailers.
#[derive(Debug, PartialEq)]
struct Decoded {
    body: Vec<u8>,
    behind: usize,
    trailers: Vec<(String, Vec<u8>)>,
}

/// Checks one stream of bytes as a chunked body, and as the content of one.
pub fn check(data: &[u8]) {
    let mut dice = Dice::of(data);
    let whole = decode(&[data], data.len());
    for longest in [1, 5, 300] {
        let cut = decode(&pieces(data, longest, &mut dice), data.len());
        assert_eq!(cut, whole, "in pieces of up to {longest}");
    }
    let reference = second(data);
    if let Ok(Some(decoded)) = &whole {
        assert_eq!(Some(decoded), reference.as_ref(), "the two decoders differ");
    } else {
        assert_eq!(reference, None, "the other decoder takes it");
    }
    check_round_trip(data, &mut dice);
}

/// `None` while the end has not come.
fn decode(pieces: &[&[u8]], length: usize) -> Result<Option<Decoded>, ()> {
    let mut decoder = Decoder::new(Framing::Chunked, TRAILERS_MAX);
    let mut body = Vec::new();
    let mut read = 0;
    for piece in pieces {
        let from = body.len();
        read += piece.len();
        body.extend_from_slice(piece);
        let step = decoder.decode(&mut body, from).map_err(|_malformed| ())?;
        assert!(body.len() - from <= piece.len() && step.surplus <= piece.len());
        assert_eq!(step.end, decoder.is_done());
        if step.end {
            body.truncate(body.len() - step.surplus);
            let trailers = decoder.into_trailers();
            let trailers = trailers.as_ref().map(strict::lines).unwrap_or_default();
            return Ok(Some(Decoded { body, behind: length - read + step.surplus, trailers }));
        }
        assert_eq!(step.surplus, 0);
    }
    Ok(None)
}

/// Decodes a whole body by RFC 9112 section 7.1; `None` if it is none.
fn second(mut rest: &[u8]) -> Option<Decoded> {
    let mut body = Vec::new();
    loop {
        let line = take_line(&mut rest)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, extension) = line.split_at(digits);
        let plain = extension.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 127));
        if !(1..=15).contains(&digits)
            || line.len() + 2 > SIZE_LINE_MAX
            || !plain
            || !matches!(extension.first(), None | Some(b';'))
        {
            return None;
        }
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
    let before = rest.len();
    let mut trailers = Vec::new();
    loop {
        let line = take_line(&mut rest)?;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let value = &line[colon + 1..];
        let plain = value.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 127));
        if !strict::is_token(&line[..colon]) || !plain {
            return None;
        }
        trailers.push(strict::line(line));
    }
    if before - rest.len() > TRAILERS_MAX + 2 {
        return None;
    }
    let trailers = trailers.into_iter().map(|(name, value)| (name, value.to_vec()));
    Some(Decoded { body, behind: rest.len(), trailers: trailers.filter(may_trail).collect() })
}

/// The next line without its end; `None` if it does not end, or not in CRLF.
fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (line, after) = rest.split_at(end + 1);
    *rest = after;
    line.strip_suffix(b"\r\n")
}

/// Those that the gateway takes at the end of a message: none that it knows, none with a meaning
/// for the head.
fn may_trail((name, _): &(String, Vec<u8>)) -> bool {
    const HEAD_ONLY: [&str; 14] = [
        "authorization",
        "cookie",
        "set-cookie",
        "cache-control",
        "content-type",
        "content-encoding",
        "content-range",
        "max-forwards",
        "range",
        "www-authenticate",
        "location",
        "vary",
        "age",
        "expires",
    ];
    yumen_http::Known::of(name.as_bytes()) == yumen_http::Known::Other
        && !HEAD_ONLY.contains(&name.as_str())
}

/// Sends the input as the content of a body, in chunks, and reads that.
fn check_round_trip(data: &[u8], dice: &mut Dice) {
    let mut out = Vec::new();
    for piece in pieces(data, 400, dice) {
        let at = out.len();
        out.extend_from_slice(&[0; HEAD_ROOM]);
        out.extend_from_slice(piece);
        write_head(&mut out, at);
    }
    let mut trailers = Fields::new();
    let value = strict_value(data);
    trailers.add("X-Sum", &value).expect("a good field");
    let with_trailers = dice.is_even();
    write_end(&mut out, Some(&trailers).filter(|_| with_trailers));
    let length = out.len();
    out.extend_from_slice(b"GET /");
    let decoded = decode(&pieces(&out, 97, dice), out.len()).expect("good").expect("whole");
    assert_eq!(decoded.body, data);
    assert_eq!(decoded.behind, out.len() - length);
    assert_eq!(decoded.trailers.len(), usize::from(with_trailers));
}

fn strict_value(data: &[u8]) -> Vec<u8> {
    data.iter().copied().filter(u8::is_ascii_graphic).take(40).collect()
}
