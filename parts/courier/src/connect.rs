//! From a target to a connection: addresses, of which one after the other is tried, and TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use yumen_tls::{Client, Name};

use crate::due::Due;
use crate::fault::{Fault, Step};
use crate::line::Line;
use crate::target::Place;

/// Addresses of one host that are tried for one request.
const ADDRESSES_MAX: usize = 8;

/// How connections are made.
#[derive(Debug)]
pub(crate) struct Road<'a> {
    pub(crate) place: &'a Place,
    pub(crate) tls: Option<(&'a Client, &'a Name)>,
    /// How long one address may take.
    pub(crate) patience: Duration,
}

impl Road<'_> {
    /// Makes a connection.
    pub(crate) async fn connect(&self, due: &Due) -> Result<Line, Fault> {
        match self.place {
            Place::Unix(path) => due.keep(Step::Connect, self.to_socket(path)).await,
            Place::Net(host, port) => {
                let addresses = due.keep(Step::Lookup, look_up(host, *port)).await?;
                due.keep(Step::Connect, self.to_one_of(&addresses)).await
            }
        }
    }

    async fn to_socket(&self, path: &Path) -> Result<Line, Fault> {
        let to = || path.display().to_string();
        let connected = timeout(self.patience, UnixStream::connect(path)).await;
        let connected = connected.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()));
        let socket =
            connected.map_err(|error| Fault::Connect { to: to(), why: error.to_string() })?;
        self.secure(socket.into()).await
    }

    /// Tries one address after the other. If none is good, TLS that failed is told before an
    /// address that does not answer: it says more.
    async fn to_one_of(&self, addresses: &[SocketAddr]) -> Result<Line, Fault> {
        let mut worst = None;
        for &address in addresses {
            let fault = |why: String| Fault::Connect { to: address.to_string(), why };
            let failed = match timeout(self.patience, self.to_address(address)).await {
                Ok(Ok(line)) => return Ok(line),
                Ok(Err(fault)) => fault,
                Err(_elapsed) => fault(format!("it took longer than {:?}", self.patience)),
            };
            if !matches!(worst, Some(Fault::Tls { .. })) {
                worst = Some(failed);
            }
        }
        Err(worst.unwrap_or_else(|| Fault::closed("there was no address")))
    }

    async fn to_address(&self, address: SocketAddr) -> Result<Line, Fault> {
        let refused =
            |error: io::Error| Fault::Connect { to: address.to_string(), why: error.to_string() };
        let socket = TcpStream::connect(address).await.map_err(refused)?;
        // Heads and bodies are written one after the other, and none of them should wait.
        socket.set_nodelay(true).map_err(refused)?;
        self.secure(socket.into()).await
    }

    async fn secure(&self, line: Line) -> Result<Line, Fault> {
        let Some((client, name)) = self.tls else { return Ok(line) };
        let session =
            client.session(name).map_err(|fault| Fault::Tls { why: fault.to_string() })?;
        line.secure(session).await.map_err(|error| Fault::Tls {
            why: match error.kind() {
                io::ErrorKind::UnexpectedEof => "it closed the connection instead".to_owned(),
                _ => error.to_string(),
            },
        })
    }
}

/// The addresses of a host.
async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let fault = |why: String| Fault::Lookup { host: host.to_owned(), why };
    let found = lookup_host((host, port)).await.map_err(|error| fault(error.to_string()))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found.take(ADDRESSES_MAX) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(fault("it has no address".to_owned())) } else { Ok(addresses) }
}

#[cfg(test)]
mod tests;
