//! Certificates by ACME, from Pebble: the first one by either challenge, renewal, restart, an
//! authority that is down, refuses nonces or names, and several processes with one state folder.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use yumen_e2e::certificates::Authority;
use yumen_e2e::gateway::{Launch, fresh_folder, yumen};
use yumen_e2e::pebble::{Habits, Pebble};
use yumen_e2e::tools::{Done, Tool, have, run};
use yumen_e2e::{Backend, Gateway, SOON, get};

/// Longer than a name rests after an order that failed: on a busy machine one may.
const LONG: Duration = Duration::from_secs(240);

fn tools() -> bool {
    have(&[Tool::Pebble, Tool::Curl, Tool::Openssl])
}

/// A gateway with a listener in clear text and one with TLS, for these names; none: no TLS yet.
fn config(backend: &Backend, acme: &str, names: &str) -> String {
    let tls = if names.is_empty() { String::new() } else { format!("tls: {{ acme: [{names}] }}") };
    format!(
        "
listeners:
  - name: web
    address: 127.0.0.1:0
  - name: secure
    address: 127.0.0.1:0
    {tls}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: http://{}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
{acme}
",
        backend.authority()
    )
}

/// A gateway that has its ports, and Pebble that knows them but does not run yet.
struct Rig {
    backend: Backend,
    pebble: Pebble,
    gateway: Gateway,
    state: PathBuf,
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.state);
    }
}

impl Rig {
    fn new() -> Self {
        let backend = Backend::answering("hello");
        let state = fresh_folder("acme");
        let gateway = launch(&config(&backend, "", ""), &state);
        Self { pebble: Pebble::new(), backend, gateway, state }
    }

    fn habits(&self) -> Habits {
        Habits {
            http_port: self.gateway.web().port(),
            tls_port: self.secure().port(),
            ..Habits::default()
        }
    }

    fn secure(&self) -> SocketAddr {
        self.gateway.address("secure")
    }

    fn ask_for(&self, names: &str, more: &str) {
        let acme = self.pebble.config(more);
        self.gateway.reload(&config(&self.backend, &acme, names)).unwrap();
    }

    /// Waits for a line of the gateway.
    fn told(&self, part: &str) -> String {
        told(&self.gateway, part)
    }

    /// The files with certificates.
    fn kept(&self, name: &str) -> Option<PathBuf> {
        let folders = fs::read_dir(self.state.join("state/acme")).ok()?;
        let files =
            folders.flatten().map(|one| one.path().join(format!("certificates/{name}.pem")));
        files.into_iter().find(|file| file.exists())
    }
}

/// A gateway whose folder stays.
fn launch(yaml: &str, folder: &Path) -> Gateway {
    let how = Launch { folder: Some(folder.to_path_buf()), ..Launch::default() };
    Gateway::launch(yaml, how).unwrap()
}

fn told(gateway: &Gateway, part: &str) -> String {
    let line = gateway.stderr.wait(0, LONG, |line| line.contains(part));
    line.unwrap_or_else(|| panic!("nothing of {part}: {:#?}", gateway.stderr.all()))
}

/// Orders that were placed and did not fail.
fn orders(gateway: &Gateway) -> usize {
    let lines = gateway.stderr.all();
    let count = |part| lines.iter().filter(|line| line.contains(part)).count();
    count("ordering a certificate").saturating_sub(count("no certificate for shop.example: "))
}

fn curl(to: SocketAddr, host: &str, root: &Path) -> Done {
    let resolve = format!("{host}:{}:127.0.0.1", to.port());
    let url = format!("https://{host}:{}/", to.port());
    let root = root.to_str().unwrap();
    run(Tool::Curl, ["-sS", "--cacert", root, "--resolve", &resolve, &url], LONG)
}

/// The serial number of the certificate that a client is shown.
fn serial(to: SocketAddr, host: &str) -> String {
    let to = to.to_string();
    let shown = run(Tool::Openssl, ["s_client", "-connect", &to, "-servername", host], LONG);
    let file = fresh_folder("serial").join("shown.pem");
    fs::write(&file, shown.out).unwrap();
    let path = file.to_str().unwrap();
    let serial = run(Tool::Openssl, ["x509", "-noout", "-serial", "-in", path], LONG).well();
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
    serial
}

fn first_certificate(challenge: &str, refused: u8) {
    let mut rig = Rig::new();
    rig.pebble.start(Habits { nonces_refused: refused, ..rig.habits() });
    let more = format!("challenges: [{challenge}], contact: [ops@shop.example]");
    rig.ask_for("shop.example, WWW.shop.example", &more);
    // It serves in the meantime, and says what is missing.
    rig.told("there is no certificate for shop.example yet");
    assert_eq!(get(rig.gateway.web(), "/").status(), 200);
    for name in ["shop.example", "www.shop.example"] {
        rig.told(&format!("ordering a certificate for {name} ({challenge})"));
        rig.told(&format!("there is a new certificate for {name}"));
        let root = rig.pebble.root();
        assert_eq!(curl(rig.secure(), name, &root).well(), "hello");
        let file = rig.kept(name).expect("it is kept");
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let status = rig.gateway.status();
    let metrics = get(status, "/metrics");
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(metrics.contains("yumen_acme_orders_total{result=\"good\"} 2"), "{metrics}");
    let expiry = "yumen_acme_certificate_expiry_timestamp_seconds{name=\"www.shop.example\"} ";
    assert!(metrics.contains(expiry), "{metrics}");
    // Killed and started again without the authority: what is kept serves at once.
    let root = fs::read(rig.pebble.root()).unwrap();
    let root_file = rig.state.join("root.pem");
    fs::write(&root_file, root).unwrap();
    let before = serial(rig.secure(), "shop.example");
    rig.gateway.signal("KILL");
    rig.gateway.exit(SOON).expect("killed");
    rig.pebble.stop();
    let yaml = fs::read_to_string(rig.state.join("yumen.yaml")).unwrap();
    rig.gateway = launch(&yaml, &rig.state);
    assert_eq!(curl(rig.secure(), "shop.example", &root_file).well(), "hello");
    assert_eq!(serial(rig.secure(), "shop.example"), before);
    // So does a process that takes over; neither places an order.
    rig.gateway.hand_over().unwrap();
    assert_eq!(serial(rig.secure(), "shop.example"), before);
    assert_eq!(orders(&rig.gateway), 0);
}

#[test]
fn the_first_certificate_comes_by_http() {
    if tools() {
        first_certificate("http-01", 5);
    }
}

#[test]
fn the_first_certificate_comes_by_handshake_though_nonces_are_refused() {
    if tools() {
        first_certificate("tls-alpn-01", 15);
    }
}

#[test]
fn an_authority_that_is_down_is_asked_again() {
    if !tools() {
        return;
    }
    let mut rig = Rig::new();
    rig.ask_for("shop.example, blocked.example", "external_account: { id: kid-1, key: zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W }");
    rig.told("trying again in");
    // Handshakes for the name fail, and nothing else does.
    let to = rig.secure().to_string();
    let shown =
        run(Tool::Openssl, ["s_client", "-connect", &to, "-servername", "shop.example"], LONG);
    assert!(!shown.out.contains("BEGIN CERTIFICATE"), "{shown:?}");
    assert_eq!(get(rig.gateway.web(), "/").status(), 200);
    let external =
        Some(("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"));
    rig.pebble.start(Habits { external, ..rig.habits() });
    rig.told("there is a new certificate for shop.example");
    assert_eq!(curl(rig.secure(), "shop.example", &rig.pebble.root()).well(), "hello");
    // A name that is refused rests, and takes no other with it.
    let line = rig.told("no certificate for blocked.example: ");
    assert!(line.contains("trying again in"), "{line}");
    // Requests that only look like the authority's go where all go.
    let path = "/.well-known/acme-challenge/unknown";
    let answer = get(rig.gateway.web(), path);
    assert_eq!((answer.status(), &answer.body[..]), (200, &b"hello"[..]));
    // Who asks for the challenge's protocol without one under way is shown nothing.
    let asked = ["s_client", "-connect", &to, "-servername", "shop.example", "-alpn", "acme-tls/1"];
    let asked = run(Tool::Openssl, asked, LONG);
    assert!(!asked.out.contains("BEGIN CERTIFICATE"), "{asked:?}");
}

#[test]
fn a_certificate_is_renewed_while_connections_go_on() {
    if !tools() {
        return;
    }
    let mut rig = Rig::new();
    rig.pebble.start(Habits { life: 40, ..rig.habits() });
    rig.ask_for("shop.example", "");
    rig.told("there is a new certificate for shop.example");
    let before = serial(rig.secure(), "shop.example");
    let root = rig.pebble.root();
    let deadline = Instant::now() + LONG;
    let mut answered = 0;
    while serial(rig.secure(), "shop.example") == before {
        assert!(Instant::now() < deadline, "{:#?}", rig.gateway.stderr.all());
        assert_eq!(curl(rig.secure(), "shop.example", &root).well(), "hello");
        answered += 1;
    }
    assert!(answered > 0);
    // A name that was taken out is not renewed: the next order would come within half a minute.
    rig.ask_for("other.example", "");
    rig.told("there is a new certificate for other.example");
}

#[test]
fn processes_with_one_folder_place_one_order() {
    if !tools() {
        return;
    }
    let mut rig = Rig::new();
    // The authority comes to the first, whoever has placed the order.
    rig.pebble.start(rig.habits());
    let folder = fresh_folder("acme-second");
    let second = {
        let yaml = config(&rig.backend, "", "");
        fs::create_dir_all(rig.state.join("state")).unwrap();
        std::os::unix::fs::symlink(rig.state.join("state"), folder.join("state")).unwrap();
        launch(&yaml, &folder)
    };
    let acme = rig.pebble.config("challenges: [http-01]");
    let yaml = config(&rig.backend, &acme, "shop.example");
    // The second one first, so that it is likely to be the one.
    second.reload(&yaml).unwrap();
    rig.gateway.reload(&yaml).unwrap();
    let root = {
        let deadline = Instant::now() + LONG;
        while orders(&second) + orders(&rig.gateway) == 0 || rig.kept("shop.example").is_none() {
            assert!(Instant::now() < deadline, "{:#?}", second.stderr.all());
            std::thread::sleep(Duration::from_millis(20));
        }
        rig.pebble.root()
    };
    for to in [rig.secure(), second.address("secure")] {
        let deadline = Instant::now() + LONG;
        while curl(to, "shop.example", &root).code != 0 {
            assert!(Instant::now() < deadline, "{to} does not show it");
        }
    }
    let placed = orders(&second) + orders(&rig.gateway);
    assert_eq!(placed, 1, "{:#?} {:#?}", second.stderr.all(), rig.gateway.stderr.all());
    drop(second);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_cannot_be_is_said() {
    let file = fresh_folder("acme-wrong").join("wrong.yaml");
    fs::write(file.with_file_name("ca.pem"), Authority::new("a").certificate).unwrap();
    let check = |acme: &str, names: &str, expect: &str| {
        let backend = Backend::answering("");
        fs::File::create(&file)
            .unwrap()
            .write_all(config(&backend, acme, names).as_bytes())
            .unwrap();
        let (code, out, err) = yumen(&["check", file.to_str().unwrap()]);
        let all = format!("{out}{err}");
        assert!(all.contains(expect), "{acme} {names}: {all}");
        assert_eq!(code == 0, expect.is_empty(), "{all}");
    };
    let good = "acme: { terms_agreed: true, ca: '${file:ca.pem}' }";
    check(good, "shop.example", "");
    check(good, "'*.shop.example'", "needs the challenge dns-01");
    check(good, "localhost", "is no name that an authority can issue for");
    check("", "shop.example", "add `acme: { terms_agreed: true }`");
    check("acme: { ca: '${file:ca.pem}' }", "shop.example", "are not agreed to");
    check(
        "acme: { terms_agreed: true, ca: '${file:ca.pem}', directory: 'http://a.b' }",
        "a.b",
        "is no directory",
    );
    check(
        "acme: { terms_agreed: true, ca: '${file:ca.pem}', contact: [ops] }",
        "a.b",
        "is no mail address",
    );
    check(
        "acme: { terms_agreed: true, ca: '${file:ca.pem}', challenges: [] }",
        "a.b",
        "there is no challenge",
    );
    check(
        "acme: { terms_agreed: true, ca: '${file:ca.pem}', challenges: [dns-01] }",
        "a.b",
        "dns-01",
    );
    check("acme: { terms_agreed: true, ca: x }", "a.b", "there is no certificate in the text");
    let key = "external_account: { id: a, key: 'secret!' }";
    check(
        &format!("acme: {{ terms_agreed: true, ca: '${{file:ca.pem}}', {key} }}"),
        "a.b",
        "is not in base64url",
    );
    fs::remove_dir_all(file.parent().unwrap()).unwrap();
}
