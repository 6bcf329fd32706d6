//! HTTP/1.1 towards servers that answer well, badly, slowly or not at all.

use std::time::{Duration, Instant};

use yumen_courier::{Courier, Fault, Request, Settings, Step as At, Url};
use yumen_e2e::{Backend, Step, ok, raw};
use yumen_http::{Authority, Method};

use crate::rig::{LONG, answer_to_get, ask, courier, get, post, run, sentence, settings};

#[test]
fn a_request_is_sent_as_it_was_made() {
    let backend = Backend::answering("hello");
    let mut request = Request::post("/v1/x?y=z", &b"body"[..]).unwrap();
    request.add("Authorization", b"Bearer x").unwrap();
    let answer = ask(backend.address, &request).unwrap();
    assert_eq!((answer.status.code(), &*answer.body), (200, &b"hello"[..]));
    let expect = format!(
        "POST /v1/x?y=z HTTP/1.1\r\nHost: {}\r\nUser-Agent: yumen/{}\r\nAuthorization: Bearer x\r\n\
         Content-Length: 4\r\n\r\nbody",
        backend.address,
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(String::from_utf8(backend.recorded()[0].bytes.clone()).unwrap(), expect);
}

#[test]
fn a_body_is_told_of_where_one_is_expected() {
    let check = |method, expect: &str| {
        let backend = Backend::answering("");
        ask(backend.address, &Request::new(method, "/").unwrap()).unwrap();
        let head = String::from_utf8(backend.recorded()[0].bytes.clone()).unwrap();
        assert!(head.ends_with(expect), "{head}");
    };
    check(Method::Get, &format!("yumen/{}\r\n\r\n", env!("CARGO_PKG_VERSION")));
    check(Method::Post, "Content-Length: 0\r\n\r\n");
}

#[test]
fn a_packed_body_says_that_it_is() {
    let backend = Backend::answering("");
    let mut request = post("/", &"again and again ".repeat(1000));
    request.gzip();
    ask(backend.address, &request).unwrap();
    let (requests, flaw) = backend.recorded()[0].requests();
    assert!(flaw.is_none());
    assert_eq!(requests[0].one("content-encoding"), "gzip");
    assert_eq!(requests[0].body[..2], [0x1f, 0x8b]);
}

#[test]
fn a_server_may_have_another_name_in_requests() {
    let backend = Backend::answering("");
    let settings = settings(&format!("http://{}", backend.address), None);
    let host = Some(Authority::read(b"other.example:5").unwrap());
    let courier = Courier::new(Settings { host, ..settings }).unwrap();
    run(courier.ask(&get("/"))).unwrap();
    let head = String::from_utf8(backend.recorded()[0].bytes.clone()).unwrap();
    assert!(head.contains("\r\nHost: other.example:5\r\n"), "{head}");
}

#[test]
fn answers_are_read_however_they_end() {
    let check = |bytes: &str, status, body: &str| {
        let answer = answer_to_get(bytes).unwrap();
        let text = String::from_utf8(answer.body).unwrap();
        assert_eq!((answer.status.code(), &*text), (status, body), "{bytes:?}");
    };
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi");
    check("HTTP/1.1 200 OK\r\n\r\nup to the end", 200, "up to the end");
    check("HTTP/1.0 500 Bad\r\n\r\n", 500, "");
    check("HTTP/1.1 204 None\r\n\r\n", 204, "");
    check("HTTP/1.1 301 Gone\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 301, "");
    let chunks = "2\r\nhi\r\n4;x=y\r\n you\r\n0\r\n\r\n";
    check(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"), 200, "hi you");
    let interim = "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n";
    check(&format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), 200, "hi");
}

#[test]
fn the_answer_to_head_has_a_length_and_no_body() {
    let backend = Backend::start(|_| vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")]);
    let answer = ask(backend.address, &Request::new(Method::Head, "/").unwrap()).unwrap();
    assert!(answer.body.is_empty());
}

#[test]
fn trailers_come_with_the_answer() {
    let body = "2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n";
    let answer = answer_to_get(&format!("{head}{body}")).unwrap();
    assert_eq!(answer.fields.first("x-a"), Some(&b"1"[..]));
    assert_eq!(answer.trailers.unwrap().first("x-sum"), Some(&b"7"[..]));
}

#[test]
fn what_is_no_answer_is_told_so() {
    for (bytes, expect) in [
        ("", "the connection ended before the answer did: there was no answer at all"),
        ("HTTP/1.1 200 OK\r\nX: y", "ended before the answer did: there was no answer at all"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
            "ended before the answer did: it was cut off",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", "it was cut off"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "cannot be understood: a chunk size",
        ),
        ("SSH-2.0-x\r\n\r\n", "cannot be understood: a status line"),
        ("garbage\n", "cannot be understood: a bare LF"),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "cannot be understood: a folded field line"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            "several Content-Length",
        ),
        ("HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n", "a switch of protocols"),
    ] {
        let sentence = sentence(answer_to_get(bytes));
        assert!(sentence.contains(expect), "{bytes:?}: {sentence}");
    }
}

#[test]
fn answers_that_are_too_large_are_not_read() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    fn chunked() -> Step {
        raw(format!("{OK}Transfer-Encoding: chunked\r\n\r\n"))
    }
    let check = |script: fn() -> Vec<Step>, expect: &str| {
        let backend = Backend::start(move |_| script());
        let mut request = get("/");
        request.answer_max = 1000;
        let sentence = sentence(ask(backend.address, &request));
        assert!(sentence.contains(expect), "{sentence}");
        assert!(backend.wait(LONG, |all| all[0].ended.is_some()), "the connection is closed");
    };
    let larger = "larger than 1000 bytes";
    check(|| vec![raw(format!("{OK}Content-Length: 1001\r\n\r\n")), Step::Hang], larger);
    check(|| vec![raw(format!("{OK}\r\n")), Step::Repeat(vec![b'x'; 10_000], 100_000)], larger);
    check(|| vec![chunked(), Step::Repeat(b"1\r\nx\r\n".to_vec(), 10_000_000)], larger);
    // Chunks that bring nothing but their lines; heads and trailers without an end.
    check(
        || vec![raw(OK), Step::Repeat(b"x-y: z\r\n".to_vec(), 10_000_000)],
        "its head is too large",
    );
    check(
        || vec![raw(OK), raw("x: "), Step::Repeat(vec![b'y'; 9999], 99_999)],
        "its head is too large",
    );
    check(
        || vec![chunked(), raw("0\r\n"), Step::Repeat(b"x: y\r\n".to_vec(), 10_000_000)],
        "trailers that are too long",
    );
    check(
        || vec![Step::Repeat(b"HTTP/1.1 100 Go\r\n\r\n".to_vec(), 10_000_000)],
        "too many interim answers",
    );
}

#[test]
fn an_answer_of_just_the_right_size_is_good() {
    let backend = Backend::start(|_| vec![ok(&"x".repeat(1000))]);
    let mut request = get("/");
    request.answer_max = 1000;
    assert_eq!(ask(backend.address, &request).unwrap().body.len(), 1000);
    request.answer_max = 999;
    assert_eq!(ask(backend.address, &request).unwrap_err(), Fault::TooLarge { most: 999 });
}

#[test]
fn nobody_is_waited_for_longer_than_the_request_allows() {
    let check = |script: fn() -> Vec<Step>| {
        let backend = Backend::start(move |_| script());
        let mut request = get("/");
        request.within = Duration::from_millis(300);
        let began = Instant::now();
        let fault = ask(backend.address, &request).unwrap_err();
        assert_eq!(fault, Fault::TooSlow { within: request.within, step: At::Answer });
        assert!(began.elapsed() >= request.within && began.elapsed() < LONG);
        assert!(backend.wait(LONG, |all| all[0].ended.is_some()), "the connection is closed");
    };
    check(|| vec![Step::Hang]);
    check(|| vec![Step::Drip(vec![b'x'; 10_000], Duration::from_millis(20))]);
    check(|| {
        let head = raw("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n");
        vec![head, Step::Drip(vec![b'x'; 10_000], Duration::from_millis(20))]
    });
}

#[test]
fn an_answer_counts_that_comes_before_the_request_has_gone_out() {
    // More than the system holds for a server that does not read.
    let request = post("/", &"x".repeat(32 << 20));
    let backend = Backend::start(|_| {
        let full = raw("HTTP/1.1 413 Full\r\nContent-Length: 4\r\n\r\nfull");
        vec![full, Step::Close]
    });
    let answer = ask(backend.address, &request);
    // A reset may overtake what was sent before it.
    match answer {
        Ok(answer) => assert_eq!((answer.status.code(), &*answer.body), (413, &b"full"[..])),
        Err(fault) => assert!(matches!(fault, Fault::Closed { .. }), "{fault}"),
    }
    let backend = Backend::start(|_| {
        vec![raw("HTTP/1.1 413 Full\r\nContent-Length: 4\r\n\r\nfull"), Step::Wait(LONG)]
    });
    let courier = courier(backend.address);
    let answer = run(courier.ask(&request)).unwrap();
    assert_eq!((answer.status.code(), &*answer.body), (413, &b"full"[..]));
    assert!(backend.wait(LONG, |all| all[0].ended.is_some()), "half a request spoils a connection");
}

#[test]
fn large_requests_and_answers_pass_at_the_same_time() {
    let large = "y".repeat(8 << 20);
    let backend = Backend::start(|_| vec![Step::Body, ok(&"x".repeat(8 << 20))]);
    let mut request = post("/", &large);
    request.answer_max = 8 << 20;
    assert_eq!(ask(backend.address, &request).unwrap().body.len(), 8 << 20);
    let (requests, flaw) = backend.recorded()[0].requests();
    assert!(flaw.is_none() && requests[0].body == large.as_bytes());
}

#[test]
fn who_cannot_be_reached_is_named() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sentence_of = |url: &str| {
        let courier = Courier::new(settings(url, None)).unwrap();
        sentence(run(courier.ask(&get("/"))))
    };
    let said = sentence_of(&format!("http://{nobody}"));
    assert!(said.starts_with(&format!("cannot connect to {nobody}: ")), "{said}");
    let said = sentence_of("http://nobody.invalid");
    assert!(said.starts_with("cannot look up nobody.invalid: "), "{said}");
    let said = sentence_of("http+unix://%2Fnowhere%2Fx.sock");
    assert!(said.starts_with("cannot connect to /nowhere/x.sock: "), "{said}");
}

#[test]
fn every_address_of_a_host_is_tried() {
    // It is `::1` as well, or first, on most systems.
    let backend = Backend::answering("hello");
    let url = format!("http://localhost:{}", backend.address.port());
    let courier = Courier::new(settings(&url, None)).unwrap();
    assert_eq!(run(courier.ask(&get("/"))).unwrap().body, b"hello");
}

#[test]
fn sockets_of_this_system_are_asked_too() {
    let folder = yumen_e2e::gateway::fresh_folder("courier");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("a.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = vec![0; 1000];
        let length = socket.read(&mut head).unwrap();
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap();
        head.truncate(length);
        String::from_utf8(head).unwrap()
    });
    let name = path.display().to_string().replace('/', "%2F");
    let url = Url::read(&format!("http+unix://{name}/info")).unwrap();
    let courier = Courier::new(Settings::new(url.target, None)).unwrap();
    assert_eq!(run(courier.ask(&get(&url.path))).unwrap().body, b"hi");
    let head = server.join().unwrap();
    assert!(head.starts_with("GET /info HTTP/1.1\r\nHost: localhost\r\n"), "{head}");
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Others hand the futures of a courier on to libraries that want them so.
#[test]
fn the_future_of_a_request_can_go_to_another_thread() {
    fn check(_future: impl Send) {}
    let backend = Backend::answering("");
    let (courier, request) = (courier(backend.address), get("/"));
    check(courier.ask(&request));
    check(courier.call(&request));
}
