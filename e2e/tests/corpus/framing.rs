//! HTTP/1 framing: where one message ends and the next begins (catalogue entries 1 to 34).

use yumen_e2e::corpus::{Case, Right, abort, answered, case, forward, refuse, refuse_with, seen};

/// What an attacker would like the service to read as a request of its own.
const SECOND: &str = "GET /second HTTP/1.1\r\nHost: test.example\r\n\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// Head and body of a POST with these fields.
fn post(fields: impl AsRef<[u8]>, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = b"POST /x HTTP/1.1\r\nHost: test.example\r\n";
    [head.as_slice(), fields.as_ref(), b"\r\n", body.as_ref()].concat()
}

/// A chunked POST with this body, as it is on the wire.
fn chunks(body: impl AsRef<[u8]>) -> Vec<u8> {
    post(CHUNKED, body)
}

fn posted(body: &str) -> Right {
    forward([seen("POST", "/x").body(body)])
}

pub fn cases() -> Vec<Case> {
    let groups = [
        length_and_coding(),
        codings(),
        lengths(),
        chunk_sizes(),
        chunk_ends(),
        trailers(),
        bodies_of_every_method(),
        connections(),
        clean(),
    ];
    groups.into_iter().flatten().collect()
}

fn length_and_coding() -> Vec<Case> {
    let both = "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n";
    let other = "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n";
    let hidden = format!("{:x}\r\n{SECOND}\r\n0\r\n\r\n", SECOND.len());
    vec![
        case("1 length and coding", post(both, "0\r\n\r\nG"), refuse()),
        case("1 coding and length", post(other, "0\r\n\r\nG"), refuse()),
        case("1 length that fits", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), refuse()),
        case("1 length 0 and coding", post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", &hidden), refuse()),
        case("1 coding in another case", post("content-length: 6\r\ntransfer-ENCODING: CHUNKED\r\n", "0\r\n\r\nG"), refuse()),
        case("1 length, unknown coding", post("Content-Length: 6\r\nTransfer-Encoding: cow\r\n", "abcdef"), refuse_with(&[400, 501])),
        case("1 length, empty coding", post("Content-Length: 2\r\nTransfer-Encoding:\r\n", "ab"), refuse()),
        case("1 length, identity", post("Content-Length: 2\r\nTransfer-Encoding: identity\r\n", "ab"), refuse_with(&[400, 501])),
        case("2 chunk with a request, short length", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", &hidden), refuse()),
        case("2 second request behind", post(both, format!("0\r\n\r\n{SECOND}")), refuse()),
    ]
}

fn codings() -> Vec<Case> {
    let hidden = "0\r\n\r\n";
    let mut list: Vec<Case> = [
        ("3 chunked, then identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
        ("3 identity, then chunked", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
        ("3 chunked, then unknown", "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n"),
        ("3 chunked, then gzip", "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"),
        ("4 xchunked", "Transfer-Encoding: xchunked\r\n"),
        ("4 blegh", "Transfer-Encoding: blegh\r\n"),
        ("4 identity", "Transfer-Encoding: identity\r\n"),
        ("4 gzip", "Transfer-Encoding: gzip\r\n"),
        ("4 chunke", "Transfer-Encoding: chunke\r\n"),
        ("4 empty", "Transfer-Encoding:\r\n"),
        ("4 quoted", "Transfer-Encoding: \"chunked\"\r\n"),
        ("4 semicolon", "Transfer-Encoding: chunked;\r\n"),
        ("5 space before the colon", "Transfer-Encoding : chunked\r\n"),
        ("5 tab before the colon", "Transfer-Encoding\t: chunked\r\n"),
        ("7 leading comma", "Transfer-Encoding: ,chunked\r\n"),
        ("7 trailing comma", "Transfer-Encoding: chunked,\r\n"),
        ("7 comma alone", "Transfer-Encoding: ,\r\n"),
        ("7 empty member between", "Transfer-Encoding: gzip,,chunked\r\n"),
        ("8 chunked not last", "Transfer-Encoding: chunked, cow\r\n"),
        ("8 chunked, identity", "Transfer-Encoding: chunked, identity\r\n"),
        ("8 twice in a list", "Transfer-Encoding: chunked, chunked\r\n"),
        ("8 twice in two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        ("8 cow before", "Transfer-Encoding: cow, chunked\r\n"),
        ("8 two words", "Transfer-Encoding: chunked cow\r\n"),
        ("9 parameter", "Transfer-Encoding: chunked;q=1\r\n"),
        ("9 extension", "Transfer-Encoding: chunked; ext=a\r\n"),
        ("10 folded", "Transfer-Encoding:\r\n chunked\r\n"),
        ("10 folded with tab", "Transfer-Encoding: chunked\r\n\tidentity\r\n"),
        ("10 split name", "Transfer\r\n-Encoding: chunked\r\n"),
        ("10 behind a bare LF", "X: a\nTransfer-Encoding: chunked\r\n"),
        ("10 behind a bare CR", "X: a\rTransfer-Encoding: chunked\r\n"),
        ("10 ended by a bare LF", "Transfer-Encoding: chunked\nX: a\r\n"),
        ("10 first line indented", " Transfer-Encoding: chunked\r\n"),
    ]
    .into_iter()
    .map(|(name, fields)| case(name, post(fields, hidden), refuse_with(&[400, 501])))
    .collect();
    for (name, value) in [
        ("6 vertical tab before", b"\x0bchunked".as_slice()),
        ("6 vertical tab after", b"chunked\x0b"),
        ("6 form feed", b"\x0cchunked"),
        ("6 NUL before", b"\0chunked"),
        ("6 NUL after", b"chunked\0"),
        ("6 0xA0", b"\xa0chunked"),
        ("6 0x85", b"chunked\x85"),
        ("6 backspace", b"x\x08chunked"),
        ("6 DEL", b"chunked\x7f"),
    ] {
        let fields = [b"Transfer-Encoding: ", value, b"\r\n"].concat();
        list.push(case(name, post(fields, hidden), refuse_with(&[400, 501])));
    }
    let dropped = forward([seen("POST", "/x").body("").lacks("Transfer_Encoding"), seen("GET", "/second")]);
    list.push(case("11 underscore", post("Transfer_Encoding: chunked\r\n", SECOND), dropped.or_refuse()));
    let old = b"POST /x HTTP/1.0\r\nHost: test.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    list.push(case("12 in HTTP/1.0", old.as_slice(), refuse()));
    let old = "POST /x HTTP/1.0\r\nHost: test.example\r\nConnection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    list.push(case("12 in HTTP/1.0 with a length", old, refuse()));
    list
}

fn lengths() -> Vec<Case> {
    let mut list: Vec<Case> = [
        ("13 twice, 0 and 5", "Content-Length: 0\r\nContent-Length: 5\r\n"),
        ("13 twice, 5 and 0", "Content-Length: 5\r\nContent-Length: 0\r\n"),
        ("13 twice, the same", "Content-Length: 5\r\nContent-Length: 5\r\n"),
        ("13 list, 5 and 0", "Content-Length: 5, 0\r\n"),
        ("13 list, the same", "Content-Length: 5, 5\r\n"),
        ("13 list with empty member", "Content-Length: ,5\r\n"),
        ("13 twice in two cases", "Content-Length: 5\r\ncontent-length: 6\r\n"),
        ("14 plus sign", "Content-Length: +5\r\n"),
        ("14 minus sign", "Content-Length: -5\r\n"),
        ("14 minus nought", "Content-Length: -0\r\n"),
        ("14 hexadecimal", "Content-Length: 0x5\r\n"),
        ("14 octal with o", "Content-Length: 0o5\r\n"),
        ("14 float", "Content-Length: 5.0\r\n"),
        ("14 exponent", "Content-Length: 5e0\r\n"),
        ("14 digit separator", "Content-Length: 1_0\r\n"),
        ("14 quoted", "Content-Length: \"5\"\r\n"),
        ("14 inner space", "Content-Length: 1 0\r\n"),
        ("14 junk behind", "Content-Length: 5abc\r\n"),
        ("14 semicolon", "Content-Length: 5;\r\n"),
        ("15 two to the 64th plus five", "Content-Length: 18446744073709551621\r\n"),
        ("15 two to the 63rd", "Content-Length: 9223372036854775808\r\n"),
        ("15 thirty digits", "Content-Length: 100000000000000000000000000005\r\n"),
        ("16 empty", "Content-Length:\r\n"),
        ("16 empty, then real", "Content-Length:\r\nContent-Length: 5\r\n"),
        ("16 blank", "Content-Length: \t \r\n"),
        ("17 space before the colon", "Content-Length : 5\r\n"),
        ("17 tab before the colon", "Content-Length\t: 5\r\n"),
        ("17 NUL in the name", "Content-Length\0: 5\r\n"),
        ("17 space in the name", "Content Length: 5\r\n"),
        ("17 folded", "Content-Length:\r\n 5\r\n"),
        ("17 behind a bare CR", "X: a\rContent-Length: 5\r\n"),
        ("17 vertical tab", "Content-Length: \x0b5\r\n"),
    ]
    .into_iter()
    .map(|(name, fields)| case(name, post(fields, "abcde"), refuse_with(&[400, 413])))
    .collect();
    list.push(case("17 0xA0 in the name", post(b"Content-Length\xa0: 5\r\n", "abcde"), refuse()));
    list.push(case("14 full-width digit", post("Content-Length: \u{ff15}\r\n", "abcde"), refuse()));
    let dropped = forward([seen("POST", "/x").body("").lacks("Content_Length"), seen("GET", "/second")]);
    list.push(case("17 underscore", post("Content_Length: 43\r\n", SECOND), dropped.or_refuse()));
    list.push(case("14 leading noughts", post("Content-Length: 005\r\n", "abcde"), posted("abcde").or_refuse()));
    let ten = forward([seen("POST", "/x").body("abcdefghij")]).or_refuse();
    list.push(case("14 octal or decimal", post("Content-Length: 010\r\n", "abcdefghij"), ten));
    list
}

fn chunk_sizes() -> Vec<Case> {
    let mut list: Vec<Case> = [
        ("24 plus sign", "+2\r\nxx\r\n0\r\n\r\n"),
        ("24 minus sign", "-2\r\nxx\r\n0\r\n\r\n"),
        ("24 minus nought", "-0\r\n\r\n"),
        ("24 0x", "0x2\r\nxx\r\n0\r\n\r\n"),
        ("24 digit separator", "0_2\r\nxx\r\n0\r\n\r\n"),
        ("24 leading space", " 2\r\nxx\r\n0\r\n\r\n"),
        ("24 leading tab", "\t2\r\nxx\r\n0\r\n\r\n"),
        ("24 junk", "zz\r\nxx\r\n0\r\n\r\n"),
        ("24 junk behind", "2z\r\nxx\r\n0\r\n\r\n"),
        ("24 empty", "\r\nxx\r\n0\r\n\r\n"),
        ("24 quoted", "\"2\"\r\nxx\r\n0\r\n\r\n"),
        ("24 NUL", "2\0\r\nxx\r\n0\r\n\r\n"),
        ("24 comma", "2,2\r\nxx\r\n0\r\n\r\n"),
        ("24 two to the 64th plus two", "10000000000000002\r\nxx\r\n0\r\n\r\n"),
        ("24 two to the 32nd plus two as 64 bits of F", "fffffffffffffffff\r\nxx\r\n0\r\n\r\n"),
        ("24 second size bad", "2\r\nxx\r\nzz\r\nxx\r\n0\r\n\r\n"),
        ("24 last size bad", "2\r\nxx\r\n0x0\r\n\r\n"),
        ("22 extension with a bare LF", "2;\nxx\r\n0\r\n\r\n"),
        ("22 extension with LF inside", "2;a\nb\r\nxx\r\n0\r\n\r\n"),
        ("22 extension with CR inside", "2;a\rb\r\nxx\r\n0\r\n\r\n"),
        ("22 extension with NUL", "2;a\0b\r\nxx\r\n0\r\n\r\n"),
        ("22 extension on the last chunk with LF", "2\r\nxx\r\n0;\n\r\n"),
        ("22 LF in a quoted extension", "2;a=\"\n\"\r\nxx\r\n0\r\n\r\n"),
        ("27 word for a size", "INVALID\r\nGET /second HTTP/1.1\r\nHost: test.example\r\n\r\n"),
    ]
    .into_iter()
    .map(|(name, body)| case(name, chunks(body), abort()))
    .collect();
    let long = format!("2;{}\r\nxx\r\n0\r\n\r\n", "e".repeat(64 << 10));
    list.push(case("23 extension of 64 KiB", chunks(long), abort()));
    let many = "1;extension=value\r\nx\r\n".repeat(20_000);
    list.push(case("23 20,000 tiny chunks with extensions", chunks(format!("{many}0\r\n\r\n")), posted(&"x".repeat(20_000)).or_refuse()));
    list.push(case("24 trailing space", chunks("2 \r\nxx\r\n0\r\n\r\n"), abort()));
    list.push(case("24 forty noughts", chunks(format!("{}2\r\nxx\r\n0\r\n\r\n", "0".repeat(40))), abort()));
    list
}

fn chunk_ends() -> Vec<Case> {
    let then = |body: &str| chunks(format!("{body}{SECOND}"));
    vec![
        case("25 size ended by LF", chunks("2\nxx\r\n0\r\n\r\n"), abort()),
        case("25 size ended by CR", chunks("2\rxx\r\n0\r\n\r\n"), abort()),
        case("25 data ended by LF", chunks("2\r\nxx\n0\r\n\r\n"), abort()),
        case("25 data ended by CR", chunks("2\r\nxx\r0\r\n\r\n"), abort()),
        case("25 data ended by nothing", chunks("2\r\nxx0\r\n\r\n"), abort()),
        case("25 data ended by two other bytes", chunks("5\r\nhelloXX0\r\n\r\n"), abort()),
        case("25 data longer than said", chunks("2\r\nxxx\r\n0\r\n\r\n"), abort()),
        case("25 data shorter than said", chunks("4\r\nxx\r\n0\r\n\r\n"), abort()),
        case("25 LF CR", chunks("2\n\rxx\n\r0\n\r\n\r"), abort()),
        case("25 CR CR LF behind the size", chunks("2\r\r\nxx\r\n0\r\n\r\n"), abort()),
        case("26 final LF", then("0\r\n\n"), abort()),
        case("26 final CR", then("0\r\n\rX"), abort()),
        case("26 final LF LF", then("0\n\n"), abort()),
        case("26 nothing behind the last size", then("0\r\n"), abort()),
        case("27 bad chunk, then a request", then("2\r\nxxYY"), abort()),
        case("27 bad size, then a request", then("g\r\n\r\n"), abort()),
        case("29 half a chunk, then FIN", chunks("a\r\nxxxx"), abort()),
        case("29 half a size, then FIN", chunks("2\r\nxx\r\n1"), abort()),
        case("29 no last chunk, then FIN", chunks("2\r\nxx\r\n"), abort()),
        case("29 half a body with a length, then FIN", post("Content-Length: 10\r\n", "abcd"), abort()),
    ]
}

fn trailers() -> Vec<Case> {
    let body = |trailers: &str| chunks(format!("2\r\nxx\r\n0\r\n{trailers}\r\n"));
    let clean = |name: &str| forward([seen("POST", "/x").body("xx").lacks(name)]).or_refuse();
    let mut list: Vec<Case> = [
        ("28 Content-Length", "Content-Length: 5\r\n"),
        ("28 Transfer-Encoding", "Transfer-Encoding: chunked\r\n"),
        ("28 Host", "Host: evil.example\r\n"),
        ("28 Authorization", "Authorization: Bearer x\r\n"),
        ("28 X-Forwarded-For", "X-Forwarded-For: 6.6.6.6\r\n"),
        ("28 Connection", "Connection: close\r\n"),
    ]
    .into_iter()
    // The judge calls a forbidden trailer that reaches the service ambiguous.
    .map(|(name, fields)| case(name, body(fields), forward([seen("POST", "/x").body("xx")]).or_refuse()))
    .collect();
    for (name, fields) in [
        ("28 no colon", "nonsense\r\n"),
        ("28 space before the colon", "A : b\r\n"),
        ("28 folded", "A: b\r\n c\r\n"),
        ("28 bare LF", "A: b\nC: d\r\n"),
        ("28 NUL", "A: b\0\r\n"),
        ("28 request in place of trailers", "GET /second HTTP/1.1\r\nHost: test.example\r\n"),
    ] {
        list.push(case(name, body(fields), abort()));
    }
    list.push(case("28 1 MiB", body(&format!("A: {}\r\n", "b".repeat(1 << 20))), abort()));
    list.push(case("28 10,000 fields", body(&"A: b\r\n".repeat(10_000)), abort()));
    list.push(case("28 underscore", body("A_b: c\r\n"), clean("a_b")));
    list.push(case("28 clean", body("A: b\r\n"), posted("xx")));
    list
}

fn bodies_of_every_method() -> Vec<Case> {
    let length = SECOND.len();
    let mut list = Vec::new();
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "PUT", "PATCH"] {
        let head = format!("{method} /x HTTP/1.1\r\nHost: test.example\r\n");
        let with_length = format!("{head}Content-Length: {length}\r\n\r\n{SECOND}");
        let with_chunks = format!("{head}{CHUNKED}\r\n{length:x}\r\n{SECOND}\r\n0\r\n\r\n");
        let right = forward([seen(method, "/x").body(SECOND)]).or_refuse();
        list.push(case(format!("18 {method} with a length"), with_length, right.clone()));
        list.push(case(format!("18 {method} with chunks"), with_chunks, right));
    }
    let expect = |value: &str| {
        format!("GET /x HTTP/1.1\r\nHost: test.example\r\nExpect: {value}\r\nContent-Length: {length}\r\n\r\n{SECOND}")
    };
    for value in ["y 100-continue", "100-continue, x", "100-continuee", "x", "\t100-continue y"] {
        let right = forward([seen("GET", "/x").body(SECOND)]).or_refuse();
        list.push(case(format!("19 Expect: {}", value.trim()), expect(value), right));
    }
    let early = format!("POST /early HTTP/1.1\r\nHost: test.example\r\nContent-Length: {length}\r\n\r\n{SECOND}");
    list.push(case("20 early answer, the body is a request", early.clone(), forward([seen("POST", "/early").body(SECOND)])));
    let two = format!("{early}GET /third HTTP/1.1\r\nHost: test.example\r\n\r\n");
    let right = forward([seen("POST", "/early").body(SECOND), seen("GET", "/third")]);
    list.push(case("20 early answer, another behind", two, right));
    list
}

fn connections() -> Vec<Case> {
    let length = SECOND.len();
    let named = |name: &str, rest: &str| {
        format!("POST /x HTTP/1.1\r\nHost: test.example\r\nConnection: {name}\r\n{rest}")
    };
    let with_length = format!("Content-Length: {length}\r\n\r\n{SECOND}");
    let with_chunks = format!("{CHUNKED}\r\n{length:x}\r\n{SECOND}\r\n0\r\n\r\n");
    let one = forward([seen("POST", "/x").body(SECOND)]).or_refuse();
    let upgrade = |protocol: &str| {
        format!(
            "GET /x HTTP/1.1\r\nHost: test.example\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n{SECOND}"
        )
    };
    let two = forward([seen("GET", "/x").lacks("Upgrade=h2c"), seen("GET", "/second")]);
    let h2c = "GET /x HTTP/1.1\r\nHost: test.example\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n";
    let no_upgrade = forward([seen("GET", "/x").lacks("upgrade").lacks("http2-settings")]);
    let closing = format!("GET /x HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n{SECOND}");
    vec![
        case("21 Connection names Content-Length", named("Content-Length", &with_length), one.clone()),
        case("21 Connection names Transfer-Encoding", named("Transfer-Encoding", &with_chunks), one.clone()),
        case("21 Connection names both and Host", named("content-length, host, transfer-encoding", &with_length), one),
        case("30 Upgrade: websocket without 101", upgrade("websocket"), two.clone().or_refuse()),
        case("30 Upgrade: foo", upgrade("foo"), two.clone()),
        case("30 Upgrade: h2c with a request behind", upgrade("h2c"), two.clone()),
        case("31 h2c", h2c, no_upgrade.clone()),
        case("31 h2c and websocket", h2c.replace("Upgrade: h2c", "Upgrade: websocket, h2c"), forward([seen("GET", "/x").lacks("upgrade=h2c")]).or_refuse()),
        case("31 h2c without Connection", h2c.replace("Connection: Upgrade, HTTP2-Settings", "X: y"), no_upgrade),
        case("32 CONNECT", "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n", answered(&[400, 405, 501])),
        case("32 CONNECT with a path", "CONNECT /x HTTP/1.1\r\nHost: test.example\r\n\r\n", answered(&[400, 405, 501])),
        case("33 body to close in HTTP/1.0", format!("POST /x HTTP/1.0\r\nHost: test.example\r\n\r\n{SECOND}"), forward([seen("POST", "/x").body("")]).then_close().or_refuse()),
        case("33 HTTP/1.0 closes", format!("GET /x HTTP/1.0\r\nHost: test.example\r\n\r\n{SECOND}"), forward([seen("GET", "/x")]).then_close()),
        case("34 behind Connection: close", closing.clone(), forward([seen("GET", "/x")]).then_close()),
        case("34 behind close in a list", closing.replace("close", "x, CLOSE"), forward([seen("GET", "/x")]).then_close()),
        case("34 close and keep-alive", closing.replace("close", "keep-alive, close"), forward([seen("GET", "/x")]).then_close()),
    ]
}

/// What must not be turned away.
fn clean() -> Vec<Case> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n\r\n");
    vec![
        case("clean: no body", get("/x"), forward([seen("GET", "/x").body("")]).kept()),
        case("clean: length", post("Content-Length: 5\r\n", "abcde"), posted("abcde").kept()),
        case("clean: length 0", post("Content-Length: 0\r\n", ""), posted("").kept()),
        case("clean: chunks", chunks("2\r\nxx\r\nA\r\n0123456789\r\n0\r\n\r\n"), posted("xx0123456789").kept()),
        case("clean: coding in capitals", post("Transfer-Encoding: Chunked\r\n", "1\r\nx\r\n0\r\n\r\n"), posted("x").kept()),
        case("clean: chunk extension", chunks("2;a=b\r\nxx\r\n0\r\n\r\n"), posted("xx")),
        case("clean: quoted extension", chunks("2;a=\"b;c\"\r\nxx\r\n0;d\r\n\r\n"), posted("xx")),
        case("clean: three in one write", [get("/1"), get("/2"), get("/3")].concat(), forward([seen("GET", "/1"), seen("GET", "/2"), seen("GET", "/3")]).kept()),
        case("clean: POST and GET in one write", [chunks("1\r\nx\r\n0\r\n\r\n"), get("/2").into_bytes()].concat(), forward([seen("POST", "/x").body("x"), seen("GET", "/2")]).kept()),
        case("clean: then junk", format!("{}\x01\x02\x03\r\n\r\n", get("/1")), forward([seen("GET", "/1")]).then_refuse()),
        case("clean: HTTP/1.0 keep-alive", "GET /x HTTP/1.0\r\nHost: test.example\r\nConnection: keep-alive\r\n\r\n", forward([seen("GET", "/x")])),
        case("clean: blank around the length", post("Content-Length: \t5 \t\r\n", "abcde"), posted("abcde")),
    ]
}
