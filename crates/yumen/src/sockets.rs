//! Listening sockets that were given to this process: by the process whose work it takes over, or
//! by systemd.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use listenfd::ListenFd;
use yumen_listen::{Before, Bound, Datagrams, Passable, bind, bind_datagrams};
use yumen_model::socket_address;

/// The name under which the socket of the status listener is given.
pub(crate) const STATUS: &str = "status";

/// A socket that was given.
#[derive(Debug)]
struct Given {
    /// Whom it is for: a listener, or the status listener.
    name: String,
    /// The address as the configuration of the process before had it. systemd does not say.
    written: Option<String>,
    /// Where it listens.
    address: SocketAddr,
    socket: TcpListener,
}

/// Sockets that nobody has claimed yet.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    given: Vec<Given>,
    /// For HTTP/3.
    datagrams: Vec<(UdpSocket, Before)>,
}

impl Sockets {
    /// Those that systemd has opened for this process (`LISTEN_FDS`).
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn from_systemd() -> Result<Self, String> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut given = ListenFd::from_env();
        let mut sockets = Self::default();
        for index in 0..given.len() {
            let name = names.next().unwrap_or_default();
            let explain = |error: io::Error| {
                format!(
                    "socket {index} of systemd ({name}) cannot be used: {error}; give TCP sockets that listen"
                )
            };
            if let Some(socket) = given.take_tcp_listener(index).map_err(explain)? {
                sockets.add(name.to_owned(), None, socket).map_err(explain)?;
            }
        }
        Ok(sockets)
    }

    /// Takes one more in.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn add(
        &mut self,
        name: String,
        written: Option<String>,
        socket: TcpListener,
    ) -> io::Result<()> {
        // Whoever made it may have wanted to wait for connections.
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        self.given.push(Given { name, written, address, socket });
        Ok(())
    }

    /// Binds an address, or takes the sockets that were given for it: by its name, or because they
    /// listen there.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn bind(
        &mut self,
        name: &str,
        address: &str,
        workers: usize,
    ) -> Result<Bound, String> {
        let mine = self.given.extract_if(.., |given| given.is_for(name, address));
        let mine: Vec<TcpListener> = mine.map(|given| given.socket).collect();
        match Bound::given(mine) {
            Some(bound) => Ok(bound),
            None => bind(address, workers),
        }
    }

    /// Takes one more in, for HTTP/3.
    pub(crate) fn add_datagrams(&mut self, socket: UdpSocket, before: Before) {
        self.datagrams.push((socket, before));
    }

    /// Binds the UDP port beside a listener, or takes the sockets that were given there.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn bind_datagrams(
        &mut self,
        here: SocketAddr,
        workers: usize,
    ) -> Result<Vec<(Datagrams, Passable)>, String> {
        let is_here = |given: &mut (UdpSocket, Before)| {
            given.0.local_addr().is_ok_and(|address| address == here)
        };
        let given = self.datagrams.extract_if(.., is_here);
        let mut sockets: Vec<_> = given.map(|(socket, before)| (socket, Some(before))).collect();
        if sockets.is_empty() {
            sockets = bind_datagrams(here, workers)?.into_iter().map(|one| (one, None)).collect();
        }
        let ready = sockets.into_iter().map(|(socket, before)| Datagrams::new(socket, before));
        ready.collect::<io::Result<_>>().map_err(|error| format!("UDP on {here}: {error}"))
    }

    /// Lets go of what nobody wants; says what that was.
    pub(crate) fn let_go(&mut self) -> Vec<String> {
        let mut gone: Vec<String> = self
            .given
            .drain(..)
            .map(|given| format!("{} ({})", given.address, given.name))
            .collect();
        gone.dedup();
        self.datagrams.clear();
        gone
    }
}

impl Given {
    fn is_for(&self, name: &str, address: &str) -> bool {
        let by_name =
            self.name == name && self.written.as_ref().is_none_or(|written| written == address);
        by_name
            || socket_address(address)
                .is_ok_and(|wanted| wanted.port() != 0 && wanted == self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a socket with this name, written so, is taken by a listener with this name and
    /// address; `PORT` is where it listens.
    fn check(given: (&str, Option<&str>), wants: (&str, &str), taken: bool) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = socket.local_addr().unwrap();
        let port = here.port().to_string();
        let mut sockets = Sockets::default();
        let written = given.1.map(|written| written.replace("PORT", &port));
        sockets.add(given.0.to_owned(), written, socket).unwrap();
        let bound = sockets.bind(wants.0, &wants.1.replace("PORT", &port), 2);
        assert_eq!(bound.is_ok_and(|bound| bound.address == here), taken, "{given:?} {wants:?}");
        assert_eq!(sockets.let_go().is_empty(), taken, "{given:?} {wants:?}");
    }

    #[test]
    fn a_socket_finds_its_listener_by_name_or_by_address() {
        check(("web", Some("127.0.0.1:0")), ("web", "127.0.0.1:0"), true);
        check(("web", Some("127.0.0.1:0")), ("other", "127.0.0.1:0"), false);
        check(("web", Some("127.0.0.1:0")), ("web", "localhost:0"), false);
        check(("web", Some("127.0.0.1:PORT")), ("renamed", "127.0.0.1:PORT"), true);
        check(("web", Some("127.0.0.1:PORT")), ("web", "localhost:PORT"), true);
        check(("web", None), ("web", "127.0.0.1:0"), true);
        check(("yumen.socket", None), ("web", "127.0.0.1:PORT"), true);
        check(("yumen.socket", None), ("web", "127.0.0.1:0"), false);
    }
}
