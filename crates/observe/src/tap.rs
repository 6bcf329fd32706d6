//! The access log live: whoever listens gets the lines that fit a condition, as they are made.
//!
//! While nobody listens, an exchange pays one load of an atomic number. A listener that reads too
//! slowly loses lines, which are counted and told in their place; no exchange waits.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use yumen_expr::Problem;
use yumen_model::AccessLog;

use crate::log::{Filter, Members, Stamp, json_line};
use crate::record::Record;

/// Listeners at a time; one more is turned away.
const TAPS_MAX: usize = 8;
/// Bytes that wait for one listener; lines beyond are lost.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// Bytes of a condition.
const CONDITION_BYTES_MAX: usize = 4 << 10;

/// All who listen.
#[derive(Debug, Default)]
pub struct Taps {
    /// How many there are, at most: those that went away are noticed with the next exchange.
    open: AtomicUsize,
    list: Mutex<Vec<Weak<Tap>>>,
}

/// Why nobody can listen.
#[derive(Debug)]
pub enum TapRefused {
    /// There are as many as there may be.
    TooMany,
    /// The condition is wrong: what, with its place.
    Wrong(String),
}

impl fmt::Display for TapRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "{TAPS_MAX} listen already, which is the most"),
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

/// One who listens. It is forgotten when it is dropped.
#[derive(Debug)]
pub struct Tap {
    filter: Filter,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: VecDeque<u8>,
    /// Lines that were lost behind those.
    lost: u64,
    waker: Option<Waker>,
    is_over: bool,
}

impl Taps {
    /// Whether anybody may be listening.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Begins to listen to exchanges for which the condition holds; to all without one.
    ///
    /// # Errors
    /// If the condition is wrong, or too many listen.
    pub fn open(&self, when: Option<&str>) -> Result<Arc<Tap>, TapRefused> {
        let when = when.filter(|when| !when.trim().is_empty());
        if when.is_some_and(|when| when.len() > CONDITION_BYTES_MAX) {
            let most = format!("a condition has at most {CONDITION_BYTES_MAX} bytes");
            return Err(TapRefused::Wrong(most));
        }
        let config = AccessLog { when: when.map(str::to_owned), ..AccessLog::default() };
        let filter = Filter::new(&config).map_err(|problems| {
            let texts: Vec<String> = problems.iter().map(Problem::to_string).collect();
            TapRefused::Wrong(texts.join("\n"))
        })?;
        let tap = Arc::new(Tap { filter, waiting: Mutex::default() });
        let mut list = self.list();
        list.retain(|one| one.strong_count() > 0);
        if list.len() >= TAPS_MAX {
            return Err(TapRefused::TooMany);
        }
        list.push(Arc::downgrade(&tap));
        self.open.store(list.len(), Ordering::Relaxed);
        Ok(tap)
    }

    /// Tells all who listen of an exchange. Their conditions see no more than they are shown: asking
    /// often enough would tell the rest.
    pub(crate) fn offer(&self, record: &Record<'_>, members: &Members) {
        let mut list = self.list();
        let mut line = Vec::new();
        list.retain(|tap| {
            let Some(tap) = tap.upgrade() else { return false };
            if tap.filter.takes_shown(record, &members.secrets) {
                if line.is_empty() {
                    json_line(&mut line, &mut Stamp::default(), record, members);
                }
                tap.waiting().put(&line);
            }
            true
        });
        self.open.store(list.len(), Ordering::Relaxed);
    }

    /// Ends it for all who listen, behind what waits for them; says how many there were.
    pub fn close(&self) -> usize {
        let mut list = self.list();
        let taps: Vec<_> = list.drain(..).filter_map(|tap| tap.upgrade()).collect();
        self.open.store(0, Ordering::Relaxed);
        for tap in &taps {
            let mut waiting = tap.waiting();
            waiting.is_over = true;
            waiting.wake();
        }
        taps.len()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Weak<Tap>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap {
    /// Appends at most `room` bytes of what waits; says whether that was the end.
    pub fn poll_take(
        &self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<bool> {
        let mut waiting = self.waiting();
        waiting.tell_lost();
        if waiting.bytes.is_empty() {
            if waiting.is_over {
                return Poll::Ready(true);
            }
            waiting.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = waiting.bytes.len().min(room);
        out.extend(waiting.bytes.drain(..count));
        Poll::Ready(waiting.is_over && waiting.bytes.is_empty() && waiting.lost == 0)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn put(&mut self, line: &[u8]) {
        self.tell_lost();
        if self.lost > 0 || !self.takes(line.len()) {
            self.lost = self.lost.saturating_add(1);
            return;
        }
        self.bytes.extend(line);
        self.wake();
    }

    /// Says in their place how many lines were lost, once there is room for that.
    fn tell_lost(&mut self) {
        /// So much is free before lines are taken again, so that a slow reader loses them in long
        /// stretches and not one by one.
        const FREE_BYTES: usize = WAITING_BYTES_MAX / 4;
        if self.lost > 0 && self.takes(FREE_BYTES) {
            self.bytes.extend(format!("{{\"lost\":{}}}\n", self.lost).as_bytes());
            self.lost = 0;
        }
    }

    fn takes(&self, count: usize) -> bool {
        self.bytes.len().saturating_add(count) <= WAITING_BYTES_MAX
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Record<'_> {
        Record { path: path.as_bytes(), status: 200, ..Record::default() }
    }

    fn take(tap: &Tap, room: usize) -> Option<(String, bool)> {
        let mut out = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        match tap.poll_take(&mut context, &mut out, room) {
            Poll::Ready(end) => Some((String::from_utf8(out).unwrap(), end)),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_condition_finds_out_nothing_that_is_not_shown() {
        let taps = Taps::default();
        let guessed = taps.open(Some("request.query.contains('hunter2')")).unwrap();
        let plain = taps.open(Some("request.query.contains('page=2')")).unwrap();
        let query = Some(&b"token=hunter2&page=2"[..]);
        taps.offer(&Record { query, ..of("/a") }, &Members::default());
        assert!(guessed.waiting().bytes.is_empty());
        let line: Vec<u8> = plain.waiting().bytes.iter().copied().collect();
        assert!(String::from_utf8(line).unwrap().contains("token=***&page=2"));
    }

    #[test]
    fn each_gets_what_it_asked_for() {
        let taps = Taps::default();
        assert!(!taps.is_open());
        let all = taps.open(None).unwrap();
        let some = taps.open(Some("request.path == '/b'")).unwrap();
        assert!(taps.is_open());
        taps.offer(&of("/a"), &Members::default());
        taps.offer(&of("/b"), &Members::default());
        let (text, end) = take(&all, 1 << 16).unwrap();
        assert!(text.lines().count() == 2 && !end, "{text}");
        let (text, _) = take(&some, 1 << 16).unwrap();
        assert!(text.contains("\"/b\"") && text.lines().count() == 1, "{text}");
        assert!(take(&some, 1 << 16).is_none());
        taps.offer(&of("/b"), &Members::default());
        assert_eq!(taps.close(), 2);
        let (text, end) = take(&some, 5).unwrap();
        assert!(text == "{\"tim" && !end);
        assert!(take(&some, 1 << 16).unwrap().1, "the end comes behind what waits");
        assert!(!taps.is_open());
    }

    #[test]
    fn who_went_away_is_forgotten() {
        let taps = Taps::default();
        drop(taps.open(None).unwrap());
        taps.offer(&of("/a"), &Members::default());
        assert!(!taps.is_open());
        let kept: Vec<_> = (0..TAPS_MAX).map(|_| taps.open(None).unwrap()).collect();
        assert!(matches!(taps.open(None), Err(TapRefused::TooMany)));
        drop(kept);
        taps.open(None).unwrap();
    }

    #[test]
    fn what_a_slow_reader_loses_is_counted_in_its_place() {
        let taps = Taps::default();
        let tap = taps.open(None).unwrap();
        let path = format!("/{}", "x".repeat(1000));
        let offered = 3 * WAITING_BYTES_MAX / 1000;
        (0..offered).for_each(|_| taps.offer(&of(&path), &Members::default()));
        taps.close();
        let mut text = String::new();
        loop {
            let (more, end) = take(&tap, 64 << 10).unwrap();
            text.push_str(&more);
            assert!(tap.waiting().bytes.len() <= WAITING_BYTES_MAX);
            if end {
                break;
            }
        }
        let lost: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("{\"lost\":")).collect();
        let count: usize =
            lost.iter().map(|one| one.trim_end_matches('}').parse::<usize>().unwrap()).sum();
        assert!(lost.len() == 1 && count > 0, "{lost:?}");
        assert_eq!(text.lines().count() - 1 + count, offered);
    }

    #[test]
    fn a_wrong_condition_is_told() {
        let refused = Taps::default().open(Some("respons.status > 1")).unwrap_err();
        assert!(refused.to_string().contains("there is no name"), "{refused}");
        let long = "true || ".repeat(1000) + "true";
        assert!(matches!(Taps::default().open(Some(&long)), Err(TapRefused::Wrong(_))));
    }
}
