use yumen_model::{AccessLog, LogNames};

use super::{
    super::escape::{FIELD_BYTES_MAX, json},
    Secrets,
};

fn check(text: &str, expect: &str) {
    let mut out = Vec::new();
    Secrets::default().query(&mut out, text.as_bytes(), json);
    assert_eq!(String::from_utf8_lossy(&out), expect);
}

#[test]
fn plain_queries_stay_as_they_are() {
    for text in ["", "a", "a=1&b=2", "&&=&", "page=2;sort=name", "keys=3&monkey=1&encode=x", "=x"] {
        check(text, text);
    }
}

#[test]
fn secret_values_are_left_out_and_the_rest_is_kept() {
    check("a=1&access_token=abc&b=2", "a=1&access_token=***&b=2");
    check("token=a=b=c", "token=***");
    check("key=&sig=x", "key=***&sig=***");
    check("a=1;password=x;b=2", "a=1;password=***;b=2");
    check("a=?token=x#code=y", "a=?token=***#code=***");
    for name in
        ["apiKey", "API-KEY", "api.key", "X-Amz-Signature", "client_secret", "user[password]"]
    {
        check(&format!("{name}=x"), &format!("{name}=***"));
    }
}

#[test]
fn an_encoded_name_hides_nothing() {
    check("%74oken=x", "%74oken=***");
    check("access%5Ftoken=x", "access%5Ftoken=***");
    check("%zz%7=x&%=y", "%zz%7=x&%=y");
}

#[test]
fn a_name_too_long_to_judge_counts_as_secret() {
    check(&format!("{}=x", "a".repeat(64)), &format!("{}=x", "a".repeat(64)));
    check(&format!("{}=x", "a".repeat(65)), &format!("{}=***", "a".repeat(65)));
}

#[test]
fn a_cut_query_shows_no_part_of_a_secret() {
    let secret = format!("token={}&a=1", "s".repeat(2 * FIELD_BYTES_MAX));
    check(&secret, "token=***...");
    check(&format!("token={}", "ü".repeat(FIELD_BYTES_MAX)), "token=***...");
}

#[test]
fn a_referer_is_redacted_in_query_and_fragment() {
    let check = |text: &str, expect: &str| {
        let mut out = Vec::new();
        Secrets::default().url(&mut out, text.as_bytes(), json);
        assert_eq!(String::from_utf8_lossy(&out), expect);
    };
    check("https://a.example/key=1/b", "https://a.example/key=1/b");
    check("https://a.example/cb?code=x&state=y", "https://a.example/cb?code=***&state=y");
    check("https://a.example/cb#access_token=x", "https://a.example/cb#access_token=***");
}

#[test]
fn names_are_hidden_and_shown_by_configuration() {
    let names = |headers: &str, query: &str| LogNames {
        headers: vec![headers.to_owned()],
        query: vec![query.to_owned()],
    };
    let secrets = Secrets::new(&AccessLog {
        redact: names("X-Customer", "iban"),
        show: names("X-CSRF-Token", "code"),
        ..AccessLog::default()
    });
    let mut out = Vec::new();
    secrets.query(&mut out, b"IBAN=1&i%62an=2&code=AT&token=x&a=b", json);
    assert_eq!(String::from_utf8_lossy(&out), "IBAN=***&i%62an=***&code=AT&token=***&a=b");
    for (name, hidden) in [
        ("x-customer", true),
        ("X_Customer", true),
        ("x-csrf-token", false),
        ("x-auth-token", true),
        ("Authorization", true),
        ("proxy-authorization", true),
        ("cookie", true),
        ("Set-Cookie", true),
        ("X-Api-Key", true),
        ("iban", false),
        ("user-agent", false),
    ] {
        assert_eq!(secrets.hides_header(name.as_bytes()), hidden, "{name}");
    }
}
