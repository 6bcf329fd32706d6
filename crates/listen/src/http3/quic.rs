//! A QUIC connection as the HTTP/3 library uses it.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, InvalidStreamId, StreamErrorIncoming};
use quinn::{Connection, ConnectionError, RecvStream, SendStream};

use super::duct::{Duct, Ends};
use super::guard::{self, Guard};

/// What comes of the wait for a stream.
type Wait<T> = Pin<Box<dyn Future<Output = Result<T, ConnectionError>>>>;

/// A connection.
pub(super) struct Quic {
    connection: Connection,
    guard: Rc<Guard>,
    request: Option<Wait<(SendStream, RecvStream)>>,
    beside: Option<Wait<RecvStream>>,
    own: Option<Wait<SendStream>>,
    /// The stream of the request that came last.
    latest: Latest,
}

/// Where the session finds the stream of the request that came last.
pub(super) type Latest = Rc<RefCell<Option<Rc<Ends>>>>;

impl fmt::Debug for Quic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Quic").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl Quic {
    pub(super) fn new(connection: Connection, guard: Rc<Guard>) -> Self {
        Self { connection, guard, request: None, beside: None, own: None, latest: Rc::default() }
    }

    pub(super) fn latest(&self) -> Latest {
        Rc::clone(&self.latest)
    }
}

/// Waits on, or begins to wait.
fn poll_wait<T>(
    wait: &mut Option<Wait<T>>,
    context: &mut Context<'_>,
    begin: impl FnOnce() -> Wait<T>,
) -> Poll<Result<T, ConnectionError>> {
    let done = ready!(wait.get_or_insert_with(begin).as_mut().poll(context));
    *wait = None;
    Poll::Ready(done)
}

/// Why a connection is lost, for the library.
fn why(error: ConnectionError) -> ConnectionErrorIncoming {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            ConnectionErrorIncoming::ApplicationClose { error_code: close.error_code.into_inner() }
        }
        ConnectionError::TimedOut => ConnectionErrorIncoming::Timeout,
        error => ConnectionErrorIncoming::Undefined(Arc::new(error)),
    }
}

/// A stream is lost with its connection.
pub(super) fn lost(error: ConnectionError) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming { connection_error: why(error) }
}

/// Both libraries number streams alike, so this does not happen.
fn number(_: InvalidStreamId) -> ConnectionErrorIncoming {
    ConnectionErrorIncoming::InternalError("a stream's number".to_owned())
}

impl quic::Connection<Bytes> for Quic {
    type RecvStream = Duct;
    type OpenStreams = Opener;

    fn poll_accept_recv(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Duct, ConnectionErrorIncoming>> {
        let connection = &self.connection;
        let stream = ready!(poll_wait(&mut self.beside, context, || {
            let connection = connection.clone();
            Box::pin(async move { connection.accept_uni().await })
        }));
        self.guard.control(1);
        let ends = Ends::incoming(stream.map_err(why)?, &self.guard).map_err(number)?;
        Poll::Ready(Ok(ends.duct()))
    }

    fn poll_accept_bidi(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Duct, ConnectionErrorIncoming>> {
        let connection = &self.connection;
        let stream = ready!(poll_wait(&mut self.request, context, || {
            let connection = connection.clone();
            Box::pin(async move { connection.accept_bi().await })
        }));
        let (send, recv) = stream.map_err(why)?;
        let ends = Ends::of_request(send, recv, &self.guard).map_err(number)?;
        *self.latest.borrow_mut() = Some(Rc::clone(&ends));
        Poll::Ready(Ok(ends.duct()))
    }

    fn opener(&self) -> Opener {
        Opener(self.connection.clone())
    }
}

impl quic::OpenStreams<Bytes> for Quic {
    type BidiStream = Duct;
    type SendStream = Duct;

    fn poll_open_bidi(&mut self, _: &mut Context<'_>) -> Poll<Result<Duct, StreamErrorIncoming>> {
        Poll::Ready(Err(never()))
    }

    fn poll_open_send(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Duct, StreamErrorIncoming>> {
        let connection = &self.connection;
        let stream = ready!(poll_wait(&mut self.own, context, || {
            let connection = connection.clone();
            Box::pin(async move { connection.open_uni().await })
        }));
        let ends = Ends::outgoing(stream.map_err(lost)?, &self.guard);
        Poll::Ready(ends.map(|ends| ends.duct()).map_err(|_number| never()))
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.connection.close(guard::code(code), reason);
    }
}

/// Opens no streams: requests come from clients.
#[derive(Debug)]
pub(super) struct Opener(Connection);

impl quic::OpenStreams<Bytes> for Opener {
    type BidiStream = Duct;
    type SendStream = Duct;

    fn poll_open_bidi(&mut self, _: &mut Context<'_>) -> Poll<Result<Duct, StreamErrorIncoming>> {
        Poll::Ready(Err(never()))
    }

    fn poll_open_send(&mut self, _: &mut Context<'_>) -> Poll<Result<Duct, StreamErrorIncoming>> {
        Poll::Ready(Err(never()))
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.0.close(guard::code(code), reason);
    }
}

fn never() -> StreamErrorIncoming {
    let error_code = Code::H3_INTERNAL_ERROR.value();
    StreamErrorIncoming::StreamTerminated { error_code }
}
