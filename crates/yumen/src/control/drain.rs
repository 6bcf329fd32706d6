//! The end of serving, in its order: readiness, connections, exchanges, tunnels, the process.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use yumen_listen::Passable;

use super::{Control, LAST_LINES};
use crate::pid_file::PidFile;
use crate::say;
use crate::workers::Order;

/// How often the drain looks around.
const LOOK: Duration = Duration::from_millis(20);
/// How long saying goodbye in tunnels may take in all.
const GOODBYES: Duration = Duration::from_secs(4);

impl Control {
    /// Says that it is not ready any more, lets load balancers notice, accepts nothing more, and
    /// lets exchanges that are under way end, for as long as the plan allows.
    pub(super) fn drain(mut self, signals: &Receiver<i32>) {
        self.ready.store(false, Ordering::Relaxed);
        self.place.notify.stopping();
        self.place.certificates.finish();
        let mut signals = Patient { signals, warned: true };
        let plan = self.equipment.present.plan();
        if let Some(delay) = plan.drain_delay.get() {
            say::say(format_args!(
                "not ready any more; accepting for another {}; a second signal stops at once",
                plan.drain_delay
            ));
            self.workers.order(|_| Some(Order::Leave));
            self.wait(&mut signals, Some(delay));
        }
        say::say("draining: no new connections; a second signal stops at once");
        self.end(signals);
    }

    /// Ends behind a hand-over: the new process accepts on the same sockets, and speaks for the
    /// gateway.
    pub(super) fn retire(mut self, signals: &Receiver<i32>) {
        // The new process reads these now, and sends on what is for the connections that are here.
        self.open.values().flat_map(|open| &open.datagrams).for_each(Passable::retire);
        // It names the new process, or soon will.
        self.place.pid_file = None;
        self.place.certificates.finish();
        // Whoever listens can go on at the new process.
        self.equipment.taps.close();
        let pages = self.status.take().map(|(_, pages)| pages.close());
        say::say("draining: new connections go to the new process");
        self.end(Patient { signals, warned: false });
        if let Some(pages) = pages {
            // It ends by itself, soon.
            drop(pages.join());
        }
    }

    fn end(mut self, mut signals: Patient<'_>) {
        self.open.clear();
        self.workers.order(|_| Some(Order::Drain));
        let plan = self.equipment.present.plan();
        if !self.wait(&mut signals, plan.drain.get()) {
            say::say("the drain took too long; connections that are still open are cut");
            self.workers.order(|_| Some(Order::Cut));
            self.wait(&mut signals, Some(GOODBYES));
        }
        self.place.certificates.stop();
        self.hang_up();
        let left = self.log.finish(LAST_LINES);
        if left > 0 {
            say::say(format_args!(
                "access log: {left} lines lost: there was no time left to write or send them"
            ));
        }
        self.place.traces.exporter.finish(LAST_LINES);
        self.place.alerts.finish(LAST_LINES);
        self.place.pid_file.iter().for_each(PidFile::remove);
        say::say("stopped");
    }

    /// Lets those who listen to the access log live hear the last line, and that it is the last.
    fn hang_up(&mut self) {
        let listened = self.equipment.taps.close() > 0;
        if let Some((_, pages)) = self.status.take().filter(|_| listened) {
            // It ends by itself, soon.
            drop(pages.close().join());
        }
    }

    /// Waits for the end of all workers; says whether it came in time.
    fn wait(&mut self, signals: &mut Patient<'_>, patience: Option<Duration>) -> bool {
        let ends = patience.map(|patience| Instant::now() + patience);
        while !self.workers.have_ended() {
            if signals.are_out_of_patience() {
                say::say("stopped at once");
                self.place.pid_file.iter().for_each(PidFile::remove);
                std::process::exit(1);
            }
            let now = Instant::now();
            self.place.notify.live(now, || self.workers.turns());
            if ends.is_some_and(|ends| now >= ends) {
                return false;
            }
        }
        true
    }
}

/// Signals, of which the one that asks for a drain is no reason to end at once.
struct Patient<'a> {
    signals: &'a Receiver<i32>,
    /// It has come.
    warned: bool,
}

impl Patient<'_> {
    /// Waits a moment for a signal that ends the process at once.
    fn are_out_of_patience(&mut self) -> bool {
        match self.signals.recv_timeout(LOOK) {
            Ok(SIGTERM | SIGINT) if self.warned => true,
            Ok(SIGTERM | SIGINT) => {
                say::say("draining already; a second signal stops at once");
                self.warned = true;
                false
            }
            _ => false,
        }
    }
}
