//! What `rules` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::Arc;

use yumen_policy::testing::{compile, exchange, now};
use yumen_policy::{Consumer, Exchange, FailureKind, Policy, Principal, Verdict};
use yumen_policy_rules::Config;

fn asked(head: &str) -> Exchange {
    let mut consumer = Consumer::named("ann");
    consumer.groups = ["gold".into(), "eu".into()].into();
    consumer.external_id = Some("4711".into());
    let mut exchange = exchange(head);
    exchange.principal = Some(Box::new(Principal::anonymous(Some(Arc::new(consumer)), "test")));
    // 2026-11-29T12:00:00Z
    exchange.now = 1_795_953_600;
    exchange
}

/// Nothing, or what the client is told.
fn verdict(policy: &Arc<dyn Policy>, exchange: &mut Exchange) -> Option<String> {
    match now(policy.on_request(exchange)) {
        Verdict::Next => None,
        Verdict::Fail(failure) => {
            assert_eq!(failure.kind(), FailureKind::Forbidden);
            assert!(failure.cause().is_some());
            Some(failure.sentence().to_owned())
        }
        other => panic!("{other:?}"),
    }
}

const HEAD: &str =
    "POST /a/b?x=1&y=a%20b&x2=2 HTTP/1.1\nHost: shop.example\nX-Plan: gold\nX-Two: a\nX-Two: b";

#[test]
fn names_say_what_there_is() {
    for when in [
        r#"consumer.name == "ann" && consumer.external_id == "4711" && consumer.groups == ["gold", "eu"]"#,
        r#""gold" in consumer.groups && !("silver" in consumer.groups) && consumer.tags.size() == 0"#,
        r#"is_anonymous && identified_by == "test" && credential == """#,
        r#"request.method == "POST" && request.host == "shop.example" && request.path == "/a/b""#,
        r#"request.query == "x=1&y=a%20b&x2=2" && request.protocol == "HTTP/1.1" && request.scheme == "http""#,
        r#"request.headers["x-plan"] == "gold" && "X-PLAN" in request.headers && !("x-none" in request.headers)"#,
        r#"request.parameters["y"] == "a b" && request.parameters["x"] == "1""#,
        r#"client.address == ip("192.0.2.1") && tls.version == "" && tls.client_subject == """#,
        r#"time > timestamp("2026-11-29T11:59:59Z") && time < timestamp("2026-11-29T12:00:01Z")"#,
    ] {
        let policy = compile::<Config>(&format!("allow: [{{ when: '{when}' }}]"));
        let policy = policy.unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(verdict(&policy, &mut asked(HEAD)), None, "{when}");
    }
}

#[test]
fn claims_of_a_token_are_asked() {
    let claims = serde_json::json!({
        "scope": "orders:read orders:write", "roles": ["admin", 7], "level": 3, "share": 0.5,
        "realm": { "deep": { "yes": true } }, "nothing": null,
    });
    let claims = Arc::new(claims.as_object().unwrap().clone());
    for (when, holds) in [
        (r#""orders:write" in claims["scope"].split(" ")"#, true),
        (r#""write" in claims["scope"].split(" ")"#, false),
        (r#""admin" in claims["roles"] && 7 in claims["roles"]"#, true),
        (r#"claims["level"] >= 3 && claims["share"] == 0.5 && claims["nothing"] == null"#, true),
        (r#"claims["realm"]["deep"]["yes"]"#, true),
        (r#""nothing" in claims && !("none" in claims)"#, true),
        // What is not there, or of another type, lets nobody in.
        (r#"claims["none"] == 1"#, false),
        (r#"claims["scope"] > 3"#, false),
    ] {
        let policy = compile::<Config>(&format!("allow: [{{ when: '{when}' }}]"));
        let policy = policy.unwrap_or_else(|report| panic!("{report}"));
        let mut exchange = exchange(HEAD);
        let principal = Principal::claiming(Arc::clone(&claims), None, "jwt");
        exchange.principal = Some(Box::new(principal));
        assert_eq!(verdict(&policy, &mut exchange).is_none(), holds, "{when}");
        let mut without = asked(HEAD);
        assert!(!holds || verdict(&policy, &mut without).is_some(), "{when}");
    }
}

#[test]
fn what_is_denied_or_not_allowed_is_refused() {
    const USUAL: &str = "The request is not allowed.";
    for (yaml, expect) in [
        ("deny: [{ when: 'false' }]", None),
        ("deny: [{ when: 'true' }]", Some(USUAL)),
        ("deny: [{ when: 'true', message: Not today. }]", Some("Not today.")),
        ("{deny: [{ when: 'true' }], allow: [{ when: 'true' }]}", Some(USUAL)),
        ("{deny: [{ when: 'false' }], allow: [{ when: 'false' }, { when: 'true' }]}", None),
        ("allow: [{ when: 'false' }]", Some(USUAL)),
        // What cannot be said refuses.
        ("deny: [{ when: 'request.headers[\"x-none\"] == \"a\"' }]", Some(USUAL)),
        ("allow: [{ when: 'request.headers[\"x-none\"] == \"a\"' }]", Some(USUAL)),
        ("deny: [{ when: '1 / (int(request.parameters[\"x\"]) - 1) == 0' }]", Some(USUAL)),
    ] {
        let policy = compile::<Config>(yaml).unwrap_or_else(|report| panic!("{yaml}: {report}"));
        assert_eq!(verdict(&policy, &mut asked(HEAD)).as_deref(), expect, "{yaml}");
    }
}

#[test]
fn what_came_several_times_deceives_nobody() {
    const TOLD: &str = "A header field or parameter came several times.";
    let twice = "GET /?a=1&a=2&b=1 HTTP/1.1\nHost: x\nX-Two: a\nX-Two: b\nX-One: 1";
    for (yaml, expect) in [
        ("deny: [{ when: 'request.headers[\"x-two\"] == \"b\"' }]", Some(TOLD)),
        ("deny: [{ when: '\"x-two\" in request.headers' }]", Some(TOLD)),
        ("allow: [{ when: 'request.headers[\"X-TWO\"] == \"a\"' }]", Some(TOLD)),
        ("allow: [{ when: 'request.parameters[\"a\"] == \"1\"' }]", Some(TOLD)),
        ("allow: [{ when: 'request.parameters[\"b\"] == \"1\"' }]", None),
        ("deny: [{ when: 'request.headers[\"x-one\"] == \"2\"' }]", None),
    ] {
        let policy = compile::<Config>(yaml).unwrap();
        assert_eq!(verdict(&policy, &mut asked(twice)).as_deref(), expect, "{yaml}");
    }
}

#[test]
fn parameters_of_a_path_lead_around_no_rule() {
    let deny = r#"deny: [{ when: 'request.path.startsWith("/admin/")', message: No. }]"#;
    let allow = r#"allow: [{ when: 'request.path.startsWith("/open/")' }]"#;
    for (yaml, path, passes) in [
        (deny, "/admin/x", false),
        (deny, "/admin;a=1/x", false),
        (deny, "/;a/admin/x", false),
        (deny, "/x;a=1/y", true),
        (allow, "/open/x;a", true),
        (allow, "/open;a/x", false),
    ] {
        let policy = compile::<Config>(yaml).unwrap();
        let head = format!("GET {path} HTTP/1.1\nHost: x");
        assert_eq!(verdict(&policy, &mut asked(&head)).is_none(), passes, "{path}");
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (yaml, path) in [
        ("{}", "config"),
        ("deny: [{ when: 'request.methd == \"GET\"' }]", "config.deny[0].when"),
        ("allow: [{ when: 'true' }, { when: 'consumer.name' }]", "config.allow[1].when"),
        ("allow: [{ when: 'true', message: x }]", "config.allow[0].message"),
        ("deny: [{ when: '(' }]", "config.deny[0].when"),
    ] {
        let report = compile::<Config>(yaml).unwrap_err();
        assert!(report.problems().iter().all(|one| one.path == path), "{yaml}: {report}");
    }
    // An expression that would take too long is none.
    let long = format!("allow: [{{ when: '{}' }}]", "true && ".repeat(20_000) + "true");
    assert!(compile::<Config>(&long).is_err());
}
