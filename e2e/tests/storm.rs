//! The storm: every try fails, in every way there is. With the budget as it is by default, services see
//! at most a fifth more than what clients ask for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use yumen_e2e::backend::Call;
use yumen_e2e::http2::{FrameService, RST_STREAM, frame};
use yumen_e2e::open_loop::OpenLoop;
use yumen_e2e::{Backend, Gateway, SOON, Step, raw};

/// Requests in a second: enough for the share to count, and not the few retries that there may be
/// in any case.
const RATE: f64 = 400.0;
const LONG: Duration = Duration::from_secs(6);
/// The bar.
const SHARE: f64 = 1.2;

type Script = fn(&Call<'_>) -> Vec<Step>;

fn unavailable() -> Step {
    raw("HTTP/1.1 503 Unavailable\r\nContent-Length: 3\r\n\r\nbad")
}

/// Two services that fail like this; what they see for each request that is asked.
fn storm(name: &str, script: Script, more: &str) -> f64 {
    let seen = Arc::new(AtomicUsize::new(0));
    let start = || {
        let own = Arc::clone(&seen);
        Backend::start(move |call| {
            own.fetch_add(1, Ordering::Relaxed);
            script(call)
        })
    };
    let (one, two) = (start(), start());
    share(name, &[one.address, two.address], more, &seen)
}

/// What services at these addresses, which count what they see, get for each request that is asked.
fn share(name: &str, targets: &[SocketAddr], more: &str, seen: &AtomicUsize) -> f64 {
    let targets: String = targets.iter().map(|at| format!("{{ url: 'http://{at}' }}, ")).collect();
    let gateway = Gateway::start(&format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: off }}
access_log: {{ to: off }}
services:
  - name: backend
    upstream:
      targets: [{targets}]
    {more}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
"
    ));
    let load = OpenLoop { to: gateway.web(), rate: RATE, long: LONG, connections: 64 };
    let all = load.run();
    let well = all.iter().filter(|one| one.status == 200).count();
    assert_eq!(well, 0, "{name}: not everything failed");
    let share = seen.load(Ordering::Relaxed) as f64 / all.len() as f64;
    println!("{name}: {} requests, services saw {share:.3} of them", all.len());
    share
}

#[test]
fn services_see_at_most_a_fifth_more() {
    let fails: [(&str, Script, &str); 5] = [
        ("503", |_| vec![Step::Body, unavailable()], "retries: { statuses: [503] }"),
        (
            "503 and more attempts",
            |_| vec![Step::Body, unavailable()],
            "retries: { statuses: [503], attempts: 10, backoff: { first: 1ms, max: 2ms } }",
        ),
        ("resets", |_| vec![Step::Body, Step::Reset], ""),
        ("closes", |_| vec![Step::Body, Step::Close], ""),
        ("silence", |_| vec![Step::Body, Step::Hang], "timeouts: { per_try: 50ms }"),
    ];
    for (name, script, more) in fails {
        let share = storm(name, script, more);
        assert!(share <= SHARE, "{name}: {share}");
        assert!(share > 1.1, "{name}: hardly anything was tried again: {share}");
    }
}

/// A kept connection that ends when it is used again looks like one that was idle for too long. Who
/// ends every one like that does not double what he sees.
#[test]
fn connections_that_end_when_they_are_used_do_not_double_the_load() {
    let script: Script = |call| match call.nth % 2 {
        0 => vec![Step::Body, unavailable()],
        _ => vec![Step::Body, Step::Reset],
    };
    for (name, more) in [("kept and reset", ""), ("and 503", "retries: { statuses: [503] }")] {
        let share = storm(name, script, more);
        assert!(share <= SHARE, "{name}: {share}");
    }
}

/// A service that has not looked at a request may be asked again at once. Who says so of every one is
/// not asked three times as often.
#[test]
fn services_that_refuse_every_stream_are_not_asked_more_often() {
    const REFUSED: [u8; 4] = [0, 0, 0, 7];
    let seen = Arc::new(AtomicUsize::new(0));
    let start = || {
        let own = Arc::clone(&seen);
        FrameService::start(&[], move |_, peer| {
            while let Some(stream) = peer.head(SOON) {
                own.fetch_add(1, Ordering::Relaxed);
                peer.send(&frame(RST_STREAM, 0, stream, &REFUSED));
                peer.seen.clear();
            }
        })
    };
    let (one, two) = (start(), start());
    let name = "refused streams";
    let share = share(name, &[one.address, two.address], "protocol: http2", &seen);
    assert!(share <= SHARE, "{name}: {share}");
}
