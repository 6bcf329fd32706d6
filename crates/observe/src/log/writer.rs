//! The other end of the access log: one thread that writes chunks, and the handle to steer it.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use yumen_model::AccessLog;

use super::{
    CHUNK_CAPACITY, EMPTY_CHUNKS, LogError, LogTally, QUEUE_CHUNKS, buffer::LogBuffer,
    json::Members, sink::Sink,
};

/// The operator hears of lost lines at most this often.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// The access log of the process. Dropping it lets the thread write on until every
/// [`LogBuffer`] is gone; [`LogWriter::finish`] ends it in time.
#[derive(Debug)]
pub struct LogWriter {
    shared: Arc<Shared>,
    queue: SyncSender<Parcel>,
    config: Mutex<AccessLog>,
    /// Nothing is ever sent; it is closed when the thread has ended.
    ended: Receiver<()>,
}

/// What buffers, handle and thread have in common.
#[derive(Debug)]
pub(super) struct Shared {
    /// Grows whenever `present` changes.
    generation: AtomicU64,
    present: Mutex<Present>,
    /// Chunks to be used again. Only ever tried, never waited for.
    empty: Mutex<Vec<Vec<u8>>>,
    /// Whether the thread is to end once the queue is empty.
    closing: AtomicBool,
    pub(super) tally: Arc<LogTally>,
}

/// What the configuration of the moment asks for.
#[derive(Debug, Clone)]
pub(super) struct Present {
    /// `None` if the log is off.
    pub(super) sink: Option<Arc<Sink>>,
    /// What lines show and keep out, also for those who listen live while the log is off.
    pub(super) members: Arc<Members>,
}

impl Present {
    fn open(config: &AccessLog) -> Result<Self, LogError> {
        let members = Arc::new(Members::new(config));
        Ok(Self { sink: Sink::open(config, &members)?.map(Arc::new), members })
    }
}

/// What goes through the queue.
#[derive(Debug)]
pub(super) enum Parcel {
    Chunk(Chunk),
    /// Makes a waiting thread look at `closing`.
    Wake,
}

/// Lines of one worker, formatted for one sink.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
    pub(super) sink: Arc<Sink>,
}

impl LogWriter {
    /// Opens the sink and starts the thread. `tell` is called by that thread, at most once a
    /// minute, with one sentence about lines that were lost.
    ///
    /// # Errors
    /// If the sink cannot be opened or the thread cannot be started.
    pub fn start(
        config: AccessLog,
        tally: Arc<LogTally>,
        tell: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self, LogError> {
        let present = Present::open(&config)?;
        let (queue, parcels) = sync_channel(QUEUE_CHUNKS);
        let (end, ended) = sync_channel(0);
        let shared = Arc::new(Shared {
            generation: AtomicU64::new(0),
            present: Mutex::new(present),
            empty: Mutex::new(Vec::with_capacity(EMPTY_CHUNKS)),
            closing: AtomicBool::new(false),
            tally,
        });
        let thread = WriterThread {
            shared: Arc::clone(&shared),
            parcels,
            losses: Losses {
                tell: Box::new(tell),
                told: 0,
                last: None,
                complained: None,
                cause: None,
            },
            _end: end,
        };
        thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(|| thread.run())
            .map_err(|cause| LogError { sink: "its thread".to_owned(), cause })?;
        Ok(Self { shared, queue, config: Mutex::new(config), ended })
    }

    /// A buffer for one worker.
    pub fn buffer(&self) -> LogBuffer {
        LogBuffer::new(Arc::clone(&self.shared), self.queue.clone())
    }

    /// Turns to another sink or format, or opens the same one anew. Every buffer follows with its
    /// next record or flush; lines written before go to the old sink in the old format.
    ///
    /// # Errors
    /// If the new sink cannot be opened; then the old one stays.
    pub fn configure(&self, config: &AccessLog) -> Result<(), LogError> {
        // Held to the end, so that two calls at once cannot leave sink and config of different ones.
        let mut current = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.turn_to(Present::open(config)?);
        current.clone_from(config);
        Ok(())
    }

    /// Opens the file anew by its name, after it was moved away.
    ///
    /// # Errors
    /// If it cannot be opened; then lines go on to the old file.
    pub fn reopen(&self) -> Result<(), LogError> {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.configure(&config)
    }

    /// Writes what is in the queue and ends the thread, but waits no longer than `patience`.
    /// Returns how many lines were left behind. Buffers are flushed before; what they hand over
    /// later is lost and counted.
    pub fn finish(self, patience: Duration) -> u64 {
        self.shared.closing.store(true, Ordering::Release);
        // If the queue is full, the thread is not waiting for it and needs no waking.
        self.queue.try_send(Parcel::Wake).unwrap_or_default();
        // Fails in either case: when the thread has ended, or when it did not in time.
        self.ended.recv_timeout(patience).unwrap_or_default();
        self.shared.tally.waiting()
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

    /// An empty chunk, used before if one is at hand.
    pub(super) fn empty(&self) -> Vec<u8> {
        let kept = self.empty.try_lock().ok().and_then(|mut kept| kept.pop());
        kept.unwrap_or_else(|| Vec::with_capacity(CHUNK_CAPACITY))
    }

    /// Keeps a chunk for the next use, unless there are enough or one line made it huge.
    pub(super) fn keep_empty(&self, mut chunk: Vec<u8>) {
        chunk.clear();
        if chunk.capacity() <= 2 * CHUNK_CAPACITY
            && let Ok(mut kept) = self.empty.try_lock()
            && kept.len() < EMPTY_CHUNKS
        {
            kept.push(chunk);
        }
    }
}

struct WriterThread {
    shared: Arc<Shared>,
    parcels: Receiver<Parcel>,
    losses: Losses,
    /// Dropped with the thread, which is how `finish` learns of its end.
    _end: SyncSender<()>,
}

impl WriterThread {
    fn run(mut self) {
        while let Some(parcel) = self.next() {
            if let Parcel::Chunk(chunk) = parcel {
                self.write(chunk);
            }
        }
    }

    fn next(&self) -> Option<Parcel> {
        if self.shared.closing.load(Ordering::Acquire) {
            self.parcels.try_recv().ok()
        } else {
            self.parcels.recv().ok()
        }
    }

    fn write(&mut self, chunk: Chunk) {
        if let Err(cause) = chunk.sink.make_room(chunk.bytes.len()) {
            self.losses.complain(&chunk.sink.name, &cause, Instant::now());
        }
        let tally = &self.shared.tally;
        let written = match chunk.sink.write(&chunk.bytes) {
            Ok(()) => chunk.lines,
            Err(lost) => {
                self.losses.cause = Some(format!("{}: {}", chunk.sink.name, lost.cause));
                lost.written
            }
        };
        tally.written.fetch_add(written, Ordering::Relaxed);
        tally.write_failed.fetch_add(chunk.lines.saturating_sub(written), Ordering::Relaxed);
        self.shared.keep_empty(chunk.bytes);
        self.losses.tell(tally.dropped(), Instant::now());
    }
}

/// What the operator was told of lost lines.
struct Losses {
    tell: Box<dyn FnMut(&str) + Send>,
    /// How many lost lines were spoken of.
    told: u64,
    last: Option<Instant>,
    /// When it was said that a file cannot be rotated.
    complained: Option<Instant>,
    /// Why a write failed since then; `None` if the writer only fell behind.
    cause: Option<String>,
}

impl Losses {
    /// Nothing is lost when a file cannot be rotated, but it goes on growing.
    fn complain(&mut self, name: &str, cause: &io::Error, now: Instant) {
        if self.complained.is_none_or(|last| now.duration_since(last) >= TELL_EVERY) {
            (self.tell)(&format!("access log: cannot rotate {name}: {cause}"));
            self.complained = Some(now);
        }
    }

    fn tell(&mut self, dropped: u64, now: Instant) {
        let too_soon = self.last.is_some_and(|last| now.duration_since(last) < TELL_EVERY);
        let lost = dropped.saturating_sub(self.told);
        if lost == 0 || too_soon {
            return;
        }
        let cause = self.cause.take();
        let why = cause.as_deref().unwrap_or("they came faster than they could be written");
        (self.tell)(&format!("access log: {lost} lines lost: {why}"));
        self.told = dropped;
        self.last = Some(now);
    }
}

impl fmt::Debug for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Losses").field("told", &self.told).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
