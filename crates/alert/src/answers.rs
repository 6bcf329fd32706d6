//! Whether services answer at all, by how attempts have ended: of one endpoint as of many, probed or
//! not.

use std::collections::HashMap;

/// So many attempts without an answer, and none with one, and a service does not answer.
const FAILURES: u64 = 5;

/// What is known of all services.
#[derive(Debug, Default)]
pub struct Answers {
    services: HashMap<String, Seen>,
}

/// The counts of one service: at the last look, and of failures when it last answered.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    answered: u64,
    failed: u64,
    failed_before: u64,
}

impl Answers {
    /// Takes in the counts of services so far: name, answered, failed. Says of each service that does
    /// not answer how many attempts have failed since it last did; until the next answer it stays so.
    pub fn look<'a>(
        &mut self,
        counts: impl IntoIterator<Item = (&'a str, u64, u64)>,
    ) -> Vec<(&'a str, u64)> {
        let old = std::mem::take(&mut self.services);
        let mut silent = Vec::new();
        for (name, answered, failed) in counts {
            let seen = old.get(name).copied();
            // What has answered once is well; what has begun anew, too.
            let is_fresh =
                seen.is_none_or(|seen| seen.answered != answered || failed < seen.failed);
            // Failures before the first look count, if there was no answer.
            let begin = if seen.is_none() && answered == 0 { 0 } else { failed };
            let failed_before = seen.filter(|_| !is_fresh).map_or(begin, |seen| seen.failed_before);
            let failures = failed - failed_before;
            if failures >= FAILURES {
                silent.push((name, failures));
            }
            self.services.insert(name.to_owned(), Seen { answered, failed, failed_before });
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
        for (answered, failed, expect) in [
            (0, 0, 0),
            (3, 1, 0),
            (3, 5, 0),
            (3, 6, 5),
            // Nobody asks any more: nothing is known but that.
            (3, 6, 5),
            (3, 20, 19),
            // In one second both: it answers.
            (4, 30, 0),
            (4, 34, 0),
            (4, 35, 5),
            // Forgotten, and known again.
            (0, 0, 0),
            (0, 4, 0),
            (0, 5, 5),
        ] {
            let silent = answers.look([("a", answered, failed), ("b", 0, 0)]);
            let expect: Vec<(&str, u64)> =
                (expect > 0).then_some(("a", expect)).into_iter().collect();
            assert_eq!(silent, expect, "{answered} {failed}");
        }
        assert!(answers.look([]).is_empty() && answers.services.is_empty());
        assert_eq!(answers.look([("c", 0, 7), ("d", 1, 7)]), [("c", 7)], "seen for the first time");
    }
}
