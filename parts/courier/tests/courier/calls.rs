//! Calls of gRPC towards servers that do as they are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request as Asked, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use yumen_courier::{Bounds, Courier, Fault, Line, Settings, Step as At};
use yumen_e2e::certificates::Authority;
use yumen_tls::DemandText;

use crate::rig::{
    LONG, acceptor, believing, courier, post, run, sentence, settings, start, start_tls,
};

type Respond = SendResponse<Bytes>;

/// What a server does with a call: its number on the connection and its message are known.
type Script = fn(usize, Asked<RecvStream>, &mut Respond);

const HI: &[u8] = b"\0\0\0\0\x02hi";

fn head() -> Response<()> {
    Response::builder().header("content-type", "application/grpc").body(()).unwrap()
}

fn trailers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn answer(respond: &mut Respond, message: &'static [u8], end: &[(&'static str, &str)]) {
    let mut stream = respond.send_response(head(), false).unwrap();
    stream.send_data(Bytes::from_static(message), false).unwrap();
    stream.send_trailers(trailers(end)).unwrap();
}

/// Speaks HTTP/2 on a connection. `last`: the call after which it is to be closed, in good order.
async fn speak(line: Line, script: Script, last: usize) {
    let mut connection = h2::server::handshake(line).await.unwrap();
    let mut number = 0;
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        script(number, request, &mut respond);
        number += 1;
        if number == last {
            connection.graceful_shutdown();
        }
    }
}

struct Scripted {
    courier: Courier,
    connections: Arc<AtomicUsize>,
}

fn scripted(script: Script, last: usize) -> Scripted {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let address = start(move |line| {
        count.fetch_add(1, Ordering::Relaxed);
        speak(line, script, last)
    });
    Scripted { courier: courier(address), connections }
}

impl Scripted {
    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn good(_number: usize, _request: Asked<RecvStream>, respond: &mut Respond) {
    answer(respond, HI, &[("grpc-status", "0"), ("x-tail", "end")]);
}

#[test]
fn a_call_brings_a_message_and_trailers() {
    let server = scripted(good, 0);
    run(async {
        for _ in 0..5 {
            let answer = server.courier.call(&post("/a.B/C", "x")).await.unwrap();
            assert_eq!(answer.body, b"hi");
            assert_eq!(answer.trailers.unwrap().first("x-tail"), Some(&b"end"[..]));
        }
    });
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_call_may_end_in_its_head() {
    let server = scripted(
        |_, _, respond| {
            let mut head = head();
            head.headers_mut().insert("grpc-status", "7".parse().unwrap());
            head.headers_mut().insert("grpc-message", "not%20you".parse().unwrap());
            respond.send_response(head, true).unwrap();
        },
        0,
    );
    let said = sentence(run(server.courier.call(&post("/a.B/C", "x"))));
    assert_eq!(said, "the call ended with status 7 (PERMISSION_DENIED): not you");
}

#[test]
fn a_call_that_ended_badly_does_not_spoil_the_connection() {
    let server = scripted(
        |number, request, respond| match number {
            0 => answer(respond, b"", &[("grpc-status", "14"), ("grpc-message", "busy")]),
            _ => good(number, request, respond),
        },
        0,
    );
    run(async {
        server.courier.call(&post("/a.B/C", "x")).await.unwrap_err();
        server.courier.call(&post("/a.B/C", "x")).await.unwrap();
    });
    assert_eq!(server.connections(), 1);
}

#[test]
fn what_is_no_answer_to_a_call_is_told_so() {
    let check = |script: Script, expect: &str| {
        let said = sentence(run(scripted(script, 0).courier.call(&post("/a.B/C", "x"))));
        assert!(said.contains(expect), "{said}");
    };
    check(|_, _, respond| answer(respond, HI, &[]), "without a status");
    check(
        |_, _, respond| {
            let plain = Response::builder().status(503).body(()).unwrap();
            respond.send_response(plain, true).unwrap();
        },
        "status 14 (UNAVAILABLE): the server answered with status 503 of HTTP",
    );
    check(
        |_, _, respond| respond.send_reset(Reason::INTERNAL_ERROR),
        "ended before the answer did",
    );
    check(
        |_, _, respond| {
            for _ in 0..100 {
                let hint = Response::builder().status(103).body(()).unwrap();
                respond.send_informational(hint).unwrap();
            }
            answer(respond, HI, &[("grpc-status", "0")]);
        },
        "too many interim answers",
    );
    check(
        |_, _, respond| {
            let mut stream = respond.send_response(head(), false).unwrap();
            stream.send_data(Bytes::from_static(HI), false).unwrap();
            stream.send_reset(Reason::CANCEL);
        },
        "ended before the answer did",
    );
}

#[test]
fn messages_that_are_too_large_are_not_read() {
    let mut request = post("/a.B/C", "x");
    request.answer_max = 1000;
    let check = |script: Script| {
        let fault = run(scripted(script, 0).courier.call(&request)).unwrap_err();
        assert_eq!(fault, Fault::TooLarge { most: 1000 });
    };
    // It says so.
    check(|_, _, respond| {
        let mut stream = respond.send_response(head(), false).unwrap();
        stream.send_data(Bytes::from_static(b"\0\0\0\x03\xe9"), false).unwrap();
        std::mem::forget(stream);
    });
    // It does not.
    check(|_, _, respond| {
        let mut stream = respond.send_response(head(), false).unwrap();
        stream.send_data(Bytes::from_static(b"\0\0\0\0\x02"), false).unwrap();
        stream.send_data(Bytes::from(vec![b'x'; 4 << 20]), false).unwrap();
        std::mem::forget(stream);
    });
}

#[test]
fn a_call_is_not_waited_for_longer_than_it_may_take() {
    let server = scripted(
        |_, request, respond| {
            // It was told how long there is.
            let timeout = request.headers()["grpc-timeout"].to_str().unwrap().to_owned();
            let micros: u64 = timeout.trim_end_matches('u').parse().unwrap();
            assert!(timeout.ends_with('u') && micros <= 300_000, "{timeout}");
            std::mem::forget(respond.send_response(head(), false).unwrap());
        },
        0,
    );
    let mut request = post("/a.B/C", "x");
    request.within = Duration::from_millis(300);
    let fault = run(server.courier.call(&request)).unwrap_err();
    assert_eq!(fault, Fault::TooSlow { within: request.within, step: At::Answer });
}

#[test]
fn a_connection_that_was_told_to_go_is_not_used_again() {
    let server = scripted(good, 1);
    run(async {
        for _ in 0..3 {
            server.courier.call(&post("/a.B/C", "x")).await.unwrap();
        }
    });
    assert_eq!(server.connections(), 3);
}

/// A server that reads so much of the second call on its first connection, says this, and closes.
async fn close_under(mut line: Line, number: usize, words: &'static [u8]) {
    if number > 0 {
        return speak(line, good, 0).await;
    }
    // Frames by hand: settings, and what answers the first call.
    let head = b"\0\0\x01\x01\x04\0\0\0\x01\x88";
    let data = b"\0\0\x07\0\0\0\0\0\x01\0\0\0\0\x02hi";
    let end = b"\0\0\x0f\x01\x05\0\0\0\x01\0\x0bgrpc-status\x010";
    let mut bytes = vec![0; 64 << 10];
    let mut read = async |line: &mut Line, stream: u8| {
        // Until the data of this stream has come: the last frame of a call.
        let mut seen = Vec::new();
        while !seen.windows(9).any(|frame| frame[3..] == [0, 1, 0, 0, 0, stream]) {
            let count = line.read(&mut bytes).await.unwrap();
            assert!(count > 0);
            seen.extend_from_slice(&bytes[..count]);
        }
    };
    line.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap();
    read(&mut line, 1).await;
    line.write_all(&[&head[..], data, end].concat()).await.unwrap();
    read(&mut line, 3).await;
    line.write_all(words).await.unwrap();
}

fn closing_under(words: &'static [u8]) -> Scripted {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let address =
        start(move |line| close_under(line, count.fetch_add(1, Ordering::Relaxed), words));
    Scripted { courier: courier(address), connections }
}

#[test]
fn a_call_that_was_not_looked_at_is_made_once_more() {
    // GOAWAY: the first call was the last one; or the second is refused.
    let go_away = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0";
    let refused = b"\0\0\x04\x03\0\0\0\0\x03\0\0\0\x07";
    for words in [&go_away[..], refused] {
        let server = closing_under(words);
        run(async {
            server.courier.call(&post("/a.B/C", "x")).await.unwrap();
            assert_eq!(server.courier.call(&post("/a.B/C", "x")).await.unwrap().body, b"hi");
        });
        assert_eq!(server.connections(), 2);
    }
}

#[test]
fn a_call_that_may_have_been_heard_is_repeated_only_if_it_may_be() {
    let server = closing_under(b"");
    run(async {
        server.courier.call(&post("/a.B/C", "x")).await.unwrap();
        let fault = server.courier.call(&post("/a.B/C", "x")).await.unwrap_err();
        assert!(matches!(fault, Fault::Closed { .. }), "{fault}");
    });
    assert_eq!(server.connections(), 1);
    let server = closing_under(b"");
    let mut request = post("/a.B/C", "x");
    request.may_repeat = true;
    run(async {
        server.courier.call(&request).await.unwrap();
        server.courier.call(&request).await.unwrap();
    });
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_server_that_speaks_something_else_is_told_so() {
    let address = start(|mut line| async move {
        line.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        drop(line.read_to_end(&mut Vec::new()).await);
    });
    let said = sentence(run(courier(address).call(&post("/a.B/C", "x"))));
    assert!(said.starts_with("the answer cannot be understood: HTTP/2: "), "{said}");
    let address = start(|line| async move { drop(line) });
    let said = sentence(run(courier(address).call(&post("/a.B/C", "x"))));
    assert!(said.starts_with("the connection ended before the answer did: "), "{said}");
}

#[test]
fn calls_inside_tls_agree_on_http2() {
    let authority = Authority::new("calls");
    let own = authority.sign(&["localhost"]);
    let check = |protocols: &[&'static [u8]]| {
        let acceptor = acceptor(&own, protocols, DemandText::default());
        let address = start_tls(acceptor, |line| speak(line, good, 0));
        let url = format!("https://localhost:{}", address.port());
        let courier =
            Courier::new(settings(&url, Some(believing(&authority.certificate)))).unwrap();
        run(async {
            courier.call(&post("/a.B/C", "x")).await?;
            courier.call(&post("/a.B/C", "x")).await
        })
    };
    assert_eq!(check(&[b"h2", b"http/1.1"]).unwrap().body, b"hi");
    let said = sentence(check(&[]));
    assert_eq!(said, "no TLS with the server: it does not agree to speak HTTP/2");
    let said = sentence(check(&[b"http/1.1"]));
    assert!(said.starts_with("no TLS with the server: "), "{said}");
}

#[test]
fn calls_are_made_at_once_up_to_a_bound() {
    let server = scripted(good, 0);
    let url = server.courier.target().to_string();
    let bounds = Bounds { at_once: 2, connect: LONG, ..Bounds::default() };
    let courier = Courier::new(Settings { bounds, ..settings(&url, None) }).unwrap();
    let requests: Vec<_> = (0..4).map(|_| post("/a.B/C", "x")).collect();
    run(async {
        let (a, b, c, d) = tokio::join!(
            courier.call(&requests[0]),
            courier.call(&requests[1]),
            courier.call(&requests[2]),
            courier.call(&requests[3])
        );
        assert!(a.is_ok() && b.is_ok() && c.is_ok() && d.is_ok());
    });
    assert!(server.connections() <= 2, "{}", server.connections());
}
