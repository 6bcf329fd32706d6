//! The reference reader is itself checked: a judge that sleeps lets everything pass.

use super::{Flaw, Framing, answer, request, request_so_far};

#[test]
fn clean_requests_are_read() {
    for (input, framing) in [
        ("GET /a?b=%2F HTTP/1.1\r\nHost: a.b:80\r\n\r\n", Framing::None),
        ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", Framing::None),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok", Framing::Length(2)),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nok\r\n0\r\nt: 1\r\n\r\n",
            Framing::Chunked,
        ),
    ] {
        let more = format!("{input}GET /next");
        let (message, took) = request(more.as_bytes()).unwrap_or_else(|f| panic!("{input:?}: {f}"));
        assert_eq!((took, message.framing), (input.len(), framing), "{input:?}");
    }
}

#[test]
fn ambiguous_requests_are_not() {
    let host = "Host: a\r\n";
    for (line, rest) in [
        ("GET  / HTTP/1.1\r\n", host),
        ("GET / HTTP/1.1\n", host),
        ("GET /#x HTTP/1.1\r\n", host),
        ("GET / HTTP/2.0\r\n", host),
        ("GET http://a/ HTTP/1.1\r\n", host),
        ("GET / HTTP/1.1\r\n", ""),
        ("GET / HTTP/1.1\r\n", "Host: a\r\nHost: a\r\n"),
        ("GET / HTTP/1.1\r\n", "Host: a,b\r\n"),
        ("GET / HTTP/1.1\r\n", "Host: u@a\r\n"),
        ("GET / HTTP/1.1\r\n", "Host: a:x\r\n"),
        ("GET / HTTP/1.1\r\n", "Host: a\r\nX : 1\r\n"),
        ("GET / HTTP/1.1\r\n", "Host: a\r\nX: 1\r\n fold\r\n"),
        ("GET / HTTP/1.1\r\n", "Host: a\r\nX: a\rb\r\n"),
        ("GET / HTTP/1.1\r\n", "Host: a\r\nContent-Length: +1\r\n"),
        ("GET / HTTP/1.1\r\n", "Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n"),
        ("GET / HTTP/1.1\r\n", "Host: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
        ("GET / HTTP/1.1\r\n", "Host: a\r\nTransfer-Encoding: ,chunked\r\n"),
        ("GET / HTTP/1.0\r\n", "Host: a\r\nTransfer-Encoding: chunked\r\n"),
    ] {
        let input = format!("{line}{rest}\r\n");
        assert!(matches!(request(input.as_bytes()), Err(Flaw::Bad(_))), "{input:?}");
    }
}

#[test]
fn flaws_in_bodies_are_found() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for rest in [
        "2;x\r\nok\r\n0\r\n\r\n",
        "0x2\r\nok\r\n",
        "2\nok\r\n",
        "2\r\nokXX",
        "0\r\nHost: b\r\n\r\n",
    ] {
        let input = format!("{head}{rest}");
        assert!(matches!(request(input.as_bytes()), Err(Flaw::Bad(_))), "{input:?}");
    }
    let cut = format!("{head}5\r\nhal");
    let (message, _, flaw) = request_so_far(cut.as_bytes()).expect("a whole head");
    assert_eq!((message.text().as_str(), flaw), ("hal", Some(Flaw::Cut(true))));
}

#[test]
fn answers_are_read_for_their_request() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(answer(head, "HEAD", false).expect("no body").1, head.len());
    assert_eq!(answer(head, "GET", true), Err(Flaw::Cut(true)));
    let close = b"HTTP/1.1 200 OK\r\n\r\nrest";
    assert_eq!(answer(close, "GET", false), Err(Flaw::Cut(true)));
    assert_eq!(answer(close, "GET", true).expect("ended").0.text(), "rest");
    assert!(answer(b"HTTP/1.1 204 N\r\nContent-Length: 1\r\n\r\n", "GET", true).is_err());
}
