//! Certificates that clients show, with real clients: who is let in, what services are told, and
//! that neither a kept connection nor a resumed session gets around it.

use std::fs;
use std::net::SocketAddr;

use yumen_e2e::certificates::{Authority, Unusual};
use yumen_e2e::rig::{LONG, Rig, put};
use yumen_e2e::tools::{Done, Tool, have, peer, run};
use yumen_e2e::{Backend, Message};

const USUAL: Unusual = Unusual { rsa: false, expired: false, client: false, serial: 0 };
const SHOWN: Unusual = Unusual { client: true, ..USUAL };

/// `a.test` asks for nothing, `admin.test` for a certificate, `free.test` takes one; serial 66 is
/// revoked.
fn rig() -> Rig {
    let mut rig = Rig::new(&[
        ("own", &["a.test", "admin.test", "free.test"], USUAL),
        ("good", &["alice.test"], Unusual { serial: 0x1a2b, ..SHOWN }),
        ("later", &["bob.test"], Unusual { serial: 77, ..SHOWN }),
        ("revoked", &["mallory.test"], Unusual { serial: 66, ..SHOWN }),
        ("expired", &["old.test"], Unusual { expired: true, ..SHOWN }),
    ]);
    let other = Authority::new("others").sign_unusual(&["strange.test"], SHOWN);
    put(&rig.folder, "strange", &other);
    fs::write(rig.folder.join("crl.pem"), rig.authority.revoke(&[66])).unwrap();
    rig.tls = "hosts:
        - names: [admin.test]
          client_certificates: { mode: required, ca: '${file:FOLDER/ca.pem}', crl: '${file:FOLDER/crl.pem}' }
        - names: [free.test]
          client_certificates: { mode: optional, ca: '${file:FOLDER/ca.pem}' }"
        .to_owned();
    rig.service =
        "client_certificate: [certificate, chain, subject, issuer, names, serial, fingerprint]"
            .to_owned();
    rig
}

fn show(folder: &str, name: &str) -> [String; 4] {
    let file = |end: &str| format!("{folder}/{name}.{end}");
    ["--cert".to_owned(), file("pem"), "--key".to_owned(), file("key")]
}

/// `curl`, which shows a certificate if it is given the name of one.
fn curl(rig: &Rig, web: SocketAddr, host: &str, name: &str, more: &[&str]) -> Done {
    let folder = rig.folder.display().to_string();
    let shown = show(&folder, name);
    let mut arguments: Vec<&str> = more.to_vec();
    if !name.is_empty() {
        arguments.extend(shown.iter().map(String::as_str));
    }
    rig.curl(web, host, &arguments)
}

/// What came of one call.
fn what_came(backend: &Backend, call: impl FnOnce()) -> Message {
    let mark = backend.mark();
    call();
    let recorded = backend.since(&mark);
    let mut requests = recorded.iter().flat_map(|one| one.requests().0);
    requests.next().expect("a request")
}

#[test]
fn who_shows_a_good_certificate_is_let_in() {
    if !have(&[Tool::Curl]) {
        return;
    }
    let backend = Backend::answering("hello");
    let mut rig = rig();
    let web = rig.start(&backend, &["own"], "");
    for (host, name) in [
        ("a.test", ""),
        ("a.test", "strange"),
        ("admin.test", "good"),
        ("free.test", ""),
        ("free.test", "good"),
    ] {
        for version in ["--tlsv1.3", "--tls-max=1.2", "--http1.1"] {
            // curl has no `--option=value`.
            let option: Vec<&str> = version.split('=').collect();
            assert_eq!(curl(&rig, web, host, name, &option).well(), "hello", "{host} {name}");
        }
    }
    let lines = rig.gateway().stdout.count();
    for (host, name, cause) in [
        ("admin.test", "", "no certificate"),
        ("admin.test", "revoked", "Revoked"),
        ("admin.test", "expired", "expired"),
        ("admin.test", "strange", "UnknownIssuer"),
        ("free.test", "strange", "UnknownIssuer"),
        ("free.test", "expired", "expired"),
    ] {
        for version in ["--tlsv1.3", "--tls-max=1.2"] {
            let before = backend.connections();
            let option: Vec<&str> = version.split('=').collect();
            // curl says of some alerts that the verification failed (60). On a machine that is
            // very busy the gateway may be gone before it looks.
            let is_told = (0..3).any(|_| {
                let done = curl(&rig, web, host, name, &option);
                assert!(done.code != 0 && done.out.is_empty(), "{host} {name}: {}", done.out);
                done.err.contains("alert") || done.code == 60
            });
            assert!(is_told, "{host} {name}");
            assert_eq!(backend.connections(), before, "{host} {name}");
            let told = |line: &str| line.contains("tls_expected") && line.contains(cause);
            let line = rig.gateway().stdout.wait(lines, LONG, told);
            assert!(line.is_some(), "{host} {name}: {:?}", rig.gateway().stdout.all());
        }
    }
}

#[test]
fn services_are_told_who_it_is() {
    if !have(&[Tool::Curl, Tool::Openssl]) {
        return;
    }
    let backend = Backend::answering("hello");
    let mut rig = rig();
    let web = rig.start(&backend, &["own"], "");
    let file = rig.folder.join("good.pem");
    let said = |what: &[&str]| {
        let shown = ["x509", "-noout", "-in"].iter().map(ToString::to_string);
        let shown = shown.chain([file.display().to_string()]);
        let what = what.iter().map(ToString::to_string);
        let out = run(Tool::Openssl, shown.chain(what), LONG).well();
        out.split_once('=').expect("a value").1.trim().to_owned()
    };
    let serial = said(&["-serial"]).to_ascii_lowercase();
    let fingerprint = said(&["-fingerprint", "-sha256"]).replace(':', "").to_ascii_lowercase();
    let base64 = |pem: &str| {
        let lines = pem.lines().filter(|line| !line.starts_with("-----"));
        lines.collect::<String>()
    };
    let shown = base64(&fs::read_to_string(&file).unwrap());
    // What a client says of itself is worth nothing, whatever it showed.
    let lies = ["Client-Cert", "client-cert-chain", "Client-Cert-Subject", "Client-Cert-Names"];
    let lies = lies.map(|name| format!("{name}: :bGllcw==:"));
    let mut lies: Vec<&str> = lies.iter().flat_map(|lie| ["-H", lie]).collect();
    lies.extend(["-H", "Client_Cert: x", "-H", "Client-Cert-Other: x"]);
    for version in ["--http1.1", "--http2"] {
        let more = [&lies[..], &[version]].concat();
        let seen = what_came(&backend, || {
            assert_eq!(curl(&rig, web, "admin.test", "good", &more).well(), "hello");
        });
        assert_eq!(seen.all("client-cert"), [format!(":{shown}:")]);
        assert_eq!(seen.all("client-cert-serial"), [serial.as_str()]);
        assert_eq!(seen.all("client-cert-fingerprint"), [fingerprint.as_str()]);
        assert_eq!(seen.all("client-cert-names"), ["\"dns:alice.test\""]);
        assert!(seen.one("client-cert-subject").contains("CN=alice.test"));
        assert!(seen.one("client-cert-issuer").contains("CN=tests"));
        // curl shows what it was told to believe too.
        let authority = base64(&rig.authority.certificate);
        assert_eq!(seen.all("client-cert-chain"), [format!(":{authority}:")]);
        for none in ["client-cert-other", "client_cert"] {
            assert!(seen.all(none).is_empty(), "{none}: {:?}", seen.all(none));
        }
        for (host, name) in [("a.test", "good"), ("a.test", ""), ("free.test", "")] {
            let seen = what_came(&backend, || {
                assert_eq!(curl(&rig, web, host, name, &more).well(), "hello");
            });
            let told = seen
                .fields
                .iter()
                .filter(|(field, _)| field.to_ascii_lowercase().starts_with("client"));
            assert_eq!(told.count(), 0, "{host}: {:?}", seen.fields);
        }
    }
}

#[test]
fn a_host_with_other_settings_wants_its_own_connection() {
    if !have(&[Tool::Curl]) {
        return;
    }
    let backend = Backend::answering("hello");
    let mut rig = rig();
    let web = rig.start(&backend, &["own"], "");
    let out = ["-o", "/dev/null", "-w", "%{http_code} %{http_version}"];
    for (version, shown) in [("--http1.1", "1.1"), ("--http2", "2")] {
        for (named, asked, status) in [
            ("a.test", "a.test", 200),
            ("a.test", "other.test", 200),
            ("a.test", "admin.test", 421),
            ("a.test", "ADMIN.test:1234", 421),
            ("a.test", "admin.test.", 421),
            ("a.test", "free.test", 421),
            ("admin.test", "admin.test", 200),
            ("admin.test", "a.test", 421),
            ("free.test", "admin.test", 421),
        ] {
            let host = format!("Host: {asked}");
            let more = [&out[..], &[version, "-H", &host]].concat();
            let done = curl(&rig, web, named, "good", &more);
            assert_eq!(done.well(), format!("{status} {shown}"), "{named} {asked}");
        }
    }
    let misdirected = |line: &str| line.contains("\"misdirected\"") && line.contains("a.test");
    assert!(rig.gateway().stdout.wait(0, LONG, misdirected).is_some());
    // Without any name in the handshake.
    let url = format!("https://{web}/");
    let more = [&out[..], &["-k", "--http1.1", "-H", "Host: admin.test", &url]].concat();
    assert_eq!(rig.curl(web, "a.test", &more).well(), "421 1.1");
}

#[test]
fn what_is_revoked_while_connections_are_open_ends_there() {
    if !have(&[Tool::Python]) {
        return;
    }
    let backend = Backend::answering("hello");
    let mut rig = rig();
    let web = rig.start(&backend, &["own"], "");
    let folder = rig.folder.display().to_string();
    let go = rig.folder.join("go");
    let seen = rig.gateway().stderr.count();
    std::thread::scope(|scope| {
        let expect = [("later", "421", "refused"), ("good", "200", "full 200")];
        let clients = expect.map(|(name, kept, fresh)| {
            let script = peer("tls_client.py").display().to_string();
            let (web, go) = (web.to_string(), go.display().to_string());
            let arguments = [&script, &web, &folder, name, &go, kept, fresh];
            let arguments = arguments.map(str::to_owned);
            scope.spawn(move || run(Tool::Python, arguments, LONG))
        });
        for name in ["later", "good"] {
            let deadline = std::time::Instant::now() + LONG;
            while !rig.folder.join(format!("{name}.ready")).exists() {
                assert!(std::time::Instant::now() < deadline, "{name} is not ready");
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        }
        let fresh = rig.folder.join("crl.new");
        fs::write(&fresh, rig.authority.revoke(&[66, 77])).unwrap();
        fs::rename(fresh, rig.folder.join("crl.pem")).unwrap();
        let live = |line: &str| line.contains("is live");
        assert!(rig.gateway().stderr.wait(seen, LONG, live).is_some());
        fs::write(&go, "").unwrap();
        let [later, good] = clients.map(|client| client.join().unwrap().well());
        assert_eq!(later, "200 resumed 200\n421\nrefused");
        assert_eq!(good, "200 resumed 200\n200\nfull 200");
    });
}

#[test]
fn a_session_is_not_resumed_for_another_name() {
    if !have(&[Tool::Openssl]) {
        return;
    }
    let backend = Backend::answering("hello");
    let mut rig = rig();
    let web = rig.start(&backend, &["own"], "");
    let file = |name: &str| rig.folder.join(name).display().to_string();
    let (good, key, kept) = (file("good.pem"), file("good.key"), file("session"));
    let ask = |name: &str, more: &[&str]| {
        let usual = ["-tls1_2", "-servername", name];
        rig.s_client(web, &[&usual[..], more].concat()).out
    };
    let first = ask("admin.test", &["-cert", &good, "-key", &key, "-sess_out", &kept]);
    assert!(first.contains("New, TLSv1.2"), "{first}");
    let again = ask("admin.test", &["-sess_in", &kept]);
    assert!(again.contains("Reused, TLSv1.2"), "{again}");
    for name in ["a.test", "free.test"] {
        let other = ask(name, &["-sess_in", &kept]);
        assert!(other.contains("New, TLSv1.2"), "{name}: {other}");
    }
    let open = ask("a.test", &["-sess_out", &kept]);
    assert!(open.contains("New, TLSv1.2"), "{open}");
    let strict = ask("admin.test", &["-sess_in", &kept]);
    assert!(!strict.contains("Reused"), "{strict}");
}
