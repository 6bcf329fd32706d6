//! The end of serving, in its order: readiness, connections, exchanges, the process.

use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::{Control, LAST_LINES};
use crate::say;
use crate::workers::Order;

/// How often the drain looks around.
const LOOK: Duration = Duration::from_millis(20);

impl Control {
    /// Says that it is not ready any more, lets load balancers notice, accepts nothing more, and
    /// lets exchanges that are under way end, for as long as the plan allows.
    pub(super) fn drain(self, signals: &Receiver<i32>) {
        self.ready.store(false, Ordering::Relaxed);
        let plan = self.equipment.present.plan();
        if let Some(delay) = plan.drain_delay.get() {
            say::say(format_args!(
                "not ready any more; accepting for another {}; a second signal stops at once",
                plan.drain_delay
            ));
            self.workers.order(|_| Some(Order::Leave));
            self.wait(signals, Some(delay));
        }
        say::say("draining: no new connections; a second signal stops at once");
        self.workers.order(|_| Some(Order::Drain));
        if !self.wait(signals, plan.drain.get()) {
            say::say("the drain took too long; connections that are still open are cut");
        }
        self.log.finish(LAST_LINES);
        say::say("stopped");
    }

    /// Waits for the end of all workers; says whether it came in time.
    fn wait(&self, signals: &Receiver<i32>, patience: Option<Duration>) -> bool {
        let ends = patience.map(|patience| Instant::now() + patience);
        while !self.workers.have_ended() {
            if let Ok(SIGTERM | SIGINT) = signals.recv_timeout(LOOK) {
                say::say("stopped at once");
                std::process::exit(1);
            }
            if ends.is_some_and(|ends| Instant::now() >= ends) {
                return false;
            }
        }
        true
    }
}
