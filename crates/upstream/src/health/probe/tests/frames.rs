//! Probes over HTTP/2, of both sorts, against a server that answers one request.

use ::http::{HeaderMap, Response};
use h2::RecvStream;
use h2::server::SendResponse;

use super::*;

/// What was asked: method, scheme, authority, path, some fields, and the body.
type Asked = (String, Vec<u8>);

/// Answers one request over HTTP/2 in clear text; says what was asked.
fn framed(
    answer: impl FnOnce(SendResponse<bytes::Bytes>) + Send + 'static,
) -> (SocketAddr, std::thread::JoinHandle<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async move {
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (request, reply) = connection.accept().await.unwrap().unwrap();
        let (head, body) = request.into_parts();
        let fields = ["user-agent", "content-type", "te", "grpc-timeout"];
        let fields = fields.iter().filter_map(|name| {
            Some(format!("{name}={}", head.headers.get(*name)?.to_str().unwrap()))
        });
        let fields: Vec<String> = fields.collect();
        let asked = format!("{} {} {}", head.method, head.uri, fields.join(" "));
        let heard = tokio::spawn(hear(body));
        answer(reply);
        // Until the other side has closed, or has no more patience.
        while let Some(Ok(_)) = connection.accept().await {}
        (asked, heard.await.unwrap())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    (address, std::thread::spawn(move || runtime.block_on(serve)))
}

async fn hear(mut body: RecvStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(Ok(bytes)) = body.data().await {
        all.extend_from_slice(&bytes);
    }
    all
}

/// A head with these fields, the body in pieces, and trailers.
#[derive(Clone, Default)]
struct Reply {
    status: u16,
    fields: Vec<(&'static str, &'static str)>,
    pieces: Vec<Vec<u8>>,
    trailers: Vec<(&'static str, &'static str)>,
}

fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    pairs.collect()
}

impl Reply {
    fn send(self, mut reply: SendResponse<bytes::Bytes>) {
        let mut head = Response::new(());
        *head.status_mut() = ::http::StatusCode::from_u16(self.status).unwrap();
        *head.headers_mut() = map(&self.fields);
        let ends = self.pieces.is_empty() && self.trailers.is_empty();
        let mut stream = reply.send_response(head, ends).unwrap();
        if ends {
            return;
        }
        for piece in self.pieces {
            stream.send_data(piece.into(), false).unwrap();
        }
        stream.send_trailers(map(&self.trailers)).unwrap();
    }
}

#[test]
fn requests_over_http2_are_asked_and_judged() {
    let check = |reply: Reply, body: Option<BodyMatch>, expect: &str| {
        let http = HttpProbe { host: Some("b:2".to_owned()), ..up(body) };
        let (address, server) = framed(move |to| reply.send(to));
        assert_eq!(probe(&patient(Probe::Http(http)), Protocol::Http2, address), expect);
        let (asked, body) = server.join().unwrap();
        assert_eq!(asked, "GET http://b:2/up user-agent=yumen-health");
        assert!(body.is_empty());
    };
    let ok =
        Reply { status: 200, pieces: vec![b"I am".to_vec(), b" up".to_vec()], ..Reply::default() };
    check(ok.clone(), None, "");
    check(ok.clone(), holds("am up"), "");
    check(ok, holds("down"), "body: the body is another");
    check(Reply { status: 204, ..Reply::default() }, None, "");
    check(Reply { status: 503, ..Reply::default() }, None, "status: the status is 503");
    // The service's window is not opened for what nobody looks at.
    let pieces = vec![vec![b'.'; ANSWER_MAX - 2], b"up".to_vec(), vec![b'!'; 1 << 20]];
    let long = Reply { status: 200, pieces, ..Reply::default() };
    check(long.clone(), holds(".up"), "");
    check(long, holds("up!"), "body: the body is another");
    let fields = vec![("content-length", "9")];
    let cut = Reply { status: 200, fields, pieces: vec![b"I am".to_vec()], ..Reply::default() };
    let (address, _server) = framed(move |to| cut.send(to));
    let ended = probe(&patient(Probe::Http(up(holds("I")))), Protocol::Http2, address);
    assert!(ended.starts_with("broken: HTTP/2: "), "{ended}");
}

/// A reset, and a server that speaks HTTP/1.1.
#[test]
fn what_is_no_answer_over_http2_is_told_apart() {
    let (address, _server) = framed(|mut to| to.send_reset(h2::Reason::INTERNAL_ERROR));
    let ended = probe(&patient(Probe::Http(up(None))), Protocol::Http2, address);
    assert!(ended.starts_with("broken: HTTP/2: ") && ended.contains("internal error"), "{ended}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).unwrap();
        drop(stream.read_to_end(&mut Vec::new()));
    });
    let ended = probe(&patient(Probe::Grpc(GrpcProbe::default())), Protocol::Http2, address);
    assert!(ended.starts_with("broken: HTTP/2: "), "{ended}");
}

/// Frames without an end are cut off.
#[test]
fn a_flood_of_frames_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // SETTINGS, then the answer to nothing: PONGs.
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
        let pong = [0, 0, 8, 6, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        while stream.write_all(&pong.repeat(1000)).is_ok() {}
    });
    let ended = probe(&patient(Probe::Http(up(None))), Protocol::Http2, address);
    assert_eq!(ended, "broken: more than 262144 bytes came");
}

const SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
const KIND: (&str, &str) = ("content-type", "application/grpc");

fn answer(message: &[u8], trailers: &[(&'static str, &'static str)]) -> Reply {
    let pieces = message.chunks(message.len() / 2 + 1).map(<[u8]>::to_vec).collect();
    Reply { status: 200, fields: vec![KIND], pieces, trailers: trailers.to_vec() }
}

fn alone(fields: &[(&'static str, &'static str)]) -> Reply {
    Reply { status: 200, fields: [&[KIND], fields].concat(), ..Reply::default() }
}

#[test]
fn the_health_of_grpc_is_asked_and_judged() {
    let check = |reply: Reply, expect: &str| {
        let grpc = GrpcProbe { service: "a.B".to_owned(), authority: None };
        let (address, server) = framed(move |to| reply.send(to));
        assert_eq!(probe(&patient(Probe::Grpc(grpc)), Protocol::Auto, address), expect);
        let (asked, body) = server.join().unwrap();
        assert_eq!(
            asked,
            "POST http://a:1/grpc.health.v1.Health/Check user-agent=yumen-health \
             content-type=application/grpc te=trailers grpc-timeout=20000000u"
        );
        assert_eq!(body, [0, 0, 0, 0, 5, 0x0a, 3, b'a', b'.', b'B']);
    };
    let ok = &[("grpc-status", "0")];
    check(answer(SERVING, ok), "");
    check(answer(&[0, 0, 0, 0, 2, 8, 2], ok), "not_serving: NOT_SERVING");
    check(answer(&[0, 0, 0, 0, 2, 8, 3], ok), "not_serving: SERVICE_UNKNOWN");
    check(answer(&[0, 0, 0, 0, 0], ok), "not_serving: UNKNOWN");
    check(answer(&[0, 0, 0, 0, 2, 8, 99], ok), "not_serving: its health is 99");
    check(
        alone(&[("grpc-status", "12"), ("grpc-message", "none")]),
        "status: UNIMPLEMENTED: it does not speak gRPC's health protocol",
    );
    check(alone(&[("grpc-status", "5")]), "status: NOT_FOUND: there is no gRPC service `a.B`");
    check(
        alone(&[("grpc-status", "14"), ("grpc-message", "too%20busy")]),
        "status: the call ended with 14 UNAVAILABLE: too%20busy",
    );
    check(alone(&[("grpc-status", "77")]), "status: the call ended with 77 an unknown status");
    // SERVING, and yet the call failed; or nobody says how it ended.
    check(answer(SERVING, &[("grpc-status", "13")]), "status: the call ended with 13 INTERNAL");
    check(answer(SERVING, &[("x", "y")]), "broken: no gRPC: there is no `grpc-status`");
    check(alone(&[]), "broken: no gRPC: there is no `grpc-status`");
    check(
        alone(&[("grpc-status", "0")]),
        "broken: no answer of gRPC's health protocol: there is no message",
    );
    let page = Reply { fields: vec![("content-type", "text/html")], ..answer(SERVING, ok) };
    check(page, "broken: no gRPC: the content type is `text/html`");
    let bad = Reply { status: 502, ..answer(SERVING, ok) };
    check(bad, "status: no gRPC: the status of HTTP is 502");
    check(
        answer(&[SERVING, SERVING].concat(), ok),
        "broken: no answer of gRPC's health protocol: there is more than one message",
    );
    check(answer(&[0; 5000], ok), "broken: no answer of gRPC's health protocol: it is too long");
}
