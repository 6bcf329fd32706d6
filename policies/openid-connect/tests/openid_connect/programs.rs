//! Access tokens, and ids with secrets.

use serde_json::json;
use yumen_policy::{FailureKind, Verdict};

use crate::{Browser, NOW, Rig};

const BEARER: &str = "bearer: { audiences: [api] }";
const PROGRAMS: &str = "bearer: { audiences: [api] }\nclient_credentials: { scopes: [read], parameters: { resource: 'urn:x' } }";

#[test]
fn access_tokens_of_the_provider_are_good() {
    let rig = Rig::new(BEARER);
    let sign = |claims| rig.fake.sign(claims, Some("at+jwt"));
    let bring = |token: &str, now| {
        let mut browser = Browser { now, ..Browser::default() };
        rig.send(&mut browser, "/", &format!("Accept: text/html\nAuthorization: Bearer {token}\n"))
    };
    let good = sign(json!({"aud": "api", "sub": "ada"}));
    for _ in 0..2 {
        bring(&good, NOW).entered("ada");
    }
    bring(&good, NOW + 3700).refused(FailureKind::Unauthenticated, "is over");
    for (claims, words) in [
        // An ID token opens nothing.
        (json!({"aud": "shop", "sub": "ada", "nonce": "n"}), "another audience"),
        (json!({"aud": "api", "sub": "ada", "iss": "https://evil.example"}), "another issuer"),
        (json!({"sub": "ada"}), "another audience"),
        (json!({"aud": "api", "sub": "bob"}), "no consumer"),
        (json!({"aud": "api", "sub": "gone"}), "disabled"),
    ] {
        bring(&sign(claims), NOW).refused(FailureKind::Unauthenticated, words);
    }
    bring("x", NOW).refused(FailureKind::Unauthenticated, "three parts");
    let two = format!("Authorization: Bearer {good}\nAuthorization: Bearer {good}\n");
    rig.send(&mut Browser::new(), "/", &two)
        .refused(FailureKind::Unauthenticated, "several tokens");
    let came = rig.send(&mut Browser::new(), "/", "");
    let Verdict::Unknown(challenge) = &came.verdict else { panic!("{came:?}") };
    assert_eq!(&*challenge.0, "Bearer realm=\"yumen\"");
    // Whoever brings one is not asked for a session, and none is made.
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    rig.send(&mut browser, "/", "Authorization: Bearer x\n")
        .refused(FailureKind::Unauthenticated, "");
    rig.send(&mut browser, "/", "").entered("ada");
}

#[test]
fn ids_with_secrets_become_tokens_and_stay_hidden() {
    let rig = Rig::new(&format!("{PROGRAMS}\naccess_token_in: Authorization"));
    let basic = "Authorization: Basic cHJvZ3JhbTpzZWNyZXQ=\n";
    for _ in 0..3 {
        let came = rig.send(&mut Browser::new(), "/", basic);
        came.entered("program");
        assert!(came.told("Authorization")[0].starts_with("Bearer ey"));
    }
    assert_eq!(rig.fake.script().asked, ["client_credentials"], "it is kept");
    assert_eq!(
        rig.fake.script().forms,
        ["grant_type=client_credentials&scope=read&resource=urn%3Ax"]
    );
    assert!(rig.fake.script().fields[0].ends_with(": Basic cHJvZ3JhbTpzZWNyZXQ="));
    let mut later = Browser { now: NOW + 290, ..Browser::default() };
    rig.send(&mut later, "/", basic).entered("program");
    assert_eq!(rig.fake.script().asked.len(), 2, "until it ends");
    let rig = Rig::new(PROGRAMS);
    let came = rig.send(&mut Browser::new(), "/", basic);
    came.entered("program");
    assert!(came.told("Authorization").is_empty(), "the secret stays here");
}

#[test]
fn wrong_secrets_are_refused_and_the_provider_is_not_asked_again_at_once() {
    let rig = Rig::new(PROGRAMS);
    rig.fake.script().refuses = Some((401, r#"{"error":"invalid_client"}"#));
    let basic = "Accept: text/html\nAuthorization: basic cHJvZ3JhbTp3cm9uZw==\n";
    for seconds in [0, 1, 29] {
        let mut browser = Browser { now: NOW + seconds, ..Browser::default() };
        let came = rig.send(&mut browser, "/", basic);
        came.refused(FailureKind::Unauthenticated, "");
        let challenge = &came.failure().challenges()[0].0;
        assert!(
            challenge.starts_with("Bearer "),
            "browsers do not ask for a password: {challenge}"
        );
    }
    assert_eq!(rig.fake.script().asked.len(), 1);
    let mut browser = Browser { now: NOW + 30, ..Browser::default() };
    rig.send(&mut browser, "/", basic).refused(FailureKind::Unauthenticated, "invalid_client");
    assert_eq!(rig.fake.script().asked.len(), 2);
    for wrong in [
        "Basic",
        "Basic ",
        "Basic !",
        "Basic cHJvZ3JhbQ==",
        "Basic cHJvZ3JhbTpzZWNyZXQ=\nAuthorization: Basic cHJvZ3JhbTpzZWNyZXQ=",
    ] {
        let came = rig.send(&mut Browser::new(), "/", &format!("Authorization: {wrong}\n"));
        assert!(!matches!(came.verdict, Verdict::Next), "{wrong}");
    }
    assert_eq!(rig.fake.script().asked.len(), 2);
    // What is not about the program is not held against it.
    rig.fake.script().refuses = Some((500, ""));
    let other = "Authorization: Basic cHJvZ3JhbTpzZWNyZXQ=\n";
    rig.send(&mut Browser::new(), "/", other)
        .refused(FailureKind::IdentityBusy, "answers with 500");
    rig.fake.script().refuses = None;
    rig.send(&mut Browser::new(), "/", other).entered("program");
    // Off by default.
    let rig = Rig::new(BEARER);
    assert!(matches!(rig.send(&mut Browser::new(), "/", other).verdict, Verdict::Unknown(_)));
    assert!(rig.fake.script().asked.is_empty());
}
