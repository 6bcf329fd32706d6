//! A tiny DNS server on loopback that answers as a test tells it to.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const SERVER_FAILURE: u8 = 2;
const NO_SUCH_NAME: u8 = 3;

/// How a name is answered.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// With those of the family that was asked for, and a time to live in seconds.
    Addresses(Vec<IpAddr>, u32),
    /// The same, but a failure for IPv6.
    OnlyV4(Vec<IpAddr>, u32),
    /// With places of a service: priority, weight, port and host.
    Places(Vec<(u16, u16, u16, String)>, u32),
    /// With a response code and nothing else.
    Code(u8),
    /// The same, after so long.
    Slow(Vec<IpAddr>, u32, Duration),
    /// Not at all.
    Silence,
    /// With bytes that are no answer.
    Garbage,
}

impl Reply {
    pub(super) fn addresses(list: &[&str], ttl: u32) -> Self {
        Self::Addresses(super::ips(list), ttl)
    }

    pub(super) fn places(list: &[(u16, u16, u16, &str)], ttl: u32) -> Self {
        let place = |(priority, weight, port, host): &(u16, u16, u16, &str)| {
            (*priority, *weight, *port, (*host).to_owned())
        };
        Self::Places(list.iter().map(place).collect(), ttl)
    }
}

/// The server; its thread ends with the test process.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

#[derive(Debug, Default)]
struct Zone {
    replies: HashMap<String, Reply>,
    asked: Vec<String>,
}

impl Server {
    pub(super) fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(Zone::default()));
        let served = Arc::clone(&zone);
        std::thread::spawn(move || {
            let mut query = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut query) {
                let Some((answer, delay)) = answer(&query[..length], &served) else { continue };
                let socket = socket.try_clone().unwrap();
                let send = move || {
                    std::thread::sleep(delay);
                    socket.send_to(&answer, from).unwrap();
                };
                if delay.is_zero() {
                    send();
                } else {
                    std::thread::spawn(send);
                }
            }
        });
        Self { address, zone }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn set(&self, name: &str, reply: Reply) {
        self.zone.lock().unwrap().replies.insert(name.to_owned(), reply);
    }

    /// How many questions there were for a name: two for each lookup.
    pub(super) fn asked(&self, name: &str) -> usize {
        self.zone.lock().unwrap().asked.iter().filter(|asked| *asked == name).count()
    }

    pub(super) fn names_asked(&self) -> Vec<String> {
        let mut names = self.zone.lock().unwrap().asked.clone();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn answer(query: &[u8], zone: &Mutex<Zone>) -> Option<(Vec<u8>, Duration)> {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] > 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let family = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    let question = &query[12..at + 5];
    let name = labels.join(".");
    let mut zone = zone.lock().unwrap();
    let reply = zone.replies.get(&name).cloned().unwrap_or(Reply::Code(NO_SUCH_NAME));
    zone.asked.push(name);
    let mut places = Vec::new();
    let mut delay = Duration::ZERO;
    let (code, addresses, ttl) = match reply {
        Reply::Places(list, ttl) => {
            places = list;
            (0, Vec::new(), ttl)
        }
        Reply::OnlyV4(_, _) if family == AAAA => (SERVER_FAILURE, Vec::new(), 0),
        Reply::Addresses(addresses, ttl) | Reply::OnlyV4(addresses, ttl) => (0, addresses, ttl),
        Reply::Slow(addresses, ttl, slow) => {
            delay = slow;
            (0, addresses, ttl)
        }
        Reply::Code(code) => (code, Vec::new(), 0),
        Reply::Silence => return None,
        Reply::Garbage => return Some(([&query[..2], &[0xff; 9]].concat(), delay)),
    };
    let wanted: Vec<Vec<u8>> = addresses
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(v4) if family == A => Some(v4.octets().to_vec()),
            IpAddr::V6(v6) if family == AAAA => Some(v6.octets().to_vec()),
            _ => None,
        })
        .collect();
    let wanted = if family == SRV { places.iter().map(place).collect() } else { wanted };
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1, 0, u8::try_from(wanted.len()).unwrap(), 0, 0, 0, 0]);
    answer.extend(question);
    for data in wanted {
        answer.extend([0xc0, 12]);
        answer.extend(family.to_be_bytes());
        answer.extend([0, 1]);
        answer.extend(ttl.to_be_bytes());
        answer.extend([0, u8::try_from(data.len()).unwrap()]);
        answer.extend(data);
    }
    Some((answer, delay))
}

fn place((priority, weight, port, host): &(u16, u16, u16, String)) -> Vec<u8> {
    let mut data: Vec<u8> =
        [priority, weight, port].iter().flat_map(|number| number.to_be_bytes()).collect();
    for label in host.split('.').filter(|label| !label.is_empty()) {
        data.push(u8::try_from(label.len()).unwrap());
        data.extend(label.as_bytes());
    }
    data.push(0);
    data
}
