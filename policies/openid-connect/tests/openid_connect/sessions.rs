//! Logins, and what is left of them.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use yumen_policy::{FailureKind, Verdict};

use crate::{Browser, HOST, NOW, Rig};

#[test]
fn whoever_logs_in_comes_back_to_what_they_asked_for() {
    let rig = Rig::new("scopes: [email, openid]\nparameters: { prompt: login, ui: 'a b' }");
    let mut browser = Browser::new();
    let location = rig.visit(&mut browser, "/orders?a=b").location();
    let issuer = rig.fake.issuer();
    let begin = format!(
        "{issuer}/auth?response_type=code&response_mode=query&client_id=shop&redirect_uri=https%3A%2F%2F{HOST}%2Flogin%2Fdone&scope=openid%20email&state="
    );
    assert!(location.starts_with(&begin), "{location}");
    assert!(location.ends_with("&code_challenge_method=S256&prompt=login&ui=a%20b"), "{location}");
    let (name, _) = browser.cookies.iter().next().unwrap();
    assert!(name.starts_with("__Host-gateway-session.login."), "{name}");
    let (code, state) = rig.fake.log_in(&location);
    let came =
        rig.visit(&mut browser, &format!("/login/done?code={code}&state={state}&iss={issuer}"));
    assert_eq!(came.location(), format!("https://{HOST}/orders?a=b"));
    let set = came.set_cookies();
    assert_eq!(set.len(), 2, "{set:?}");
    assert!(set[1].ends_with("; Path=/; HttpOnly; Secure; SameSite=Lax"), "{set:?}");
    assert_eq!(browser.logins(), 0);
    let came = rig.send(&mut browser, "/orders", "");
    came.entered("ada");
    assert!(came.set_cookies().is_empty(), "nothing is new");
    assert!(rig.fake.script().fields[0].contains("Basic c2hvcDpoaWRkZW4="), "shop:hidden");
}

#[test]
fn many_tabs_log_in_and_their_cookies_are_bounded() {
    let rig = Rig::new("");
    let mut browser = Browser::new();
    let backs: Vec<_> = (0..8).map(|tab| rig.begin(&mut browser, &format!("/{tab}"))).collect();
    assert_eq!(browser.logins(), 8);
    for (tab, back) in backs.iter().enumerate().rev() {
        assert_eq!(rig.visit(&mut browser, back).location(), format!("https://{HOST}/{tab}"));
    }
    assert_eq!(browser.logins(), 0);
    let mut browser = Browser::new();
    let long = "x".repeat(900);
    for tab in 0..40 {
        rig.begin(&mut browser, &format!("/{tab}?{long}"));
        let bytes: usize =
            browser.cookies.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(browser.logins() <= 8 && bytes < 6000, "{} {bytes}", browser.logins());
    }
}

#[test]
fn programs_and_scripts_are_not_sent_to_log_in() {
    let rig = Rig::new("");
    for fields in ["", "Accept: application/json\n", "Accept: text/html\nSec-Fetch-Mode: cors\n"] {
        let came = rig.send(&mut Browser::new(), "/", fields);
        let Verdict::Unknown(challenge) = &came.verdict else { panic!("{came:?}") };
        assert_eq!(&*challenge.0, "Session realm=\"yumen\"");
        assert!(came.set_cookies().is_empty());
    }
    let post = format!("POST / HTTP/1.1\nHost: {HOST}\nAccept: text/html\nContent-Length: 0");
    assert!(matches!(rig.run(rig.ask(&post, NOW)).verdict, Verdict::Unknown(_)));
    let head = format!("HEAD / HTTP/1.1\nHost: {HOST}\nAccept: text/html");
    rig.run(rig.ask(&head, NOW)).location();
    let post = format!("POST /login/done?code=a&state=b HTTP/1.1\nHost: {HOST}\nContent-Length: 0");
    rig.run(rig.ask(&post, NOW)).refused(FailureKind::MethodRefused, "");
}

#[test]
fn a_session_ends_when_it_is_old_or_idle() {
    let rig = Rig::new("session: { keys: KEYS, lifetime: 1h, idle: 10m }");
    rig.fake.script().tokens = json!({"refresh_token": null});
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    let first = browser.session().unwrap().clone();
    for minutes in (5..60).step_by(5) {
        browser.now = NOW + minutes * 60;
        let came = rig.send(&mut browser, "/", "");
        came.entered("ada");
        // It is written anew, and no cache on the way may keep that.
        let fields = came.exchange.trail.promised().unwrap();
        assert_eq!(fields.all("Cache-Control").collect::<Vec<_>>(), [b"private"]);
    }
    assert_ne!(browser.session(), Some(&first), "it was written anew");
    browser.now = NOW + 3600;
    let came = rig.send(&mut browser.clone(), "/", "");
    came.refused(FailureKind::NoCredentials, "too old");
    assert!(came.set_cookies()[0].contains("Max-Age=0"));
    rig.visit(&mut browser, "/").location();
    // The first cookie was not seen again, as far as it knows itself.
    let mut idle = Browser::new();
    idle.cookies.insert("__Host-gateway-session".to_owned(), first);
    idle.now = NOW + 599;
    rig.send(&mut idle.clone(), "/", "").entered("ada");
    idle.now = NOW + 600;
    rig.send(&mut idle, "/", "").refused(FailureKind::NoCredentials, "idle");
}

#[test]
fn keys_are_rotated() {
    let mut rig = Rig::new("");
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    let first = browser.session().unwrap().clone();
    rig.reload("session: { keys: [a second key of at least thirty-two bytes, a first key of at least thirty-two bytes] }");
    rig.send(&mut browser, "/", "").entered("ada");
    assert_ne!(browser.session(), Some(&first), "it was sealed anew");
    rig.reload("session: { keys: [a second key of at least thirty-two bytes] }");
    rig.send(&mut browser, "/", "").entered("ada");
    browser.cookies.insert("__Host-gateway-session".to_owned(), first);
    rig.send(&mut browser, "/", "").refused(FailureKind::NoCredentials, "not sealed here");
}

#[test]
fn a_large_session_is_cut_and_one_that_is_too_large_is_refused() {
    let rig = Rig::new("logout: { path: /logout }");
    rig.fake.script().claims = json!({"roles": ["x".repeat(3000)]});
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    assert!(browser.cookies.len() > 1, "{}", browser.cookies.len());
    assert!(browser.cookies.iter().all(|(name, value)| name.len() + value.len() < 4000));
    rig.send(&mut browser, "/", "").entered("ada");
    let mut torn = browser.clone();
    torn.cookies.remove("__Host-gateway-session.1");
    rig.send(&mut torn, "/", "").refused(FailureKind::NoCredentials, "not whole");
    // A smaller one takes the place of all of it.
    rig.fake.script().claims = json!({});
    let back = rig.begin(&mut Browser { now: NOW, ..Browser::default() }, "/");
    drop(back);
    rig.log_in(&mut Browser::new());
    let mut again = browser.clone();
    again.cookies.remove("__Host-gateway-session");
    let back = rig.begin(&mut again, "/");
    rig.visit(&mut again, &back);
    assert_eq!(again.cookies.len(), 1, "{:?}", again.cookies.keys());
    rig.send(&mut again, "/", "").entered("ada");
    rig.fake.script().claims = json!({"roles": ["x".repeat(9000)]});
    let mut browser = Browser::new();
    let back = rig.begin(&mut browser, "/");
    rig.visit(&mut browser, &back);
    assert!(browser.session().is_some(), "it does without the ID token");
    rig.fake.script().claims = json!({"roles": ["x".repeat(11_500)]});
    let mut browser = Browser::new();
    let back = rig.begin(&mut browser, "/");
    rig.visit(&mut browser, &back).refused(FailureKind::Internal, "too large");
}

#[test]
fn tokens_are_renewed_once_for_all_who_come_together() {
    let rig = Rig::new("access_token_in: Authorization");
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    assert_eq!(rig.send(&mut browser, "/", "").told("Authorization"), ["Bearer access-2"]);
    browser.now = NOW + 269;
    rig.send(&mut browser, "/", "").entered("ada");
    assert_eq!(rig.fake.script().asked.len(), 1);
    browser.now = NOW + 270;
    let head = browser.head("/", "");
    let came = rig.run(async {
        let ask = || rig.ask(&head, browser.now);
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        [a, b, c]
    });
    for one in &came {
        one.entered("ada");
        assert_eq!(one.told("Authorization"), ["Bearer access-3"]);
        assert_eq!(one.set_cookies().len(), 1);
    }
    assert_eq!(rig.fake.script().asked, ["authorization_code", "refresh_token"]);
    // One that was sent before the new cookies came.
    let came = rig.send(&mut browser.clone(), "/", "");
    came.entered("ada");
    assert_eq!(rig.fake.script().asked.len(), 2);
    browser.keep(&came);
    browser.now += 270;
    rig.send(&mut browser, "/", "").entered("ada");
    assert_eq!(rig.fake.script().asked.len(), 3, "with the new refresh token");
}

#[test]
fn a_refresh_goes_on_when_its_request_is_gone() {
    let rig = Rig::new("");
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    browser.now = NOW + 270;
    let head = browser.head("/", "");
    rig.run(async {
        // It is given up as soon as the provider is asked.
        let asked = rig.ask(&head, browser.now);
        drop(tokio::time::timeout(Duration::ZERO, asked).await);
        let deadline = Instant::now() + Duration::from_secs(20);
        while rig.fake.script().asked.len() < 2 {
            assert!(Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    rig.send(&mut browser, "/", "").entered("ada");
    assert_eq!(rig.fake.script().asked, ["authorization_code", "refresh_token"]);
}

#[test]
fn a_session_whose_tokens_are_renewed_no_more_is_over() {
    for (status, text, is_over) in [
        (400, r#"{"error":"invalid_grant"}"#, true),
        (401, r#"{"error":"invalid_client"}"#, false),
        (400, r#"{"error":"temporarily_unavailable"}"#, false),
        (400, "<html>", false),
        (500, "", false),
    ] {
        let rig = Rig::new("");
        let mut browser = Browser::new();
        rig.log_in(&mut browser);
        rig.fake.script().refuses = Some((status, text));
        browser.now = NOW + 290;
        let came = rig.send(&mut browser, "/", "");
        if is_over {
            came.refused(FailureKind::NoCredentials, "invalid_grant");
            assert!(browser.session().is_none());
        } else {
            came.entered("ada");
        }
    }
    let rig = Rig::new("");
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    rig.fake.script().claims = json!({"sub": "bob"});
    browser.now = NOW + 290;
    rig.send(&mut browser, "/", "").refused(FailureKind::NoCredentials, "somebody else");
}

#[test]
fn a_provider_that_is_away_keeps_nobody_out_who_is_in() {
    let rig = Rig::new("");
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    let back = rig.begin(&mut Browser::new(), "/");
    rig.fake.script().is_away = true;
    for seconds in [0, 290, 1000, 1790] {
        browser.now = NOW + seconds;
        rig.send(&mut browser, "/", "").entered("ada");
    }
    let mut other = Browser::new();
    let location = rig.visit(&mut other, "/").location();
    assert!(location.contains("/auth?"), "what is known of it is kept");
    drop(back);
    let back = {
        let (code, state) = rig.fake.log_in(&location);
        format!("/login/done?code={code}&state={state}&iss={}", rig.fake.issuer())
    };
    let came = rig.visit(&mut other, &back);
    came.refused(FailureKind::IdentityBusy, "the token endpoint");
    assert!(came.failure().retry_after().is_some());
    // Where the service wants an access token, there is none to be had any more.
    let rig = Rig::new("access_token_in: Authorization");
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    rig.fake.script().is_away = true;
    browser.now = NOW + 299;
    rig.send(&mut browser, "/", "").entered("ada");
    browser.now = NOW + 320;
    rig.send(&mut browser, "/", "").refused(FailureKind::IdentityBusy, "token endpoint");
}

#[test]
fn a_provider_that_was_never_there_lets_nobody_log_in() {
    let rig = Rig::new("");
    rig.fake.script().is_away = true;
    let gone = Rig::new(
        "endpoints: { authorization: 'http://127.0.0.1:9/a', token: 'http://127.0.0.1:9/t', jwks: 'http://127.0.0.1:9/j' }",
    );
    gone.visit(&mut Browser::new(), "/").location();
    // What it says of itself has to be of use.
    let rig = Rig::new("");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !matches!(rig.visit(&mut Browser::new(), "/").verdict, Verdict::Answer(_)) {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn more_claims_come_from_userinfo_and_what_is_signed_stands() {
    let rig = Rig::new("userinfo: true\nclaims_to_headers: { X-Phone: phone, X-Email: email }");
    {
        let mut script = rig.fake.script();
        script.claims = json!({"email": "signed@example.com"});
        script.userinfo = json!({"sub": "ada", "phone": "1", "email": "other@example.com"});
    }
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    let came = rig.send(&mut browser, "/", "");
    assert_eq!(
        (came.told("X-Phone"), came.told("X-Email")),
        (vec!["1".to_owned()], vec!["signed@example.com".to_owned()])
    );
    for userinfo in [json!({"sub": "bob"}), json!({}), json!([])] {
        rig.fake.script().userinfo = userinfo.clone();
        let mut browser = Browser::new();
        let back = rig.begin(&mut browser, "/");
        assert!(matches!(rig.visit(&mut browser, &back).verdict, Verdict::Fail(_)), "{userinfo}");
        assert!(browser.session().is_none());
    }
}

#[test]
fn whoever_is_no_consumer_is_told_so() {
    let rig = Rig::new("");
    for sub in ["bob", "gone"] {
        rig.fake.script().claims = json!({"sub": sub});
        let mut browser = Browser::new();
        let back = rig.begin(&mut browser, "/");
        rig.visit(&mut browser, &back).refused(FailureKind::Forbidden, "consumer");
        assert!(browser.session().is_none());
    }
    let rig = Rig::new("unknown_consumer: let_in");
    rig.fake.script().claims = json!({"sub": "bob"});
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    rig.send(&mut browser, "/", "").entered("");
}

#[test]
fn a_dry_run_knows_sessions_and_asks_nobody() {
    let rig = Rig::new("");
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    browser.now = NOW + 290;
    let mut exchange = yumen_policy::testing::exchange(&browser.head("/", ""));
    exchange.now = browser.now;
    assert!(matches!(yumen_policy::testing::now(rig.policy.dry(&mut exchange)), Verdict::Next));
    let mut nobody =
        yumen_policy::testing::exchange(&Browser::new().head("/", "Accept: text/html"));
    assert!(matches!(yumen_policy::testing::now(rig.policy.dry(&mut nobody)), Verdict::Unknown(_)));
    assert_eq!(rig.fake.script().asked.len(), 1);
}
