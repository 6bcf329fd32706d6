//! What really went over the loopback interface: the last word on whether a request was sent at all.
//!
//! A process that is killed may have had a request in its socket that it did not come to read; only
//! the packets tell that from one that was never sent. To watch them takes a right that not everybody has.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// All protocols, as the system wants it: in network order.
const ALL: i32 = 0x0003_u16.to_be() as i32;
/// What stands before an IP packet on the loopback interface.
const ETHERNET: usize = 14;
const TCP: u8 = 6;

/// One TCP segment to or from the port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    /// The other port.
    other: u16,
    /// It comes from the service.
    back: bool,
    /// A connection begins with it.
    begins: bool,
    /// The service sends nothing more, or takes nothing more.
    ends: bool,
    payload: Vec<u8>,
}

/// How a request went over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// It was never sent.
    Not,
    /// It was sent.
    InTime,
    /// It was sent on a connection that the service had ended before.
    TooLate,
}

/// Watches what is sent to one port.
#[derive(Debug)]
pub struct Wire {
    segments: Arc<Mutex<Vec<Segment>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Wire {
    /// Begins to watch; `None` if that is not allowed here.
    pub fn watch(port: u16) -> Option<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ALL))).ok()?;
        socket.set_read_timeout(Some(Duration::from_millis(50))).ok()?;
        // A busy machine may leave packets there for a while, and none may be lost.
        socket.set_recv_buffer_size(4 << 20).ok()?;
        socket.attach_filter(&filter(port)).ok()?;
        let (segments, stop) = <(Arc<Mutex<Vec<_>>>, Arc<AtomicBool>)>::default();
        let (own, stopped) = (Arc::clone(&segments), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut space = vec![0; 1 << 16];
            while !stopped.load(Ordering::Relaxed) {
                let Ok(count) = (&socket).read(&mut space) else { continue };
                if let Some(segment) = segment(&space[..count], port) {
                    own.lock().expect("a sound lock").push(segment);
                }
            }
        });
        Some(Self { segments, stop, thread: Some(thread) })
    }

    /// How a request with these bytes was sent the last time that it was.
    pub fn carried(&self, bytes: &[u8]) -> Carried {
        let segments = self.segments.lock().expect("a sound lock");
        let holds =
            |one: &Segment| !one.back && one.payload.windows(bytes.len()).any(|at| at == bytes);
        // Each is seen as it is sent and as it arrives.
        let Some(last) = segments.iter().rposition(holds) else { return Carried::Not };
        let Some(first) = segments.iter().position(|one| *one == segments[last]) else {
            return Carried::Not;
        };
        let other = segments[last].other;
        let ended =
            segments[..first].iter().rev().take_while(|one| one.other != other || !one.begins);
        match ended.filter(|one| one.other == other).any(|one| one.back && one.ends) {
            true => Carried::TooLate,
            false => Carried::InTime,
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// For the system: only packets of IPv4 and TCP to or from this port, whole.
fn filter(port: u16) -> [SockFilter; 11] {
    const LOAD_WORD: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const LOAD_WORD_BEHIND_HEAD: u16 = 0x48;
    const MEASURE_HEAD: u16 = 0xb1;
    const IS: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const IPV4: u32 = 0x0800;
    let ethernet = u32::try_from(ETHERNET).expect("a small number");
    let port = u32::from(port);
    // So many steps further on if it is so, and if it is not.
    let is = |value: u32, yes: u8, no: u8| SockFilter::new(IS, yes, no, value);
    let step = |what: u16, value: u32| SockFilter::new(what, 0, 0, value);
    [
        step(LOAD_WORD, 12),
        is(IPV4, 0, 8),
        step(LOAD_BYTE, ethernet + 9),
        is(u32::from(TCP), 0, 6),
        step(MEASURE_HEAD, ethernet),
        step(LOAD_WORD_BEHIND_HEAD, ethernet),
        is(port, 2, 0),
        step(LOAD_WORD_BEHIND_HEAD, ethernet + 2),
        is(port, 0, 1),
        step(RETURN, 1 << 18),
        step(RETURN, 0),
    ]
}

/// A TCP segment to or from this port.
fn segment(packet: &[u8], port: u16) -> Option<Segment> {
    const FIN: u8 = 1;
    const SYN: u8 = 2;
    const RST: u8 = 4;
    let ip = packet.get(ETHERNET..)?;
    let words = |byte: u8| usize::from(byte & 15) * 4;
    if ip.first()? >> 4 != 4 || *ip.get(9)? != TCP {
        return None;
    }
    let tcp = ip.get(words(*ip.first()?)..)?;
    let ports = [tcp.get(..2)?, tcp.get(2..4)?];
    let [from, to] = ports.map(|port| u16::from_be_bytes([port[0], port[1]]));
    let flags = *tcp.get(13)?;
    let payload = tcp.get(words(tcp.get(12)? >> 4)..)?.to_vec();
    let (back, other) = match (from == port, to == port) {
        (true, _) => (true, to),
        (_, true) => (false, from),
        _ => return None,
    };
    Some(Segment { other, back, begins: flags & SYN != 0, ends: flags & (FIN | RST) != 0, payload })
}
