//! The wait for an endpoint: it ends when the patience is over, and may end when the endpoint
//! answers nobody while others do.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::sync::futures::OwnedNotified;
use yumen_worker::Deadline;

use crate::endpoint::Endpoint;

/// Who waits for so long begins to listen for whether the endpoint answers anybody: most answers
/// are there before.
const LISTEN_AFTER: Duration = Duration::from_millis(250);

/// One wait for an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Vigil {
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    /// Whatever the endpoint does, its patience is waited for.
    #[default]
    Steady,
    /// Not long enough to listen: how patience goes on when the deadline comes, if it does.
    Early { rest: Option<Duration>, last: bool },
    /// Comes when the endpoint is known to answer nobody.
    Listening(Pin<Box<OwnedNotified>>),
}

/// Why a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// So was the patience.
    Late,
    /// Who can should leave. It may be asked again.
    Silent,
}

impl Vigil {
    /// A wait at this endpoint. `may_leave`: to go elsewhere is no harm.
    pub(crate) fn new(endpoint: &Endpoint, may_leave: bool) -> Self {
        let listens = may_leave && endpoint.is_watched();
        let early = Stage::Early { rest: None, last: true };
        Self { stage: if listens { early } else { Stage::Steady } }
    }

    /// Sets how long the endpoint may keep us waiting from now on.
    pub(crate) fn allow(&mut self, deadline: &Deadline, patience: Option<Duration>) {
        match &mut self.stage {
            Stage::Early { rest, last } => {
                *last = patience.is_some_and(|patience| patience <= LISTEN_AFTER);
                *rest = patience.map(|patience| patience.saturating_sub(LISTEN_AFTER));
                deadline.set(if *last { patience } else { Some(LISTEN_AFTER) });
            }
            Stage::Steady | Stage::Listening(_) => deadline.set(patience),
        }
    }

    /// Whether the wait is over. If not, the task is woken when it is.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        deadline: &Deadline,
        endpoint: &Endpoint,
    ) -> Option<Over> {
        if deadline.has_come(context) {
            let Stage::Early { rest, last: false } = &self.stage else { return Some(Over::Late) };
            deadline.set(*rest);
            let Some(leaving) = endpoint.leaving() else {
                self.stage = Stage::Steady;
                return deadline.has_come(context).then_some(Over::Late);
            };
            self.stage = Stage::Listening(Box::pin(leaving));
            if deadline.has_come(context) {
                return Some(Over::Late);
            }
        }
        let Stage::Listening(leaving) = &mut self.stage else { return None };
        while leaving.as_mut().poll(context).is_ready() {
            let Some(again) = endpoint.leaving() else {
                self.stage = Stage::Steady;
                return None;
            };
            leaving.set(again);
        }
        endpoint.is_deserted().then_some(Over::Silent)
    }
}
