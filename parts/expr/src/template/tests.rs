//! Texts with values in them.

use crate::error::{Cause, Error};
use crate::limits::{PIECES_MAX, SOURCE_BYTES_MAX};
use crate::testing::{Exchange, Name, filled, schema};
use crate::{Piece, Template};

#[track_caller]
fn check(text: &str, expect: &str) {
    assert_eq!(filled(text), expect, "{text}");
}

#[test]
fn values_are_put_in() {
    check("", "");
    check("plain", "plain");
    check("%{request.method}", "GET");
    check("%{request.method} %{request.path}!", "GET /orders/17!");
    check("%{request.method}%{request.method}", "GETGET");
    check("%{ request.method + '}' }", "GET}");
    check(
        r#"{"path": "%{request.path}", "ms": %{duration.getMilliseconds()}}"#,
        r#"{\"path\": \"/orders/17\", \"ms\": 500}"#,
    );
    check(
        "%{response.status} %{response.sent} %{response.share} %{response.cached}",
        "404 1000 0.25 false",
    );
    check("%{duration} %{began}", "1.5s 2025-11-29T01:20:28.25Z");
    check("%{client.address} %{client.trusted}", "10.1.2.3 192.0.2.0/24");
    check("%{client.roles.join(',')}", "reader,writer");
    check("%{client.claims.name} %{client.claims.level} %{client.claims.admin}", "ann 3 true");
    check("%{response.status >= 400 ? 'bad' : 'good'}", "bad");
    // Bytes are written as they are.
    check("%{body}%{request.raw}", "{\\xff}\\xc3\\xa9\\xff\\xe2\\x82z");
}

#[test]
fn signs_that_are_no_value_stay() {
    check("100% {a} %a ${b} $c", "100% {a} %a ${b} $c");
    check("%%{request.method}", "%{request.method}");
    check("%%%{request.method}", "%%{request.method}");
    check("%%{%{request.method}}", "%{GET}");
    check("%", "%");
    check("50%%", "50%%");
    check("}%{1}{", "}1{");
    check("\u{e9}%{'\u{e9}'}\u{e9}", "\\xc3\\xa9\\xc3\\xa9\\xc3\\xa9");
}

#[test]
fn what_is_not_there_is_left_to_the_caller() {
    check("%{failure}", "-");
    check("a%{failure}b%{missing + 1}c", "a-b-c");
    check("%{client.claims.groups} %{client.claims.nothing}", "- -");
    let template = Template::compile("a%{request.method}%{failure}b", &schema()).unwrap();
    let mut out = b"before ".to_vec();
    let told = template.write(&Exchange::default(), &mut out);
    assert_eq!(told, Err(Error { cause: Cause::Absent, at: 20 }));
    assert_eq!(out, b"before ");
    let template = Template::compile("a%{request.method}b", &schema()).unwrap();
    assert_eq!(template.write(&Exchange::default(), &mut out), Ok(()));
    assert_eq!(out, b"before aGETb");
}

#[test]
fn pieces_can_be_treated_one_by_one() {
    let template = Template::compile("<%{request.raw}|%{failure}>", &schema()).unwrap();
    let mut seen = Vec::new();
    let exchange = Exchange::default();
    template.pieces(&exchange, |piece| {
        let told = match piece {
            Piece::Text(text) => format!("text {}", text.escape_ascii()),
            Piece::Value(Ok(value)) => format!("value {}", crate::testing::written(&value)),
            Piece::Value(Err(error)) => error.cause.name().to_owned(),
        };
        seen.push(told);
    });
    assert_eq!(seen, ["text <", r#"value "\xc3\xa9\xff\xe2\x82z""#, "text |", "absent", "text >"]);
}

#[test]
fn problems_are_told_with_their_place_in_the_text() {
    check(
        "a %{request.metod}",
        "at byte 4: there is no name `request.metod` (did you mean `request.method`?)",
    );
    check("a %{", "at byte 4: a value is expected here, not the end");
    check("a %{}", "at byte 4: a value is expected here, not `}`");
    check("a %{request.method", "at byte 18: no `}` ends this value");
    check(
        "a %{request.method request.path}",
        "at byte 19: an operator is expected here, not `request`",
    );
    check("%{request.method}\u{e9}%{'a}", "at byte 21: this text has no end (close it with `'`)");
    check(
        "%{client.roles}",
        "at byte 2: a list(string) is not one text (`list.join(\", \")` makes one of texts)",
    );
    check(
        "%{request.headers}",
        "at byte 2: a map(string, string) is not one text (write one of its keys: `map[\"key\"]`)",
    );
    check("%{null}", "at byte 2: a null is not one text");
    let both = Template::compile("%{request.metod} %{duration == 5}", &schema()).unwrap_err();
    assert_eq!(both.iter().map(|problem| problem.at).collect::<Vec<_>>(), [2, 28]);
    check(&"a".repeat(SOURCE_BYTES_MAX + 1), "at byte 16384: this is longer than 16384 bytes");
    let many = "%{duration}".repeat(PIECES_MAX / 2 + 1);
    check(
        &many,
        &format!("at byte {}: there are more than {PIECES_MAX} pieces", 11 * (PIECES_MAX / 2)),
    );
}

#[test]
fn what_is_known_is_text() {
    let template = |text: &str| Template::compile(text, &schema()).unwrap();
    assert_eq!(template("").constant(), Some(b"".as_slice()));
    assert_eq!(template("a%{1 + 1}%%{%{'b'}").constant(), Some(b"a2%{b".as_slice()));
    assert_eq!(template("a%{request.method}").constant(), None);
    assert_eq!(
        template("%{request.path}%{failure}%{request.path}").keys(),
        [Name::Path, Name::Failure]
    );
}

#[test]
fn values_of_one_template_share_their_steps() {
    let hundred = format!("[{}]", vec!["1"; 60].join(", "));
    let loops = format!("%{{size({hundred}.filter(x, {hundred}.exists(y, y > response.status)))}}");
    // One of them alone has enough steps, two have not.
    check(&loops.replace("60", "30"), "-");
    let small = format!("[{}]", vec!["1"; 30].join(", "));
    let loops = format!("%{{size({small}.filter(x, {small}.exists(y, y > response.status)))}}");
    check(&loops, "0");
    check(&loops.repeat(4), "00--");
}
