//! The two messages, by the byte.

use super::*;

#[test]
fn questions_are_written() {
    let check = |service: &str, expect: &[u8]| {
        assert_eq!(&write_question(service)[..], expect, "{service}");
    };
    check("", &[0, 0, 0, 0, 0]);
    check("a.B", &[0, 0, 0, 0, 5, 0x0a, 3, b'a', b'.', b'B']);
    let long = "x".repeat(200);
    let mut expect = vec![0, 0, 0, 0, 203, 0x0a, 0xc8, 1];
    expect.extend_from_slice(long.as_bytes());
    check(&long, &expect);
}

#[test]
fn answers_are_read() {
    let check = |message: &[u8], expect: Result<u64, &'static str>| {
        assert_eq!(read_status(message), expect, "{message:?}");
    };
    check(&[], Ok(0));
    check(&[0x08, 1], Ok(1));
    check(&[0x08, 2], Ok(2));
    // Longer than it need be, twice, and as negative as a number can be.
    check(&[0x08, 0x81, 0x00], Ok(1));
    check(&[0x08, 1, 0x08, 2], Ok(2));
    check(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], Ok(u64::MAX));
    // Fields of a later version: a number, eight bytes, text, four bytes.
    check(
        &[0x10, 7, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x22, 2, 1, 1, 0x2d, 1, 2, 3, 4, 0x08, 1],
        Ok(1),
    );
    check(&[0x08], Err("it is cut off"));
    check(&[0x08, 0x81], Err("it is cut off"));
    check(&[0x22, 2, 1], Err("it is cut off"));
    check(&[0x22, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], Err("it is cut off"));
    check(&[0x19, 1], Err("it is cut off"));
    check(&[0x0a, 1, 1], Err("the status is no number"));
    check(&[0x00, 1], Err("a field without a number"));
    check(&[0x13], Err("a field of no known form"));
    check(
        &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
        Err("a number that is too large"),
    );
    let endless = [&[0x08][..], &[0x80; 10], &[1]].concat();
    check(&endless, Err("a number without an end"));
}

#[test]
fn frames_are_read() {
    let check = |body: &[u8], expect: Result<&[u8], &'static str>| {
        assert_eq!(read_frame(body), expect, "{body:?}");
    };
    check(&[0, 0, 0, 0, 0], Ok(&[]));
    check(&[0, 0, 0, 0, 2, 8, 1], Ok(&[8, 1]));
    check(&[], Err("there is no message"));
    check(&[0, 0, 0, 0], Err("there is no message"));
    check(&[1, 0, 0, 0, 0], Err("it is compressed, and nobody asked for that"));
    check(&[0, 0, 0, 0, 2, 8], Err("it is cut off"));
    check(&[0, 255, 255, 255, 255, 8], Err("it is too long"));
    check(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Err("there is more than one message"));
}

/// Whatever comes, it is read to an end.
#[test]
fn nothing_that_comes_is_too_odd() {
    let mut random = crate::balance::random::Random::new(1);
    for _ in 0..200_000 {
        let length = usize::try_from(random.below(24)).unwrap();
        let odd = |_| u8::try_from(random.below(256)).unwrap();
        let bytes: Vec<u8> = (0..length).map(odd).collect();
        let _either = read_status(&bytes);
        let _either = read_frame(&bytes);
    }
}
