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
    address: SocketAddr,
    text: Rc<str>,
    /// What TLS says, where it is spoken.
    secured: Option<Rc<Secured>>,
    /// How the client met what TLS demands.
    met: Option<Rc<Met>>,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, text: yumen_http::address_text(address.ip()), secured: None, met: None }
    }

    /// TLS stands.
    pub(crate) fn agreed(&mut self, secured: Secured, met: Option<Met>) {
        self.secured = Some(Rc::new(secured));
        self.met = met.map(Rc::new);
    }

    /// The name that TLS was asked for.
    pub(crate) fn server_name(&self) -> Option<String> {
        self.secured.as_ref()?.server_name.clone()
    }

    /// The client, as long as no proxy says otherwise.
    pub(crate) fn client(&self, door: &Door) -> Client {
        let proto = if self.secured.is_some() { "https" } else { "http" };
        Client {
            peer: self.address,
            address: self.address.ip(),
            forwarding: Forwarding::direct(Rc::clone(&self.text), proto, door.forwarded),
            secured: self.secured.clone(),
            misdirected: false,
        }
    }

    /// The client of this request; what trusted proxies say of it is taken out of the head.
    pub(crate) fn client_of(&self, door: &Door, head: &mut RequestHead) -> Client {
        let mut client = self.client(door);
        let trusted = door.trusts(self.address.ip());
        let believed = client.forwarding.take(head, trusted, |address| door.trusts(address));
        client.address = believed.unwrap_or(client.address);
        client.misdirected = self.met.as_ref().is_some_and(|met| !door.admits(met, head.host()));
        client
    }
}
