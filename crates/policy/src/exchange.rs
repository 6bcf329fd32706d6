//! One request and its answer, with what is known of the client and what happened so far.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use yumen_http::{Fields, Forwarding, Malformed, Request, Response, ResponseHead};

use crate::attempts::{AttemptEnd, Attempts};
use crate::decision::{Decided, Decision};
use crate::failure::{Failure, FailureKind};
use crate::identity::Identity;
use crate::principal::Principal;
use crate::trace::Trace;

/// Decisions that are kept of one exchange; later ones are not.
const DECISIONS_MAX: usize = 24;

/// One request and its answer.
#[derive(Debug)]
pub struct Exchange {
    /// Who asks: mostly the same for all requests of a connection.
    pub client: Rc<Client>,
    /// What is asked. The head is checked and canonical.
    pub request: Request,
    /// The path that the service will see: the request's own unless a route rewrote it.
    pub path: Option<Box<str>>,
    /// The answer, once there is one.
    pub response: Option<Response>,
    /// Who calls, once a policy has found out. In a box, for most routes do not ask.
    pub principal: Option<Box<Principal>>,
    /// When its policies began, in seconds since 1970, a tick of the worker old at most; 0 before that.
    pub now: u64,
    /// By which route it goes; `None` before its policies began.
    pub route: Option<Rc<RouteName>>,
    /// What happened so far.
    pub trail: Trail,
}

impl Exchange {
    /// A request that nothing has happened to yet.
    #[must_use]
    pub fn new(client: Rc<Client>, request: Request, trail: Trail) -> Self {
        Self {
            client,
            request,
            path: None,
            response: None,
            principal: None,
            now: 0,
            route: None,
            trail,
        }
    }
}

/// What a route is called, and the service behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteName {
    /// The route.
    pub route: Arc<str>,
    /// Its service; empty if it has none.
    pub service: Arc<str>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Client {
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// The client's address: the peer's, or what a trusted proxy says.
    pub address: IpAddr,
    /// How the request came here, as services are told.
    pub forwarding: Forwarding,
    /// What TLS says of the connection; `None` in clear text.
    pub secured: Option<Rc<Secured>>,
    /// The connection was made for a name of which TLS demands something else than of the host
    /// that is asked for.
    pub misdirected: bool,
}

/// What TLS says of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secured {
    /// The protocol that was agreed on, if one was.
    pub protocol: Option<Vec<u8>>,
    /// The name that the client asked for, in lower case, if it did.
    pub server_name: Option<String>,
    /// Who the client proved to be, if it showed a certificate.
    pub identity: Option<Identity>,
    /// The version of TLS, such as `TLSv1.3`.
    pub version: Option<&'static str>,
    /// The cipher suite, by its registered name; not known of HTTP/3.
    pub cipher: Option<&'static str>,
    /// Whether what was agreed on before was taken up again; not known of HTTP/3.
    pub resumed: bool,
}

/// A policy that ended an exchange's way to its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decider {
    /// The name of its kind.
    pub kind: &'static str,
    /// Where it is written, such as `services[0].policies[1]`.
    pub at: Arc<str>,
}

/// What happened to an exchange, for logs and metrics. Written by the rooms it passes.
#[derive(Debug)]
pub struct Trail {
    /// The exchange's id: 32 hexadecimal digits.
    pub id: [u8; 32],
    /// Its place in a trace, where traces are made. In a box, for it is mostly not there.
    pub trace: Option<Box<Trace>>,
    /// When the head was complete.
    pub began: Instant,
    /// The attempts to get an answer from a service.
    pub attempts: Attempts,
    /// Connections that were opened for it, beside those that were there already.
    pub opened: u32,
    /// From the start to the moment when a service was first asked.
    pub asked: Option<Duration>,
    /// From the start to the service's answer head.
    pub answered: Option<Duration>,
    /// How long its policies took on the way in.
    pub policies: Duration,
    /// Why there was no answer from a service.
    pub failure: Option<FailureKind>,
    /// Another service answered after that.
    pub substituted: bool,
    /// How much of the bodies has passed, and may pass.
    pub watch: Rc<Watch>,
    /// What most have nothing of.
    detour: Option<Box<Detour>>,
}

/// What few exchanges have, made when the first of it is written down: every exchange would pay for
/// its size.
#[derive(Debug, Default)]
struct Detour {
    decisions: Vec<Decision>,
    queued: Duration,
    decider: Option<Decider>,
    cause: Option<String>,
    /// Fields that the answer is to have, whoever gives it.
    promised: Fields,
}

impl Trail {
    /// A trail that begins now.
    #[must_use]
    pub fn new(id: [u8; 32], began: Instant, watch: Rc<Watch>) -> Self {
        Self {
            id,
            trace: None,
            began,
            attempts: Attempts::default(),
            opened: 0,
            asked: None,
            answered: None,
            policies: Duration::ZERO,
            failure: None,
            substituted: false,
            watch,
            detour: None,
        }
    }

    /// What was decided on the way to the service, in order.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        self.detour.as_ref().map_or(&[], |detour| &detour.decisions)
    }

    /// How long it waited for its turn, as its service had as many requests as it may.
    #[must_use]
    pub fn queued(&self) -> Duration {
        self.detour.as_ref().map_or(Duration::ZERO, |detour| detour.queued)
    }

    /// The policy that answered or refused it.
    #[must_use]
    pub fn decider(&self) -> Option<&Decider> {
        self.detour.as_ref()?.decider.as_ref()
    }

    /// The operator's part of the reason why it failed, or why its tunnel was closed.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.detour.as_ref()?.cause.as_deref()
    }

    /// Fields that the answer is to have, whoever gives it.
    #[must_use]
    pub fn promised(&self) -> Option<&Fields> {
        self.detour.as_ref().map(|detour| &detour.promised)
    }

    /// Promises that the answer will have a field, whoever gives it, also if it is that of a failure.
    ///
    /// # Errors
    /// When it would break a head.
    #[cold]
    pub fn promise(&mut self, name: &str, value: &[u8]) -> Result<(), Malformed> {
        self.detour().promised.add(name, value)
    }

    fn detour(&mut self) -> &mut Detour {
        self.detour.get_or_insert_default()
    }

    /// Writes down why the service gave no answer.
    #[cold]
    pub fn give_up(&mut self, failure: &Failure) {
        self.failure = Some(failure.kind());
        self.explain(failure.cause());
    }

    /// Writes down the operator's part of the reason, in place of an earlier one.
    #[cold]
    pub fn explain(&mut self, cause: Option<&str>) {
        self.detour().cause = cause.map(str::to_owned);
    }

    /// Writes down that a policy would have refused it, and only reports. A cause that is there stays.
    #[cold]
    pub fn report(&mut self, failure: &Failure) {
        self.decide(Decided::Reported, None, None);
        if self.cause().is_none() {
            self.explain(Some(&failure.to_string()));
        }
    }

    /// Writes down which policy answered or refused it.
    #[cold]
    pub fn decided_by(&mut self, decider: Decider) {
        self.detour().decider = Some(decider);
    }

    /// Writes down that it waited so long for its turn.
    #[cold]
    pub fn waited(&mut self, time: Duration) {
        self.detour().queued += time;
    }

    /// Writes down what was decided, with the target or the status that gave cause for it.
    #[cold]
    pub fn decide(&mut self, what: Decided, target: Option<Arc<str>>, status: Option<u16>) {
        if self.decisions().len() < DECISIONS_MAX {
            let at = self.began.elapsed();
            self.detour().decisions.push(Decision { what, target, status, at });
        }
    }

    /// Begins an attempt at a target, which was chosen so long after the start; returns its number.
    pub fn attempt(&mut self, target: &Arc<str>, began: Duration) -> u32 {
        self.attempts.begin(target, began)
    }

    /// The attempt of this number has its connection.
    pub fn connected(&mut self, number: u32, at: Duration, reused: bool) {
        self.asked.get_or_insert(at);
        self.opened += u32::from(!reused);
        self.attempts.connected(number, at, reused);
    }

    /// The attempt of this number has ended.
    pub fn attempt_ended(&mut self, number: u32, end: AttemptEnd) {
        let at = match (end, self.answered) {
            // The clock was looked at when the answer came.
            (AttemptEnd::Answered(_), Some(answered)) => answered,
            _ => self.began.elapsed(),
        };
        self.attempts.end(number, at, end);
    }

    /// The target that answered, or was tried last.
    #[must_use]
    pub fn target(&self) -> Option<&Arc<str>> {
        self.attempts.current().map(|attempt| &attempt.target)
    }

    /// The id as text.
    #[must_use]
    pub fn id(&self) -> &str {
        std::str::from_utf8(&self.id).unwrap_or_default()
    }
}

/// What the two ends of a streaming exchange tell each other.
#[derive(Debug)]
pub struct Watch {
    /// Body bytes that came from the client.
    pub received: Cell<u64>,
    /// Body bytes that went to the client.
    pub sent: Cell<u64>,
    /// Bytes of the answer's head that went to the client.
    pub head_sent: Cell<u64>,
    /// The most bytes that the request's body may have.
    pub body_max: Cell<u64>,
    /// How a call of gRPC ended, as the client was told.
    pub grpc_status: Cell<Option<u8>>,
    /// Answers of status 1xx that a service sent before the real one and that the client has not
    /// got yet.
    pub interim: RefCell<VecDeque<Box<ResponseHead>>>,
}

impl Watch {
    /// Whether a service sent answers of status 1xx that the client has not got yet.
    #[must_use]
    pub fn has_interim(&self) -> bool {
        !self.interim.borrow().is_empty()
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            received: Cell::new(0),
            sent: Cell::new(0),
            head_sent: Cell::new(0),
            body_max: Cell::new(u64::MAX),
            grpc_status: Cell::new(None),
            interim: RefCell::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of it is written anew for every request.
    #[test]
    fn an_exchange_stays_small() {
        assert!(size_of::<Exchange>() <= 384, "{}", size_of::<Exchange>());
        assert!(size_of::<Trail>() <= 240, "{}", size_of::<Trail>());
    }
}
