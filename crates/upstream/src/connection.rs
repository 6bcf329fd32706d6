//! A connection to a service while one exchange uses it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpSocket;
use yumen_tls::{Fault, Session};
use yumen_worker::{Deadline, Stream, Worker};

use crate::destination::Destination;
use crate::endpoint::{Endpoint, Flight, Wire};
use crate::vigil::{Over, Vigil};

/// A connection in use.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Empty once it was put back.
    wire: Option<Wire>,
    flight: Flight,
    /// Whether it has served a request before this one.
    pub(crate) reused: bool,
    /// Read, not yet used.
    pub(crate) rest: Vec<u8>,
}

impl Connection {
    /// An idle connection of this endpoint, if there is one. `surely`: the system is asked once
    /// more whether it is alive, for a request that cannot be sent a second time.
    pub(crate) fn reuse(endpoint: &Rc<Endpoint>, surely: bool) -> Option<Self> {
        loop {
            let wire = endpoint.take()?;
            if !surely || wire.stream.is_quiet_now() {
                return Some(Self::with(wire, endpoint, true));
            }
            endpoint.count_closed();
        }
    }

    /// A new connection.
    pub(crate) async fn open(
        endpoint: &Rc<Endpoint>,
        worker: &Worker,
        patience: Option<Duration>,
    ) -> io::Result<Self> {
        let deadline = worker.deadline();
        // Nothing is sent yet, so that anything may go elsewhere.
        let mut vigil = Vigil::new(endpoint, true);
        vigil.allow(&deadline, patience);
        let is_over = |context: &mut Context<'_>| vigil.poll(context, &deadline, endpoint);
        let stream = dial(endpoint, Offer::Text, is_over).await?;
        deadline.set(None);
        Ok(Self::over(stream, deadline, endpoint))
    }

    /// A new connection, which was made elsewhere.
    pub(crate) fn over(stream: Stream, deadline: Deadline, endpoint: &Rc<Endpoint>) -> Self {
        endpoint.count_opened();
        Self::with(Wire { stream, deadline, served: 0, since: 0 }, endpoint, false)
    }

    /// Whether bytes can be moved from it unseen.
    pub(crate) fn can_move(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.stream.can_move())
    }

    fn with(wire: Wire, endpoint: &Rc<Endpoint>, reused: bool) -> Self {
        Self { wire: Some(wire), flight: Flight::to(endpoint), reused, rest: Vec::new() }
    }

    /// Where it leads.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        self.flight.endpoint()
    }

    fn stream(&self) -> io::Result<&Stream> {
        match &self.wire {
            Some(wire) => Ok(&wire.stream),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Reads into the spare capacity of `out`, `room` bytes at most; 0 at the end.
    pub(crate) fn poll_read(
        &self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_read(context, out, room)
    }

    /// Comes when there may be something to read, or the end.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        match self.stream() {
            Ok(stream) => stream.poll_readable(context),
            // A read says what is wrong.
            Err(_) => Poll::Ready(()),
        }
    }

    /// Moves at most so many bytes into a pipe; 0 at the end.
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        pipe: BorrowedFd<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_fill(context, pipe, most)
    }

    /// Writes some of the bytes.
    pub(crate) fn poll_write(
        &self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    /// Says that nothing more will be written.
    pub(crate) fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.stream() {
            Ok(stream) => stream.poll_close(context),
            Err(_) => Poll::Ready(()),
        }
    }

    /// The same, by a wait that may also end because the endpoint answers nobody.
    pub(crate) fn allow_by(&self, vigil: &mut Vigil, patience: Option<Duration>) {
        if let Some(wire) = &self.wire {
            vigil.allow(&wire.deadline, patience);
        }
    }

    /// Whether such a wait is over.
    pub(crate) fn is_over(&self, vigil: &mut Vigil, context: &mut Context<'_>) -> Option<Over> {
        let wire = self.wire.as_ref()?;
        vigil.poll(context, &wire.deadline, self.endpoint())
    }

    /// Sets how long the service may keep us waiting from now on.
    pub(crate) fn allow(&self, patience: Option<Duration>) {
        if let Some(wire) = &self.wire {
            wire.deadline.set(patience);
        }
    }

    /// Whether the service has kept us waiting for too long.
    pub(crate) fn is_late(&self, context: &Context<'_>) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.deadline.has_come(context))
    }

    /// Puts the connection back for later requests, if it may serve more.
    pub(crate) fn put_back(&mut self, destination: &Destination, now: u64) {
        let Some(mut wire) = self.wire.take() else { return };
        wire.served += 1;
        wire.since = now;
        if wire.served >= destination.requests_max {
            self.endpoint().count_closed();
            return;
        }
        wire.deadline.set(None);
        self.endpoint().put(wire, destination.idle_max);
    }
}

/// Which protocols a service is offered inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// All that its configuration allows.
    All,
    /// HTTP/1.1 only.
    Text,
}

/// Connects, with TLS if that is spoken, until `is_over`.
pub(crate) async fn dial(
    endpoint: &Endpoint,
    offer: Offer,
    mut is_over: impl FnMut(&mut Context<'_>) -> Option<Over>,
) -> io::Result<Stream> {
    let mut stream = connect(endpoint.address, &mut is_over).await?;
    if let Some(seal) = &endpoint.seal {
        let client = match offer {
            Offer::All => &seal.client,
            Offer::Text => &seal.text,
        };
        secure(&mut stream, client.session(&seal.name), is_over).await?;
    }
    Ok(stream)
}

/// Connects until `is_over`.
pub(crate) async fn connect(
    address: SocketAddr,
    mut is_over: impl FnMut(&mut Context<'_>) -> Option<Over>,
) -> io::Result<Stream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_nodelay(true)?;
    let mut connect = std::pin::pin!(socket.connect(address));
    let stream = std::future::poll_fn(|context| match connect.as_mut().poll(context) {
        Poll::Pending => match is_over(context) {
            Some(over) => Poll::Ready(Err(too_late(over))),
            None => Poll::Pending,
        },
        other => other,
    })
    .await?;
    Ok(Stream::new(stream))
}

/// Puts TLS on a new connection. That it failed for another reason than time is `InvalidData`.
pub(crate) async fn secure(
    stream: &mut Stream,
    session: Result<Session, Fault>,
    mut is_over: impl FnMut(&mut Context<'_>) -> Option<Over>,
) -> io::Result<()> {
    let failed = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("TLS: {why}"));
    let session = session.map_err(|fault| failed(fault.to_string()))?;
    stream.secure(session, Vec::new());
    std::future::poll_fn(|context| match stream.poll_handshake(context) {
        Poll::Pending => match is_over(context) {
            Some(over) => Poll::Ready(Err(too_late(over))),
            None => Poll::Pending,
        },
        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Poll::Ready(Err(failed("the service closed the connection".to_owned())))
        }
        other => other.map_err(|error| failed(error.to_string())),
    })
    .await
}

fn too_late(over: Over) -> io::Error {
    match over {
        Over::Late => io::ErrorKind::TimedOut.into(),
        Over::Silent => io::Error::new(io::ErrorKind::TimedOut, "it answers nobody"),
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.wire.is_some() {
            self.endpoint().count_closed();
        }
    }
}
