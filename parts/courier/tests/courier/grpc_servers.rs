//! Calls to Google's own server of gRPC.

use std::net::SocketAddr;
use std::time::Duration;

use yumen_courier::{Answer, Fault, Request, Step};
use yumen_e2e::tools::{Server, Tool, have};

use crate::rig::{LONG, courier, run, sentence};

fn server() -> Option<(Server, SocketAddr)> {
    have(&[Tool::Python]).then(|| Server::script(Tool::Python, "grpc_server.py"))
}

fn call(name: &str, message: impl Into<bytes::Bytes>) -> Request {
    let mut request = Request::post(&format!("/test.Test/{name}"), message).unwrap();
    request.within = LONG;
    request
}

fn text(answer: Answer) -> String {
    String::from_utf8(answer.body).unwrap()
}

#[test]
fn messages_metadata_and_trailers_pass() {
    let Some((_server, address)) = server() else { return };
    let courier = courier(address);
    run(async {
        let mut request = call("Echo", "hello");
        request.add("x-text", b"some text").unwrap();
        request.add("x-raw-bin", b"AAEC").unwrap();
        let answer = courier.call(&request).await.unwrap();
        assert_eq!(answer.body, b"hello");
        assert_eq!(answer.fields.first("x-head"), Some(&b"some text"[..]));
        let trailers = answer.trailers.unwrap();
        assert_eq!(trailers.first("x_tail"), Some(&b"end"[..]));
        assert_eq!(trailers.first("x-tail-bin"), Some(&b"AAEC"[..]));
        // None, a large one, and a packed one.
        assert_eq!(text(courier.call(&call("Echo", "")).await.unwrap()), "");
        let large = "0123456789abcdef".repeat(256 << 10);
        let mut request = call("Echo", large.clone());
        request.answer_max = large.len();
        assert!(text(courier.call(&request).await.unwrap()) == large);
        request.gzip();
        assert!(text(courier.call(&request).await.unwrap()) == large);
        request.answer_max = large.len() - 1;
        let fault = courier.call(&request).await.unwrap_err();
        assert_eq!(fault, Fault::TooLarge { most: large.len() - 1 });
    });
}

#[test]
fn errors_are_told_with_the_words_of_the_server() {
    let Some((_server, address)) = server() else { return };
    let courier = courier(address);
    run(async {
        for (name, code) in [("INVALID_ARGUMENT", 3), ("UNAVAILABLE", 14), ("UNAUTHENTICATED", 16)]
        {
            let said = sentence(courier.call(&call("Fail", name)).await);
            let expect =
                format!("the call ended with status {code} ({name}): 50 % of nothing: \u{e4}");
            assert_eq!(said, expect);
        }
        let said = sentence(courier.call(&call("None", "")).await);
        assert!(said.starts_with("the call ended with status 12 (UNIMPLEMENTED)"), "{said}");
    });
}

#[test]
fn the_server_knows_how_long_there_is() {
    let Some((_server, address)) = server() else { return };
    let courier = courier(address);
    run(async {
        let mut request = call("Left", "");
        request.within = Duration::from_secs(40);
        let left: f64 = text(courier.call(&request).await.unwrap()).parse().unwrap();
        assert!(left > 10.0 && left <= 41.0, "{left}");
        let mut request = call("Slow", "ours");
        request.within = Duration::from_millis(500);
        match courier.call(&request).await.unwrap_err() {
            // Either side may be the first to see that it is too late.
            Fault::TooSlow { step: Step::Answer, .. } => {}
            Fault::Call(status) => assert_eq!(status.code, 4, "{status}"),
            other => panic!("{other}"),
        }
        // The server hears that nobody waits any more.
        loop {
            let seen: f64 =
                text(courier.call(&call("Seen", "ours")).await.unwrap()).parse().unwrap();
            if seen >= 0.0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}
