//! What really went over the loopback interface: the last word on whether a request was sent at all.
//!
//! A process that is killed may have had a request in its socket that it did not come to read; only
//! the packets tell that from one that was never sent. To watch them takes a right that not everybody has.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// All protocols, as the system wants it: in network order.
const ALL: i32 = 0x0003_u16.to_be() as i32;
/// What stands before an IP packet on the loopback interface.
const ETHERNET: usize = 14;
const TCP: u8 = 6;

/// Watches what is sent to one port.
#[derive(Debug)]
pub struct Wire {
    payloads: Arc<Mutex<Vec<Vec<u8>>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Wire {
    /// Begins to watch; `None` if that is not allowed here.
    pub fn watch(port: u16) -> Option<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ALL))).ok()?;
        socket.set_read_timeout(Some(Duration::from_millis(50))).ok()?;
        // A busy machine may leave packets there for a while.
        socket.set_recv_buffer_size(16 << 20).ok()?;
        let (payloads, stop) = <(Arc<Mutex<Vec<_>>>, Arc<AtomicBool>)>::default();
        let (own, stopped) = (Arc::clone(&payloads), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut space = vec![0; 1 << 16];
            while !stopped.load(Ordering::Relaxed) {
                let Ok(count) = (&socket).read(&mut space) else { continue };
                if let Some(payload) = payload(&space[..count], port) {
                    own.lock().expect("a sound lock").push(payload.to_vec());
                }
            }
        });
        Some(Self { payloads, stop, thread: Some(thread) })
    }

    /// Whether a packet with these bytes was sent.
    pub fn carried(&self, bytes: &[u8]) -> bool {
        let payloads = self.payloads.lock().expect("a sound lock");
        payloads.iter().any(|payload| payload.windows(bytes.len()).any(|at| at == bytes))
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

/// What a TCP segment to this port carries.
fn payload(packet: &[u8], port: u16) -> Option<&[u8]> {
    let ip = packet.get(ETHERNET..)?;
    let words = |byte: u8| usize::from(byte & 15) * 4;
    if ip.first()? >> 4 != 4 || *ip.get(9)? != TCP {
        return None;
    }
    let tcp = ip.get(words(*ip.first()?)..)?;
    let to = u16::from_be_bytes([*tcp.get(2)?, *tcp.get(3)?]);
    let payload = tcp.get(words(tcp.get(12)? >> 4)..)?;
    (to == port && !payload.is_empty()).then_some(payload)
}
