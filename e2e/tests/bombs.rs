//! Clients that make up a new name for everything: paths, hosts, methods, header fields. What is
//! counted stays as many series as before, memory stays, and others are served.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::{Duration, Instant};

use yumen_e2e::client::get;
use yumen_e2e::{Backend, Client, Gateway};

/// Requests with distinct names, all together.
const BOMBS: usize = 100_000;
/// Sent in one go; their answers are read before the next ones.
const BATCH: usize = 100;
/// The first part of them makes whatever is made once.
const WARM: usize = 10_000;
/// KiB by which memory may grow: less than a tenth of a KiB for each bomb.
const GROWTH_KIB: u64 = 8 * 1_024;
const PATIENCE: Duration = Duration::from_secs(30);
/// All of it ends, however busy the machine is.
const LONG: Duration = Duration::from_secs(240);

fn config(backend: &Backend) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off }}
metrics: {{ native_histograms: true, compat: [kong] }}
services:
  - name: shop
    url: http://{}
    routes:
      - {{ name: home, match: {{ hosts: [shop.example], paths: [/home] }} }}
routes:
  - {{ name: any, match: {{ paths: [/bomb/*] }}, answer: {{ status: 204 }} }}
",
        backend.authority()
    )
}

/// Requests number `from` and those behind it, each with names that nobody has used before.
fn batch(from: usize) -> String {
    let mut text = String::new();
    for number in from..from + BATCH {
        // Half of them find a route.
        let path = if number % 2 == 0 { "bomb" } else { "lost" };
        write!(
            text,
            "M{number} /{path}/p{number}?q{number}=1 HTTP/1.1\r\nHost: h{number}.example\r\n\
             X-N{number}: v\r\nUser-Agent: agent{number}\r\n\r\n"
        )
        .expect("a string");
    }
    text
}

fn series(gateway: &Gateway) -> BTreeSet<String> {
    let page = get(gateway.status(), "/metrics").text();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

#[test]
fn names_that_clients_make_up_make_no_series_and_take_no_memory() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend));
    let mut other = Client::connect(gateway.web());
    let began = Instant::now();
    let mut before = None;
    for from in (0..BOMBS).step_by(BATCH) {
        // A connection has a limit of requests.
        let mut attacker = Client::connect(gateway.web());
        assert!(attacker.send(batch(from)));
        for number in from..from + BATCH {
            let expect = if number % 2 == 0 { 204 } else { 404 };
            let answer = attacker.answer("GET", PATIENCE);
            let answer = answer.unwrap_or_else(|lost| panic!("{number}: {lost:?}"));
            assert_eq!(answer.status(), expect, "{number}");
        }
        let answer = other.ask("GET /home HTTP/1.1\r\nHost: shop.example\r\n\r\n");
        assert_eq!(answer.expect("an answer").status(), 200);
        if from + BATCH == WARM {
            before = Some((series(&gateway), gateway.memory()));
        }
        assert!(began.elapsed() < LONG, "{from} in {:?}", began.elapsed());
    }
    let (warm, kib) = before.expect("there were so many");
    let (hot, now) = (series(&gateway), gateway.memory());
    let new: Vec<&String> = hot.difference(&warm).collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(hot.len() < 300, "{}", hot.len());
    assert!(hot.iter().any(|one| one.contains("_OTHER")), "{hot:?}");
    assert!(now <= kib + GROWTH_KIB, "{kib} KiB became {now} KiB");
}
