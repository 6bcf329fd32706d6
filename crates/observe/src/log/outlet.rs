//! One place that lines go to: the queue in front of it, and what its thread does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    time::Instant,
};

use super::{
    batches::Batches,
    losses::Losses,
    sink::Sink,
    stock::Stock,
    syslog::{Sent, Server},
    tally::{LineLoss, Way, WayTally},
};

/// What goes through the queue.
#[derive(Debug)]
pub(super) enum Parcel {
    Chunk(Chunk),
    /// Makes a waiting thread look whether it is to end.
    Wake,
}

/// Lines of one worker, formatted for one sink.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
    pub(super) sink: Arc<Sink>,
    /// When it was handed over.
    pub(super) since: Instant,
}

/// The near end of the queue. The thread ends when all of these are gone and nothing waits.
#[derive(Debug)]
pub(super) struct Outlet {
    /// What the operator calls it.
    pub(super) name: String,
    way: Way,
    queue: SyncSender<Parcel>,
    /// Lines that found the queue full.
    overflown: Arc<AtomicU64>,
}

impl Outlet {
    pub(super) fn new(
        name: String,
        way: Way,
        queue: SyncSender<Parcel>,
        overflown: Arc<AtomicU64>,
    ) -> Self {
        Self { name, way, queue, overflown }
    }

    /// Hands a chunk over. Never waits: if the queue is full its lines are lost, and counted.
    pub(super) fn hand(&self, chunk: Chunk, stock: &Stock) {
        let lines = chunk.lines;
        let tally = stock.tally.way(self.way);
        tally.hand(lines);
        match self.queue.try_send(Parcel::Chunk(chunk)) {
            Ok(()) => {}
            Err(TrySendError::Full(parcel) | TrySendError::Disconnected(parcel)) => {
                tally.lose(LineLoss::QueueFull, lines);
                self.overflown.fetch_add(lines, Ordering::Relaxed);
                if let Parcel::Chunk(chunk) = parcel {
                    stock.keep_empty(chunk.bytes);
                }
            }
        }
    }

    /// Has the thread look whether it is to end.
    pub(super) fn wake(&self) {
        // If the queue is full, the thread is not waiting for it and needs no waking.
        self.queue.try_send(Parcel::Wake).unwrap_or_default();
    }
}

/// The far end of the queue, on a thread of its own.
#[derive(Debug)]
pub(super) struct Far {
    pub(super) stock: Arc<Stock>,
    pub(super) name: String,
    pub(super) way: Way,
    pub(super) parcels: Receiver<Parcel>,
    pub(super) overflown: Arc<AtomicU64>,
    pub(super) losses: Losses,
    /// Lines that this thread has lost.
    pub(super) lost: u64,
    pub(super) work: Work,
    /// Dropped with the thread, which is how others learn of its end.
    pub(super) _end: SyncSender<()>,
}

/// What is done with lines.
#[derive(Debug)]
pub(super) enum Work {
    /// They are written to the file that is open.
    Write,
    /// They are put together for a shipper.
    Ship(Batches),
    /// They are told to a syslog server.
    Syslog(Server),
}

/// What came through the queue.
enum Came {
    Chunk(Chunk),
    Nothing,
    End,
}

impl Far {
    /// Takes lines until nobody can hand over more, or all is to end.
    pub(super) fn run(mut self) {
        loop {
            match self.next() {
                Came::Chunk(chunk) => self.take(chunk),
                Came::Nothing => {}
                Came::End => break,
            }
            if let Work::Ship(batches) = &mut self.work {
                batches.look(Instant::now());
            }
            self.count();
        }
        if let Work::Ship(batches) = &mut self.work {
            batches.finish();
        }
        self.count();
    }

    fn next(&self) -> Came {
        let came = if self.stock.is_closing() {
            self.parcels.try_recv().map_err(|_empty| RecvTimeoutError::Disconnected)
        } else {
            let patience = match &self.work {
                Work::Ship(batches) => batches.patience(Instant::now()),
                Work::Write | Work::Syslog(_) => None,
            };
            match patience {
                Some(patience) => self.parcels.recv_timeout(patience),
                None => self.parcels.recv().map_err(|_gone| RecvTimeoutError::Disconnected),
            }
        };
        match came {
            Ok(Parcel::Chunk(chunk)) => Came::Chunk(chunk),
            Ok(Parcel::Wake) | Err(RecvTimeoutError::Timeout) => Came::Nothing,
            Err(RecvTimeoutError::Disconnected) => Came::End,
        }
    }

    fn take(&mut self, chunk: Chunk) {
        match &mut self.work {
            Work::Ship(batches) => batches.add(&chunk.bytes, chunk.lines, Instant::now()),
            Work::Write => self.write(&chunk),
            Work::Syslog(server) => {
                let sent = server.send(&chunk.bytes, chunk.since, &self.stock);
                self.told(sent);
            }
        }
        self.stock.keep_empty(chunk.bytes);
    }

    fn write(&mut self, chunk: &Chunk) {
        let Some(open) = &chunk.sink.open else { return };
        if let Err(cause) = open.make_room(chunk.bytes.len()) {
            self.losses.complain(&self.name, &cause, Instant::now());
        }
        let written = match open.write(&chunk.bytes) {
            Ok(()) => chunk.lines,
            Err(lost) => {
                self.losses.cause = Some(lost.cause.to_string());
                lost.written
            }
        };
        let lost = chunk.lines.saturating_sub(written);
        self.tally().write(written);
        self.tally().lose(LineLoss::WriteFailed, lost);
        self.lost = self.lost.saturating_add(lost);
    }

    /// Counts what became of lines at a syslog server.
    fn told(&mut self, sent: Sent) {
        self.tally().write(sent.written);
        self.tally().lose(LineLoss::TooOld, sent.too_old);
        self.tally().lose(LineLoss::WriteFailed, sent.failed);
        let lost = sent.too_old.saturating_add(sent.failed);
        self.lost = self.lost.saturating_add(lost);
        if lost > 0 {
            self.losses.cause = sent.cause;
        }
    }

    fn tally(&self) -> &WayTally {
        self.stock.tally.way(self.way)
    }

    /// Counts what became of lines elsewhere, and tells the operator what was lost.
    fn count(&mut self) {
        if let Work::Ship(batches) = &mut self.work {
            let (lost, why) = batches.count(self.stock.tally.way(self.way));
            self.lost = self.lost.saturating_add(lost);
            if let Some(why) = why {
                self.losses.cause = Some(why.to_owned());
            }
        }
        let dropped = self.lost.saturating_add(self.overflown.load(Ordering::Relaxed));
        self.losses.tell(&self.name, dropped, Instant::now());
    }
}
