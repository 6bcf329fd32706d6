//! Secrets that the configuration refers to: asked for by a thread of their own, and asked for again.

mod copies;
mod petition;
mod watch;

use std::collections::hash_map::RandomState;
use std::env;
use std::hash::BuildHasher;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use yumen_model::Span;
use yumen_vault::{Fault, Secret, Settings, Vault};

use self::copies::Copies;
pub(crate) use self::copies::Opened;
pub(crate) use self::petition::Petition;
use self::petition::Wanted;
use self::watch::{State, Watch};
use crate::say;

/// How long all secrets of one configuration may take together.
const WITHIN: Duration = Duration::from_secs(5);
/// How often those that are in force are asked for again, unless [`REFRESH`] says otherwise.
const EVERY: Duration = Duration::from_secs(60);
const EVERY_MIN: Duration = Duration::from_secs(1);
/// The variable that says how often.
const REFRESH: &str = "YUMEN_VAULT_REFRESH";
/// The most secrets that one configuration may refer to.
const SECRETS_MAX: usize = 512;
/// Questions that wait for the thread.
const QUESTIONS_MAX: usize = 8;

/// What Vault answers for each path.
type Answers = Vec<Result<Arc<Secret>, Fault>>;

/// The way to the thread that asks Vault. There is none until a configuration refers to a secret.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    line: Mutex<Line>,
    state: Arc<State>,
    copies: Copies,
}

#[derive(Debug, Default)]
enum Line {
    #[default]
    Unused,
    Open(mpsc::Sender<Order>),
    /// There is none, and why.
    Broken(Fault),
}

/// What the thread is told.
#[derive(Debug)]
enum Order {
    /// Read these, until then.
    Read { paths: Vec<String>, ends: Instant, done: SyncSender<Answers> },
    /// Ask for these again and again, and no longer for those before.
    Follow(Vec<Wanted>),
}

impl Secrets {
    /// With sealed copies of the values, if there is a key for them.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn from_environment() -> Result<Self, String> {
        Ok(Self { copies: Copies::from_environment()?, ..Self::default() })
    }

    /// Begins to find out what one configuration refers to.
    pub(crate) fn petition(self: &Arc<Self>) -> Petition {
        Petition::new(Arc::clone(self))
    }

    /// Asks again and again for what was wanted there, whatever became of it.
    pub(crate) fn follow(&self, petition: &Petition) {
        self.state.changed.store(false, Ordering::Relaxed);
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Line::Open(orders) = &*line {
            // The thread takes orders while it does other things: there is room.
            drop(orders.try_send(Order::Follow(petition.wanted())));
        }
    }

    /// Whether something that is followed has changed. It is told once.
    pub(crate) fn have_changed(&self) -> bool {
        self.state.changed.swap(false, Ordering::Relaxed)
    }

    /// How many values could be read the last time, and how many could not.
    pub(crate) fn counts(&self) -> [u64; 2] {
        self.state.read.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Opens copies that were kept.
    pub(crate) fn open(&self, kept: &[(String, String)]) -> Opened {
        self.copies.open(kept)
    }

    /// Begins to read the secrets of these paths.
    ///
    /// # Errors
    /// If nobody can be asked.
    fn read(&self, paths: Vec<String>, ends: Instant) -> Result<Receiver<Answers>, Fault> {
        let (done, answers) = sync_channel(1);
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Line::Unused = *line {
            *line = match self.start() {
                Ok(orders) => Line::Open(orders),
                Err(fault) => Line::Broken(fault),
            };
        }
        match &*line {
            Line::Open(orders) => {
                let order = Order::Read { paths, ends, done };
                let busy = |_full| Fault::away("too much is asked of Vault at once", "try again");
                orders.try_send(order).map_err(busy)?;
                Ok(answers)
            }
            Line::Broken(fault) => Err(fault.clone()),
            Line::Unused => Err(Fault::wrong("nobody asks Vault", "this is a bug")),
        }
    }

    fn start(&self) -> Result<mpsc::Sender<Order>, Fault> {
        let variable = |name: &str| env::var(name).ok();
        let vault = Vault::new(Settings::read(&variable)?);
        let every = every(variable(REFRESH).as_deref())?;
        let explain = |error: std::io::Error| {
            Fault::wrong(format!("cannot start a thread: {error}"), "see what this user may start")
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(explain)?;
        let (sender, orders) = mpsc::channel(QUESTIONS_MAX);
        let thread = std::thread::Builder::new().name("secrets".to_owned());
        let watch = Watch::new(every, Arc::clone(&self.state));
        let work = move || runtime.block_on(serve(vault, watch, orders));
        thread.spawn(work).map_err(explain)?;
        Ok(sender)
    }
}

/// How often to ask again; `None` for never.
fn every(text: Option<&str>) -> Result<Option<Duration>, Fault> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Some(EVERY)) };
    let span: Option<Span> = text.parse().ok();
    match span.map(Span::get) {
        Some(None) => Ok(None),
        Some(Some(every)) if every >= EVERY_MIN => Ok(Some(every)),
        Some(Some(_)) | None => Err(Fault::wrong(
            format!("{REFRESH} is no time from one second on"),
            "such as `60s`, or `off`",
        )),
    }
}

/// What happens next.
enum Next {
    Told(Option<Order>),
    Kept(Option<String>),
    Looked(Answers),
}

/// Does what it is told; keeps the token alive, and looks at what is followed, when that is due.
async fn serve(mut vault: Vault, mut watch: Watch, mut orders: mpsc::Receiver<Order>) {
    loop {
        let next = tokio::select! {
            biased;
            order = orders.recv() => Next::Told(order),
            // Whoever asks meanwhile goes first: this is dropped, and is due at once.
            done = tend(&mut vault, &watch) => done,
        };
        match next {
            Next::Told(None) => return,
            Next::Told(Some(Order::Read { paths, ends, done })) => {
                let answers = vault.read(&paths, ends).await;
                // Nobody waits any more if it took too long.
                drop(done.send(shared(answers)));
            }
            Next::Told(Some(Order::Follow(wanted))) => {
                watch.follow(wanted, Instant::now(), random());
            }
            Next::Kept(news) => news.iter().for_each(say::say),
            Next::Looked(answers) => {
                watch.looked(&answers, Instant::now(), random()).iter().for_each(say::say);
            }
        }
    }
}

/// Waits until something is due, and does it.
async fn tend(vault: &mut Vault, watch: &Watch) -> Next {
    let (keep, look) = (vault.due(), watch.due());
    let is_first = |due: Instant| look.is_none_or(|look| due <= look);
    if let Some(due) = keep.filter(|due| is_first(*due)) {
        tokio::time::sleep_until(due.into()).await;
        return Next::Kept(vault.keep(random()).await);
    }
    match look {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
    Next::Looked(shared(vault.read(watch.paths(), Instant::now() + WITHIN).await))
}

fn shared(answers: Vec<Result<Secret, Fault>>) -> Answers {
    answers.into_iter().map(|one| one.map(Arc::new)).collect()
}

/// Those who failed together do not come back together.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_often_to_ask_again_can_be_said() {
        for (text, expect) in [
            (None, Some(Some(EVERY))),
            (Some(""), Some(Some(EVERY))),
            (Some("5m"), Some(Some(Duration::from_secs(300)))),
            (Some("1s"), Some(Some(EVERY_MIN))),
            (Some("off"), Some(None)),
            (Some("999ms"), None),
            (Some("0s"), None),
            (Some("often"), None),
        ] {
            assert_eq!(every(text).ok(), expect, "{text:?}");
        }
    }
}
