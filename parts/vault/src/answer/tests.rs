//! Answers as servers give them, and as they should not.

use super::*;

fn came(status: u16, body: &str) -> Came<'_> {
    Came { status, body: body.as_bytes(), sent: None }
}

fn mount(begins: &str, version: Version) -> Mount {
    Mount { begins: begins.to_owned(), version }
}

#[test]
fn the_server_says_where_a_mount_ends_and_which_version_it_has() {
    let check = |status, body: &str, expect: Result<Mount, &str>| {
        let found = came(status, body).mount("team/kv/shop");
        match (found, expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found, expect, "{body}"),
            (Err(fault), Err(expect)) => assert!(fault.to_string().contains(expect), "{fault}"),
            (found, _) => panic!("{body}: {found:?}"),
        }
    };
    let two = r#"{"data": {"path": "team/kv/", "type": "kv", "options": {"version": "2"}}}"#;
    check(200, two, Ok(mount("team/kv/", Version::Two)));
    let one = |options: &str| {
        format!(r#"{{"data": {{"path": "team/", "type": "kv", "options": {options}}}}}"#)
    };
    for options in ["null", "{}", r#"{"version": "1"}"#, r#"{"version": ""}"#] {
        check(200, &one(options), Ok(mount("team/", Version::One)));
    }
    check(200, &one(r#"{"version": "3"}"#), Err("version that is not known"));
    check(200, r#"{"data": {}}"#, Ok(mount("", Version::One)));
    check(200, r#"{"data": {"path": "other/"}}"#, Err("another mount"));
    check(200, r#"{"data": {"path": "tea"}}"#, Err("another mount"));
    check(200, r#"{"data": {"path": "team/", "type": "pki"}}"#, Err("no key-value store"));
    check(404, r#"{"errors": []}"#, Ok(mount("", Version::One)));
    check(403, r#"{"errors": ["preflight"]}"#, Err("a mount and a policy for `team/kv/shop`"));
    check(200, "<html>", Err("no JSON of Vault's"));
    check(200, "", Err("no JSON of Vault's"));
    check(307, "", Err("redirects are not followed"));
    check(418, "", Err("the server answers with 418"));
}

#[test]
fn a_request_is_for_the_path_of_its_version() {
    for (begins, version, path, expect) in [
        ("secret/", Version::Two, "secret/a/b", "secret/data/a/b"),
        ("team/kv/", Version::Two, "team/kv/a", "team/kv/data/a"),
        ("secret/", Version::One, "secret/a", "secret/a"),
        ("", Version::One, "secret/a", "secret/a"),
    ] {
        assert_eq!(mount(begins, version).request(path), expect);
    }
}

#[test]
fn secrets_of_both_versions_are_read_and_all_else_is_told() {
    let two = mount("secret/", Version::Two);
    let one = mount("kv/", Version::One);
    let first = came(200, r#"{"data": {"key": "v1"}, "lease_duration": 2764800}"#);
    assert_eq!(first.secret("kv/shop", &one).unwrap().value("key"), Ok("v1"));
    let second = r#"{"data": {"data": {"key": "v2"}, "metadata": {"version": 3}}}"#;
    let second = came(200, second).secret("secret/shop", &two).unwrap();
    assert_eq!(second.value("key"), Ok("v2"));
    assert!(second.value("metadata").is_err());

    let gone = r#"{"data": {"data": null, "metadata": {"deletion_time": "2026-11-29T15:00:00Z"}}}"#;
    for (status, body, away, expect) in [
        (404, r#"{"errors": []}"#, false, "there is no such secret"),
        (404, "", false, "there is no such secret"),
        (404, gone, false, "its newest version is deleted"),
        (200, gone, false, "its newest version is deleted"),
        (
            403,
            "{}",
            false,
            r#"a policy with `path "secret/data/shop" { capabilities = ["read"] }`"#,
        ),
        (503, r#"{"errors": ["Vault is sealed"]}"#, true, "503: Vault is sealed"),
        (500, "", true, "the server answers with 500"),
        (429, "", true, "the server answers with 429"),
        (400, "{\"errors\": [\"a\\u001b[0m\\nb\"]}", false, "400: a [0m b"),
        (200, r#"{"data": {"data": []}}"#, false, "no JSON of Vault's"),
        (200, r#"{"data": {"data": {"key": "secret"#, false, "no JSON of Vault's"),
        (302, "", false, "redirects are not followed"),
    ] {
        let fault = came(status, body).secret("secret/shop", &two).unwrap_err();
        assert!(fault.to_string().contains(expect), "{status} {body}: {fault}");
        assert_eq!(fault.is_away(), away, "{fault}");
    }
    let fault = came(404, "").secret("secret/data/shop", &two).unwrap_err();
    assert!(fault.hint.contains("without `data/`: `secret/shop`"), "{fault}");
    let long = format!(r#"{{"errors": ["{}"]}}"#, "x".repeat(5000));
    assert!(came(500, &long).secret("secret/shop", &two).unwrap_err().why.len() < 300);
}

#[test]
fn a_login_gives_a_token_and_how_long_it_is_good() {
    let grant = |status, body: &str| came(status, body).grant();
    let good = r#"{"auth": {"client_token": "hvs.x", "lease_duration": 60, "renewable": true}}"#;
    let lasts = Some(Duration::from_secs(60));
    let lease = Lease { lasts, is_renewable: true };
    assert_eq!(grant(200, good), Ok(Grant { token: Hidden("hvs.x".to_owned()), lease }));
    let endless = grant(200, r#"{"auth": {"client_token": "root"}}"#).unwrap();
    assert_eq!(endless.lease, Lease::UNKNOWN);
    for (status, body, expect) in [
        (200, r#"{"auth": null}"#, "it has no token"),
        (200, r#"{"auth": {"client_token": ""}}"#, "its token is none"),
        (200, r#"{"auth": {"client_token": "a\r\nb: c"}}"#, "its token is none"),
        (200, "[]", "no JSON of Vault's"),
        (400, r#"{"errors": ["invalid role or secret ID"]}"#, "400: invalid role or secret ID"),
        (403, "", "the server refuses it (403)"),
        (503, "", "503"),
    ] {
        let fault = grant(status, body).unwrap_err();
        assert!(fault.to_string().contains(expect), "{body}: {fault}");
    }
    assert!(!format!("{:?}", grant(200, good)).contains("hvs"));
}

#[test]
fn a_token_may_not_know_about_itself() {
    let token = |status, body: &str| came(status, body).token();
    let lease = |seconds, is_renewable| {
        Ok(Lease { lasts: Some(Duration::from_secs(seconds)), is_renewable })
    };
    assert_eq!(token(200, r#"{"data": {"ttl": 90, "renewable": true}}"#), lease(90, true));
    assert_eq!(token(200, r#"{"data": {"ttl": 0}}"#), Ok(Lease::UNKNOWN));
    assert_eq!(token(403, ""), Ok(Lease::UNKNOWN));
    assert!(token(500, "").is_err_and(|fault| fault.is_away()));
}

#[test]
fn a_server_that_repeats_what_was_sent_is_not_quoted() {
    let sent = Hidden("hvs.0123456789".to_owned());
    for (text, expect) in [
        ("you sent hvs.0123456789", "the server answers with 500"),
        ("hvs.0123", "the server answers with 500"),
        ("hvs. is no token", "the server answers with 500: hvs. is no token"),
    ] {
        let body = format!(r#"{{"errors": ["{text}"]}}"#);
        let came = Came { sent: Some(&sent), ..came(500, &body) };
        assert_eq!(came.token().unwrap_err().why, expect);
    }
}
