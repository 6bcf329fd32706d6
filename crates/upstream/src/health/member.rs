//! One endpoint as all workers share it: what choosing is to know, and what was seen.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::pulse::Pulse;
use super::rules::Rules;
use crate::seal::Seal;

/// What choosing is to know of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It takes requests: so many of [`Standing::WHOLE`] that come to it.
    Open { share: u32 },
    /// Only if no other can take the request.
    Silent,
    /// One request at a time.
    Trial,
    /// No requests.
    Out,
}

impl Standing {
    /// The share of an endpoint that takes all requests that come to it.
    pub(crate) const WHOLE: u32 = 1024;
    const SILENT: u32 = 1 << 16;
    const TRIAL: u32 = 1 << 17;

    fn pack(self) -> u32 {
        match self {
            Self::Open { share } => share,
            Self::Silent => Self::SILENT,
            Self::Trial => Self::TRIAL,
            Self::Out => 0,
        }
    }

    fn unpack(packed: u32) -> Self {
        match packed {
            0 => Self::Out,
            Self::SILENT => Self::Silent,
            Self::TRIAL => Self::Trial,
            share => Self::Open { share },
        }
    }
}

/// One endpoint as all workers share it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) address: SocketAddr,
    /// Its target as the `Host` field names it.
    pub(crate) authority: Arc<str>,
    /// What it must prove, if TLS is spoken with it: for probes.
    seal: ArcSwapOption<Seal>,
    standing: AtomicU32,
    /// Its priority.
    level: AtomicU8,
    /// Requests that a trial may still have.
    permits: AtomicU32,
    /// Who waits for it does better to leave.
    deserted: AtomicBool,
    /// Told again and again while that is so.
    leave: Arc<Notify>,
    /// Of each worker that knows it.
    pulses: Mutex<Vec<Arc<Pulse>>>,
}

impl Member {
    pub(crate) fn new(address: SocketAddr, authority: Arc<str>, rules: &Rules) -> Self {
        let standing = if rules.are_trusting() {
            Standing::Open { share: Standing::WHOLE }
        } else {
            Standing::Out
        };
        Self {
            address,
            authority,
            seal: ArcSwapOption::empty(),
            standing: AtomicU32::new(standing.pack()),
            level: AtomicU8::new(0),
            permits: AtomicU32::new(0),
            deserted: AtomicBool::new(false),
            leave: Arc::default(),
            pulses: Mutex::default(),
        }
    }

    /// Its priority.
    pub(crate) fn level(&self) -> u8 {
        self.level.load(Ordering::Relaxed)
    }

    pub(super) fn set_level(&self, level: u8) {
        self.level.store(level, Ordering::Relaxed);
    }

    /// What it must prove, if TLS is spoken with it.
    pub(super) fn seal(&self) -> Option<Arc<Seal>> {
        self.seal.load_full()
    }

    pub(super) fn set_seal(&self, seal: Option<Seal>) {
        self.seal.store(seal.map(Arc::new));
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing::unpack(self.standing.load(Ordering::Relaxed))
    }

    pub(crate) fn stand(&self, standing: Standing) {
        let packed = standing.pack();
        // Read first: most of the time it is as it was, and every worker has it at hand.
        if self.standing.load(Ordering::Relaxed) != packed {
            self.standing.store(packed, Ordering::Relaxed);
        }
    }

    /// Whether a trial may have one more request.
    pub(crate) fn has_permit(&self) -> bool {
        self.permits.load(Ordering::Relaxed) > 0
    }

    /// A trial has one more request. Of two that come together both may pass.
    pub(crate) fn use_permit(&self) {
        self.permits.store(0, Ordering::Relaxed);
    }

    pub(crate) fn grant_permit(&self) {
        self.permits.store(1, Ordering::Relaxed);
    }

    /// Says whether who waits for it does better to leave.
    pub(super) fn desert(&self, deserted: bool, waiting: u64) {
        if deserted || self.is_deserted() {
            self.deserted.store(deserted, Ordering::SeqCst);
        }
        // Those who could not leave the last time may now.
        if deserted && waiting > 0 {
            self.leave.notify_waiters();
        }
    }

    /// Whether who waits for it does better to leave.
    pub(crate) fn is_deserted(&self) -> bool {
        self.deserted.load(Ordering::SeqCst)
    }

    /// Comes when that is said again.
    pub(crate) fn leaving(&self) -> OwnedNotified {
        Arc::clone(&self.leave).notified_owned()
    }

    /// A new worker's cells.
    pub(crate) fn pulse(&self) -> Arc<Pulse> {
        let pulse = Arc::new(Pulse::default());
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&pulse));
        pulse
    }

    /// Tells of all cells, and forgets those that nobody else holds.
    pub(crate) fn each_pulse(&self, mut tell: impl FnMut(&Arc<Pulse>)) {
        let mut pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        pulses.iter().for_each(&mut tell);
        pulses.retain(|pulse| Arc::strong_count(pulse) > 1);
    }
}
