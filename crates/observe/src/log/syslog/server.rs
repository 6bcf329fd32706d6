//! A syslog server, as the thread that writes to it sees it: connected to when there is something to
//! say, and again when it was away.

use std::{
    io::{self, ErrorKind, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket},
    os::unix::net::UnixDatagram,
    thread,
    time::{Duration, Instant},
};

use super::Address;
use crate::log::{
    losses::{TELL_EVERY, Tell},
    stock::Stock,
};

/// How long one address may take to connect to.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;
/// How long a server that does not read is waited for at a time.
const WRITE_WITHIN: Duration = Duration::from_millis(200);
/// The pause after the first failure; it doubles with each one.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How often it is looked whether all is to end, during a pause.
const LOOK: Duration = Duration::from_millis(50);
/// How old lines may get; then they are given up.
const AGE_MAX: Duration = Duration::from_secs(60);
/// After so long a name is looked up again, where nothing would tell that its address has changed.
const UDP_AGE_MAX: Duration = Duration::from_secs(60);
/// Stands where a message was cut.
const CUT: &[u8] = b"...";

/// A syslog server.
pub(in crate::log) struct Server {
    name: String,
    address: Address,
    message_max: usize,
    link: Option<Link>,
    /// Failures since it was well.
    failures: u32,
    /// When it was said last that it is away.
    told: Option<Instant>,
    /// Whether that was the last thing said.
    is_ill: bool,
    tell: Tell,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Link {
    Unix(UnixDatagram),
    Udp(UdpSocket, Instant),
    Tcp(TcpStream),
}

/// What became of the lines of a chunk.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::log) struct Sent {
    pub(in crate::log) written: u64,
    /// Given up, because they were too old.
    pub(in crate::log) too_old: u64,
    /// Not taken, because all is to end or nothing would help.
    pub(in crate::log) failed: u64,
    /// What the system said of those that were lost.
    pub(in crate::log) cause: Option<String>,
}

impl Server {
    pub(in crate::log) fn new(
        name: String,
        address: Address,
        message_max: usize,
        tell: Tell,
    ) -> Self {
        Self {
            name,
            address,
            message_max,
            link: None,
            failures: 0,
            told: None,
            is_ill: false,
            tell,
        }
    }

    /// Sends whole lines, each as one message. Waits while the server is away.
    pub(in crate::log) fn send(&mut self, lines: &[u8], since: Instant, stock: &Stock) -> Sent {
        let mut sent = Sent::default();
        let mut rest: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').collect();
        rest.retain(|line| !line.is_empty());
        let mut rest = &rest[..];
        while !rest.is_empty() {
            let took = self.try_send(rest);
            let (count, failure) = match took {
                Ok(count) => (count, None),
                Err((count, error)) => (count, Some(error)),
            };
            rest = rest.get(count..).unwrap_or_default();
            sent.written = sent.written.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            let Some(error) = failure else {
                self.recover();
                continue;
            };
            let left = u64::try_from(rest.len()).unwrap_or(u64::MAX);
            sent.cause = Some(error.to_string());
            if matches!(self.link, Some(Link::Udp(..))) {
                // What the system says is about the datagram before: there is nothing to wait for.
                rest = rest.get(1..).unwrap_or_default();
                sent.failed += 1;
            } else if since.elapsed() >= AGE_MAX {
                self.fail(&error);
                sent.too_old = left;
                break;
            } else if !self.wait(&error, stock) {
                sent.failed += left;
                break;
            }
        }
        sent
    }

    /// Sends messages until one is not taken; says how many were.
    fn try_send(&mut self, lines: &[&[u8]]) -> Result<usize, (usize, io::Error)> {
        if self.link.as_ref().is_none_or(Link::is_stale) {
            self.link = None;
            self.link = Some(connect(&self.address).map_err(|error| (0, error))?);
        }
        let Some(link) = &mut self.link else { return Ok(0) };
        if let Link::Tcp(stream) = link {
            return stream_out(stream, lines);
        }
        for (count, line) in lines.iter().enumerate() {
            let line = cut(line, self.message_max);
            let took = match link {
                Link::Unix(socket) => socket.send(&line),
                Link::Udp(socket, _) => socket.send(&line),
                Link::Tcp(_) => Ok(0),
            };
            took.map_err(|error| (count, error))?;
        }
        Ok(lines.len())
    }

    /// Waits after a failure; says whether it is to be tried again.
    fn wait(&mut self, error: &io::Error, stock: &Stock) -> bool {
        let is_slow = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        let mut pause = Duration::ZERO;
        if !is_slow || matches!(self.link, None | Some(Link::Tcp(_))) {
            self.link = None;
            self.fail(error);
            let doubled = 2_u32.saturating_pow(self.failures.saturating_sub(1).min(16));
            pause = PAUSE.saturating_mul(doubled).min(PAUSE_MAX);
        }
        let ends = Instant::now() + pause;
        loop {
            if stock.is_closing() {
                return false;
            }
            let left = ends.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(LOOK));
        }
    }

    fn fail(&mut self, error: &io::Error) {
        self.failures = self.failures.saturating_add(1);
        let is_new = self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY);
        if !self.is_ill && is_new {
            (self.tell)(&format!("lines of the access log do not reach {}: {error}", self.name));
            (self.is_ill, self.told) = (true, Some(Instant::now()));
        }
    }

    fn recover(&mut self) {
        self.failures = 0;
        if std::mem::take(&mut self.is_ill) {
            (self.tell)(&format!("lines of the access log reach {} again", self.name));
        }
    }
}

impl Link {
    /// Whether it is of no use any more, as far as that can be known before something is sent.
    fn is_stale(&self) -> bool {
        match self {
            Self::Unix(_) => false,
            Self::Udp(_, since) => since.elapsed() >= UDP_AGE_MAX,
            Self::Tcp(stream) => has_left(stream).unwrap_or(true),
        }
    }
}

/// Whether the other end has closed: what is sent then is lost, and nobody would say so.
fn has_left(stream: &TcpStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    match peeked {
        Ok(count) => Ok(count == 0),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

fn connect(address: &Address) -> io::Result<Link> {
    match address {
        Address::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_write_timeout(Some(WRITE_WITHIN))?;
            Ok(Link::Unix(socket))
        }
        Address::Udp(host, port) => first(host, *port, |address| {
            let here: SocketAddr = match address {
                SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
                SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
            };
            let socket = UdpSocket::bind(here)?;
            socket.connect(address)?;
            Ok(Link::Udp(socket, Instant::now()))
        }),
        Address::Tcp(host, port) => first(host, *port, |address| {
            let stream = TcpStream::connect_timeout(&address, CONNECT_WITHIN)?;
            stream.set_write_timeout(Some(WRITE_WITHIN))?;
            Ok(Link::Tcp(stream))
        }),
    }
}

/// The first address of a name that can be connected to.
fn first(
    host: &str,
    port: u16,
    connect: impl Fn(SocketAddr) -> io::Result<Link>,
) -> io::Result<Link> {
    let mut failed = io::Error::new(ErrorKind::NotFound, "its name has no address");
    for address in (host, port).to_socket_addrs()?.take(ADDRESSES_MAX) {
        match connect(address) {
            Ok(link) => return Ok(link),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Sends messages with their lengths in front (RFC 6587); says how many were taken whole.
fn stream_out(stream: &mut TcpStream, lines: &[&[u8]]) -> Result<usize, (usize, io::Error)> {
    let mut bytes = Vec::new();
    let mut ends = Vec::with_capacity(lines.len());
    for line in lines {
        bytes.extend_from_slice(format!("{} ", line.len()).as_bytes());
        bytes.extend_from_slice(line);
        ends.push(bytes.len());
    }
    let mut taken = 0;
    // One that began is to be ended if the server only reads slowly.
    let mut patience = WRITES_MAX;
    while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
        match stream.write(rest) {
            Ok(0) => return Err((whole(&ends, taken), ErrorKind::WriteZero.into())),
            Ok(count) => (taken, patience) = (taken + count, WRITES_MAX),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock && patience > 0 => patience -= 1,
            Err(error) => return Err((whole(&ends, taken), error)),
        }
    }
    Ok(lines.len())
}

/// How often a server that takes nothing is waited for, before the connection is given up: 10 seconds.
const WRITES_MAX: u32 = 50;

/// How many messages are in so many bytes.
fn whole(ends: &[usize], taken: usize) -> usize {
    ends.partition_point(|end| *end <= taken)
}

/// A message that fits into a datagram. Never cuts a character.
fn cut(line: &[u8], bytes_max: usize) -> std::borrow::Cow<'_, [u8]> {
    if line.len() <= bytes_max {
        return line.into();
    }
    let mut end = bytes_max.saturating_sub(CUT.len());
    while end > 0 && line.get(end).is_some_and(|byte| byte >> 6 == 0b10) {
        end -= 1;
    }
    let mut short = line.get(..end).unwrap_or_default().to_vec();
    short.extend_from_slice(CUT);
    short.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_between_characters() {
        for (line, max, expect) in [
            ("0123456789", 10, "0123456789"),
            ("0123456789", 9, "012345..."),
            ("01234\u{20ac}89012", 10, "01234..."),
            ("01234\u{20ac}89012", 11, "01234\u{20ac}..."),
        ] {
            assert_eq!(cut(line.as_bytes(), max), expect.as_bytes(), "{line} {max}");
        }
    }

    #[test]
    fn only_whole_messages_count() {
        let ends = [5, 9, 20];
        for (taken, expect) in [(0, 0), (4, 0), (5, 1), (8, 1), (19, 2), (20, 3)] {
            assert_eq!(whole(&ends, taken), expect, "{taken}");
        }
    }
}
