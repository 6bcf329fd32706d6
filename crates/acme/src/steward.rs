//! The steward: sees to it that every name has a certificate, one order at a time.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use tokio::sync::watch;

use crate::authority::{Asks, Authority};
use crate::decide::{Held, Journal, Next, Setback, Wish};
use crate::lease::{LASTS, Lease};
use crate::order::{Errand, Fault, fault};
use crate::store::{self, Seen, Store};
use crate::{Settings, Shown, Tally};

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long one order may take in all.
const ORDER_MAX: Duration = Duration::from_secs(300);
/// How often the lease is renewed while an order is under way.
const RENEW: Duration = Duration::from_secs(LASTS / 4);

/// What the steward is to do.
#[derive(Debug, Clone, Default)]
pub enum Duty {
    /// Nothing, until there is something.
    #[default]
    Rest,
    /// To see to these names.
    See(Arc<Settings>),
    /// To end the order that is under way, and to place no other.
    Finish,
    /// To stop now.
    Stop,
}

/// Sees to it that every name has a certificate.
pub struct Steward {
    state: PathBuf,
    duty: watch::Receiver<Duty>,
    show: Arc<dyn Fn(Shown) + Send + Sync>,
    tell: Box<dyn Fn(&str) + Send>,
    tally: Arc<Mutex<Tally>>,
    /// Tells this process from all others that share the folder.
    holder: String,
}

/// What the steward knows of one folder.
struct Books {
    settings: Arc<Settings>,
    store: Store,
    journal: Journal,
    held: Vec<Option<Held>>,
    seen: Option<Seen>,
}

impl std::fmt::Debug for Steward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Steward").field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl Steward {
    /// One that keeps its things below this state folder. `show` is given what listeners are to
    /// show, `tell` what operators may want to know.
    pub fn new(
        state: PathBuf,
        duty: watch::Receiver<Duty>,
        show: impl Fn(Shown) + Send + Sync + 'static,
        tell: impl Fn(&str) + Send + 'static,
    ) -> Self {
        let tally = Arc::default();
        let (show, tell) = (Arc::new(show), Box::new(tell));
        Self { state, duty, show, tell, tally, holder: holder() }
    }

    /// What is done, as it is done.
    #[must_use]
    pub fn tally(&self) -> Arc<Mutex<Tally>> {
        Arc::clone(&self.tally)
    }

    /// Works until it is told to stop, or nobody can tell it any more.
    pub async fn run(mut self) {
        let mut books: Option<Books> = None;
        loop {
            let duty = self.duty.borrow_and_update().clone();
            match duty {
                Duty::Stop => return,
                Duty::Rest => {
                    books = None;
                    self.count(|tally| tally.failing.clear());
                }
                Duty::Finish => {}
                Duty::See(settings) => {
                    let books = match &mut books {
                        Some(books) if Arc::ptr_eq(&books.settings, &settings) => books,
                        books => books.insert(Books::open(&self.state, settings)),
                    };
                    let placed = self.see(books).await;
                    let failing = books.setbacks(seconds());
                    self.count(|tally| tally.failing = failing);
                    if placed {
                        continue;
                    }
                }
            }
            let rest = tokio::time::sleep(LOOK);
            tokio::select! {
                changed = self.duty.changed() => if changed.is_err() { return },
                () = rest, if books.is_some() => {}
            }
        }
    }

    /// Places an order if one is due; says whether it did.
    async fn see(&mut self, books: &mut Books) -> bool {
        if books.look(SystemTime::now()) {
            (self.show)(books.shown());
        }
        if !matches!(books.next(seconds()), Next::Order(_)) {
            return false;
        }
        let lease = books.store.make().and_then(|()| {
            let lease = Lease::take(&books.store.folder, &self.holder, seconds())?;
            // What others have done meanwhile.
            books.journal = books.store.journal();
            books.seen = None;
            Ok(lease)
        });
        let mut lease = match lease {
            Ok(Some(lease)) => lease,
            Ok(None) => return false,
            Err(error) => {
                let why = format!("cannot use {}: {error}", books.store.folder.display());
                self.stuck(books, &why, None);
                return false;
            }
        };
        if books.look(SystemTime::now()) {
            (self.show)(books.shown());
        }
        let placed = match books.next(seconds()) {
            Next::Order(index) => self.place(books, index, &mut lease).await,
            Next::Wait(_) | Next::Nothing => false,
        };
        lease.release();
        placed
    }

    /// Places an order for the name at this position, and says what came of it.
    async fn place(&mut self, books: &mut Books, index: usize, lease: &mut Lease) -> bool {
        let Some(name) = books.settings.names.get(index).cloned() else { return false };
        let asks = Asks::default();
        let account = match self.account(books, &asks).await {
            Ok(account) => account,
            Err(fault) => {
                self.stuck(books, &fault.why, asks.seconds());
                self.keep(books);
                return false;
            }
        };
        let mut challenges = books.settings.challenges.clone();
        let turn = books.journal.failed_times(&name) as usize % challenges.len().max(1);
        challenges.rotate_left(turn);
        books.journal.begin(&name, seconds());
        if !self.keep(books) {
            return false;
        }
        let kind = challenges.first().map_or("", |challenge| challenge.name());
        (self.tell)(&format!("ordering a certificate for {name} ({kind})"));
        // A reload may change the names in the middle of it.
        let show = {
            let (show, store) = (Arc::clone(&self.show), books.store.clone());
            let (duty, before) = (self.duty.clone(), Arc::clone(&books.settings));
            move || match &*duty.borrow() {
                Duty::See(settings) => show(store.shown(&settings.names)),
                Duty::Rest => {}
                Duty::Finish | Duty::Stop => show(store.shown(&before.names)),
            }
        };
        let errand = Errand {
            account: &account,
            store: &books.store,
            name: &name,
            challenges: &challenges,
            show: &show,
        };
        let Some(done) = self.guarded(errand, lease).await else { return false };
        books.seen = None;
        match done {
            Ok(()) => {
                books.journal.succeeded(&name);
                self.count(|tally| tally.good += 1);
                (self.tell)(&format!("there is a new certificate for {name}"));
            }
            Err(Fault { why, is_unknown, is_passing }) => {
                self.count(|tally| tally.failed += 1);
                if is_unknown {
                    // The next order registers anew.
                    drop(books.store.forget_account());
                }
                let setback = Setback { why: &why, asked: asks.seconds(), is_passing };
                let next = books.journal.failed(&name, setback, seconds());
                let wait = next.saturating_sub(seconds());
                (self.tell)(&format!("no certificate for {name}: {why}; trying again in {wait} s"));
            }
        }
        self.keep(books);
        true
    }

    /// Runs an errand while the lease holds; `None` if it was broken off.
    async fn guarded(
        &mut self,
        errand: Errand<'_>,
        lease: &mut Lease,
    ) -> Option<Result<(), Fault>> {
        let (name, show) = (errand.name, errand.show);
        let late = || fault("it took too long");
        let mut run = Box::pin(tokio::time::timeout(ORDER_MAX, errand.run()));
        let mut renew = tokio::time::interval(RENEW);
        loop {
            tokio::select! {
                done = &mut run => return Some(done.unwrap_or_else(|_elapsed| Err(late()))),
                _ = renew.tick() => if !lease.renew(seconds()).unwrap_or(false) {
                    (self.tell)(&format!("the order for {name} is left to another process"));
                    return None;
                },
                changed = self.duty.changed() => {
                    if changed.is_err() || matches!(*self.duty.borrow_and_update(), Duty::Stop) {
                        return None;
                    }
                    show();
                }
            }
        }
    }

    /// The account with the authority: the one that is kept, or a new one.
    async fn account(&self, books: &Books, asks: &Asks) -> Result<Account, Fault> {
        let settings = &books.settings;
        let http = Authority::new(&settings.client, asks);
        let builder = Account::builder_with_http(Box::new(http));
        let contacts: Vec<&str> = settings.contacts.iter().map(String::as_str).collect();
        let keep = |credentials: AccountCredentials| {
            let contacts = settings.contacts.clone();
            books.store.keep_account(&store::Account { contacts, credentials })
        };
        if let Some(store::Account { contacts: told, credentials }) = books.store.account() {
            let same = serde_json::to_value(&credentials).and_then(serde_json::from_value);
            let account = builder.from_credentials(credentials).await?;
            if told != settings.contacts {
                account.update_contacts(&contacts).await?;
                keep(same.map_err(std::io::Error::from)?)?;
            }
            return Ok(account);
        }
        let external = settings
            .external_account
            .as_ref()
            .map(|(id, key)| ExternalAccountKey::new(id.clone(), key));
        let new = NewAccount {
            contact: &contacts,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let directory = settings.directory.clone();
        let (account, credentials) = builder.create(&new, directory, external.as_ref()).await?;
        keep(credentials)?;
        Ok(account)
    }

    /// No order can be placed at all.
    fn stuck(&self, books: &mut Books, why: &str, asked: Option<u64>) {
        self.count(|tally| tally.unreached += 1);
        let next = books.journal.unreached(why, asked, seconds());
        let wait = next.saturating_sub(seconds());
        let directory = &books.settings.directory;
        (self.tell)(&format!("no certificates from {directory}: {why}; trying again in {wait} s"));
    }

    /// Keeps the journal; without it no order is placed.
    fn keep(&self, books: &mut Books) -> bool {
        let kept = books.store.keep_journal(&books.journal);
        if let Err(error) = &kept {
            let why = format!("cannot write to {}: {error}", books.store.folder.display());
            self.stuck(books, &why, None);
        }
        kept.is_ok()
    }

    fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Books {
    fn open(state: &std::path::Path, settings: Arc<Settings>) -> Self {
        let store = Store::of(state, &settings.directory);
        let journal = store.journal();
        Self { settings, store, journal, held: Vec::new(), seen: None }
    }

    /// Looks whether the folder changed.
    fn look(&mut self, now: SystemTime) -> bool {
        let seen = Some(self.store.look(now));
        let changed = seen != self.seen;
        self.seen = seen;
        changed
    }

    /// What listeners are to show; it is from now on what is held.
    fn shown(&mut self) -> Shown {
        let shown = self.store.shown(&self.settings.names);
        let held = |name: &String| {
            let found = shown.certificates.iter().find(|(known, _)| known == name);
            found.map(|(_, one)| Held { from: one.facts().begins, until: one.facts().expires })
        };
        self.held = self.settings.names.iter().map(held).collect();
        shown
    }

    fn next(&self, now: u64) -> Next {
        self.journal.next(&self.wishes(), now)
    }

    fn setbacks(&self, now: u64) -> Vec<(String, String)> {
        self.journal.setbacks(&self.wishes(), now)
    }

    fn wishes(&self) -> Vec<Wish<'_>> {
        let wishes = self.settings.names.iter().zip(&self.held);
        wishes.map(|(name, held)| Wish { name, held: *held }).collect()
    }
}

/// Seconds since 1970.
fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A name that no other process has, on any node.
fn holder() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let random = std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default();
    format!("{}-{count}-{}", std::process::id(), random.trim())
}
