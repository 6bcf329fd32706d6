//! Who is known by a certificate: real handshakes, kept connections, resumed sessions, and consumers that
//! change meanwhile.

use std::fs;
use std::net::SocketAddr;

use yumen_e2e::certificates::{Authority, Unusual};
use yumen_e2e::rig::{LONG, Rig, put};
use yumen_e2e::tools::{Tool, have, run};
use yumen_e2e::{Backend, Gateway};

const USUAL: Unusual = Unusual { rsa: false, expired: false, client: false, serial: 0 };
const SHOWN: Unusual = Unusual { client: true, ..USUAL };

fn rig() -> Rig {
    let mut rig = Rig::new(&[
        ("own", &["a.test"], USUAL),
        ("ann", &["ann.test"], SHOWN),
        ("bob", &["bob.test"], SHOWN),
        ("both", &["ann.test", "bob.test"], SHOWN),
        ("nobody", &["nobody.test"], SHOWN),
        ("gone", &["gone.test"], SHOWN),
    ]);
    let other = Authority::new("others").sign_unusual(&["ann.test"], SHOWN);
    put(&rig.folder, "strange", &other);
    rig.tls = "client_certificates: { mode: optional, ca: '${file:FOLDER/ca.pem}' }".to_owned();
    rig.service = "policies: [{ kind: mtls-auth }, { kind: key-auth }]".to_owned();
    rig
}

fn fingerprint(rig: &Rig, name: &str) -> String {
    let file = rig.folder.join(format!("{name}.pem")).display().to_string();
    let out = run(Tool::Openssl, ["x509", "-noout", "-fingerprint", "-sha256", "-in", &file], LONG);
    out.well().split_once('=').expect("a value").1.trim().to_owned()
}

fn consumers(rig: &Rig) -> String {
    format!(
        "
consumers:
  - {{ name: ann, groups: [gold], certificates: [{{ name: 'dns:ANN.test' }}] }}
  - {{ name: bob, certificates: [{{ fingerprint: '{}' }}, {{ name: 'dns:bob.test', expires: 2020-01-01 }}] }}
  - {{ name: gone, disabled: true, certificates: [{{ name: 'dns:gone.test' }}] }}
  - {{ name: shop, keys: [{{ key: shop-key-1 }}] }}
",
        fingerprint(rig, "bob")
    )
}

/// The status, and who the service was told to be calling.
fn ask(
    rig: &Rig,
    backend: &Backend,
    web: SocketAddr,
    name: &str,
    more: &[&str],
) -> (String, String) {
    let file = |end: &str| rig.folder.join(format!("{name}.{end}")).display().to_string();
    let (certificate, key) = (file("pem"), file("key"));
    let mut arguments = vec!["-o", "/dev/null", "-w", "%{http_code}"];
    if !name.is_empty() {
        arguments.extend(["--cert", &certificate, "--key", &key]);
    }
    arguments.extend_from_slice(more);
    let mark = backend.mark();
    let status = rig.curl(web, "a.test", &arguments).well();
    let seen = backend.since(&mark);
    let mut requests = seen.iter().flat_map(|one| one.requests().0);
    let who = requests.next().map_or_else(String::new, |request| {
        let all = request.all("x-consumer-username");
        assert!(all.len() == 1, "{all:?}");
        all.first().map(ToString::to_string).unwrap_or_default()
    });
    (status, who)
}

#[test]
fn a_certificate_says_who_calls() {
    if !have(&[Tool::Curl, Tool::Openssl]) {
        return;
    }
    let backend = Backend::answering("hello");
    let rig = rig();
    let config = rig.config(&backend, &["own"], "") + &consumers(&rig);
    let gateway = Gateway::start(&config);
    let web = gateway.web();
    let spoofed = ["-H", "Client-Cert-Subject: CN=ann.test", "-H", "X-Consumer-Username: ann"];
    let key = [&spoofed[..], &["-H", "X-API-Key: shop-key-1"]].concat();
    for version in ["--http1.1", "--http2"] {
        for (name, more, status, who) in [
            ("ann", &spoofed[..], "200", "ann"),
            ("bob", &spoofed[..], "200", "bob"),
            ("nobody", &spoofed[..], "401", ""),
            ("gone", &spoofed[..], "401", ""),
            ("both", &spoofed[..], "401", ""),
            ("", &spoofed[..], "401", ""),
            ("", &key[..], "200", "shop"),
            // What is shown and not good does not get in with something else.
            ("nobody", &key[..], "401", ""),
        ] {
            let more = [more, &[version]].concat();
            let (told, caller) = ask(&rig, &backend, web, name, &more);
            assert_eq!((told.as_str(), caller.as_str()), (status, who), "{name} {more:?}");
        }
    }
    for (name, words) in [("nobody", "belongs to nobody"), ("both", "belongs to ann and to bob")] {
        let told = |line: &str| line.contains(words);
        assert!(gateway.stdout.wait(0, LONG, told).is_some(), "{name}");
    }
    // TLS has the first word: this one never gets to be asked about.
    let before = backend.connections();
    let file = |end: &str| rig.folder.join(format!("strange.{end}")).display().to_string();
    let done = rig.curl(web, "a.test", &["--cert", &file("pem"), "--key", &file("key")]);
    assert!(done.code != 0 && done.out.is_empty(), "{}", done.out);
    assert_eq!(backend.connections(), before);
    let challenges = rig.curl(web, "a.test", &["-i", "--http1.1"]).well();
    assert!(challenges.contains("WWW-Authenticate: Certificate realm=\"yumen\""), "{challenges}");
    assert!(challenges.contains("WWW-Authenticate: Key realm=\"yumen\""), "{challenges}");
}

#[test]
fn a_resumed_session_is_still_whose_it_was_and_a_consumer_that_goes_is_gone_there_too() {
    if !have(&[Tool::Curl, Tool::Openssl]) {
        return;
    }
    let backend = Backend::answering("hello");
    let rig = rig();
    let file = rig.folder.join("consumers.jsonl");
    let line = "{\"name\":\"ann\",\"certificates\":[{\"name\":\"dns:ann.test\"}]}\n";
    fs::write(&file, line).expect("a file");
    let config = rig.config(&backend, &["own"], "")
        + &format!("directory: {{ files: ['{}'] }}\n", file.display());
    let gateway = Gateway::start(&config);
    let web = gateway.web();
    let name = |end: &str| rig.folder.join(format!("ann.{end}")).display().to_string();
    let (certificate, key) = (name("pem"), name("key"));
    let session = rig.folder.join("session").display().to_string();
    let request = rig.folder.join("request");
    fs::write(&request, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
        .expect("a file");
    let s_client = |more: &[&str]| {
        let script = format!(
            "(cat '{}'; sleep 1) | timeout 30 openssl s_client -ign_eof -connect {web} -servername a.test -CAfile '{}' -cert '{certificate}' -key '{key}' {}",
            request.display(),
            rig.folder.join("ca.pem").display(),
            more.join(" ")
        );
        let done =
            std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell");
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    let first = s_client(&["-tls1_2", "-sess_out", &session]);
    assert!(first.contains("New, TLSv1.2") && first.contains(" 200 OK"), "{first}");
    let second = s_client(&["-tls1_2", "-sess_in", &session]);
    assert!(second.contains("Reused, TLSv1.2") && second.contains(" 200 OK"), "{second}");
    fs::write(&file, "{\"name\":\"bob\"}\n").expect("a file");
    let deadline = std::time::Instant::now() + LONG;
    while ask(&rig, &backend, web, "ann", &[]).0 != "401" {
        assert!(std::time::Instant::now() < deadline, "ann is still let in");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let third = s_client(&["-tls1_2", "-sess_in", &session]);
    assert!(third.contains("Reused, TLSv1.2") && third.contains(" 401 "), "{third}");
}
