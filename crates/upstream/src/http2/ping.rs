//! When a silent service is asked for a sign of life, and when it is given up: no IO, no clock.

use std::time::Duration;

/// A service that was asked, and has sent no answer of a request since, is not asked again before
/// this: servers of gRPC take three PINGs within five minutes for a flood, unless they had
/// something to send in between.
const AGAIN: Duration = Duration::from_secs(301);

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// The next request, or the end of the rest: none is under way.
    Rest,
    /// Nothing: nobody wants to know.
    Nothing,
    /// The end of a silence that began after so many bytes.
    Silence(u64),
    /// Any byte after so many.
    Sign(u64),
}

/// The silence of one service on one connection.
#[derive(Debug)]
pub(super) struct Silence {
    rest: Option<Duration>,
    patience: Option<Duration>,
    timeout: Option<Duration>,
    wait: Wait,
    /// It was asked after so many bytes, and has not said anything since.
    asked: Option<u64>,
    /// So many pieces of answers had come when it was asked.
    asked_at: Option<u64>,
}

impl Silence {
    /// `rest`: how long the connection is kept without a request.
    pub(super) fn new(
        rest: Option<Duration>,
        patience: Option<Duration>,
        timeout: Option<Duration>,
    ) -> Self {
        Self { rest, patience, timeout, wait: Wait::Nothing, asked: None, asked_at: None }
    }

    /// What is waited for, and for how long if that is new. `heard`: bytes that came; `answers`:
    /// pieces of answers among them.
    pub(super) fn look(
        &mut self,
        busy: bool,
        heard: u64,
        answers: u64,
    ) -> (Wait, Option<Option<Duration>>) {
        if self.asked != Some(heard) {
            self.asked = None;
        }
        let wait = match (busy, self.patience) {
            (false, _) => Wait::Rest,
            (true, None) => Wait::Nothing,
            _ if self.asked.is_some() => Wait::Sign(heard),
            _ => Wait::Silence(heard),
        };
        if wait == self.wait {
            return (wait, None);
        }
        self.wait = wait;
        let patience = match wait {
            Wait::Nothing => None,
            Wait::Rest => self.rest,
            Wait::Sign(_) => self.timeout,
            Wait::Silence(_) if self.asked_at == Some(answers) => {
                Some(AGAIN.max(self.patience.unwrap_or_default()))
            }
            Wait::Silence(_) => self.patience,
        };
        (wait, Some(patience))
    }

    /// The service is asked now.
    pub(super) fn ask(&mut self, heard: u64, answers: u64) {
        self.asked = Some(heard);
        self.asked_at = Some(answers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(55);
    const PATIENCE: Duration = Duration::from_secs(5);
    const TIMEOUT: Duration = Duration::from_secs(3);

    #[test]
    fn a_silent_service_is_asked_once_and_then_given_up() {
        let mut silence = Silence::new(Some(REST), Some(PATIENCE), Some(TIMEOUT));
        assert_eq!(silence.look(false, 10, 0), (Wait::Rest, Some(Some(REST))));
        assert_eq!(silence.look(true, 10, 0), (Wait::Silence(10), Some(Some(PATIENCE))));
        assert_eq!(silence.look(true, 10, 0), (Wait::Silence(10), None));
        assert_eq!(silence.look(true, 11, 0), (Wait::Silence(11), Some(Some(PATIENCE))));
        silence.ask(11, 0);
        assert_eq!(silence.look(true, 11, 0), (Wait::Sign(11), Some(Some(TIMEOUT))));
        assert_eq!(silence.look(true, 11, 0), (Wait::Sign(11), None));
        // The PONG: it is there, but has nothing to say, and is left alone.
        assert_eq!(silence.look(true, 28, 0), (Wait::Silence(28), Some(Some(AGAIN))));
        // A piece of an answer: it counts from the start.
        assert_eq!(silence.look(true, 90, 1), (Wait::Silence(90), Some(Some(PATIENCE))));
        assert_eq!(silence.look(false, 90, 1), (Wait::Rest, Some(Some(REST))));
    }

    #[test]
    fn nobody_is_asked_when_it_is_off() {
        let mut silence = Silence::new(None, None, None);
        assert_eq!(silence.look(true, 10, 0), (Wait::Nothing, None));
        assert_eq!(silence.look(false, 10, 0), (Wait::Rest, Some(None)));
    }
}
