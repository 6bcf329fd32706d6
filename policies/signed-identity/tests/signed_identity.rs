//! What `signed-identity` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::Arc;

use serde_json::{Map, Value, json};
use yumen_directory::{Change, Entry, Material, Pepper, Proof, Stated};
use yumen_jose::{Algorithm, Algorithms, KeySet, SigningKey, Verifier, Wanted};
use yumen_policy::testing::{compile_in, exchange, now};
use yumen_policy::{Exchange, Policy, Principal, Scope, Signer, Signers, Verdict};
use yumen_policy_signed_identity::Config;

const NOW: u64 = 1_700_000_000;
/// The key of RFC 8037, which everybody has.
const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const USUAL: &str = "keys: gateway, issuer: 'https://gateway', audiences: [orders]";

/// `shop` in two groups, with a key; and keys that sign.
fn scope() -> Scope {
    let mut signers = Signers::default();
    let next = SigningKey::from_text(JWK, None).unwrap().with_kid("next").unwrap();
    signers.add("gateway", Signer::new(vec![SigningKey::from_text(JWK, None).unwrap(), next]));
    let scope = Scope { signers: Arc::new(signers), ..Scope::default() };
    put(&scope, &["gold", "eu"]);
    scope
}

fn put(scope: &Scope, groups: &[&str]) {
    let pepper = Pepper::new("");
    let key = Stated {
        proof: Proof::Key,
        digest: pepper.digest(Proof::Key, b"good key"),
        label: None,
        expires: None,
        material: Material::None,
    };
    let put = vec![Entry {
        name: "shop".into(),
        external_id: Some("4711".into()),
        groups: groups.iter().map(|group| Box::from(*group)).collect(),
        tags: Box::default(),
        is_disabled: false,
        credentials: vec![key],
    }];
    let change = Change { put, whole: true, ..Change::default() };
    scope.directory.change(&pepper, vec![change]).unwrap();
}

fn policy(scope: &Scope, more: &str) -> Arc<dyn Policy> {
    let config = format!("{{ {USUAL}, {more} }}");
    compile_in::<Config>(&config, scope).unwrap_or_else(|report| panic!("{config}: {report}"))
}

fn shop(scope: &Scope) -> Principal {
    let credential = scope.directory.key(b"good key").unwrap();
    Principal::proved(credential, "key-auth")
}

fn claiming(claims: &Value) -> Principal {
    let claims = Arc::new(claims.as_object().unwrap().clone());
    Principal::claiming(claims, None, "jwt")
}

fn asked(principal: &Principal, later: u64, fields: &str) -> Exchange {
    let mut exchange = exchange(&format!("GET / HTTP/1.1\nHost: x\n{fields}"));
    exchange.now = NOW + later;
    exchange.principal = Some(Box::new(principal.clone()));
    exchange
}

/// What stands in a field, of which there is one.
fn told(policy: &Arc<dyn Policy>, exchange: &mut Exchange, field: &str) -> String {
    assert!(matches!(now(policy.on_request(exchange)), Verdict::Next));
    let all: Vec<_> = exchange.request.head.fields().all(field).collect();
    let [one] = all[..] else { panic!("{all:?}") };
    String::from_utf8(one.to_vec()).unwrap()
}

/// What a good token claims.
fn read(token: &str, later: u64) -> Result<Map<String, Value>, String> {
    let keys =
        KeySet::of(vec![SigningKey::from_text(JWK, None).unwrap().verifying().clone()]).unwrap();
    let wanted = Wanted {
        algorithms: Algorithms::of(&[Algorithm::EdDsa]),
        issuers: vec!["https://gateway".to_owned()],
        audiences: vec!["orders".to_owned()],
        claims: ["iat", "nbf", "exp", "jti"].map(str::to_owned).to_vec(),
        ..Wanted::default()
    };
    let token = Verifier::new(wanted).unwrap().verify(&keys, token, NOW + later);
    token.map(|token| token.claims().clone()).map_err(|refused| refused.to_string())
}

#[test]
fn the_service_is_told_who_calls() {
    let scope = scope();
    let usual = policy(&scope, "");
    let token = told(&usual, &mut asked(&shop(&scope), 0, ""), "x-identity-token");
    let claims = read(&token, 0).unwrap();
    let credential = claims["credential"].as_str().unwrap();
    assert!(credential.starts_with("key-"), "{credential}");
    let expect = json!({
        "iss": "https://gateway", "aud": "orders", "sub": "shop", "consumer": "shop", "external_id": "4711",
        "groups": ["gold", "eu"], "identified_by": "key-auth", "credential": credential,
        "jti": "00000000000000000000000000000000",
        "iat": NOW, "nbf": NOW, "exp": NOW + 60,
    });
    assert_eq!(Value::Object(claims), expect);
    assert_eq!(read(&token, 59).map(|_| ()), Ok(()));
    assert_eq!(read(&token, 60).map(|_| ()), Err("the token is over".to_owned()));

    let own = json!({
        "sub": "ada", "email": "ada@x", "realm_access": { "roles": ["a", "b"] }, "consumer": "root", "iss": "id",
    });
    let passing = policy(
        &scope,
        "subject_by: sub, claims: { mail: email, roles: realm_access.roles, none: nothing }, lifetime: 10m",
    );
    let token = told(&passing, &mut asked(&claiming(&own), 0, ""), "x-identity-token");
    let claims = read(&token, 599).unwrap();
    let expect = json!({
        "iss": "https://gateway", "aud": "orders", "sub": "ada", "mail": "ada@x", "roles": ["a", "b"],
        "identified_by": "jwt", "jti": "00000000000000000000000000000000",
        "iat": NOW, "nbf": NOW, "exp": NOW + 600,
    });
    assert_eq!(Value::Object(claims), expect, "nothing else is passed on");

    let nobody = Principal::anonymous(None, "anonymous");
    let claims = read(&told(&usual, &mut asked(&nobody, 0, ""), "x-identity-token"), 0).unwrap();
    assert_eq!(claims["anonymous"], true);
    assert!(!claims.contains_key("sub") && !claims.contains_key("consumer"), "{claims:?}");
    // A subject is a consumer's name or a claim, as it is configured, and never the other one.
    let claims =
        read(&told(&usual, &mut asked(&claiming(&own), 0, ""), "x-identity-token"), 0).unwrap();
    assert!(!claims.contains_key("sub"), "{claims:?}");
    let token = told(&passing, &mut asked(&shop(&scope), 0, ""), "x-identity-token");
    let claims = read(&token, 0).unwrap();
    assert!(!claims.contains_key("sub") && claims["consumer"] == "shop", "{claims:?}");
}

#[test]
fn nobody_else_says_it() {
    let scope = scope();
    let spoofed = "x-identity-token: a\nX-IDENTITY-TOKEN: b\nX-Own: c\nAuthorization: Bearer d";
    let usual = policy(&scope, "");
    let mut exchange = asked(&shop(&scope), 0, spoofed);
    read(&told(&usual, &mut exchange, "x-identity-token"), 0).unwrap();
    assert!(exchange.request.head.fields().first("authorization").is_some());
    let named = policy(&scope, "field: X-Own");
    read(&told(&named, &mut asked(&shop(&scope), 0, spoofed), "x-own"), 0).unwrap();
    let bearer = policy(&scope, "field: authorization");
    let value = told(&bearer, &mut asked(&shop(&scope), 0, spoofed), "authorization");
    read(value.strip_prefix("Bearer ").unwrap(), 0).unwrap();
    // Whatever happens.
    let mut exchange = asked(&shop(&scope), 0, spoofed);
    exchange.principal = None;
    assert!(matches!(now(usual.on_request(&mut exchange)), Verdict::Fail(_)));
    assert!(exchange.request.head.fields().first("x-identity-token").is_none());
    let mut exchange = asked(&shop(&scope), 0, spoofed);
    assert!(matches!(now(usual.dry(&mut exchange)), Verdict::Next));
    assert!(exchange.request.head.fields().first("x-identity-token").is_none());
}

#[test]
fn a_token_is_given_again_for_a_part_of_its_life() {
    let scope = scope();
    let field = "x-identity-token";
    let usual = policy(&scope, "");
    let give = |policy: &Arc<dyn Policy>, principal: &Principal, later| {
        told(policy, &mut asked(principal, later, ""), field)
    };
    let first = give(&usual, &shop(&scope), 0);
    assert_eq!(give(&usual, &shop(&scope), 29), first);
    let second = give(&usual, &shop(&scope), 30);
    assert_ne!(second, first);
    assert_eq!(read(&second, 30).unwrap()["exp"], NOW + 90);
    for (more, same, other) in
        [("reuse: 59s", 58, 59), ("lifetime: 10s", 4, 5), ("reuse: 1s", 0, 1)]
    {
        let policy = policy(&scope, more);
        let first = give(&policy, &shop(&scope), 0);
        assert_eq!(give(&policy, &shop(&scope), same), first, "{more}");
        assert_ne!(give(&policy, &shop(&scope), other), first, "{more}");
    }
    // Each of them for nobody else.
    let (ada, eve) = (claiming(&json!({ "sub": "ada" })), claiming(&json!({ "sub": "eve" })));
    let by_claim = policy(&scope, "subject_by: sub");
    let others = [
        (give(&by_claim, &ada, 0), json!("ada")),
        (give(&by_claim, &eve, 0), json!("eve")),
        (give(&by_claim, &ada, 1), json!("ada")),
    ];
    for (token, subject) in &others {
        assert_eq!(read(token, 1).unwrap()["sub"], *subject);
    }
    assert_eq!(others[0].0, others[2].0);
    let anonymous = give(&usual, &Principal { is_anonymous: true, ..shop(&scope) }, 30);
    assert_eq!(read(&anonymous, 30).unwrap()["anonymous"], true);
    // A change counts at once.
    put(&scope, &["silver"]);
    let changed = give(&usual, &shop(&scope), 31);
    assert_eq!(read(&changed, 31).unwrap()["groups"], json!(["silver"]));
    // With its own token for each request, each is called as the request is.
    let each = policy(&scope, "reuse: off");
    let mut one = asked(&shop(&scope), 0, "");
    one.trail.id = [b'a'; 32];
    let token = told(&each, &mut one, field);
    assert_eq!(read(&token, 0).unwrap()["jti"], "a".repeat(32));
    assert_ne!(give(&each, &shop(&scope), 0), token);
}

#[test]
fn what_is_kept_is_bounded_and_holds_what_it_is_about() {
    let scope = scope();
    let policy = policy(&scope, "subject_by: sub");
    for number in 0..2000 {
        // Each of these goes at once, and the next one may lie in its place.
        let principal = claiming(&json!({ "sub": number.to_string() }));
        let token = told(&policy, &mut asked(&principal, 0, ""), "x-identity-token");
        assert_eq!(read(&token, 0).unwrap()["sub"], number.to_string());
    }
}

#[test]
fn what_cannot_be_is_told_with_its_place() {
    let scope = scope();
    let with = |more: &str| format!("{{ {USUAL}, {more} }}");
    for (config, path, words) in [
        ("{}".to_owned(), "config", "keys"),
        (
            "{ keys: gatewy, issuer: a, audiences: [b] }".to_owned(),
            "config.keys",
            "no signing keys `gatewy`",
        ),
        ("{ keys: gateway, issuer: '', audiences: [b] }".to_owned(), "config.issuer", "who signs"),
        ("{ keys: gateway, issuer: a, audiences: [] }".to_owned(), "config.audiences", "1 to 32"),
        (
            "{ keys: gateway, issuer: a, audiences: [''] }".to_owned(),
            "config.audiences[0]",
            "nobody",
        ),
        (with("field: 'a b'"), "config.field", "no name"),
        (with("field: Host"), "config.field", "belongs to HTTP"),
        (with("field: X-Consumer-Username"), "config.field", "gateway"),
        (with("field: X_Identity"), "config.field", "belongs"),
        (with("field: Cookie"), "config.field", "belongs to HTTP"),
        (with("subject_by: a..b"), "config.subject_by", "no claim"),
        (with("lifetime: off"), "config.lifetime", "2s to 1h"),
        (with("lifetime: 1s"), "config.lifetime", "2s to 1h"),
        (with("lifetime: 2h"), "config.lifetime", "2s to 1h"),
        (with("lifetime: 1500ms"), "config.lifetime", "2s to 1h"),
        (with("reuse: 60s"), "config.reuse", "over"),
        (with("reuse: 500ms"), "config.reuse", "over"),
        (with("claims: { sub: email }"), "config.claims.sub", "says that itself"),
        (with("claims: { mail: '' }"), "config.claims.mail", "no claim"),
        (with("extra: 1"), "config", "unknown key `extra`"),
    ] {
        let report = compile_in::<Config>(&config, &scope).map(|_| ()).unwrap_err();
        let found = report
            .problems()
            .iter()
            .any(|problem| problem.path.starts_with(path) && problem.message.contains(words));
        assert!(found, "{config}: {report}");
    }
}
