//! When a request must have its answer.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::fault::{Fault, Step};

/// When a request must have its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    within: Duration,
    /// `None` if that is beyond all times.
    at: Option<Instant>,
}

impl Due {
    /// So long after now.
    pub(crate) fn within(within: Duration) -> Self {
        Self { within, at: Instant::now().checked_add(within) }
    }

    /// What is left.
    pub(crate) fn left(&self) -> Duration {
        self.at.map_or(self.within, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Does some work, if it comes to its end in time.
    pub(crate) async fn keep<T, E: From<Fault>>(
        &self,
        step: Step,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Some(at) = self.at else { return work.await };
        let late = |_elapsed| Err(Fault::TooSlow { within: self.within, step }.into());
        tokio::time::timeout_at(at, work).await.unwrap_or_else(late)
    }
}
