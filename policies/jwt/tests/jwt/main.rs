//! What `jwt` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod attacks;
mod configs;

use std::sync::Arc;

use serde_json::{Value, json};
use yumen_directory::{Change, Entry, Material, Pepper, Proof, Stated};
use yumen_jose::{Algorithms, SigningKey, stated};
use yumen_policy::testing::{compile_in, exchange, now};
use yumen_policy::{Exchange, FailureKind, Policy, Scope, Verdict};
use yumen_policy_jwt::Config;

const NOW: u64 = 1_700_000_000;
const SECRET: &str = "a secret of the issuer with at least 32 bytes";
const SHOP: &str = "a secret of the shop with at least 32 bytes";

/// `ada` and `shop` (external id 4711, with a token key), `gone` who is disabled, with a key too, and
/// two who are called the same elsewhere.
fn scope() -> Scope {
    let scope = Scope::default();
    put(&scope, SHOP, Some(NOW + 1000));
    scope
}

fn put(scope: &Scope, secret: &str, expires: Option<u64>) {
    let pepper = Pepper::new("");
    let key = |name: &str, secret: &str, expires| Stated {
        proof: Proof::TokenKey,
        digest: pepper.digest(Proof::TokenKey, name.as_bytes()),
        label: None,
        expires,
        material: Material::Secret(stated(Algorithms::NONE, secret).into()),
    };
    let entry = |name: &str, external: Option<&str>, is_disabled, credentials| Entry {
        name: name.into(),
        external_id: external.map(Box::from),
        groups: Box::default(),
        tags: Box::default(),
        is_disabled,
        credentials,
    };
    let put = vec![
        entry("ada", None, false, Vec::new()),
        entry("shop", Some("4711"), false, vec![key("https://shop", secret, expires)]),
        entry("gone", None, true, vec![key("https://gone", SHOP, None)]),
        entry("twin1", Some("42"), false, Vec::new()),
        entry("twin2", Some("42"), false, Vec::new()),
    ];
    scope
        .directory
        .change(&pepper, vec![Change { put, whole: true, ..Change::default() }])
        .unwrap();
}

fn policy(config: &str, scope: &Scope) -> Arc<dyn Policy> {
    compile_in::<Config>(config, scope).unwrap_or_else(|report| panic!("{config}: {report}"))
}

fn simple(more: &str) -> String {
    format!("{{ keys: ['{SECRET}'], {more} }}")
}

fn signed(secret: &str, claims: &Value) -> String {
    let signer = SigningKey::from_secret(secret.as_bytes()).unwrap();
    signer.sign(claims.as_object().unwrap().clone(), None, NOW, 60).unwrap()
}

fn ada() -> String {
    signed(SECRET, &json!({ "sub": "ada" }))
}

fn asked(fields: &str) -> Exchange {
    let mut exchange = exchange(&format!("GET / HTTP/1.1\nHost: x\n{fields}"));
    exchange.now = NOW;
    exchange
}

fn bearer(token: &str) -> Exchange {
    asked(&format!("Authorization: Bearer {token}"))
}

/// The consumer's name or `nobody`, `?` if there is no token, else why it is refused.
fn verdict(policy: &Arc<dyn Policy>, exchange: &mut Exchange) -> String {
    policy.clear(exchange.request.head.fields_mut());
    match now(policy.on_request(exchange)) {
        Verdict::Next => {
            let principal = exchange.principal.as_ref().unwrap();
            assert!(!principal.is_anonymous && principal.by == "jwt" && principal.claims.is_some());
            let consumer = principal.consumer.as_ref();
            consumer.map_or_else(|| "nobody".to_owned(), |one| one.name.to_string())
        }
        Verdict::Unknown(challenge) => {
            assert_eq!(&*challenge.0, r#"Bearer realm="yumen""#);
            "?".to_owned()
        }
        Verdict::Fail(failure) => {
            assert!(exchange.principal.is_none());
            assert_eq!(failure.kind(), FailureKind::Unauthenticated, "{failure}");
            assert_eq!(failure.sentence(), "The token is not good.", "the client learns no reason");
            let cause = failure.cause().unwrap().to_owned();
            let error = if cause.contains("several") { "invalid_request" } else { "invalid_token" };
            let challenge = format!("Bearer realm=\"yumen\", error=\"{error}\"");
            let challenges: Vec<_> = failure.challenges().iter().map(|one| &*one.0).collect();
            assert_eq!(challenges, [challenge]);
            cause
        }
        other @ (Verdict::Answer(_) | Verdict::Report(_)) => panic!("{other:?}"),
    }
}

#[test]
fn tokens_are_looked_for_where_it_is_said() {
    let scope = scope();
    let token = ada();
    let places = policy(&simple("headers: [X-Token], query: [token], cookies: [token]"), &scope);
    let usual = policy(&simple(""), &scope);
    let ask = |policy: &Arc<dyn Policy>, target: &str, fields: &str| {
        let mut exchange = exchange(&format!("GET {target} HTTP/1.1\nHost: x\n{fields}"));
        exchange.now = NOW;
        verdict(policy, &mut exchange)
    };
    let several = "the request brings several tokens";
    for (target, fields, expect) in [
        ("/", format!("Authorization: Bearer {token}"), "ada"),
        ("/", format!("authorization: bEARER   {token}"), "ada"),
        ("/", format!("X-Token: {token}"), "ada"),
        ("/", format!("Cookie: a=b; token={token}"), "ada"),
        (&*format!("/?token={token}"), String::new(), "ada"),
        ("/", format!("Authorization: Basic {token}"), "?"),
        ("/", format!("Authorization: {token}"), "?"),
        ("/", String::new(), "?"),
        ("/", format!("Authorization: Bearer {token}\nX-Token: {token}"), several),
        ("/", format!("Authorization: Bearer {token}\nAuthorization: Bearer {token}"), several),
        ("/", format!("Authorization: Basic YTpi\nAuthorization: Bearer {token}"), several),
        ("/", format!("Cookie: token={token}; token={token}"), several),
        ("/", "Authorization: Bearer \u{e9}".to_owned(), "the token has not three parts"),
    ] {
        assert_eq!(ask(&places, target, &fields), expect, "{target} {fields}");
    }
    let in_query = format!("/?token={token}&access_token={token}");
    assert_eq!(ask(&usual, &in_query, &format!("X-Token: {token}\nCookie: token={token}")), "?");
    assert_eq!(ask(&usual, &in_query, &format!("Authorization: Bearer {token}")), "ada");
}

#[test]
fn what_is_stripped_is_not_seen_by_the_service() {
    let config = simple("headers: [X-Token], query: [token], strip: true");
    let policy = policy(&config, &scope());
    let mut exchange =
        exchange(&format!("GET /?a=1&token={} HTTP/1.1\nHost: x\nAuthorization: Basic x", ada()));
    exchange.now = NOW;
    assert_eq!(verdict(&policy, &mut exchange), "ada");
    assert_eq!(exchange.request.head.query(), Some("a=1"));
    assert!(exchange.request.head.fields().first("authorization").is_some(), "not a token's");
    let mut exchange = bearer(&ada());
    assert_eq!(verdict(&policy, &mut exchange), "ada");
    assert!(exchange.request.head.fields().first("authorization").is_none());
}

#[test]
fn a_claim_says_which_consumer_it_is() {
    let scope = scope();
    let unknown = "the token names no consumer that is known";
    let disabled = "the consumer that the token names is disabled";
    for (config, claims, expect) in [
        ("", json!({ "sub": "shop" }), "shop"),
        ("", json!({ "sub": "eve" }), unknown),
        ("", json!({}), unknown),
        ("", json!({ "sub": "gone" }), disabled),
        ("unknown_consumer: let_in", json!({ "sub": "gone" }), disabled),
        ("unknown_consumer: let_in", json!({ "sub": "eve" }), "nobody"),
        ("unknown_consumer: let_in", json!({}), "nobody"),
        ("unknown_consumer: let_in, consumer_by: null", json!({ "sub": "ada" }), "nobody"),
        ("consumer_by: azp", json!({ "sub": "ada", "azp": "shop" }), "shop"),
        ("consumer_by: azp", json!({ "azp": ["shop"] }), unknown),
        ("consumer_id: external_id", json!({ "sub": "4711" }), "shop"),
        ("consumer_id: external_id", json!({ "sub": "shop" }), unknown),
        ("consumer_id: external_id", json!({ "sub": "42" }), unknown),
    ] {
        let policy = policy(&simple(config), &scope);
        // The second time it is remembered.
        for time in 0..2 {
            let token = signed(SECRET, &claims);
            assert_eq!(verdict(&policy, &mut bearer(&token)), expect, "{config} {claims} {time}");
        }
    }
}

#[test]
fn claims_are_told_and_nobody_else_says_them() {
    let config = "unknown_consumer: let_in, claims_to_headers: { X-Email: email, X-Roles: roles, X-Level: level }";
    let policy = policy(&simple(config), &scope());
    let spoofed = "x-email: root@x\nX-EMAIL: 2\nX-Roles: admin\nX-Level: 9\nX-Other: kept";
    let all = ["x-email", "x-roles", "x-level", "x-other"];
    let told = |exchange: &Exchange| {
        let fields = exchange.request.head.fields();
        all.map(|name| {
            let values: Vec<_> = fields.all(name).map(|one| String::from_utf8_lossy(one)).collect();
            values.join("|")
        })
    };
    for (claims, expect) in [
        (
            json!({ "email": "ada@x", "roles": ["a", "b"], "level": 3 }),
            ["ada@x", "a,b", "3", "kept"],
        ),
        (json!({ "roles": ["a,admin"], "email": "a\r\nX-Admin: 1" }), ["", "", "", "kept"]),
        (json!({}), ["", "", "", "kept"]),
    ] {
        let token = signed(SECRET, &claims);
        for _ in 0..2 {
            let mut exchange = asked(&format!("{spoofed}\nAuthorization: Bearer {token}"));
            assert_eq!(verdict(&policy, &mut exchange), "nobody");
            assert_eq!(told(&exchange), expect, "{claims}");
        }
    }
    // Somebody else may find out who calls.
    let mut exchange = asked(spoofed);
    assert_eq!(verdict(&policy, &mut exchange), "?");
    assert_eq!(told(&exchange), ["", "", "", "kept"]);
}

#[test]
fn consumers_sign_with_keys_of_their_own() {
    let scope = scope();
    let policy = policy("{ consumer_keys: true }", &scope);
    let by_kid = policy_by_kid(&scope);
    let shop = json!({ "iss": "https://shop", "sub": "ada" });
    let unknown = "no key fits the token";
    for (secret, claims, expect) in [
        (SHOP, shop.clone(), "shop"),
        (SECRET, shop.clone(), "the signature of the token is wrong"),
        (SHOP, json!({ "iss": "https://shop/" }), unknown),
        (SHOP, json!({ "iss": ["https://shop"] }), unknown),
        (SHOP, json!({ "sub": "shop" }), unknown),
        (
            SHOP,
            json!({ "iss": "https://gone" }),
            "the key has expired, or its consumer is disabled",
        ),
    ] {
        let token = signed(secret, &claims);
        for time in 0..2 {
            assert_eq!(verdict(&policy, &mut bearer(&token)), expect, "{claims} {time}");
        }
    }
    let signer =
        SigningKey::from_secret(SHOP.as_bytes()).unwrap().with_kid("https://shop").unwrap();
    let named = signer.sign(json!({}).as_object().unwrap().clone(), None, NOW, 60).unwrap();
    assert_eq!(verdict(&by_kid, &mut bearer(&named)), "shop");
    let other = SigningKey::from_secret(SECRET.as_bytes()).unwrap().with_kid("other").unwrap();
    let other = other.sign(shop.as_object().unwrap().clone(), None, NOW, 60).unwrap();
    let wrong = "the signature of the token is wrong";
    assert_eq!(verdict(&policy, &mut bearer(&other)), wrong, "it is found by `iss`");
    assert_eq!(verdict(&policy, &mut bearer(&named)), unknown);

    // It counts at once when a key changes, also of a token that is remembered.
    let token = signed(SHOP, &shop);
    assert_eq!(verdict(&policy, &mut bearer(&token)), "shop");
    put(&scope, SHOP, Some(NOW));
    assert_eq!(
        verdict(&policy, &mut bearer(&token)),
        "the key has expired, or its consumer is disabled"
    );
    put(&scope, SECRET, None);
    assert_eq!(verdict(&policy, &mut bearer(&token)), "the signature of the token is wrong");
    put(&scope, SHOP, None);
    assert_eq!(verdict(&policy, &mut bearer(&token)), "shop");
    scope
        .directory
        .change(&Pepper::new(""), vec![Change { whole: true, ..Change::default() }])
        .unwrap();
    assert_eq!(verdict(&policy, &mut bearer(&token)), unknown);
}

fn policy_by_kid(scope: &Scope) -> Arc<dyn Policy> {
    policy("{ consumer_keys: true, consumer_key_by: kid }", scope)
}

#[test]
fn a_consumer_that_goes_is_refused_at_once() {
    let scope = scope();
    let policy = policy(&simple(""), &scope);
    let token = ada();
    assert_eq!(verdict(&policy, &mut bearer(&token)), "ada");
    scope
        .directory
        .change(&Pepper::new(""), vec![Change { whole: true, ..Change::default() }])
        .unwrap();
    assert_eq!(verdict(&policy, &mut bearer(&token)), "the token names no consumer that is known");
}

#[test]
fn a_remembered_token_ends_when_it_ends() {
    let policy = policy(&simple("skew: off"), &scope());
    let token = ada();
    for (later, expect) in [(0, "ada"), (59, "ada"), (60, "the token is over"), (1, "ada")] {
        let mut exchange = bearer(&token);
        exchange.now = NOW + later;
        assert_eq!(verdict(&policy, &mut exchange), expect, "{later}");
    }
    let mut early = bearer(&token);
    early.now = NOW - 1;
    assert_eq!(verdict(&policy, &mut early), "the token was issued later than now");
    // Another token is another token, however much alike they are.
    let (front, _) = token.rsplit_once('.').unwrap();
    let other = signed(SECRET, &json!({ "sub": "shop" }));
    let (_, signature) = other.rsplit_once('.').unwrap();
    let mut forged = bearer(&format!("{front}.{signature}"));
    assert_eq!(verdict(&policy, &mut forged), "the signature of the token is wrong");
}

#[test]
fn what_a_token_has_to_be_is_asked_for() {
    let scope = scope();
    let claim = "a claim of the token is not one of those that it may be";
    for (config, claims, expect) in [
        ("issuers: [a, b]", json!({ "iss": "b" }), "ada"),
        ("issuers: [a, b]", json!({ "iss": "bb" }), "the token is of another issuer"),
        ("audiences: [shop]", json!({ "aud": ["x", "shop"] }), "ada"),
        ("audiences: [shop]", json!({ "aud": "shopping" }), "the token is for another audience"),
        ("required: [email]", json!({ "email": "x" }), "ada"),
        ("required: [email]", json!({ "email": null }), "a claim is missing in the token"),
        ("claims: { role: [a, b] }", json!({ "role": "b" }), "ada"),
        ("claims: { role: [a, b] }", json!({ "role": ["x", "b"] }), "ada"),
        ("claims: { role: [a, b] }", json!({ "role": "ab" }), claim),
        ("claims: { role: [a, b] }", json!({ "role": { "a": 1 } }), claim),
        ("claims: { role: [a, b] }", json!({}), claim),
        ("claims: { level: ['1'], good: ['true'] }", json!({ "level": 1, "good": true }), "ada"),
        ("claims: { level: ['1'], good: ['true'] }", json!({ "level": 1, "good": false }), claim),
        ("typ: at+jwt", json!({}), "the token is of another type"),
        ("typ: JWT", json!({}), "ada"),
        ("lifetime_max: 59s", json!({}), "the token is good for too long"),
        ("lifetime_max: 60s", json!({}), "ada"),
        ("algorithms: [HS512]", json!({}), "the token is signed in a way that its key is not for"),
    ] {
        let mut claims = claims;
        claims["sub"] = "ada".into();
        let policy = policy(&simple(config), &scope);
        let token = signed(SECRET, &claims);
        assert_eq!(verdict(&policy, &mut bearer(&token)), expect, "{config} {claims}");
    }
}

#[test]
fn without_a_key_set_nobody_can_be_told_apart() {
    let policy = policy("{ jwks_url: 'http://127.0.0.1:1/jwks.json' }", &scope());
    match now(policy.on_request(&mut bearer(&ada()))) {
        Verdict::Fail(failure) => assert_eq!(failure.kind(), FailureKind::IdentityBusy),
        other => panic!("{other:?}"),
    }
    // What is no token needs no keys to be refused.
    assert_eq!(verdict(&policy, &mut bearer("a.b")), "the token has not three parts");
}
