//! The connection of one probe: made for it, with TLS where the target has it, and read up to a bound.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Context;

use yumen_worker::Stream;

use super::complaint::{Complaint, Flaw};
use crate::connection::{connect, secure};
use crate::seal::Seal;
use crate::vigil::Over;

/// The most bytes that may come in answer to a probe, all that is around the answer included.
pub(super) const HEARD_MAX: u64 = 256 * 1024;
/// Bytes that are read at one time.
const READ: usize = 16 * 1024;
/// HTTP/2 as ALPN names it.
pub(super) const HTTP2: &[u8] = b"h2";

/// Whom a probe goes to.
#[derive(Debug)]
pub(super) struct Addressee {
    pub(super) address: SocketAddr,
    /// The target as the `Host` field names it.
    pub(super) authority: Arc<str>,
    /// What it must prove, if TLS is spoken with it.
    pub(super) seal: Option<Arc<Seal>>,
}

/// What a probe waits for, in words.
#[derive(Debug)]
pub(super) struct Stage(Cell<&'static str>);

impl Default for Stage {
    fn default() -> Self {
        Self(Cell::new("connection"))
    }
}

impl Stage {
    pub(super) fn name(&self) -> &'static str {
        self.0.get()
    }
}

/// Connects. The whole probe has one bound in time, which is kept where it is sent out.
pub(super) async fn reach(to: &Addressee) -> Result<Stream, Complaint> {
    let stream = connect(to.address, never).await;
    stream.map_err(|error| Complaint::new(Flaw::Connect, format!("cannot connect: {error}")))
}

fn never(_: &mut Context<'_>) -> Option<Over> {
    None
}

/// Connects, with TLS where the target has it; inside it one of these protocols is spoken, the best
/// first.
pub(super) async fn open(
    to: &Addressee,
    protocols: &[&[u8]],
    stage: &Stage,
) -> Result<Stream, Complaint> {
    let mut stream = reach(to).await?;
    if let Some(seal) = &to.seal {
        stage.0.set("TLS handshake");
        // The certificate is to be seen each time.
        let session = seal.client.fresh_session(&seal.name, protocols);
        let secured = secure(&mut stream, session, never).await;
        secured.map_err(|error| Complaint::new(Flaw::Tls, error.to_string()))?;
    }
    stage.0.set("answer");
    Ok(stream)
}

/// Whether both sides agreed to speak HTTP/2 inside TLS.
pub(super) fn is_http2(stream: &Stream) -> bool {
    let agreed = stream.negotiated().and_then(|negotiated| negotiated.protocol);
    agreed.as_deref() == Some(HTTP2)
}

/// A connection that is read and written in order.
#[derive(Debug)]
pub(super) struct Line {
    stream: Stream,
    heard: u64,
}

impl Line {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, heard: 0 }
    }

    /// Writes all of it.
    pub(super) async fn write(&self, mut bytes: &[u8]) -> Result<(), Complaint> {
        while !bytes.is_empty() {
            let written = poll_fn(|context| self.stream.poll_write(context, bytes)).await;
            let written = written.map_err(|error| lost(&error))?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Reads some bytes behind those that are there; 0 at the end.
    pub(super) async fn read(&mut self, out: &mut Vec<u8>) -> Result<usize, Complaint> {
        out.reserve(READ);
        let read = poll_fn(|context| self.stream.poll_read(context, out, READ)).await;
        let read = read.map_err(|error| lost(&error))?;
        self.heard += read as u64;
        if self.heard > HEARD_MAX { Err(endless()) } else { Ok(read) }
    }

    /// Says that nothing more is wanted.
    pub(super) async fn close(self) {
        poll_fn(|context| self.stream.poll_close(context)).await;
    }
}

/// More came than any answer may have around it.
pub(super) fn endless() -> Complaint {
    Complaint::broken(format_args!("more than {HEARD_MAX} bytes came"))
}

fn lost(error: &io::Error) -> Complaint {
    Complaint::broken(format_args!("the connection was lost: {error}"))
}
