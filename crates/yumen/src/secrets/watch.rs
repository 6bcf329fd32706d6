//! Whether secrets that a configuration was made with are still what they were. No IO and no clock here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use yumen_courier::Backoff;

use super::{Answers, Wanted};

/// How long to wait before a look that failed is tried again: first, and at most.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MOST: Duration = Duration::from_secs(60);

/// What others may know of it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) changed: AtomicBool,
    /// Values that could be read the last time, and those that could not.
    pub(super) read: [AtomicU64; 2],
}

impl State {
    fn count(&self, all: usize, failing: usize) {
        let [good, bad] = &self.read;
        good.store(all.saturating_sub(failing) as u64, Ordering::Relaxed);
        bad.store(failing as u64, Ordering::Relaxed);
    }
}

/// What is followed.
#[derive(Debug)]
pub(super) struct Watch {
    every: Option<Duration>,
    state: Arc<State>,
    wanted: Vec<Wanted>,
    paths: Vec<String>,
    due: Option<Instant>,
    backoff: Backoff,
    /// What was told last of a failure.
    told: Option<String>,
}

impl Watch {
    pub(super) fn new(every: Option<Duration>, state: Arc<State>) -> Self {
        let backoff = Backoff::new(PAUSE_FIRST, PAUSE_MOST);
        let (wanted, paths) = (Vec::new(), Vec::new());
        Self { every, state, wanted, paths, due: None, backoff, told: None }
    }

    /// Follows these, and no others.
    pub(super) fn follow(&mut self, wanted: Vec<Wanted>, now: Instant, random: u64) {
        self.paths = wanted.iter().map(|one| one.path.clone()).collect();
        self.paths.dedup();
        let is_fresh = |one: &&Wanted| one.is_fresh && one.value.is_some();
        let fresh = wanted.iter().filter(is_fresh).count();
        let is_sure = fresh == wanted.len();
        self.state.count(wanted.len(), wanted.len() - fresh);
        self.wanted = wanted;
        self.due = if self.wanted.is_empty() { None } else { self.next(is_sure, now, random) };
    }

    /// When to look.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Where to look.
    pub(super) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Judges what was found at [`Watch::paths`]; says what the operator is to be told.
    pub(super) fn looked(&mut self, answers: &Answers, now: Instant, random: u64) -> Vec<String> {
        let found: HashMap<&str, _> = self.paths.iter().map(String::as_str).zip(answers).collect();
        let (mut changed, mut failing, mut unread) = (Vec::new(), None, 0);
        for one in &self.wanted {
            let answer = found.get(&*one.path);
            let value = answer.map(|answer| match answer {
                Ok(secret) => secret.value(&one.key).map_err(|fault| fault.why),
                Err(fault) => Err(fault.why.clone()),
            });
            match value {
                Some(Ok(value)) if one.value.as_deref() == Some(value) => {}
                Some(Ok(_)) => changed.push(&*one.path),
                Some(Err(why)) => {
                    unread += 1;
                    // What was never there was told already.
                    if one.value.is_some() && failing.is_none() {
                        failing = Some(format!(
                            "the secret `{}` of Vault cannot be read again: {why}; its value stays in force, trying on",
                            one.path
                        ));
                    }
                }
                None => unread += 1,
            }
        }
        changed.dedup();
        let is_sure = unread == 0;
        self.state.count(self.wanted.len(), unread);
        let mut news = Vec::new();
        if is_sure && !changed.is_empty() {
            news.push(format!("secrets of Vault have changed: {}", changed.join(", ")));
            self.state.changed.store(true, Ordering::Relaxed);
        }
        self.due = self.next(is_sure, now, random);
        if failing.is_none() && is_sure && self.told.take().is_some() {
            news.push("the secrets of Vault can be read again".to_owned());
        }
        if failing.is_some() && self.told != failing {
            news.extend(failing.clone());
            self.told = failing;
        }
        news
    }

    /// When to look next: sooner, if not all is known.
    fn next(&mut self, is_sure: bool, now: Instant, random: u64) -> Option<Instant> {
        let every = self.every?;
        let pause = if is_sure {
            self.backoff.succeeded();
            every
        } else {
            self.backoff.failed(random, None).min(every)
        };
        now.checked_add(pause)
    }
}

#[cfg(test)]
mod tests {
    use yumen_vault::{Fault, Secret};

    use super::*;

    const EVERY: Duration = Duration::from_secs(60);

    fn wanted(path: &str, value: Option<&str>) -> Wanted {
        let (path, key) = (path.to_owned(), "key".to_owned());
        Wanted { path, key, value: value.map(str::to_owned), is_fresh: true }
    }

    fn away() -> Result<Arc<Secret>, Fault> {
        Err(Fault::away("it is away", "wait"))
    }

    fn has(value: &str) -> Result<Arc<Secret>, Fault> {
        Ok(Arc::new(Secret::of("secret/a", "key", value)))
    }

    struct Watched {
        watch: Watch,
        state: Arc<State>,
        now: Instant,
    }

    impl Watched {
        fn new(wanted: Vec<Wanted>) -> Self {
            let (state, now) = (Arc::<State>::default(), Instant::now());
            let mut watch = Watch::new(Some(EVERY), Arc::clone(&state));
            watch.follow(wanted, now, u64::MAX);
            Self { watch, state, now }
        }

        /// What is told, whether something has changed, and in how many seconds it looks again.
        fn look(&mut self, answers: Answers) -> (String, bool, u64) {
            let news = self.watch.looked(&answers, self.now, u64::MAX).join("|");
            (news, self.state.changed.swap(false, Ordering::Relaxed), self.pause())
        }

        fn counts(&self) -> [u64; 2] {
            self.state.read.each_ref().map(|count| count.load(Ordering::Relaxed))
        }

        fn pause(&self) -> u64 {
            self.watch.due().map_or(0, |due| due.duration_since(self.now).as_secs())
        }
    }

    #[test]
    fn only_a_value_that_is_another_one_is_a_change() {
        let mut watched = Watched::new(vec![wanted("secret/a", Some("1"))]);
        assert_eq!((watched.watch.paths(), watched.pause()), (&["secret/a".to_owned()][..], 60));
        assert_eq!(watched.look(vec![has("1")]), (String::new(), false, 60));
        let (told, changed, pause) = watched.look(vec![has("2")]);
        assert_eq!((&*told, changed, pause), ("secrets of Vault have changed: secret/a", true, 60));
        assert!(!told.contains('2'));
        // It was read again, and that is what counts now.
        watched.watch.follow(vec![wanted("secret/a", Some("2"))], watched.now, 0);
        assert_eq!(watched.look(vec![has("2")]), (String::new(), false, 60));
        watched.watch.follow(Vec::new(), watched.now, 0);
        assert_eq!(watched.pause(), 0, "nothing is followed");
    }

    #[test]
    fn a_server_that_is_away_is_told_once_and_asked_soon() {
        let mut watched = Watched::new(vec![wanted("secret/a", Some("1"))]);
        let (told, changed, pause) = watched.look(vec![away()]);
        assert!(told.contains("`secret/a` of Vault cannot be read again: it is away"), "{told}");
        assert_eq!((changed, pause), (false, 1));
        assert_eq!(watched.look(vec![away()]), (String::new(), false, 2));
        assert_eq!(
            watched.look(vec![has("1")]),
            ("the secrets of Vault can be read again".to_owned(), false, 60)
        );
    }

    #[test]
    fn what_could_not_be_had_is_asked_for_until_it_can() {
        let both = || vec![wanted("secret/a", None), wanted("secret/b", Some("1"))];
        let mut watched = Watched::new(both());
        assert_eq!((watched.pause(), watched.counts()), (1, [1, 1]));
        assert_eq!(watched.look(vec![away(), has("1")]), (String::new(), false, 2));
        assert_eq!(watched.counts(), [1, 1]);
        // As long as one is missing, a configuration would be refused.
        assert_eq!(watched.look(vec![away(), has("2")]), (String::new(), false, 4));
        let (told, changed, _) = watched.look(vec![has("x"), has("2")]);
        assert_eq!((&*told, changed), ("secrets of Vault have changed: secret/a, secret/b", true));
        // A copy is good until the server says something else, which is asked soon.
        let copy = Wanted { is_fresh: false, ..wanted("secret/a", Some("1")) };
        let mut watched = Watched::new(vec![copy]);
        assert_eq!(watched.pause(), 1);
        assert_eq!(watched.counts(), [0, 1]);
        assert_eq!(watched.look(vec![has("1")]), (String::new(), false, 60));
        assert_eq!(watched.counts(), [1, 0]);
    }

    #[test]
    fn it_need_not_be_asked_again() {
        let mut watch = Watch::new(None, Arc::default());
        watch.follow(vec![wanted("secret/a", None)], Instant::now(), 0);
        assert_eq!(watch.due(), None);
    }
}
