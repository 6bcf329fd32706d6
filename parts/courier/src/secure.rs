//! TLS on a socket, as a thread that is no worker uses it: plain bytes on our side, sealed ones on the
//! wire.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use yumen_tls::{Negotiated, Session};

use crate::line::Socket;

/// Sealed bytes that are read at once: one record and a little more.
const READ: usize = 18 * 1024;

/// The TLS of a connection.
#[derive(Debug)]
pub(crate) struct Secure {
    session: Session,
    /// Came, but what is in the bytes in front of them was not read yet.
    early: Vec<u8>,
    /// Sealed, and not taken by the system yet.
    owed: Vec<u8>,
    /// So many bytes at the front of those were taken.
    sent: usize,
    /// We have said that nothing more will be written.
    ended: bool,
}

impl Secure {
    pub(crate) fn new(session: Session) -> Self {
        Self { session, early: Vec::new(), owed: Vec::new(), sent: 0, ended: false }
    }

    pub(crate) fn negotiated(&self) -> Negotiated {
        self.session.negotiated()
    }

    /// Comes when both sides agree.
    pub(crate) fn poll_handshake(
        &mut self,
        context: &mut Context<'_>,
        socket: &mut Socket,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_send(context, socket))?;
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_feed(context, socket))?;
        }
    }

    /// Reads plain bytes; none at the end that the peer has announced.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        socket: &mut Socket,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            // What the session has to say by itself. That it cannot be sent is seen by whoever writes.
            let _sent = self.poll_send(context, socket);
            let mut plain = Vec::new();
            if self.session.read(&mut plain, out.remaining()) > 0 {
                out.put_slice(&plain);
                return Poll::Ready(Ok(()));
            }
            if self.session.has_ended() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_feed(context, socket))?;
        }
    }

    /// Seals some plain bytes; says how many.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        socket: &mut Socket,
        plain: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Nothing is sealed while something waits, so that little does.
        ready!(self.poll_send(context, socket))?;
        let written = self.session.write(plain);
        if written == 0 && !plain.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        match self.poll_send(context, socket) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(written)),
        }
    }

    /// Sends all that is sealed.
    pub(crate) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        socket: &mut Socket,
    ) -> Poll<io::Result<()>> {
        if self.session.owes() {
            self.session.seal(&mut self.owed);
        }
        while let Some(rest) = self.owed.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *socket).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        // A connection that waits holds no buffer.
        (self.owed, self.sent) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    /// Tells the peer that nothing more will be written.
    pub(crate) fn poll_end(
        &mut self,
        context: &mut Context<'_>,
        socket: &mut Socket,
    ) -> Poll<io::Result<()>> {
        if !self.ended {
            self.ended = true;
            self.session.end();
        }
        self.poll_send(context, socket)
    }

    /// Gives the session what came.
    fn poll_feed(
        &mut self,
        context: &mut Context<'_>,
        socket: &mut Socket,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            let mut bytes = vec![0; READ];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut *socket).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                // Whoever cuts the wire could cut it anywhere.
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            let length = read.filled().len();
            bytes.truncate(length);
            self.early = bytes;
        }
        match self.session.take(&self.early) {
            Ok(0) => Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            Ok(taken) => {
                self.early.drain(..taken);
                if self.early.is_empty() {
                    self.early = Vec::new();
                }
                Poll::Ready(Ok(()))
            }
            Err(fault) => {
                // So that the peer learns why, if it can be told at once.
                let _told = self.poll_send(context, socket);
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)))
            }
        }
    }
}
