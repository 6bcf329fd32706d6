//! A connection as a thread that is no worker uses it: TCP or a socket of this system, in clear text or
//! with TLS.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use yumen_tls::{Negotiated, Session};

use crate::secure::Secure;

/// A connection. With TLS, an end that the peer did not announce is an error when it is read.
#[derive(Debug)]
pub struct Line {
    socket: Socket,
    secure: Option<Box<Secure>>,
}

/// What the system has of it.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<TcpStream> for Line {
    fn from(socket: TcpStream) -> Self {
        Self { socket: Socket::Tcp(socket), secure: None }
    }
}

impl From<UnixStream> for Line {
    fn from(socket: UnixStream) -> Self {
        Self { socket: Socket::Unix(socket), secure: None }
    }
}

impl Line {
    /// Puts TLS on it, and waits until both sides agree. Nothing else may have been sent or read.
    ///
    /// # Errors
    /// What the system says, or why the two do not agree (`InvalidData`), which the peer is told.
    pub async fn secure(mut self, session: Session) -> io::Result<Self> {
        let mut secure = Box::new(Secure::new(session));
        poll_fn(|context| secure.poll_handshake(context, &mut self.socket)).await?;
        self.secure = Some(secure);
        Ok(self)
    }

    /// What both sides of TLS agreed on; `None` in clear text.
    #[must_use]
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.secure.as_ref().map(|secure| secure.negotiated())
    }

    /// Whether nothing has come, not even its end, as far as the runtime knows.
    pub fn is_quiet(&mut self) -> bool {
        let mut byte = [0; 1];
        let mut read = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(self).poll_read(&mut context, &mut read).is_pending()
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { socket, secure } = self.get_mut();
        match secure {
            None => Pin::new(socket).poll_read(context, out),
            Some(secure) => secure.poll_read(context, socket, out),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { socket, secure } = self.get_mut();
        match secure {
            None => Pin::new(socket).poll_write(context, bytes),
            Some(secure) => secure.poll_write(context, socket, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, secure } = self.get_mut();
        if let Some(secure) = secure {
            ready!(secure.poll_send(context, socket))?;
        }
        Pin::new(socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, secure } = self.get_mut();
        if let Some(secure) = secure {
            ready!(secure.poll_end(context, socket))?;
        }
        Pin::new(socket).poll_shutdown(context)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_read(context, out),
            Self::Unix(socket) => Pin::new(socket).poll_read(context, out),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Unix(socket) => Pin::new(socket).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The system takes what it is given.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Unix(socket) => Pin::new(socket).poll_shutdown(context),
        }
    }
}
