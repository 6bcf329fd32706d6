//! Whether services answer at all, by how attempts have ended: of one endpoint as of many, probed or
//! not.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// So many attempts without an answer, and none with one, and a service does not answer.
const FAILURES: u64 = 5;

/// What is known of all services.
#[derive(Debug, Default)]
pub struct Answers {
    services: HashMap<String, Seen>,
}

/// The counts of one service: at the last look, and of failures when it last answered.
#[derive(Debug, Clone, Copy)]
struct Seen {
    answered: u64,
    failed: u64,
    failed_before: u64,
    /// When a failure was last seen.
    at: Instant,
}

/// A service that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silent<'a> {
    /// Its name.
    pub service: &'a str,
    /// Attempts that have failed since it last answered.
    pub failures: u64,
    /// How long ago the last of them did.
    pub ago: Duration,
}

impl Answers {
    /// Takes in the counts of services so far: name, answered, failed. Says which of them do not answer;
    /// until the next answer that stays so.
    pub fn look<'a>(
        &mut self,
        counts: impl IntoIterator<Item = (&'a str, u64, u64)>,
        now: Instant,
    ) -> Vec<Silent<'a>> {
        let old = std::mem::take(&mut self.services);
        let mut silent = Vec::new();
        for (service, answered, failed) in counts {
            let seen = old.get(service).copied();
            // What has answered once is well; what has begun anew, too.
            let known = seen.filter(|seen| seen.answered == answered && seen.failed <= failed);
            // Failures before the first look count, if there was no answer.
            let begin = if seen.is_none() && answered == 0 { 0 } else { failed };
            let failed_before = known.map_or(begin, |seen| seen.failed_before);
            let at = known.filter(|seen| seen.failed == failed).map_or(now, |seen| seen.at);
            let failures = failed.saturating_sub(failed_before);
            if failures >= FAILURES {
                let ago = now.saturating_duration_since(at);
                silent.push(Silent { service, failures, ago });
            }
            let seen = Seen { answered, failed, failed_before, at };
            self.services.insert(service.to_owned(), seen);
        }
        silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_silent_until_it_answers() {
        let mut answers = Answers::default();
        let began = Instant::now();
        for (second, (answered, failed, expect, expect_ago)) in (0..).zip([
            (0, 0, 0, 0),
            (3, 1, 0, 0),
            (3, 5, 0, 0),
            (3, 6, 5, 0),
            // Nobody asks any more: nothing is known but that.
            (3, 6, 5, 1),
            (3, 6, 5, 2),
            (3, 20, 19, 0),
            // In one second both: it answers.
            (4, 30, 0, 0),
            (4, 34, 0, 0),
            (4, 35, 5, 0),
            // Forgotten, and known again.
            (0, 0, 0, 0),
            (0, 4, 0, 0),
            (0, 5, 5, 0),
        ]) {
            let now = began + Duration::from_secs(second);
            let silent = answers.look([("a", answered, failed), ("b", 0, 0)], now);
            let ago = Duration::from_secs(expect_ago);
            let one = Silent { service: "a", failures: expect, ago };
            let expect: Vec<Silent<'_>> = (expect > 0).then_some(one).into_iter().collect();
            assert_eq!(silent, expect, "{second}: {answered} {failed}");
        }
        assert!(answers.look([], began).is_empty() && answers.services.is_empty());
        let first = answers.look([("c", 0, 7), ("d", 1, 7)], began);
        let (service, failures, ago) = ("c", 7, Duration::ZERO);
        assert_eq!(first, [Silent { service, failures, ago }], "seen for the first time");
    }
}
