//! The door frame: what a policy is, what it sees of an exchange, and what it may answer.
//!
//! This crate knows neither the engine nor any policy. A policy is compiled once from its typed
//! config ([`Settings`]) and then runs on every exchange of the routes it is attached to; it may
//! answer at once ([`Verdict`]) and only one that must wait returns a future ([`Step`]).

mod attempts;
pub mod claims;
mod decision;
mod exchange;
mod failure;
mod identity;
mod kind;
mod mode;
mod places;
mod principal;
pub mod realm;
mod server;
pub mod signers;
pub mod testing;
mod trace;
mod who;

pub use attempts::{Attempt, AttemptEnd, Attempts};
pub use decision::{Decided, Decision};
pub use exchange::{Client, Decider, Exchange, RouteName, Secured, Trail, Watch};
pub use failure::{Challenge, Failure, FailureKind, VIOLATIONS_MAX, Violation};
pub use identity::{Identity, Shown, Told};
pub use kind::{Kind, Phase, Scope, Settings};
pub use mode::Mode;
pub use places::{Found, Places};
pub use principal::Principal;
pub use server::{Server, Way};
pub use signers::{Signer, Signers};
pub use trace::{Trace, derived};
pub use who::{ConsumerId, UnknownConsumer, Who};
/// What a principal is made of.
pub use yumen_directory::{Consumer, Credential};

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use yumen_http::{Fields, Response};

/// One compiled policy. It is shared by all workers and never changes; what it must remember
/// belongs to the rooms that outlive a plan.
pub trait Policy: fmt::Debug + Send + Sync {
    /// Of a policy that identifies: takes out of a request what only this policy may say in it. Called
    /// before any of them is asked, also if another one knows who calls then. The default does nothing.
    fn clear(&self, _fields: &mut Fields) {}

    /// Called once per exchange on the way in, after the route is known and before any service is
    /// asked. May change the request. The default does nothing.
    fn on_request<'a>(&'a self, _exchange: &'a mut Exchange) -> Step<'a> {
        Verdict::Next.into()
    }

    /// Called once per exchange on the way back, in reverse order, with the answer's head and
    /// body in place, also for answers that another policy gave; not for failures, which are for
    /// [`Policy::on_failure`]. The default does nothing.
    fn on_response<'a>(&'a self, _exchange: &'a mut Exchange) -> Step<'a> {
        Verdict::Next.into()
    }

    /// Called once per failed exchange, in reverse order, when the failure's answer is in place: for
    /// fields that every answer must have. All policies of the route are called, also those that the
    /// request did not come to; if there is no route, those that hold for the whole listener are.
    /// Nothing can be decided here, nor waited for. The default does nothing.
    fn on_failure(&self, _exchange: &mut Exchange) {}

    /// Names of header fields and query parameters that bring something secret to it: logs do not show
    /// their values. The default has none.
    fn secrets(&self) -> &[String] {
        &[]
    }

    /// Names of cookies that browsers keep for the gateway alone, with all whose name goes on with a dot: no
    /// service sees them, on any route. The default has none.
    fn cookies(&self) -> &[String] {
        &[]
    }

    /// Decides as [`Policy::on_request`] would, without counting, calling out or remembering: for
    /// explaining a request and for trying a configuration on recorded heads. A policy whose
    /// decision has a side effect must write its own.
    fn dry<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        self.on_request(exchange)
    }
}

/// What a policy decided.
#[derive(Debug)]
pub enum Verdict {
    /// Go on.
    Next,
    /// Answer this instead; no service is asked.
    Answer(Box<Response>),
    /// Refuse.
    Fail(Failure),
    /// Go on, though it would have refused: it was told only to report. On the way in it is counted and
    /// written down; on the way back it is as [`Verdict::Next`].
    Report(Failure),
    /// Of a policy that identifies: the request brings nothing that it looks for. Another one may know
    /// who calls; if none does, the client is told all their challenges.
    Unknown(Challenge),
}

/// A decision now, or the wait for one.
pub enum Step<'a> {
    /// Decided.
    Now(Verdict),
    /// To be waited for.
    Later(Pin<Box<dyn Future<Output = Verdict> + 'a>>),
}

impl fmt::Debug for Step<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(verdict) => out.debug_tuple("Now").field(verdict).finish(),
            Self::Later(_) => out.write_str("Later"),
        }
    }
}

impl<'a> Step<'a> {
    /// A decision that must wait for something.
    pub fn later(decision: impl Future<Output = Verdict> + 'a) -> Self {
        Self::Later(Box::pin(decision))
    }
}

impl From<Verdict> for Step<'_> {
    fn from(verdict: Verdict) -> Self {
        Self::Now(verdict)
    }
}

impl From<Result<(), Failure>> for Verdict {
    fn from(result: Result<(), Failure>) -> Self {
        match result {
            Ok(()) => Self::Next,
            Err(failure) => Self::Fail(failure),
        }
    }
}

impl From<Result<(), Failure>> for Step<'_> {
    fn from(result: Result<(), Failure>) -> Self {
        Self::Now(result.into())
    }
}
