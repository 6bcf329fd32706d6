//! Fields that name who is asking belong to the gateway (catalogue entries 61 to 71).

use yumen_e2e::corpus::{Case, Seen, answered, case, forward, seen};

fn with(fields: &str) -> Vec<u8> {
    format!("GET /x HTTP/1.1\r\nHost: test.example\r\n{fields}\r\n").into_bytes()
}

fn x() -> Seen {
    seen("GET", "/x")
}

/// `backend` is the service's `host:port`.
pub fn cases(backend: &str) -> Vec<Case> {
    let mut list: Vec<Case> = [
        ("64 Forwarded", "Forwarded"),
        ("64 X-Real-IP", "X-Real-IP"),
        ("64 X-Forwarded-Prefix", "X-Forwarded-Prefix"),
        ("65 Client-Cert", "Client-Cert"),
        ("65 Client-Cert-Chain", "Client-Cert-Chain"),
        ("65 X-Forwarded-Client-Cert", "X-Forwarded-Client-Cert"),
        ("66 X-Consumer-ID", "X-Consumer-ID"),
        ("66 X-Consumer-Username", "X-Consumer-Username"),
        ("66 X-Consumer-Groups", "X-Consumer-Groups"),
        ("66 X-Userinfo", "X-Userinfo"),
        ("68 Proxy", "Proxy"),
        ("57 X-Original-URL", "X-Original-URL"),
        ("69 Keep-Alive", "Keep-Alive"),
        ("69 Proxy-Connection", "Proxy-Connection"),
        ("69 Proxy-Authenticate", "Proxy-Authenticate"),
        ("63 X_Forwarded_For", "X_Forwarded_For"),
        ("63 X_Consumer_ID", "X_Consumer_ID"),
    ]
    .into_iter()
    .map(|(name, field)| {
        let fields = format!("{field}: 6.6.6.6\r\n");
        case(name, with(&fields), forward([x().lacks(field).has("x-forwarded-for", "127.0.0.1")]))
    })
    .collect();
    list.extend(spoofed());
    list.extend(hops());
    list.extend(believed());
    list.push(case(
        "clean: what a service is told",
        with("A: b\r\n"),
        forward([x()
            .has("a", "b")
            .has("host", backend)
            .has("via", "1.1 yumen")
            .has("x-forwarded-for", "127.0.0.1")
            .has("x-forwarded-proto", "http")
            .has("x-forwarded-host", "test.example")
            .lacks("forwarded")]),
    ));
    let kept = "Authorization: Bearer x\r\nCookie: a=b\r\nAccept: */*\r\nUser-Agent: e2e\r\n";
    let right = x().has("authorization", "Bearer x").has("cookie", "a=b").has("user-agent", "e2e");
    list.push(case("clean: what is the client's own", with(kept), forward([right])));
    list
}

fn spoofed() -> Vec<Case> {
    let own = || x().has("x-forwarded-for", "127.0.0.1");
    let many = vec!["6.6.6.6"; 500].join(", ");
    let proto = "X-Forwarded-Proto: https\r\n";
    let host = "X-Forwarded-Host: evil.example\r\n";
    let trace = "TRACE /x HTTP/1.1\r\nHost: test.example\r\nMax-Forwards: 0\r\n\r\n";
    vec![
        case("61 X-Forwarded-For", with("X-Forwarded-For: 6.6.6.6\r\n"), forward([own()])),
        case("61 in two lines", with("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\n"), forward([own()])),
        case("61 in another case", with("x-FORWARDED-for: 6.6.6.6\r\n"), forward([own()])),
        case("61 500 entries", with(&format!("X-Forwarded-For: {many}\r\n")), forward([own()])),
        case("61 empty", with("X-Forwarded-For:\r\n"), forward([own()])),
        case("61 localhost", with("X-Forwarded-For: 127.0.0.1, 127.0.0.1\r\n"), forward([own()])),
        case("64 X-Forwarded-Proto", with(proto), forward([own().has("x-forwarded-proto", "http")])),
        case("64 X-Forwarded-Host", with(host), forward([own().has("x-forwarded-host", "test.example")])),
        case("64 X-Forwarded-Port", with("X-Forwarded-Port: 6666\r\n"), forward([own().lacks("x-forwarded-port=6666")])),
        case("64 Forwarded with our name", with("Forwarded: for=6.6.6.6;by=yumen\r\n"), forward([own().lacks("forwarded")])),
        case("70 TRACE with Max-Forwards 0", trace, answered(&[405, 501])),
        case("71 control fields of others", with("X-Envoy-Upstream-Rq-Timeout-Ms: 1\r\n"), forward([own()])),
    ]
}

fn hops() -> Vec<Case> {
    let own = || x().has("x-forwarded-for", "127.0.0.1");
    let named = |names: &str, more: &str| with(&format!("Connection: {names}\r\n{more}"));
    vec![
        case("62 Connection names X-Forwarded-For", named("X-Forwarded-For", ""), forward([own()])),
        case("62 and keep-alive", named("keep-alive, x-forwarded-for", "X-Forwarded-For: 6.6.6.6\r\n"), forward([own()])),
        case("62 Connection names X-Forwarded-Proto and -Host", named("X-Forwarded-Proto, X-Forwarded-Host", ""), forward([own().has("x-forwarded-proto", "http").has("x-forwarded-host", "test.example")])),
        case("62 Connection names Via", named("Via", ""), forward([own().has("via", "1.1 yumen")])),
        case("62 Connection names Host", named("Host", ""), forward([own()])),
        case("69 Connection names a field", named("A, close", "A: b\r\n"), forward([own().lacks("a")]).then_close()),
        case("69 in two lines", named("A", "Connection: B\r\nA: b\r\nB: c\r\nC: d\r\n"), forward([own().lacks("a").lacks("b").has("c", "d")])),
        case("69 TE", named("TE", "TE: gzip, deflate\r\n"), forward([own().lacks("te=gzip")])),
        case("69 TE without Connection", with("TE: gzip\r\n"), forward([own().lacks("te")])),
        case("69 Upgrade to something unknown", named("Upgrade", "Upgrade: TLS/1.0\r\n"), forward([own().lacks("upgrade")])),
        case("69 Upgrade without Connection", with("Upgrade: websocket\r\n"), forward([own().lacks("upgrade")])),
        case("69 Connection with junk", named(",, ,A,", "A: b\r\n"), forward([own().lacks("a")]).or_refuse()),
    ]
}

/// The listener that trusts its peers extends what they say.
fn believed() -> Vec<Case> {
    let told = |fields: &str| with(fields);
    let many = vec!["6.6.6.6"; 500].join(", ");
    let cases = vec![
        case("61 trusted: extended", told("X-Forwarded-For: 1.2.3.4\r\n"), forward([x().has("x-forwarded-for", "1.2.3.4, 127.0.0.1")])),
        case("61 trusted: two lines are one list", told("X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\n"), forward([x().has("x-forwarded-for", "1.2.3.4, 5.6.7.8, 127.0.0.1")])),
        case("61 trusted: nothing said", told(""), forward([x().has("x-forwarded-for", "127.0.0.1")])),
        case("61 trusted: 500 entries are cut", told(&format!("X-Forwarded-For: {many}\r\n")), forward([x().lacks(&format!("x-forwarded-for={}", vec!["6.6.6.6"; 100].join(", ")))]).or_refuse()),
        case("64 trusted: X-Forwarded-Proto", told("X-Forwarded-Proto: https\r\n"), forward([x().has("x-forwarded-proto", "https")])),
        case("64 trusted: X-Forwarded-Host", told("X-Forwarded-Host: public.example\r\n"), forward([x().has("x-forwarded-host", "public.example")])),
        case("64 trusted: nonsense for a scheme", told("X-Forwarded-Proto: gopher\r\n"), forward([x().lacks("x-forwarded-proto=gopher")]).or_refuse()),
        case("66 trusted: identity still is the gateway's", told("X-Consumer-ID: root\r\n"), forward([x().lacks("x-consumer-id")])),
    ];
    cases.into_iter().map(|case| Case { trusted: true, ..case }).collect()
}
