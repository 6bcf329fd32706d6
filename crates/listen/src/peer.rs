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

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_http::{HeadIndex, HeadLimits};
    use yumen_model::{Http2, Http3, Listener, ListenerLimits, ListenerProtocol, ListenerTimeouts};

    const PEER: ([u8; 4], u16) = ([192, 0, 2, 7], 5);

    fn door(forwarded: bool, trusted: &str) -> Door {
        let listener = Listener {
            name: "a".to_owned(),
            address: String::new(),
            protocol: ListenerProtocol::default(),
            trusted_proxies: trusted.parse().into_iter().collect(),
            proxy_protocol: None,
            tls: None,
            https_redirect: None,
            forwarded,
            http2: Http2::default(),
            http3: Http3::default(),
            limits: ListenerLimits::default(),
            timeouts: ListenerTimeouts::default(),
            policies: Vec::new(),
            streams: Vec::new(),
        };
        Door::new(&listener, None, 0)
    }

    /// A request by way of a proxy; who it is from, for this door.
    fn client(peer: &Peer, door: &Door) -> Rc<Client> {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n";
        let limits = HeadLimits { head: 4096, target: 4096, field: 4096, fields: 100 };
        let mut index = HeadIndex::default();
        assert_eq!(index.find(text, &limits), Ok(Some(text.len())));
        let mut head = RequestHead::read(text, index, &limits).unwrap();
        let client = peer.client_of(door, &mut head);
        assert_eq!(head.fields().first("x-forwarded-for"), None, "it is taken out");
        client
    }

    #[test]
    fn requests_share_their_client_unless_a_trusted_proxy_says_otherwise() {
        let stranger = door(false, "10.0.0.0/8");
        let peer = Peer::new(SocketAddr::from(PEER), &stranger);
        let first = client(&peer, &stranger);
        assert_eq!(first.address.to_string(), "192.0.2.7");
        assert!(Rc::ptr_eq(&first, &client(&peer, &stranger)));
        let proxied = client(&peer, &door(false, "192.0.2.0/24"));
        assert_eq!(proxied.address.to_string(), "198.51.100.1");
        assert_eq!(first.address, client(&peer, &stranger).address, "only for that request");
    }

    #[test]
    fn a_connection_follows_the_settings_of_its_listener() {
        let before = door(false, "");
        let peer = Peer::new(SocketAddr::from(PEER), &before);
        for standard in [false, true, false] {
            let client = client(&peer, &door(standard, ""));
            assert_eq!(client.forwarding.is_standard(), standard);
        }
    }
}
