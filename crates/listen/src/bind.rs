//! Listening sockets: one for each worker on the same address, so that the kernel spreads
//! connections and workers share no queue.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use yumen_model::socket_address;

/// How many connections wait for one worker to accept them.
const BACKLOG: i32 = 4096;
/// Bytes of datagrams that wait for a worker, or for the network.
const DATAGRAMS_WAITING: usize = 2 * 1024 * 1024;

/// The sockets of one address.
#[derive(Debug)]
pub struct Bound {
    /// The address, with the port that the system chose if it was 0.
    pub address: SocketAddr,
    /// One socket for each worker.
    pub sockets: Vec<TcpListener>,
}

impl Bound {
    /// Sockets of one address that listen already; `None` if there are none.
    #[must_use]
    pub fn given(sockets: Vec<TcpListener>) -> Option<Self> {
        let address = sockets.first()?.local_addr().ok()?;
        Some(Self { address, sockets })
    }

    /// The sockets as so many workers share them. If there are fewer sockets, more are made; where
    /// that cannot be, as beside sockets of systemd, several workers accept on the same one. All
    /// that there are stay in use, because whoever waits in the backlog of one would be lost.
    #[must_use]
    pub fn shares(mut self, workers: usize) -> Vec<Vec<TcpListener>> {
        let given = self.sockets.len();
        while self.sockets.len() < workers {
            let Some(like) = self.sockets.get(self.sockets.len() % given.max(1)) else { break };
            match widen(like, self.address).or_else(|_error| like.try_clone()) {
                Ok(socket) => self.sockets.push(socket),
                Err(_) => break,
            }
        }
        deal(self.sockets, workers)
    }
}

/// Gives each worker its share of sockets.
pub fn deal<T>(sockets: Vec<T>, workers: usize) -> Vec<Vec<T>> {
    let mut shares: Vec<Vec<T>> = (0..workers).map(|_| Vec::new()).collect();
    for (index, socket) in sockets.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(index % workers.max(1)) {
            share.push(socket);
        }
    }
    shares
}

/// One more socket beside this one, if it lets others beside it.
fn widen(like: &TcpListener, address: SocketAddr) -> io::Result<TcpListener> {
    if socket2::SockRef::from(like).reuse_port()? {
        open(address)
    } else {
        Err(io::ErrorKind::AddrInUse.into())
    }
}

/// Binds an address as a config writes it: `host:port`, `[v6]:port`, `localhost:port` or `:port`.
///
/// # Errors
/// In words for the operator: what is wrong with the address, or what the system says and what to
/// do about it.
pub fn bind(address: &str, workers: usize) -> Result<Bound, String> {
    let mut address = socket_address(address)?;
    let mut sockets = Vec::with_capacity(workers);
    // A plain bind first: two gateways must not share a port by accident.
    drop(TcpListener::bind(address).map_err(|error| explain(address, &error))?);
    for _ in 0..workers {
        let socket = open(address).map_err(|error| explain(address, &error))?;
        address = socket.local_addr().map_err(|error| explain(address, &error))?;
        sockets.push(socket);
    }
    Ok(Bound { address, sockets })
}

/// Binds the UDP port beside a TCP listener: one socket for each worker. The kernel leads all
/// datagrams of one pair of addresses to the same one.
///
/// # Errors
/// As [`bind`].
pub fn bind_datagrams(address: SocketAddr, workers: usize) -> Result<Vec<UdpSocket>, String> {
    let explain = |error: io::Error| format!("UDP: {}", explain(address, &error));
    drop(UdpSocket::bind(address).map_err(explain)?);
    (0..workers).map(|_| open_datagrams(address).map_err(explain)).collect()
}

fn open_datagrams(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    share(&socket, address)?;
    // As much as the system allows.
    let _size = socket.set_recv_buffer_size(DATAGRAMS_WAITING);
    let _size = socket.set_send_buffer_size(DATAGRAMS_WAITING);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    share(&socket, address)?;
    // Accepted sockets inherit this.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What sockets of both kinds have in common.
fn share(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        // `:8080` serves IPv4 as well; a given IPv6 address serves itself.
        socket.set_only_v6(address.ip() != Ipv6Addr::UNSPECIFIED)?;
    }
    socket.set_nonblocking(true)
}

fn explain(address: SocketAddr, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another process listens there: stop it or choose another port"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need the capability CAP_NET_BIND_SERVICE: grant it or choose a higher port"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; this machine does not have that address: choose one of its own"
        }
        _ => "",
    };
    format!("cannot listen on {address}: {error}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_said_plainly() {
        let taken = bind("127.0.0.1:0", 2).unwrap();
        assert_eq!(taken.sockets.len(), 2);
        let error = bind(&taken.address.to_string(), 1).unwrap_err();
        assert!(error.contains("another process listens there"), "{error}");
    }

    #[test]
    fn datagrams_have_a_socket_for_each_worker_and_a_port_of_their_own() {
        let tcp = bind("127.0.0.1:0", 1).unwrap();
        let sockets = bind_datagrams(tcp.address, 2).unwrap();
        assert_eq!(sockets.len(), 2);
        let error = bind_datagrams(tcp.address, 1).unwrap_err();
        assert!(error.contains("UDP") && error.contains("another process"), "{error}");
    }

    /// How many sockets each worker gets, and how many different ones there are.
    fn check(sockets: Vec<TcpListener>, workers: usize, shares: &[usize], open: usize) {
        let bound = Bound::given(sockets).unwrap();
        let address = bound.address;
        let got = bound.shares(workers);
        assert_eq!(got.iter().map(Vec::len).collect::<Vec<_>>(), shares);
        assert!(got.iter().flatten().all(|socket| socket.local_addr().unwrap() == address));
        // The kernel knows each connection of its own only where it waits.
        let clients: Vec<_> =
            (0..64).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let waiting = |socket: &TcpListener| {
            socket.set_nonblocking(true).unwrap();
            std::iter::from_fn(|| socket.accept().ok()).count()
        };
        let waiting: Vec<usize> = got.iter().flatten().map(waiting).collect();
        assert_eq!(waiting.iter().sum::<usize>(), clients.len());
        assert_eq!(waiting.iter().filter(|count| **count > 0).count(), open, "{waiting:?}");
    }

    #[test]
    fn sockets_are_shared_whatever_the_number_of_workers() {
        let ours = |count| bind("127.0.0.1:0", count).unwrap().sockets;
        check(ours(2), 2, &[1, 1], 2);
        check(ours(3), 2, &[2, 1], 3);
        check(ours(1), 3, &[1, 1, 1], 3);
        let alone = || vec![TcpListener::bind("127.0.0.1:0").unwrap()];
        check(alone(), 1, &[1], 1);
        check(alone(), 3, &[1, 1, 1], 1);
        assert!(Bound::given(Vec::new()).is_none());
    }
}
