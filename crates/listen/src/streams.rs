//! One stream of a connection that carries many: a request and its answer, whichever protocol
//! frames them.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use yumen_http::{
    Body, Framing, Refusal, Request, RequestHead, Response, ResponseHead, Status, Tunnel, Version,
};
use yumen_policy::{Exchange, Trail, Watch};

use crate::accept::Gate;
use crate::deliver::measure;
use crate::door::Door;
use crate::peer::Peer;
use crate::tunnel::Parting;
use crate::{Broken, End, Serve};

/// The way of a stream to the client.
pub(crate) trait Channel {
    /// Passes an interim answer on, as far as that can be done at once.
    fn pass(&mut self, context: &mut Context<'_>, interim: &ResponseHead);

    /// Comes when the client wants no answer any more.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()>;

    /// Sends an answer to its end.
    fn send(
        &mut self,
        head: &ResponseHead,
        framing: Framing,
        body: Body,
    ) -> impl Future<Output = Result<(), Broken>>;

    /// Agrees to a WebSocket, and carries it to its end.
    fn carry(
        &mut self,
        head: Box<ResponseHead>,
        service: Box<dyn Tunnel>,
    ) -> impl Future<Output = Parting>;
}

/// One stream.
pub(crate) struct Stream<S, C> {
    pub(crate) gate: Rc<Gate<S>>,
    pub(crate) door: Arc<Door>,
    pub(crate) watch: Rc<Watch>,
    pub(crate) channel: C,
}

impl<S: Serve, C: Channel> Stream<S, C> {
    /// Answers a request that is not served. Other streams do not suffer for it.
    pub(crate) async fn refuse(&mut self, peer: &Peer, refusal: Refusal) {
        let client = peer.client(&self.door);
        let Response { head, body, .. } = self.gate.serve().refuse(&self.door, &client, refusal);
        let length = body.length().unwrap_or(0);
        // Whatever comes of it, this is over; it was written down already.
        let _sent = self.channel.send(&head, Framing::Length(length), body).await;
    }

    /// Answers one request.
    pub(crate) async fn exchange(&mut self, peer: &Peer, mut head: Box<RequestHead>, body: Body) {
        let client = peer.client_of(&self.door, &mut head);
        let version = head.version();
        let id = self.gate.serve().next_id();
        if head.is_websocket() {
            // The end of an id is what makes it unlike the others.
            head.make_websocket_key(*id.last_chunk().unwrap_or(&[0; 16]));
        }
        let trail = Trail::new(id, Instant::now(), Rc::clone(&self.watch));
        let request = Request { head, body };
        let mut exchange = Exchange::new(client, request, trail);
        let mut mark = S::Mark::default();
        let answered = self.answer(&mut exchange, &mut mark).await;
        let end = match exchange.response.take().filter(|_| answered) {
            None => End { status: 0, broken: Some(Broken::Client), tunnel: false },
            Some(Response { head, tunnel: Some(service), .. }) => {
                let parting = self.channel.carry(head, service).await;
                exchange.trail.explain(parting.cause());
                End { status: Status::OK.code(), broken: parting.broken(), tunnel: true }
            }
            Some(Response { mut head, mut body, tunnel: None }) => {
                // Who comes by HTTP/3 knows where it is spoken.
                if version != Version::Http3 {
                    self.door.advertise(&mut head);
                }
                let framing = measure(&exchange.request.head, &head, &mut body);
                let sent = self.channel.send(&head, framing, body).await;
                End { status: head.status().code(), broken: sent.err(), tunnel: false }
            }
        };
        self.gate.serve().ended(&self.door, &exchange, mark, end);
    }

    /// Waits for the answer, passes interim answers on, and watches the client; false if it went
    /// away.
    async fn answer(&mut self, exchange: &mut Exchange, mark: &mut S::Mark) -> bool {
        let Self { gate, door, watch, channel } = self;
        let mut walk = pin!(gate.serve().answer(door, exchange, mark));
        std::future::poll_fn(|context| {
            let answered = walk.as_mut().poll(context).is_ready();
            while let Some(head) = watch.interim.borrow_mut().pop_front() {
                channel.pass(context, &head);
            }
            if answered {
                return Poll::Ready(true);
            }
            channel.poll_gone(context).map(|()| false)
        })
        .await
    }
}

/// Has a client that waits for it told that it may send its body (RFC 9110 section 10.1.1).
pub(crate) fn invite(watch: &Watch) {
    if let Some(status) = Status::new(100) {
        watch.interim.borrow_mut().push_back(Box::new(ResponseHead::new(status)));
    }
}
