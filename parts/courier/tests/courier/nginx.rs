//! HTTP/1.1 and TLS towards nginx, and a connection that it closes.

use std::fs;

use yumen_courier::{Courier, Fault};
use yumen_e2e::certificates::{Authority, Unusual};
use yumen_e2e::tools::{Server, Tool, have};
use yumen_tls::{Client, ClientText};

use crate::rig::{courier, get, post, run, sentence, settings};

#[test]
fn requests_share_a_connection_until_nginx_closes_it() {
    if !have(&[Tool::Nginx]) {
        return;
    }
    let http = "keepalive_requests 3; server { listen LISTEN; \
        location / { return 200 \"$connection $connection_requests\"; } \
        location /small { client_max_body_size 10; return 200 x; } }";
    let (_server, address) = Server::nginx(http, |_| {});
    let courier = courier(address);
    run(async {
        let mut seen = Vec::new();
        for _ in 0..7 {
            let answer = courier.ask(&post("/", "x")).await.unwrap();
            let body = String::from_utf8(answer.body).unwrap();
            let (connection, number) = body.split_once(' ').unwrap();
            seen.push((connection.to_owned(), number.to_owned()));
        }
        let numbers: Vec<&str> = seen.iter().map(|(_, number)| number.as_str()).collect();
        assert_eq!(numbers, ["1", "2", "3", "1", "2", "3", "1"]);
        let large = "x".repeat(8 << 20);
        match courier.ask(&post("/small", &large)).await {
            Ok(answer) => assert_eq!(answer.status.code(), 413),
            Err(fault) => assert!(matches!(fault, Fault::Closed { .. }), "{fault}"),
        }
        assert_eq!(courier.ask(&get("/")).await.unwrap().status.code(), 200);
    });
}

#[test]
fn nginx_with_tls_is_asked_with_a_certificate() {
    if have(&[Tool::Nginx]) {
        ["TLSv1.2", "TLSv1.3"].into_iter().for_each(ask_inside);
    }
}

fn ask_inside(version: &str) {
    let authority = Authority::new("nginx");
    let own = authority.sign(&["localhost"]);
    let http = "server { listen LISTEN ssl; ssl_certificate FOLDER/own.pem; \
        ssl_certificate_key FOLDER/own.key; ssl_client_certificate FOLDER/ca.pem; \
        ssl_verify_client on; location / { return 200 \"$ssl_client_s_dn $ssl_protocol\"; } }";
    let http =
        http.replace("ssl_certificate ", &format!("ssl_protocols {version}; ssl_certificate "));
    let (_server, address) = Server::nginx(&http, |folder| {
        fs::write(folder.join("own.pem"), &own.certificate).unwrap();
        fs::write(folder.join("own.key"), &own.key).unwrap();
        fs::write(folder.join("ca.pem"), &authority.certificate).unwrap();
    });
    let url = format!("https://localhost:{}", address.port());
    let shown = authority.sign_unusual(&["me"], Unusual { client: true, ..Unusual::default() });
    let text =
        |own| ClientText { ca: Some(authority.certificate.clone()), own, ..ClientText::default() };
    let client = |own| Some(Client::compile(text(own)).unwrap());
    let own = Some((shown.certificate, shown.key));
    let courier = Courier::new(settings(&url, client(own))).unwrap();
    run(async {
        for _ in 0..3 {
            let answer = courier.ask(&get("/")).await.unwrap();
            assert_eq!(String::from_utf8(answer.body).unwrap(), format!("CN=me {version}"));
        }
    });
    // nginx tells those without a certificate inside of TLS.
    let courier = Courier::new(settings(&url, client(None))).unwrap();
    assert_eq!(run(courier.ask(&get("/"))).unwrap().status.code(), 400);
    let stranger = Client::compile(ClientText {
        ca: Some(Authority::new("stranger").certificate),
        ..ClientText::default()
    });
    let courier = Courier::new(settings(&url, stranger.ok())).unwrap();
    let said = sentence(run(courier.ask(&get("/"))));
    assert!(said.contains("UnknownIssuer"), "{said}");
}
