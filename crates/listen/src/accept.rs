//! A listener on one worker: accepts connections, and knows when it is to close.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use yumen_http::Date;
use yumen_worker::{Stream, Worker};

use crate::count::{Connections, Held};
use crate::datagrams::Datagrams;
use crate::door::Door;
use crate::http3::Endpoint;
use crate::{ConnectionEvent, Serve, connect};

/// How long accepting rests when the system has no more files or memory for it.
const REST: Duration = Duration::from_millis(100);

/// A listener on one worker.
#[derive(Debug)]
pub struct Gate<S> {
    serve: Rc<S>,
    worker: Worker,
    door: RefCell<Arc<Door>>,
    connections: Arc<Connections>,
    leaving: Cell<bool>,
    closing: Cell<bool>,
    cutting: Cell<bool>,
    tunnels: Cell<usize>,
    /// Sockets that are accepted from.
    accepting: Cell<usize>,
    /// Connections of this worker.
    open: Cell<usize>,
    date: RefCell<Date>,
    /// Where HTTP/3 comes in.
    endpoints: RefCell<Vec<Endpoint>>,
}

impl<S: Serve> Gate<S> {
    /// Starts to accept. `connections` is the count that the listener's workers share.
    ///
    /// # Errors
    /// When the event queue does not take a socket.
    pub fn open(
        serve: Rc<S>,
        worker: Worker,
        door: Arc<Door>,
        connections: Arc<Connections>,
        sockets: Vec<std::net::TcpListener>,
    ) -> io::Result<Rc<Self>> {
        let listeners: Vec<TcpListener> =
            sockets.into_iter().map(TcpListener::from_std).collect::<io::Result<_>>()?;
        let gate = Rc::new(Self {
            serve,
            worker,
            door: RefCell::new(door),
            connections,
            leaving: Cell::new(false),
            closing: Cell::new(false),
            cutting: Cell::new(false),
            tunnels: Cell::new(0),
            accepting: Cell::new(0),
            open: Cell::new(0),
            date: RefCell::default(),
            endpoints: RefCell::default(),
        });
        for listener in listeners {
            gate.accepting.set(gate.accepting.get() + 1);
            gate.worker.spawn(accept(Rc::clone(&gate), listener));
        }
        Ok(gate)
    }

    /// Serves HTTP/3 on these sockets, until the settings have it no more.
    ///
    /// # Errors
    /// When there is no TLS to serve it with, or the event queue does not take a socket.
    pub fn open_datagrams(self: &Rc<Self>, sockets: Vec<Datagrams>) -> io::Result<()> {
        for datagrams in sockets {
            let endpoint = Endpoint::open(self, datagrams)?;
            self.endpoints.borrow_mut().push(endpoint);
        }
        Ok(())
    }

    /// Puts other settings in place. Requests that have begun keep theirs.
    pub fn change(&self, door: Arc<Door>) {
        if door.http3.enabled {
            self.endpoints.borrow().iter().for_each(|endpoint| endpoint.change(&door));
        } else {
            self.endpoints.take().iter().for_each(Endpoint::close);
            self.worker.wake_all();
        }
        *self.door.borrow_mut() = door;
    }

    /// From now on an answer is the last one of its connection. Accepting goes on.
    pub fn leave(&self) {
        self.leaving.set(true);
    }

    /// Accepts nothing more, closes connections after the answer they wait for, and those that
    /// wait for a request when none comes soon.
    pub fn close(&self) {
        self.leaving.set(true);
        self.closing.set(true);
        self.endpoints.borrow().iter().for_each(Endpoint::close);
        self.worker.wake_all();
    }

    /// Says goodbye in every tunnel, and ends it.
    pub fn cut(&self) {
        self.cutting.set(true);
        self.worker.wake_all();
    }

    /// Whether there is a tunnel to say goodbye in.
    #[must_use]
    pub fn has_tunnels(&self) -> bool {
        self.tunnels.get() > 0
    }

    /// Whether everybody who was accepted is gone, and nobody is accepted any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.open.get() == 0 && self.accepting.get() == 0
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.get()
    }

    pub(crate) fn is_cutting(&self) -> bool {
        self.cutting.get()
    }

    /// Counts a tunnel until the value is dropped.
    pub(crate) fn tunnel(self: &Rc<Self>) -> Carried<S> {
        self.tunnels.set(self.tunnels.get() + 1);
        Carried(Rc::clone(self))
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    pub(crate) fn door(&self) -> Arc<Door> {
        Arc::clone(&self.door.borrow())
    }

    /// The settings of the moment, of which `before` are perhaps the same.
    pub(crate) fn door_since(&self, before: Arc<Door>) -> Arc<Door> {
        let now = self.door.borrow();
        if Arc::ptr_eq(&now, &before) { before } else { Arc::clone(&now) }
    }

    pub(crate) fn serve(&self) -> &S {
        &self.serve
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }

    /// The current HTTP date.
    pub(crate) fn date(&self) -> [u8; 29] {
        let mut date = self.date.borrow_mut();
        date.at(self.worker.unix_seconds()).try_into().unwrap_or([b' '; 29])
    }
}

async fn accept<S: Serve>(gate: Rc<Gate<S>>, listener: TcpListener) {
    let full = gate.worker.deadline();
    loop {
        let accepted = std::future::poll_fn(|context| {
            let door = gate.door.borrow();
            if gate.connections.open() >= door.connections_max && !gate.closing.get() {
                // The others wait in the system's backlog until one leaves.
                full.set(Some(yumen_worker::TICK));
                let _later = full.has_come(context);
                return Poll::Pending;
            }
            match listener.poll_accept(context) {
                Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
                Poll::Pending if gate.closing.get() => Poll::Ready(None),
                Poll::Pending => {
                    let _woken_to_close = full.has_come(context);
                    Poll::Pending
                }
            }
        })
        .await;
        match accepted {
            None => break,
            Some(Ok((stream, peer))) => welcome(&gate, stream, peer),
            Some(Err(error)) if is_about_one_connection(&error) => {}
            Some(Err(_)) => tokio::time::sleep(REST).await,
        }
    }
    accept_last(&gate, listener);
    gate.accepting.set(gate.accepting.get().saturating_sub(1));
}

/// Serves whoever is still in the backlog; then the socket closes. The system itself is asked: the
/// event queue may not have said yet that somebody came.
fn accept_last<S: Serve>(gate: &Rc<Gate<S>>, listener: TcpListener) {
    let Ok(listener) = listener.into_std() else { return };
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                let ready = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                if let Ok(stream) = ready {
                    welcome(gate, stream, peer);
                }
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(_) => return,
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

fn welcome<S: Serve>(gate: &Rc<Gate<S>>, stream: TcpStream, peer: SocketAddr) {
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let Some(guest) = gate.admit(peer.ip()) else { return };
    let here = Rc::clone(gate);
    // Not in the task, which runs later.
    let stream = Stream::accepted(stream);
    gate.worker.spawn(connect::serve(guest, here, stream, peer));
}

impl<S: Serve> Gate<S> {
    /// Counts a connection in, unless its client has as many as it may.
    pub(crate) fn admit(self: &Rc<Self>, client: IpAddr) -> Option<Guest<S>> {
        let door = self.door();
        let Some(held) = self.connections.enter(client, door.connections_per_client) else {
            self.serve.connection(&door, ConnectionEvent::TurnedAway);
            return None;
        };
        self.open.set(self.open.get() + 1);
        self.serve.connection(&door, ConnectionEvent::Opened);
        Some((held, Present(Rc::clone(self))))
    }
}

#[cfg(feature = "http3")]
impl<S: Serve> Gate<S> {
    /// Whether the listener may have one more connection.
    pub(crate) fn has_room(&self) -> bool {
        self.connections.open() < self.door.borrow().connections_max
    }

    /// Counts one more socket that is accepted from, until [`Gate::end_accepting`].
    pub(crate) fn begin_accepting(&self) {
        self.accepting.set(self.accepting.get() + 1);
    }

    /// Counts it out.
    pub(crate) fn end_accepting(&self) {
        self.accepting.set(self.accepting.get().saturating_sub(1));
    }
}

/// Counts a connection out, here and among all workers, when its task ends, however it ends.
pub(crate) type Guest<S> = (Held, Present<S>);

/// Counts a connection of this worker out when its task ends, however it ends.
pub(crate) struct Present<S: Serve>(Rc<Gate<S>>);

impl<S: Serve> Drop for Present<S> {
    fn drop(&mut self) {
        self.0.serve.connection(&self.0.door(), ConnectionEvent::Closed);
        self.0.open.set(self.0.open.get().saturating_sub(1));
    }
}

/// Counts a tunnel of this worker out when its task ends, however it ends.
pub(crate) struct Carried<S>(Rc<Gate<S>>);

impl<S> Drop for Carried<S> {
    fn drop(&mut self) {
        self.0.tunnels.set(self.0.tunnels.get().saturating_sub(1));
    }
}
