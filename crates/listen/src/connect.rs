//! What comes before the first request of a connection: the PROXY protocol header, the TLS
//! handshake, and the choice of the protocol that is spoken from then on.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use yumen_http::{Refusal, can_begin_request};
use yumen_model::ListenerProtocol;
use yumen_policy::{Identity, Secured, Shown};
use yumen_tls::{CHALLENGE_PROTOCOL, Fault, Holder, Met};
use yumen_worker::Stream;

use crate::accept::{Gate, Guest};
use crate::door::Door;
use crate::link::Link;
use crate::peer::Peer;
use crate::{Serve, http1, relay};

/// The first byte of a TLS connection: its records of this kind carry the handshake.
const HANDSHAKE: u8 = 0x16;
/// What is read of a connection before it is known whether it speaks TLS, in bytes.
const FIRST_READ: usize = 4096;

/// Serves a connection to its end. The guest is counted out when nothing else of it is left.
pub(crate) async fn serve<S: Serve>(
    guest: Guest<S>,
    gate: Rc<Gate<S>>,
    stream: Stream,
    peer: SocketAddr,
) {
    let _present = guest;
    let Some((door, link, caller)) = arrive(&gate, stream, peer).await else { return };
    match door.protocol {
        // Who agreed on HTTP/2 begins with its preface, as those do who know beforehand.
        ListenerProtocol::Http => {
            drop(door);
            http1::serve(gate, link, caller).await;
        }
        // In a box: HTTP is not to pay for its size.
        ListenerProtocol::Tcp | ListenerProtocol::Tls => {
            Box::pin(relay::serve(gate, door, link, caller)).await;
        }
    }
}

/// Finds out who comes, and puts TLS on the connection where the listener has it; `None` if it is
/// over with that. It is a step of its own so that a connection does not hold on to what it took.
async fn arrive<S: Serve>(
    gate: &Rc<Gate<S>>,
    stream: Stream,
    peer: SocketAddr,
) -> Option<(Arc<Door>, Rc<Link>, Peer)> {
    let mut link = Link::new(stream, gate.worker().deadline());
    let door = gate.door();
    let client = read_proxy_header(&link, &door, peer).await.ok()?;
    let mut caller = Peer::new(client.unwrap_or(peer), &door);
    if door.tls.is_none() {
        return Some((door, Rc::new(link), caller));
    }
    match secure(&mut link, &door).await {
        Ok((secured, met)) => {
            if secured.protocol.as_deref() == Some(CHALLENGE_PROTOCOL) {
                // The authority has seen the certificate; there is nothing else.
                link.end();
                return None;
            }
            caller.agreed(secured, met, &door);
            return Some((door, Rc::new(link), caller));
        }
        Err(Unsecured::Plain) if door.protocol == ListenerProtocol::Http => {
            let link = Rc::new(link);
            Box::pin(http1::refuse(Rc::clone(gate), link, caller, Refusal::Unsecured)).await;
        }
        Err(Unsecured::Plain) => {
            gate.serve().unsecured(&door, &caller.client(&door), "it speaks clear text");
        }
        Err(Unsecured::Failed(cause)) => {
            gate.serve().unsecured(&door, &caller.client(&door), &cause);
        }
        Err(Unsecured::Refused(cause)) => {
            gate.serve().unsecured(&door, &caller.client(&door), &cause);
            // The client was told why, and is to read it.
            link.linger_unsecured().await;
        }
    }
    None
}

/// Why a connection has no TLS.
enum Unsecured {
    /// The client speaks HTTP in clear text.
    Plain,
    /// There was no handshake, and why.
    Failed(String),
    /// The handshake failed, and why.
    Refused(String),
}

impl From<io::Error> for Unsecured {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                Self::Failed("the client closed the connection".to_owned())
            }
            io::ErrorKind::TimedOut => Self::Failed("it took too long".to_owned()),
            io::ErrorKind::InvalidData => Self::Refused(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<Fault> for Unsecured {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault.to_string())
    }
}

/// Puts TLS on the link, in time.
async fn secure(link: &mut Link, door: &Door) -> Result<(Secured, Option<Met>), Unsecured> {
    link.allow(door.patience.handshake);
    first_bytes(link).await?;
    let first = link.rest().borrow().first().copied();
    if first != Some(HANDSHAKE) && can_begin_request(&link.rest().borrow()) {
        return Err(Unsecured::Plain);
    }
    let session = door.tls.as_ref().map(yumen_tls::Acceptor::session);
    let session = session.ok_or_else(|| Unsecured::Failed(String::new()))?;
    link.secure(session?);
    let link = &*link;
    std::future::poll_fn(|context| in_time(link, link.poll_handshake(context), context)).await?;
    let negotiated = link.negotiated().unwrap_or_default();
    let met = link.met()?;
    let holder = met.as_ref().map_or(Ok(None), Met::holder)?;
    let secured = Secured {
        protocol: negotiated.protocol,
        server_name: negotiated.server_name,
        identity: holder.map(|holder| Identity::new(shown(holder))),
        version: negotiated.version,
        cipher: negotiated.cipher,
        resumed: negotiated.resumed,
    };
    Ok((secured, met))
}

fn shown(holder: Holder) -> Shown {
    let Holder { subject, issuer, names, serial, fingerprint, certificate, chain } = holder;
    Shown { subject, issuer, names, serial, fingerprint, certificate, chain }
}

/// Reads until there is something, so that it can be told what it is.
async fn first_bytes(link: &Link) -> io::Result<()> {
    if !link.rest().borrow().is_empty() {
        return Ok(());
    }
    std::future::poll_fn(|context| {
        let read = yumen_worker::with_small_scratch(|buffer| {
            let read = link.poll_read(context, buffer, FIRST_READ);
            *link.rest().borrow_mut() = buffer.clone();
            read
        });
        let read = read.map(|read| match read {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            other => other.map(drop),
        });
        in_time(link, read, context)
    })
    .await
}

fn in_time(link: &Link, done: Poll<io::Result<()>>, context: &Context<'_>) -> Poll<io::Result<()>> {
    match done {
        Poll::Pending if link.deadline.has_come(context) => {
            Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
        }
        done => done,
    }
}

/// Reads the PROXY protocol header, if connections to this listener have one; the client that it
/// names.
async fn read_proxy_header(
    link: &Link,
    door: &Door,
    peer: SocketAddr,
) -> Result<Option<SocketAddr>, ()> {
    match door.expects_proxy_header(peer.ip()) {
        None => return Ok(None),
        Some(false) => return Err(()),
        Some(true) => {}
    }
    link.allow(door.patience.head);
    let header = std::future::poll_fn(|context| {
        loop {
            let early = std::mem::take(&mut *link.rest().borrow_mut());
            let read = yumen_worker::with_scratch(|buffer| {
                buffer.extend_from_slice(&early);
                let read = link.poll_read(context, buffer, 4096);
                *link.rest().borrow_mut() = buffer.clone();
                read
            });
            match read {
                Poll::Ready(Ok(read)) if read > 0 => {}
                Poll::Ready(_) => return Poll::Ready(Err(())),
                Poll::Pending if link.deadline.has_come(context) => {
                    return Poll::Ready(Err(()));
                }
                Poll::Pending => return Poll::Pending,
            }
            match yumen_http::read_proxy_header(&link.rest().borrow()) {
                Ok(None) => {}
                Ok(Some(header)) => return Poll::Ready(Ok(header)),
                Err(_malformed) => return Poll::Ready(Err(())),
            }
        }
    })
    .await?;
    link.rest().borrow_mut().drain(..header.length);
    Ok(header.client.map(|client| SocketAddr::new(client.ip().to_canonical(), client.port())))
}
