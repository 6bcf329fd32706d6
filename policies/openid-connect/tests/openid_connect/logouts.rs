//! Sessions that end before their time.

use serde_json::{Value, json};
use yumen_http::Body;
use yumen_policy::testing::exchange;
use yumen_policy::{FailureKind, Step, Verdict};

use crate::{Browser, Came, HOST, NOW, Rig};

const LOGOUT: &str = "logout: { path: /logout, return_to: 'https://shop.example/bye', backchannel_path: /logout/told }";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn tell(rig: &Rig, body: &str, now: u64) -> Came {
    let mut exchange = exchange(&format!(
        "POST /logout/told HTTP/1.1\nHost: {HOST}\nContent-Length: {}",
        body.len()
    ));
    exchange.now = now;
    exchange.request.body = Body::Full(body.as_bytes().to_vec());
    rig.run(async {
        let verdict = match rig.policy.on_request(&mut exchange) {
            Step::Now(verdict) => verdict,
            Step::Later(verdict) => verdict.await,
        };
        Came { verdict, exchange }
    })
}

fn token(rig: &Rig, change: Value) -> String {
    let mut claims =
        json!({"aud": "shop", "sub": "ada", "sid": "p1", "jti": "1", "events": {EVENT: {}}});
    claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    format!("logout_token={}", rig.fake.sign(claims, Some("logout+jwt")))
}

#[test]
fn whoever_logs_out_is_out_also_with_the_old_cookie() {
    let rig = Rig::new(LOGOUT);
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    let mut thief = browser.clone();
    browser.now = NOW + 5;
    let location = rig.visit(&mut browser, "/logout").location();
    let begin = format!("{}/end?client_id=shop&id_token_hint=ey", rig.fake.issuer());
    assert!(location.starts_with(&begin), "{location}");
    assert!(
        location.ends_with("&post_logout_redirect_uri=https%3A%2F%2Fshop.example%2Fbye"),
        "{location}"
    );
    assert!(browser.cookies.is_empty());
    thief.now = NOW + 6;
    rig.send(&mut thief, "/", "").refused(FailureKind::NoCredentials, "ended by a logout");
    // Others of the same person, and a new login, go on.
    let mut other = Browser::new();
    other.now = NOW + 6;
    rig.log_in(&mut other);
    rig.send(&mut other, "/", "").entered("ada");
    // Nobody is logged in, and nobody is sent to the provider.
    assert_eq!(rig.visit(&mut Browser::new(), "/logout").location(), "https://shop.example/bye");
}

#[test]
fn another_site_logs_nobody_out() {
    let rig = Rig::new("logout: { path: /logout }");
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    let fields = "Accept: text/html\nSec-Fetch-Mode: navigate\nSec-Fetch-Site: cross-site\n";
    rig.send(&mut browser, "/logout", fields).refused(FailureKind::Forbidden, "another site");
    rig.send(&mut browser, "/", "").entered("ada");
    let put = format!("PUT /logout HTTP/1.1\nHost: {HOST}\nContent-Length: 0");
    rig.run(rig.ask(&put, NOW)).refused(FailureKind::MethodRefused, "");
    rig.fake.script().metadata = json!({"end_session_endpoint": null});
    let own = Rig::new("logout: { path: /logout }");
    let came = own.visit(&mut Browser::new(), "/logout");
    let Verdict::Answer(answer) = &came.verdict else { panic!("{came:?}") };
    assert_eq!(answer.head.status().code(), 200);
}

#[test]
fn the_provider_ends_a_session_or_all_of_somebody() {
    let rig = Rig::new(LOGOUT);
    let mut first = Browser::new();
    rig.log_in(&mut first);
    rig.fake.script().claims = json!({"sid": "p2"});
    let mut second = Browser::new();
    rig.log_in(&mut second);
    let came = tell(&rig, &token(&rig, json!({})), NOW + 5);
    let Verdict::Answer(answer) = &came.verdict else { panic!("{came:?}") };
    assert_eq!(answer.head.status().code(), 200);
    assert_eq!(answer.head.fields().first("Cache-Control"), Some(&b"no-store"[..]));
    (first.now, second.now) = (NOW + 6, NOW + 6);
    rig.send(&mut first, "/", "").refused(FailureKind::NoCredentials, "ended by a logout");
    rig.send(&mut second, "/", "").entered("ada");
    // All of one who is not named by a session; the next login is a new one.
    assert!(matches!(
        tell(&rig, &token(&rig, json!({"sid": null, "jti": "2"})), NOW + 10).verdict,
        Verdict::Answer(_)
    ));
    second.now = NOW + 11;
    rig.visit(&mut second, "/").location();
    rig.log_in(&mut second);
    rig.send(&mut second, "/", "").entered("ada");
}

#[test]
fn a_session_that_is_ended_while_its_tokens_are_renewed_is_over() {
    let rig = Rig::new(LOGOUT);
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    browser.now = NOW + 280;
    let head = browser.head("/", "");
    let body = token(&rig, json!({}));
    let came = rig.run(async {
        let asked = rig.ask(&head, browser.now);
        let ended = async {
            let mut exchange = exchange(&format!(
                "POST /logout/told HTTP/1.1\nHost: {HOST}\nContent-Length: {}",
                body.len()
            ));
            exchange.now = NOW + 280;
            exchange.request.body = Body::Full(body.clone().into_bytes());
            match rig.policy.on_request(&mut exchange) {
                Step::Now(verdict) => verdict,
                Step::Later(verdict) => verdict.await,
            }
        };
        let (came, ended) = tokio::join!(asked, ended);
        assert!(matches!(ended, Verdict::Answer(_)), "{ended:?}");
        came
    });
    came.refused(FailureKind::NoCredentials, "ended by a logout");
}

#[test]
fn what_is_no_logout_token_ends_nothing() {
    let rig = Rig::new(LOGOUT);
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    let events = json!({"events": {"http://schemas.openid.net/event/other": {}}});
    let id_token = json!({"nonce": "n"});
    for (body, words) in [
        (token(&rig, json!({"aud": "other"})), "another audience"),
        (token(&rig, json!({"iss": "https://evil.example"})), "another issuer"),
        (token(&rig, events), "`events`"),
        (token(&rig, json!({"events": null})), "a claim is missing"),
        (token(&rig, id_token), "`nonce`"),
        (token(&rig, json!({"jti": null})), "a claim is missing"),
        (token(&rig, json!({"sub": null, "sid": null})), "neither"),
        ("logout_token=a.b.c".to_owned(), "base64"),
        (String::new(), "exactly one"),
        (format!("{0}&{0}", token(&rig, json!({}))), "exactly one"),
    ] {
        tell(&rig, &body, NOW + 1).refused(FailureKind::BadRequest, words);
    }
    tell(&rig, &"x".repeat(70_000), NOW).refused(FailureKind::BodyTooLarge, "");
    tell(&rig, &token(&rig, json!({})), NOW + 340).refused(FailureKind::BadRequest, "too old");
    let get = format!("GET /logout/told HTTP/1.1\nHost: {HOST}");
    rig.run(rig.ask(&get, NOW)).refused(FailureKind::MethodRefused, "");
    rig.send(&mut browser, "/", "").entered("ada");
    // A good one is good once.
    let good = token(&rig, json!({"jti": "3", "sid": "other"}));
    assert!(matches!(tell(&rig, &good, NOW).verdict, Verdict::Answer(_)));
    tell(&rig, &good, NOW).refused(FailureKind::BadRequest, "came before");
}
