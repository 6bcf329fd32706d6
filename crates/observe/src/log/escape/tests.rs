use super::{Escape, FIELD_BYTES_MAX, combined, field, json, put_plain};

fn escaped(escape: impl Escape, value: &[u8]) -> String {
    let mut out = Vec::new();
    field(&mut out, value, escape);
    String::from_utf8(out).expect("every format is UTF-8")
}

#[test]
fn json_keeps_text_and_disarms_the_rest() {
    let check = |value: &[u8], expect: &str| assert_eq!(escaped(json, value), expect, "{value:?}");
    check(b"", "");
    check(b"/a/b?c=d ~", "/a/b?c=d ~");
    check(b"a\"b\\c", "a\\\"b\\\\c");
    check(b"\r\nfake: line\t", "\\r\\nfake: line\\t");
    check(b"\x00\x1b[31m\x7f", "\\u0000\\u001b[31m\\u007f");
    check("玉門 ü 🚪".as_bytes(), "玉門 ü 🚪");
    check("\u{9b}2J\u{2028}\u{202e}\u{2066}".as_bytes(), "\\u009b2J\\u2028\\u202e\\u2066");
    check(b"a\xffb\xc3", "a\u{fffd}b\u{fffd}");
    check(b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}");
}

#[test]
fn every_single_byte_comes_back_through_a_json_parser() {
    for byte in 0..=u8::MAX {
        let text = format!("\"{}\"", escaped(json, &[byte]));
        let back: String = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(back, String::from_utf8_lossy(&[byte]), "{byte:#x}");
        assert!(text.bytes().all(|byte| byte >= b' ' && byte != 0x7f), "{byte:#x}");
    }
}

#[test]
fn combined_escapes_as_nginx_does() {
    let check =
        |value: &[u8], expect: &str| assert_eq!(escaped(combined, value), expect, "{value:?}");
    check(b"curl/8.5 (x; y) [z]", "curl/8.5 (x; y) [z]");
    check(b"a\"b\\c\r\n\x7f\xff", "a\\x22b\\x5Cc\\x0D\\x0A\\x7F\\xFF");
    check("ü".as_bytes(), "\\xC3\\xBC");
}

#[test]
fn long_values_are_cut_between_characters() {
    let check = |value: String, kept: usize| {
        let expect = format!("{}...", value.split_at(kept).0);
        assert_eq!(escaped(json, value.as_bytes()), expect);
    };
    let full = "x".repeat(FIELD_BYTES_MAX);
    assert_eq!(escaped(json, full.as_bytes()), full);
    check("x".repeat(FIELD_BYTES_MAX + 1), FIELD_BYTES_MAX);
    check(format!("{}üü", "x".repeat(FIELD_BYTES_MAX - 1)), FIELD_BYTES_MAX - 1);
    check(format!("{}🚪🚪", "x".repeat(FIELD_BYTES_MAX - 3)), FIELD_BYTES_MAX - 3);
    check("🚪".repeat(FIELD_BYTES_MAX), FIELD_BYTES_MAX);
    // Continuation bytes without a character are cut at the bound itself.
    let noise = vec![0x80; 9 * FIELD_BYTES_MAX];
    assert_eq!(escaped(json, &noise), format!("{}...", "\u{fffd}".repeat(FIELD_BYTES_MAX)));
}

#[test]
fn plain_is_what_every_byte_says() {
    let naive = |value: &[u8]| {
        value.iter().all(|byte| matches!(byte, b' '..=b'~') && !b"\"\\".contains(byte))
    };
    let mut out = b"before".to_vec();
    let mut is_plain = |value: &[u8]| {
        out.truncate(6);
        let is_plain = put_plain(&mut out, value);
        assert_eq!(out[6..], *if is_plain { value } else { b"" });
        is_plain
    };
    for length in (0..=18).chain([32, 35]) {
        let mut value = vec![b' '; length];
        assert!(is_plain(&value), "{length}");
        for place in 0..length {
            for byte in 0..=u8::MAX {
                for before in [b' ', b'~', 0, b'!', 0xff] {
                    let neighbour = place.checked_sub(1);
                    if let Some(neighbour) = neighbour {
                        value[neighbour] = before;
                    }
                    value[place] = byte;
                    assert_eq!(is_plain(&value), naive(&value), "{value:?}");
                    value[place] = b' ';
                    if let Some(neighbour) = neighbour {
                        value[neighbour] = b' ';
                    }
                }
            }
        }
    }
}
