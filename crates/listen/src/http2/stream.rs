//! One stream of an HTTP/2 connection: a request and its answer.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use yumen_http::{
    Body, Framing, Refusal, Request, RequestHead, Response, ResponseHead, Status, Tunnel, Version,
};
use yumen_policy::{Exchange, Trail, Watch};

use crate::accept::Gate;
use crate::body::Pace;
use crate::deliver::measure;
use crate::door::Door;
use crate::http2::body::StreamBody;
use crate::http2::deliver::Delivery;
use crate::http2::head;
use crate::http2::piece::{Meter, Piece};
use crate::http2::tunnel::StreamEnd;
use crate::peer::Peer;
use crate::tunnel::{self, GOODBYE, Parting, Terms};
use crate::{Broken, End, Serve};

/// One stream.
struct Stream<S> {
    gate: Rc<Gate<S>>,
    door: Arc<Door>,
    watch: Rc<Watch>,
    answer: SendResponse<Piece>,
}

/// Serves a stream to its end.
pub(super) async fn serve<S: Serve>(
    gate: Rc<Gate<S>>,
    door: Arc<Door>,
    peer: Peer,
    request: http::Request<RecvStream>,
    answer: SendResponse<Piece>,
) {
    let (request, body) = request.into_parts();
    let mut stream = Stream { gate, door, watch: Rc::default(), answer };
    match head::read(request, Version::Http2, body.is_end_stream(), &stream.door.head) {
        Ok(head) => stream.exchange(&peer, head, body).await,
        Err(refusal) => stream.refuse(&peer, refusal).await,
    }
}

impl<S: Serve> Stream<S> {
    /// Answers a request that is not served. Other streams do not suffer for it.
    async fn refuse(&mut self, peer: &Peer, refusal: Refusal) {
        let client = peer.client(&self.door);
        let Response { head, body, .. } = self.gate.serve().refuse(&self.door, &client, refusal);
        let length = body.length().unwrap_or(0);
        // Whatever comes of it, this is over; it was written down already.
        let _sent = self.send(&head, Framing::Length(length), body).await;
    }

    /// Answers one request.
    async fn exchange(&mut self, peer: &Peer, mut head: Box<RequestHead>, body: RecvStream) {
        self.watch.body_max.set(self.door.body_max);
        let client = peer.client_of(&self.door, &mut head);
        let id = self.gate.serve().next_id();
        let mut inward = None;
        let body = if head.is_websocket() {
            inward = Some(body);
            // The end of an id is what makes it unlike the others.
            head.make_websocket_key(*id.last_chunk().unwrap_or(&[0; 16]));
            Body::Empty
        } else {
            self.body(&head, body)
        };
        let trail = Trail::new(id, Instant::now(), Rc::clone(&self.watch));
        let request = Request { head, body };
        let mut exchange = Exchange { client, request, path: None, response: None, trail };
        let mut mark = S::Mark::default();
        let answered = self.answer(&mut exchange, &mut mark).await;
        let end = match exchange.response.take().filter(|_| answered) {
            None => End { status: 0, broken: Some(Broken::Client), tunnel: false },
            Some(Response { head, tunnel: Some(service), .. }) => {
                let parting = self.tunnel(head, inward, service).await;
                exchange.trail.cause = parting.cause().map(str::to_owned);
                End { status: Status::OK.code(), broken: parting.broken(), tunnel: true }
            }
            Some(Response { mut head, mut body, tunnel: None }) => {
                self.door.advertise(&mut head);
                let framing = measure(&exchange.request.head, &head, &mut body);
                let sent = self.send(&head, framing, body).await;
                End { status: head.status().code(), broken: sent.err(), tunnel: false }
            }
        };
        self.gate.serve().ended(&self.door, &exchange, mark, end);
    }

    /// Agrees to a WebSocket, and carries it.
    async fn tunnel(
        &mut self,
        mut head: Box<ResponseHead>,
        inward: Option<RecvStream>,
        mut service: Box<dyn Tunnel>,
    ) -> Parting {
        let gone = Parting::Broken(Broken::Client);
        head.set_status(Status::OK);
        head.fields_mut().remove("sec-websocket-accept");
        let made = head::answer(&head, Framing::UntilClose, &self.gate.date());
        let (Ok((answer, size)), Some(inward)) = (made, inward) else { return gone };
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

    /// The request's body: at hand if all of it is here.
    fn body(&self, head: &RequestHead, mut stream: RecvStream) -> Body {
        let length = match head.framing() {
            Framing::None | Framing::UntilClose => return Body::Empty,
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        };
        let patience = &self.door.patience;
        let worker = self.gate.worker();
        let mut here = Bytes::new();
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        if let Poll::Ready(Some(Ok(bytes))) = stream.poll_data(&mut context) {
            here = bytes;
        }
        if length == Some(here.len() as u64) && stream.is_end_stream() {
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

    /// Waits for the answer, passes interim answers on, and watches the client; false if it went
    /// away.
    async fn answer(&mut self, exchange: &mut Exchange, mark: &mut S::Mark) -> bool {
        let Self { gate, door, watch, answer } = self;
        let mut walk = pin!(gate.serve().answer(door, exchange, mark));
        std::future::poll_fn(|context| {
            let answered = walk.as_mut().poll(context).is_ready();
            while let Some(head) = watch.interim.borrow_mut().pop_front() {
                if let Ok(head) = head::interim(&head) {
                    // A client that is gone is noticed below.
                    let _sent = answer.send_informational(head);
                }
            }
            if answered {
                return Poll::Ready(true);
            }
            if answer.poll_reset(context).is_ready() { Poll::Ready(false) } else { Poll::Pending }
        })
        .await
    }

    /// Sends an answer.
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
}
