//! People who log in with a provider: a certified one, with a browser, and with clients that do what no
//! browser would.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use yumen_e2e::certificates::Unusual;
use yumen_e2e::rig::{Rig, pair};
use yumen_e2e::tools::{Server, Tool, free_address, have, peer, run};
use yumen_e2e::{Backend, Gateway, Recorded, Step, ok, raw};

/// A browser, and many logins, take their time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);
const PAGE: &str = include_str!("../peers/openid.html");
const RIGHT: &str = "at=/start?a=b,readable=false,without=basic:401,renewed=true,together=true,again=200,\
                     once more=200";

fn provider(
    at: Option<SocketAddr>,
    (key, signer): (&str, &str),
    base: &str,
    inside: &str,
) -> (Server, SocketAddr) {
    let port = at.map_or(0, |at| at.port()).to_string();
    let gateway = json!({
        "redirect": format!("{base}/login/done"),
        "returnTo": format!("{base}/bye"),
        "after": format!("{base}/after"),
        "backchannel": format!("http://{inside}/logout/told"),
        "signer": signer,
    });
    Server::script_with(Tool::Node, "oidc_provider.mjs", [&port, key, &gateway.to_string()])
}

/// A private key that the provider knows the public half of.
fn signing_key() -> String {
    rcgen::KeyPair::generate().expect("a key").serialize_pem()
}

/// A configuration; the listener `web` is written by the caller.
fn config(web: &str, inside: &str, provider: SocketAddr, base: &str, backend: &Backend) -> String {
    format!(
        "
listeners:
  - {web}
  - {{ name: inside, address: '{inside}' }}
status: {{ address: '127.0.0.1:0' }}
consumers: [{{ name: ada, groups: [staff] }}, {{ name: program }}]
services:
  - name: backend
    url: http://{}
    routes:
      - name: all
        match: {{ paths: ['/*'] }}
        policies:
          - kind: openid-connect
            config:
              issuer: http://{provider}
              client_id: shop
              client_secret: a secret of the shop
              redirect_uri: {base}/login/done
              scopes: [email]
              session: {{ cookie: session, keys: [a key of the test with at least 32 bytes], idle: 20m, lifetime: 1h }}
              logout: {{ path: /logout, return_to: {base}/bye, backchannel_path: /logout/told }}
              bearer: {{ audiences: ['urn:shop:api'], typ: at+jwt, strip: true }}
              client_credentials: {{ }}
              claims_to_headers: {{ X-Email: email, X-Roles: roles }}
              access_token_in: X-Access
      - name: open
        match: {{ paths: [/open] }}
        policies: [{{ kind: anonymous }}]
",
        backend.authority()
    )
}

/// Tells what it is told.
fn service(provider: SocketAddr) -> Backend {
    let page = PAGE.replace("PROVIDER", &format!("http://{provider}"));
    Backend::start(move |call| {
        let target = call.request.target();
        let first = |name: &str| call.request.all(name).into_iter().next();
        let is_page = first("accept").is_some_and(|accept| accept.contains("text/html"));
        let browser = first("user-agent").is_some_and(|agent| agent.contains("Mozilla"));
        if target == "/data" {
            return vec![Step::Body, ok(&first("x-access").unwrap_or_default())];
        }
        if browser && is_page {
            let length = page.len();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nCache-Control: no-store";
            return vec![
                Step::Body,
                raw(format!("{head}\r\nContent-Length: {length}\r\n\r\n{page}")),
            ];
        }
        let told = json!({
            "user": first("x-consumer-username"), "email": first("x-email"), "roles": first("x-roles"),
            "access": first("x-access"), "cookie": first("cookie"), "authorization": first("authorization"),
        });
        vec![Step::Body, ok(&told.to_string())]
    })
}

/// Nothing that browsers keep for the gateway came to the service.
fn check_seen(backend: &Backend) {
    let mut count = 0;
    for request in backend.recorded().iter().flat_map(|one| one.requests().0) {
        for cookie in request.all("cookie") {
            let own = cookie
                .split("; ")
                .find(|one| one.starts_with("session") || one.starts_with("__Host-session"));
            assert_eq!(own, None, "{}", request.target());
        }
        let path = request.target().split('?').next().unwrap_or_default();
        assert!(!["/login/done", "/logout", "/logout/told"].contains(&path), "{path}");
        count += 1;
    }
    assert!(count > 5, "{count}");
}

#[test]
fn a_browser_logs_in_and_out() {
    if !have(&[Tool::Chromium, Tool::Node]) {
        return;
    }
    let (web, inside) = (free_address(), free_address().to_string());
    let base = format!("https://site.example:{}", web.port());
    let pem = signing_key();
    let (_provider, at) = provider(None, ("first", &pem), &base, &inside);
    let backend = service(at);
    let rig = Rig::new(&[("site", &["site.example"], Unusual::default())]);
    let listener = format!(
        "{{ name: web, address: '{web}', tls: {{ certificates: [{}] }} }}",
        pair(&rig.folder, "site")
    );
    let gateway = Gateway::start(&config(&listener, &inside, at, &base, &backend));
    control(at, "accessTtl=4");
    let browser = Server::chromium(&rig.folder.join("profile"), "site.example", web.port());
    let reported = |all: &[Recorded]| {
        all.iter().flat_map(|one| one.requests().0).find(|one| one.target().starts_with("/report?"))
    };
    let in_time = backend.wait(PATIENCE, |all| reported(all).is_some());
    assert!(in_time, "no report: {:#?} {:#?}", browser.said(), gateway.stdout.all());
    let report = reported(&backend.recorded()).expect("a report");
    let report = report.target().trim_start_matches("/report?");
    assert_eq!(plain(report), RIGHT, "{:#?}", gateway.stdout.all());
    assert!(browser.end(PATIENCE), "the browser does not end");
    let seen = control(at, "accessTtl=4");
    let count =
        |grant: &str| seen["token"].as_array().unwrap().iter().filter(|one| *one == grant).count();
    assert_eq!(count("authorization_code"), 3, "{seen}");
    assert!(count("refresh_token") >= 1, "{seen}");
    assert!(seen["logouts"].as_u64() >= Some(1), "{seen}");
    check_seen(&backend);
    // The cookie is bound to the host, and no line of the log has it, or a code.
    let lines = gateway.stdout.all().join("\n");
    assert!(!lines.contains("__Host-session="));
    assert!(lines.contains("code=***&state=***"));
    assert_eq!(lines.matches("code=").count(), lines.matches("code=***").count());
}

#[test]
fn clients_that_do_what_no_browser_would_get_nowhere() {
    if !have(&[Tool::Python, Tool::Node]) {
        return;
    }
    let (web, inside) = (free_address(), free_address().to_string());
    let base = format!("http://{web}");
    let pem = signing_key();
    let (provider_one, at) = provider(None, ("first", &pem), &base, &inside);
    let backend = service(at);
    let listener = format!("{{ name: web, address: '{web}' }}");
    let gateway = Gateway::start(&config(&listener, &inside, at, &base, &backend));
    let check = |provider: &Server, mode: &str, count: usize| {
        let script = peer("openid_client.py").display().to_string();
        let arguments = [script, base.clone(), format!("http://{at}"), mode.to_owned()];
        let said = run(Tool::Python, arguments, PATIENCE).well();
        let bad: Vec<_> = said.lines().filter(|line| !line.ends_with(": ok")).collect();
        assert!(bad.is_empty(), "{bad:#?} {:#?} {:#?}", gateway.stderr.all(), provider.said());
        assert_eq!(said.lines().count(), count, "{said}");
    };
    check(&provider_one, "all", 17);
    check_seen(&backend);
    // The same provider with other keys: what it signs with is found again, and nobody turns a hand.
    drop(provider_one);
    let (second, _) = provider(Some(at), ("second", &pem), &base, &inside);
    check(&second, "rotated", 1);
    // Who has a key instead of a secret proves that with a signature.
    let text = config(&listener, &inside, at, &base, &backend);
    let secret = "client_id: shop\n              client_secret: a secret of the shop";
    let key = format!(
        "client_id: signer\n              client_key: {}\n              client_key_algorithm: ES256\n              client_key_id: own",
        json!(pem)
    );
    gateway.reload(&text.replace(secret, &key)).expect("a good configuration");
    check(&second, "rotated", 1);
}

/// Tells the provider what to do from now on, and says what it saw.
fn control(provider: SocketAddr, query: &str) -> serde_json::Value {
    let answer = yumen_e2e::client::get(provider, &format!("/control?{query}"));
    serde_json::from_str(&answer.text()).expect("JSON")
}

/// What a percent-encoded text says.
fn plain(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).expect("a text")
}
