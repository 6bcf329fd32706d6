//! What all tests need: a runtime, a courier, servers with TLS or HTTP/2 that do as they are told.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use yumen_courier::{Answer, Bounds, Courier, Fault, Line, Request, Settings, Url};
use yumen_e2e::Backend;
use yumen_http::Method;
use yumen_tls::{Acceptor, Client, ClientText, DemandText, Pair, Server, ServerText};

/// Longer than anything takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Runs this to its end as a thread of the gateway would.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    runtime().block_on(work)
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// How a target is reached; with bounds that suit a busy machine.
pub(crate) fn settings(url: &str, tls: Option<Client>) -> Settings {
    let target = Url::read(url).unwrap().target;
    let bounds = Bounds { connect: LONG, idle: LONG, ..Bounds::default() };
    Settings { bounds, ..Settings::new(target, tls.map(Arc::new)) }
}

pub(crate) fn courier(address: SocketAddr) -> Courier {
    Courier::new(settings(&format!("http://{address}"), None)).unwrap()
}

pub(crate) fn get(path: &str) -> Request {
    patient(Request::new(Method::Get, path).unwrap())
}

pub(crate) fn post(path: &str, body: &str) -> Request {
    patient(Request::post(path, body.to_owned()).unwrap())
}

fn patient(mut request: Request) -> Request {
    request.within = LONG;
    request
}

/// Asks once, on a runtime of its own.
pub(crate) fn ask(address: SocketAddr, request: &Request) -> Result<Answer, Fault> {
    run(courier(address).ask(request))
}

/// What a backend that sends this says to a GET.
pub(crate) fn answer_to_get(bytes: &str) -> Result<Answer, Fault> {
    let bytes = bytes.to_owned();
    let backend = Backend::start(move |_| vec![yumen_e2e::raw(&bytes), yumen_e2e::Step::Close]);
    ask(backend.address, &get("/"))
}

/// A client that believes this authority.
pub(crate) fn believing(ca: &str) -> Client {
    Client::compile(ClientText { ca: Some(ca.to_owned()), ..ClientText::default() }).unwrap()
}

/// TLS of a server with this certificate, which may demand one of clients.
pub(crate) fn acceptor(
    own: &yumen_e2e::certificates::Issued,
    protocols: &[&'static [u8]],
    demand: DemandText,
) -> Acceptor {
    let pair = Pair { certificate: &own.certificate, key: &own.key };
    let text = ServerText {
        certificates: vec![pair],
        protocols: protocols.to_vec(),
        demands: vec![demand],
        ..ServerText::default()
    };
    Server::compile(&text).unwrap().open(None, &Arc::default())
}

/// Starts a server on a thread of its own, that ends with the test. What `serve` makes of each
/// connection is its own business.
pub(crate) fn start<F>(serve: impl Fn(Line) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        run(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(socket.into()));
            }
        });
    });
    address
}

/// Starts a server with TLS; connections that do not come to an agreement are closed.
pub(crate) fn start_tls<F>(
    acceptor: Acceptor,
    serve: impl Fn(Line) -> F + Clone + Send + 'static,
) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    start(move |line| {
        let (session, serve) = (acceptor.session().unwrap(), serve.clone());
        async move {
            if let Ok(line) = line.secure(session).await {
                serve(line).await;
            }
        }
    })
}

/// Reads the head of a request, and answers with these bytes, for ever.
pub(crate) async fn answer_always(mut line: Line, bytes: &'static [u8]) {
    while read_head(&mut line).await {
        if line.write_all(bytes).await.and(line.flush().await).is_err() {
            return;
        }
    }
}

/// Reads up to the end of a head; false if there was none.
pub(crate) async fn read_head(line: &mut Line) -> bool {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match line.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) => return false,
        }
    }
    true
}

/// The sentence of what must have failed.
pub(crate) fn sentence(answer: Result<Answer, Fault>) -> String {
    answer.unwrap_err().to_string()
}
