//! One request on a connection of HTTP/2: the head goes out, the body follows, the answer's head
//! comes back, in any order the two sides like.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream};
use http::uri::Scheme;
use yumen_http::{Body, Framing, HeadLimits, Response, ResponseHead, grpc};
use yumen_policy::{Exchange, Failure, FailureKind};

use super::body::{StreamBody, note_status};
use super::head;
use super::trunk::Lane;
use super::upload::Upload;
use crate::attempt::{Failed, INTERIM_MAX, bad_answer, with_outgoing};
use crate::destination::Destination;
use crate::patience::{Patience, Pauses};
use crate::retry::{Cause, Setback};
use crate::send::{Road, Way};
use crate::upload::Fault;
use crate::vigil::{Over, Vigil};

/// Sends the request on this connection and waits for the head of the answer. `leave`, if the
/// request may go elsewhere, is asked when the endpoint answers nobody.
pub(crate) async fn attempt(
    road: &Road<'_>,
    lane: Lane,
    since: Option<Instant>,
    exchange: &mut Exchange,
    leave: Option<&mut dyn FnMut() -> bool>,
) -> Result<Response, Failed> {
    let mut asking = Asking::begin(road, lane, since, exchange)?;
    asking.vigil = Vigil::new(&asking.lane.endpoint, leave.is_some());
    let mut leave = leave;
    let head = std::future::poll_fn(|context| {
        let head = asking.poll(context, exchange, road.way);
        let leaves =
            head.is_pending() && asking.deserted && leave.as_mut().is_some_and(|leave| leave());
        if leaves { Poll::Ready(Err(asking.leave())) } else { head }
    })
    .await;
    exchange.trail.answered = Some(exchange.trail.began.elapsed());
    match head {
        Ok((head, body)) => Ok(asking.finish(head, body, exchange, road.way)),
        Err(Broken { failure, cause }) => {
            let Asking { upload, interim, .. } = asking;
            // What a service said before its answer may have been given on.
            let cause = cause.filter(|_| interim == 0);
            let body = upload.body.filter(|_| !upload.begun);
            Err(Failed { setback: Setback { failure, cause }, body, begun: upload.begun })
        }
    }
}

/// The wait for the answer's head.
#[derive(Debug)]
struct Asking {
    lane: Lane,
    answer: ResponseFuture,
    upload: Upload,
    limits: HeadLimits,
    patience: Patience,
    vigil: Vigil,
    /// The endpoint answers nobody, as of the last look.
    deserted: bool,
    interim: u32,
}

/// An attempt that broke off.
struct Broken {
    failure: Failure,
    cause: Option<Cause>,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self { failure, cause: None }
    }
}

type Answer = (Box<ResponseHead>, RecvStream);

impl Asking {
    /// Hands the head to the library, with the body if it is at hand.
    fn begin(
        road: &Road<'_>,
        mut lane: Lane,
        since: Option<Instant>,
        exchange: &mut Exchange,
    ) -> Result<Self, Failed> {
        let destination = road.pool.destination();
        let request = request(&lane, &destination, exchange, road.way)?;
        let body = exchange.request.body.take();
        let sent = lane.sender.take().map(|mut sender| {
            let sent = sender.send_request(request, body.is_empty());
            sent.map_err(|error| format!("HTTP/2: {error}"))
        });
        let (answer, mut stream) = match sent {
            Some(Ok(sent)) => sent,
            failed => {
                let why = failed.and_then(Result::err).unwrap_or_default();
                let failure = Failure::new(FailureKind::UpstreamClosed).because(why);
                let setback = Setback { failure, cause: Some(Cause::Unprocessed) };
                let body = match body {
                    Body::Stream(body, _) => Some(body),
                    at_hand => {
                        exchange.request.body = at_hand;
                        None
                    }
                };
                return Err(Failed { setback, body, begun: false });
            }
        };
        let body = match body {
            Body::Stream(body, _) => Some(body),
            Body::Empty => None,
            Body::Full(bytes) => {
                // That it cannot be sent is met again, and told, by whoever reads the answer.
                let _sent = stream.send_data(Bytes::copy_from_slice(&bytes), true);
                exchange.request.body = Body::Full(bytes);
                None
            }
        };
        let limits = HeadLimits {
            head: destination.head_max,
            target: destination.head_max,
            field: destination.head_max,
            fields: destination.fields_max,
        };
        Ok(Self {
            lane,
            answer,
            upload: Upload::new(stream, body),
            limits,
            patience: Patience::new(since),
            vigil: Vigil::default(),
            deserted: false,
            interim: 0,
        })
    }

    /// Sends and reads what it can, until there is a head.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        exchange: &Exchange,
        way: &Way<'_>,
    ) -> Poll<Result<Answer, Broken>> {
        let wait = match self.upload.poll(context) {
            Ok(wait) => wait,
            Err(Fault::Client(error)) => return Poll::Ready(Err(Failure::from(error).into())),
            Err(Fault::Service) => {
                // Perhaps it has answered and wants no more; that answer counts.
                self.upload.body = None;
                crate::upload::Wait::Nothing
            }
        };
        while let Poll::Ready(Some(Ok(interim))) = self.answer.poll_informational(context) {
            self.interim += 1;
            self.patience.renew();
            if self.interim > INTERIM_MAX {
                return Poll::Ready(Err(bad_answer("too many interim answers").into()));
            }
            let head = head::answer(&interim, &self.limits);
            let head = head.map_err(|malformed| bad_answer(malformed.0))?;
            // The client was told to continue by us, if at all.
            if head.status().code() != 100 {
                exchange.trail.watch.interim.borrow_mut().push_back(head);
            }
        }
        match Pin::new(&mut self.answer).poll(context) {
            Poll::Ready(Ok(answer)) => {
                self.lane.note_answer();
                let head = head::answer(&answer, &self.limits);
                let head = head.map_err(|malformed| bad_answer(malformed.0))?;
                Poll::Ready(Ok((head, answer.into_body())))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.judge(&error))),
            Poll::Pending => {
                let began = exchange.trail.began;
                if let Some(patience) = self.patience.arm(wait, way.timeouts, began) {
                    self.vigil.allow(&self.lane.deadline, patience);
                }
                let over = self.vigil.poll(context, &self.lane.deadline, &self.lane.endpoint);
                self.deserted = over == Some(Over::Silent);
                if over != Some(Over::Late) {
                    return Poll::Pending;
                }
                self.lane.suspect();
                let failure =
                    Failure::new(FailureKind::UpstreamTimeout).because("no answer in time");
                Poll::Ready(Err(Broken { failure, cause: Some(Cause::Timeout) }))
            }
        }
    }

    /// The endpoint answers nobody, and the request goes elsewhere.
    fn leave(&self) -> Broken {
        self.lane.suspect();
        let failure = Failure::new(FailureKind::UpstreamTimeout);
        let failure = failure.because("the target answers nobody");
        Broken { failure, cause: Some(Cause::Silent) }
    }

    /// What it means that there is no answer.
    fn judge(&self, error: &h2::Error) -> Broken {
        let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
        let (kind, cause) = if error.is_remote() && (error.is_go_away() || is_refused) {
            // Nothing of it was looked at (RFC 9113 section 8.7).
            (FailureKind::UpstreamClosed, Some(Cause::Unprocessed))
        } else if error.is_library() {
            (FailureKind::UpstreamBadAnswer, None)
        } else if error.is_io() && self.lane.reused && self.lane.is_silent() {
            // A kept connection may die at any moment; a new one is another matter.
            (FailureKind::UpstreamClosed, Some(Cause::Stale))
        } else {
            (FailureKind::UpstreamClosed, Some(Cause::Reset))
        };
        Broken { failure: Failure::new(kind).because(format!("HTTP/2: {error}")), cause }
    }

    /// The answer whose head has come: its body is at hand if it is here already, else a stream.
    fn finish(
        self,
        head: Box<ResponseHead>,
        mut stream: RecvStream,
        exchange: &Exchange,
        way: &Way<'_>,
    ) -> Response {
        note_status(&exchange.trail.watch, head.fields());
        let framing = head.body_framing(exchange.request.head.method());
        if framing == Framing::None || stream.is_end_stream() {
            return Response::new(head, Body::Empty);
        }
        let length = match framing {
            Framing::Length(length) => Some(length),
            Framing::None | Framing::Chunked | Framing::UntilClose => None,
        };
        let mut here = Bytes::new();
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(Some(Ok(bytes))) = stream.poll_data(&mut context) {
            here = bytes;
        }
        if stream.is_end_stream() && self.upload.body.is_none() {
            // More than is here cannot be given back.
            let _released = stream.flow_control().release_capacity(here.len());
            let body = if here.is_empty() { Body::Empty } else { Body::Full(here.to_vec()) };
            return Response::new(head, body);
        }
        let body = StreamBody {
            lane: Some(self.lane),
            stream,
            here,
            upload: Some(self.upload).filter(|upload| upload.body.is_some()),
            left: length,
            pauses: Pauses::new(*way.timeouts, exchange.trail.began),
            trailers: None,
            is_call: grpc::is_call(&exchange.request.head),
            watch: Rc::clone(&exchange.trail.watch),
        };
        Response::new(head, Body::Stream(Box::new(body), length))
    }
}

/// The head for the service.
fn request(
    lane: &Lane,
    destination: &Arc<Destination>,
    exchange: &Exchange,
    way: &Way<'_>,
) -> Result<http::Request<()>, Failure> {
    let endpoint = &lane.endpoint;
    let scheme = if endpoint.seal.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
    with_outgoing(&endpoint.authority, destination, exchange, way, |outgoing| {
        let left = way.timeouts.within_total(None, exchange.trail.began);
        head::request(&exchange.request.head, outgoing, scheme, left)
            .map_err(|malformed| Failure::new(FailureKind::BadRequest).because(malformed.0))
    })
}
