//! HTTP/2 to services: real servers, and a service of our own that speaks exact frames, good and
//! bad.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use yumen_e2e::certificates::Authority;
use yumen_e2e::gateway::fresh_folder;
use yumen_e2e::http2::{
    DATA, END, END_HEADERS, END_STREAM, Fate, FrameService, GOAWAY, HEADERS, Http2, OK, PING,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame, request,
};
use yumen_e2e::tools::{Server, Tool, have, run};
use yumen_e2e::{Answer, Client, Gateway, SOON, get};

const MINUTE: Duration = Duration::from_secs(60);
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;

/// One service with more settings.
fn config(url: &str, service: &str) -> String {
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: {url}
    {service}
    routes:
      - {{ name: all, match: {{ paths: ['/*'] }}, limits: {{ body: 2GiB }} }}
"
    )
}

fn gateway(address: SocketAddr, service: &str) -> Gateway {
    let service = format!("protocol: http2\n    {service}");
    let how = yumen_e2e::gateway::Launch {
        // So that all requests share what can be shared.
        arguments: vec!["--workers".into(), "1".into()],
        ..Default::default()
    };
    Gateway::launch(&config(&format!("http://{address}"), &service), how)
        .unwrap_or_else(|why| panic!("{why}"))
}

fn post(to: SocketAddr, body: &str) -> Answer {
    let length = body.len();
    let mut client = Client::connect(to);
    client
        .ask(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"))
        .expect("an answer")
}

/// Serves GETs for ever.
fn serve(peer: &mut Http2, body: &str) {
    while let Some(stream) = peer.head(MINUTE) {
        peer.reply(stream, body);
    }
}

#[test]
fn nginx_in_clear_text() {
    if !have(&[Tool::Nginx, Tool::Curl, Tool::H2load]) {
        return;
    }
    let nginx = "server { listen LISTEN http2; root FOLDER/www; client_max_body_size 0; \
                 default_type text/plain; keepalive_requests 100; \
                 location = /hello { return 200 '$server_protocol $connection'; } \
                 location = /nothing { return 204; } \
                 location = /up { dav_methods PUT; root FOLDER; } }";
    let (_nginx, at) = Server::nginx(nginx, |folder| {
        let www = folder.join("www");
        fs::create_dir(&www).expect("a folder");
        fs::write(www.join("file.txt"), "0123456789").expect("a file");
        let large = fs::File::create(www.join("large")).expect("a file");
        large.set_len(300 << 20).expect("a length");
    });
    let gateway = gateway(at, "");
    let web = gateway.web();
    assert!(get(web, "/hello").text().starts_with("HTTP/2.0 "));
    let curl = |arguments: &[&str]| {
        let code = ["-sS", "-m", "50", "-o", "/dev/null", "-w", "%{http_code} %{size_download}"];
        run(Tool::Curl, code.iter().chain(arguments), MINUTE).well()
    };
    let at = |path: &str| format!("http://{web}/{path}");
    assert_eq!(curl(&[&at("nothing")]), "204 0");
    assert_eq!(curl(&["-I", &at("file.txt")]).split(' ').next(), Some("200"));
    assert_eq!(curl(&["-r", "5-9", &at("file.txt")]), "206 5");
    assert_eq!(curl(&[&at("none")]).split(' ').next(), Some("404"));
    let memory = gateway.memory();
    assert_eq!(curl(&[&at("large")]), format!("200 {}", 300 << 20));
    assert_eq!(curl(&["--http2-prior-knowledge", &at("large")]), format!("200 {}", 300 << 20));
    let folder = fresh_folder("http2-service-uploads");
    let file = folder.join("file");
    fs::File::create(&file).and_then(|file| file.set_len(50 << 20)).expect("a file");
    let done = curl(&["-T", &file.display().to_string(), &at("up")]);
    assert!(done.starts_with("201 "), "{done}");
    let grown = gateway.memory().saturating_sub(memory);
    assert!(grown < 32 << 10, "{grown} KiB");
    let _left = fs::remove_dir_all(folder);
    // The service ends each connection with a GOAWAY after a hundred requests.
    let url = at("hello");
    let done = run(Tool::H2load, ["-n", "3000", "-c", "4", "-m", "20", url.as_str()], MINUTE);
    assert!(done.out.contains("3000 succeeded, 0 failed, 0 errored"), "{}", done.out);
}

#[test]
fn nginx_with_tls_agrees_on_http2_or_not() {
    if !have(&[Tool::Nginx, Tool::Curl]) {
        return;
    }
    let authority = Authority::new("test");
    let issued = authority.sign(&["localhost"]);
    for (listen, protocol, expect) in [
        ("ssl http2", "auto", "HTTP/2.0"),
        ("ssl http2", "http2", "HTTP/2.0"),
        ("ssl http2", "http1", "HTTP/1.1"),
        ("ssl", "auto", "HTTP/1.1"),
    ] {
        let nginx = format!(
            "server {{ listen LISTEN {listen}; ssl_certificate FOLDER/c.pem; \
             ssl_certificate_key FOLDER/k.pem; location / {{ return 200 $server_protocol; }} }}"
        );
        let (_nginx, at) = Server::nginx(&nginx, |folder| {
            fs::write(folder.join("c.pem"), &issued.certificate).expect("a file");
            fs::write(folder.join("k.pem"), &issued.key).expect("a file");
        });
        let ca = authority.certificate.replace('\n', "\n        ");
        let service = format!(
            "protocol: {protocol}\n    tls:\n      server_name: localhost\n      ca: |\n        {ca}"
        );
        let gateway = Gateway::start(&config(&format!("https://{at}"), &service));
        for _ in 0..3 {
            assert_eq!(get(gateway.web(), "/").text(), expect, "{listen} {protocol}");
        }
        let answers: Vec<_> = (0..20)
            .map(|_| {
                let web = gateway.web();
                thread::spawn(move || get(web, "/").text())
            })
            .collect();
        for answer in answers {
            assert_eq!(answer.join().expect("an answer"), expect);
        }
    }
}

#[test]
fn a_service_that_speaks_only_http1_is_told_apart() {
    let backend = yumen_e2e::Backend::answering("one");
    let gateway = gateway(backend.address, "retries: { attempts: 0 }");
    let answer = get(gateway.web(), "/");
    assert_eq!(answer.status(), 502, "{}", answer.text());
    assert!(answer.text().contains("upstream_unreachable"), "{}", answer.text());
}

#[test]
fn requests_share_a_connection_up_to_what_the_service_takes() {
    for (settings, connections) in [(&[][..], 1), (&[(3_u16, 1_u32)][..], 5), (&[(3, 2)][..], 3)] {
        let settings: &'static [(u16, u32)] = settings;
        let service = FrameService::start(settings, |_, peer| {
            // All are under way at the same time, or nobody is answered.
            while let Some(stream) = peer.head(MINUTE) {
                peer.reply(stream, "shared");
            }
        });
        let gateway = gateway(service.address, "");
        let web = gateway.web();
        // The heads are there, the bodies are not: all five are open.
        let mut clients: Vec<Client> = (0..5).map(|_| Client::connect(web)).collect();
        for client in &mut clients {
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
        }
        let deadline = std::time::Instant::now() + SOON;
        while service.connections() < connections && std::time::Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        for client in &mut clients {
            client.send("cde");
            let answer = client.answer("POST", SOON).expect("an answer");
            assert_eq!((answer.status(), answer.text().as_str()), (200, "shared"));
        }
        assert!(service.connections() <= connections, "{} of {connections}", service.connections());
    }
}

#[test]
fn what_a_service_did_not_look_at_is_sent_again_even_a_post() {
    type Refusal = fn(&mut Http2, u32);
    let refusals: [Refusal; 3] = [
        |peer, stream| {
            peer.send(&frame(RST_STREAM, 0, stream, &REFUSED_STREAM.to_be_bytes()));
        },
        |peer, _| {
            peer.send(&frame(GOAWAY, 0, 0, &[0; 8]));
        },
        |peer, _| {
            peer.send(&frame(GOAWAY, 0, 0, &[0; 8]));
            peer.client.half_close();
        },
    ];
    for refuse in refusals {
        let refused = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&refused);
        let service = FrameService::start(&[], move |_, peer| {
            while let Some(stream) = peer.head(MINUTE) {
                if count.fetch_add(1, Ordering::SeqCst) == 0 {
                    refuse(peer, stream);
                    continue;
                }
                let last = |frame: &yumen_e2e::http2::Frame| frame.stream == stream && frame.ends();
                let body: Vec<u8> = match peer.wait(SOON, last) {
                    Some(_) => peer.answer(stream).1,
                    None => return,
                };
                peer.reply(stream, &String::from_utf8_lossy(&body));
            }
        });
        let gateway = gateway(service.address, "retries: { attempts: 0 }");
        let answer = post(gateway.web(), "once");
        assert_eq!((answer.status(), answer.text().as_str()), (200, "once"));
        let line = gateway.stdout.wait(0, SOON, |line| line.contains("\"attempts\":2"));
        assert!(line.is_some_and(|line| line.contains("\"what\":\"unprocessed\"")));
    }
}

#[test]
fn streams_before_the_last_of_a_goaway_are_served_to_their_end() {
    let service = FrameService::start(&[], |number, peer| {
        let Some(stream) = peer.head(MINUTE) else { return };
        if number == 0 {
            peer.send(&frame(HEADERS, END_HEADERS, stream, &[OK]));
            peer.send(&frame(GOAWAY, 0, 0, &[&stream.to_be_bytes()[..], &[0; 4]].concat()));
            peer.send(&frame(DATA, 0, stream, b"to the "));
            thread::sleep(Duration::from_millis(300));
            peer.send(&frame(DATA, END_STREAM, stream, b"end"));
            serve(peer, "wrong");
        } else {
            peer.reply(stream, "next");
            serve(peer, "next");
        }
    });
    let gateway = gateway(service.address, "");
    let web = gateway.web();
    let first = thread::spawn(move || get(web, "/").text());
    assert_eq!(first.join().expect("an answer"), "to the end");
    assert_eq!(get(web, "/").text(), "next");
    assert_eq!(service.connections(), 2);
}

#[test]
fn a_reset_goes_through_both_ways() {
    let (tell, told) = mpsc::channel();
    let service = FrameService::start(&[], move |_, peer| {
        let stream = peer.head(MINUTE).unwrap_or(0);
        peer.send(&frame(HEADERS, END_HEADERS, stream, &[OK]));
        peer.send(&frame(DATA, 0, stream, b"half"));
        peer.send(&frame(RST_STREAM, 0, stream, &2_u32.to_be_bytes()));
        let stream = peer.head(MINUTE).unwrap_or(0);
        let is_reset =
            |frame: &yumen_e2e::http2::Frame| frame.kind == RST_STREAM && frame.stream == stream;
        let _gone = tell.send(peer.wait(MINUTE, is_reset).map(|frame| frame.reason()));
        serve(peer, "well");
    });
    let gateway = gateway(service.address, "");
    let mut client = Http2::connect(gateway.web());
    let fate = client.get("/");
    assert!(matches!(fate, Fate::Reset(_)), "{fate:?}");
    assert_eq!(client.answer(1), (200, b"half".to_vec()));
    let stream = client.begin(END, &yumen_e2e::http2::get("/"));
    // The service has it before it is taken back.
    thread::sleep(Duration::from_millis(300));
    client.send(&frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
    assert_eq!(told.recv_timeout(MINUTE), Ok(Some(CANCEL)));
    assert_eq!(client.get("/"), Fate::Answered(200, b"well".to_vec()));
    assert_eq!(service.connections(), 1, "the connection outlives its streams");
}

#[test]
fn trailers_and_interim_answers_pass() {
    let (tell, told) = mpsc::channel();
    let service = FrameService::start(&[], move |_, peer| {
        while let Some(stream) = peer.head(MINUTE) {
            let ends = |frame: &yumen_e2e::http2::Frame| frame.stream == stream && frame.ends();
            let last = match peer.seen.iter().any(|frame| frame.stream == stream && frame.ends()) {
                true => None,
                false => peer.wait(SOON, ends).map(|frame| frame.kind),
            };
            let _gone = tell.send(last);
            peer.send(&frame(HEADERS, END_HEADERS, stream, &block(&[(":status", "103")])));
            peer.send(&frame(HEADERS, END_HEADERS, stream, &[OK]));
            peer.send(&frame(DATA, 0, stream, b"body"));
            peer.send(&frame(HEADERS, END, stream, &block(&[("x_sum", "1 ")])));
        }
    });
    let gateway = gateway(service.address, "");
    let mut client = Http2::connect(gateway.web());
    let stream = client.begin(END_HEADERS, &block(&request("POST", "/")));
    client.send(&frame(DATA, 0, stream, b"abc"));
    client.send(&frame(HEADERS, END, stream, &block(&[("x-end", "1")])));
    assert_eq!(client.fate(stream, SOON), Fate::Answered(200, b"body".to_vec()));
    assert_eq!(told.recv_timeout(SOON), Ok(Some(HEADERS)), "the request's trailers");
    let heads: Vec<_> =
        client.seen.iter().filter(|frame| frame.kind == HEADERS).map(|frame| frame.flags).collect();
    assert_eq!(heads.len(), 3, "103, 200 and trailers: {heads:?}");
    assert_eq!(heads[2] & END_STREAM, END_STREAM);
    let mut client = Client::connect(gateway.web());
    let shown = client.ask("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n").expect("an answer");
    assert_eq!(shown.text(), "body");
}

#[test]
fn a_slow_side_holds_the_other_back() {
    let (tell, told) = mpsc::channel();
    // Of the request it takes nothing until it is told to; of its answer there is no end.
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let service = FrameService::start(&[(4, 1000)], move |_, peer| {
        let Some(stream) = peer.head(MINUTE) else { return };
        while peer.read(Duration::from_millis(500)).is_some() {}
        let _gone = tell.send(peer.answer(stream).1.len());
        let _go = gone.lock().map(|gone| gone.recv_timeout(MINUTE));
        peer.send(&frame(WINDOW_UPDATE, 0, stream, &(1_u32 << 20).to_be_bytes()));
        peer.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 20).to_be_bytes()));
        let ends = |frame: &yumen_e2e::http2::Frame| frame.stream == stream && frame.ends();
        peer.wait(SOON, ends);
        let _gone = tell.send(peer.answer(stream).1.len());
        peer.reply(stream, "taken");
        serve(peer, "");
    });
    let gateway = gateway(service.address, "timeouts: { first_byte: 1m }");
    let memory = gateway.memory();
    let mut client = Client::connect(gateway.web());
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n");
    let sending = client.send_aside(vec![b'x'; 900_000]);
    assert_eq!(told.recv_timeout(MINUTE), Ok(1000), "no more than the window");
    assert!(gateway.memory().saturating_sub(memory) < 16 << 10);
    go.send(()).expect("a service");
    assert_eq!(told.recv_timeout(MINUTE), Ok(900_000));
    assert_eq!(client.answer("POST", SOON).expect("an answer").text(), "taken");
    assert!(sending.join().expect("a thread"));
}

#[test]
fn an_early_answer_is_passed_on() {
    let service = FrameService::start(&[], |_, peer| {
        while let Some(stream) = peer.head(MINUTE) {
            peer.reply(stream, "enough");
            peer.send(&frame(RST_STREAM, 0, stream, &0_u32.to_be_bytes()));
        }
    });
    let gateway = gateway(service.address, "");
    for _ in 0..3 {
        let mut client = Client::connect(gateway.web());
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\nabc");
        let answer = client.answer("POST", SOON).expect("an answer");
        assert_eq!((answer.status(), answer.text().as_str()), (200, "enough"));
    }
}

#[test]
fn a_silent_connection_is_found_dead() {
    let service = FrameService::start(&[], |number, peer| {
        if number > 0 {
            return serve(peer, "alive");
        }
        let stream = peer.head(MINUTE).unwrap_or(0);
        peer.reply(stream, "once");
        // From now on it reads nothing, and answers no PING.
        thread::sleep(MINUTE);
    });
    let http2 = "http2: { ping: 300ms, ping_timeout: 300ms }\n    timeouts: { first_byte: 1m }";
    let gateway = gateway(service.address, http2);
    assert_eq!(get(gateway.web(), "/").text(), "once");
    let began = std::time::Instant::now();
    assert_eq!(get(gateway.web(), "/").text(), "alive", "sent again, on another connection");
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_ping_keeps_a_quiet_connection() {
    let pings = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&pings);
    let service = FrameService::start(&[], move |_, peer| {
        let stream = peer.head(MINUTE).unwrap_or(0);
        let deadline = std::time::Instant::now() + Duration::from_secs(2);
        while let Some(frame) =
            peer.read(deadline.saturating_duration_since(std::time::Instant::now()))
        {
            count.fetch_add(u32::from(frame.kind == PING), Ordering::SeqCst);
        }
        peer.reply(stream, "late");
        serve(peer, "");
    });
    let http2 = "http2: { ping: 200ms, ping_timeout: 10s }\n    timeouts: { first_byte: 1m }";
    let gateway = gateway(service.address, http2);
    assert_eq!(get(gateway.web(), "/").text(), "late");
    assert_eq!(pings.load(Ordering::SeqCst), 1, "more would be a flood to servers of gRPC");
}

#[test]
fn malformed_frames_are_a_bad_answer() {
    type Answer = fn(u32) -> Vec<u8>;
    let answers: [(&str, Answer); 7] = [
        ("no status", |stream| frame(HEADERS, END, stream, &block(&[("x", "y")]))),
        ("101", |stream| frame(HEADERS, END, stream, &block(&[(":status", "101")]))),
        ("a field of one connection", |stream| {
            let fields = [&[OK][..], &block(&[("connection", "close")])].concat();
            frame(HEADERS, END, stream, &fields)
        }),
        ("data before a head", |stream| frame(DATA, END_STREAM, stream, b"x")),
        ("a length that is wrong", |stream| {
            let fields = [&[OK][..], &block(&[("content-length", "5")])].concat();
            frame(HEADERS, END, stream, &fields)
        }),
        ("a frame that is too large", |_| vec![0xff; 1000]),
        ("a head that is too large", |stream| {
            let large = "x".repeat(16_000);
            let fields = [&[OK][..], &block(&[("x", &large)])].concat();
            frame(HEADERS, END, stream, &fields)
        }),
    ];
    for (what, answer) in answers {
        let service = FrameService::start(&[], move |_, peer| {
            while let Some(stream) = peer.head(SOON) {
                peer.send(&answer(stream));
            }
        });
        let gateway = gateway(service.address, "pool: { head: 8KiB }");
        let got = get(gateway.web(), "/");
        assert_eq!(got.status(), 502, "{what}: {}", got.text());
        assert!(got.text().contains("upstream_bad_answer"), "{what}: {}", got.text());
    }
}

#[test]
fn idle_connections_are_closed_with_a_word() {
    let (tell, told) = mpsc::channel();
    let service = FrameService::start(&[], move |_, peer| {
        let stream = peer.head(MINUTE).unwrap_or(0);
        peer.reply(stream, "idle");
        let goaway = peer.wait(MINUTE, |frame| frame.kind == GOAWAY);
        let _gone = tell.send(goaway.map(|frame| frame.reason()));
    });
    let gateway = gateway(service.address, "pool: { idle_timeout: 500ms }");
    assert_eq!(get(gateway.web(), "/").text(), "idle");
    assert_eq!(told.recv_timeout(MINUTE), Ok(Some(0)));
    assert_eq!(get(gateway.web(), "/").text(), "idle");
    assert_eq!(service.connections(), 2);
}

#[test]
fn settings_that_never_come_are_no_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let service = "timeouts: { connect: 300ms }\n    retries: { attempts: 0 }";
    let gateway = gateway(address, service);
    let answer = post(gateway.web(), "not sent");
    assert_eq!(answer.status(), 504, "{}", answer.text());
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("upstream_timeout"));
    assert!(line.is_some_and(|line| line.contains("cannot connect")));
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut came = Vec::new();
    let _all = std::io::Read::read_to_end(&mut stream, &mut came);
    let heads = came.windows(4).filter(|part| *part == [HEADERS, 5, 0, 0]);
    assert_eq!(heads.count(), 0, "nothing was asked before the service said its part");
    assert!(came.len() > 24 + 9 && came[24 + 3] == SETTINGS);
}
