//! Waiting for what is counted or written elsewhere, by somebody who cannot wake us.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::get;

/// For what takes the gateway a second by itself, on a busy machine.
pub const LATER: Duration = Duration::from_secs(30);

/// Waits until something is so.
///
/// # Panics
/// If it takes longer than [`LATER`].
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LATER;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A count of the metrics, by its name with its labels.
///
/// # Panics
/// If there is none.
pub fn metric(status: SocketAddr, name: &str) -> u64 {
    let page = get(status, "/metrics").text();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {name}: {page}"))
}
