//! What `basic-auth` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::Arc;

use data_encoding::BASE64;
use yumen_directory::{Change, Entry, Material, Pepper, Proof, Stated};
use yumen_policy::testing::{compile_in, exchange, now};
use yumen_policy::{Exchange, FailureKind, Policy, Scope, Verdict};
use yumen_policy_basic_auth::Config;

/// `ann` with a hash that expires at second 1,000, `bob` with a password that is configured, and
/// somebody who is disabled.
fn scope() -> Scope {
    let (scope, pepper) = (Scope::default(), Pepper::new(""));
    let hash = yumen_password::hash("s\u{e9}sam: open".as_bytes()).unwrap();
    let entry = |name: &str, is_disabled, material, expires| Entry {
        name: name.into(),
        external_id: None,
        groups: Box::default(),
        tags: Box::default(),
        is_disabled,
        credentials: vec![Stated {
            proof: Proof::Password,
            digest: pepper.digest(Proof::Password, name.as_bytes()),
            label: None,
            expires,
            material,
        }],
    };
    let digest = |user: &str, password: &str| {
        Material::Digest(pepper.password(user.as_bytes(), password.as_bytes()))
    };
    let put = vec![
        entry("ann", false, Material::Password(hash.into()), Some(1000)),
        entry("bob", false, digest("bob", "builder"), None),
        entry("eve", true, digest("eve", "apple"), None),
    ];
    scope.directory.change(&pepper, vec![Change { put, ..Change::default() }]).unwrap();
    scope
}

fn head(authorization: &str) -> String {
    format!("GET / HTTP/1.1\nHost: x\n{authorization}")
}

fn basic(pair: &str) -> String {
    head(&format!("Authorization: Basic {}", BASE64.encode(pair.as_bytes())))
}

/// The consumer's name, `?` if there is no such credential, else why it is refused.
fn verdict(policy: &Arc<dyn Policy>, exchange: &mut Exchange) -> String {
    match now(policy.on_request(exchange)) {
        Verdict::Next => {
            exchange.principal.as_ref().unwrap().consumer.as_ref().unwrap().name.to_string()
        }
        Verdict::Unknown(challenge) => {
            assert_eq!(&*challenge.0, r#"Basic realm="yumen", charset="UTF-8""#);
            "?".to_owned()
        }
        Verdict::Fail(failure) => {
            assert_eq!(failure.kind(), FailureKind::Unauthenticated);
            assert_eq!(failure.sentence(), "The name or the password is not good.");
            assert_eq!(failure.challenges().len(), 1);
            failure.cause().unwrap().to_owned()
        }
        other @ (Verdict::Answer(_) | Verdict::Report(_)) => panic!("{other:?}"),
    }
}

#[test]
fn passwords_are_checked() {
    let policy = compile_in::<Config>("{}", &scope()).unwrap();
    let long = basic(&format!("bob:{}", "x".repeat(2000)));
    for (head, expect) in [
        (basic("ann:s\u{e9}sam: open"), "ann"),
        (basic("bob:builder"), "bob"),
        (head("Authorization: bASIC  Ym9iOmJ1aWxkZXI="), "bob"),
        (head("X: y"), "?"),
        (head("Authorization: Bearer abc"), "?"),
        (head("Authorization: Basic"), "?"),
        (basic("ann:sesam: open"), "the password of"),
        (basic("bob:Builder"), "the password of"),
        (basic("bob:"), "the password of"),
        (basic("Bob:builder"), "nobody has this name"),
        (basic(":builder"), "nobody has this name"),
        (basic("ann"), "there is no colon"),
        (basic("bob:builder\0"), "there are control characters"),
        (head("Authorization: Basic Ym9iOmJ1aWxkZXI"), "the credentials are no base64"),
        (head("Authorization: Basic Ym9iOmJ1aWxkZXJ="), "the credentials are no base64"),
        (head("Authorization: Basic Ym9i OmJ1aWxkZXI="), "the credentials are no base64"),
        (head("Authorization: Basic  "), "?"),
        (long, "the name and the password are too long"),
        (
            head("Authorization: Basic Ym9iOmJ1aWxkZXI=\nAuthorization: Basic Ym9iOmJ1aWxkZXI="),
            "the request brings several credentials",
        ),
        (basic("eve:apple"), "password-"),
    ] {
        let mut exchange = exchange(&head);
        exchange.now = 1;
        let told = verdict(&policy, &mut exchange);
        assert!(told.starts_with(expect), "{head}: {told}");
    }
    let mut late = exchange(&basic("ann:s\u{e9}sam: open"));
    late.now = 1000;
    assert!(verdict(&policy, &mut late).ends_with("has expired, or its consumer ann is disabled"));
}

#[test]
fn they_are_taken_out_if_that_is_wanted() {
    for (yaml, left) in [("strip: true", 0), ("strip: false", 1)] {
        let policy = compile_in::<Config>(yaml, &scope()).unwrap();
        let mut exchange = exchange(&basic("bob:builder"));
        assert_eq!(verdict(&policy, &mut exchange), "bob");
        assert_eq!(exchange.request.head.fields().all("authorization").count(), left);
    }
}
