//! What was seen: one [`Record`] of each exchange, written to the access log and counted in the
//! metrics. It decides nothing, changes no exchange and never makes one wait.
//!
//! Two halves that meet only in the record. The log ([`LogWriter`], [`LogBuffer`]) formats into a
//! buffer of the worker and hands full chunks to a writer thread over a bounded queue; what does
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
mod traces;

pub use log::{Freight, Log, LogBuffer, LogError, LogTally, LogWriter, Secrets, check_access_log};
pub use memory::{Memories, Memory, PolicyStep, Recollection, Room, Stood};
pub use metrics::{
    AcmeFigures, AttemptFigures, Expiring, Format, HookFigures, ListenerMeter, Names, PolicyMeter,
    Registry, RouteMeter, RouteName, ServiceMeter, Sums, TargetHealth, TargetProbes, WorkerMetrics,
    names,
};
pub use record::{Counted, Record, Side, Size, Source, Times};
pub use tap::{Tap, TapRefused, Taps};
pub use traces::{Exporter, SpanBuffer};
