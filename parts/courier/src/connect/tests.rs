use std::net::TcpListener;
use std::thread;

use yumen_e2e::certificates::Authority;
use yumen_tls::{ClientText, Pair, Server, ServerText};

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Nobody listens there.
fn nobody() -> SocketAddr {
    listener().1
}

/// A server that agrees on TLS with whoever comes.
fn with_tls(authority: &Authority) -> SocketAddr {
    let own = authority.sign(&["good.test"]);
    let pair = Pair { certificate: &own.certificate, key: &own.key };
    let text = ServerText { certificates: vec![pair], ..ServerText::default() };
    let acceptor = Server::compile(&text).unwrap().open(None, &std::sync::Arc::default());
    let (listener, address) = listener();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        run(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let session = acceptor.session().unwrap();
                drop(Line::from(socket).secure(session).await);
            }
        });
    });
    address
}

fn believing(authority: &Authority) -> Client {
    let ca = Some(authority.certificate.clone());
    Client::compile(ClientText { ca, ..ClientText::default() }).unwrap()
}

const PLACE: Place = Place::Net(String::new(), 0);

#[test]
fn the_next_address_is_tried() {
    let (_listener, good) = listener();
    let road = Road { place: &PLACE, tls: None, patience: LONG };
    run(async {
        road.to_one_of(&[nobody(), good]).await.unwrap();
        let last = nobody();
        let fault = road.to_one_of(&[nobody(), last]).await.unwrap_err();
        assert!(matches!(&fault, Fault::Connect { .. }), "{fault}");
        let fault = road.to_one_of(&[]).await.unwrap_err();
        assert!(matches!(&fault, Fault::Closed { .. }), "{fault}");
    });
}

#[test]
fn an_address_that_is_silent_is_left_in_time() {
    let authority = Authority::new("connect");
    let (client, name) = (believing(&authority), Name::read("good.test").unwrap());
    let (_silent, silent) = listener();
    let good = with_tls(&authority);
    let patience = Duration::from_millis(500);
    let road = Road { place: &PLACE, tls: Some((&client, &name)), patience };
    run(async {
        // A busy machine may be as slow with the good one.
        while road.to_one_of(&[silent, good]).await.is_err() {}
        let said = road.to_one_of(&[silent]).await.unwrap_err().to_string();
        assert_eq!(said, format!("cannot connect to {silent}: it took longer than 500ms"));
    });
}

#[test]
fn tls_that_fails_is_told_before_an_address_that_does_not_answer() {
    let (authority, stranger) = (Authority::new("connect"), Authority::new("stranger"));
    let (client, name) = (believing(&stranger), Name::read("good.test").unwrap());
    let bad = with_tls(&authority);
    let road = Road { place: &PLACE, tls: Some((&client, &name)), patience: LONG };
    run(async {
        for addresses in [[bad, nobody()], [nobody(), bad]] {
            let fault = road.to_one_of(&addresses).await.unwrap_err();
            assert!(matches!(&fault, Fault::Tls { .. }), "{fault}");
        }
    });
}

#[test]
fn a_connection_is_not_waited_for_longer_than_the_request_allows() {
    let authority = Authority::new("connect");
    let (client, name) = (believing(&authority), Name::read("good.test").unwrap());
    let (_silent, silent) = listener();
    let place = Place::Net(silent.ip().to_string(), silent.port());
    let road = Road { place: &place, tls: Some((&client, &name)), patience: LONG };
    let within = Duration::from_millis(200);
    run(async {
        let fault = road.connect(&Due::within(within)).await.unwrap_err();
        assert_eq!(fault, Fault::TooSlow { within, step: Step::Connect });
    });
}

#[test]
fn a_host_is_looked_up_once_for_each_address() {
    run(async {
        let found = look_up("::1", 5).await.unwrap();
        assert_eq!(found, ["[::1]:5".parse().unwrap()]);
        let found = look_up("localhost", 5).await.unwrap();
        assert!(found.iter().all(|one| one.ip().is_loopback() && one.port() == 5), "{found:?}");
        let mut once = found.clone();
        once.dedup();
        assert_eq!(once, found);
    });
}
