//! A DNS server on loopback that answers as a test tells it to, over UDP.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

const A: u16 = 1;
const AAAA: u16 = 28;
const CLASS: u16 = 1;
/// What an answer begins with behind its number: an answer, recursion wanted and available.
const FLAGS: u16 = 0x8180;
/// The name of the question, at its place.
const QUESTION: [u8; 2] = [0xc0, 12];
/// The length of a message's head.
const HEAD: usize = 12;

/// How a name is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// With these, of the family that was asked for; none if there are none of it.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoSuchName,
    /// The server cannot find out.
    Failure,
    /// Not at all.
    Silence,
}

/// A name, as it is answered.
#[derive(Debug, Clone)]
struct Entry {
    reply: Reply,
    /// A time to live, in seconds.
    ttl: u32,
    /// Before it is answered.
    delay: Duration,
}

#[derive(Debug, Default)]
struct Zone {
    entries: HashMap<String, Entry>,
    asked: HashMap<String, usize>,
}

/// The server; its thread ends with the test process.
#[derive(Debug)]
pub struct Dns {
    /// Where it answers.
    pub address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

impl Dns {
    /// Starts one that knows no name.
    pub fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = socket.local_addr().expect("an address");
        let zone = Arc::new(Mutex::new(Zone::default()));
        let served = Arc::clone(&zone);
        thread::spawn(move || serve(&socket, &served));
        Self { address, zone }
    }

    /// From now on the name is answered so, with this time to live in seconds.
    pub fn set(&self, name: &str, reply: Reply, ttl: u32) {
        self.set_slow(name, reply, ttl, Duration::ZERO);
    }

    /// The same, each time after so long.
    pub fn set_slow(&self, name: &str, reply: Reply, ttl: u32, delay: Duration) {
        lock(&self.zone).entries.insert(name.to_owned(), Entry { reply, ttl, delay });
    }

    /// How many questions there were for a name.
    pub fn asked(&self, name: &str) -> usize {
        lock(&self.zone).asked.get(name).copied().unwrap_or(0)
    }
}

/// These addresses.
pub fn addresses(list: &[&str]) -> Reply {
    Reply::Addresses(list.iter().map(|one| one.parse().expect("an address")).collect())
}

fn lock(zone: &Mutex<Zone>) -> MutexGuard<'_, Zone> {
    zone.lock().expect("no thread failed with this lock")
}

fn serve(socket: &UdpSocket, zone: &Mutex<Zone>) {
    let mut space = [0; 1500];
    while let Ok((length, from)) = socket.recv_from(&mut space) {
        let Some((name, family, question)) = read(&space[..length]) else { continue };
        let entry = {
            let mut zone = lock(zone);
            *zone.asked.entry(name.clone()).or_default() += 1;
            zone.entries.get(&name).cloned()
        };
        let unknown = Entry { reply: Reply::NoSuchName, ttl: 0, delay: Duration::ZERO };
        let entry = entry.unwrap_or(unknown);
        let Some(answer) = answer(&space[..2], question, family, &entry) else { continue };
        let socket = socket.try_clone().expect("a socket");
        thread::spawn(move || {
            thread::sleep(entry.delay);
            let _gone = socket.send_to(&answer, from);
        });
    }
}

/// The name in lower case, the family that is asked for, and the question as it stands.
fn read(query: &[u8]) -> Option<(String, u16, &[u8])> {
    let mut labels = Vec::new();
    let mut at = HEAD;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let family = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    Some((labels.join("."), family, query.get(HEAD..at + 4)?))
}

fn answer(number: &[u8], question: &[u8], family: u16, entry: &Entry) -> Option<Vec<u8>> {
    let (code, all) = match &entry.reply {
        Reply::Addresses(all) => (0, all.as_slice()),
        Reply::Failure => (2, &[][..]),
        Reply::NoSuchName => (3, &[][..]),
        Reply::Silence => return None,
    };
    let records: Vec<Vec<u8>> = all
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(v4) if family == A => Some(v4.octets().to_vec()),
            IpAddr::V6(v6) if family == AAAA => Some(v6.octets().to_vec()),
            _ => None,
        })
        .collect();
    let count = u16::try_from(records.len()).expect("a few");
    let mut answer = number.to_vec();
    for word in [FLAGS | code, 1, count, 0, 0] {
        answer.extend(word.to_be_bytes());
    }
    answer.extend(question);
    for record in records {
        answer.extend(QUESTION);
        answer.extend(family.to_be_bytes());
        answer.extend(CLASS.to_be_bytes());
        answer.extend(entry.ttl.to_be_bytes());
        answer.extend(u16::try_from(record.len()).expect("an address").to_be_bytes());
        answer.extend(record);
    }
    Some(answer)
}
