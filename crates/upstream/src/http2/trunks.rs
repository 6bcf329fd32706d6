//! The connections of HTTP/2 to one endpoint of one worker: which of them a request is sent on, and
//! when another one is opened.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use yumen_worker::Worker;

use super::ping::Silence;
use super::trunk::{Lane, Trunk};
use crate::connection::{Connection, Offer, dial};
use crate::destination::Destination;
use crate::endpoint::Endpoint;
use crate::send::Road;
use crate::vigil::Over;

/// How HTTP/2 is spoken inside TLS, as ALPN names it.
const ALPN: &[u8] = b"h2";

/// The connections of HTTP/2 to one endpoint.
#[derive(Debug)]
pub(crate) struct Trunks {
    /// It speaks nothing else.
    always: bool,
    /// It chose HTTP/1.1 the last time.
    text: Cell<bool>,
    open: RefCell<Vec<Rc<Trunk>>>,
    openings: RefCell<Vec<Rc<Opening>>>,
    /// How many requests one connection took, the last time.
    room: Cell<u32>,
    /// The endpoint is no more: connections are closed as soon as nobody uses them.
    gone: Cell<bool>,
}

/// A connection that is being made. It is nobody's: who waits for it may give up and leave it to
/// others.
#[derive(Debug)]
struct Opening {
    outcome: OnceCell<Result<Opened, Flop>>,
    done: Notify,
    /// Requests that wait for it.
    waiting: Cell<u32>,
}

/// What came of it.
#[derive(Debug)]
enum Opened {
    Trunk(Rc<Trunk>),
    /// The service chose HTTP/1.1; the first takes the connection.
    Text(RefCell<Option<Connection>>),
}

/// Why nothing came of it, for each who waited.
#[derive(Debug)]
struct Flop {
    kind: io::ErrorKind,
    text: Arc<str>,
}

/// How a request goes to its endpoint.
#[derive(Debug)]
pub(crate) enum Entered {
    /// Over HTTP/2.
    Lane(Lane),
    /// Over HTTP/1.1.
    Text(Connection),
}

impl Entered {
    /// Whether the connection was there before.
    pub(crate) fn is_reused(&self) -> bool {
        match self {
            Self::Lane(lane) => lane.reused,
            Self::Text(connection) => connection.reused,
        }
    }
}

impl Trunks {
    /// None yet. `always`: the endpoint speaks nothing else.
    pub(crate) fn new(always: bool) -> Self {
        Self {
            always,
            text: Cell::new(false),
            open: RefCell::default(),
            openings: RefCell::default(),
            room: Cell::new(u32::MAX),
            gone: Cell::new(false),
        }
    }

    /// Whether the endpoint speaks HTTP/1.1, as far as is known.
    pub(crate) fn speak_text(&self) -> bool {
        self.text.get()
    }

    /// Whether one more request fits in the connections that are there or on their way.
    pub(crate) fn have_room(&self) -> bool {
        self.open.borrow().iter().any(|trunk| trunk.has_room())
            || self.openings.borrow().iter().any(|opening| opening.waiting.get() < self.room.get())
    }

    /// Closes all connections when the requests on them have ended.
    pub(crate) fn clear(&self) {
        self.gone.set(true);
        self.open.borrow_mut().drain(..).for_each(|trunk| trunk.leave());
    }

    fn lane(&self, endpoint: &Rc<Endpoint>) -> Option<Lane> {
        // The first that has room: those behind it become idle, and are closed.
        self.open.borrow().iter().find_map(|trunk| trunk.lane(endpoint, false))
    }
}

/// Enters a connection that is there, or one that is made now, by this request or another one;
/// `None` if the service chose HTTP/1.1. `fresh`: none that is there.
pub(crate) async fn enter(
    endpoint: &Rc<Endpoint>,
    road: &Road<'_>,
    patience: Option<Duration>,
    fresh: bool,
) -> io::Result<Option<Entered>> {
    let Some(trunks) = &endpoint.trunks else { return Ok(None) };
    let (destination, worker) = (road.pool.destination(), road.outbound.worker());
    let began = Instant::now();
    let mut fresh = fresh;
    loop {
        if !fresh && let Some(lane) = trunks.lane(endpoint) {
            return Ok(Some(Entered::Lane(lane)));
        }
        fresh = false;
        let left = patience.map(|patience| patience.saturating_sub(began.elapsed()));
        let opening = join((endpoint, trunks), &destination, worker, left);
        let waited = opening.wait(left).await;
        opening.waiting.set(opening.waiting.get().saturating_sub(1));
        match waited? {
            Opened::Trunk(trunk) => {
                if let Some(lane) = trunk.lane(endpoint, true) {
                    return Ok(Some(Entered::Lane(lane)));
                }
                // Others were faster, or the service takes nobody.
                if left.is_some_and(|left| left.is_zero()) {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            Opened::Text(connection) => {
                return Ok(connection.take().map(Entered::Text));
            }
        }
    }
}

/// Waits with others, or opens one more.
fn join(
    (endpoint, trunks): (&Rc<Endpoint>, &Rc<Trunks>),
    destination: &Arc<Destination>,
    worker: &Worker,
    patience: Option<Duration>,
) -> Rc<Opening> {
    let room = trunks.room.get().min(destination.http2.streams).max(1);
    let mut openings = trunks.openings.borrow_mut();
    if let Some(opening) = openings.iter().find(|opening| opening.waiting.get() < room) {
        opening.waiting.set(opening.waiting.get() + 1);
        return Rc::clone(opening);
    }
    let opening =
        Rc::new(Opening { outcome: OnceCell::new(), done: Notify::new(), waiting: Cell::new(1) });
    openings.push(Rc::clone(&opening));
    let (endpoint, trunks) = (Rc::clone(endpoint), Rc::clone(trunks));
    let destination = Arc::clone(destination);
    let task = open((endpoint, trunks), destination, worker.clone(), Rc::clone(&opening), patience);
    worker.spawn(task);
    opening
}

impl Opening {
    async fn wait(&self, patience: Option<Duration>) -> io::Result<&Opened> {
        let late = || io::Error::from(io::ErrorKind::TimedOut);
        if self.outcome.get().is_none() {
            match patience {
                // Whoever opens it has the same patience, and says better what was wrong.
                Some(patience) => {
                    let grace = patience + yumen_worker::TICK * 2;
                    tokio::time::timeout(grace, self.done.notified())
                        .await
                        .map_err(|_elapsed| late())?;
                }
                None => self.done.notified().await,
            }
        }
        match self.outcome.get() {
            Some(Ok(opened)) => Ok(opened),
            Some(Err(Flop { kind, text })) => Err(io::Error::new(*kind, text.to_string())),
            None => Err(late()),
        }
    }
}

/// Opens a connection and serves it to its end.
async fn open(
    (endpoint, trunks): (Rc<Endpoint>, Rc<Trunks>),
    destination: Arc<Destination>,
    worker: Worker,
    opening: Rc<Opening>,
    patience: Option<Duration>,
) {
    let made = make(&endpoint, &trunks, &destination, &worker, patience).await;
    trunks.openings.borrow_mut().retain(|other| !Rc::ptr_eq(other, &opening));
    let (outcome, rest) = match made {
        Ok(Made::Text(connection)) => {
            trunks.text.set(true);
            (Ok(Opened::Text(RefCell::new(Some(connection)))), None)
        }
        Ok(Made::Trunk(trunk, connection)) => {
            trunks.text.set(false);
            trunks.room.set(trunk.room());
            trunks.open.borrow_mut().push(Rc::clone(&trunk));
            (Ok(Opened::Trunk(Rc::clone(&trunk))), Some((trunk, connection)))
        }
        Err(error) => (Err(Flop { kind: error.kind(), text: error.to_string().into() }), None),
    };
    // Nobody else sets it.
    let _first = opening.outcome.set(outcome);
    opening.done.notify_waiters();
    drop(opening);
    if let Some((trunk, connection)) = rest {
        let rest = if trunks.gone.get() { Some(Duration::ZERO) } else { destination.idle_timeout };
        let terms = &destination.http2;
        let silence = Silence::new(rest, terms.ping, terms.ping_timeout);
        trunk.drive(*connection, worker.deadline(), silence).await;
        trunks.open.borrow_mut().retain(|other| !Rc::ptr_eq(other, &trunk));
        endpoint.count_closed();
    }
}

/// A connection, ready.
enum Made {
    Trunk(Rc<Trunk>, Box<h2::client::Connection<super::wire::Wire, bytes::Bytes>>),
    Text(Connection),
}

async fn make(
    endpoint: &Rc<Endpoint>,
    trunks: &Trunks,
    destination: &Destination,
    worker: &Worker,
    patience: Option<Duration>,
) -> io::Result<Made> {
    let deadline = worker.deadline();
    deadline.set(patience);
    // It is made for several requests: none of them speaks for the others.
    let is_over = |context: &mut Context<'_>| deadline.has_come(context).then_some(Over::Late);
    let stream = dial(endpoint, Offer::All, is_over).await?;
    let chosen = stream.negotiated().and_then(|negotiated| negotiated.protocol);
    let agreed = chosen.as_deref() == Some(ALPN);
    if endpoint.seal.is_some() && !agreed {
        if trunks.always {
            let text = "TLS: the service did not agree to speak HTTP/2";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        deadline.set(None);
        return Ok(Made::Text(Connection::over(stream, deadline, endpoint)));
    }
    let (trunk, connection) = Trunk::begin(stream, destination, worker, &deadline).await?;
    endpoint.count_opened();
    Ok(Made::Trunk(trunk, Box::new(connection)))
}
