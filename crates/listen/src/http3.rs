//! HTTP/3: one QUIC endpoint for each worker and listener. The kernel leads all datagrams of a
//! pair of addresses to the same worker, and connections do not move to other addresses.

mod body;
mod duct;
mod guard;
mod post;
mod quic;
mod session;
mod stream;

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use quinn::{Incoming, ServerConfig, TokioRuntime, TransportConfig, VarInt};
use yumen_policy::Secured;
use yumen_tls::Negotiated;

use crate::Serve;
use crate::accept::Gate;
use crate::crowd::{Crowd, Present};
use crate::datagrams::Datagrams;
use crate::door::Door;
use crate::link::LINGER;
use crate::peer::Peer;

/// Handshakes of one worker that are under way until clients have to prove their addresses first
/// (a Retry packet, one more round trip).
const UNPROVEN_MAX: usize = 32;
/// Handshakes of one worker that are under way at all; more are refused.
const HANDSHAKES_MAX: usize = 1024;
/// Bytes that come with a handshake before it is looked at: of one, and of all of an endpoint.
const EARLY_MAX: u64 = 64 * 1024;
const EARLY_ALL_MAX: u64 = 16 * 1024 * 1024;
/// A connection whose client has not been heard of for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How often a client that says nothing is asked whether it is there.
const ASK: Duration = Duration::from_secs(10);
/// Streams of a connection at a time that carry no request: a client needs three.
const SIDE_STREAMS: u32 = 16;
/// Bytes of one connection that were sent and that its client has not confirmed.
const UNCONFIRMED_MAX: u64 = 512 * 1024;

/// Where connections to one worker come in.
#[derive(Debug)]
pub(crate) struct Endpoint(Rc<Inlet>);

#[derive(Debug)]
struct Inlet {
    endpoint: quinn::Endpoint,
    /// Handshakes that are under way.
    handshakes: Cell<usize>,
    /// Its connections.
    crowd: Rc<Crowd>,
    closing: Rc<Cell<bool>>,
}

impl Endpoint {
    /// Starts to accept.
    pub(crate) fn open<S: Serve>(gate: &Rc<Gate<S>>, datagrams: Datagrams) -> io::Result<Self> {
        let door = gate.door();
        let config = settings(&door).ok_or(io::ErrorKind::Unsupported)?;
        let runtime = Arc::new(TokioRuntime);
        let (post, own) = post::open(datagrams)?;
        let endpoint = quinn::Endpoint::new_with_abstract_socket(own, Some(config), post, runtime)?;
        let inlet = Rc::new(Inlet {
            endpoint,
            handshakes: Cell::new(0),
            crowd: Rc::default(),
            closing: Rc::default(),
        });
        gate.begin_accepting();
        gate.worker().spawn(accept(Rc::clone(gate), Rc::clone(&inlet)));
        Ok(Self(inlet))
    }

    /// Puts other settings in place, for connections that come from now on.
    pub(crate) fn change(&self, door: &Door) {
        if let Some(config) = settings(door) {
            self.0.endpoint.set_server_config(Some(config));
        }
    }

    /// Takes no new connections; those that are there end.
    pub(crate) fn close(&self) {
        self.0.closing.set(true);
        self.0.crowd.wake();
    }
}

/// A listener's settings as QUIC has them.
fn settings(door: &Door) -> Option<ServerConfig> {
    let http3 = &door.http3;
    let bound = |bytes: u64| VarInt::from_u64(bytes).unwrap_or(VarInt::MAX);
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(http3.streams))
        .max_concurrent_uni_streams(VarInt::from_u32(SIDE_STREAMS))
        .stream_receive_window(bound(http3.window.0))
        .receive_window(bound(http3.connection_window.0))
        .send_window(UNCONFIRMED_MAX)
        .max_idle_timeout(SILENCE_MAX.try_into().ok())
        .keep_alive_interval(Some(ASK))
        .datagram_receive_buffer_size(None);
    let mut config = ServerConfig::with_crypto(door.tls()?.quic()?);
    config
        .transport_config(Arc::new(transport))
        // A connection is served by the worker that its addresses lead to.
        .migration(false)
        .max_incoming(HANDSHAKES_MAX)
        .incoming_buffer_size(EARLY_MAX)
        .incoming_buffer_size_total(EARLY_ALL_MAX);
    Some(config)
}

async fn accept<S: Serve>(gate: Rc<Gate<S>>, inlet: Rc<Inlet>) {
    while let Some(incoming) = next(&inlet).await {
        greet(&gate, &inlet, incoming);
    }
    // Who closes a connection says so a few times.
    drop(tokio::time::timeout(LINGER, inlet.endpoint.wait_idle()).await);
    gate.end_accepting();
}

/// Waits for the next connection; `None` when the last one is gone and none may come.
async fn next(inlet: &Inlet) -> Option<Incoming> {
    let mut next = pin!(inlet.endpoint.accept());
    std::future::poll_fn(|context| match next.as_mut().poll(context) {
        Poll::Pending if inlet.closing.get() && inlet.crowd.is_empty() => Poll::Ready(None),
        Poll::Pending => {
            inlet.crowd.wake_when_empty(context);
            Poll::Pending
        }
        ready => ready,
    })
    .await
}

/// Begins a connection, if there is room for it.
fn greet<S: Serve>(gate: &Rc<Gate<S>>, inlet: &Rc<Inlet>, incoming: Incoming) {
    let under_way = inlet.handshakes.get();
    if inlet.closing.get() || under_way >= HANDSHAKES_MAX || !gate.has_room() {
        return incoming.refuse();
    }
    if under_way >= UNPROVEN_MAX && !incoming.remote_address_validated() {
        if incoming.may_retry() {
            // Fails only for those that have proven their address.
            let _sent = incoming.retry();
        } else {
            incoming.refuse();
        }
        return;
    }
    inlet.handshakes.set(under_way + 1);
    let (here, handshake) = (Rc::clone(gate), Handshake(Rc::clone(inlet)));
    let present = inlet.crowd.enter();
    gate.worker().spawn(serve(here, handshake, present, incoming));
}

/// Counts a handshake out when it is done, however it ends.
struct Handshake(Rc<Inlet>);

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.handshakes.set(self.0.handshakes.get().saturating_sub(1));
    }
}

/// Serves a connection to its end.
async fn serve<S: Serve>(
    gate: Rc<Gate<S>>,
    handshake: Handshake,
    present: Present,
    incoming: Incoming,
) {
    let address = incoming.remote_address();
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    let door = gate.door();
    let mut peer = Peer::new(address, &door);
    let connection = match shake(&gate, incoming).await {
        Ok(connection) => connection,
        Err(cause) => {
            gate.serve().unsecured(&door, &peer.client(&door), &cause);
            return;
        }
    };
    let closing = Rc::clone(&handshake.0.closing);
    drop(handshake);
    // Only now it is certain that the client is where it says.
    let Some(guest) = gate.admit(address.ip()) else {
        connection.close(guard::code(h3::error::Code::H3_EXCESSIVE_LOAD), b"too many connections");
        return;
    };
    let Negotiated { protocol, server_name, version, .. } =
        Negotiated::in_quic(connection.handshake_data());
    // Nothing is demanded that TLS 1.3 does not meet, so there is nothing to be remembered.
    peer.agreed(Secured { protocol, server_name, version, ..Secured::default() }, None, &door);
    drop(door);
    session::serve(gate, closing, peer, connection).await;
    drop((guest, present));
}

/// Waits for the handshake to be done, in time.
async fn shake<S: Serve>(gate: &Gate<S>, incoming: Incoming) -> Result<quinn::Connection, String> {
    let mut connecting = pin!(incoming.accept().map_err(|error| error.to_string())?);
    let deadline = gate.worker().deadline();
    deadline.set(gate.door().patience.handshake);
    std::future::poll_fn(|context: &mut Context<'_>| match connecting.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(done.map_err(|error| error.to_string())),
        Poll::Pending if deadline.has_come(context) => {
            Poll::Ready(Err("it took too long".to_owned()))
        }
        Poll::Pending => Poll::Pending,
    })
    .await
}
