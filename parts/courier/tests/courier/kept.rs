//! Connections that are kept for later requests, and closed under us.

use std::time::Duration;

use yumen_courier::{Bounds, Courier, Fault, Settings, Step as At};
use yumen_e2e::{Backend, Step, ok, raw};

use crate::rig::{LONG, courier, get, post, run, runtime, settings};

fn bounded(backend: &Backend, bounds: Bounds) -> Courier {
    let settings = settings(&format!("http://{}", backend.address), None);
    Courier::new(Settings { bounds, ..settings }).unwrap()
}

#[test]
fn a_connection_is_used_again() {
    let backend = Backend::start(|call| match call.nth {
        0 => vec![Step::Body, ok("hello")],
        1 => {
            vec![Step::Body, raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
        }
        _ => vec![Step::Body, raw("HTTP/1.1 204 None\r\n\r\n")],
    });
    let courier = courier(backend.address);
    run(async {
        for _ in 0..10 {
            courier.ask(&post("/", "x")).await.unwrap();
        }
    });
    assert_eq!(backend.connections(), 1);
}

#[test]
fn what_cannot_be_used_again_is_not() {
    for bytes in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        // What stands behind an answer could be taken for the next one.
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    ] {
        let backend = Backend::start(move |_| vec![raw(bytes)]);
        let courier = courier(backend.address);
        run(async {
            for _ in 0..3 {
                assert_eq!(courier.ask(&get("/")).await.unwrap().body, b"hi");
            }
        });
        assert_eq!(backend.connections(), 3, "{bytes:?}");
    }
}

#[test]
fn what_comes_unasked_spoils_a_connection() {
    // It comes when the answer was read long ago.
    let backend = Backend::start(|call| match call.connection {
        0 => vec![ok("hi"), Step::Wait(Duration::from_millis(200)), ok("evil"), Step::Hang],
        _ => vec![ok("good")],
    });
    let courier = courier(backend.address);
    run(async {
        assert_eq!(courier.ask(&get("/")).await.unwrap().body, b"hi");
        tokio::time::sleep(Duration::from_millis(800)).await;
        assert_eq!(courier.ask(&get("/")).await.unwrap().body, b"good");
    });
}

#[test]
fn an_end_that_is_known_costs_no_request() {
    // The server closes a little behind each answer, without saying so.
    let backend = Backend::start(|_| {
        vec![Step::Body, ok("hi"), Step::Wait(Duration::from_millis(50)), Step::Close]
    });
    let courier = courier(backend.address);
    run(async {
        for number in 0..5 {
            courier.ask(&post("/", "x")).await.unwrap();
            // The runtime sees nothing of it: it stands still here.
            assert!(backend.wait(LONG, |all| all[number].ended.is_some()));
        }
    });
    assert_eq!(backend.connections(), 5);
}

/// A server that takes one request well, and closes each connection under the next.
fn closing_under(second: Step) -> Backend {
    Backend::start(move |call| match (call.connection, call.nth) {
        (0, 0) => vec![Step::Body, ok("hi")],
        (0, _) => vec![Step::Body, second.clone()],
        _ => vec![Step::Body, ok("again")],
    })
}

#[test]
fn a_request_that_may_be_repeated_is_sent_once_more() {
    for how in [Step::Close, Step::Reset] {
        let backend = closing_under(how);
        let courier = courier(backend.address);
        run(async {
            courier.ask(&get("/")).await.unwrap();
            assert_eq!(courier.ask(&get("/")).await.unwrap().body, b"again");
        });
        assert_eq!(backend.connections(), 2);
    }
    let backend = closing_under(Step::Close);
    let courier = courier(backend.address);
    let mut request = post("/", "x");
    request.may_repeat = true;
    run(async {
        courier.ask(&request).await.unwrap();
        assert_eq!(courier.ask(&request).await.unwrap().body, b"again");
    });
}

#[test]
fn a_request_that_may_not_be_repeated_is_not() {
    let backend = closing_under(Step::Close);
    let courier = courier(backend.address);
    run(async {
        courier.ask(&post("/", "x")).await.unwrap();
        let fault = courier.ask(&post("/", "x")).await.unwrap_err();
        assert!(matches!(fault, Fault::Closed { .. }), "{fault}");
    });
    assert_eq!(backend.connections(), 1);
}

#[test]
fn a_request_is_repeated_once_and_only_without_an_answer() {
    // Fresh connections are closed too.
    let backend = Backend::start(|call| match (call.connection, call.nth) {
        (0, 0) => vec![ok("hi")],
        _ => vec![Step::Close],
    });
    let courier_of = |backend: &Backend| courier(backend.address);
    let courier = courier_of(&backend);
    run(async {
        courier.ask(&get("/")).await.unwrap();
        let fault = courier.ask(&get("/")).await.unwrap_err();
        assert!(matches!(fault, Fault::Closed { .. }), "{fault}");
    });
    assert_eq!(backend.connections(), 2);
    // An answer has begun.
    let backend = Backend::start(|call| match call.nth {
        0 => vec![ok("hi")],
        _ => vec![raw("HTTP/1.1 200 OK\r\n"), Step::Close],
    });
    let courier = courier_of(&backend);
    run(async {
        courier.ask(&get("/")).await.unwrap();
        let fault = courier.ask(&get("/")).await.unwrap_err();
        assert!(matches!(fault, Fault::Closed { .. }), "{fault}");
    });
    assert_eq!(backend.connections(), 1);
}

#[test]
fn a_connection_that_has_rested_for_too_long_is_let_go() {
    let backend = Backend::answering("hi");
    let idle = Duration::from_millis(50);
    let courier = bounded(&backend, Bounds { idle, ..Bounds::default() });
    run(async {
        courier.ask(&get("/")).await.unwrap();
        tokio::time::sleep(2 * idle).await;
        courier.ask(&get("/")).await.unwrap();
    });
    assert_eq!(backend.connections(), 2);
}

#[test]
fn who_keeps_no_connections_says_so() {
    let backend = Backend::answering("hi");
    let courier = bounded(&backend, Bounds { kept: 0, ..Bounds::default() });
    run(async {
        for _ in 0..2 {
            courier.ask(&get("/")).await.unwrap();
        }
    });
    let recorded = backend.recorded();
    assert_eq!(recorded.len(), 2);
    let head = String::from_utf8(recorded[0].bytes.clone()).unwrap();
    assert!(head.ends_with("\r\nConnection: close\r\n\r\n"), "{head}");
}

#[test]
fn a_dead_connection_takes_the_other_kept_ones_with_it() {
    // Both are there because two requests were under way; then the server falls silent.
    let backend = Backend::start(|call| match call.nth {
        0 => vec![Step::Wait(Duration::from_millis(100)), ok("hi")],
        _ => vec![Step::Hang],
    });
    let courier = courier(backend.address);
    run(async {
        let two = [get("/"), get("/")];
        let (a, b) = tokio::join!(courier.ask(&two[0]), courier.ask(&two[1]));
        assert!(a.is_ok() && b.is_ok());
        let mut request = get("/");
        request.within = Duration::from_millis(200);
        courier.ask(&request).await.unwrap_err();
        courier.ask(&get("/")).await.unwrap();
    });
    assert_eq!(backend.connections(), 3);
}

#[test]
fn more_requests_than_may_be_under_way_wait_their_turn() {
    let backend = Backend::start(|_| vec![Step::Wait(Duration::from_millis(50)), ok("hi")]);
    let courier = bounded(&backend, Bounds { at_once: 1, connect: LONG, ..Bounds::default() });
    run(async {
        let three = [get("/"), get("/"), get("/")];
        let done =
            tokio::join!(courier.ask(&three[0]), courier.ask(&three[1]), courier.ask(&three[2]));
        assert!(done.0.is_ok() && done.1.is_ok() && done.2.is_ok());
    });
    assert_eq!(backend.connections(), 1, "one after the other, on the same connection");
    // The time of those who wait runs.
    let backend = Backend::start(|_| vec![Step::Hang]);
    let courier = bounded(&backend, Bounds { at_once: 1, connect: LONG, ..Bounds::default() });
    let (mut long, mut short) = (get("/"), get("/"));
    (long.within, short.within) = (Duration::from_millis(900), Duration::from_millis(300));
    run(async {
        let (long, short) = tokio::join!(courier.ask(&long), courier.ask(&short));
        assert!(matches!(long, Err(Fault::TooSlow { step: At::Answer, .. })), "{long:?}");
        assert!(matches!(short, Err(Fault::TooSlow { step: At::Turn, .. })), "{short:?}");
    });
}

#[test]
fn a_connection_stays_with_its_runtime() {
    let backend = Backend::answering("hi");
    let courier = courier(backend.address);
    // Neither looks at its sockets while the other one runs.
    let (one, other) = (runtime(), runtime());
    for _ in 0..3 {
        one.block_on(courier.ask(&get("/"))).unwrap();
        other.block_on(courier.ask(&get("/"))).unwrap();
    }
    assert_eq!(backend.connections(), 2);
    // A connection whose runtime is gone is of use to nobody.
    drop((one, other));
    run(courier.ask(&get("/"))).unwrap();
    assert_eq!(backend.connections(), 3);
}
