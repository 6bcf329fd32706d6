//! The end of an exchange as observe is told of it: one record for the log and the metrics.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use yumen_http::Version;
use yumen_listen::{Broken, Door, End};
use yumen_observe::{Counted, Record, ServiceMeter, Side, Size, Source, Times};
use yumen_policy::{Attempt, Client, Exchange, Failure, Trace};
use yumen_upstream::{BreakerState, Reading};

use crate::bound::Stand;
use crate::{Engine, Mark};

impl Engine {
    /// Counts an exchange that has ended, and writes down how it did if anybody reads that.
    pub(crate) fn note(&self, door: &Door, exchange: &Exchange, mark: &Mark, end: End) {
        let counted = counted(exchange, end);
        self.count(door, exchange, mark, &counted);
        if self.is_heard(exchange, mark, end) {
            self.write_down(door, exchange, mark, (end, &counted));
        }
    }

    /// Whether there is a log, somebody who listens live, or something to be remembered or traced.
    fn is_heard(&self, exchange: &Exchange, mark: &Mark, end: End) -> bool {
        !self.log.borrow().is_off()
            || self.onlookers.taps.is_open()
            || mark.recorder.is_some()
            || exchange.trail.trace.as_deref().is_some_and(Trace::is_sampled)
            || has_failed(exchange.trail.failure.is_some(), end)
    }

    fn write_down(
        &self,
        door: &Door,
        exchange: &Exchange,
        mark: &Mark,
        (end, counted): (End, &Counted<'_>),
    ) {
        let Exchange { client, request, trail, .. } = exchange;
        let bound = mark.bound.as_deref();
        let route = bound.zip(mark.stand).and_then(|(bound, stand)| bound.route(stand));
        let head = &request.head;
        let record = Record {
            began: before(counted.times.total),
            times: counted.times,
            request_id: &trail.id,
            client: SocketAddr::new(client.address, client.peer.port()),
            listener: &door.name,
            route: route.map_or("", |route| &route.name),
            pattern: route.map_or("", |route| &route.pattern),
            service: route.map_or("", |route| &route.service),
            target: trail.target().map_or("", |target| target),
            method: counted.method,
            host: head.host().as_bytes(),
            path: if head.version().is_http() { head.path_bytes() } else { b"" },
            query: head.query_bytes(),
            protocol: protocol(head.version()),
            status: counted.status,
            source: counted.source,
            failure: trail.failure.map(yumen_policy::FailureKind::code),
            cause: trail.cause(),
            attempts: &trail.attempts,
            decider: trail.decider(),
            principal: exchange.principal.as_deref(),
            decisions: trail.decisions(),
            grpc_status: trail.watch.grpc_status.get(),
            received: counted.received,
            sent: counted.sent,
            referer: head.fields().first("referer"),
            user_agent: head.fields().first("user-agent"),
            revision: bound.map_or(0, |bound| bound.plan().revision),
            aborted_by: end.broken.map(|broken| match broken {
                Broken::Client => Side::Client,
                Broken::Upstream => Side::Upstream,
            }),
            tunnelled: end.tunnel,
            request_fields: Some(head.fields()),
            response_fields: mark.answered.as_deref(),
            secured: client.secured.as_deref(),
            trace: trail.trace.as_deref(),
        };
        self.log.borrow_mut().write(&record);
        self.spans.borrow_mut().write(&record, self.log.borrow().secrets());
        self.show(&record);
        self.remember(&record, exchange, (mark, end));
    }

    fn count(&self, door: &Door, exchange: &Exchange, mark: &Mark, counted: &Counted<'_>) {
        let Some(bound) = &mark.bound else { return };
        let at_the_door = || {
            let (listener, _) = bound.listener(&door.name)?;
            Some(Stand { listener, rule: None })
        };
        let Some(stand) = mark.stand.or_else(at_the_door) else { return };
        let Some(ends) = bound.ends(stand, &self.metrics, &self.outbound) else {
            if let Some(astray) = bound.astray(stand.listener, &self.metrics) {
                astray.count(*counted);
            }
            return;
        };
        ends.meter.count(*counted);
        if let Some(consumer) = exchange.principal.as_ref().and_then(|one| one.consumer.as_ref()) {
            self.metrics.consumer(&consumer.name, counted);
        }
        let Some(service) = &ends.service else { return };
        let service = &service.meter;
        let trail = &exchange.trail;
        (0..trail.opened).for_each(|_| service.connection_opened());
        if trail.asked.is_some() && trail.opened == 0 {
            service.connection_reused();
        }
        trail.attempts.iter().for_each(|one| service.attempted(one.end.map(|(_, end)| end)));
        trail.decisions().iter().for_each(|decision| service.decided(decision.what));
    }

    /// Writes down a connection that got no TLS, and so brought no request.
    pub(crate) fn note_unsecured(&self, door: &Door, client: &Client, failure: &Failure) {
        let record = Record {
            began: SystemTime::now(),
            client: SocketAddr::new(client.address, client.peer.port()),
            listener: &door.name,
            failure: Some(failure.kind().code()),
            cause: failure.cause(),
            ..Record::default()
        };
        self.log.borrow_mut().write(&record);
        self.show(&record);
        self.listener(door).handshake_failed();
    }

    /// Writes down a request that never became an exchange.
    pub(crate) fn note_refused(&self, door: &Door, client: &Client, failure: &Failure, id: &str) {
        let status = failure.kind().status().code();
        let record = Record {
            began: SystemTime::now(),
            request_id: id.as_bytes(),
            client: SocketAddr::new(client.address, client.peer.port()),
            listener: &door.name,
            status,
            failure: Some(failure.kind().code()),
            cause: failure.cause(),
            revision: self.bound().plan().revision,
            ..Record::default()
        };
        self.log.borrow_mut().write(&record);
        self.show(&record);
        self.remember_refused(&record);
        self.listener(door).request_refused(status);
    }
}

/// Whether an exchange is one of those that are remembered because they went wrong.
pub(crate) fn has_failed(has_failure: bool, end: End) -> bool {
    has_failure || end.status >= 500 || matches!(end.broken, Some(Broken::Upstream))
}

/// What is counted of an exchange.
fn counted(exchange: &Exchange, end: End) -> Counted<'_> {
    let Exchange { request, trail, .. } = exchange;
    let total = trail.began.elapsed();
    let head = &request.head;
    let from_service = trail.answered.is_some() && (trail.failure.is_none() || trail.substituted);
    Counted {
        method: if head.version().is_http() { head.method().as_str().as_bytes() } else { b"" },
        status: end.status,
        source: if from_service { Source::Upstream } else { Source::Gateway },
        times: Times {
            total,
            upstream: trail
                .answered
                .zip(trail.asked)
                .map(|(answered, asked)| answered.saturating_sub(asked)),
            overhead: trail.asked.unwrap_or(total),
            queued: trail.queued(),
            policies: trail.policies,
            connect: trail.attempts.current().and_then(Attempt::connect),
        },
        received: Size { head: head.size() as u64, body: trail.watch.received.get() },
        sent: Size { head: trail.watch.head_sent.get(), body: trail.watch.sent.get() },
    }
}

/// Shows how a service stands, as numbers.
pub(crate) fn show(service: &ServiceMeter, reading: Reading) {
    let breaker = match reading.breaker {
        None | Some(BreakerState::Closed) => 0,
        Some(BreakerState::HalfOpen) => 1,
        Some(BreakerState::Open) => 2,
    };
    let [requests, pending, limit] = reading
        .limits
        .map_or([0; 3], |crowd| [crowd.requests, crowd.pending, crowd.limit].map(u64::from));
    service.reading(breaker, requests, pending, limit);
}

/// So long ago, by the clock on the wall.
pub(crate) fn before(passed: Duration) -> SystemTime {
    SystemTime::now().checked_sub(passed).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
        Version::Http2 => "HTTP/2.0",
        Version::Http3 => "HTTP/3.0",
        Version::Tcp => "TCP",
        Version::Tls => "TLS",
    }
}
