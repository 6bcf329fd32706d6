//! Probes under way: a bounded number of tasks, each of which ends with who sent it.

use std::sync::{Arc, Weak};

use tokio::task::{AbortHandle, JoinSet};

use super::member::Member;
use super::probe::{Checks, Complaint};

/// Probes under way at one time; more wait for the next look.
const PROBES_MAX: usize = 256;

/// The probes of all services.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    probes: JoinSet<Probed>,
}

/// A probe that has ended.
#[derive(Debug)]
pub(super) struct Probed {
    pub(super) member: Weak<Member>,
    pub(super) ended: Result<(), Complaint>,
}

/// A probe under way; it is called off when this goes.
#[derive(Debug)]
pub(super) struct Underway(AbortHandle);

impl Underway {
    pub(super) fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Rounds {
    /// Sends a probe out, unless too many are under way.
    pub(super) fn begin(&mut self, member: &Arc<Member>, checks: &Checks) -> Option<Underway> {
        if self.probes.len() >= PROBES_MAX {
            return None;
        }
        let probe = checks.probe(member);
        let member = Arc::downgrade(member);
        let task = async move { Probed { member, ended: probe.await } };
        Some(Underway(self.probes.spawn_local(task)))
    }

    /// Those that have ended since the last time.
    pub(super) fn ended(&mut self) -> Vec<Probed> {
        // One that was called off has nothing to say.
        std::iter::from_fn(|| self.probes.try_join_next()).filter_map(Result::ok).collect()
    }
}
