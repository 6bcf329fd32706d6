//! One set: what is present of it, and when it is to be fetched.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwapOption, Guard};
use serde_json::{Map, Value};
use tokio::sync::{Notify, watch};
use yumen_courier::{Backoff, Url};
use yumen_jose::KeySet;
use yumen_tls::Client;

use crate::fetch::Fetched;
use crate::{AGAIN, PATIENCE, STALE_MAX};

/// How long to wait before a server that failed is asked again: first, and at most.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MOST: Duration = Duration::from_secs(60);

/// Where a set is.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The document of keys; with an issuer, that of the issuer's metadata, which says where the keys are.
    pub url: Url,
    /// Whose metadata it is, letter by letter.
    pub issuer: Option<String>,
    /// Whose word is taken for the server, where it speaks TLS.
    pub client: Option<Arc<Client>>,
}

/// Without the query, which may be a secret.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.url.path.split('?').next().unwrap_or_default();
        write!(f, "{}{path}", self.url.target)
    }
}

/// A set that was fetched.
#[derive(Debug)]
pub struct Present {
    /// Its keys; no secrets are among them.
    pub keys: KeySet,
    /// Another number than that of any other set of its source.
    pub generation: u64,
    /// What the issuer says of itself, where that was asked for.
    pub metadata: Option<Map<String, Value>>,
    /// As it was read.
    document: Vec<u8>,
}

/// A set that is followed.
pub struct Remote {
    source: Source,
    present: ArcSwapOption<Present>,
    progress: Mutex<Progress>,
    /// How many fetches have ended.
    ended: watch::Sender<u64>,
    /// Wakes the keeper, if there is one.
    bell: Option<Arc<Notify>>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("source", &self.source).finish_non_exhaustive()
    }
}

/// How far it is.
#[derive(Debug)]
struct Progress {
    is_under_way: bool,
    /// Somebody wants it sooner than it is due.
    is_wanted: bool,
    begun: Option<Instant>,
    /// When the last good one came.
    fetched: Option<Instant>,
    /// When to fetch it next; at once if it is not said.
    due: Option<Instant>,
    generation: u64,
    backoff: Backoff,
    /// What was told last of a failure.
    told: Option<String>,
}

/// The wait for the end of a fetch.
#[derive(Debug)]
pub struct Renewal(watch::Receiver<u64>);

impl Renewal {
    /// Waits for it, for [`PATIENCE`] at most.
    pub async fn wait(mut self) {
        // It came, it will not come any more, or it does not come in time: there is what there is.
        let _over = tokio::time::timeout(PATIENCE, self.0.changed()).await;
    }
}

impl Remote {
    pub(crate) fn new(source: Source, bell: Option<Arc<Notify>>) -> Self {
        let progress = Progress {
            is_under_way: false,
            is_wanted: false,
            begun: None,
            fetched: None,
            due: None,
            generation: 0,
            backoff: Backoff::new(PAUSE_FIRST, PAUSE_MOST),
            told: None,
        };
        Self {
            source,
            present: ArcSwapOption::empty(),
            progress: Mutex::new(progress),
            ended: watch::Sender::new(0),
            bell,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What was fetched last. Takes no lock.
    #[must_use]
    pub fn present(&self) -> Guard<Option<Arc<Present>>> {
        self.present.load()
    }

    /// Asks for a newer set. There is something to wait for if one is being fetched, or was not
    /// fetched in the last [`AGAIN`].
    #[must_use]
    pub fn renew(&self) -> Option<Renewal> {
        self.renew_at(Instant::now())
    }

    pub(crate) fn renew_at(&self, now: Instant) -> Option<Renewal> {
        let bell = self.bell.as_ref()?;
        let mut progress = self.progress();
        let renewal = Renewal(self.ended.subscribe());
        let is_early = progress.begun.is_some_and(|begun| now < begun + AGAIN);
        if progress.is_under_way || progress.begun.is_none() {
            return Some(renewal);
        }
        if is_early {
            return None;
        }
        progress.is_wanted = true;
        drop(progress);
        bell.notify_one();
        Some(renewal)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a fetch if it is time; else says when that is, if no fetch is under way.
    pub(crate) fn begin(&self, now: Instant) -> Result<(), Option<Instant>> {
        let mut progress = self.progress();
        if progress.is_under_way {
            return Err(None);
        }
        if let Some(due) = progress.due.filter(|due| *due > now && !progress.is_wanted) {
            return Err(Some(due));
        }
        (progress.is_under_way, progress.is_wanted) = (true, false);
        progress.begun = Some(now);
        Ok(())
    }

    /// A fetch has ended, and what the operator is to be told of that.
    pub(crate) fn end(
        &self,
        outcome: Result<Fetched, String>,
        now: Instant,
        random: u64,
    ) -> Option<String> {
        let mut progress = self.progress();
        progress.is_under_way = false;
        let news = match outcome {
            Ok(fetched) => self.take(fetched, &mut progress, now),
            Err(why) => self.bear(why, &mut progress, now, random),
        };
        drop(progress);
        self.ended.send_modify(|ended| *ended += 1);
        news
    }

    fn take(&self, fetched: Fetched, progress: &mut Progress, now: Instant) -> Option<String> {
        let Fetched { keys, metadata, document, lifetime } = fetched;
        progress.fetched = Some(now);
        progress.due = Some(now + lifetime);
        progress.backoff.succeeded();
        let is_same = self.present().as_ref().is_some_and(|known| known.document == document);
        let (usable, skipped) = (keys.keys().len(), keys.skipped().len());
        if !is_same {
            progress.generation += 1;
            let generation = progress.generation;
            let present = Present { keys, generation, metadata, document };
            self.present.store(Some(Arc::new(present)));
        }
        let was_bad = progress.told.take().is_some();
        let source = &self.source;
        match (is_same, usable) {
            (false, 0) => Some(format!(
                "the key set of {source} has no key that can be used ({skipped} others): no token of it is good"
            )),
            (false, _) => Some(format!("the key set of {source} has {usable} keys")),
            (true, _) if was_bad => Some(format!("the key set of {source} can be had again")),
            (true, _) => None,
        }
    }

    fn bear(
        &self,
        why: String,
        progress: &mut Progress,
        now: Instant,
        random: u64,
    ) -> Option<String> {
        progress.due = Some(now + progress.backoff.failed(random, None));
        let is_stale = progress.fetched.is_some_and(|at| now.duration_since(at) >= STALE_MAX);
        if is_stale {
            self.present.store(None);
        }
        let then = match (is_stale, progress.fetched) {
            (true, _) => "the last one is too old to be believed",
            (false, Some(_)) => "the last one is kept",
            (false, None) => "there is none yet",
        };
        let news = format!("cannot get the key set of {}: {why}; {then}, trying on", self.source);
        if progress.told.as_ref() == Some(&news) {
            return None;
        }
        progress.told = Some(news.clone());
        Some(news)
    }
}
