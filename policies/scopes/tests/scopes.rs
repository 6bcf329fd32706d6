//! What `scopes` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::Arc;

use serde_json::{Value, json};
use yumen_policy::testing::{compile, exchange, now};
use yumen_policy::{Exchange, FailureKind, Policy, Principal, Verdict};
use yumen_policy_scopes::Config;

fn policy(config: &str) -> Arc<dyn Policy> {
    compile::<Config>(config).unwrap_or_else(|report| panic!("{config}: {report}"))
}

/// Somebody who brings a token that claims this, or is known in another way.
fn asked(claims: Option<Value>) -> Exchange {
    let mut exchange = exchange("GET / HTTP/1.1\nHost: x");
    exchange.principal = Some(Box::new(match claims {
        Some(claims) => {
            Principal::claiming(Arc::new(claims.as_object().unwrap().clone()), None, "jwt")
        }
        None => Principal::anonymous(None, "anonymous"),
    }));
    exchange
}

/// The challenge that a request is refused with, and why; `None` if it is let in.
fn verdict(policy: &Arc<dyn Policy>, exchange: &mut Exchange) -> Option<(String, String)> {
    match now(policy.on_request(exchange)) {
        Verdict::Next => None,
        Verdict::Fail(failure) => {
            assert_eq!(failure.kind(), FailureKind::Forbidden);
            assert_eq!(failure.sentence(), "The token is not good for this.");
            let [challenge] = failure.challenges() else { panic!("{failure}") };
            Some((challenge.0.to_string(), failure.cause().unwrap().to_owned()))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_needs_the_scopes() {
    let both = "all_of: [a, b]";
    let one = "any_of: [a, b]";
    for (config, claims, is_let_in) in [
        (both, json!({ "scope": "b c a" }), true),
        (both, json!({ "scope": ["a", "b"] }), true),
        (both, json!({ "scp": "a b" }), true),
        (both, json!({ "scp": ["a", "b"] }), true),
        (both, json!({ "scope": "a" }), false),
        (both, json!({ "scope": "ab" }), false),
        (both, json!({ "scope": "a,b" }), false),
        (both, json!({ "scope": ["a b"] }), false),
        (both, json!({ "scope": "A B" }), false),
        (both, json!({ "scope": { "a": 1, "b": 1 } }), false),
        (both, json!({ "scope": null, "scp": "a b" }), false),
        (both, json!({ "scope": "a", "scp": "b" }), false),
        (both, json!({ "scope": "a", "scp": "a b" }), false),
        (both, json!({}), false),
        (one, json!({ "scope": "x b" }), true),
        (one, json!({ "scope": "x" }), false),
        (one, json!({}), false),
        ("{ all_of: [a], any_of: [b, c] }", json!({ "scope": "a c" }), true),
        ("{ all_of: [a], any_of: [b, c] }", json!({ "scope": "b c" }), false),
        ("{ all_of: [a], any_of: [b, c] }", json!({ "scope": "a" }), false),
        ("{ all_of: [a], claim: roles }", json!({ "scope": "a" }), false),
        ("{ all_of: [a], claim: roles }", json!({ "roles": ["a"] }), true),
        ("{ all_of: [a], claim: realm.roles }", json!({ "realm": { "roles": ["a"] } }), true),
        ("{ all_of: [a], claim: realm.roles }", json!({ "realm.roles": ["a"] }), false),
        (
            "{ all_of: [a], claim: 'https://x.y/roles' }",
            json!({ "https://x.y/roles": ["a"] }),
            true,
        ),
    ] {
        let refused = verdict(&policy(config), &mut asked(Some(claims.clone())));
        assert_eq!(refused.is_none(), is_let_in, "{config} {claims}: {refused:?}");
    }
    assert!(verdict(&policy(both), &mut asked(None)).is_some(), "without a token there are none");
}

#[test]
fn claims_need_their_values() {
    let all = "claims: [{ claim: tenant, any_of: [north, south] }, { claim: realm.roles, all_of: [admin] }, { claim: level, any_of: ['3'] }]";
    let good = json!({ "tenant": "north", "realm": { "roles": ["x", "admin"] }, "level": 3 });
    let policy = policy(all);
    assert_eq!(verdict(&policy, &mut asked(Some(good.clone()))), None);
    for (claim, value) in [
        ("tenant", json!("west")),
        ("tenant", json!(["northern"])),
        ("realm", json!({ "roles": ["admins"] })),
        ("realm", json!({ "roles": [["admin"]] })),
        ("realm", json!("admin")),
        ("level", json!(30)),
        ("level", json!(null)),
    ] {
        let mut claims = good.clone();
        claims[claim] = value;
        let (challenge, why) = verdict(&policy, &mut asked(Some(claims))).unwrap();
        assert_eq!(challenge, r#"Bearer realm="yumen", error="insufficient_scope""#);
        assert!(why.contains(&format!("`{claim}")), "{why}");
    }
    assert!(verdict(&policy, &mut asked(None)).is_some());
}

#[test]
fn the_client_is_told_which_scopes_are_enough() {
    let front = "error=\"insufficient_scope\"";
    for (config, expect) in [
        ("all_of: [a, b]", format!("Bearer realm=\"yumen\", {front}, scope=\"a b\"")),
        ("any_of: [a, b]", format!("Bearer realm=\"yumen\", {front}, scope=\"a\"")),
        (
            "{ all_of: [a], any_of: [b, c] }",
            format!("Bearer realm=\"yumen\", {front}, scope=\"a b\""),
        ),
        (
            "{ all_of: [a], realm: orders }",
            format!("Bearer realm=\"orders\", {front}, scope=\"a\""),
        ),
    ] {
        let (challenge, why) = verdict(&policy(config), &mut asked(Some(json!({})))).unwrap();
        assert_eq!(challenge, expect);
        assert_eq!(why, "the token has not the scopes");
    }
}

#[test]
fn what_cannot_be_is_told_with_its_place() {
    let many = format!("any_of: [{}]", vec!["a"; 101].join(", "));
    let conditions = format!("claims: [{}]", vec!["{ claim: a, any_of: [b] }"; 33].join(", "));
    for (config, path, words) in [
        ("{}", "config", "nothing is wanted"),
        ("all_of: ['']", "config.all_of[0]", "empty"),
        ("all_of: [a, 'b c']", "config.all_of[1]", "no scope"),
        ("any_of: ['b\"c']", "config.any_of[0]", "no scope"),
        (&*many, "config.any_of", "more than 100"),
        (&*conditions, "config.claims", "more than 32"),
        ("{ all_of: [a], claim: '' }", "config.claim", "no claim"),
        ("{ all_of: [a], claim: a..b }", "config.claim", "no claim"),
        ("claims: [{ claim: a }]", "config.claims[0]", "nothing is wanted"),
        ("claims: [{ claim: a., any_of: [b] }]", "config.claims[0].claim", "no claim"),
        ("claims: [{ claim: a, any_of: [''] }]", "config.claims[0].any_of[0]", "empty"),
        ("{ all_of: [a], realm: \"a\\r\\nb\" }", "config.realm", "realm"),
        ("{ all_of: [a], extra: 1 }", "config", "unknown key `extra`"),
    ] {
        let report = compile::<Config>(config).map(|_| ()).unwrap_err();
        let found = report
            .problems()
            .iter()
            .any(|problem| problem.path.starts_with(path) && problem.message.contains(words));
        assert!(found, "{config}: {report}");
    }
}
