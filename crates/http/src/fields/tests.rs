use super::*;

fn read(lines: &str) -> Result<Fields, Malformed> {
    Fields::read(format!("{lines}\r\n").into_bytes())
}

fn written(fields: &Fields) -> String {
    let mut out = Vec::new();
    fields.write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn untouched_lines_are_sent_as_they_came() {
    let lines = "Accept:  a\r\nX-ODD-case:\tb \r\nempty:\r\nspaces:   \r\n";
    let fields = read(lines).unwrap();
    assert_eq!(written(&fields), lines);
    assert_eq!(fields.first("x-odd-CASE"), Some(&b"b"[..]));
    assert_eq!(fields.first("empty"), Some(&b""[..]));
    assert_eq!(fields.first("spaces"), Some(&b""[..]));
    assert_eq!(fields.size(), lines.len());
}

#[test]
fn edits_keep_the_order_of_the_others() {
    let mut fields = read("A: 1\r\nB: 2\r\nC: 3\r\nb: 4\r\n").unwrap();
    fields.set("B", b"5").unwrap();
    fields.add("D", b"6").unwrap();
    assert_eq!(written(&fields), "A: 1\r\nC: 3\r\nB: 5\r\nD: 6\r\n");
    fields.remove("c");
    assert_eq!(written(&fields), "A: 1\r\nB: 5\r\nD: 6\r\n");
    assert_eq!(fields.len(), 3);
}

#[test]
fn only_refuses_to_choose_between_two() {
    let fields = read("role: user\r\nRole: admin\r\none: x\r\n").unwrap();
    assert_eq!(fields.only("role"), None);
    assert_eq!(fields.only("one"), Some(&b"x"[..]));
}

#[test]
fn nothing_that_breaks_the_head_can_be_added() {
    let mut fields = Fields::new();
    for (name, value) in
        [("a b", "x"), ("", "x"), ("a", "x\r\ny: z"), ("a", "x\0"), ("a:", "x"), ("a", " x")]
    {
        assert!(fields.add(name, value.as_bytes()).is_err(), "{name:?}: {value:?}");
    }
    assert!(fields.is_empty());
}

#[test]
fn bad_lines_are_refused() {
    for line in [
        " folded: x",
        "\tfolded: x",
        ": no name",
        "no colon",
        "space : x",
        "tab\t: x",
        "a\0b: x",
        "a(b): x",
        "a: x\0y",
        "a: x\x0by",
        "a: \x7f",
        "\u{e4}: x",
        "a: x\ry",
    ] {
        assert!(read(&format!("ok: 1\r\n{line}\r\n")).is_err(), "{line:?}");
    }
}

#[test]
fn names_with_underscores_are_known_as_such() {
    assert_eq!(Known::of(b"Content_Length"), Known::Underscore);
    assert_eq!(Known::of(b"X-Consumer-Groups"), Known::Owned);
    assert_eq!(Known::of(b"TRANSFER-encoding"), Known::TransferEncoding);
    assert_eq!(Known::of(b"x-anything"), Known::Other);
}

#[test]
fn a_known_name_is_known_in_any_case_and_with_no_other_character() {
    let names = [
        "te",
        "b3",
        "via",
        "host",
        "date",
        "close",
        "proxy",
        "expect",
        "server",
        "upgrade",
        "trailer",
        "forwarded",
        "x-real-ip",
        "connection",
        "keep-alive",
        "x-userinfo",
        "tracestate",
        "x-b3-flags",
        "client-cert",
        "traceparent",
        "x-b3-spanid",
        "x-request-id",
        "x-powered-by",
        "x-b3-traceid",
        "x-b3-sampled",
        "x-rewrite-url",
        "content-length",
        "x-original-url",
        "http2-settings",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "proxy-connection",
        "x-forwarded-proto",
        "transfer-encoding",
        "x-b3-parentspanid",
        "x-forwarded-prefix",
        "proxy-authenticate",
        "proxy-authorization",
        "x-anonymous-consumer",
        "x-forwarded-client-cert",
    ];
    for name in names {
        let known = Known::of(name.as_bytes());
        assert_ne!(known, Known::Other, "{name}");
        assert_eq!(Known::of(name.to_ascii_uppercase().as_bytes()), known, "{name}");
        for place in 0..name.len() {
            for byte in (0..=u8::MAX).filter(|byte| is_token(&[*byte])) {
                let mut other = name.as_bytes().to_vec();
                other[place] = byte;
                let same = other.eq_ignore_ascii_case(name.as_bytes());
                assert_eq!(Known::of(&other) == known, same, "{}", other.escape_ascii());
            }
        }
    }
}
