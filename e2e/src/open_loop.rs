//! A load that does not wait for answers: requests begin when their time has come, as those of
//! many clients who do not know of each other.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;

/// How a load is to be.
#[derive(Debug, Clone, Copy)]
pub struct OpenLoop {
    /// Where to.
    pub to: SocketAddr,
    /// Requests that begin in a second.
    pub rate: f64,
    /// For how long.
    pub long: Duration,
    /// Connections, one thread each. There must be more of them than requests under way: what finds
    /// none free begins late.
    pub connections: usize,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Served {
    /// When it was to begin.
    pub due: Instant,
    /// When it began.
    pub began: Instant,
    /// When its answer was there.
    pub ended: Instant,
    /// Status of the answer; 0 if there was none.
    pub status: u16,
    /// Its text, of what is not 200.
    pub text: String,
}

impl Served {
    /// How long its answer took.
    pub fn took(&self) -> Duration {
        self.ended - self.began
    }
}

impl OpenLoop {
    /// Runs it to its end.
    pub fn run(&self) -> Vec<Served> {
        let next = AtomicU64::new(0);
        let began = Instant::now();
        thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.connections).map(|_| scope.spawn(|| self.drive(began, &next))).collect();
            threads.into_iter().flat_map(|one| one.join().expect("it ends well")).collect()
        })
    }

    fn drive(&self, began: Instant, next: &AtomicU64) -> Vec<Served> {
        let mut client = Client::connect(self.to);
        let mut all = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let after = Duration::from_secs_f64(number as f64 / self.rate);
            if after >= self.long {
                return all;
            }
            let due = began + after;
            // The load has its own pace.
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let began = Instant::now();
            let answer = client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let ended = Instant::now();
            let (status, text) = match &answer {
                Ok(answer) if answer.status() == 200 => (200, String::new()),
                Ok(answer) => (answer.status(), answer.text()),
                Err(lost) => (0, format!("{lost:?}")),
            };
            all.push(Served { due, began, ended, status, text });
            if answer.is_ok_and(|answer| answer.closes()) || status == 0 {
                client = Client::connect(self.to);
            }
        }
    }
}
