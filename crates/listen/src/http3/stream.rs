//! One stream of an HTTP/3 connection: a request and its answer.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h3::error::{Code, StreamError};
use h3::server::{RequestResolver, RequestStream};
use yumen_http::{Body, Flow, Framing, Malformed, RequestHead, ResponseHead, Tunnel, Version};
use yumen_policy::Watch;
use yumen_worker::Deadline;

use super::body::StreamBody;
use super::duct::{Duct, Ends, Stopped};
use super::quic::Quic;
use crate::accept::Gate;
use crate::body::Pace;
use crate::door::Door;
use crate::http2::head;
use crate::peer::Peer;
use crate::streams::{Channel, Stream};
use crate::tunnel::Parting;
use crate::{Broken, Serve};

/// Bytes that are read of a service's body at once.
const CHUNK: usize = 32 * 1024;
/// How long the end of an answer may be on its way. A client that is gone is noticed earlier.
const CONFIRM: Duration = Duration::from_secs(120);

/// Serves a stream to its end.
pub(super) async fn serve<S: Serve>(
    gate: Rc<Gate<S>>,
    door: Arc<Door>,
    peer: Peer,
    ends: Rc<Ends>,
    resolver: RequestResolver<Quic, Bytes>,
) {
    let Some((request, stream)) = resolve(&gate, &door, &ends, resolver).await else { return };
    let watch = Rc::<Watch>::default();
    watch.body_max.set(door.body_max);
    let (send, recv) = stream.split();
    let (worker, patience) = (gate.worker(), &door.patience);
    let mut body = StreamBody {
        stream: recv,
        ends: Rc::clone(&ends),
        here: Bytes::new(),
        empty: 0,
        over: false,
        ended: false,
        length: None,
        watch: Rc::clone(&watch),
        pace: Pace::new(worker.clone(), patience.body_idle, patience.body_rate),
        deadline: worker.deadline(),
        invite: false,
        trailers: None,
        trailers_max: door.trailers_max,
    };
    std::future::poll_fn(|context| {
        body.look(context);
        Poll::Ready(())
    })
    .await;
    let channel = Way {
        gate: Rc::clone(&gate),
        stream: send,
        stopped: ends.stopped(),
        ends,
        watch: Rc::clone(&watch),
        patience: patience.write_stall,
    };
    let head = head::read(request, Version::Http3, body.is_empty(), &door.head);
    let mut stream = Stream { gate, door, watch, channel };
    match head {
        Ok(head) if head.framing() == Framing::None && !body.here.is_empty() => {
            let refusal = Malformed("a body where the length is 0").into();
            stream.refuse(&peer, refusal).await;
        }
        Ok(head) => {
            let body = choose(&head, body);
            stream.exchange(&peer, head, body).await;
        }
        Err(refusal) => stream.refuse(&peer, refusal).await,
    }
}

/// Waits for the head, in time.
async fn resolve<S: Serve>(
    gate: &Gate<S>,
    door: &Door,
    ends: &Ends,
    resolver: RequestResolver<Quic, Bytes>,
) -> Option<(http::request::Parts, RequestStream<Duct, Bytes>)> {
    let deadline = gate.worker().deadline();
    deadline.set(door.patience.head);
    let mut resolving = pin!(resolver.resolve_request());
    let resolved = std::future::poll_fn(|context| match resolving.as_mut().poll(context) {
        Poll::Pending if deadline.has_come(context) => Poll::Ready(None),
        resolved => resolved.map(Some),
    })
    .await;
    match resolved {
        Some(Ok((request, stream))) => Some((request.into_parts().0, stream)),
        Some(Err(error)) => {
            // What is malformed was said by the library.
            match (ends.flaw(), error) {
                (Some(_), _) => ends.reset(Code::H3_EXCESSIVE_LOAD),
                (None, StreamError::RemoteTerminate { .. }) => {
                    ends.count_reset();
                    ends.reset(Code::H3_REQUEST_CANCELLED);
                }
                (None, _) => {}
            }
            None
        }
        None => {
            ends.reset(Code::H3_REQUEST_INCOMPLETE);
            None
        }
    }
}

/// The request's body: at hand if all of it is here.
fn choose(head: &RequestHead, mut body: StreamBody) -> Body {
    body.length = match head.framing() {
        Framing::None | Framing::UntilClose => return Body::Empty,
        Framing::Length(length) => Some(length),
        Framing::Chunked => None,
    };
    let here = body.here.len() as u64;
    let is_all = body.length.map_or(here > 0, |length| length == here);
    if body.ended && body.trailers.is_none() && is_all {
        body.watch.received.set(here);
        return Body::Full(body.here.to_vec());
    }
    body.invite = head.expects_continue();
    let length = body.length;
    Body::Stream(Box::new(body), length)
}

/// The way of a stream to the client.
struct Way<S> {
    gate: Rc<Gate<S>>,
    stream: RequestStream<Duct, Bytes>,
    ends: Rc<Ends>,
    stopped: Option<Stopped>,
    watch: Rc<Watch>,
    /// How long the client may leave its windows shut.
    patience: Option<Duration>,
}

impl<S: Serve> Channel for Way<S> {
    fn pass(&mut self, context: &mut Context<'_>, interim: &ResponseHead) {
        if let Ok(head) = head::interim(interim) {
            // What does not go out at once goes with the answer; a client that is gone is noticed.
            let _sent = pin!(self.stream.send_response(head)).poll(context).is_ready();
        }
    }

    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let is_gone =
            self.poll_stopped(context).is_ready() || self.ends.poll_broken_off(context).is_ready();
        if !is_gone {
            return Poll::Pending;
        }
        self.ends.count_reset();
        self.ends.reset(Code::H3_REQUEST_CANCELLED);
        Poll::Ready(())
    }

    async fn send(
        &mut self,
        head: &ResponseHead,
        framing: Framing,
        body: Body,
    ) -> Result<(), Broken> {
        let sent = self.deliver(head, framing, body).await;
        match sent {
            // What is left of the request is of no use.
            Ok(()) => self.ends.stop(Code::H3_NO_ERROR),
            Err(Broken::Client) => {
                self.ends.count_reset();
                self.ends.reset(Code::H3_REQUEST_CANCELLED);
            }
            Err(Broken::Upstream) => self.ends.reset(Code::H3_INTERNAL_ERROR),
        }
        sent
    }

    async fn carry(&mut self, _head: Box<ResponseHead>, _service: Box<dyn Tunnel>) -> Parting {
        // Nobody asks for a WebSocket over HTTP/3, so that no service agrees to one.
        self.ends.reset(Code::H3_INTERNAL_ERROR);
        Parting::Broken(Broken::Upstream)
    }
}

impl<S: Serve> Way<S> {
    /// Comes when the client wants no more, with false, or has all, with true.
    fn poll_stopped(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        let Some(stopped) = &mut self.stopped else { return Poll::Ready(false) };
        stopped.as_mut().poll(context).map(|stopped| {
            self.stopped = None;
            matches!(stopped, Ok(None))
        })
    }

    async fn deliver(
        &mut self,
        head: &ResponseHead,
        framing: Framing,
        mut body: Body,
    ) -> Result<(), Broken> {
        let deadline = self.gate.worker().deadline();
        let made = head::answer(head, framing, &self.gate.date());
        let (head, size) = made.map_err(|_malformed| Broken::Upstream)?;
        let (ends, patience) = (Rc::clone(&self.ends), self.patience);
        let patient = Patient { ends: &ends, deadline: &deadline, patience };
        patient.wait(self.stream.send_response(head)).await?;
        self.watch.head_sent.set(size);
        loop {
            let (bytes, read) = self.read(&mut body).await?;
            let count = bytes.len() as u64;
            if count > 0 {
                patient.wait(self.stream.send_data(bytes)).await?;
                self.watch.sent.set(self.watch.sent.get() + count);
            }
            match read {
                Read::More => {}
                Read::Broken => return Err(Broken::Upstream),
                Read::End => break,
            }
        }
        if let Body::Stream(service, _) = &mut body
            && let Some(trailers) = service.trailers()
        {
            patient.wait(self.stream.send_trailers(head::trailers(&trailers))).await?;
        }
        patient.wait(self.stream.finish()).await?;
        self.confirmed(&deadline).await
    }

    /// Reads some of the body.
    async fn read(&mut self, body: &mut Body) -> Result<(Bytes, Read), Broken> {
        let service = match body {
            Body::Stream(service, _) => service,
            other => {
                let bytes = match other.take() {
                    Body::Full(bytes) => Bytes::from(bytes),
                    Body::Empty | Body::Stream(..) => Bytes::new(),
                };
                return Ok((bytes, Read::End));
            }
        };
        std::future::poll_fn(|context| {
            if self.poll_stopped(context).is_ready() {
                return Poll::Ready(Err(Broken::Client));
            }
            let (bytes, read) = yumen_worker::with_scratch(|buffer| {
                let read = service.poll_read(context, buffer, CHUNK);
                (Bytes::copy_from_slice(buffer), read)
            });
            read.map(|read| {
                let read = match read {
                    Ok(Flow::More) => Read::More,
                    Ok(Flow::End) => Read::End,
                    Err(_) => Read::Broken,
                };
                Ok((bytes, read))
            })
        })
        .await
    }

    /// Waits until the client has all of it: a connection that is closed loses what is on its way.
    async fn confirmed(&mut self, deadline: &Deadline) -> Result<(), Broken> {
        deadline.set(Some(CONFIRM));
        std::future::poll_fn(|context| match self.poll_stopped(context) {
            Poll::Ready(true) => Poll::Ready(Ok(())),
            Poll::Ready(false) => Poll::Ready(Err(Broken::Client)),
            Poll::Pending if deadline.has_come(context) => Poll::Ready(Err(Broken::Client)),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

/// What came of a read.
enum Read {
    /// There may be more.
    More,
    /// That was all.
    End,
    /// The service broke off.
    Broken,
}

/// Waits for the client to open its windows, as long as it does so now and then.
struct Patient<'a> {
    ends: &'a Ends,
    deadline: &'a Deadline,
    patience: Option<Duration>,
}

impl Patient<'_> {
    async fn wait(
        &self,
        sending: impl Future<Output = Result<(), StreamError>>,
    ) -> Result<(), Broken> {
        let mut sending = pin!(sending);
        let mut stalled_at = None;
        std::future::poll_fn(|context| {
            if let Poll::Ready(sent) = sending.as_mut().poll(context) {
                return Poll::Ready(sent.map_err(|_gone| Broken::Client));
            }
            let taken = Some(self.ends.taken());
            if stalled_at != taken {
                stalled_at = taken;
                self.deadline.set(self.patience);
            }
            let late = self.deadline.has_come(context);
            if late { Poll::Ready(Err(Broken::Client)) } else { Poll::Pending }
        })
        .await
    }
}
