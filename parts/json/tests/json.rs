//! What is JSON here, what is refused, and where.
#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use serde_json::Value;
use yumen_json::{Bound, DEPTH_MAX, Limits, What, check, read};

#[test]
fn plain_texts_are_read_as_they_are() {
    for (text, nodes) in [
        ("null", 1),
        (" true\n", 1),
        ("-0.5e-3", 1),
        ("\"\\u0041\\n\\ud83d\\ude00é\"", 1),
        ("{}", 1),
        ("[ ]", 1),
        ("{\"a\": [1, {\"b\": null}, []], \"A\": \"\"}\r\n\t", 7),
        ("[[[]],[]]", 4),
        ("{\"\": 0, \" \": 1}", 3),
    ] {
        assert_eq!(check(text.as_bytes(), &Limits::default()), Ok(nodes), "{text}");
        let plain: Value = serde_json::from_str(text).unwrap();
        assert_eq!(read(text.as_bytes(), &Limits::default()), Ok(plain), "{text}");
    }
}

#[test]
fn what_is_no_json_is_refused() {
    let bad: [&[u8]; 38] = [
        b"\"\\",
        b"",
        b" ",
        b"nul",
        b"nulll",
        b"NaN",
        b"'a'",
        b"\"",
        b"\"\\\"",
        b"\"\\x\"",
        b"\"\\u12\"",
        b"\"\\u12g4\"",
        b"\"\\ud800\"",
        b"\"\\udc00\"",
        b"\"\\ud800\\u0041\"",
        b"\"\\ud800\\n\"",
        b"\"\n\"",
        b"\"\0\"",
        b"\"\xff\"",
        b"\xef\xbb\xbf{}",
        b"01",
        b"-",
        b"+1",
        b"1.",
        b".5",
        b"1e",
        b"1e+",
        b"0x1",
        b"--1",
        b"[1,]",
        b"[,1]",
        b"[1",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\":1,}",
        b"{a:1}",
        b"[1}",
        b"{} {}",
    ];
    for text in bad {
        let wrong = check(text, &Limits::default()).unwrap_err();
        assert!(matches!(wrong.what, What::Syntax(_)), "{}: {wrong}", text.escape_ascii());
        assert!(wrong.at <= text.len());
    }
}

#[test]
fn a_name_stands_once_however_it_is_written() {
    let many: Vec<String> = (0..50).map(|number| format!("\"n{number}\":{number}")).collect();
    let many = many.join(",");
    for (text, pointer) in [
        ("{\"a\":1,\"a\":2}", "/a"),
        ("{\"a\":1,\"\\u0061\":2}", "/a"),
        ("{\"x\":[0,{\"~/\":1,\"~/\":1}]}", "/x/1/~0~1"),
        (&format!("{{{many},\"n7\":0}}"), "/n7"),
        (&format!("{{{many},\"n\\u0037\":0}}"), "/n7"),
    ] {
        let wrong = check(text.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!((wrong.what, wrong.pointer.as_str()), (What::Twice, pointer), "{text}");
    }
    assert!(check(format!("{{{many}}}").as_bytes(), &Limits::default()).is_ok());
    assert!(check(b"{\"a\":{\"a\":{\"a\":1}}}", &Limits::default()).is_ok());
}

#[test]
fn every_bound_is_kept_and_says_where() {
    let limits = Limits {
        depth: 3,
        members: 2,
        items: 3,
        text: 4,
        name: 3,
        digits: 5,
        nodes: 9,
        rounded: false,
    };
    for (text, expect) in [
        ("[[[]]]", Ok(3)),
        ("[[[[]]]]", Err((Bound::Depth, "/0/0/0"))),
        ("{\"a\":{\"b\":{\"c\":{}}}}", Err((Bound::Depth, "/a/b/c"))),
        ("{\"a\":1,\"b\":2}", Ok(3)),
        ("{\"a\":1,\"b\":2,\"c\":3}", Err((Bound::Members, "/c"))),
        ("[1,2,3]", Ok(4)),
        ("[1,2,3,4]", Err((Bound::Items, "/3"))),
        ("[\"abcd\"]", Ok(2)),
        ("[\"abcde\"]", Err((Bound::Text, "/0"))),
        ("[\"\\u00e9\\n\\t\"]", Ok(2)),
        ("[\"\\u20ac\\u20ac\"]", Err((Bound::Text, "/0"))),
        ("[\"\\ud83d\\ude00\"]", Ok(2)),
        ("{\"abc\":1}", Ok(2)),
        ("{\"abcd\":1}", Err((Bound::Name, ""))),
        ("12.3e4", Ok(1)),
        ("123456", Err((Bound::Digits, ""))),
        ("12.34e56", Err((Bound::Digits, ""))),
        ("[[1,2,3],[1,2,3]]", Ok(9)),
        ("[[1,2,3],[1,2,3],1]", Err((Bound::Nodes, "/2"))),
    ] {
        let found = check(text.as_bytes(), &limits).map_err(|wrong| (wrong.what, wrong.pointer));
        let expect = expect.map_err(|(bound, at): (_, &str)| (What::Exceeds(bound), at.to_owned()));
        assert_eq!(found, expect, "{text}");
    }
}

#[test]
fn depth_has_a_bound_of_its_own() {
    let limits = Limits { depth: usize::MAX, ..Limits::default() };
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(nested(DEPTH_MAX).as_bytes(), &limits).is_ok());
    for depth in [DEPTH_MAX + 1, 1_000_000] {
        let wrong = check(nested(depth).as_bytes(), &limits).unwrap_err();
        assert_eq!(wrong.what, What::Exceeds(Bound::Depth));
    }
}

#[test]
fn numbers_that_readers_round_are_refused_unless_they_may() {
    let limits = Limits { digits: 400, ..Limits::default() };
    let lax = Limits { rounded: true, ..limits.clone() };
    for text in ["{\"a\":[1e400]}", "{\"a\":[1.00000000000000000001]}"] {
        let wrong = check(text.as_bytes(), &limits).unwrap_err();
        assert_eq!((wrong.what, wrong.pointer.as_str()), (What::Rounded, "/a/0"), "{text}");
        assert!(check(text.as_bytes(), &lax).is_ok());
    }
    assert!(check(b"[9007199254740993, 0.1, 1e2, 18446744073709551615]", &limits).is_ok());
}
