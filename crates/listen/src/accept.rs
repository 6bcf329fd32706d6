//! A listener on one worker: accepts connections, and knows when it is to close.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use yumen_http::Date;
use yumen_worker::{Stream, Worker};

use crate::count::Connections;
use crate::door::Door;
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
        });
        for listener in listeners {
            gate.accepting.set(gate.accepting.get() + 1);
            gate.worker.spawn(accept(Rc::clone(&gate), listener));
        }
        Ok(gate)
    }

    /// Puts other settings in place. Requests that have begun keep theirs.
    pub fn change(&self, door: Arc<Door>) {
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
    let door = gate.door();
    let Some(held) = gate.connections.enter(peer.ip(), door.connections_per_client) else {
        gate.serve.connection(&door, ConnectionEvent::TurnedAway);
        return;
    };
    let here = Rc::clone(gate);
    gate.open.set(gate.open.get() + 1);
    gate.serve.connection(&door, ConnectionEvent::Opened);
    let present = Present(Rc::clone(gate));
    gate.worker.spawn(async move {
        connect::serve(here, Stream::new(stream), peer).await;
        drop((held, present));
    });
}

/// Counts a connection of this worker out when its task ends, however it ends.
struct Present<S: Serve>(Rc<Gate<S>>);

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
