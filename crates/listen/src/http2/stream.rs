//! One stream of an HTTP/2 connection: a request and its answer.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use yumen_http::{Body, Framing, RequestHead, ResponseHead, Status, Tunnel, Version};
use yumen_policy::Watch;

use crate::accept::Gate;
use crate::body::Pace;
use crate::door::Door;
use crate::http2::body::StreamBody;
use crate::http2::deliver::Delivery;
use crate::http2::head;
use crate::http2::piece::{Meter, Piece};
use crate::http2::tunnel::StreamEnd;
use crate::peer::Peer;
use crate::streams::{Channel, Stream};
use crate::tunnel::{self, GOODBYE, Parting, Terms};
use crate::{Broken, Serve};

/// Serves a stream to its end.
pub(super) async fn serve<S: Serve>(
    gate: Rc<Gate<S>>,
    door: Arc<Door>,
    peer: Peer,
    request: http::Request<RecvStream>,
    answer: SendResponse<Piece>,
) {
    let (request, inward) = request.into_parts();
    let watch = Rc::<Watch>::default();
    watch.body_max.set(door.body_max);
    let mut way = Way {
        gate: Rc::clone(&gate),
        door: Arc::clone(&door),
        watch: Rc::clone(&watch),
        answer,
        inward: None,
    };
    match head::read(request, Version::Http2, inward.is_end_stream(), &door.head) {
        Ok(head) => {
            let body = way.body(&head, inward);
            Stream { gate, door, watch, channel: way }.exchange(&peer, head, body).await;
        }
        Err(refusal) => Stream { gate, door, watch, channel: way }.refuse(&peer, refusal).await,
    }
}

/// The way of a stream to the client.
struct Way<S> {
    gate: Rc<Gate<S>>,
    door: Arc<Door>,
    watch: Rc<Watch>,
    answer: SendResponse<Piece>,
    /// What comes from the client, if it is no body.
    inward: Option<RecvStream>,
}

impl<S: Serve> Channel for Way<S> {
    fn pass(&mut self, _context: &mut Context<'_>, interim: &ResponseHead) {
        if let Ok(head) = head::interim(interim) {
            // A client that is gone is noticed by who waits.
            let _sent = self.answer.send_informational(head);
        }
    }

    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.answer.poll_reset(context).map(|_reset| ())
    }

    async fn send(
        &mut self,
        head: &ResponseHead,
        framing: Framing,
        body: Body,
    ) -> Result<(), Broken> {
        let made = head::answer(head, framing, &self.gate.date());
        let Ok((head, size)) = made else {
            self.answer.send_reset(Reason::INTERNAL_ERROR);
            return Err(Broken::Upstream);
        };
        let is_empty = body.is_empty();
        let sent = self.answer.send_response(head, is_empty);
        let stream = sent.map_err(|_gone| Broken::Client)?;
        self.watch.head_sent.set(size);
        if is_empty {
            return Ok(());
        }
        let deadline = self.gate.worker().deadline();
        let delivery = Delivery {
            stream,
            meter: Meter::new(&self.watch),
            body,
            deadline: &deadline,
            patience: self.door.patience.write_stall,
            starved: false,
            stalled_at: None,
        };
        delivery.send().await
    }

    async fn carry(
        &mut self,
        mut head: Box<ResponseHead>,
        mut service: Box<dyn Tunnel>,
    ) -> Parting {
        let gone = Parting::Broken(Broken::Client);
        head.set_status(Status::OK);
        head.fields_mut().remove("sec-websocket-accept");
        let made = head::answer(&head, Framing::UntilClose, &self.gate.date());
        let (Ok((answer, size)), Some(inward)) = (made, self.inward.take()) else { return gone };
        let Ok(outward) = self.answer.send_response(answer, false) else { return gone };
        self.watch.head_sent.set(size);
        let carried = self.gate.tunnel();
        let mut client = StreamEnd::new(inward, outward, &self.watch);
        let gate = &self.gate;
        let terms = Terms {
            worker: gate.worker(),
            idle: self.door.patience.tunnel_idle,
            lifetime: self.door.patience.tunnel_lifetime,
            is_cutting: &|| gate.is_cutting(),
            goodbye: true,
        };
        let parting = tunnel::carry(&mut client, service.as_mut(), &terms).await;
        if parting.broken().is_none() {
            client.flush(&gate.worker().deadline(), GOODBYE).await;
        }
        drop(carried);
        parting
    }
}

impl<S: Serve> Way<S> {
    /// The request's body: at hand if all of it is here.
    fn body(&mut self, head: &RequestHead, mut stream: RecvStream) -> Body {
        if head.is_websocket() {
            self.inward = Some(stream);
            return Body::Empty;
        }
        let length = match head.framing() {
            Framing::None | Framing::UntilClose => return Body::Empty,
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        };
        let patience = &self.door.patience;
        let worker = self.gate.worker();
        let mut here = Bytes::new();
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(Some(Ok(bytes))) = stream.poll_data(&mut context) {
            here = bytes;
        }
        // Calls of gRPC do not say how long they are.
        let is_all = length.map_or(!here.is_empty(), |length| length == here.len() as u64);
        if is_all && stream.is_end_stream() {
            self.watch.received.set(here.len() as u64);
            // More than is here cannot be given back.
            let _released = stream.flow_control().release_capacity(here.len());
            return Body::Full(here.to_vec());
        }
        let body = StreamBody {
            stream,
            here,
            watch: Rc::clone(&self.watch),
            pace: Pace::new(worker.clone(), patience.body_idle, patience.body_rate),
            deadline: worker.deadline(),
            invite: head.expects_continue(),
            trailers: None,
            trailers_max: self.door.trailers_max,
        };
        Body::Stream(Box::new(body), length)
    }
}
