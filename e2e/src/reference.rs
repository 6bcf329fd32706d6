//! What the gateway is compared with: nginx as a strict proxy, and a bare byte relay as the
//! opposite, against which the judge must find nearly every case not right.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::backend::{Backend, Step, ok, raw};
use crate::corpus::Target;
use crate::gateway::Gateway;
use crate::tools::{Server, free_address};

/// The configuration for the corpus: defaults everywhere, one rule that denies `/admin`.
pub fn corpus_config(backend: &str) -> String {
    format!(
        "
listeners:
  - name: web
    address: 127.0.0.1:0
  - name: inner
    address: 127.0.0.1:0
    trusted_proxies: [127.0.0.0/8]
status: {{ address: 127.0.0.1:0 }}
services:
  - name: backend
    url: http://{backend}
    routes:
      - name: all
        match: {{ paths: ['/*'] }}
      - name: api
        match: {{ paths: ['/api/*'] }}
        strip_prefix: /api
routes:
  - name: admin
    match: {{ paths: ['/admin/*'] }}
    answer: {{ status: 403, body: denied }}
"
    )
}

/// A service for the corpus: `/early` is answered before its body was read, the rest after.
pub fn corpus_backend() -> Backend {
    Backend::start(|call| match (call.request.method(), call.request.target()) {
        (_, "/early") => vec![ok("early"), Step::Body],
        ("HEAD", _) => vec![Step::Body, raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")],
        _ => vec![Step::Body, ok("ok")],
    })
}

/// The gateway with default settings; or with `YUMEN_E2E_REFERENCE=nginx`, nginx.
pub fn corpus_target() -> Target {
    let backend = corpus_backend();
    match std::env::var("YUMEN_E2E_REFERENCE").as_deref() {
        Ok("nginx") => nginx(backend),
        Ok(other) => panic!("no reference {other}"),
        Err(_) => {
            let gateway = Gateway::start(&corpus_config(&backend.authority()));
            let (web, inner) = (gateway.web(), gateway.address("inner"));
            Target { web, inner, backend, keep: Box::new(gateway) }
        }
    }
}

fn nginx(backend: Backend) -> Target {
    let inner = free_address();
    let http = format!(
        "upstream backend {{ server {0}; keepalive 8; }} \
         server {{ listen LISTEN; listen {inner}; \
         proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host {0}; \
         proxy_request_buffering off; client_max_body_size 10m; \
         location = /admin {{ return 403; }} location /admin/ {{ return 403; }} \
         location / {{ proxy_pass http://backend; }} }}",
        backend.authority()
    );
    let (server, web) = Server::nginx(&http, |_| {});
    Target { web, inner, backend, keep: Box::new(server) }
}

/// A relay that understands nothing and passes every byte on.
pub fn relay() -> Target {
    let backend = corpus_backend();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let web = listener.local_addr().expect("an address");
    let to = backend.address;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            pass_on(client, to);
        }
    });
    Target { web, inner: web, backend, keep: Box::new(()) }
}

fn pass_on(client: TcpStream, to: SocketAddr) {
    let (Ok(service), Ok(back)) = (TcpStream::connect(to), client.try_clone()) else { return };
    let Ok(forth) = service.try_clone() else { return };
    for (mut from, mut into) in [(client, forth), (service, back)] {
        thread::spawn(move || {
            let _moved = io::copy(&mut from, &mut into);
            let _gone = into.shutdown(Shutdown::Write);
        });
    }
}
