//! What became of the lines of access logs, by where they were to go.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use yumen_model::LogSink;

/// Where lines go, as metrics tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Stdout,
    File,
    Syslog,
    Http,
    Otlp,
}

/// Why a line was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineLoss {
    /// The writer fell behind, or what waits for a server was too much.
    QueueFull,
    /// It could not be written.
    WriteFailed,
    /// The server did not want it.
    Refused,
    /// It could not be sent for too long.
    TooOld,
    /// The gateway ended before it could be sent.
    Closed,
}

impl Way {
    const ALL: [Self; 5] = [Self::Stdout, Self::File, Self::Syslog, Self::Http, Self::Otlp];

    /// `None` if lines go nowhere.
    pub(super) fn of(to: &LogSink) -> Option<Self> {
        match to {
            LogSink::Stdout => Some(Self::Stdout),
            LogSink::File(_) => Some(Self::File),
            LogSink::Syslog(_) => Some(Self::Syslog),
            LogSink::Http(_) => Some(Self::Http),
            LogSink::Otlp(_) => Some(Self::Otlp),
            LogSink::Off => None,
        }
    }

    /// The word for it in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::File => "file",
            Self::Syslog => "syslog",
            Self::Http => "http",
            Self::Otlp => "otlp",
        }
    }

    /// What can happen to lines on it.
    pub(crate) const fn losses(self) -> &'static [LineLoss] {
        match self {
            Self::Stdout | Self::File => &[LineLoss::QueueFull, LineLoss::WriteFailed],
            Self::Syslog => &[LineLoss::QueueFull, LineLoss::WriteFailed, LineLoss::TooOld],
            Self::Http | Self::Otlp => {
                &[LineLoss::QueueFull, LineLoss::Refused, LineLoss::TooOld, LineLoss::Closed]
            }
        }
    }
}

impl LineLoss {
    /// The word for it in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::WriteFailed => "write_failed",
            Self::Refused => "refused",
            Self::TooOld => "too_old",
            Self::Closed => "closed",
        }
    }
}

/// What became of the lines of all access logs. It outlives every change of their configuration.
#[derive(Debug, Default)]
pub struct LogTally {
    ways: [WayTally; Way::ALL.len()],
}

/// The lines of all logs that go one way.
#[derive(Debug, Default)]
pub(crate) struct WayTally {
    is_used: AtomicBool,
    handed: AtomicU64,
    written: AtomicU64,
    dropped: [AtomicU64; 5],
}

impl WayTally {
    /// There is such a log.
    pub(super) fn begin(&self) {
        self.is_used.store(true, Ordering::Relaxed);
    }

    /// So many lines were handed over by a worker.
    pub(super) fn hand(&self, lines: u64) {
        self.handed.fetch_add(lines, Ordering::Relaxed);
    }

    pub(super) fn write(&self, lines: u64) {
        self.written.fetch_add(lines, Ordering::Relaxed);
    }

    pub(super) fn lose(&self, why: LineLoss, lines: u64) {
        if let Some(count) = self.dropped.get(why as usize) {
            count.fetch_add(lines, Ordering::Relaxed);
        }
    }

    /// Lines that the system or a server took.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Lines that were lost for this reason.
    pub(crate) fn lost(&self, why: LineLoss) -> u64 {
        self.dropped.get(why as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn dropped(&self) -> u64 {
        self.dropped.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

impl LogTally {
    /// A tally of standard output that has counted already.
    #[cfg(test)]
    pub(crate) fn of(written: u64, queue_full: u64, write_failed: u64) -> Self {
        let tally = Self::default();
        let stdout = tally.way(Way::Stdout);
        stdout.begin();
        stdout.hand(written + queue_full + write_failed);
        stdout.write(written);
        stdout.lose(LineLoss::QueueFull, queue_full);
        stdout.lose(LineLoss::WriteFailed, write_failed);
        tally
    }

    pub(crate) fn way(&self, way: Way) -> &WayTally {
        match way {
            Way::Stdout => &self.ways[0],
            Way::File => &self.ways[1],
            Way::Syslog => &self.ways[2],
            Way::Http => &self.ways[3],
            Way::Otlp => &self.ways[4],
        }
    }

    /// The ways that lines went since the start.
    pub(crate) fn used(&self) -> impl Iterator<Item = (Way, &WayTally)> {
        let all = Way::ALL.into_iter().map(|way| (way, self.way(way)));
        all.filter(|(_, tally)| tally.is_used.load(Ordering::Relaxed))
    }

    /// Lines that were taken, wherever they went.
    pub fn written(&self) -> u64 {
        self.ways.iter().map(WayTally::written).sum()
    }

    /// Lines that were lost, wherever they were to go.
    pub fn dropped(&self) -> u64 {
        self.ways.iter().map(WayTally::dropped).sum()
    }

    /// Lines that wait to be written or sent.
    pub(super) fn waiting(&self) -> u64 {
        let handed: u64 = self.ways.iter().map(|way| way.handed.load(Ordering::Relaxed)).sum();
        handed.saturating_sub(self.written()).saturating_sub(self.dropped())
    }
}
