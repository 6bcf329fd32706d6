//! Request line, fields and Host (catalogue entries 35 to 48).

use yumen_e2e::corpus::{Case, abort, answered, case, forward, refuse, refuse_with, seen};

fn with_line(line: impl AsRef<[u8]>) -> Vec<u8> {
    [line.as_ref(), b"\r\nHost: test.example\r\n\r\n"].concat()
}

fn with_fields(fields: impl AsRef<[u8]>) -> Vec<u8> {
    let line = b"GET /x HTTP/1.1\r\nHost: test.example\r\n";
    [line.as_slice(), fields.as_ref(), b"\r\n"].concat()
}

fn with_host(host: impl AsRef<[u8]>) -> Vec<u8> {
    [b"GET /x HTTP/1.1\r\n".as_slice(), host.as_ref(), b"\r\n"].concat()
}

pub fn cases() -> Vec<Case> {
    let groups =
        [line_ends(), controls(), lines(), methods(), versions(), hosts(), targets(), fields(), other(), clean()];
    groups.into_iter().flatten().collect()
}

fn refused(rows: &[(&str, Vec<u8>)]) -> Vec<Case> {
    rows.iter().map(|(name, input)| case(*name, input.clone(), refuse())).collect()
}

fn line_ends() -> Vec<Case> {
    refused(&[
        ("35 LF everywhere", b"GET /x HTTP/1.1\nHost: test.example\n\n".to_vec()),
        ("35 LF behind the request line", b"GET /x HTTP/1.1\nHost: test.example\r\n\r\n".to_vec()),
        ("35 LF behind a field", with_fields("A: b\n")),
        ("35 LF at the end of the head", b"GET /x HTTP/1.1\r\nHost: test.example\r\n\n".to_vec()),
        ("35 CR alone behind the request line", b"GET /x HTTP/1.1\rHost: test.example\r\n\r\n".to_vec()),
        ("35 CR alone behind a field", with_fields("A: b\rC: d\r\n")),
        ("35 CR LF CR X", b"GET /x HTTP/1.1\r\nHost: test.example\r\n\rX\r\n\r\n".to_vec()),
        ("35 CR CR LF", b"GET /x HTTP/1.1\r\nHost: test.example\r\r\n\r\n".to_vec()),
        ("35 CR inside a value", with_fields("A: b\rc\r\n")),
        ("35 CR before the value", with_fields("A:\r b\r\n")),
    ])
}

fn controls() -> Vec<Case> {
    let mut list = Vec::new();
    for (name, byte) in [("NUL", 0), ("0x01", 1), ("backspace", 8), ("vertical tab", 11), ("escape", 27), ("DEL", 127)] {
        let bytes: &[u8] = &[byte];
        list.push(case(format!("36 {name} in a value"), with_fields([b"A: b", bytes, b"c\r\n"].concat()), refuse()));
        list.push(case(format!("36 {name} in a name"), with_fields([b"A", bytes, b"b: c\r\n"].concat()), refuse()));
        list.push(case(format!("36 {name} in the target"), with_line([b"GET /x", bytes, b"y HTTP/1.1"].concat()), refuse()));
    }
    list
}

fn lines() -> Vec<Case> {
    refused(&[
        ("37 space in the target", with_line("GET /a b HTTP/1.1")),
        ("37 tab in the target", with_line("GET /a\tb HTTP/1.1")),
        ("37 version in the target", with_line("GET /a HTTP/1.1 HTTP/1.1")),
        ("37 two spaces", with_line("GET  /x HTTP/1.1")),
        ("37 two spaces before the version", with_line("GET /x  HTTP/1.1")),
        ("37 tab between", with_line("GET\t/x\tHTTP/1.1")),
        ("37 space in front", with_line(" GET /x HTTP/1.1")),
        ("37 space behind", with_line("GET /x HTTP/1.1 ")),
        ("37 no target", with_line("GET HTTP/1.1")),
        ("37 nothing but a method", with_line("GET")),
    ])
}

fn methods() -> Vec<Case> {
    let mut list = refused(&[
        ("38 bracket in the method", with_line("GE(T /x HTTP/1.1")),
        ("38 quote in the method", with_line("\"GET\" /x HTTP/1.1")),
        ("38 colon in the method", with_line("GET: /x HTTP/1.1")),
        ("38 comma in the method", with_line("GET,POST /x HTTP/1.1")),
        ("38 at sign in the method", with_line("G@T /x HTTP/1.1")),
        ("38 8-bit in the method", with_line(b"G\xcbT /x HTTP/1.1")),
        ("38 empty method", with_line(" /x HTTP/1.1")),
    ]);
    let long = with_line(format!("{} /x HTTP/1.1", "G".repeat(64 << 10)));
    list.push(case("38 method of 64 KiB", long, refuse_with(&[400, 405, 414, 431, 501])));
    // A method in lower case is another method: it may pass, but never as GET.
    list.push(case("38 get is not GET", with_line("get /x HTTP/1.1"), forward([seen("get", "/x")]).or_refuse()));
    list.push(case("70 TRACE", with_line("TRACE /x HTTP/1.1"), answered(&[405, 501])));
    list
}

fn versions() -> Vec<Case> {
    let either = |name: &str, line: &str| case(name, with_line(line), refuse_with(&[400, 505]));
    vec![
        case("39 0.9", "GET /x\r\n\r\n", refuse_with(&[400, 505])),
        either("39 0.9 spelled out", "GET /x HTTP/0.9"),
        either("39 1.10", "GET /x HTTP/1.10"),
        either("39 01.1", "GET /x HTTP/01.1"),
        either("39 2.0", "GET /x HTTP/2.0"),
        either("39 9.9", "GET /x HTTP/9.9"),
        either("39 overflow", "GET /x HTTP/4294967297.1"),
        either("39 lower case", "GET /x http/1.1"),
        either("39 no slash", "GET /x HTTP1.1"),
        either("39 no minor", "GET /x HTTP/1"),
        either("39 comma", "GET /x HTTP/1,1"),
        either("39 plus sign", "GET /x HTTP/+1.1"),
        either("39 negative", "GET /x HTTP/-1.1"),
        either("39 other protocol", "GET /x HTTQ/1.1"),
        case("39 1.2", with_line("GET /x HTTP/1.2"), forward([seen("GET", "/x")]).or_refuse()),
    ]
}

fn hosts() -> Vec<Case> {
    let mut list = refused(&[
        ("40 missing", with_host("A: b\r\n")),
        ("40 twice, different", with_host("Host: test.example\r\nHost: evil.example\r\n")),
        ("40 twice, the same", with_host("Host: test.example\r\nHost: test.example\r\n")),
        ("40 list", with_host("Host: test.example, evil.example\r\n")),
        ("40 userinfo", with_host("Host: user@test.example\r\n")),
        ("40 path", with_host("Host: test.example/x\r\n")),
        ("40 query", with_host("Host: test.example?x\r\n")),
        ("40 space", with_host("Host: test example\r\n")),
        ("40 NUL", with_host("Host: test\0.example\r\n")),
        ("40 port not a number", with_host("Host: test.example:8x\r\n")),
        ("40 port too large", with_host("Host: test.example:65536\r\n")),
        ("40 port negative", with_host("Host: test.example:-1\r\n")),
        ("40 two ports", with_host("Host: test.example:80:81\r\n")),
        ("40 open bracket", with_host("Host: [::1\r\n")),
        ("40 junk behind the bracket", with_host("Host: [::1]x\r\n")),
        ("40 not an address in brackets", with_host("Host: [evil]\r\n")),
        ("40 backslash", with_host("Host: test.example\\evil\r\n")),
        ("40 angle bracket", with_host("Host: <test>\r\n")),
        ("40 8-bit", with_host(b"Host: t\xc3\xa9st\r\n")),
        ("40 scheme", with_host("Host: http://test.example\r\n")),
        ("40 space before the colon", with_host("Host : test.example\r\n")),
        ("40 folded", with_host("Host:\r\n test.example\r\n")),
        ("40 indented as the first line", with_host(" Host: test.example\r\n")),
    ]);
    list.push(case("40 empty", with_host("Host:\r\n"), refuse()));
    list.push(case("40 empty port", with_host("Host: test.example:\r\n"), forward([seen("GET", "/x")]).or_refuse()));
    list
}

fn targets() -> Vec<Case> {
    let absolute = |url: &str| with_line(format!("GET {url} HTTP/1.1"));
    let mut list = refused(&[
        ("41 userinfo", absolute("http://user@test.example/x")),
        ("41 ftp", absolute("ftp://test.example/x")),
        ("41 file", absolute("file:///etc/passwd")),
        ("41 no host", absolute("http:///x")),
        ("41 bad port", absolute("http://test.example:8x/x")),
        ("41 one slash", absolute("http:/test.example/x")),
        ("42 @evil", with_line("GET @evil.example/x HTTP/1.1")),
        ("42 no slash", with_line("GET x HTTP/1.1")),
        ("42 authority form", with_line("GET test.example:80 HTTP/1.1")),
        ("42 star with GET", with_line("GET * HTTP/1.1")),
        ("42 question mark first", with_line("GET ?x HTTP/1.1")),
        ("43 fragment", with_line("GET /x#y HTTP/1.1")),
        ("43 fragment with dots", with_line("GET /x#/../admin HTTP/1.1")),
        ("43 fragment in absolute form", absolute("http://test.example/x#y")),
        ("44 %zz", with_line("GET /%zz HTTP/1.1")),
        ("44 % alone", with_line("GET /% HTTP/1.1")),
        ("44 %00", with_line("GET /x%00y HTTP/1.1")),
        ("44 raw 0xFF", with_line(b"GET /\xff HTTP/1.1")),
        ("44 raw UTF-8", with_line("GET /é HTTP/1.1")),
    ]);
    let rewritten = forward([seen("GET", "/x").lacks("x-forwarded-host=test.example")]);
    list.push(case("41 absolute form wins over Host", absolute("http://other.example/x"), rewritten.or_refuse()));
    let stays = forward([seen("GET", "/x%0D%0AA:%20b")]).or_refuse();
    list.push(case("44 CR and LF, encoded, in the path", with_line("GET /x%0d%0aA:%20b HTTP/1.1"), stays));
    list.push(case("44 CR and LF, encoded, in the query", with_line("GET /x?a=%0d%0aB:c HTTP/1.1"), forward([seen("GET", "/x?a=%0d%0aB:c")]).or_refuse()));
    list
}

fn fields() -> Vec<Case> {
    let mut list = refused(&[
        ("45 no colon", with_fields("nonsense\r\n")),
        ("45 empty name", with_fields(": b\r\n")),
        ("45 colon alone", with_fields(":\r\n")),
        ("45 space in the name", with_fields("A b: c\r\n")),
        ("45 space before the colon", with_fields("A : b\r\n")),
        ("45 8-bit in the name", with_fields(b"A\xe9: b\r\n")),
        ("45 bracket in the name", with_fields("A(b): c\r\n")),
        ("45 quote in the name", with_fields("\"A\": b\r\n")),
        ("45 slash in the name", with_fields("A/b: c\r\n")),
        ("45 at sign in the name", with_fields("A@b: c\r\n")),
        ("45 brace in the name", with_fields("{A}: b\r\n")),
        ("46 folded with space", with_fields("A: b\r\n c\r\n")),
        ("46 folded with tab", with_fields("A: b\r\n\tc\r\n")),
        ("46 folded and empty", with_fields("A: b\r\n \r\n")),
        ("46 first field indented", with_host(" A: b\r\nHost: test.example\r\n")),
    ]);
    list.push(case("63 underscore in the name", with_fields("A_b: c\r\n"), forward([seen("GET", "/x").lacks("a_b")])));
    list
}

fn other() -> Vec<Case> {
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdefghijklmnopqrstuvwxyz012345\x20";
    let proxy2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x7f\0\0\x01\x7f\0\0\x01\x1f\x90\x1f\x91GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    vec![
        case("47 100,000 empty lines", "\r\n".repeat(100_000), refuse_with(&[400, 431])),
        case("47 empty lines of LF", [b"\n\n".as_slice(), &with_line("GET /x HTTP/1.1")].concat(), refuse()),
        case("47 binary", b"\x80\x81\x82\x83\xff\xfe\xfd\r\n\r\n".as_slice(), refuse()),
        case("47 TLS on clear text", [hello.as_slice(), &[0; 600]].concat(), abort()),
        case("47 SSH", "SSH-2.0-OpenSSH_9.6\r\n", abort()),
        case("48 PROXY v1 where it is off", [b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".as_slice(), &with_line("GET /x HTTP/1.1")].concat(), refuse()),
        case("48 PROXY v2 where it is off", proxy2.as_slice(), refuse()),
    ]
}

/// What must not be turned away.
fn clean() -> Vec<Case> {
    let x = || forward([seen("GET", "/x")]);
    vec![
        case("clean: every token character in a name", with_fields("A!#$%&'*+-.^`|~1: b\r\n"), forward([seen("GET", "/x").has("A!#$%&'*+-.^`|~1", "b")])),
        case("clean: 8-bit in a value", with_fields(b"A: caf\xe9\r\n"), x()),
        case("clean: UTF-8 in a value", with_fields("A: Jadetor 玉門\r\n"), forward([seen("GET", "/x").has("a", "Jadetor 玉門")])),
        case("clean: tab in a value", with_fields("A: b\tc\r\n"), forward([seen("GET", "/x").has("a", "b\tc")])),
        case("clean: empty value", with_fields("A:\r\n"), forward([seen("GET", "/x").has("a", "")])),
        case("clean: blanks around a value", with_fields("A: \t b \t\r\n"), forward([seen("GET", "/x").has("a", "b")])),
        case("clean: no blank before a value", with_fields("A:b\r\n"), forward([seen("GET", "/x").has("a", "b")])),
        case("clean: colons in a value", with_fields("A: b:c::d\r\n"), forward([seen("GET", "/x").has("a", "b:c::d")])),
        case("clean: own method", with_line("PURGE /x HTTP/1.1"), forward([seen("PURGE", "/x")])),
        case("clean: Host with port", with_host("Host: test.example:8080\r\n"), x()),
        case("clean: Host as IPv4", with_host("Host: 127.0.0.1:80\r\n"), x()),
        case("clean: Host as IPv6", with_host("Host: [::1]:80\r\n"), x()),
        case("clean: Host in capitals", with_host("HOST: TEST.EXAMPLE\r\n"), x()),
        case("clean: trailing dot", with_host("Host: test.example.\r\n"), x()),
        case("clean: Host last", with_host("A: b\r\nHost: test.example\r\n"), x()),
        case("clean: absolute form", with_line("GET http://test.example/x HTTP/1.1"), x()),
        case("clean: absolute form without path", with_line("GET http://test.example HTTP/1.1"), forward([seen("GET", "/")])),
        case("clean: absolute form with query", with_line("GET http://test.example/x?a=b HTTP/1.1"), forward([seen("GET", "/x?a=b")])),
        case("clean: OPTIONS *", with_line("OPTIONS * HTTP/1.1"), answered(&[200, 204, 400, 404])),
        case("clean: one empty line before", [b"\r\n".as_slice(), &with_line("GET /x HTTP/1.1")].concat(), x()),
        case("clean: HTTP/1.0 without Host", "GET /x HTTP/1.0\r\n\r\n", x()),
    ]
}
