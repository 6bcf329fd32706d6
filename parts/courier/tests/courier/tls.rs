//! TLS: whom a courier believes, whom it shows itself to, and what it makes of a cut.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use yumen_courier::{Courier, Line, Settings};
use yumen_e2e::certificates::{Authority, Issued, Unusual};
use yumen_e2e::{Backend, Step, raw};
use yumen_tls::{Client, ClientText, ClientsText, DemandText, Name};

use crate::rig::{
    acceptor, answer_always, believing, get, read_head, run, sentence, settings, start_tls,
};

const HI: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn names() -> (Authority, Issued) {
    let authority = Authority::new("courier");
    let own = authority.sign(&["localhost", "other.test"]);
    (authority, own)
}

fn serving(own: &Issued, demand: DemandText) -> String {
    let address = start_tls(acceptor(own, &[b"http/1.1"], demand), |line| answer_always(line, HI));
    format!("https://localhost:{}", address.port())
}

fn ask(url: &str, client: Client) -> Result<yumen_courier::Answer, yumen_courier::Fault> {
    run(Courier::new(settings(url, Some(client))).unwrap().ask(&get("/")))
}

#[test]
fn who_is_believed_is_asked() {
    let (authority, own) = names();
    let url = serving(&own, DemandText::default());
    let client = || believing(&authority.certificate);
    assert_eq!(ask(&url, client()).unwrap().body, b"hi");
    // One handshake for several requests.
    let courier = Courier::new(settings(&url, Some(client()))).unwrap();
    run(async {
        for _ in 0..5 {
            assert_eq!(courier.ask(&get("/")).await.unwrap().body, b"hi");
        }
    });
}

#[test]
fn who_is_not_believed_is_not_asked() {
    let (authority, own) = names();
    let url = serving(&own, DemandText::default());
    let stranger = believing(&Authority::new("stranger").certificate);
    let said = sentence(ask(&url, stranger));
    assert!(said.starts_with("no TLS with the server: "), "{said}");
    assert!(said.contains("UnknownIssuer"), "{said}");
    let address = url.replace("localhost", "127.0.0.1");
    let said = sentence(ask(&address, believing(&authority.certificate)));
    assert!(said.contains("not valid for name"), "{said}");
    let unusual = Unusual { expired: true, ..Unusual::default() };
    let old = serving(&authority.sign_unusual(&["localhost"], unusual), DemandText::default());
    let said = sentence(ask(&old, believing(&authority.certificate)));
    assert!(said.contains("expired"), "{said}");
    let text = ClientText { insecure: true, ..ClientText::default() };
    assert_eq!(ask(&old, Client::compile(text).unwrap()).unwrap().body, b"hi");
}

#[test]
fn another_name_may_be_asked_for() {
    let (authority, own) = names();
    let url = serving(&own, DemandText::default()).replace("localhost", "127.0.0.1");
    let settings = settings(&url, Some(believing(&authority.certificate)));
    let check = |name: &str| {
        let server_name = Name::read(name);
        run(Courier::new(Settings { server_name, ..settings.clone() }).unwrap().ask(&get("/")))
    };
    assert_eq!(check("other.test").unwrap().body, b"hi");
    assert!(sentence(check("third.test")).contains("not valid for name"));
}

#[test]
fn a_courier_shows_its_own_certificate() {
    let (authority, own) = names();
    let clients =
        Some(ClientsText { optional: false, ca: authority.certificate.clone(), crl: None });
    let url = serving(&own, DemandText { clients, ..DemandText::default() });
    let shown = authority.sign_unusual(&["me"], Unusual { client: true, ..Unusual::default() });
    let ca = Some(authority.certificate.clone());
    let text = ClientText {
        ca: ca.clone(),
        own: Some((shown.certificate, shown.key)),
        ..ClientText::default()
    };
    assert_eq!(ask(&url, Client::compile(text).unwrap()).unwrap().body, b"hi");
    let said = sentence(ask(&url, believing(&authority.certificate)));
    assert!(said.starts_with("no TLS with the server: "), "{said}");
}

#[test]
fn a_server_without_tls_is_told_from_one_with_a_bad_one() {
    let (authority, _own) = names();
    let backend = Backend::start(|_| vec![raw("HTTP/1.1 200 OK\r\n\r\n"), Step::Close]);
    let url = format!("https://localhost:{}", backend.address.port());
    let said = sentence(ask(&url, believing(&authority.certificate)));
    assert!(said.starts_with("no TLS with the server: "), "{said}");
}

#[test]
fn a_cut_is_no_end() {
    let (authority, own) = names();
    let serve = |announced: bool| {
        let acceptor = acceptor(&own, &[], DemandText::default());
        let address = start_tls(acceptor, move |mut line: Line| async move {
            read_head(&mut line).await;
            line.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf").await.unwrap();
            line.flush().await.unwrap();
            if announced {
                line.shutdown().await.unwrap();
                // Until the other side has seen it.
                drop(line.read_u8().await);
            }
        });
        ask(&format!("https://localhost:{}", address.port()), believing(&authority.certificate))
    };
    assert_eq!(serve(true).unwrap().body, b"half");
    assert_eq!(
        sentence(serve(false)),
        "the connection ended before the answer did: it was cut off"
    );
}

#[test]
fn large_bodies_pass_through_tls() {
    const SIZE: usize = 4 << 20;
    let (authority, own) = names();
    let acceptor = acceptor(&own, &[], DemandText::default());
    let address = start_tls(acceptor, |mut line: Line| async move {
        read_head(&mut line).await;
        let mut body = vec![0; SIZE];
        line.read_exact(&mut body).await.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n");
        line.write_all(head.as_bytes()).await.unwrap();
        line.write_all(&body).await.unwrap();
        line.flush().await.unwrap();
        drop(line.read_u8().await);
    });
    let settings = settings(
        &format!("https://localhost:{}", address.port()),
        Some(believing(&authority.certificate)),
    );
    let body: Vec<u8> = (0..SIZE).map(|place| u8::try_from(place % 251).unwrap()).collect();
    let mut request = yumen_courier::Request::post("/", body.clone()).unwrap();
    (request.within, request.answer_max) = (crate::rig::LONG, SIZE);
    let answer = run(Courier::new(settings).unwrap().ask(&request)).unwrap();
    assert!(answer.body == body);
}

#[test]
fn a_target_with_tls_needs_tls() {
    let settings = settings("https://localhost", None);
    assert!(Courier::new(settings).is_err());
}
