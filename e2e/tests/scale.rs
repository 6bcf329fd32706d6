//! What grows with the configuration stays small. Alone in its file, so that no other test runs at
//! the same time.

use std::thread;
use std::time::{Duration, Instant};

use yumen_e2e::client::get;
use yumen_e2e::gateway::binary;
use yumen_e2e::{Backend, Gateway};

const ROUTES: usize = 10_000;

fn config(backend: &str, version: usize) -> String {
    let routes: String = (0..ROUTES)
        .map(|n| {
            format!(
                "  - {{ name: r{n}, service: backend, match: {{ paths: ['/r{n}/{{id}}'] }} }}\n"
            )
        })
        .collect();
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off }}
services:
  - {{ name: backend, url: 'http://{backend}' }}
routes:
  - {{ name: version, match: {{ paths: [/version] }}, answer: {{ body: '{version}' }} }}
{routes}"
    )
}

/// Ten thousand routes: a start takes at most a second, a change is live within a few 100 ms. (The
/// 100 ms that a change is to take are measured by the bench, in the release build on a machine that
/// does nothing else: a change is compiled in the time that others leave.)
#[test]
fn ten_thousand_routes() {
    let profile = |name: &str| binary().components().any(|part| part.as_os_str() == name);
    let slack = if profile("debug") { 20.0 } else { 1.5 };
    let backend = Backend::answering("ok");
    let authority = backend.authority();
    let began = Instant::now();
    let gateway = Gateway::start(&config(&authority, 0));
    assert_eq!(get(gateway.web(), "/r9999/1").status(), 200);
    let start = began.elapsed();
    let mut times: Vec<Duration> = (1..=5)
        .map(|version| {
            let yaml = config(&authority, version);
            let began = Instant::now();
            gateway.reload_at_once(&yaml).expect("a good configuration");
            assert_eq!(get(gateway.web(), "/version").text(), version.to_string());
            let took = began.elapsed();
            // The change of the file may be noticed as well: that reload must not be taken for the
            // next one.
            thread::sleep(Duration::from_millis(500));
            took
        })
        .collect();
    times.sort();
    println!("{ROUTES} routes: first answer after {start:?}, changes live after {times:?}");
    assert!(start.as_secs_f64() < 1.0 * slack, "{start:?}");
    // The fastest: this asks what a change costs, not what else the machine does.
    assert!(times[0].as_secs_f64() < 0.3 * slack, "{times:?}");
}
