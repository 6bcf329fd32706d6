//! A bare byte relay: what a proxy costs that reads nothing and decides nothing. It is the physical
//! limit that the gateways are compared with: one connection to the backend for each client
//! connection, bytes copied both ways by one thread.
//!
//! `bench-relay LISTEN BACKEND`

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;

/// Read at once from one side; also the most that can wait for a slow reader.
const CHUNK: usize = 64 * 1024;
const LISTENER: Token = Token(usize::MAX - 1);

/// One way of a relayed connection.
#[derive(Default)]
struct Flow {
    /// Read but not yet written, from `sent` on.
    waiting: Vec<u8>,
    sent: usize,
    /// The source has said its last byte.
    ended: bool,
    /// The sink was told so.
    closed: bool,
}

impl Flow {
    /// Moves what can be moved now from `source` to `sink`. A read that does not fill `scratch`
    /// was the last one for now, unless the source may have ended behind it (`to_end`).
    fn pump(
        &mut self,
        source: &mut TcpStream,
        sink: &mut TcpStream,
        scratch: &mut [u8],
        to_end: bool,
    ) -> io::Result<()> {
        if !self.flush(sink)? {
            return Ok(());
        }
        while !self.ended {
            let read = match source.read(scratch) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let bytes = scratch.get(..read).unwrap_or_default();
            let written = write_some(sink, bytes)?;
            if let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
                self.waiting.extend_from_slice(rest);
                return Ok(());
            }
            if read < scratch.len() && !to_end {
                return Ok(());
            }
        }
        if self.ended && !self.closed {
            self.closed = true;
            sink.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    /// Whether nothing waits any more.
    fn flush(&mut self, sink: &mut TcpStream) -> io::Result<bool> {
        if self.waiting.is_empty() {
            return Ok(true);
        }
        self.sent += write_some(sink, self.waiting.get(self.sent..).unwrap_or_default())?;
        if self.sent < self.waiting.len() {
            return Ok(false);
        }
        // An idle connection holds no buffer.
        self.waiting = Vec::new();
        self.sent = 0;
        Ok(true)
    }
}

/// How much was taken; 0 if the sink is full or not connected yet.
fn write_some(sink: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match sink.write(bytes) {
        Ok(written) => Ok(written),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
            Ok(0)
        }
        Err(error) => Err(error),
    }
}

struct Pair {
    client: TcpStream,
    backend: TcpStream,
    inward: Flow,
    outward: Flow,
}

impl Pair {
    /// Whether the connection lives on.
    fn serve(&mut self, event: &Event, scratch: &mut [u8]) -> bool {
        let Self { client, backend, inward, outward } = self;
        let (near, far, from, to) = if event.token().0.is_multiple_of(2) {
            (client, backend, inward, outward)
        } else {
            (backend, client, outward, inward)
        };
        let mut outcome = Ok(());
        if event.is_readable() {
            outcome = from.pump(near, far, scratch, event.is_read_closed());
        }
        // That a side is writable matters only to bytes that wait for it.
        if outcome.is_ok() && event.is_writable() && !to.waiting.is_empty() {
            outcome = to.pump(far, near, scratch, true);
        }
        outcome.is_ok() && !(self.inward.closed && self.outward.closed)
    }
}

fn accept(
    listener: &TcpListener,
    backend: SocketAddr,
    pairs: &mut Slab<Pair>,
    registry: &Registry,
) {
    loop {
        let client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => {
                eprintln!("relay: accept: {error}");
                return;
            }
        };
        if let Err(error) = open(client, backend, pairs, registry) {
            eprintln!("relay: {error}");
        }
    }
}

fn open(
    client: TcpStream,
    backend: SocketAddr,
    pairs: &mut Slab<Pair>,
    registry: &Registry,
) -> io::Result<()> {
    let backend = TcpStream::connect(backend)?;
    client.set_nodelay(true)?;
    backend.set_nodelay(true)?;
    let entry = pairs.vacant_entry();
    let key = entry.key();
    let pair =
        entry.insert(Pair { client, backend, inward: Flow::default(), outward: Flow::default() });
    let both = Interest::READABLE | Interest::WRITABLE;
    registry.register(&mut pair.client, Token(2 * key), both)?;
    registry.register(&mut pair.backend, Token(2 * key + 1), both)
}

fn argument(position: usize) -> io::Result<SocketAddr> {
    std::env::args()
        .nth(position)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| io::Error::other("usage: bench-relay LISTEN BACKEND (both host:port)"))
}

fn main() -> io::Result<()> {
    let (address, backend) = (argument(1)?, argument(2)?);
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut pairs: Slab<Pair> = Slab::new();
    let mut scratch = vec![0; CHUNK];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            outcome => outcome?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, backend, &mut pairs, poll.registry());
                continue;
            }
            let key = event.token().0 / 2;
            if pairs.get_mut(key).is_some_and(|pair| !pair.serve(event, &mut scratch)) {
                pairs.remove(key);
            }
        }
    }
}
