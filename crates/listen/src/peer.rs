//! The other end of a connection, and who a request on it comes from.

use std::net::SocketAddr;
use std::rc::Rc;

use yumen_http::{Forwarding, RequestHead};
use yumen_policy::{Client, Secured};
use yumen_tls::Met;

use crate::door::Door;

/// The other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// The client, as long as no proxy says otherwise; made once, for most requests are the same in
    /// this.
    client: Rc<Client>,
    /// How the client met what TLS demands.
    met: Option<Rc<Met>>,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr, door: &Door) -> Self {
        Self { client: direct(address, None, door), met: None }
    }

    /// TLS stands.
    pub(crate) fn agreed(&mut self, secured: Secured, met: Option<Met>, door: &Door) {
        self.client = direct(self.client.peer, Some(Rc::new(secured)), door);
        self.met = met.map(Rc::new);
    }

    /// The name that TLS was asked for.
    pub(crate) fn server_name(&self) -> Option<String> {
        self.client.secured.as_ref()?.server_name.clone()
    }

    /// The client, as long as no proxy says otherwise.
    pub(crate) fn client(&self, door: &Door) -> Rc<Client> {
        if self.client.forwarding.is_standard() == door.forwarded {
            return Rc::clone(&self.client);
        }
        // The settings have changed since the connection was made.
        direct(self.client.peer, self.client.secured.clone(), door)
    }

    /// The client of this request; what trusted proxies say of it is taken out of the head.
    pub(crate) fn client_of(&self, door: &Door, head: &mut RequestHead) -> Rc<Client> {
        let mut client = self.client(door);
        if door.trusts(client.address) {
            let client = Rc::make_mut(&mut client);
            let believed = client.forwarding.believe(head, |address| door.trusts(address));
            client.address = believed.unwrap_or(client.address);
        }
        Forwarding::take_out(head);
        if self.met.as_ref().is_some_and(|met| !door.admits(met, head.host())) {
            Rc::make_mut(&mut client).misdirected = true;
        }
        client
    }
}

/// A client that comes directly.
fn direct(peer: SocketAddr, secured: Option<Rc<Secured>>, door: &Door) -> Rc<Client> {
    let proto = if secured.is_some() { "https" } else { "http" };
    let text = yumen_http::address_text(peer.ip());
    let forwarding = Forwarding::direct(text, proto, door.forwarded);
    let address = peer.ip();
    Rc::new(Client { peer, address, forwarding, secured, misdirected: false })
}
