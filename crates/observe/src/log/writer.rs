//! The access logs of the process: opened, changed and ended here, and the threads that write them
//! started.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, TryRecvError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use yumen_model::{AccessLog, LogBatch, LogFormat, LogSink};
use yumen_otlp::Origin;
use yumen_shipper::Shipper;

use super::{
    LogError, LogTally, QUEUE_CHUNKS,
    batches::Batches,
    buffer::LogBuffer,
    json::Members,
    losses::{Losses, Tell},
    outlet::{Far, Outlet, Work},
    sink::Sink,
    stock::Stock,
    syslog::{Address, Server},
    tally::Way,
};

/// An access log, and how its lines are brought to a server if they are to go to one.
#[derive(Debug, Clone)]
pub struct Log {
    /// As it was written.
    pub config: AccessLog,
    /// Must be there if `config.to` is a server.
    pub freight: Option<Freight>,
}

/// How lines are brought to a server.
#[derive(Clone)]
pub struct Freight {
    /// What the operator calls the server; nothing secret.
    pub name: String,
    /// Starts what takes them there. Asked only if no log of before goes there the same way.
    pub start: Arc<dyn Fn() -> io::Result<Shipper> + Send + Sync>,
    /// Who made the lines; must be there if they are log records of OTLP.
    pub origin: Option<Origin>,
}

impl fmt::Debug for Freight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Freight").field("name", &self.name).finish_non_exhaustive()
    }
}

impl From<AccessLog> for Log {
    fn from(config: AccessLog) -> Self {
        Self { config, freight: None }
    }
}

/// The access logs of the process. Dropping it lets the threads write on until every
/// [`LogBuffer`] is gone; [`LogWriter::finish`] ends them in time.
pub struct LogWriter {
    shared: Arc<Shared>,
    tell: Tell,
    state: Mutex<State>,
}

impl fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogWriter").field("shared", &self.shared).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    logs: Vec<Log>,
    threads: Vec<Thread>,
}

/// A thread that was started.
#[derive(Debug)]
struct Thread {
    to: Place,
    /// There as long as somebody may hand lines over.
    outlet: Weak<Outlet>,
    /// Nothing is ever sent; it is closed when the thread has ended.
    ended: Receiver<()>,
}

/// What has a thread of its own. Logs that go to the same place share it, so that their lines do not
/// mix.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    to: LogSink,
    /// To a server, lines of different forms go apart.
    is_plain: bool,
}

impl Place {
    fn of(config: &AccessLog) -> Self {
        let is_plain = matches!(config.to, LogSink::Http(_)) && config.format != LogFormat::Json;
        Self { to: config.to.clone(), is_plain }
    }
}

/// What buffers and handle have in common.
#[derive(Debug)]
pub(super) struct Shared {
    /// Grows whenever `present` changes.
    generation: AtomicU64,
    present: Mutex<Present>,
    pub(super) stock: Arc<Stock>,
}

/// What the configuration of the moment asks for.
#[derive(Debug, Clone)]
pub(super) struct Present {
    /// Empty if there is no log.
    pub(super) sinks: Arc<[Arc<Sink>]>,
    /// What is shown to those who listen live, also while there is no log.
    pub(super) members: Arc<Members>,
}

impl LogWriter {
    /// Opens all logs and starts their threads. `tell` is called by those, at most once a
    /// minute each, with one sentence about lines that were lost.
    ///
    /// # Errors
    /// If a log cannot be opened or a thread cannot be started.
    pub fn start(
        logs: Vec<Log>,
        tally: Arc<LogTally>,
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, LogError> {
        let stock = Arc::new(Stock::new(tally));
        let tell: Tell = Arc::new(tell);
        let mut threads = Vec::new();
        let present = open(&logs, &mut threads, &stock, &tell)?;
        let generation = AtomicU64::new(0);
        let shared = Arc::new(Shared { generation, present: Mutex::new(present), stock });
        Ok(Self { shared, tell, state: Mutex::new(State { logs, threads }) })
    }

    /// A buffer for one worker.
    pub fn buffer(&self) -> LogBuffer {
        LogBuffer::new(Arc::clone(&self.shared))
    }

    /// Turns to other logs, or opens the same ones anew. Every buffer follows with its
    /// next record or flush; lines written before go to the old sink in the old format.
    ///
    /// # Errors
    /// If one of them cannot be opened; then the old ones stay.
    pub fn configure(&self, logs: &[Log]) -> Result<(), LogError> {
        // Held to the end, so that two calls at once cannot leave sinks and configuration of different ones.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let present = open(logs, &mut state.threads, &self.shared.stock, &self.tell)?;
        self.shared.turn_to(present);
        state.logs = logs.to_vec();
        Ok(())
    }

    /// Opens files anew by their names, after they were moved away.
    ///
    /// # Errors
    /// If one cannot be opened; then lines go on to the old ones.
    pub fn reopen(&self) -> Result<(), LogError> {
        let logs = self.state.lock().unwrap_or_else(PoisonError::into_inner).logs.clone();
        self.configure(&logs)
    }

    /// Writes and sends what waits and ends the threads, but waits no longer than `patience`.
    /// Returns how many lines were left behind. Buffers are flushed before; what they hand over
    /// later is lost and counted.
    pub fn finish(self, patience: Duration) -> u64 {
        let stock = &self.shared.stock;
        stock.close();
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.threads.iter().filter_map(|one| one.outlet.upgrade()).for_each(|one| one.wake());
        let ends = Instant::now() + patience;
        for thread in state.threads {
            // Fails in either case: when the thread has ended, or when it did not in time.
            let left = ends.saturating_duration_since(Instant::now());
            thread.ended.recv_timeout(left).unwrap_or_default();
        }
        stock.tally.waiting()
    }
}

/// Opens logs. Threads that go where they go stay; those that have ended are forgotten.
fn open(
    logs: &[Log],
    threads: &mut Vec<Thread>,
    stock: &Arc<Stock>,
    tell: &Tell,
) -> Result<Present, LogError> {
    threads.retain(|one| one.ended.try_recv() != Err(TryRecvError::Disconnected));
    let mut sinks = Vec::with_capacity(logs.len());
    for log in logs {
        let Some(way) = Way::of(&log.config.to) else { continue };
        let place = Place::of(&log.config);
        let known = threads.iter().find_map(|one| one.outlet.upgrade().filter(|_| one.to == place));
        let outlet = match known {
            Some(outlet) => outlet,
            None => {
                let (outlet, ended) = start(log, way, stock, tell)?;
                threads.push(Thread { to: place, outlet: Arc::downgrade(&outlet), ended });
                outlet
            }
        };
        stock.tally.way(way).begin();
        sinks.push(Arc::new(Sink::open(&log.config, outlet)?));
    }
    let members = Members::of_all(logs.iter().map(|log| &log.config));
    Ok(Present { sinks: sinks.into(), members: Arc::new(members) })
}

/// Starts the thread for one place.
fn start(
    log: &Log,
    way: Way,
    stock: &Arc<Stock>,
    tell: &Tell,
) -> Result<(Arc<Outlet>, Receiver<()>), LogError> {
    let name = match (&log.config.to, &log.freight) {
        (_, Some(freight)) => freight.name.clone(),
        (LogSink::File(path), None) => path.clone(),
        (LogSink::Syslog(sink), None) => sink.url.clone(),
        _ => "standard output".to_owned(),
    };
    let refused = |cause| LogError { sink: name.clone(), cause };
    let work = work(log, &name, tell).map_err(refused)?;
    let (queue, parcels) = sync_channel(QUEUE_CHUNKS);
    let (end, ended) = sync_channel(0);
    let overflown = Arc::new(AtomicU64::new(0));
    let far = Far {
        stock: Arc::clone(stock),
        name: name.clone(),
        way,
        parcels,
        overflown: Arc::clone(&overflown),
        losses: Losses::new(Arc::clone(tell)),
        lost: 0,
        work,
        _end: end,
    };
    let thread = thread::Builder::new().name("access-log".to_owned());
    thread.spawn(|| far.run()).map_err(refused)?;
    Ok((Arc::new(Outlet::new(name, way, queue, overflown)), ended))
}

/// What the thread for one place does.
fn work(log: &Log, name: &str, tell: &Tell) -> io::Result<Work> {
    let ship = |batch: &LogBatch| {
        let none = || io::Error::other("nothing takes lines there");
        let freight = log.freight.as_ref().ok_or_else(none)?;
        Ok(Work::Ship(Batches::new((freight.start)()?, freight.origin.clone(), batch)))
    };
    match &log.config.to {
        LogSink::Http(sink) => ship(&sink.batch),
        LogSink::Otlp(sink) => ship(&sink.batch),
        LogSink::Syslog(sink) => {
            let address = Address::read(&sink.url).map_err(io::Error::other)?;
            let most = usize::try_from(sink.message_bytes.0).unwrap_or(usize::MAX);
            Ok(Work::Syslog(Server::new(name.to_owned(), address, most, Arc::clone(tell))))
        }
        LogSink::Stdout | LogSink::File(_) | LogSink::Off => Ok(Work::Write),
    }
}

impl Shared {
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What is asked for at present. The generation is read first: at worst it is too old, and the buffer
    /// comes again.
    pub(super) fn current(&self) -> (u64, Present) {
        let generation = self.generation();
        (generation, self.present.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn turn_to(&self, present: Present) {
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = present;
        self.generation.fetch_add(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
