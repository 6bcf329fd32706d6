//! What must never open a session.

use serde_json::{Value, json};
use yumen_policy::FailureKind;

use crate::{Browser, HOST, NOW, Rig};

const BROKEN: FailureKind = FailureKind::Unauthenticated;

/// The answer of a provider, changed.
type Change = fn(&str, &mut Browser) -> String;

#[test]
fn answers_that_are_not_of_this_login_open_nothing() {
    let cases: [(&str, Change, &str); 14] = [
        (
            "state of nobody",
            |back, _| back.replace("state=", "state=x"),
            "no login of this browser",
        ),
        (
            "state that is changed behind its name",
            |back, _| {
                let at = back.find("&iss").unwrap() - 1;
                let last = if &back[at..=at] == "A" { "B" } else { "A" };
                format!("{}{last}{}", &back[..at], &back[at + 1..])
            },
            "no login of this browser",
        ),
        ("no state", |back, _| back.replace("state=", "x="), "no `state`"),
        ("state twice", |back, _| format!("{back}&state=y"), "stands twice"),
        ("code twice", |back, _| format!("{back}&code=y"), "stands twice"),
        ("a code of nobody", |back, _| back.replace("code-", "other-"), "invalid_grant"),
        ("no code", |back, _| back.replace("code=", "x="), "neither `code` nor `error`"),
        ("code and error", |back, _| format!("{back}&error=access_denied"), "both"),
        // Mix-up: the answer is of another provider, or does not say whose it is.
        (
            "iss of another",
            |back, _| back.replace("iss=", "iss=https://evil.example/"),
            "another provider",
        ),
        ("no iss", |back, _| back.replace("iss=", "x="), "does not say whose"),
        ("iss twice", |back, _| format!("{back}&iss=https://evil.example"), "stands twice"),
        // Another browser: the answer was stolen, or is forced on a victim.
        (
            "another browser",
            |back, browser| {
                browser.cookies.clear();
                back.to_owned()
            },
            "no login of this browser",
        ),
        (
            "a cookie that is changed",
            |back, browser| {
                browser.cookies.values_mut().for_each(|value| value.push('A'));
                back.to_owned()
            },
            "no login of this browser",
        ),
        (
            "too late",
            |back, browser| {
                browser.now += 600;
                back.to_owned()
            },
            "too long ago",
        ),
    ];
    let rig = Rig::new("");
    for (name, change, words) in cases {
        let mut browser = Browser::new();
        let back = rig.begin(&mut browser, "/");
        let back = change(&back, &mut browser);
        let came = rig.visit(&mut browser, &back);
        assert_eq!(came.failure().kind(), BROKEN, "{name}: {:?}", came.failure());
        came.refused(BROKEN, words);
        assert!(browser.session().is_none(), "{name}");
    }
}

#[test]
fn tokens_that_are_not_of_this_login_open_nothing() {
    for (claims, words) in [
        (json!({"nonce": "other"}), "`nonce`"),
        (json!({"nonce": null}), "`nonce`"),
        (json!({"aud": "other"}), "another audience"),
        (json!({"aud": ["shop", "other"]}), "`azp`"),
        (json!({"azp": "other"}), "`azp`"),
        (json!({"iss": "https://evil.example"}), "another issuer"),
        (json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), "`at_hash`"),
        (json!({"sub": null}), "a claim is missing"),
        (json!({"sub": ""}), "`sub`"),
    ] {
        let rig = Rig::new("");
        let mut browser = Browser::new();
        let back = rig.begin(&mut browser, "/");
        rig.fake.script().claims = claims.clone();
        rig.visit(&mut browser, &back).refused(BROKEN, words);
        assert!(browser.session().is_none(), "{claims}");
    }
    let rig = Rig::new("");
    let mut browser = Browser::new();
    let back = rig.begin(&mut browser, "/");
    rig.fake.script().lies = true;
    rig.visit(&mut browser, &back).refused(BROKEN, "no key fits");
    for tokens in
        [json!({"id_token": null}), json!({"token_type": "DPoP"}), json!({"access_token": 1})]
    {
        let rig = Rig::new("");
        let mut browser = Browser::new();
        let back = rig.begin(&mut browser, "/");
        rig.fake.script().tokens = tokens.clone();
        assert!(
            matches!(rig.visit(&mut browser, &back).verdict, yumen_policy::Verdict::Fail(_)),
            "{tokens}"
        );
        assert!(browser.session().is_none(), "{tokens}");
    }
}

#[test]
fn an_answer_is_good_once() {
    let rig = Rig::new("");
    let mut browser = Browser::new();
    let back = rig.begin(&mut browser, "/orders");
    let before = browser.clone();
    assert_eq!(rig.visit(&mut browser, &back).location(), format!("https://{HOST}/orders"));
    assert_eq!(rig.fake.script().asked, ["authorization_code"]);
    // With the cookie of the login, which somebody may have kept.
    let mut thief = before;
    rig.visit(&mut thief, &back).refused(BROKEN, "came before");
    assert!(thief.session().is_none());
    // Whoever goes back in the browser is simply sent home.
    assert_eq!(rig.visit(&mut browser, &back).location(), format!("https://{HOST}/"));
    rig.visit(&mut Browser::new(), &back).refused(BROKEN, "no login of this browser");
    assert_eq!(rig.fake.script().asked.len(), 1, "the provider is asked once");
}

#[test]
fn a_login_of_somebody_else_cannot_be_forced_on_a_browser() {
    let rig = Rig::new("");
    let (mut evil, mut victim) = (Browser::new(), Browser::new());
    let back = rig.begin(&mut evil, "/");
    // The victim has a login of its own under way, and follows the link of another one.
    rig.begin(&mut victim, "/");
    rig.visit(&mut victim, &back).refused(BROKEN, "no login of this browser");
    assert!(victim.session().is_none());
}

#[test]
fn nobody_is_sent_elsewhere() {
    let rig = Rig::new("");
    for target in ["//evil.example/", "/a?next=https://evil.example/", "/@evil.example"] {
        let mut browser = Browser::new();
        let back = rig.begin(&mut browser, target);
        let location = rig.visit(&mut browser, &back).location();
        assert!(location.starts_with(&format!("https://{HOST}/")), "{target}: {location}");
    }
    // A login that begins at another host has no cookie there.
    let head = "GET / HTTP/1.1\nHost: evil.example\nAccept: text/html";
    rig.run(rig.ask(head, NOW)).refused(FailureKind::NoCredentials, "not that of `redirect_uri`");
}

#[test]
fn a_session_that_was_there_before_a_login_is_another_one() {
    let rig = Rig::new("");
    let mut evil = Browser::new();
    rig.log_in(&mut evil);
    let known = evil.session().unwrap().clone();
    // The victim's browser was made to keep it, and then logs in.
    let mut victim = Browser::new();
    let back = rig.begin(&mut victim, "/");
    victim.cookies.insert("__Host-gateway-session".to_owned(), known.clone());
    rig.visit(&mut victim, &back);
    assert_ne!(victim.session(), Some(&known));
    // What is ended is the victim's own, and the other one is not it.
    rig.visit(&mut victim, "/").entered("ada");
}

#[test]
fn cookies_that_were_tossed_are_refused() {
    let rig = Rig::new("");
    let (mut one, mut other) = (Browser::new(), Browser::new());
    rig.log_in(&mut one);
    rig.log_in(&mut other);
    let (own, evil) = (one.session().unwrap(), other.session().unwrap());
    for cookies in [
        format!("__Host-gateway-session={own}; __Host-gateway-session={evil}"),
        format!("__Host-gateway-session={own}; __Host-gateway-session={own}"),
    ] {
        let head = format!("GET / HTTP/1.1\nHost: {HOST}\nAccept: text/html\nCookie: {cookies}");
        rig.run(rig.ask(&head, NOW)).refused(FailureKind::BadRequest, "several cookies");
    }
    let two = format!(
        "GET / HTTP/1.1\nHost: {HOST}\nCookie: __Host-gateway-session={own}\nCookie: __Host-gateway-session={evil}"
    );
    rig.run(rig.ask(&two, NOW)).refused(FailureKind::BadRequest, "several cookies");
    // The same of a login.
    let mut browser = Browser::new();
    let back = rig.begin(&mut browser, "/");
    let (name, value) = browser.cookies.iter().next().unwrap();
    let head = browser.head(&back, &format!("Cookie: {name}={value}"));
    rig.run(rig.ask(&head, NOW)).refused(BROKEN, "several cookies");
}

#[test]
fn a_cookie_that_was_not_sealed_here_is_none() {
    let rig = Rig::new("");
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    let good = browser.session().unwrap().clone();
    let login = {
        let mut other = Browser::new();
        rig.begin(&mut other, "/");
        other.cookies.values().next().unwrap().clone()
    };
    let middle = good.len() / 2;
    let flipped = if &good[middle..=middle] == "A" { "B" } else { "A" };
    for text in [
        String::new(),
        "1.".to_owned(),
        "1.e30".to_owned(),
        good.replacen("1.", "2.", 1),
        good[..good.len() - 4].to_owned(),
        format!("{good}AAAA"),
        format!("{}{flipped}{}", &good[..middle], &good[middle + 1..]),
        // Something that was sealed here, for another purpose.
        format!("1.{login}"),
    ] {
        let fields = format!("Cookie: __Host-gateway-session={text}\n");
        let came = rig.send(&mut Browser::new(), "/", &fields);
        came.refused(FailureKind::NoCredentials, "");
        assert_eq!(came.failure().challenges().len(), 1);
    }
    // With another key, and for another relying party.
    let mut rig = rig;
    rig.reload("session: { keys: [another key of at least thirty-two bytes] }");
    rig.send(&mut browser.clone(), "/", "").refused(FailureKind::NoCredentials, "not sealed here");
    rig.reload("session: { keys: KEYS }");
    rig.send(&mut browser.clone(), "/", "").entered("ada");
}

#[test]
fn what_the_provider_says_is_not_shown() {
    let rig = Rig::new("");
    for (error, kind, words) in [
        ("access_denied", FailureKind::Forbidden, "access_denied"),
        ("temporarily_unavailable", FailureKind::IdentityBusy, "just now"),
        ("login_required", BROKEN, "ask for something"),
        ("%3Cscript%3Ealert(1)%3C/script%3E", BROKEN, "says scriptalert1script"),
    ] {
        let mut browser = Browser::new();
        let back = rig.begin(&mut browser, "/");
        let (_, state) = back.split_once("&state=").unwrap();
        let back =
            format!("/login/done?error={error}&error_description=%3Cscript%3E&state={state}");
        let came = rig.visit(&mut browser, &back);
        came.refused(kind, words);
        assert!(!came.failure().sentence().contains("script"));
        assert_eq!(browser.logins(), 0, "the attempt is over");
    }
    // Without a login that is under way, it is nobody's answer.
    let back = format!("/login/done?error=access_denied&state={}", "x".repeat(43));
    rig.visit(&mut Browser::new(), &back).refused(BROKEN, "no login of this browser");
}

#[test]
fn nobody_says_what_only_the_provider_says() {
    let rig = Rig::new("claims_to_headers: { X-Email: email }\naccess_token_in: X-Access");
    rig.fake.script().claims = json!({"email": "ada@example.com"});
    let mut browser = Browser::new();
    rig.log_in(&mut browser);
    let came = rig.send(&mut browser, "/", "X-Email: root@example.com\nx-access: forged\n");
    came.entered("ada");
    assert_eq!(came.told("X-Email"), ["ada@example.com"]);
    assert_eq!(came.told("X-Access"), ["access-2"]);
    let claims = came.exchange.principal.as_ref().unwrap().claims.clone().unwrap();
    assert_eq!(claims.get("email"), Some(&Value::from("ada@example.com")));
    assert!(claims.get("nonce").is_none());
}
