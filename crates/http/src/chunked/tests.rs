use super::*;

/// Body, surplus, whether it ended, trailers.
type Decoded = (Vec<u8>, Vec<u8>, bool, Option<Fields>);

/// Decodes `input` cut in pieces of `size`; the body, the surplus, and whether it ended.
fn decode(input: &[u8], size: usize) -> Result<Decoded, Malformed> {
    let mut decoder = Decoder::new(64);
    let mut body = Vec::new();
    for (number, piece) in input.chunks(size).enumerate() {
        let from = body.len();
        body.extend_from_slice(piece);
        let step = decoder.decode(&mut body, from)?;
        if step.end {
            let mut surplus = body.split_off(body.len() - step.surplus);
            surplus.extend(input.chunks(size).skip(number + 1).flatten());
            return Ok((body, surplus, true, decoder.into_trailers()));
        }
        assert_eq!(step.surplus, 0);
    }
    Ok((body, Vec::new(), false, None))
}

#[test]
fn bodies_are_the_same_however_they_are_cut() {
    let input = b"4\r\nWiki\r\n6;name=\"x\"\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nX-Sum: 1\r\n\r\nGET /";
    for size in 1..=input.len() {
        let (body, surplus, end, trailers) = decode(input, size).unwrap();
        assert_eq!(body, b"Wikipedia in \r\n\r\nchunks.");
        assert_eq!(surplus, b"GET /");
        assert!(end);
        assert_eq!(trailers.unwrap().first("x-sum"), Some(&b"1"[..]));
    }
}

#[test]
fn unfinished_bodies_do_not_end() {
    for input in
        ["", "4", "4\r", "4\r\n", "4\r\nWi", "4\r\nWiki\r\n", "4\r\nWiki\r\n0\r\n", "0\r\nA: b\r\n"]
    {
        assert!(!decode(input.as_bytes(), 3).unwrap().2, "{input:?}");
    }
}

#[test]
fn everything_but_the_grammar_is_refused() {
    let long_extension = format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(SIZE_LINE_MAX));
    let long_trailers = format!("0\r\nA: {}\r\n\r\n", "b".repeat(64));
    for input in [
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        "1_0\r\n",
        " 1\r\n",
        "1 \r\n",
        "1\t;x\r\n",
        "1\n",
        "1\r\rx",
        "1;a\nx",
        "1;a\0\r\n",
        "1\r\nxy\r\n",
        "1\r\nx\n0\r\n\r\n",
        "1\r\nx\r0\r\n\r\n",
        "1\r\nxSPILL\r\n",
        "10000000000000000\r\n",
        "0\r\n\n",
        "0\n\r\n",
        "0\r\nbad\r\n\r\n",
        "0\r\nA : b\r\n\r\n",
        "0\r\n A: b\r\n\r\n",
        "0\r\nA: b\n\r\n",
        "INVALID\r\nGET / HTTP/1.1\r\n",
        ";x\r\n",
        long_extension.as_str(),
        long_trailers.as_str(),
    ] {
        for size in [1, 2, 1000] {
            assert!(decode(input.as_bytes(), size).is_err(), "{input:?} in pieces of {size}");
        }
    }
}

#[test]
fn trailers_cannot_speak_for_the_head() {
    let input = b"0\r\nContent-Length: 5\r\nHost: x\r\nAuthorization: y\r\nX-Consumer-Id: 1\r\nOk: z\r\n\r\n";
    let mut decoder = Decoder::new(4096);
    let mut buffer = input.to_vec();
    assert!(decoder.decode(&mut buffer, 0).unwrap().end);
    let trailers = decoder.into_trailers().unwrap();
    assert_eq!(trailers.iter().collect::<Vec<_>>(), [(&b"Ok"[..], &b"z"[..])]);
}

#[test]
fn what_is_written_can_be_read() {
    for size in [1, 15, 16, 255, 256, 4095, 4096, 0xffff, 0x10000, 0x12345] {
        let data = vec![b'd'; size];
        let mut buffer = b"head".to_vec();
        buffer.extend_from_slice(&[0; HEAD_ROOM]);
        buffer.extend_from_slice(&data);
        write_head(&mut buffer, 4);
        write_end(&mut buffer, None);
        assert_eq!(buffer.get(..4), Some(&b"head"[..]));
        assert!(!buffer.get(4..).unwrap().starts_with(b"0"), "no leading zeros");
        let (body, surplus, end, _) = decode(buffer.get(4..).unwrap(), 7).unwrap();
        assert_eq!((body.len(), surplus.len(), end), (size, 0, true));
    }
}
