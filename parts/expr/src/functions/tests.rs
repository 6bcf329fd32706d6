//! Every function in every form, and that users can read about each.

use super::signatures;
use crate::testing::evaluated;

#[track_caller]
fn check(source: &str, expect: &str) {
    assert_eq!(evaluated(source), expect, "{source}");
}

/// The same for a value that is not known when the expression is compiled, so that the call is made
/// by an evaluation.
#[track_caller]
fn check_later(source: &str, expect: &str) {
    check(source, expect);
    let (on, rest) = source.split_at(source.find(").").map_or(0, |at| at + 1));
    if on.is_empty() {
        let (name, argument) = source.split_once('(').unwrap();
        check(&format!("[{}.map(x, {name}(x))[0]", argument.replacen(')', "]", 1)), expect);
    } else {
        check(&format!("[{on}].map(x, x{rest})[0]"), expect);
    }
}

#[test]
fn sizes_are_told() {
    check("size('four')", "4");
    check("'four'.size()", "4");
    check("'\u{3c0}\u{3ad}\u{3bd}\u{3c4}\u{3b5}'.size()", "5");
    check("request.raw.size()", "5");
    check("size(b'\\xff\\x00') + b''.size()", "2");
    check("size(client.roles) + client.roles.size()", "4");
    check("size({'a': 1}) + request.headers.size()", "5");
    check("client.claims.level.size()", "mismatch at 20");
}

#[test]
fn texts_are_searched() {
    check("request.path.contains('ders')", "true");
    check("request.path.contains('Ders')", "false");
    check("request.path.contains('') && ''.contains('')", "true");
    check("request.path.startsWith('/orders/')", "true");
    check("request.path.startsWith('/orders/17/')", "false");
    check("request.path.endsWith('17')", "true");
    check("request.path.endsWith('/orders/177')", "false");
    check("request.raw.contains('z') && request.raw.startsWith('\u{e9}')", "true");
    check("request.headers['x-bad'].endsWith('b')", "true");
    check("request.path.indexOf('/')", "0");
    check("request.path.lastIndexOf('/')", "7");
    check("request.path.indexOf('x')", "-1");
    check("request.path.lastIndexOf('x')", "-1");
    check("'\u{a9}o\u{a9}'.lastIndexOf('\u{a9}')", "2");
    check("request.raw.indexOf('z')", "4");
    check("'abc'.indexOf('') + 'abc'.lastIndexOf('')", "3");
}

#[test]
fn texts_are_cut_and_changed() {
    check("request.method.lowerAscii()", r#""get""#);
    check("request.path.upperAscii()", r#""/ORDERS/17""#);
    check("'\u{c6}a'.lowerAscii() + '\u{e6}A'.upperAscii()", r#""\xc3\x86a\xc3\xa6A""#);
    check("request.raw.upperAscii()", r#""\xc3\xa9\xff\xe2\x82Z""#);
    check("' \\t\\n\\v a b \u{3000}'.trim()", r#""a b""#);
    check("(' ' + request.raw + ' ').trim() == request.raw", "true");
    check("'   '.trim() + ''.trim()", r#""""#);
    check("request.path.substring(8)", r#""17""#);
    check("request.path.substring(1, 7)", r#""orders""#);
    check("request.path.substring(10)", r#""""#);
    check("request.path.substring(11)", "out_of_range at 13");
    check("request.path.substring(3, 2)", "out_of_range at 13");
    check("request.path.substring(-1)", "out_of_range at 13");
    check("request.path.substring(0, 11)", "out_of_range at 13");
    check("'ta\u{a9}o'.substring(2, 4)", r#""\xc2\xa9o""#);
    check("request.raw.substring(1, 3)", r#""\xff\xe2""#);
    check("request.raw.substring(5) + request.raw.substring(0, 1)", r#""\xc3\xa9""#);
    check("request.raw.substring(6)", "out_of_range at 12");
    check("request.path.replace('/', '.')", r#"".orders.17""#);
    check("request.path.replace('/orders', '')", r#""/17""#);
    check("request.path.replace('x', 'y')", r#""/orders/17""#);
    check("'ab'.replace('', '-')", r#""-a-b-""#);
    check("'ab'.replace('ab', '')", r#""""#);
    check("request.path.split('/')", r#"["", "orders", "17"]"#);
    check("request.path.split('x')", r#"["/orders/17"]"#);
    check("''.split(',')", r#"[""]"#);
    check("'a\u{e9}'.split('')", r#"["a", "\xc3\xa9"]"#);
    check("''.split('')", "[]");
    check("client.roles.join()", r#""readerwriter""#);
    check("client.roles.join(', ')", r#""reader, writer""#);
    check("[].join('-') + ['a'].join('-')", r#""a""#);
    check("client.claims.groups.join('+')", r#""eu+beta""#);
    check("[client.claims.level].join()", "mismatch at 22");
}

#[test]
fn patterns_are_found_anywhere() {
    check("request.path.matches('ord')", "true");
    check("matches(request.path, r'^/orders/\\d+$')", "true");
    check("request.path.matches(r'^\\d+$')", "false");
    check("request.path.matches('')", "true");
    check("request.method.matches('(?i)^get$')", "true");
    check("'grey'.matches('gr(a|e)y')", "true");
    check("'ma\u{f1}ana'.matches('a+\u{f1}+a+')", "true");
    // Bytes that are not UTF-8 are no way around a rule.
    check("request.headers['x-bad'].matches('^a.b$')", "true");
    check("request.raw.matches('^.*z$')", "true");
    check(r"'\u0661'.matches('^\\d$')", "false");
}

#[test]
fn values_are_converted() {
    check_later("string('a')", r#""a""#);
    check_later("string(true)", r#""true""#);
    check_later("string(-456)", r#""-456""#);
    check_later("string(9876u)", r#""9876""#);
    check_later("string(123.456)", r#""123.456""#);
    check_later("string(-4.5e-3)", r#""-0.0045""#);
    check_later("string(1.0)", r#""1""#);
    check_later("string(1e300)", r#""1e300""#);
    check_later("string(-1.0 / 0.0)", r#""-Infinity""#);
    check_later("string(1e-9)", r#""1e-9""#);
    check_later("string(b'abc')", r#""abc""#);
    check("string(body)", "unreadable at 0");
    check("string(duration)", r#""1.5s""#);
    check("string(began)", r#""2025-11-29T01:20:28.25Z""#);
    check("string(client.address) + string(client.trusted)", r#""10.1.2.3192.0.2.0/24""#);
    check(
        "string(client.claims)",
        "at byte 0: `string` cannot be called as `string(map(string, dyn))` (there is `string(string) -> string`, `string(bool) -> string`, `string(int) -> string`, `string(uint) -> string`, `string(double) -> string`, `string(bytes) -> string`, `string(duration) -> string`, `string(timestamp) -> string`, `string(ip) -> string`, `string(cidr) -> string`)",
    );
    check("string(client.claims.groups)", "mismatch at 0");
    check_later("int('987')", "987");
    check_later("int(-7)", "-7");
    check_later("int(42u)", "42");
    check("int(18446744073709551615u - response.sent)", "overflow at 0");
    check_later("int(-7.9)", "-7");
    check("int(9223372036854775808.0 * response.share * 4.0)", "overflow at 0");
    check("int(0.0 / (response.share - 0.25))", "overflow at 0");
    check("int(request.path)", "unreadable at 0");
    check("int(request.headers['x-id']) + 1", "43");
    check("int(began)", "1764379228");
    check_later("uint('300')", "300u");
    check_later("uint(3.99)", "3u");
    check_later("uint(7)", "7u");
    check_later("uint(7u)", "7u");
    check("uint(0 - response.status)", "overflow at 0");
    check("uint(-response.share)", "overflow at 0");
    check("uint(request.path)", "unreadable at 0");
    check_later("double('-84.32e7')", "-843200000.0");
    check_later("double(7)", "7.0");
    check_later("double(7u)", "7.0");
    check_later("double(7.5)", "7.5");
    check("double(request.raw)", "unreadable at 0");
    check_later("bool('TRUE')", "true");
    check_later("bool('0')", "false");
    check_later("bool(true)", "true");
    check("bool(request.path)", "unreadable at 0");
    check("bytes(request.raw) == b'\\xc3\\xa9\\xff\\xe2\\x82z'", "true");
    check_later("bytes(b'a')", r#"b"a""#);
}

#[test]
fn lengths_of_time_are_read() {
    check_later("duration('1h30m')", "5400s");
    check_later("duration('-1.5h')", "-5400s");
    check_later("duration('+23.4s')", "23.4s");
    check_later("duration('1h34us')", "3600.000034s");
    check_later("duration('1ms1\u{b5}s1ns')", "0.001001001s");
    check_later("duration('.5s')", "0.5s");
    check_later("duration('0')", "0s");
    check_later("duration('-0')", "0s");
    check_later("duration('0.0000000001h')", "0.00000036s");
    check_later("duration('9223372036.854775807s')", "9223372036.854775807s");
    check("duration(duration)", "1.5s");
    for wrong in [
        "",
        "-",
        "1",
        "1d",
        "h",
        ".s",
        "1.",
        "1 s",
        "s1",
        "1s ",
        "--1s",
        "1h-1m",
        "9223372037s",
        "1e3s",
        "99999999999999999999999999999999999999999h",
        "\u{661}s",
    ] {
        let source = format!("duration('{wrong}')");
        let told = format!("at byte 0: {wrong:?} is not a duration (such as `1h30m`)");
        check(&source, &told);
        let later = evaluated(&format!("['{wrong}'].map(x, duration(x))"));
        assert!(later.starts_with("unreadable"), "{wrong}: {later}");
    }
}

#[test]
fn moments_are_read_and_have_parts() {
    check_later("timestamp('2009-02-13T23:31:30Z')", "2009-02-13T23:31:30Z");
    check_later("timestamp('2009-02-13t23:31:30.5+01:30')", "2009-02-13T22:01:30.5Z");
    check_later("timestamp('2009-02-13 23:31:30-00:30')", "2009-02-14T00:01:30Z");
    check_later("timestamp('0001-01-01T00:00:00Z')", "0001-01-01T00:00:00Z");
    check_later("timestamp('9999-12-31T23:59:59.999999999Z')", "9999-12-31T23:59:59.999999999Z");
    check_later("timestamp('2000-02-29T00:00:00Z')", "2000-02-29T00:00:00Z");
    check_later("timestamp('1969-12-31T23:59:59.75Z')", "1969-12-31T23:59:59.75Z");
    check_later("timestamp(0)", "1970-01-01T00:00:00Z");
    check_later("timestamp(-62135596800)", "0001-01-01T00:00:00Z");
    check("timestamp(began)", "2025-11-29T01:20:28.25Z");
    check("timestamp(response.status - 62135597205)", "overflow at 0");
    check("timestamp(response.status + 253402300800)", "overflow at 0");
    let parts = [
        ("getFullYear()", "2025"),
        ("getMonth()", "10"),
        ("getDate()", "29"),
        ("getDayOfMonth()", "28"),
        ("getDayOfWeek()", "6"),
        ("getDayOfYear()", "332"),
        ("getHours()", "1"),
        ("getMinutes()", "20"),
        ("getSeconds()", "28"),
        ("getMilliseconds()", "250"),
    ];
    for (part, expect) in parts {
        check(&format!("began.{part}"), expect);
    }
    check("timestamp('1969-12-31T23:59:59.75Z').getDayOfWeek()", "3");
    check("timestamp('2024-12-31T00:00:00Z').getDayOfYear()", "365");
    check("duration('1h30m').getHours() + duration('90m').getMinutes()", "91");
    check("duration('90.5s').getSeconds() + duration('90.5s').getMilliseconds()", "590");
    check("client.claims.level.getHours()", "mismatch at 20");
    for wrong in [
        "",
        "2009-02-13",
        "2009-02-13T23:31:30",
        "2009-02-29T23:31:30Z",
        "1900-02-29T23:31:30Z",
        "2009-13-01T23:31:30Z",
        "2009-00-01T23:31:30Z",
        "2009-01-00T23:31:30Z",
        "2009-01-01T24:00:00Z",
        "2009-01-01T00:60:00Z",
        "2009-01-01T00:00:60Z",
        "2009-01-01T00:00:00.Z",
        "2009-01-01T00:00:00.1234567890Z",
        "2009-01-01T00:00:00+1:00",
        "2009-01-01T00:00:00+24:00",
        "2009-01-01T00:00:00 Z",
        "2009-1-01T00:00:000Z",
        "+009-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
    ] {
        let told = "is not a timestamp (such as `2026-01-31T12:00:00Z`)";
        let result = evaluated(&format!("timestamp('{wrong}')"));
        assert!(result.ends_with(told), "{wrong}: {result}");
    }
}

/// Another calendar, that counts day by day, agrees for each day of the years.
#[test]
fn every_day_has_its_date() {
    use crate::time::Timestamp;
    let mut days = -719_162_i64;
    for year in 1..=9999_i64 {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if is_leap { 29 } else { 28 };
        let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, length) in (1..=12).zip(months) {
            for day in [1, length] {
                let time = Timestamp::from_seconds((days + day - 1) * 86_400 + 3_661).unwrap();
                let text = format!("{year:04}-{month:02}-{day:02}T01:01:01Z");
                assert_eq!(time.to_string(), text);
                assert_eq!(Timestamp::parse(&text), Some(time), "{text}");
            }
            days += length;
        }
    }
}

#[test]
fn addresses_and_networks_are_asked() {
    check_later("ip('192.168.0.1')", "192.168.0.1");
    check_later("ip('2001:DB8::68')", "2001:db8::68");
    check_later("ip('::ffff:192.168.0.1')", "192.168.0.1");
    check("ip(client.address)", "10.1.2.3");
    check("ip('10.0.0')", "at byte 0: \"10.0.0\" is not an ip (such as `192.0.2.1`)");
    check("ip(request.path)", "unreadable at 0");
    check_later("isIP('10.0.0.1')", "true");
    check_later("isIP('fe80::1%en0')", "false");
    check_later("isIP('10.0.0.0/8')", "false");
    check_later("cidr('10.0.0.0/8')", "10.0.0.0/8");
    check_later("cidr('10.0.0.1/8')", "10.0.0.1/8");
    check_later("cidr('::ffff:10.0.0.0/104')", "10.0.0.0/8");
    check_later("cidr('::/0')", "::/0");
    check("cidr(client.trusted)", "192.0.2.0/24");
    check("cidr('10.0.0.0/33')", "at byte 0: \"10.0.0.0/33\" is not a cidr (such as `10.0.0.0/8`)");
    check("cidr('10.0.0.0')", "at byte 0: \"10.0.0.0\" is not a cidr (such as `10.0.0.0/8`)");
    check_later("isCIDR('10.0.0.0/8')", "true");
    check_later("isCIDR('10.0.0.0/')", "false");
    check_later("ip('::1').family()", "6");
    check_later("ip('::ffff:1.2.3.4').family()", "4");
    for (property, yes, no) in [
        ("isUnspecified", ["0.0.0.0", "::"], ["127.0.0.1", "::1"]),
        ("isLoopback", ["127.0.0.1", "::1"], ["1.2.3.4", "::2"]),
        ("isLinkLocalUnicast", ["169.254.169.254", "fe80::1"], ["192.168.0.1", "fd80::1"]),
        ("isLinkLocalMulticast", ["224.0.0.1", "ff02::1"], ["224.0.1.1", "ff05::1"]),
        ("isGlobalUnicast", ["192.168.0.1", "2001:db8::abcd"], ["255.255.255.255", "ff00::1"]),
        ("isGlobalUnicast", ["8.8.8.8", "::2"], ["169.254.0.1", "127.0.0.1"]),
    ] {
        for (address, expect) in
            yes.map(|it| (it, "true")).into_iter().chain(no.map(|it| (it, "false")))
        {
            check_later(&format!("ip('{address}').{property}()"), expect);
        }
    }
    check_later("cidr('10.0.0.0/8').containsIP(client.address)", "true");
    check_later("cidr('10.1.2.0/30').containsIP('10.1.2.3')", "true");
    check_later("cidr('10.0.0.0/8').containsIP('::ffff:10.0.0.1')", "true");
    check_later("cidr('10.2.0.0/16').containsIP(client.address)", "false");
    check_later("cidr('::/0').containsIP(client.address)", "false");
    check("cidr('::/0').containsIP(request.path)", "unreadable at 13");
    check_later("cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16'))", "true");
    check_later("cidr('10.0.0.0/8').containsCIDR('10.0.0.0/7')", "false");
    check_later("cidr('10.0.0.1/8').ip()", "10.0.0.1");
    check_later("cidr('10.0.0.1/8').masked()", "10.0.0.0/8");
    check_later("cidr('2001:db8::/32').prefixLength()", "32");
}

#[test]
fn every_function_can_be_called_and_is_described() {
    let guide = include_str!("../../../../docs/guide/expressions.md");
    let tables = [
        super::GENERAL.len(),
        super::text::SIGNATURES.len(),
        super::convert::SIGNATURES.len(),
        super::moment::SIGNATURES.len(),
        super::network::SIGNATURES.len(),
    ];
    // A line that cannot be read would be a function that nobody can call.
    assert_eq!(signatures().len(), tables.iter().sum::<usize>());
    for signature in signatures() {
        let named = match &signature.receiver {
            Some(_) => format!(".{}(", signature.name),
            None => format!("{}(", signature.name),
        };
        assert!(guide.contains(&named), "docs/guide/expressions.md does not name {named}");
        let given = usize::from(signature.receiver.is_some()) + signature.arguments.len();
        assert!(given <= super::ARGUMENTS_MAX, "{}", signature.text);
    }
}
