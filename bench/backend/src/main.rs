//! The server behind the gateways: answers from memory with one thread and as little work as HTTP
//! allows, so that it is never what a measurement shows.
//!
//! `bench-backend LISTEN`; the last byte of the path says what is answered: `b` 100 KiB with
//! Content-Length, `c` 16 KiB in 16 chunks with a short time between them, anything else 100 bytes.

mod request;

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;

use request::{Kind, Request};

const SMALL_BODY: usize = 100;
const BIG_BODY: usize = 100 * 1024;
const CHUNKS: usize = 16;
const CHUNK_BODY: usize = 1024;
/// Read at once from a connection.
const SCRATCH: usize = 64 * 1024;
const LISTENER: Token = Token(usize::MAX - 1);

/// Ready answers: each is written part by part.
struct Answers {
    small: Vec<Vec<u8>>,
    big: Vec<Vec<u8>>,
    chunked: Vec<Vec<u8>>,
}

impl Answers {
    /// Answers on a connection that is kept, or the last on one that is closed.
    fn new(close: bool) -> Self {
        let whole = |size: usize| {
            let mut answer = head(&format!("Content-Length: {size}"), close);
            answer.resize(answer.len() + size, b'x');
            vec![answer]
        };
        let chunk = format!("{CHUNK_BODY:x}\r\n{}\r\n", "x".repeat(CHUNK_BODY)).into_bytes();
        let mut chunked = vec![chunk; CHUNKS];
        if let Some(first) = chunked.first_mut() {
            // The field asks NGINX to pass chunks on as they come; the others do so anyway.
            let framing = "X-Accel-Buffering: no\r\nTransfer-Encoding: chunked";
            first.splice(0..0, head(framing, close));
        }
        if let Some(last) = chunked.last_mut() {
            last.extend_from_slice(b"0\r\n\r\n");
        }
        Self { small: whole(SMALL_BODY), big: whole(BIG_BODY), chunked }
    }

    fn of(&self, kind: Kind) -> &[Vec<u8>] {
        match kind {
            Kind::Small => &self.small,
            Kind::Big => &self.big,
            Kind::Chunked => &self.chunked,
        }
    }
}

fn head(framing: &str, close: bool) -> Vec<u8> {
    let connection = if close { "Connection: close\r\n" } else { "" };
    format!(
        "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Sat, 21 Nov 2026 09:00:00 GMT\r\n\
         Content-Type: text/plain\r\n{connection}{framing}\r\n\r\n"
    )
    .into_bytes()
}

/// The two sets of answers.
struct Library {
    kept: Answers,
    closing: Answers,
}

impl Library {
    fn of(&self, answering: &Answering) -> &[Vec<u8>] {
        let answers = if answering.close { &self.closing } else { &self.kept };
        answers.of(answering.kind)
    }
}

/// What is being answered: the part and the byte in it that goes next.
struct Answering {
    kind: Kind,
    part: usize,
    sent: usize,
    close: bool,
}

struct Connection {
    stream: TcpStream,
    /// Read but not yet understood: the start of a request, or requests behind an answer that is
    /// still being written.
    unread: Vec<u8>,
    answering: Option<Answering>,
}

/// What became of a connection.
#[derive(PartialEq)]
enum Fate {
    Open,
    /// Open, and the next chunk of its answer is due in the next turn.
    Streaming,
    Closed,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        Self { stream, unread: Vec::new(), answering: None }
    }

    fn serve(&mut self, turn: Turn, library: &Library, scratch: &mut [u8]) -> io::Result<Fate> {
        let waited = self.answering.is_some();
        if waited {
            let fate = self.resume(library)?;
            if fate != Fate::Open || self.answering.is_some() {
                return Ok(fate);
            }
        } else if !turn.readable {
            return Ok(Fate::Open);
        }
        // While an answer waited, news of what can be read may have passed unheard.
        let to_end = turn.ended || waited;
        loop {
            let read = match self.stream.read(scratch) {
                Ok(0) => return Ok(Fate::Closed),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Fate::Open),
                Err(error) => return Err(error),
            };
            let fate = self.take(scratch.get(..read).unwrap_or_default(), library)?;
            let drained = read < scratch.len() && !to_end;
            if fate != Fate::Open || drained || self.answering.is_some() {
                return Ok(fate);
            }
        }
    }

    /// Goes on with an answer, then with the requests that came behind it.
    fn resume(&mut self, library: &Library) -> io::Result<Fate> {
        let fate = self.write(library)?;
        if fate != Fate::Open || self.answering.is_some() {
            return Ok(fate);
        }
        self.take(&[], library)
    }

    /// Understands and answers what was read, together with what was left over before.
    fn take(&mut self, bytes: &[u8], library: &Library) -> io::Result<Fate> {
        if self.unread.is_empty() {
            let (taken, fate) = self.answer_all(bytes, library)?;
            self.unread.extend_from_slice(bytes.get(taken..).unwrap_or_default());
            return Ok(fate);
        }
        let mut all = std::mem::take(&mut self.unread);
        all.extend_from_slice(bytes);
        let (taken, fate) = self.answer_all(&all, library)?;
        all.drain(..taken);
        self.unread = all;
        Ok(fate)
    }

    /// How many bytes were understood.
    fn answer_all(&mut self, bytes: &[u8], library: &Library) -> io::Result<(usize, Fate)> {
        let mut taken = 0;
        while self.answering.is_none() {
            let rest = bytes.get(taken..).unwrap_or_default();
            let Some(Request { length, kind, close }) =
                request::parse(rest).map_err(io::Error::other)?
            else {
                break;
            };
            taken += length;
            self.answering = Some(Answering { kind, part: 0, sent: 0, close });
            let fate = self.write(library)?;
            if fate != Fate::Open {
                return Ok((taken, fate));
            }
        }
        Ok((taken, Fate::Open))
    }

    /// Writes as much of the answer as goes: all of it, or one chunk if it is streamed.
    fn write(&mut self, library: &Library) -> io::Result<Fate> {
        let Some(answering) = &mut self.answering else { return Ok(Fate::Open) };
        let parts = library.of(answering);
        if let Some(part) = parts.get(answering.part) {
            // Only a write that would block makes the system tell when to go on.
            while let Some(bytes) = part.get(answering.sent..).filter(|rest| !rest.is_empty()) {
                match self.stream.write(bytes) {
                    Ok(written) => answering.sent += written,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Fate::Open),
                    Err(error) => return Err(error),
                }
            }
            answering.part += 1;
            answering.sent = 0;
        }
        if answering.part < parts.len() {
            return Ok(Fate::Streaming);
        }
        let close = answering.close;
        self.answering = None;
        Ok(if close { Fate::Closed } else { Fate::Open })
    }
}

fn accept(
    listener: &TcpListener,
    connections: &mut Slab<Connection>,
    registry: &Registry,
) -> io::Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        let entry = connections.vacant_entry();
        let token = Token(entry.key());
        let connection = entry.insert(Connection::new(stream));
        registry.register(
            &mut connection.stream,
            token,
            Interest::READABLE | Interest::WRITABLE,
        )?;
    }
}

/// Why a connection is served.
struct Turn {
    key: usize,
    readable: bool,
    /// The client may have said its last byte.
    ended: bool,
}

struct Server {
    connections: Slab<Connection>,
    library: Library,
    scratch: Vec<u8>,
    /// Connections whose answers go on in the next turn: so chunks of one answer are apart in
    /// time, as those of a real stream are, and no gateway gets them in one read.
    streaming: Vec<usize>,
}

impl Server {
    fn serve(&mut self, turn: Turn) {
        let key = turn.key;
        let Some(connection) = self.connections.get_mut(key) else { return };
        match connection.serve(turn, &self.library, &mut self.scratch) {
            Ok(Fate::Open) => {}
            Ok(Fate::Streaming) => self.streaming.push(key),
            Ok(Fate::Closed) => drop(self.connections.remove(key)),
            Err(error) => {
                // A client that went away is no news; a request that is not understood is.
                if error.kind() == ErrorKind::Other {
                    eprintln!("backend: {error}");
                }
                drop(self.connections.remove(key));
            }
        }
    }
}

fn main() -> io::Result<()> {
    let address: SocketAddr = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| io::Error::other("usage: bench-backend LISTEN (host:port)"))?;
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut server = Server {
        connections: Slab::new(),
        library: Library { kept: Answers::new(false), closing: Answers::new(true) },
        scratch: vec![0; SCRATCH],
        streaming: Vec::new(),
    };
    loop {
        let patience = (!server.streaming.is_empty()).then_some(Duration::ZERO);
        match poll.poll(&mut events, patience) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            outcome => outcome?,
        }
        for key in std::mem::take(&mut server.streaming) {
            server.serve(Turn { key, readable: false, ended: false });
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &mut server.connections, poll.registry())?;
                continue;
            }
            let (readable, ended) = (event.is_readable(), event.is_read_closed());
            server.serve(Turn { key: event.token().0, readable, ended });
        }
    }
}
