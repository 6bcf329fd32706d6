//! Connections that are passed on as they are: at most the name that a client's first TLS message
//! asks for is read; from then on bytes go both ways.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use yumen_http::{Body, Request, RequestHead, Response, Tunnel, Version};
use yumen_model::ListenerProtocol;
use yumen_policy::{Exchange, Trail, Watch};
use yumen_tls::Hello;

use crate::accept::Gate;
use crate::door::Door;
use crate::link::Link;
use crate::peer::Peer;
use crate::tunnel::{self, LinkEnd, Parting, Terms};
use crate::{Broken, End, Serve};

/// The most that a client's first TLS message may have, in bytes, with its records.
const HELLO_MAX: usize = 16 * 1024;

/// Serves a connection to its end.
pub(crate) async fn serve<S: Serve>(
    gate: Rc<Gate<S>>,
    door: Arc<Door>,
    link: Rc<Link>,
    peer: Peer,
) {
    let began = Instant::now();
    let watch = Rc::<Watch>::default();
    let (version, server_name) = match door.protocol {
        ListenerProtocol::Tls => match greeting(&link, &door).await {
            Ok(server_name) => (Version::Tls, server_name),
            Err(cause) => return gate.serve().unsecured(&door, &peer.client(&door), &cause),
        },
        ListenerProtocol::Tcp | ListenerProtocol::Http => (Version::Tcp, peer.server_name()),
    };
    let head = Box::new(RequestHead::of_connection(version, server_name.as_deref()));
    let trail = Trail::new(gate.serve().next_id(), began, Rc::clone(&watch));
    let request = Request { head, body: Body::Empty };
    let client = peer.client(&door);
    let mut exchange = Exchange::new(client, request, trail);
    let mut mark = S::Mark::default();
    let answered = answer(&gate, &link, &door, &mut exchange, &mut mark).await;
    let end = match exchange.response.take().filter(|_| answered) {
        None => End { status: 0, broken: Some(Broken::Client), tunnel: false },
        Some(Response { tunnel: Some(service), .. }) => {
            let parting = pass(&gate, &link, &watch, &door, service).await;
            exchange.trail.explain(parting.cause());
            End { status: 0, broken: parting.broken(), tunnel: true }
        }
        // Nothing can be said to whoever speaks something else; why is in the log.
        Some(_) => End { status: 0, broken: None, tunnel: false },
    };
    gate.serve().ended(&door, &exchange, mark, end);
    link.end();
}

/// Waits for a connection to a service, and watches the client; false if it went away.
async fn answer<S: Serve>(
    gate: &Rc<Gate<S>>,
    link: &Link,
    door: &Door,
    exchange: &mut Exchange,
    mark: &mut S::Mark,
) -> bool {
    let mut answer = pin!(gate.serve().answer(door, exchange, mark));
    std::future::poll_fn(|context| {
        if answer.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        link.poll_gone(context).map(|()| false)
    })
    .await
}

/// Passes bytes both ways, until the end.
async fn pass<S: Serve>(
    gate: &Rc<Gate<S>>,
    link: &Link,
    watch: &Watch,
    door: &Door,
    mut service: Box<dyn Tunnel>,
) -> Parting {
    let carried = gate.tunnel();
    link.allow(None);
    let terms = Terms {
        worker: gate.worker(),
        idle: door.patience.tunnel_idle,
        lifetime: door.patience.tunnel_lifetime,
        is_cutting: &|| gate.is_cutting(),
        goodbye: false,
    };
    let mut client = LinkEnd { link, watch };
    let parting = tunnel::carry(&mut client, service.as_mut(), &terms).await;
    drop(carried);
    parting
}

/// Reads the client's first TLS message, which stays there to be passed on; the name that it asks
/// for.
///
/// # Errors
/// When it does not come, is too long, or is none.
async fn greeting(link: &Link, door: &Door) -> Result<Option<String>, String> {
    let mut hello = Hello::default();
    let mut taken = 0;
    link.allow(door.patience.handshake);
    std::future::poll_fn(|context| {
        loop {
            let rest = link.rest();
            let fresh = rest.borrow().get(taken..).unwrap_or_default().to_vec();
            taken += fresh.len();
            match hello.take(&fresh) {
                Ok(Some(greeting)) => return Poll::Ready(Ok(greeting.server_name)),
                Ok(None) if taken >= HELLO_MAX => {
                    return Poll::Ready(Err("the first message is too long".to_owned()));
                }
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Err(fault.to_string())),
            }
            let read = yumen_worker::with_small_scratch(|buffer| {
                let read = link.poll_read(context, buffer, HELLO_MAX - taken);
                rest.borrow_mut().extend_from_slice(buffer);
                read
            });
            match read {
                Poll::Ready(Ok(read)) if read > 0 => {}
                Poll::Ready(Ok(_)) => {
                    return Poll::Ready(Err("the client closed the connection".to_owned()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.to_string())),
                Poll::Pending if link.deadline.has_come(context) => {
                    return Poll::Ready(Err("it took too long".to_owned()));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}
