//! What is tried with tokens, where the policy could let it through: rows 72 to 84 of the list of attacks.
//! That each is refused with any key is shown with `yumen_jose`.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD};

use crate::{NOW, SECRET, bearer, policy, scope, simple, verdict};

fn encoded(part: &[u8]) -> String {
    BASE64URL_NOPAD.encode(part)
}

fn hs256(secret: &str, header: &str, claims: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let message = format!("{}.{}", encoded(header.as_bytes()), encoded(claims.as_bytes()));
    format!("{message}.{}", encoded(hmac::sign(&key, message.as_bytes()).as_ref()))
}

fn claims() -> String {
    format!(r#"{{"sub":"ada","exp":{}}}"#, NOW + 60)
}

const GOOD: &str = r#"{"alg":"HS256"}"#;

#[test]
fn nothing_but_a_good_token_is_let_in() {
    let policy = policy(&simple(""), &scope());
    let (claims, end) = (claims(), NOW + 60);
    let good = hs256(SECRET, GOOD, &claims);
    assert_eq!(verdict(&policy, &mut bearer(&good)), "ada");
    let (front, signature) = good.rsplit_once('.').unwrap();
    let header = |header: &str| hs256(SECRET, header, &claims);
    let claiming = |claims: String| hs256(SECRET, GOOD, &claims);
    let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    for token in [
        // 72, 74
        header(r#"{"alg":"none"}"#),
        format!("{}.{}.", encoded(br#"{"alg":"None"}"#), encoded(claims.as_bytes())),
        format!("{front}."),
        header("{}"),
        header(r#"{"alg":1}"#),
        header(r#"{"alg":["HS256"]}"#),
        header(r#"{"alg":"hs256"}"#),
        header(r#"{"alg":"HS384"}"#),
        header(r#"{"alg":"RS256"}"#),
        // 76, 77
        hs256("", GOOD, &claims),
        header(r#"{"alg":"HS256","kid":"a\r\nb"}"#),
        header(r#"{"alg":"HS256","kid":1}"#),
        header(&format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "x".repeat(3 << 10))),
        hs256(
            "mine",
            r#"{"alg":"HS256","jwk":{"kty":"oct","k":"bWluZQ"},"jku":"http://127.0.0.1:1/"}"#,
            &claims,
        ),
        hs256("", r#"{"alg":"HS256","kid":"../../../../dev/null"}"#, &claims),
        // 78, 80, 82
        header(r#"{"alg":"HS256","crit":["x"],"x":1}"#),
        header(r#"{"alg":"HS256","b64":false}"#),
        header(r#"{"alg":"HS256","zip":"DEF"}"#),
        header(r#"{"alg":"HS256","alg":"HS256"}"#),
        format!(
            "{}.a.b.c.d",
            encoded(br#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647}"#)
        ),
        // 79
        claiming(r#"{"sub":"ada"}"#.to_owned()),
        claiming(format!(r#"{{"sub":"ada","exp":"{end}"}}"#)),
        claiming(r#"{"sub":"ada","exp":true}"#.to_owned()),
        claiming(r#"{"sub":"ada","exp":1e400}"#.to_owned()),
        claiming(r#"{"sub":"ada","exp":18446744073709551616}"#.to_owned()),
        claiming(format!(r#"{{"sub":"ada","exp":{}}}"#, NOW - 30)),
        claiming(format!(r#"{{"sub":"ada","exp":{end},"nbf":{}}}"#, NOW + 31)),
        claiming(format!(r#"{{"sub":"eve","sub":"ada","exp":{end}}}"#)),
        claiming(format!(r#"{{"sub":["ada"],"exp":{end}}}"#)),
        claiming(format!(r#"{{"sub":"ada\r\n","exp":{end}}}"#)),
        claiming(format!(r#"{{"sub":"ada\u0000","exp":{end}}}"#)),
        // 81
        format!("{front}.{}", BASE64URL.encode(&bytes)),
        format!("{front}.{}", BASE64.encode(&bytes).trim_end_matches('=')) + "+",
        format!("{front}.{signature} x"),
        format!("{front} .{signature}"),
        // 83
        claiming(format!(
            r#"{{"sub":"ada","exp":{end},"a":{}{}}}"#,
            "[".repeat(1000),
            "]".repeat(1000)
        )),
        claiming(format!("\u{feff}{claims}")),
        String::new(),
        "..".to_owned(),
    ] {
        for time in 0..2 {
            let why = verdict(&policy, &mut bearer(&token));
            assert!(why.starts_with("the ") || why.contains(" the token"), "{token} {time}: {why}");
        }
    }
}

/// Row 73: what is public is no secret, however it is written.
#[test]
fn a_public_key_is_no_secret() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let der = pair.public_key().as_der().unwrap();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
        BASE64.encode(der.as_ref())
    );
    let config = serde_json::json!({ "keys": [pem] }).to_string();
    let policy = policy(&config, &scope());
    let es256 = |claims: &str| {
        let message = format!("{}.{}", encoded(br#"{"alg":"ES256"}"#), encoded(claims.as_bytes()));
        let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", encoded(signature.as_ref()))
    };
    assert_eq!(verdict(&policy, &mut bearer(&es256(&claims()))), "ada");
    let with_end = format!("{pem}\n");
    let point = String::from_utf8_lossy(pair.public_key().as_ref()).into_owned();
    for secret in [&*pem, &with_end, &BASE64.encode(der.as_ref()), &point, ""] {
        let token = hs256(secret, GOOD, &claims());
        assert_eq!(verdict(&policy, &mut bearer(&token)), "no key fits the token");
    }
    // Row 75.
    let zero = format!(
        "{}.{}.{}",
        encoded(br#"{"alg":"ES256"}"#),
        encoded(claims().as_bytes()),
        encoded(&[0; 64])
    );
    assert_eq!(verdict(&policy, &mut bearer(&zero)), "the signature of the token is wrong");
}
