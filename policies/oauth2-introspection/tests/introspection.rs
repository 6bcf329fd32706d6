//! What `oauth2-introspection` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yumen_directory::{Change, Entry, Pepper};
use yumen_e2e::Backend;
use yumen_e2e::backend::{self, ok, raw};
use yumen_policy::testing::{compile_in, exchange};
use yumen_policy::{Exchange, FailureKind, Policy, Scope, Step, Verdict};
use yumen_policy_oauth2_introspection::Config;

const NOW: u64 = 1_700_000_000;

/// `ada` and `shop` (external id 4711), and `gone` who is disabled.
fn scope() -> Scope {
    let scope = Scope::default();
    let entry = |name: &str, external: Option<&str>, is_disabled| Entry {
        name: name.into(),
        external_id: external.map(Box::from),
        groups: Box::default(),
        tags: Box::default(),
        is_disabled,
        credentials: Vec::new(),
    };
    let put = vec![
        entry("ada", None, false),
        entry("shop", Some("4711"), false),
        entry("gone", None, true),
    ];
    scope.directory.change(&Pepper::new(""), vec![Change { put, ..Change::default() }]).unwrap();
    scope
}

/// A server that is asked, and does what it is told at the moment.
struct Asked {
    server: Backend,
    does: Arc<Mutex<Vec<backend::Step>>>,
    count: Arc<AtomicUsize>,
}

impl Asked {
    fn saying(answer: &Value) -> Self {
        let does = Arc::new(Mutex::new(vec![ok(&answer.to_string())]));
        let count = Arc::new(AtomicUsize::new(0));
        let (steps, number) = (Arc::clone(&does), Arc::clone(&count));
        let server = Backend::start(move |_| {
            number.fetch_add(1, Ordering::Relaxed);
            steps.lock().unwrap().clone()
        });
        Self { server, does, count }
    }

    fn now(&self, steps: Vec<backend::Step>) {
        *self.does.lock().unwrap() = steps;
    }

    fn says(&self, answer: &Value) {
        self.now(vec![ok(&answer.to_string())]);
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn policy(&self, more: &str) -> Arc<dyn Policy> {
        self.policy_as("client: { id: gateway, secret: s3cret }", more)
    }

    fn policy_as(&self, who: &str, more: &str) -> Arc<dyn Policy> {
        let endpoint = format!("http://{}/introspect?tenant=1", self.server.authority());
        let config = format!("{{ endpoint: '{endpoint}', {who}, {more} }}");
        compile_in::<Config>(&config, &scope())
            .unwrap_or_else(|report| panic!("{config}: {report}"))
    }
}

fn asked(fields: &str, later: u64) -> Exchange {
    let mut exchange = exchange(&format!("GET / HTTP/1.1\nHost: x\n{fields}"));
    exchange.now = NOW + later;
    exchange
}

/// The consumer's name or `nobody`, `?` if there is no token, else why it is refused.
fn verdict(policy: &Arc<dyn Policy>, exchange: &mut Exchange) -> String {
    policy.clear(exchange.request.head.fields_mut());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let verdict = match policy.on_request(exchange) {
        Step::Now(verdict) => verdict,
        Step::Later(verdict) => runtime.block_on(verdict),
    };
    let failure = match verdict {
        Verdict::Next => {
            let principal = exchange.principal.as_ref().unwrap();
            assert!(!principal.is_anonymous && principal.by == "oauth2-introspection");
            assert_eq!(principal.claims.as_ref().unwrap()["active"], true);
            return principal.consumer.as_ref().map_or("nobody", |one| &one.name).to_owned();
        }
        Verdict::Unknown(challenge) => {
            assert_eq!(&*challenge.0, r#"Bearer realm="yumen""#);
            return "?".to_owned();
        }
        Verdict::Fail(failure) => failure,
        Verdict::Answer(_) | Verdict::Report(_) => panic!("it answers nothing"),
    };
    assert!(exchange.principal.is_none());
    let cause = failure.cause().unwrap().to_owned();
    let challenges: Vec<_> = failure.challenges().iter().map(|one| &*one.0).collect();
    match failure.kind() {
        FailureKind::Unauthenticated => {
            assert_eq!(failure.sentence(), "The token is not good.", "the client learns no reason");
            let error = if cause.contains("several") { "invalid_request" } else { "invalid_token" };
            assert_eq!(challenges, [format!("Bearer realm=\"yumen\", error=\"{error}\"")]);
        }
        FailureKind::Forbidden => {
            let lacking = r#"Bearer realm="yumen", error="insufficient_scope", scope="read write""#;
            assert_eq!(challenges, [lacking]);
        }
        FailureKind::IdentityBusy => assert!(failure.retry_after().is_some()),
        other => panic!("{other:?}: {cause}"),
    }
    cause
}

fn bring(policy: &Arc<dyn Policy>, token: &str, later: u64) -> String {
    verdict(policy, &mut asked(&format!("Authorization: Bearer {token}"), later))
}

fn ada() -> Value {
    json!({ "active": true, "sub": "ada" })
}

#[test]
fn the_server_is_asked_as_the_rfc_says() {
    let basic = "Basic Z2F0ZXdheTpzM2NyZXQ=";
    for (who, more, authorization, body) in [
        (
            "client: { id: gateway, secret: s3cret }",
            "",
            basic,
            "token=a.b~c%2F%3D&token_type_hint=access_token",
        ),
        (
            "client: { id: 'a b', secret: 'c:d&e' }",
            "token_type_hint: null",
            "Basic YSUyMGI6YyUzQWQlMjZl",
            "token=a.b~c%2F%3D",
        ),
        (
            "client: { id: 'a b', secret: 'c:d&e', send: body }",
            "token_type_hint: null",
            "",
            "token=a.b~c%2F%3D&client_id=a%20b&client_secret=c%3Ad%26e",
        ),
        ("endpoint_token: t0ken", "token_type_hint: null", "Bearer t0ken", "token=a.b~c%2F%3D"),
    ] {
        let server = Asked::saying(&ada());
        let policy = server.policy_as(who, more);
        assert_eq!(bring(&policy, "a.b~c/=", 0), "ada");
        let recorded = server.server.recorded();
        let (requests, flaw) = recorded[0].requests();
        assert!(flaw.is_none(), "{flaw:?}");
        let request = &requests[0];
        assert_eq!((request.method(), request.target()), ("POST", "/introspect?tenant=1"));
        assert_eq!(request.all("authorization").concat(), authorization, "{who}");
        assert_eq!(request.text(), body);
        assert_eq!(request.one("content-type"), "application/x-www-form-urlencoded");
        assert_eq!(request.one("accept"), "application/json");
        assert!(!format!("{policy:?}").contains("c:d&e"), "{policy:?}");
        assert!(!format!("{policy:?}").contains("s3cret"), "{policy:?}");
        assert!(!format!("{policy:?}").contains("t0ken"), "{policy:?}");
    }
}

#[test]
fn tokens_are_looked_for_where_it_is_said_and_nothing_else_is_sent_on() {
    let server = Asked::saying(&ada());
    let policy = server.policy("headers: [X-Token], query: [token], cookies: [token]");
    let several = "the request brings several tokens";
    for (target, fields, expect) in [
        ("/", "Authorization: Bearer t", "ada"),
        ("/", "authorization: bEARER   t", "ada"),
        ("/", "X-Token: t", "ada"),
        ("/", "Cookie: a=b; token=t", "ada"),
        ("/?token=t", "", "ada"),
        ("/", "Authorization: Basic t", "?"),
        ("/", "", "?"),
        ("/", "Authorization: Bearer t\nX-Token: t", several),
        ("/?token=t", "X-Token: t", several),
        ("/", "Authorization: Basic YTpi\nAuthorization: Bearer t", several),
    ] {
        let mut exchange = exchange(&format!("GET {target} HTTP/1.1\nHost: x\n{fields}"));
        exchange.now = NOW;
        assert_eq!(verdict(&policy, &mut exchange), expect, "{target} {fields}");
    }
    assert_eq!(server.count(), 1);
    let long = "x".repeat(16 * 1024 + 1);
    for (token, why) in [
        ("", "the token is empty"),
        (&*long, "the token is too long"),
        ("a b", "the token has characters that no token has"),
        ("\u{e9}", "the token has characters that no token has"),
    ] {
        let head = "GET / HTTP/1.1\nHost: x\nX-Token: t";
        let mut exchange = exchange(head);
        exchange.now = NOW;
        exchange.request.head.fields_mut().set("X-Token", token.as_bytes()).unwrap();
        assert_eq!(verdict(&policy, &mut exchange), why);
    }
    assert_eq!(server.count(), 1);
}

/// With each config and answer, what comes of it.
fn check(table: Vec<(&str, Value, &str)>) {
    for (config, answer, expect) in table {
        let server = Asked::saying(&answer);
        let policy = server.policy(config);
        // The second time it is remembered, but for those whose end was before now.
        for _ in 0..2 {
            assert_eq!(bring(&policy, "t", 0), expect, "{config} {answer}");
        }
        let is_over = answer.get("exp") == Some(&json!(NOW - 29));
        assert_eq!(server.count(), if is_over { 2 } else { 1 }, "{config} {answer}");
    }
}

#[test]
fn what_the_server_says_decides() {
    let lacking = "the token has not all of the scopes";
    let scopes = "scopes: [read, write]";
    check(vec![
        ("", json!({ "active": true, "sub": "ada" }), "ada"),
        (
            "",
            json!({ "active": false, "sub": "ada" }),
            "the server says that the token is not active",
        ),
        ("", json!({ "active": true, "sub": "ada", "exp": NOW + 1, "nbf": NOW }), "ada"),
        ("", json!({ "active": true, "sub": "ada", "exp": NOW - 29 }), "ada"),
        ("", json!({ "active": true, "sub": "ada", "exp": NOW - 30 }), "the token is over"),
        (
            "",
            json!({ "active": true, "sub": "ada", "exp": "9999999999" }),
            "a time in the token is none",
        ),
        ("", json!({ "active": true, "sub": "ada", "nbf": NOW + 31 }), "the token is not good yet"),
        (
            "skew: off",
            json!({ "active": true, "sub": "ada", "nbf": NOW + 1 }),
            "the token is not good yet",
        ),
        ("", json!({ "active": true, "sub": "eve" }), "the token names no consumer that is known"),
        (
            "",
            json!({ "active": true, "sub": "gone" }),
            "the consumer that the token names is disabled",
        ),
        ("unknown_consumer: let_in", json!({ "active": true }), "nobody"),
        (
            "consumer_by: client_id",
            json!({ "active": true, "client_id": "shop", "sub": "ada" }),
            "shop",
        ),
        ("consumer_id: external_id", json!({ "active": true, "sub": "4711" }), "shop"),
        (scopes, json!({ "active": true, "sub": "ada", "scope": "write x read" }), "ada"),
        (scopes, json!({ "active": true, "sub": "ada", "scope": ["read", "write"] }), "ada"),
        (scopes, json!({ "active": true, "sub": "ada", "scope": "read" }), lacking),
        (scopes, json!({ "active": true, "sub": "ada", "scope": "readwrite" }), lacking),
        (scopes, json!({ "active": true, "sub": "ada", "scope": ["read write"] }), lacking),
        (scopes, json!({ "active": true, "sub": "ada" }), lacking),
    ]);
}

#[test]
fn what_the_server_has_to_say_is_asked_for() {
    let claim = "a claim of the token is not one of those that it may be";
    check(vec![
        ("issuers: [a]", json!({ "active": true, "sub": "ada", "iss": "a" }), "ada"),
        (
            "issuers: [a]",
            json!({ "active": true, "sub": "ada", "iss": "ab" }),
            "the token is of another issuer",
        ),
        ("issuers: [a]", json!({ "active": true, "sub": "ada" }), "the token is of another issuer"),
        ("audiences: [a]", json!({ "active": true, "sub": "ada", "aud": ["b", "a"] }), "ada"),
        (
            "audiences: [a]",
            json!({ "active": true, "sub": "ada", "aud": "ab" }),
            "the token is for another audience",
        ),
        (
            "audiences: [a]",
            json!({ "active": true, "sub": "ada" }),
            "the token is for another audience",
        ),
        (
            "token_types: [Bearer]",
            json!({ "active": true, "sub": "ada", "token_type": "bearer" }),
            "ada",
        ),
        (
            "token_types: [Bearer]",
            json!({ "active": true, "sub": "ada", "token_type": "DPoP" }),
            "the token is of another type",
        ),
        (
            "token_types: [Bearer]",
            json!({ "active": true, "sub": "ada" }),
            "the token is of another type",
        ),
        (
            "required: [client_id]",
            json!({ "active": true, "sub": "ada" }),
            "a claim is missing in the token",
        ),
        (
            "claims: { client_id: [a, b] }",
            json!({ "active": true, "sub": "ada", "client_id": "b" }),
            "ada",
        ),
        (
            "claims: { client_id: [a, b] }",
            json!({ "active": true, "sub": "ada", "client_id": "c" }),
            claim,
        ),
    ]);
}

#[test]
fn answers_are_remembered_for_their_time() {
    // Each step: how much later, what the server says, what comes of it, how often it was asked.
    type Steps<'a> = &'a [(u64, Value, &'a str, usize)];
    let (good, ending) = (ada(), json!({ "active": true, "sub": "ada", "exp": NOW + 20 }));
    let (bad, inactive) =
        (json!({ "active": false }), "the server says that the token is not active");
    let check = |config: &str, steps: Steps<'_>| {
        let server = Asked::saying(&good);
        let policy = server.policy(config);
        for (later, answer, expect, count) in steps {
            server.says(answer);
            assert_eq!(bring(&policy, "t", *later), *expect, "{config} {later}");
            assert_eq!(server.count(), *count, "{config} {later}");
        }
    };
    check(
        "",
        &[
            (0, good.clone(), "ada", 1),
            (59, bad.clone(), "ada", 1),
            (60, bad.clone(), inactive, 2),
            (64, good.clone(), inactive, 2),
            (65, good.clone(), "ada", 3),
        ],
    );
    check(
        "cache: 10s, cache_refused: off",
        &[
            (0, good.clone(), "ada", 1),
            (9, good.clone(), "ada", 1),
            (10, bad.clone(), inactive, 2),
            (10, good.clone(), "ada", 3),
        ],
    );
    check("cache: off", &[(0, good.clone(), "ada", 1), (0, good.clone(), "ada", 2)]);
    // No answer is good for longer than the token, whatever clocks say.
    check(
        "",
        &[
            (0, ending.clone(), "ada", 1),
            (19, bad.clone(), "ada", 1),
            (20, ending.clone(), "ada", 2),
            (21, bad.clone(), inactive, 3),
        ],
    );
}

#[test]
fn without_the_server_only_those_who_were_good_go_on_if_that_is_wanted() {
    let away = vec![raw("HTTP/1.1 503 Away\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")];
    let busy = "introspection: the server answers with 503";
    let server = Asked::saying(&ada());
    let policy = server.policy("");
    assert_eq!(bring(&policy, "t", 0), "ada");
    server.now(away.clone());
    assert_eq!(bring(&policy, "t", 59), "ada");
    assert_eq!(bring(&policy, "t", 60), busy);
    assert_eq!(bring(&policy, "u", 0), busy);
    assert_eq!(bring(&policy, "u", 0), busy, "that is not remembered");
    assert_eq!(server.count(), 4);

    let server = Asked::saying(&ada());
    let policy = server.policy("stale: 30s");
    assert_eq!(bring(&policy, "t", 0), "ada");
    server.now(away.clone());
    assert_eq!(bring(&policy, "t", 60), "ada");
    assert_eq!(bring(&policy, "t", 64), "ada");
    assert_eq!(server.count(), 2, "the server is left alone for a moment");
    assert_eq!(bring(&policy, "t", 65), "ada");
    assert_eq!(bring(&policy, "t", 89), "ada");
    assert_eq!(server.count(), 4);
    assert_eq!(bring(&policy, "t", 90), busy);
    server.says(&json!({ "active": false }));
    assert_eq!(bring(&policy, "t", 90), "the server says that the token is not active");
    server.now(away.clone());
    assert_eq!(bring(&policy, "t", 91), "the server says that the token is not active");
    assert_eq!(bring(&policy, "t", 96), busy);

    // What the server takes back is gone, also if it goes away right after.
    let server = Asked::saying(&ada());
    let policy = server.policy("stale: 1h, cache_refused: 1s");
    assert_eq!(bring(&policy, "t", 0), "ada");
    server.says(&json!({ "active": false }));
    assert_eq!(bring(&policy, "t", 60), "the server says that the token is not active");
    server.now(away.clone());
    assert_eq!(bring(&policy, "t", 62), busy);

    // Nobody is good beyond their end.
    let server = Asked::saying(&json!({ "active": true, "sub": "ada", "exp": NOW + 70 }));
    let policy = server.policy("stale: 1h");
    assert_eq!(bring(&policy, "t", 0), "ada");
    server.now(away);
    assert_eq!(bring(&policy, "t", 69), "ada");
    assert_eq!(bring(&policy, "t", 70), busy);
}

#[test]
fn a_server_that_is_not_well_lets_nobody_in() {
    let large = vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n{\"active\":true")];
    let chunks = raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000)).into_bytes();
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"active\":true,";
    for (name, steps, words) in [
        ("large", large, "65536"),
        ("chunks", vec![chunks, backend::Step::Repeat(chunk, 2560)], "65536"),
        ("twice", vec![ok(r#"{"active":false,"active":true}"#)], "a name stands in it twice"),
        ("text", vec![ok(r#"{"active":"true"}"#)], "does not say `active`"),
        ("page", vec![ok("<html>active</html>")], "no JSON object"),
        (
            "401",
            vec![raw("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")],
            "does not know the gateway",
        ),
        ("cut", vec![raw(cut), backend::Step::Close], "it was cut off"),
        ("closed", vec![backend::Step::Close], "the connection ended"),
        ("no HTTP", vec![raw("hello\r\n\r\n"), backend::Step::Close], "cannot be understood"),
    ] {
        let server = Asked::saying(&ada());
        server.now(steps);
        let policy = server.policy("");
        let cause = bring(&policy, "t", 0);
        assert!(cause.starts_with("introspection: ") && cause.contains(words), "{name}: {cause}");
    }
    let server = Asked::saying(&ada());
    server.now(vec![backend::Step::Hang]);
    let policy = server.policy("timeout: 300ms");
    let began = Instant::now();
    assert!(bring(&policy, "t", 0).contains("no answer within 300ms"));
    assert!(began.elapsed() >= Duration::from_millis(300));
    // Nobody is asked where nobody may be asked.
    let mut tried = asked("Authorization: Bearer t", 0);
    let Step::Now(Verdict::Fail(failure)) = policy.dry(&mut tried) else { panic!() };
    assert_eq!(failure.kind(), FailureKind::IdentityBusy);
    assert_eq!(server.count(), 1);
}

#[test]
fn a_kept_connection_that_was_closed_is_no_fault() {
    // Each connection is closed under its second question.
    let server = Backend::start(|call| match call.nth {
        0 => vec![ok(&ada().to_string())],
        _ => vec![backend::Step::Close],
    });
    let endpoint = format!("http://{}/introspect", server.authority());
    let config = format!("{{ endpoint: '{endpoint}', endpoint_token: t, cache: off }}");
    let policy = compile_in::<Config>(&config, &scope()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for time in 0..4 {
            let mut exchange = asked("Authorization: Bearer t", 0);
            let Step::Later(verdict) = policy.on_request(&mut exchange) else { panic!() };
            let verdict = verdict.await;
            assert!(matches!(verdict, Verdict::Next), "{time}: {verdict:?}");
        }
    });
    assert_eq!(server.connections(), 4);
}

#[test]
fn a_flood_of_wrong_tokens_takes_no_room_from_good_ones() {
    let server = Asked::saying(&ada());
    let policy = server.policy("cache_refused: 10m");
    assert_eq!(bring(&policy, "good", 0), "ada");
    server.says(&json!({ "active": false }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // More than twice what is remembered.
        for number in 0..35_000 {
            let mut exchange = asked(&format!("Authorization: Bearer wrong-{number}"), 0);
            let Step::Later(verdict) = policy.on_request(&mut exchange) else { panic!() };
            assert!(matches!(verdict.await, Verdict::Fail(_)));
        }
    });
    let count = server.count();
    assert_eq!(bring(&policy, "good", 30), "ada");
    assert_eq!(server.count(), count);
    assert!(server.server.connections() < 5, "connections are kept");
}

#[test]
fn services_are_told_what_is_wanted_and_no_token() {
    let answer = json!({ "active": true, "sub": "ada", "username": "Ada", "aud": ["a", "b"] });
    let server = Asked::saying(&answer);
    let policy = server
        .policy("query: [token], strip: true, claims_to_headers: { X-Name: username, X-For: aud }");
    for _ in 0..2 {
        let mut exchange = exchange("GET /?a=1&token=t HTTP/1.1\nHost: x\nx-name: root\nX-For: c");
        exchange.now = NOW;
        assert_eq!(verdict(&policy, &mut exchange), "ada");
        let head = &exchange.request.head;
        let all = |name| head.fields().all(name).map(<[u8]>::to_vec).collect::<Vec<_>>().concat();
        assert_eq!((all("x-name"), all("x-for")), (b"Ada".to_vec(), b"a,b".to_vec()));
        assert_eq!(head.query(), Some("a=1"));
    }
    let mut exchange = asked("x-name: root", 0);
    assert_eq!(verdict(&policy, &mut exchange), "?");
    assert!(exchange.request.head.fields().first("x-name").is_none());
}

/// Each config is refused with a problem at the path, that has the words.
fn check_problems(table: Vec<(String, &str, &str)>) {
    for (config, path, words) in table {
        let report = compile_in::<Config>(&config, &scope()).map(|_| ()).unwrap_err();
        let found = report
            .problems()
            .iter()
            .any(|problem| problem.path.starts_with(path) && problem.message.contains(words));
        assert!(found, "{config}: {report}");
        assert!(!report.to_string().contains("s3cret"), "{report}");
    }
}

fn with(more: &str) -> String {
    format!("{{ endpoint: 'https://id.example/x', client: {{ id: a, secret: s3cret }}, {more} }}")
}

#[test]
fn whom_to_ask_is_told_if_it_cannot_be() {
    check_problems(vec![
        ("{}".to_owned(), "config", "endpoint"),
        ("{ endpoint: 'https://a/x' }".to_owned(), "config", "not told who asks"),
        (with("endpoint_token: x"), "config.endpoint_token", "twice"),
        ("{ endpoint: 'ftp://a', endpoint_token: x }".to_owned(), "config.endpoint", "http"),
        (
            "{ endpoint: 'http://id.example/x', endpoint_token: x }".to_owned(),
            "config.endpoint",
            "on the way",
        ),
        (
            "{ endpoint: 'http://127.0.0.1/x', endpoint_token: x, ca: y }".to_owned(),
            "config.ca",
            "clear text",
        ),
        (
            "{ endpoint: 'https://a/x', endpoint_token: 'a b' }".to_owned(),
            "config.endpoint_token",
            "no token",
        ),
        (
            "{ endpoint: 'https://a/x', client: { id: '', secret: s } }".to_owned(),
            "config.client.id",
            "empty",
        ),
        (
            "{ endpoint: 'https://a/x', client: { id: a, secret: '' } }".to_owned(),
            "config.client.secret",
            "empty",
        ),
        (with("ca: x"), "config.ca", "certificate"),
    ]);
    for good in [
        "{ endpoint: 'http://localhost:1/x', endpoint_token: x, consumer_by: client_id }",
        "{ endpoint: 'http://id.example/x', endpoint_token: x, insecure: true, cache: off }",
        "{ endpoint: 'http+unix://%2Frun%2Fx', endpoint_token: x }",
    ] {
        compile_in::<Config>(good, &scope()).unwrap_or_else(|report| panic!("{good}: {report}"));
    }
}

#[test]
fn what_cannot_be_wanted_is_told_with_its_place() {
    check_problems(vec![
        (with("timeout: off"), "config.timeout", "for ever"),
        (with("timeout: 2m"), "config.timeout", "more than 1m"),
        (with("cache: 25h"), "config.cache", "more than 24h"),
        (with("cache: 1500ms"), "config.cache", "whole number"),
        (with("cache_refused: 11m"), "config.cache_refused", "more than 10m"),
        (with("stale: 25h"), "config.stale", "more than 24h"),
        (with("cache: off, stale: 1m"), "config.stale", "nothing is kept"),
        (with("skew: 6m"), "config.skew", "300 seconds"),
        (with("at_once: 0"), "config.at_once", "from 1 to 1024"),
        (with("scopes: ['a b']"), "config.scopes[0]", "no such word"),
        (with("scopes: ['a\"b']"), "config.scopes[0]", "no such word"),
        (with("token_types: ['']"), "config.token_types[0]", "no such word"),
        (with("token_type_hint: 'a b'"), "config.token_type_hint", "no sort of token"),
        (with("issuers: ['']"), "config.issuers", "empty"),
        (with("audiences: ['']"), "config.audiences", "empty"),
        (with("required: ['']"), "config.required", "empty"),
        (with("claims: { a: [] }"), "config.claims.a", "1 to 32 values"),
        (with("bearer: false"), "config", "nowhere"),
        (with("consumer_by: null"), "config.consumer_by", "all would be refused"),
        (
            with("claims_to_headers: { Host: a }"),
            "config.claims_to_headers.Host",
            "belongs to HTTP",
        ),
        (with("extra: 1"), "config", "unknown key `extra`"),
    ]);
}
