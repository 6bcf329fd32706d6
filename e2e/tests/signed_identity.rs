//! What services are told of who calls, signed by the gateway: verified by PyJWT with keys that it fetches from there.

use std::time::Duration;

use serde_json::{Value, json};
use yumen_e2e::certificates::{Authority, Unusual};
use yumen_e2e::client::{Answer, Client};
use yumen_e2e::tools::{Tool, have, peer, run};
use yumen_e2e::{Backend, Gateway};

/// How long PyJWT may take on a very busy machine.
const PYTHON: Duration = Duration::from_secs(120);
/// The key of RFC 8037, which everybody has.
const EDWARDS: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"edwards","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const ISSUER: &str = "https://gateway.example";
const KEYS: &str = "/.well-known/jwks.json";

/// A private key as PEM text: P-256, or RSA.
fn pem(rsa: bool) -> String {
    Authority::new("keys").sign_unusual(&["x"], Unusual { rsa, ..Unusual::default() }).key
}

/// With these keys, each with what else is said of it.
fn config(backend: &Backend, keys: &[(&str, &str)], more: &str) -> String {
    let keys = keys.iter().map(|(key, more)| format!("{{ key: {}{more} }}", json!(key)));
    let keys = keys.collect::<Vec<_>>().join(", ");
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off }}
signing_keys: [{{ name: gateway, keys: [{keys}] }}]
consumers:
  - {{ name: shop, external_id: '4711', groups: [gold, eu], keys: [{{ key: a-key-for-a-test }}] }}
  - {{ name: other, keys: [{{ key: another-key-for-a-test }}] }}
services:
  - name: backend
    url: http://{}
    policies:
      - {{ kind: key-auth }}
      - kind: signed-identity
        config: {{ keys: gateway, issuer: '{ISSUER}', audiences: [orders, stock], {more} }}
    routes:
      - {{ name: all }}
      - {{ name: guests, match: {{ paths: [/guests] }}, policies: [{{ kind: anonymous }}] }}
routes:
  - name: keys
    match: {{ paths: [{KEYS}] }}
    answer: {{ status: 404 }}
    policies: [{{ kind: key-set, config: {{ keys: [gateway] }} }}]
",
        backend.authority()
    )
}

fn ask(gateway: &Gateway, method: &str, target: &str, fields: &str) -> Answer {
    let request =
        format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    let mut client = Client::connect(gateway.web());
    assert!(client.send(&request));
    let answer = client.answer(method, Duration::from_secs(60));
    answer.unwrap_or_else(|lost| panic!("{request}: {lost:?}"))
}

/// What the service is told in a field when somebody asks who brings this.
fn told(gateway: &Gateway, backend: &Backend, field: &str, fields: &str) -> String {
    let mark = backend.mark();
    let answer = ask(gateway, "GET", "/", fields);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = backend.since(&mark);
    let (requests, flaw) = seen.last().expect("a connection").requests();
    let request = requests.last().unwrap_or_else(|| panic!("{flaw:?}"));
    let all = request.all(field);
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(request.all("x_identity_token").is_empty());
    all.concat()
}

/// What PyJWT makes of tokens.
fn verified(gateway: &Gateway, audience: &str, tokens: &[&str]) -> Value {
    let script = peer("verifier.py").display().to_string();
    let url = format!("http://{}{KEYS}", gateway.web());
    let front = [script, url, ISSUER.to_owned(), audience.to_owned()];
    let tokens = tokens.iter().map(|token| (*token).to_owned());
    let done = run(Tool::Python, front.into_iter().chain(tokens), PYTHON);
    serde_json::from_str(&done.well()).expect("JSON")
}

const KEY: &str = "X-API-Key: a-key-for-a-test\r\n";

#[test]
fn a_library_verifies_who_calls_with_keys_of_the_gateway() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (rsa, p256) = (pem(true), pem(false));
    for (keys, algorithm) in [
        ([(EDWARDS, ""), (&*p256, "")], "EdDSA"),
        ([(&*p256, ", id: curve"), (EDWARDS, "")], "ES256"),
        ([(&*rsa, ""), (EDWARDS, "")], "RS256"),
        ([(&*rsa, ", algorithm: PS256"), (EDWARDS, "")], "PS256"),
    ] {
        let backend = Backend::answering("ok");
        let gateway = Gateway::start(&config(&backend, &keys, ""));
        let spoofed =
            "x-identity-token: root\r\nX-Identity-Token: eyJ\r\nX_Identity_Token: root\r\n";
        let token = told(&gateway, &backend, "x-identity-token", &format!("{spoofed}{KEY}"));
        let forged = token.rsplit_once('.').expect("three parts").0.to_owned() + ".AAAA";
        let seen = verified(&gateway, "orders", &[&token, &forged]);
        let claims = &seen[0]["claims"];
        assert_eq!(seen[0]["header"]["alg"], algorithm, "{seen:#}");
        assert_eq!(claims["aud"], json!(["orders", "stock"]), "{seen:#}");
        assert_eq!(claims["sub"], "shop");
        assert_eq!(claims["consumer"], "shop");
        assert_eq!(claims["external_id"], "4711");
        assert_eq!(claims["groups"], json!(["gold", "eu"]));
        assert_eq!(claims["identified_by"], "key-auth");
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
        assert!(seen[1]["error"].is_string(), "{seen:#}");
        assert_eq!(verified(&gateway, "billing", &[&token])[0]["error"], "InvalidAudienceError");
        // It is given again, and to nobody else.
        assert_eq!(told(&gateway, &backend, "x-identity-token", KEY), token);
        let other = "X-API-Key: another-key-for-a-test\r\n";
        let other = told(&gateway, &backend, "x-identity-token", other);
        assert_eq!(verified(&gateway, "stock", &[&other])[0]["claims"]["sub"], "other");
        if algorithm == "ES256" {
            assert_eq!(seen[0]["header"]["kid"], "curve");
        }
    }
}

#[test]
fn keys_are_published_for_everybody_and_nothing_else_is() {
    let backend = Backend::answering("ok");
    let p256 = pem(false);
    let keys = [(EDWARDS, ""), (&*p256, ", id: next")];
    let gateway = Gateway::start(&config(&backend, &keys, ""));
    let answer = ask(&gateway, "GET", KEYS, "");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.all("content-type"), ["application/jwk-set+json"]);
    assert_eq!(answer.all("cache-control"), ["public, max-age=300"]);
    let set: Value = serde_json::from_str(&answer.text()).expect("JSON");
    let names: Vec<_> = set["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(names, ["edwards", "next"]);
    for part in ["d", "p", "q", "k"] {
        assert!(!answer.text().contains(&format!("\"{part}\"")), "{}", answer.text());
    }
    let mark = answer.one("etag");
    let again = ask(&gateway, "GET", KEYS, &format!("If-None-Match: {mark}\r\n"));
    assert_eq!((again.status(), again.text()), (304, String::new()));
    let head = ask(&gateway, "HEAD", KEYS, "");
    assert_eq!((head.status(), head.text(), head.one("etag")), (200, String::new(), mark));
    assert_eq!(ask(&gateway, "POST", KEYS, "Content-Length: 0\r\n").status(), 405);
    assert_eq!(backend.connections(), 0);
    // What cannot be is told with its place.
    let problem = gateway.reload(&config(&backend, &[("thin", "")], "")).unwrap_err();
    assert!(problem.contains("signing_keys[0].keys[0].key: there is no PEM text"), "{problem}");
    let problem = gateway.reload(&config(&backend, &keys, "").replace("[gateway]", "[gatewy]"));
    assert!(problem.unwrap_err().contains("did you mean `gateway`?"));
}

#[test]
fn keys_change_without_a_token_that_nobody_can_verify() {
    if !have(&[Tool::Python]) {
        return;
    }
    let backend = Backend::answering("ok");
    let p256 = pem(false);
    let (old, new) = ((EDWARDS, ""), (&*p256, ", id: new"));
    let gateway = Gateway::start(&config(&backend, &[old], "field: Authorization"));
    let brought = format!("Authorization: Bearer of-the-client\r\n{KEY}");
    let give = || {
        let value = told(&gateway, &backend, "authorization", &brought);
        value.strip_prefix("Bearer ").expect("a token").to_owned()
    };
    let first = give();
    let reload = |keys: &[(&str, &str)]| {
        gateway
            .reload(&config(&backend, keys, "field: Authorization"))
            .expect("a good configuration");
    };
    reload(&[old, new]);
    let second = give();
    reload(&[new, old]);
    let third = give();
    let seen = verified(&gateway, "orders", &[&first, &second, &third]);
    let names: Vec<_> = (0..3).map(|at| &seen[at]["header"]["kid"]).collect();
    assert_eq!(names, ["edwards", "edwards", "new"], "{seen:#}");
    reload(&[new]);
    let seen = verified(&gateway, "orders", &[&first, &third]);
    assert!(seen[0]["error"].is_string() && seen[1]["claims"].is_object(), "{seen:#}");
}

#[test]
fn whoever_proves_nothing_is_said_to() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, &[(EDWARDS, "")], ""));
    let mark = backend.mark();
    assert_eq!(ask(&gateway, "GET", "/", "X-Identity-Token: x\r\n").status(), 401);
    assert!(backend.since(&mark).is_empty(), "no service was asked");
    assert_eq!(ask(&gateway, "GET", "/guests", "X-Identity-Token: x\r\n").status(), 200);
    let seen = backend.since(&mark);
    let (requests, _) = seen.last().expect("a connection").requests();
    let [token] = &requests.last().expect("a request").all("x-identity-token")[..] else {
        panic!()
    };
    let claims = token.split('.').nth(1).expect("three parts");
    assert!(claims.len() > 20 && token.starts_with("eyJ"), "{token}");
}
