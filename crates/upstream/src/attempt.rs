//! One request on one connection: the head goes out, the body follows, the answer's head comes
//! back, in any order the two sides like.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use yumen_http::{
    Body, BodyRead, Decoder, Framing, HeadIndex, HeadLimits, Outgoing, Refusal, Response,
    ResponseHead, Status, agrees_to_websocket,
};
use yumen_model::HostHeader;
use yumen_policy::{Exchange, Failure, FailureKind};

use crate::body::ServiceBody;
use crate::connection::Connection;
use crate::destination::Destination;
use crate::patience::{Patience, Pauses};
use crate::retry::{Cause, Setback};
use crate::send::{Road, Way};
use crate::tunnel::ServiceTunnel;
use crate::upload::{Fault, Upload, Wait};
use crate::vigil::{Over, Vigil};

/// Interim answers that are passed on for one request.
pub(crate) const INTERIM_MAX: u32 = 16;
/// The trailers of an answer, in bytes.
pub(crate) const TRAILERS_MAX: usize = 8 * 1024;

/// One request on one connection, until its answer's head is there.
#[derive(Debug)]
pub(crate) struct Attempt {
    connection: Connection,
    upload: Upload,
    destination: Arc<Destination>,
    asking: Asking,
}

/// An attempt without an answer, and what is left of the request's body.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) setback: Setback,
    /// The body, if nothing of it was read.
    pub(crate) body: Option<Box<dyn BodyRead>>,
    /// Some of the body was read.
    pub(crate) begun: bool,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self { setback: Setback::last(failure), body: None, begun: true }
    }
}

impl Attempt {
    /// Sends the head, with the body if it is at hand, as far as the system takes it at once.
    /// `since`: when the whole try began, if it has a time of its own.
    pub(crate) fn begin(
        connection: Connection,
        since: Option<Instant>,
        road: &Road<'_>,
        exchange: &mut Exchange,
    ) -> Self {
        let destination = road.pool.destination();
        let upload = start(&connection, &destination, exchange, road.way);
        let asking = Asking {
            index: HeadIndex::default(),
            patience: Patience::new(since),
            interim: 0,
            silent: true,
            vigil: Vigil::default(),
            deserted: false,
            left: false,
        };
        Self { connection, upload, destination, asking }
    }

    /// Waits for the head of the answer. `leave`, if the request may go elsewhere, is asked when the
    /// endpoint answers nobody. It is no function of its own that waits: what it holds would be in
    /// the task of every connection once more.
    pub(crate) fn head<'a>(
        &'a mut self,
        exchange: &'a Exchange,
        way: &'a Way<'_>,
        mut leave: Option<&'a mut dyn FnMut() -> bool>,
    ) -> impl Future<Output = Result<Box<ResponseHead>, Failure>> + 'a {
        self.asking.vigil = Vigil::new(self.connection.endpoint(), leave.is_some());
        std::future::poll_fn(move |context| {
            let head = self.poll(context, exchange, way);
            let leaves = head.is_pending()
                && self.asking.deserted
                && leave.as_mut().is_some_and(|leave| leave());
            if leaves { Poll::Ready(Err(self.leave())) } else { head }
        })
    }

    /// The answer, if all of it is here: its connection is free from then on. If not, what came of
    /// the wait is handed back, for [`Attempt::end`].
    pub(crate) fn whole(
        &mut self,
        head: Result<Box<ResponseHead>, Failure>,
        exchange: &Exchange,
        road: &Road<'_>,
    ) -> Result<Response, Result<Box<ResponseHead>, Failure>> {
        let head = match head {
            Ok(head) if head.status() != Status::SWITCHING => head,
            other => return Err(other),
        };
        let length = match head.body_framing(exchange.request.head.method()) {
            Framing::None => Some(0),
            Framing::Length(length) => usize::try_from(length).ok(),
            Framing::Chunked | Framing::UntilClose => None,
        };
        let connection = &mut self.connection;
        let Some(length) = length.filter(|length| *length <= connection.rest.len()) else {
            return Err(Ok(head));
        };
        let surplus = connection.rest.split_off(length);
        let bytes = std::mem::take(&mut connection.rest);
        // A connection on which a request broke off serves no other.
        let kept = head.is_kept_alive() && !self.upload.over;
        if kept && !self.upload.is_unfinished() && surplus.is_empty() {
            connection.put_back(&self.destination, road.outbound.worker().unix_seconds());
        }
        let body = if bytes.is_empty() { Body::Empty } else { Body::Full(bytes) };
        Ok(Response::new(head, body))
    }

    /// What came of the wait, where the answer is not [whole](Attempt::whole).
    pub(crate) fn end(
        self,
        head: Result<Box<ResponseHead>, Failure>,
        exchange: &Exchange,
        road: &Road<'_>,
    ) -> Result<Response, Failed> {
        let head = match head {
            Ok(head) => head,
            Err(failure) => return Err(self.fail(failure)),
        };
        if head.status() == Status::SWITCHING {
            return Ok(switch(head, self.connection, exchange)?);
        }
        let framing = head.body_framing(exchange.request.head.method());
        let length = match framing {
            Framing::None => Some(0),
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::UntilClose => None,
        };
        let body = ServiceBody {
            connection: self.connection,
            decoder: Some(Decoder::new(framing, TRAILERS_MAX)),
            kept: head.is_kept_alive() && !self.upload.over && framing != Framing::UntilClose,
            upload: Some(self.upload).filter(Upload::is_unfinished),
            pauses: Pauses::new(*road.way.timeouts, exchange.trail.began),
            moving: false,
            trailers: None,
            destination: self.destination,
            worker: road.outbound.worker().clone(),
        };
        Ok(Response::new(head, Body::Stream(Box::new(body), length)))
    }

    /// Whether its connection has served before.
    pub(crate) fn is_reused(&self) -> bool {
        self.connection.reused
    }

    /// Sends and reads what it can, until there is a head.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        exchange: &Exchange,
        way: &Way<'_>,
    ) -> Poll<Result<Box<ResponseHead>, Failure>> {
        let Self { connection, upload, destination, asking } = self;
        asking.poll(context, (connection, upload, destination), (exchange, way))
    }

    /// The answer whose head has come.
    pub(crate) fn finish(
        mut self,
        head: Box<ResponseHead>,
        exchange: &Exchange,
        road: &Road<'_>,
    ) -> Result<Response, Failed> {
        match self.whole(Ok(head), exchange, road) {
            Ok(response) => Ok(response),
            Err(head) => self.end(head, exchange, road),
        }
    }

    /// The endpoint answers nobody, and the request goes elsewhere.
    #[cold]
    fn leave(&mut self) -> Failure {
        self.asking.left = true;
        Failure::new(FailureKind::UpstreamTimeout).because("the target answers nobody")
    }

    /// The end without an answer.
    #[cold]
    pub(crate) fn fail(self, failure: Failure) -> Failed {
        let Self { connection, upload, asking, .. } = self;
        let cause = match failure.kind() {
            // A kept connection may die at any moment; a new one is another matter.
            FailureKind::UpstreamClosed if connection.reused && asking.silent => Some(Cause::Stale),
            FailureKind::UpstreamClosed => Some(Cause::Reset),
            FailureKind::UpstreamTimeout if asking.left => Some(Cause::Silent),
            FailureKind::UpstreamTimeout => Some(Cause::Timeout),
            _ => None,
        };
        // What a service said before its answer may have been given on.
        let cause = cause.filter(|_| asking.interim == 0);
        let body = upload.body.filter(|_| !upload.begun);
        Failed { setback: Setback { failure, cause }, body, begun: upload.begun }
    }
}

/// Sends the head, with the body if it is at hand, as far as the system takes it at once.
fn start(
    connection: &Connection,
    destination: &Destination,
    exchange: &mut Exchange,
    way: &Way<'_>,
) -> Upload {
    // Whoever sends the rest waits for it.
    let mut context = Context::from_waker(Waker::noop());
    let authority = &connection.endpoint().authority;
    let (unsent, chunked) = with_outgoing(authority, destination, exchange, way, |outgoing| {
        let unsent = yumen_worker::with_scratch(|buffer| {
            exchange.request.head.write(buffer, outgoing);
            if let Body::Full(bytes) = &exchange.request.body {
                buffer.extend_from_slice(bytes);
            }
            // What went wrong is met again, and told, by whoever sends the rest or reads the answer.
            let sent = match connection.poll_write(&mut context, buffer) {
                Poll::Ready(Ok(sent)) => sent,
                Poll::Ready(Err(_)) | Poll::Pending => 0,
            };
            buffer.get(sent..).unwrap_or_default().to_vec()
        });
        (unsent, outgoing.framing == Framing::Chunked)
    });
    let request = &mut exchange.request;
    let body = match &mut request.body {
        Body::Stream(..) => match request.body.take() {
            Body::Stream(stream, _) => Some(stream),
            Body::Empty | Body::Full(_) => None,
        },
        Body::Empty | Body::Full(_) => None,
    };
    Upload { unsent, body, chunked, begun: false, over: false }
}

/// Tells what the head for the service says beside what the client said. `authority`: the target's.
pub(crate) fn with_outgoing<R>(
    authority: &str,
    destination: &Destination,
    exchange: &Exchange,
    way: &Way<'_>,
    work: impl FnOnce(&Outgoing<'_>) -> R,
) -> R {
    let Exchange { request, path, client, trail, .. } = exchange;
    let framing = match request.body.length() {
        Some(0) => Framing::None,
        Some(length) => Framing::Length(length),
        None => Framing::Chunked,
    };
    let host: &str = match way.host {
        HostHeader::Target => authority,
        HostHeader::Client => {
            request.head.authority().map_or(authority, yumen_http::Authority::as_str)
        }
        HostHeader::Set(host) => host,
    };
    let path = path.as_deref().map_or(request.head.path_bytes(), str::as_bytes);
    let joined;
    let path = if destination.base_path.is_empty() || path == b"*" {
        path
    } else {
        joined = [destination.base_path.as_bytes(), path].concat();
        &joined
    };
    // Of a race, the attempt that began last is the one whose head is written.
    let trace = trail.trace.as_deref();
    let trace = trace.map(|trace| trace.lines(trail.attempts.count().saturating_sub(1)));
    let forwarding = &client.forwarding;
    work(&Outgoing { path, host, framing, forwarding, request_id: &trail.id, trace })
}

/// The wait for the answer's head.
#[derive(Debug)]
struct Asking {
    index: HeadIndex,
    patience: Patience,
    interim: u32,
    /// The service has not sent a single byte.
    silent: bool,
    vigil: Vigil,
    /// The endpoint answers nobody, as of the last look.
    deserted: bool,
    /// Somebody did better to leave.
    left: bool,
}

impl Asking {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        (connection, upload, destination): (&mut Connection, &mut Upload, &Destination),
        (exchange, way): (&Exchange, &Way<'_>),
    ) -> Poll<Result<Box<ResponseHead>, Failure>> {
        let wait = match upload.poll(context, connection) {
            Ok(wait) => wait,
            Err(Fault::Client(error)) => return Poll::Ready(Err(error.into())),
            Err(Fault::Service) => {
                // Perhaps it has answered and closed; that answer counts.
                upload.over = true;
                upload.unsent = Vec::new();
                Wait::Nothing
            }
        };
        loop {
            let head = match self.poll_head(context, connection, destination) {
                Poll::Ready(head) => head?,
                Poll::Pending => {
                    let began = exchange.trail.began;
                    if let Some(patience) = self.patience.arm(wait, way.timeouts, began) {
                        connection.allow_by(&mut self.vigil, patience);
                    }
                    let over = connection.is_over(&mut self.vigil, context);
                    self.deserted = over == Some(Over::Silent);
                    let failure =
                        || Failure::new(FailureKind::UpstreamTimeout).because("no answer in time");
                    let late = over == Some(Over::Late);
                    return if late { Poll::Ready(Err(failure())) } else { Poll::Pending };
                }
            };
            let status = head.status();
            if !status.is_interim() || status == Status::SWITCHING {
                return Poll::Ready(Ok(head));
            }
            self.interim += 1;
            if self.interim > INTERIM_MAX {
                return Poll::Ready(Err(bad_answer("too many interim answers")));
            }
            // The client was told to continue by us, if at all.
            if status.code() != 100 {
                exchange.trail.watch.interim.borrow_mut().push_back(head);
            }
        }
    }

    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        connection: &mut Connection,
        destination: &Destination,
    ) -> Poll<Result<Box<ResponseHead>, Failure>> {
        if !connection.rest.is_empty() {
            let rest = std::mem::take(&mut connection.rest);
            if let Some(head) = self.take(&rest, connection, destination) {
                return Poll::Ready(head);
            }
        }
        // The request is hardly on its way.
        if self.patience.is_new() {
            ready!(connection.poll_readable(context));
        }
        loop {
            // What stands behind the head is copied once more.
            let head = yumen_worker::with_small_scratch(|buffer| {
                let early = std::mem::take(&mut connection.rest);
                buffer.extend_from_slice(&early);
                buffer.reserve(1024);
                match connection.poll_read(context, buffer, usize::MAX) {
                    Poll::Ready(Ok(read)) if read > 0 => {
                        self.silent = false;
                        self.patience.renew();
                        self.take(buffer, connection, destination).map(Poll::Ready)
                    }
                    Poll::Ready(ended) => {
                        let (kind, cause) = match ended {
                            Ok(_) => {
                                (FailureKind::UpstreamClosed, "closed without an answer".to_owned())
                            }
                            // A service may refuse our certificate after the handshake.
                            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                                (FailureKind::UpstreamTls, error.to_string())
                            }
                            Err(error) => (FailureKind::UpstreamClosed, error.to_string()),
                        };
                        Some(Poll::Ready(Err(Failure::new(kind).because(cause))))
                    }
                    Poll::Pending => {
                        connection.rest = early;
                        Some(Poll::Pending)
                    }
                }
            });
            if let Some(head) = head {
                return head;
            }
        }
    }

    /// Looks for a head at the front of `bytes` and keeps the rest. `None` if it is not complete.
    fn take(
        &mut self,
        bytes: &[u8],
        connection: &mut Connection,
        destination: &Destination,
    ) -> Option<Result<Box<ResponseHead>, Failure>> {
        let limits = HeadLimits {
            head: destination.head_max,
            target: destination.head_max,
            field: destination.head_max,
            fields: destination.fields_max,
        };
        let found = match self.index.find(bytes, &limits) {
            Err(Refusal::Malformed(malformed)) => return Some(Err(bad_answer(malformed.0))),
            Err(_too_large) => return Some(Err(bad_answer("the head is too large"))),
            Ok(None) => {
                connection.rest = bytes.to_vec();
                return None;
            }
            Ok(Some(length)) => length,
        };
        let (head, rest) = bytes.split_at_checked(found).unwrap_or_default();
        if !rest.is_empty() {
            connection.rest = rest.to_vec();
        }
        let index = std::mem::take(&mut self.index);
        Some(ResponseHead::read(head, index).map_err(|malformed| bad_answer(malformed.0)))
    }
}

#[cold]
pub(crate) fn bad_answer(cause: &'static str) -> Failure {
    Failure::new(FailureKind::UpstreamBadAnswer).because(cause)
}

/// The connection becomes a tunnel, if that was asked for.
#[cold]
fn switch(
    head: Box<ResponseHead>,
    connection: Connection,
    exchange: &Exchange,
) -> Result<Response, Failure> {
    if !exchange.request.head.is_websocket() || !head.is_websocket() {
        return Err(bad_answer("switched to a protocol that nobody asked for"));
    }
    if !agrees_to_websocket(exchange.request.head.fields(), head.fields()) {
        return Err(bad_answer("a Sec-WebSocket-Accept that does not fit the key"));
    }
    let mut response = Response::new(head, Body::Empty);
    response.tunnel = Some(Box::new(ServiceTunnel(connection)));
    Ok(response)
}
