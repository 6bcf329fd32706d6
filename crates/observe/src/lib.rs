//! What was seen: one [`Record`] of each exchange, written to the access log and counted in the
//! metrics. It decides nothing, changes no exchange and never makes one wait.
//!
//! Two halves that meet only in the record. The log ([`LogWriter`], [`LogBuffer`]) formats into a
//! buffer of the worker and hands full chunks to one writer thread over a bounded queue; what does
//! not fit is dropped and counted. The metrics ([`Registry`], [`WorkerMetrics`]) are cells that
//! one worker writes and the scraping thread sums.
//!
//! Beside them, and mostly idle: what is remembered of single exchanges ([`Memories`]), and whoever
//! listens to the log live ([`Taps`]).

mod digits;
mod log;
mod memory;
mod metrics;
mod record;
mod tap;

pub use log::{LogBuffer, LogError, LogTally, LogWriter, check_access_log};
pub use memory::{Memories, Memory, PolicyStep, Recollection, Room};
pub use metrics::{
    AcmeFigures, Expiring, Format, ListenerMeter, Names, PolicyMeter, Registry, RouteMeter,
    RouteName, ServiceMeter, TargetHealth, TargetProbes, WorkerMetrics, names,
};
pub use record::{Counted, Record, Side, Size, Source, Times};
pub use tap::{Tap, TapRefused, Taps};
