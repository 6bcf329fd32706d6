//! What systemd is told (`sd_notify`): readiness, reloads, the end, and that every worker turns.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How long systemd may take to read.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many signs of life there are in the time that systemd waits for one.
const SIGNS: u32 = 3;

/// The way to systemd, if it wants to hear anything.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    socket: Option<UnixDatagram>,
    watchdog: Option<Watchdog>,
}

impl Notify {
    /// As the environment says.
    pub(crate) fn from_environment(now: Instant) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let socket = variable("NOTIFY_SOCKET").and_then(|address| connect(&address));
        let meant_for_us =
            variable("WATCHDOG_PID").is_none_or(|id| id == std::process::id().to_string());
        let patience = variable("WATCHDOG_USEC").and_then(|patience| patience.parse().ok());
        let patience = patience.filter(|patience| *patience > 0 && meant_for_us);
        let watchdog = patience.map(|patience| Watchdog {
            every: Duration::from_micros(patience) / SIGNS,
            due: now,
            seen: Vec::new(),
        });
        Self { socket, watchdog }
    }

    /// It serves, as `status` says: after the start and after every reload.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// It takes up a configuration. [`Self::ready`] must follow, whatever comes of it.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\nSTATUS=reloading"));
    }

    /// It does something that takes a while.
    pub(crate) fn status(&self, status: &str) {
        self.tell(&format!("STATUS={status}"));
    }

    /// It ends.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=draining");
    }

    /// Another process is the one to watch from now on. Only the one that is watched may say so.
    pub(crate) fn hand_over(&self, id: u32) {
        self.tell(&format!("MAINPID={id}"));
    }

    /// A sign of life, if it is time for one and every worker has turned since the last.
    pub(crate) fn live(&mut self, now: Instant, turns: impl FnOnce() -> Vec<Option<u64>>) {
        if self.watchdog.as_mut().is_some_and(|watchdog| watchdog.is_fed(now, turns)) {
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, message: &str) {
        if let Some(socket) = &self.socket {
            // systemd draws its own conclusions from what it does not hear.
            drop(socket.send(message.as_bytes()));
        }
    }
}

fn connect(address: &str) -> Option<UnixDatagram> {
    let address = match address.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name).ok()?,
        None => SocketAddr::from_pathname(address).ok()?,
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect_addr(&address).ok()?;
    socket.set_write_timeout(Some(PATIENCE)).ok()?;
    Some(socket)
}

/// When the next sign of life is due, and whether there may be one.
#[derive(Debug)]
struct Watchdog {
    every: Duration,
    due: Instant,
    /// How often each worker had turned at the last one.
    seen: Vec<Option<u64>>,
}

impl Watchdog {
    fn is_fed(&mut self, now: Instant, turns: impl FnOnce() -> Vec<Option<u64>>) -> bool {
        if now < self.due {
            return false;
        }
        let turns = turns();
        // A worker that has ended has nothing to prove.
        let hangs =
            turns.iter().zip(&self.seen).any(|(turns, seen)| turns.is_some() && turns == seen);
        if !hangs {
            self.seen = turns;
            self.due = now + self.every;
        }
        !hangs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_that_hangs_is_enough_for_silence() {
        let start = Instant::now();
        let every = Duration::from_secs(1);
        let mut watchdog = Watchdog { every, due: start, seen: Vec::new() };
        let mut check = |seconds: u64, turns: [Option<u64>; 2], fed: bool| {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(watchdog.is_fed(now, || turns.to_vec()), fed, "{seconds}: {turns:?}");
        };
        check(0, [Some(0), Some(0)], true);
        check(0, [Some(1), Some(1)], false);
        check(1, [Some(2), Some(1)], true);
        check(2, [Some(3), Some(1)], false);
        check(3, [Some(9), Some(1)], false);
        check(4, [Some(9), Some(2)], true);
        check(5, [Some(10), None], true);
        check(6, [Some(11), None], true);
        check(7, [Some(11), None], false);
    }
}
