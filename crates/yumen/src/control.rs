//! The control thread: reloads, signals, drain. It does all that may take a moment, so that workers
//! never do.

mod drain;
mod hand_over;
mod reload;

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use yumen_listen::{Bound, Connections, Datagrams, Door, Passable, deal};
use yumen_observe::LogWriter;
use yumen_plan::{ListenerPlan, Plan};
use yumen_upstream::resolve::Watched;

use self::hand_over::Outcome;
use crate::alerts::{Alerts, Scene};
use crate::aside::Aside;
use crate::certificates::Certificates;
use crate::config::{Look, Origin};
use crate::consumers::Consumers;
use crate::expiry::Expiry;
use crate::last_good::{LastGood, Written};
use crate::notify::Notify;
use crate::pid_file::PidFile;
use crate::say;
use crate::secrets::Secrets;
use crate::sockets::{STATUS, Sockets};
use crate::status::{Pages, StatusPages};
use crate::traces::Traces;
use crate::workers::{Equipment, Order, Workers};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How long the access log may take to write its last lines.
const LAST_LINES: Duration = Duration::from_secs(2);
/// Signals that wait to be acted on.
const SIGNALS_MAX: usize = 16;

/// A listener that is open.
struct Open {
    address: String,
    door: Arc<Door>,
    /// Where it listens, with the port that the system chose if it was 0.
    here: SocketAddr,
    /// The workers' sockets once more, to be passed on.
    sockets: Vec<TcpListener>,
    /// The same for HTTP/3; none if it is not spoken.
    datagrams: Vec<Passable>,
}

/// What is bound for a listener, before it opens.
#[derive(Default)]
struct Fresh {
    /// If it is new, or its address is.
    bound: Option<Bound>,
    /// If HTTP/3 is new there.
    datagrams: Vec<(Datagrams, Passable)>,
}

/// Where the process stands among the things around it.
pub(crate) struct Place {
    pub(crate) origin: Origin,
    pub(crate) last_good: Option<LastGood>,
    pub(crate) pid_file: Option<PidFile>,
    pub(crate) notify: Notify,
    /// Listening sockets that it was given.
    pub(crate) sockets: Sockets,
    /// Certificates that come from an authority.
    pub(crate) certificates: Certificates,
    /// Who is known.
    pub(crate) consumers: Arc<Consumers>,
    /// Where spans go.
    pub(crate) traces: Traces,
    /// Who is told of alerts.
    pub(crate) alerts: Alerts,
    /// What the configuration refers to in Vault.
    pub(crate) secrets: Arc<Secrets>,
}

/// Everything that is running.
pub(crate) struct Control {
    place: Place,
    equipment: Equipment,
    workers: Workers,
    aside: Aside,
    log: LogWriter,
    ready: Arc<AtomicBool>,
    open: HashMap<String, Open>,
    status: Option<(String, StatusPages)>,
    /// Keeps the names of services looked up while a plan has them.
    watched: Vec<Arc<Watched>>,
    /// Old plans whose last exchanges are still under way.
    retired: Vec<Arc<Plan>>,
    /// What was last seen of the files that the configuration refers to.
    referenced: Look,
    /// What of the plan ends some time.
    expiry: Expiry,
    revision: u64,
}

impl Control {
    /// With nothing open yet.
    ///
    /// # Errors
    /// If the thread for the long work of reloads cannot be started.
    pub(crate) fn new(
        place: Place,
        equipment: Equipment,
        workers: Workers,
        log: LogWriter,
    ) -> io::Result<Self> {
        Ok(Self {
            aside: Aside::start("aside")?,
            place,
            equipment,
            workers,
            log,
            ready: Arc::new(AtomicBool::new(false)),
            open: HashMap::new(),
            status: None,
            watched: Vec::new(),
            retired: Vec::new(),
            referenced: Look::new(),
            expiry: Expiry::default(),
            revision: 1,
        })
    }

    /// Opens the listeners of the first plan.
    ///
    /// # Errors
    /// In words for the operator; nothing serves then.
    pub(crate) fn begin(&mut self, plan: &Plan, look_up: Duration) -> Result<(), String> {
        let (fresh, status) = self.bind_all(plan)?;
        self.watch_names(plan);
        self.await_names(look_up);
        self.place.certificates.follow(plan.acme.as_ref())?;
        self.place.alerts.follow(&plan.alerts, &self.equipment.registry)?;
        self.open(plan, fresh);
        self.count_consumers();
        self.ready.store(true, Ordering::Relaxed);
        self.open_status(plan, status)?;
        for unused in self.place.sockets.let_go() {
            say::say(format_args!(
                "the socket that was given for {unused} is closed: no listener has that name or address"
            ));
        }
        Ok(())
    }

    /// Says that this is the process that serves now.
    pub(crate) fn announce(&self) {
        if let Some(Err(problem)) = self.place.pid_file.as_ref().map(PidFile::write) {
            say::say(problem);
        }
        say::say("ready");
        self.place.notify.ready(&self.serving());
    }

    fn serving(&self) -> String {
        format!("serving configuration {}", self.revision)
    }

    /// Keeps a configuration that works on disk.
    pub(crate) fn keep(&self, written: &Written) {
        let Some(last_good) = &self.place.last_good else { return };
        if let Err(error) = last_good.keep(written) {
            say::say(format_args!(
                "cannot keep the last good configuration in {}: {error}; say where with --state",
                last_good.path().display()
            ));
        }
    }

    /// Acts on signals and changed files until the process is to stop.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn serve(
        mut self,
        signals: &Receiver<i32>,
        mut look: Look,
        referenced: Look,
    ) -> Result<(), String> {
        self.referenced = referenced;
        loop {
            match signals.recv_timeout(LOOK) {
                Ok(SIGTERM | SIGINT) => {
                    self.drain(signals);
                    return Ok(());
                }
                Ok(SIGHUP) => {
                    look = self.place.origin.look();
                    self.reload();
                }
                Ok(SIGUSR2) => match self.hand_over(signals) {
                    Outcome::Done => {
                        self.retire(signals);
                        return Ok(());
                    }
                    Outcome::Stop => {
                        self.drain(signals);
                        return Ok(());
                    }
                    Outcome::Failed { reload: true } => self.reload(),
                    Outcome::Failed { reload: false } => {}
                },
                Ok(SIGUSR1) => self.reopen_log(),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => self.look(&mut look),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err("signals cannot be received any more".to_owned());
                }
            }
            self.equipment.present.ledgers().news().iter().for_each(say::say);
            self.expiry.news(Instant::now(), SystemTime::now()).iter().for_each(say::say);
            let gone: Vec<_> =
                self.retired.extract_if(.., |plan| Arc::strong_count(plan) == 1).collect();
            if !gone.is_empty() {
                self.aside.let_go(gone);
            }
            self.place.notify.live(Instant::now(), || self.workers.turns());
            self.equipment.registry.secrets(self.place.secrets.counts());
            self.alert();
            if self.workers.have_ended() {
                return Err("all workers have ended; this is a bug".to_owned());
            }
        }
    }

    /// Looks whether somebody is to be told of something.
    fn alert(&mut self) {
        let Equipment { present, names, standings, registry, exporter, .. } = &self.equipment;
        let showcase = &self.place.certificates.showcase;
        let (expiry, turns) = (&self.expiry, self.workers.turns());
        let scene =
            Scene { registry, present, standings, names, showcase, exporter, expiry, turns };
        self.place.alerts.look(&scene, Instant::now(), SystemTime::now());
    }

    fn reopen_log(&self) {
        if let Err(error) = self.log.reopen() {
            say::say(error);
        }
    }

    /// Shows what ends when, and tells it in time.
    pub(crate) fn expect_ends(&mut self, expiry: Expiry) {
        self.equipment.registry.expiring(expiry.expiring());
        self.expiry = expiry;
    }

    fn bind_all(&mut self, plan: &Plan) -> Result<(HashMap<String, Fresh>, Option<Bound>), String> {
        Ok((self.bind(plan)?, self.bind_status(plan)?))
    }

    /// Binds the addresses that are new in a plan.
    fn bind(&mut self, plan: &Plan) -> Result<HashMap<String, Fresh>, String> {
        let mut fresh = HashMap::new();
        let workers = self.workers.count();
        let sockets = &mut self.place.sockets;
        for listener in plan.listeners.iter().map(|one| &one.listener) {
            let explain = |problem| format!("listener {}: {problem}", listener.name);
            let known = self.open.get(&listener.name);
            let known = known.filter(|open| open.address == listener.address);
            let mut new = Fresh::default();
            let here = match known {
                Some(open) => open.here,
                None => {
                    let bound = sockets.bind(&listener.name, &listener.address, workers);
                    let bound = bound.map_err(explain)?;
                    let here = bound.address;
                    new.bound = Some(bound);
                    here
                }
            };
            if listener.http3.enabled && known.is_none_or(|open| open.datagrams.is_empty()) {
                new.datagrams = sockets.bind_datagrams(here, workers).map_err(explain)?;
            }
            fresh.insert(listener.name.clone(), new);
        }
        Ok(fresh)
    }

    /// Opens the new listeners of a plan, and gives the others their settings.
    fn open(&mut self, plan: &Plan, mut fresh: HashMap<String, Fresh>) {
        for ListenerPlan { listener, tls, .. } in &plan.listeners {
            let Fresh { bound, datagrams } = fresh.remove(&listener.name).unwrap_or_default();
            // Clients that it has served before may resume their sessions.
            let before = self.open.get(&listener.name).and_then(|open| open.door.tls());
            let showcase = &self.place.certificates.showcase;
            let tls = tls.as_ref().map(|tls| tls.open(before, &showcase.shelf));
            let answers = plan.acme.is_some() && tls.is_none();
            let tokens = answers.then(|| Arc::clone(&showcase.tokens));
            let known = self.open.get(&listener.name).map(|open| open.here);
            let here = bound.as_ref().map(|bound| bound.address).or(known);
            let Some(here) = here else { continue };
            let door = Arc::new(Door::new(listener, tls, here.port()).with_tokens(tokens));
            match bound {
                Some(bound) => self.open_one(&listener.address, bound, door),
                None => self.change(&listener.name, door),
            }
            if !datagrams.is_empty() {
                self.open_datagrams(&listener.name, here, datagrams);
            }
        }
    }

    /// Gives an open listener its settings.
    fn change(&mut self, name: &str, door: Arc<Door>) {
        let Some(open) = self.open.get_mut(name) else { return };
        self.workers.order(|_| Some(Order::Change(Arc::clone(&door))));
        if !door.speaks_http3() && !open.datagrams.is_empty() {
            say::say(format_args!("no longer listening on {} for HTTP/3 ({name})", open.here));
            open.datagrams.clear();
        }
        open.door = door;
    }

    /// Opens a listener.
    fn open_one(&mut self, address: &str, bound: Bound, door: Arc<Door>) {
        let here = bound.address;
        say::say(format_args!("listening on {here} ({})", door.name));
        let shares = bound.shares(self.workers.count());
        // Without them there is no hand-over; all else works.
        let sockets = shares.iter().flatten().map(TcpListener::try_clone);
        let sockets = sockets.collect::<io::Result<_>>().unwrap_or_default();
        let connections = Arc::new(Connections::default());
        let mut shares = shares.into_iter();
        self.workers.order(|_| {
            let (door, connections) = (Arc::clone(&door), Arc::clone(&connections));
            shares.next().map(|sockets| Order::Open { door, connections, sockets })
        });
        let name = door.name.to_string();
        let open = Open { address: address.to_owned(), door, here, sockets, datagrams: Vec::new() };
        self.open.insert(name, open);
    }

    /// Opens HTTP/3 beside a listener.
    fn open_datagrams(
        &mut self,
        name: &str,
        here: SocketAddr,
        sockets: Vec<(Datagrams, Passable)>,
    ) {
        let Some(open) = self.open.get_mut(name) else { return };
        say::say(format_args!("listening on {here} for HTTP/3 ({name})"));
        let (sockets, passable) = sockets.into_iter().unzip();
        open.datagrams = passable;
        let mut shares = deal(sockets, self.workers.count()).into_iter();
        let name = &open.door.name;
        self.workers.order(|_| {
            shares.next().map(|sockets| Order::Datagrams { name: Arc::clone(name), sockets })
        });
    }

    /// Closes the listeners that a plan does not have. One whose address changed is replaced.
    fn close(&mut self, plan: &Plan) {
        let workers = &self.workers;
        self.open.retain(|name, open| {
            let kept = plan.listeners.iter().any(|one| one.listener.name == *name);
            if !kept {
                // The workers' own are then the last ones.
                open.sockets.clear();
                open.datagrams.clear();
                workers.order(|_| Some(Order::Close(Arc::clone(&open.door.name))));
                say::say(format_args!("no longer listening on {} ({name})", open.address));
            }
            kept
        });
    }

    fn bind_status(&mut self, plan: &Plan) -> Result<Option<Bound>, String> {
        let address = &plan.status.address;
        let known = self.status.as_ref().is_some_and(|(open, _)| open == address);
        if known || address == "off" {
            return Ok(None);
        }
        self.place
            .sockets
            .bind(STATUS, address, 1)
            .map(Some)
            .map_err(|problem| format!("status: {problem}"))
    }

    fn open_status(&mut self, plan: &Plan, bound: Option<Bound>) -> Result<(), String> {
        if plan.status.address == "off" {
            self.status = None;
        }
        let Some(bound) = bound else { return Ok(()) };
        let pages = Pages {
            registry: Arc::clone(&self.equipment.registry),
            present: Arc::clone(&self.equipment.present),
            standings: self.equipment.standings.clone(),
            names: self.equipment.names.clone(),
            showcase: Arc::clone(&self.place.certificates.showcase),
            ready: Arc::clone(&self.ready),
            taps: Arc::clone(&self.equipment.taps),
            memories: Arc::clone(&self.equipment.memories),
            aside: Aside::start("pages")
                .map_err(|error| format!("cannot start a thread: {error}"))?,
        };
        let pages = StatusPages::start(bound, pages);
        let pages = pages.map_err(|error| format!("cannot start the status listener: {error}"))?;
        say::say(format_args!("status on {}", pages.address));
        self.status = Some((plan.status.address.clone(), pages));
        Ok(())
    }

    fn watch_names(&mut self, plan: &Plan) {
        let names = &self.equipment.names;
        self.watched = plan.destinations.values().flat_map(|one| one.watch(names)).collect();
        self.equipment.standings.follow(plan.destinations.values(), &self.equipment.names);
    }

    /// Waits a moment for the names to be looked up, so that the first requests need not.
    fn await_names(&self, patience: Duration) {
        if self.watched.is_empty() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build()
        else {
            return;
        };
        for unknown in runtime.block_on(self.equipment.names.looked_up(patience)) {
            let why = unknown.status().error.clone().unwrap_or_else(|| "no answer yet".to_owned());
            say::say(format_args!("cannot look up {}: {why}; trying on", unknown.host()));
        }
    }
}

/// Signals, as they come. From this call on, none of them ends the process by itself.
///
/// # Errors
/// In words for the operator.
pub(crate) fn signals() -> Result<Receiver<i32>, String> {
    let explain = |error: io::Error| format!("cannot receive signals: {error}");
    let mut signals =
        signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2])
            .map_err(explain)?;
    let (sender, receiver) = sync_channel(SIGNALS_MAX);
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread
        .spawn(move || {
            for signal in signals.forever() {
                if sender.send(signal).is_err() {
                    return;
                }
            }
        })
        .map_err(explain)?;
    Ok(receiver)
}
