//! Targets that die, freeze, flap and fail, with others beside them; and what probes find out.

mod flapping;
mod probes;
mod targets;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use yumen_e2e::client::get;
use yumen_e2e::plain::{QUIET, one_service};
use yumen_e2e::tools::Server;
use yumen_e2e::{Gateway, SOON};

/// One listener, one service with these targets, and more lines for its upstream.
fn config(targets: &[SocketAddr], more: &str) -> String {
    one_service(targets, more, QUIET)
}

/// nginx that answers `ok`.
fn nginx() -> (Server, SocketAddr) {
    Server::nginx("server { listen LISTEN; location / { return 200 'ok'; } }", |_| ())
}

/// Waits until the gateway tells of this change of this target; says how long that took.
fn change(gateway: &Gateway, from: usize, target: SocketAddr, change: &str) -> Duration {
    let began = Instant::now();
    let words = format!("target {target}: ");
    let fits = |line: &str| line.contains(&words) && line.contains(change);
    let line = gateway.stderr.wait(from, SOON, fits);
    assert!(line.is_some(), "no {words}{change} in {:#?}", gateway.stderr.all());
    began.elapsed()
}

/// A sample of the gateway's metrics whose name and labels hold all of these words; 0 if there is none.
fn metric(gateway: &Gateway, words: &[&str]) -> u64 {
    let page = get(gateway.status(), "/metrics").text();
    let line = page.lines().find(|line| words.iter().all(|word| line.contains(word)));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.map_or(0, |value| value.parse().expect("a whole number"))
}
