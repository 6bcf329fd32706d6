//! One HTTP/1 connection from its first byte to its last: request, answer, next request.

use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use yumen_http::{
    Body, Date, Decoder, Delivery, Framing, Refusal, Request, RequestHead, Response, Tunnel,
    Version,
};
use yumen_policy::{Exchange, Trail, Watch};

use crate::accept::Gate;
use crate::body::{ClientBody, Pace};
use crate::deliver::{Parcel, measure};
use crate::door::Door;
use crate::head::{Arrival, next};
use crate::link::Link;
use crate::moving::Moving;
use crate::peer::Peer;
use crate::tunnel::{LinkEnd, Parting, Terms};
use crate::{Broken, End, Serve, http2, tunnel};

/// One connection.
struct Connection<S> {
    gate: Rc<Gate<S>>,
    link: Rc<Link>,
    watch: Rc<Watch>,
    peer: Peer,
    served: u32,
}

/// Serves a connection to its end.
pub(crate) async fn serve<S: Serve>(gate: Rc<Gate<S>>, link: Rc<Link>, peer: Peer) {
    let mut connection = Connection { gate, link, watch: Rc::default(), peer, served: 0 };
    let mut door = connection.gate.door();
    loop {
        door = connection.gate.door_since(door);
        let kept =
            match next(&connection.gate, &connection.link, &door, connection.served == 0).await {
                Arrival::Nothing => return connection.link.end(),
                Arrival::Refused(refusal) => connection.refuse(&door, refusal).await,
                Arrival::Request(head) => {
                    // The wait may have been long.
                    door = connection.gate.door_since(door);
                    connection.exchange(&door, head).await
                }
                Arrival::Http2 => {
                    let Connection { gate, link, peer, .. } = connection;
                    // In a box: HTTP/1 is not to pay for its size.
                    return Box::pin(http2::serve(gate, link, peer)).await;
                }
            };
        connection.served += 1;
        match kept {
            After::Keep => {}
            After::Close => return,
            After::Linger => return connection.link.linger().await,
        }
        if connection.link.is_drained() {
            return;
        }
    }
}

/// Refuses whatever a connection brings.
pub(crate) async fn refuse<S: Serve>(
    gate: Rc<Gate<S>>,
    link: Rc<Link>,
    peer: Peer,
    refusal: Refusal,
) {
    let door = gate.door();
    let mut connection = Connection { gate, link, watch: Rc::default(), peer, served: 0 };
    if let After::Linger = connection.refuse(&door, refusal).await {
        connection.link.linger().await;
    }
}

/// What becomes of a connection after an answer.
enum After {
    Keep,
    Close,
    Linger,
}

impl<S: Serve> Connection<S> {
    /// Answers a request that could not be read. What comes behind it cannot be told apart.
    async fn refuse(&mut self, door: &Door, refusal: Refusal) -> After {
        let client = self.peer.client(door);
        let Response { head, body, .. } = self.gate.serve().refuse(door, &client, refusal);
        let framing = Framing::Length(body.length().unwrap_or(0));
        let mut date = Date::default();
        let date = date.at(self.gate.worker().unix_seconds());
        let delivery = Delivery { framing, close: true, keep_alive: false, date };
        let parcel = Parcel {
            link: &self.link,
            watch: &self.watch,
            patience: door.patience.write_stall,
            head: Some((head, delivery)),
            body,
            chunked: false,
            unsent: Vec::new(),
            stalled: false,
            moving: Moving::default(),
        };
        match parcel.send().await {
            Ok(()) => After::Linger,
            Err(_) => After::Close,
        }
    }

    /// Answers one request.
    async fn exchange(&mut self, door: &Arc<Door>, head: Box<RequestHead>) -> After {
        let mut exchange = self.begin(door, head);
        let mut mark = S::Mark::default();
        let mut early = Vec::new();
        let answered = {
            let passes_interim = exchange.request.head.version() == Version::Http11;
            let interim = passes_interim.then_some(&mut early);
            let answer = pin!(self.gate.serve().answer(door, &mut exchange, &mut mark));
            self.answered(answer, interim).await
        };
        let Some(response) = exchange.response.take().filter(|_| answered) else {
            let end = End { status: 0, broken: Some(Broken::Client), tunnel: false };
            self.gate.serve().ended(door, &exchange, mark, end);
            return After::Close;
        };
        let status = response.head.status().code();
        let date = self.gate.date();
        let packed = self.pack(door, &exchange.request.head, response, (early, &date));
        let Packed { parcel, tunnel, keep } = packed;
        let sent = parcel.send().await;
        let is_tunnel = tunnel.is_some();
        let mut broken = sent.err();
        if let (Ok(()), Some(service)) = (sent, tunnel) {
            let parting = self.tunnel(door, service).await;
            broken = parting.broken();
            exchange.trail.explain(parting.cause());
        }
        let end = End { status, broken, tunnel: is_tunnel };
        self.gate.serve().ended(door, &exchange, mark, end);
        match sent {
            Ok(()) if keep => After::Keep,
            Ok(()) if self.link.is_body_open() => After::Linger,
            Ok(()) => {
                self.link.end();
                After::Close
            }
            // That it did not end well can be told from how it ends.
            Err(_) => After::Close,
        }
    }

    /// Carries what was switched to.
    async fn tunnel(&self, door: &Door, mut service: Box<dyn Tunnel>) -> Parting {
        let carried = self.gate.tunnel();
        self.link.allow(None);
        let mut client = LinkEnd { link: &self.link, watch: &self.watch };
        let gate = &self.gate;
        let terms = Terms {
            worker: gate.worker(),
            idle: door.patience.tunnel_idle,
            lifetime: door.patience.tunnel_lifetime,
            is_cutting: &|| gate.is_cutting(),
            goodbye: true,
        };
        let parting = tunnel::carry(&mut client, service.as_mut(), &terms).await;
        if parting.cause().is_some() {
            // So that the goodbye is read.
            self.link.linger().await;
        }
        drop(carried);
        parting
    }

    fn begin(&mut self, door: &Door, mut head: Box<RequestHead>) -> Exchange {
        self.watch.received.set(0);
        self.watch.sent.set(0);
        self.watch.head_sent.set(0);
        self.watch.body_max.set(door.body_max);
        if self.watch.has_interim() {
            self.watch.interim.borrow_mut().clear();
        }
        let client = self.peer.client_of(door, &mut head);
        let body = self.body(door, &head);
        let trail = Trail::new(self.gate.serve().next_id(), Instant::now(), Rc::clone(&self.watch));
        Exchange::new(client, Request { head, body }, trail)
    }

    fn body(&self, door: &Door, head: &RequestHead) -> Body {
        let length = match head.framing() {
            Framing::None | Framing::UntilClose => return Body::Empty,
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        };
        let mut rest = self.link.rest().borrow_mut();
        let here = length
            .and_then(|length| usize::try_from(length).ok())
            .filter(|length| *length <= rest.len());
        if let Some(length) = here {
            let later = rest.split_off(length);
            self.watch.received.set(length as u64);
            return Body::Full(std::mem::replace(&mut *rest, later));
        }
        drop(rest);
        *self.link.body().borrow_mut() = Some(Decoder::new(head.framing(), door.trailers_max));
        let patience = &door.patience;
        let pace = Pace::new(self.gate.worker().clone(), patience.body_idle, patience.body_rate);
        let body = ClientBody::new(&self.link, &self.watch, pace, head.expects_continue());
        Body::Stream(Box::new(body), length)
    }

    /// Waits for the answer, passes interim answers on into `interim` if the client knows such, and
    /// watches the client; false if it went away.
    fn answered<'a>(
        &'a self,
        mut answer: Pin<&'a mut impl Future<Output = ()>>,
        mut interim: Option<&'a mut Vec<u8>>,
    ) -> impl Future<Output = bool> + 'a {
        std::future::poll_fn(move |context| {
            let answered = answer.as_mut().poll(context).is_ready();
            if let Some(early) = &mut interim
                && (self.watch.has_interim() || !early.is_empty())
            {
                self.pass_interim(context, early);
            }
            if answered {
                return Poll::Ready(true);
            }
            self.link.poll_gone(context).map(|()| false)
        })
    }

    #[cold]
    fn pass_interim(&self, context: &mut Context<'_>, early: &mut Vec<u8>) {
        while let Some(head) = self.watch.interim.borrow_mut().pop_front() {
            head.write_interim(early);
        }
        while !early.is_empty() {
            match self.link.poll_write(context, early) {
                Poll::Ready(Ok(written)) => drop(early.drain(..written)),
                // A client that is gone is noticed by the watch for it.
                Poll::Ready(Err(_)) | Poll::Pending => return,
            }
        }
    }

    /// Makes an answer ready to be sent.
    fn pack<'a>(
        &'a self,
        door: &Door,
        request: &RequestHead,
        response: Response,
        (early, date): (Vec<u8>, &'a [u8]),
    ) -> Packed<'a> {
        let Response { mut head, mut body, tunnel } = response;
        door.advertise(&mut head);
        let framing = measure(request, &head, &mut body);
        let keep = tunnel.is_none()
            && framing != Framing::UntilClose
            && request.is_kept_alive()
            && self.served + 1 < door.requests_max
            && !self.link.is_body_open()
            && !self.gate.is_leaving();
        let keep_alive = keep && request.version() == Version::Http10;
        let delivery = Delivery { framing, close: !keep && tunnel.is_none(), keep_alive, date };
        let parcel = Parcel {
            link: &self.link,
            watch: &self.watch,
            patience: door.patience.write_stall,
            head: Some((head, delivery)),
            body,
            chunked: framing == Framing::Chunked,
            unsent: early,
            stalled: false,
            moving: Moving::default(),
        };
        Packed { parcel, tunnel, keep }
    }
}

/// An answer that is ready to be sent.
struct Packed<'a> {
    parcel: Parcel<'a>,
    /// What stands behind it.
    tunnel: Option<Box<dyn Tunnel>>,
    /// Whether the connection may be kept.
    keep: bool,
}
