//! The hand-over to a new process, as the control of the old one drives it.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use super::Control;
use crate::config::Origin;
use crate::hand_over::{Heir, Passed};
use crate::pid_file::PidFile;
use crate::say;
use crate::sockets::STATUS;

/// How long the new process may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of a hand-over.
pub(super) enum Outcome {
    /// The new process accepts.
    Done,
    /// It does not, and this process goes on; it was told to reload meanwhile, or not.
    Failed { reload: bool },
    /// This process was told to stop meanwhile.
    Stop,
}

impl Control {
    /// Starts the binary that is on disk now and passes all listening sockets to it.
    pub(super) fn hand_over(&mut self, signals: &Receiver<i32>) -> Outcome {
        say::say("handing over: starting the new process");
        self.place.notify.status("handing over");
        let mut heir = match self.start_heir() {
            Ok(heir) => heir,
            Err(problem) => return self.go_on(&problem, false),
        };
        let ends = Instant::now() + PATIENCE;
        let mut reload = false;
        loop {
            match heir.is_ready() {
                Ok(true) => {
                    say::say(format_args!("process {} has taken over", heir.id()));
                    self.place.notify.hand_over(heir.id());
                    return Outcome::Done;
                }
                Ok(false) => {}
                Err(problem) => return self.go_on(&problem, reload),
            }
            match signals.try_recv() {
                Ok(SIGTERM | SIGINT) => {
                    say::say(heir.stop("was stopped before it was ready"));
                    return Outcome::Stop;
                }
                Ok(SIGHUP) => reload = true,
                Ok(SIGUSR1) => self.reopen_log(),
                _ => {}
            }
            self.place.notify.live(Instant::now(), || self.workers.turns());
            if Instant::now() >= ends {
                let problem = heir.stop("was not ready in time and was stopped");
                return self.go_on(&problem, reload);
            }
        }
    }

    fn start_heir(&self) -> Result<Heir, String> {
        if let Origin::Example = self.place.origin {
            return Err("the example is not handed over: run a file".to_owned());
        }
        let listeners = self.open.iter().flat_map(|(name, open)| {
            let address = &open.address;
            open.sockets.iter().map(move |socket| Passed::Listener { name, address, socket })
        });
        let datagrams = self.open.values().flat_map(|open| open.datagrams.iter());
        let listeners = listeners.chain(datagrams.map(Passed::Datagrams));
        let status = self.status.iter().flat_map(|(address, pages)| {
            pages.sockets.iter().map(move |socket| Passed::Listener {
                name: STATUS,
                address,
                socket,
            })
        });
        Heir::start(listeners.chain(status))
    }

    fn go_on(&self, problem: &str, reload: bool) -> Outcome {
        say::say(format_args!("hand-over failed: {problem}; this process goes on"));
        self.place.notify.status(&format!("{}; a hand-over failed", self.serving()));
        // Who waits for the file to change learns of it.
        if let Some(Err(problem)) = self.place.pid_file.as_ref().map(PidFile::write) {
            say::say(problem);
        }
        Outcome::Failed { reload }
    }
}
