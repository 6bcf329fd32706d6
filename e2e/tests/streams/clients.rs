//! Real clients and servers through streams: openssl on both sides, Redis.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use yumen_e2e::certificates::{Authority, Issued};
use yumen_e2e::gateway::fresh_folder;
use yumen_e2e::tools::{Done, Server, Tool, free_address, have, run};
use yumen_e2e::{Backend, Gateway};

use crate::{ONE, config};

const LONG: Duration = Duration::from_secs(30);

fn keep(folder: &Path, name: &str, issued: &Issued) -> (String, String) {
    let at = |end: &str| folder.join(format!("{name}.{end}")).display().to_string();
    fs::write(at("pem"), &issued.certificate).expect("a file");
    fs::write(at("key"), &issued.key).expect("a file");
    (at("pem"), at("key"))
}

/// `openssl s_server`, which sends back every line the wrong way round.
fn s_server(folder: &Path, name: &str, issued: &Issued) -> (Server, SocketAddr) {
    let (certificate, key) = keep(folder, name, issued);
    let address = free_address();
    let accept = address.to_string();
    let arguments =
        ["s_server", "-accept", &accept, "-cert", &certificate, "-key", &key, "-rev", "-quiet"];
    (Server::listening(Tool::Openssl, arguments, address), address)
}

fn s_client(web: SocketAddr, ca: &Path, more: &str, says: &str) -> String {
    let line = format!(
        "(printf '{says}\\n'; sleep 0.5) | timeout 20 openssl s_client -connect {web} \
         -CAfile {} -verify_return_error {more}",
        ca.display()
    );
    let output = Command::new("sh").args(["-c", &line]).output().expect("a shell");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn openssl_meets_the_server_that_it_asks_for() {
    if !have(&[Tool::Openssl]) {
        return;
    }
    let folder = fresh_folder("streams");
    let authority = Authority::new("test authority");
    let ca = folder.join("ca.pem");
    fs::write(&ca, &authority.certificate).expect("a file");
    let (_one, one) = s_server(&folder, "one", &authority.sign(&["one.test"]));
    let (_two, two) = s_server(&folder, "two", &authority.sign(&["*.two.test"]));
    let streams = "protocol: tls, streams: [{ name: one, server_names: [one.test], service: one }, \
                   { name: two, service: two }]";
    let gateway = Gateway::start(&config(streams, &[("one", &[one]), ("two", &[two])], ""));
    for (more, subject, name) in [
        ("-servername one.test -verify_hostname one.test", "CN = one.test", "one"),
        ("-servername a.two.test -verify_hostname a.two.test", "CN = *.two.test", "two"),
        ("-noservername", "CN = *.two.test", "two"),
        ("-servername one.test -tls1_2", "CN = one.test", "one"),
        ("-servername one.test -alpn h2,http/1.1", "CN = one.test", "one"),
    ] {
        let said = s_client(gateway.web(), &ca, more, "live");
        let is_his =
            said.lines().any(|line| line.starts_with("subject=") && line.contains(subject));
        assert!(is_his && said.contains("evil"), "{more}: {said}");
        let line =
            gateway.stdout.wait(0, LONG, |line| line.contains(&format!("\"route\":\"{name}\"")));
        assert!(line.is_some_and(|line| line.contains("\"protocol\":\"TLS\"")));
    }
    let _left = fs::remove_dir_all(folder);
}

/// With `tls` on a `tcp` listener, TLS ends here and what is inside passes.
#[test]
fn tls_may_end_before_the_stream() {
    if !have(&[Tool::Openssl, Tool::Curl]) {
        return;
    }
    let folder = fresh_folder("streams-ended");
    let authority = Authority::new("test authority");
    let ca = folder.join("ca.pem");
    fs::write(&ca, &authority.certificate).expect("a file");
    let (certificate, key) = keep(&folder, "both", &authority.sign(&["a.test", "b.test"]));
    let (one, two) = (Backend::answering("one"), Backend::answering("two"));
    let listener = format!(
        "protocol: tcp, tls: {{ certificates: [{{ certificate: '${{file:{certificate}}}', \
         key: '${{file:{key}}}' }}] }}, \
         streams: [{{ name: one, server_names: [a.test], service: one }}, \
                   {{ name: two, service: two }}]"
    );
    let services = [("one", &[one.address][..]), ("two", &[two.address])];
    let gateway = Gateway::start(&config(&listener, &services, ""));
    let web = gateway.web();
    let curl = |host: &str, scheme: &str| {
        let to = format!("{host}:{}:{web}", web.port());
        let url = format!("{scheme}://{host}:{}/", web.port());
        let ca = ca.display().to_string();
        run(Tool::Curl, ["-sS", "-m", "20", "--connect-to", &to, "--cacert", &ca, &url], LONG)
    };
    assert_eq!(curl("a.test", "https").well(), "one");
    assert_eq!(curl("b.test", "https").well(), "two");
    let said = s_client(web, &ca, "-servername a.test -alpn h2", "");
    assert!(said.contains("No ALPN negotiated"), "{said}");
    let Done { code, .. } = curl("a.test", "http");
    assert_ne!(code, 0, "clear text is refused");
    let refused = gateway.stdout.wait(0, LONG, |line| line.contains("\"tls_expected\""));
    assert!(refused.is_some(), "{:?}", gateway.stdout.all());
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn redis() {
    if !have(&[Tool::RedisServer, Tool::RedisCli]) {
        return;
    }
    let folder = fresh_folder("redis");
    let address = free_address();
    let port = address.port().to_string();
    let dir = folder.display().to_string();
    let arguments =
        ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", &dir];
    let _server = Server::listening(Tool::RedisServer, arguments, address);
    let gateway = Gateway::start(&config(ONE, &[("one", &[address])], ""));
    let port = gateway.web().port().to_string();
    let cli = |more: &[&str]| {
        run(Tool::RedisCli, [&["-h", "127.0.0.1", "-p", &port][..], more].concat(), LONG).well()
    };
    assert_eq!(cli(&["ping"]), "PONG");
    assert_eq!(cli(&["set", "gate", "yumen"]), "OK");
    assert_eq!(cli(&["get", "gate"]), "yumen");
    // A thousand commands on one connection, and an answer of some size.
    assert_eq!(cli(&["-r", "1000", "incr", "count"]).lines().last(), Some("1000"));
    assert_eq!(cli(&["setrange", "large", "4000000", "x"]), "4000001");
    assert_eq!(cli(&["strlen", "large"]), "4000001");
    assert_eq!(
        cli(&["--raw", "getrange", "large", "0", "-1"]).trim_end_matches('\n').len(),
        4_000_001
    );
    let _left = fs::remove_dir_all(folder);
}
