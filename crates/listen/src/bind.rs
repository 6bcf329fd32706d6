//! Listening sockets: one for each worker on the same address, so that the kernel spreads
//! connections and workers share no queue.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};
use yumen_model::socket_address;

/// How many connections wait for one worker to accept them.
const BACKLOG: i32 = 4096;

/// The sockets of one address.
#[derive(Debug)]
pub struct Bound {
    /// The address, with the port that the system chose if it was 0.
    pub address: SocketAddr,
    /// One socket for each worker.
    pub sockets: Vec<TcpListener>,
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

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        // `:8080` serves IPv4 as well; a given IPv6 address serves itself.
        socket.set_only_v6(address.ip() != Ipv6Addr::UNSPECIFIED)?;
    }
    // Accepted sockets inherit this.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
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
}
