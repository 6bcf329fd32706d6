//! What can be configured, and what is wrong with the rest.

use yumen_policy::testing::compile_in;
use yumen_policy::{Policy, Scope};
use yumen_policy_openid_connect::Config;

use crate::KEYS;
use crate::fake::KEY;

const BASE: [(&str, &str); 4] = [
    ("issuer", "https://id.example"),
    ("client_id", "shop"),
    ("redirect_uri", "https://shop.example/login/done"),
    ("session", "{ keys: KEYS }"),
];

/// A config with other values; an empty one leaves a key out.
fn compile(changes: &[(&str, &str)]) -> Result<std::sync::Arc<dyn Policy>, String> {
    let kept = BASE.iter().filter(|(key, _)| !changes.iter().any(|(other, _)| key == other));
    let all = kept.chain(changes).filter(|(_, value)| !value.is_empty());
    let text: String = all.map(|(key, value)| format!("{key}: {value}\n")).collect();
    let (key_sets, _keeper) = yumen_key_sets::KeySets::new();
    let scope = Scope { key_sets: std::sync::Arc::new(key_sets), ..Scope::default() };
    compile_in::<Config>(&text.replace("KEYS", KEYS), &scope).map_err(|report| report.to_string())
}

const ENDPOINTS: &str = "{ authorization: 'https://id.example/a', token: 'https://id.example/t', jwks: 'https://id.example/j' }";

#[test]
fn good_configs_are_taken() {
    let key = format!("{KEY:?}");
    for changes in [
        &[][..],
        &[("client_secret", "hidden"), ("client_secret_in", "body")],
        &[("client_key", &key), ("client_key_algorithm", "EdDSA"), ("client_key_id", "1")],
        &[("endpoints", ENDPOINTS)],
        &[("issuer", "http://127.0.0.1:1/a"), ("redirect_uri", "http://localhost:8080/done")],
        &[
            ("issuer", "http://id.example"),
            ("redirect_uri", "http://shop.example/done"),
            ("insecure", "true"),
        ],
        &[("consumer_by", "null"), ("unknown_consumer", "let_in")],
        &[("session", "{ keys: KEYS, idle: off, lifetime: 720h, cookie: shop-session }")],
        &[
            ("logout", "{ path: /logout }"),
            ("bearer", "{ audiences: [api], typ: at+jwt, strip: true }"),
        ],
        &[("algorithms", "[RS256, ES256]"), ("skew", "off"), ("access_token_in", "authorization")],
    ] {
        let policy = compile(changes).unwrap_or_else(|report| panic!("{changes:?}: {report}"));
        assert_eq!(policy.cookies().len(), 1);
    }
    let name = |changes: &[(&str, &str)]| compile(changes).unwrap().cookies().to_vec();
    assert_eq!(name(&[]), ["__Host-gateway-session"]);
    assert_eq!(name(&[("redirect_uri", "http://127.0.0.1:1/done")]), ["gateway-session"]);
}

#[test]
fn what_is_wrong_is_said_where_it_is() {
    for (changes, words) in [
        (&[("issuer", "id.example")][..], "config.issuer"),
        (&[("issuer", "http://id.example")], "config.issuer: whoever is on the way"),
        (&[("issuer", "https://id.example?x=y")], "config.issuer"),
        (&[("issuer", "''")], "config.issuer"),
        (&[("client_id", "''")], "config.client_id"),
        (&[("client_secret", "''")], "config.client_secret"),
        (&[("client_secret_in", "body")], "config.client_secret_in: there is no"),
        (&[("client_key", "x")], "config.client_key"),
        (&[("client_key_algorithm", "RS256")], "config: `client_key_algorithm`"),
        (&[("client_key", "x"), ("client_secret", "y")], "config.client_key: there is a"),
        (&[("client_key", "x"), ("client_key_algorithm", "none")], "config.client_key_algorithm"),
        (&[("redirect_uri", "https://shop.example/")], "config.redirect_uri"),
        (&[("redirect_uri", "/login")], "config.redirect_uri"),
        (&[("redirect_uri", "https://shop.example/a?b")], "config.redirect_uri"),
        (&[("redirect_uri", "https://shop.example/a/../b")], "config.redirect_uri"),
        (&[("redirect_uri", "http://shop.example/a")], "config.redirect_uri: whoever"),
        (
            &[("endpoints", "{ authorization: 'https://a/', token: x, jwks: 'https://a/' }")],
            "config.endpoints.token",
        ),
        (
            &[(
                "endpoints",
                "{ authorization: 'http://a/', token: 'https://a/', jwks: 'https://a/' }",
            )],
            "config.endpoints.authorization",
        ),
        (&[("endpoints", ENDPOINTS), ("userinfo", "true")], "config.userinfo"),
        (&[("ca", "'-----BEGIN x'")], "config.ca"),
        (&[("scopes", "['a b']")], "config.scopes"),
        (&[("parameters", "{ state: x }")], "config.parameters.state"),
        (&[("algorithms", "[HS256]")], "config.algorithms[0]"),
        (&[("algorithms", "[none]")], "config.algorithms[0]"),
        (&[("skew", "1h")], "config.skew"),
        (&[("skew", "1500ms")], "config.skew"),
        (&[("session", "{ keys: [] }")], "config.session.keys"),
        (&[("session", "{ keys: [short] }")], "config.session.keys[0]"),
        (&[("session", "{ keys: KEYS, lifetime: off }")], "config.session.lifetime"),
        (&[("session", "{ keys: KEYS, lifetime: 721h }")], "config.session.lifetime"),
        (&[("session", "{ keys: KEYS, lifetime: 1h, idle: 2h }")], "config.session.idle"),
        (&[("session", "{ keys: KEYS, cookie: a.b }")], "config.session.cookie"),
        (&[("session", "{ keys: KEYS, cookie: __Host-a }")], "config.session.cookie"),
        (&[("session", "{ keys: KEYS, domain: a }")], "domain"),
        (&[("session", "")], "session"),
        (&[("logout", "{ }")], "config.logout"),
        (
            &[("logout", "{ backchannel_path: /a, return_to: 'https://a/' }")],
            "config.logout.return_to",
        ),
        (&[("logout", "{ path: /a, backchannel_path: /a }")], "config.logout.backchannel_path"),
        (&[("logout", "{ path: /login/done }")], "config.logout.path"),
        (&[("logout", "{ path: a }")], "config.logout.path"),
        (&[("logout", "{ path: /a, return_to: b }")], "config.logout.return_to"),
        (&[("bearer", "{ audiences: [] }")], "config.bearer.audiences"),
        (&[("bearer", "{ audiences: [shop] }")], "config.bearer.audiences"),
        (&[("bearer", "{ audiences: [api], typ: '' }")], "config.bearer.typ"),
        (&[("client_credentials", "{ }")], "config.client_credentials"),
        (&[("consumer_by", "null")], "config.consumer_by"),
        (&[("claims_to_headers", "{ Cookie: sub }")], "config.claims_to_headers.Cookie"),
        (&[("access_token_in", "Cookie")], "config.access_token_in"),
        (&[("access_token_in", "Content-Length")], "config.access_token_in"),
        (&[("realm", "\"a\\r\\nb\"")], "config.realm"),
        (&[("issuers", "[a]")], "issuers"),
    ] {
        let report = compile(changes).expect_err(&format!("{changes:?}"));
        assert!(report.contains(words), "{changes:?}: {report}");
        assert!(!report.contains("a first key"), "{report}");
    }
}
