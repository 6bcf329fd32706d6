//! Attacks by what a token claims.

use aws_lc_rs::signature;
use serde_json::Value;
use yumen_jose::{Refused, Verifier, Wanted};

use super::{CLAIMS, ISSUER, NOW, expect, signed};

/// Row 79.
#[test]
fn claims_that_are_not_what_they_have_to_be() {
    let issuer = &*ISSUER;
    let with = |name: &str, value: &str| {
        let whole: Value = serde_json::from_str(CLAIMS).unwrap();
        let mut members = whole.as_object().unwrap().clone();
        members.shift_remove(name);
        let rest = Value::Object(members).to_string();
        if value.is_empty() { rest } else { format!("{{\"{name}\":{value},{}", &rest[1..]) }
    };
    let later = u64::MAX.to_string();
    for (name, value, refused) in [
        ("exp", "1699999999", Refused::Expired),
        ("exp", "1700000000", Refused::Expired),
        ("exp", "0", Refused::Expired),
        ("exp", "", Refused::ClaimMissing),
        ("exp", "null", Refused::TimeMalformed),
        ("exp", "\"1700000060\"", Refused::TimeMalformed),
        ("exp", "true", Refused::TimeMalformed),
        ("exp", "[1700000060]", Refused::TimeMalformed),
        ("exp", "{}", Refused::TimeMalformed),
        ("exp", "-1", Refused::TimeMalformed),
        ("exp", "1e400", Refused::Claims),
        ("exp", "1e300", Refused::TimeMalformed),
        ("exp", "18446744073709551616", Refused::TimeMalformed),
        ("exp", &later, Refused::TimeMalformed),
        ("exp", "NaN", Refused::Claims),
        ("exp", "Infinity", Refused::Claims),
        ("nbf", "1700000001", Refused::NotYet),
        ("nbf", "\"0\"", Refused::TimeMalformed),
        ("nbf", "false", Refused::TimeMalformed),
        ("nbf", "-1", Refused::TimeMalformed),
        ("iat", "1700000001", Refused::IssuedLater),
        ("iat", "\"now\"", Refused::TimeMalformed),
        ("iss", "", Refused::Issuer),
        ("iss", "null", Refused::Issuer),
        ("iss", "\"https://i\"", Refused::Issuer),
        ("iss", "\"https://id/\"", Refused::Issuer),
        ("iss", "\"https://id.evil\"", Refused::Issuer),
        ("iss", "\"HTTPS://id\"", Refused::Issuer),
        ("iss", "[\"https://id\"]", Refused::Issuer),
        ("aud", "", Refused::Audience),
        ("aud", "null", Refused::Audience),
        ("aud", "\"\"", Refused::Audience),
        ("aud", "[]", Refused::Audience),
        ("aud", "\"sho\"", Refused::Audience),
        ("aud", "\"shop2\"", Refused::Audience),
        ("aud", "\"Shop\"", Refused::Audience),
        ("aud", "\"shop store\"", Refused::Audience),
        ("aud", "[\"other\",[\"shop\"]]", Refused::Audience),
        ("aud", "[\"shop\",1]", Refused::Audience),
        ("aud", "{\"shop\":1}", Refused::Audience),
        ("aud", "1", Refused::Audience),
        ("sub", "1", Refused::Subject),
        ("sub", "[\"ada\"]", Refused::Subject),
    ] {
        expect(&format!("{name} {value}"), issuer.judge_claims(&with(name, value)), refused);
    }
    for (name, value) in [
        ("exp", "1700000000.5e0"),
        ("exp", "1.70000006e9"),
        ("nbf", "1700000000"),
        ("iat", "1699990000.25"),
        ("aud", "[\"other\",\"store\"]"),
        ("sub", ""),
    ] {
        let judged = issuer.judge_claims(&with(name, value));
        // A fraction of the last second does not count.
        let expect = if value == "1700000000.5e0" { Err(Refused::Expired) } else { Ok(()) };
        assert_eq!(judged, expect, "{name} {value}");
    }
}

/// Row 83.
#[test]
fn bytes_that_break_readers() {
    let issuer = &*ISSUER;
    let behind = &CLAIMS[1..];
    let nested =
        |depth: usize| format!("{{\"a\":{}{},{behind}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(issuer.judge_claims(&nested(63)), Ok(()));
    for (name, claims, refused) in [
        ("depth 65", nested(64), Refused::Claims),
        ("depth 1000", nested(1000), Refused::Claims),
        ("byte order mark", format!("\u{feff}{CLAIMS}"), Refused::Claims),
        ("NUL behind", format!("{CLAIMS}\0"), Refused::Claims),
        ("something behind", format!("{CLAIMS}{{}}"), Refused::Claims),
        ("list", format!("[{CLAIMS}]"), Refused::Claims),
        ("text", format!("{CLAIMS:?}"), Refused::Claims),
        ("nothing", String::new(), Refused::Claims),
        ("end of line in sub", CLAIMS.replace("ada", "a\\r\\nx: y"), Refused::Subject),
        ("NUL in sub", CLAIMS.replace("ada", "a\\u0000"), Refused::Subject),
        ("half a character in sub", CLAIMS.replace("ada", "\\ud800"), Refused::Claims),
        ("100 KB", CLAIMS.replace("ada", &"a".repeat(100 * 1024)), Refused::TooLong),
        ("no number", CLAIMS.replace("1700000060", "0x7fffffff"), Refused::Claims),
    ] {
        expect(name, issuer.judge_claims(&claims), refused);
    }
    let bytes = CLAIMS.replace("ada", "a\u{7f}").into_bytes();
    for broken in [0xff, 0xc3, 0x80] {
        let bytes: Vec<u8> =
            bytes.iter().map(|byte| if *byte == 0x7f { broken } else { *byte }).collect();
        let sign = |message: &[u8]| issuer.rsa(&signature::RSA_PKCS1_SHA256, message);
        let token = signed(r#"{"alg":"RS256","kid":"rsa"}"#, &bytes, sign);
        expect("no UTF-8", issuer.judge(&token), Refused::Claims);
        let token =
            signed([b"{\"alg\":\"RS256\",\"x\":\"", &[broken][..], b"\"}"].concat(), CLAIMS, sign);
        expect("no UTF-8 in the header", issuer.judge(&token), Refused::Header);
    }
}

/// A token that says not when it was issued is good from now on.
#[test]
fn tokens_that_are_good_for_long() {
    let issuer = &*ISSUER;
    let judge = |claims: &str, lifetime_max: u64| {
        let wanted =
            Wanted { claims: Vec::new(), lifetime_max: Some(lifetime_max), ..Wanted::default() };
        let token = issuer.es256(r#"{"alg":"ES256","kid":"ecdsa"}"#, claims);
        Verifier::new(wanted).unwrap().verify(&issuer.keys, &token, NOW).map(drop)
    };
    for (claims, longest, expect) in [
        (r#"{"exp":1700000060}"#, 60, Ok(())),
        (r#"{"exp":1700000060}"#, 59, Err(Refused::Lifetime)),
        (r#"{"exp":1700000060,"iat":1699999960}"#, 100, Ok(())),
        (r#"{"exp":1700000060,"iat":1699999960}"#, 99, Err(Refused::Lifetime)),
        (r#"{"exp":253402300799}"#, 86400, Err(Refused::Lifetime)),
        (r#"{"iat":1700000000}"#, 60, Err(Refused::ClaimMissing)),
        ("{}", 60, Err(Refused::ClaimMissing)),
    ] {
        assert_eq!(judge(claims, longest), expect, "{claims} {longest}");
    }
}
