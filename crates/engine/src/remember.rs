//! What is remembered of an exchange, so that it can be explained: decided at its end, and for a few
//! at its start, whose policies are then watched. Everybody else pays a branch or two.

use std::time::{Instant, SystemTime};

use yumen_http::{RequestHead, Response};
use yumen_listen::End;
use yumen_observe::{PolicyStep, Recollection, Record, Room, Stood};
use yumen_plan::{Debugging, Remember, Signed};
use yumen_policy::{Exchange, Verdict};
use yumen_upstream::Candidate;

use crate::note::has_failed;
use crate::{Engine, Mark};

/// Where a client asks for its request to be remembered. It goes to no service.
const ASKS: &str = "Yumen-Debug";
/// Where it is told the id.
const TELLS: &str = "Yumen-Explain";
/// Steps that are kept of one exchange.
const STEPS_MAX: usize = 256;
/// Endpoints of a service that are told of.
const ENDPOINTS_MAX: usize = 16;
/// Bytes that are kept of the path, and of the value of a field.
const PATH_BYTES_MAX: usize = 2 << 10;
const VALUE_BYTES_MAX: usize = 512;

/// Watches the policies of one exchange.
#[derive(Debug)]
pub(crate) struct Recorder {
    steps: Vec<PolicyStep>,
    /// The client asked for it, and may.
    asked_for: bool,
}

/// One that is needed for this exchange, if it is one of those that are remembered in any case.
pub(crate) fn recorder(remember: &Remember, exchange: &mut Exchange) -> Option<Box<Recorder>> {
    let asked_for = remember.debug.as_ref().is_some_and(|debug| asks(debug, exchange));
    let is_wanted = asked_for || remember.samples(&exchange.trail.id);
    is_wanted.then(|| Box::new(Recorder { steps: Vec::new(), asked_for }))
}

/// Whether the client asks for it with a signature that holds. The field is taken away either way.
#[cold]
fn asks(debug: &Debugging, exchange: &mut Exchange) -> bool {
    let head = &mut exchange.request.head;
    if head.fields().first(ASKS).is_none() {
        return false;
    }
    let token = head.fields().only(ASKS).map(<[u8]>::to_vec);
    head.fields_mut().remove(ASKS);
    let signed = Signed { method: head.method().as_str(), host: head.host(), path: head.path() };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    token.is_some_and(|token| debug.holds(&token, &signed, now.as_secs()))
}

impl Recorder {
    /// Tells the client the id by which it can be asked for.
    pub(crate) fn tell(&self, response: &mut Response, id: &[u8]) {
        if self.asked_for {
            // It is good by construction.
            response.head.fields_mut().set(TELLS, id).unwrap_or_default();
        }
    }
}

impl Mark {
    /// The time, if it is needed because the policies are watched.
    pub(crate) fn watches(&self) -> Option<Instant> {
        self.recorder.as_ref().map(|_| Instant::now())
    }

    /// Writes down what a policy decided.
    pub(crate) fn step(
        &mut self,
        place: usize,
        outward: bool,
        since: Option<Instant>,
        verdict: &Verdict,
    ) {
        let Some((recorder, since)) = self.recorder.as_mut().zip(since) else { return };
        if recorder.steps.len() < STEPS_MAX {
            let decided = match verdict {
                Verdict::Next => "passed",
                Verdict::Answer(_) => "answered",
                Verdict::Fail(failure) => failure.kind().code(),
                Verdict::Unknown(_) => "unknown",
                Verdict::Report(_) => "reported",
            };
            recorder.steps.push(PolicyStep { place, outward, took: since.elapsed(), decided });
        }
    }
}

impl Engine {
    /// Shows an exchange to those who listen to the log live.
    pub(crate) fn show(&self, record: &Record<'_>) {
        if self.onlookers.taps.is_open() {
            self.log.borrow().offer(&self.onlookers.taps, record);
        }
    }

    /// Remembers an exchange, if it is one of those.
    pub(crate) fn remember(
        &self,
        record: &Record<'_>,
        exchange: &Exchange,
        (mark, end): (&Mark, End),
    ) {
        let Some(bound) = &mark.bound else { return };
        let remember = &bound.plan().remember;
        let recorder = mark.recorder.as_deref();
        if recorder.is_none() && !(remember.failures && has_failed(record.failure.is_some(), end)) {
            return;
        }
        let request = request_text(&exchange.request.head, &remember.fields);
        let steps = recorder.map(|recorder| recorder.steps.clone());
        let asked_for = recorder.is_some_and(|recorder| recorder.asked_for);
        let stood = self.stood(exchange, mark);
        let one = Recollection::new(record, request, steps).among(stood);
        self.onlookers.memory.keep(one, asked_for, self.room(remember));
    }

    /// How the endpoints of the service stand that was asked, or was to be.
    fn stood(&self, exchange: &Exchange, mark: &Mark) -> Vec<Stood> {
        let ends = mark.bound.as_deref().zip(mark.stand);
        let ends = ends.and_then(|(bound, at)| bound.ends(at, &self.metrics, &self.outbound));
        let service = ends.and_then(|ends| match exchange.trail.substituted {
            true => ends.substitute.as_ref(),
            false => ends.service.as_ref(),
        });
        let candidates = service.map(|service| service.pool.candidates(ENDPOINTS_MAX));
        let stood = |Candidate { target, standing, requests }| Stood { target, standing, requests };
        candidates.into_iter().flatten().map(stood).collect()
    }

    /// Remembers a request that never became an exchange.
    pub(crate) fn remember_refused(&self, record: &Record<'_>) {
        let bound = self.bound();
        let remember = &bound.plan().remember;
        if remember.failures {
            let one = Recollection::new(record, Vec::new(), None);
            self.onlookers.memory.keep(one, false, self.room(remember));
        }
    }

    /// Lets go of what there is no room for any more.
    pub(crate) fn forget(&self, remember: &Remember) {
        self.onlookers.memory.fit(self.room(remember));
    }

    fn room(&self, remember: &Remember) -> Room {
        if remember.is_off() {
            return Room { entries: 0, bytes: 0 };
        }
        let workers = self.onlookers.workers.max(1);
        Room { entries: remember.entries.div_ceil(workers), bytes: remember.bytes / workers }
    }
}

/// A head that routes can be asked about again: without the query's values, and without fields but
/// those that routes match on and that do not look secret.
fn request_text(head: &RequestHead, fields: &[Box<str>]) -> Vec<u8> {
    let path = head.path_bytes();
    if !head.version().is_http() || path.len() > PATH_BYTES_MAX {
        return Vec::new();
    }
    let mut text = Vec::with_capacity(128);
    text.extend_from_slice(head.method().as_str().as_bytes());
    text.push(b' ');
    text.extend_from_slice(path);
    text.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    text.extend_from_slice(head.host().as_bytes());
    text.extend_from_slice(b"\r\n");
    for name in fields {
        for value in head.fields().all(name).filter(|value| value.len() <= VALUE_BYTES_MAX) {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value);
            text.extend_from_slice(b"\r\n");
        }
    }
    text.extend_from_slice(b"\r\n");
    text
}
