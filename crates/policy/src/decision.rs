//! What was decided on the way of an exchange to its service, and why: a closed list of words, for
//! the log and the metrics.

use std::sync::Arc;
use std::time::Duration;

/// One decision on the way of an exchange to its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What was decided, or what it was decided on.
    pub what: Decided,
    /// The target that gave cause for it.
    pub target: Option<Arc<str>>,
    /// The status of the answer that gave cause for it, of HTTP or gRPC.
    pub status: Option<u16>,
    /// When: from the start of the exchange.
    pub at: Duration,
}

/// What was decided. The first ones are causes of a further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decided {
    /// Tried again: no connection to the target.
    Connect,
    /// Tried again: a kept connection had been closed by the service.
    Stale,
    /// Tried again: the service had not looked at it, and said so.
    Unprocessed,
    /// Tried again: the connection was lost.
    Reset,
    /// Tried again: no answer in time.
    Timeout,
    /// Tried again: the target answered nobody, others did.
    Silent,
    /// Sent to another target too: this one takes long.
    Hedge,
    /// Tried again: the answer's status.
    Status,
    /// Tried again: how a call of gRPC ended.
    GrpcStatus,
    /// Not tried again: the budget for retries is spent.
    BudgetSpent,
    /// Not tried again: too much of the request body is gone.
    BodyGone,
    /// Not tried again: the service asks to be left alone, for longer than it is waited for.
    PushedBack,
    /// Not asked: the breaker is open.
    BreakerOpen,
    /// The breaker opened with this attempt.
    BreakerOpened,
    /// This attempt is the first trial of a half open breaker.
    BreakerTrial,
    /// The breaker closed with this attempt.
    BreakerClosed,
    /// It waited for its turn: the service had as many requests as it may.
    Queued,
    /// Sent away: the service had as many requests as it may, and so had its queue.
    Overloaded,
    /// Sent away: more at once would only queue at the service.
    Shed,
    /// Something else stood in for the answer that the service did not give.
    Fallback,
    /// A policy would have refused it, and only reports.
    Reported,
}

impl Decided {
    /// All of them, causes of further attempts first.
    pub const ALL: [Self; 21] = [
        Self::Connect,
        Self::Stale,
        Self::Unprocessed,
        Self::Reset,
        Self::Timeout,
        Self::Silent,
        Self::Hedge,
        Self::Status,
        Self::GrpcStatus,
        Self::BudgetSpent,
        Self::BodyGone,
        Self::PushedBack,
        Self::BreakerOpen,
        Self::BreakerOpened,
        Self::BreakerTrial,
        Self::BreakerClosed,
        Self::Queued,
        Self::Overloaded,
        Self::Shed,
        Self::Fallback,
        Self::Reported,
    ];

    /// The word for it in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Stale => "stale",
            Self::Unprocessed => "unprocessed",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Silent => "silent",
            Self::Hedge => "hedge",
            Self::Status => "status",
            Self::GrpcStatus => "grpc_status",
            Self::BudgetSpent => "budget_spent",
            Self::BodyGone => "body_gone",
            Self::PushedBack => "pushed_back",
            Self::BreakerOpen => "breaker_open",
            Self::BreakerOpened => "breaker_opened",
            Self::BreakerTrial => "breaker_trial",
            Self::BreakerClosed => "breaker_closed",
            Self::Queued => "queued",
            Self::Overloaded => "overloaded",
            Self::Shed => "shed",
            Self::Fallback => "fallback",
            Self::Reported => "reported",
        }
    }

    /// Whether it is the cause of a further attempt.
    #[must_use]
    pub const fn is_retry(self) -> bool {
        matches!(
            self,
            Self::Connect
                | Self::Stale
                | Self::Unprocessed
                | Self::Reset
                | Self::Timeout
                | Self::Silent
                | Self::Hedge
                | Self::Status
                | Self::GrpcStatus
        )
    }
}
