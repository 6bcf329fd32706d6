//! The edges of TLS for clients: what was never offered is not given, and odd greetings end.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use yumen_e2e::certificates::Unusual;
use yumen_e2e::gateway::root;
use yumen_e2e::rig::{LONG, Rig};
use yumen_e2e::tools::{Tool, have};
use yumen_e2e::{Backend, get};

fn rig() -> (Backend, Rig, std::net::SocketAddr) {
    let backend = Backend::answering("hello");
    let mut rig = Rig::new(&[("a", &["a.test"], Unusual::default())]);
    let web = rig.start(&backend, &["a"], "timeouts: { handshake: 2s }");
    (backend, rig, web)
}

/// `openssl s_client` with something on its standard input; all that it says.
fn typed(rig: &Rig, web: std::net::SocketAddr, more: &[&str], input: &str) -> String {
    let mut command = Command::new(Tool::Openssl.path().expect("`have` was asked before"));
    let ca = rig.folder.join("ca.pem");
    command.args(["s_client", "-connect", &web.to_string(), "-servername", "a.test"]);
    let mut child = command
        .arg("-CAfile")
        .arg(ca)
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("it reads");
    // It ends by itself: the other side closes, or it is told `Q`.
    let done = child.wait_with_output().expect("it ends");
    drop(stdin);
    let text = [done.stdout, done.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Nobody can start a second handshake inside of a connection.
#[test]
fn there_is_no_renegotiation() {
    if !have(&[Tool::Openssl]) {
        return;
    }
    let (backend, rig, web) = rig();
    let said = typed(&rig, web, &["-tls1_2"], "R\n");
    assert!(said.contains("Secure Renegotiation IS supported"), "{said}");
    assert!(said.contains("RENEGOTIATING"), "{said}");
    assert!(said.contains("no renegotiation") || said.contains("unexpected message"), "{said}");
    assert_eq!(backend.connections(), 0);
}

/// What is sent before the handshake is over could be sent twice by anybody: it is not taken.
#[test]
fn there_is_no_early_data() {
    if !have(&[Tool::Openssl]) {
        return;
    }
    let (backend, rig, web) = rig();
    let session = rig.folder.join("session").display().to_string();
    let early = rig.folder.join("early");
    fs::write(&early, "GET /early HTTP/1.1\r\nHost: a.test\r\n\r\n").expect("a file");
    let ask = "GET /first HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    let first = typed(&rig, web, &["-tls1_3", "-ign_eof", "-sess_out", &session], ask);
    assert!(first.contains("Max Early Data: 0"), "{first}");
    let early = early.display().to_string();
    let again = ["-tls1_3", "-ign_eof", "-sess_in", &session, "-early_data", &early];
    let second = typed(&rig, web, &again, &ask.replace("/first", "/second"));
    assert!(!second.contains("Early data was accepted"), "{second}");
    let seen: Vec<String> = backend
        .recorded()
        .iter()
        .flat_map(|one| one.requests().0)
        .map(|request| request.target().to_owned())
        .collect();
    assert!(!seen.contains(&"/early".to_owned()), "{seen:?}");
    assert!(seen.contains(&"/first".to_owned()), "{seen:?}");
}

/// A client that wants to speak something else is told so in the handshake.
#[test]
fn another_protocol_is_not_agreed_on() {
    if !have(&[Tool::Openssl]) {
        return;
    }
    let (backend, rig, web) = rig();
    let said = typed(&rig, web, &["-alpn", "imap,xmpp-client"], "");
    assert!(said.contains("no application protocol"), "{said}");
    for (offer, chosen) in [("imap,http/1.1", "http/1.1"), ("http/1.1,h2", "h2")] {
        let said = typed(&rig, web, &["-alpn", offer], "Q\n");
        assert!(said.contains(&format!("ALPN protocol: {chosen}")), "{offer}: {said}");
    }
    assert_eq!(backend.connections(), 0);
}

/// Greetings with odd names, whole and in pieces: the gateway ends them or answers, and goes on.
#[test]
fn odd_greetings_harm_nobody() {
    if !have(&[Tool::Curl]) {
        return;
    }
    let (backend, rig, web) = rig();
    let before = rig.gateway().memory();
    let mut greetings = Vec::new();
    for folder in ["fuzz/seeds/tls_hello", "fuzz/findings/tls_hello"] {
        let Ok(files) = fs::read_dir(root().join(folder)) else { continue };
        greetings.extend(files.flatten().map(|file| fs::read(file.path()).expect("a seed")));
    }
    assert!(greetings.len() > 8, "{} greetings", greetings.len());
    for greeting in &greetings {
        for longest in [1, 100, greeting.len()] {
            let mut client = TcpStream::connect(web).expect("a connection");
            client.set_nodelay(true).expect("no delay");
            client.set_read_timeout(Some(LONG)).expect("a timeout");
            for piece in greeting.chunks(longest) {
                if client.write_all(piece).is_err() {
                    break;
                }
            }
            client.shutdown(std::net::Shutdown::Write).unwrap_or_default();
            let mut answer = Vec::new();
            let _reset = client.read_to_end(&mut answer);
            // An alert, a handshake, or a word in clear text to who speaks no TLS.
            let good = answer.is_empty()
                || matches!(answer[0], 0x15 | 0x16)
                || answer.starts_with(b"HTTP/1.1 400");
            assert!(good, "{}", answer.escape_ascii());
        }
    }
    assert_eq!(backend.connections(), 0);
    assert_eq!(rig.curl(web, "a.test", &[]).well(), "hello");
    let grown = rig.gateway().memory().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB");
    assert_eq!(get(rig.gateway().status(), "/livez").status(), 200);
}
