//! Where a request came from: read from the fields of trusted proxies, told to services.

use std::net::IpAddr;

use crate::fields::{Kinds, Known};
use crate::grammar::members;
use crate::request::RequestHead;

/// The most addresses that are believed of a trusted proxy's list; the rest is older history.
const HOPS_MAX: usize = 20;

/// Fields that the gateway writes itself, whoever sent them.
const FORWARDING: Kinds = Kinds::of(&[
    Known::ForwardedFor,
    Known::ForwardedProto,
    Known::ForwardedHost,
    Known::Forwarded,
    Known::RequestId,
]);

/// An address as text, without the detour of the formatting machinery for the usual kind.
#[must_use]
pub fn address_text(address: IpAddr) -> std::rc::Rc<str> {
    let IpAddr::V4(v4) = address else { return address.to_string().into() };
    /// As long as `255.255.255.255`.
    const LENGTH_MAX: usize = 15;
    let mut text = String::with_capacity(LENGTH_MAX);
    for octet in v4.octets() {
        if !text.is_empty() {
            text.push('.');
        }
        let digit = |number: u8| char::from(b'0' + number % 10);
        if octet >= 100 {
            text.push(digit(octet / 100));
        }
        if octet >= 10 {
            text.push(digit(octet / 10));
        }
        text.push(digit(octet));
    }
    text.into()
}

/// Where a request came from.
#[derive(Debug, Clone)]
pub struct Forwarding {
    /// The direct peer's address, as text.
    peer: std::rc::Rc<str>,
    proto: &'static str,
    /// What a trusted peer said. In a box, for most have none in front.
    believed: Option<Box<Believed>>,
    /// Also write the `Forwarded` field of RFC 7239.
    standard: bool,
}

/// What a trusted peer said.
#[derive(Debug, Clone)]
struct Believed {
    /// The addresses that it named, with the oldest first.
    chain: Option<String>,
    /// The host that it named.
    host: Option<String>,
}

impl Forwarding {
    /// What is known of a request that came directly from `peer`.
    #[must_use]
    pub fn direct(peer: std::rc::Rc<str>, proto: &'static str, standard: bool) -> Self {
        Self { peer, proto, believed: None, standard }
    }

    /// Takes the forwarding fields out of a head, whoever sent them.
    pub fn take_out(head: &mut RequestHead) {
        head.fields_mut().remove_kinds(FORWARDING);
    }

    /// Whether the `Forwarded` field is written too.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        self.standard
    }

    /// Believes the forwarding fields of a head, which a trusted peer sent. Returns the address of
    /// the client: the last in the list that is not a trusted proxy itself; `None` if it is the
    /// peer.
    pub fn believe(
        &mut self,
        head: &RequestHead,
        trusted: impl Fn(IpAddr) -> bool,
    ) -> Option<IpAddr> {
        let fields = head.fields();
        let lines = fields.known(Known::ForwardedFor).flat_map(members);
        let all: Vec<IpAddr> = lines.filter_map(read_address).collect();
        let known = all.get(all.len().saturating_sub(HOPS_MAX)..).unwrap_or_default();
        let texts: Vec<String> = known.iter().map(IpAddr::to_string).collect();
        let proto = fields.known(Known::ForwardedProto).last();
        self.proto = match proto {
            Some(b"https") => "https",
            Some(b"http") => "http",
            _ => self.proto,
        };
        let host = fields.known(Known::ForwardedHost).last();
        let host = host.and_then(|host| crate::Authority::read(host).ok());
        self.believed = Some(Box::new(Believed {
            chain: Some(texts.join(", ")).filter(|chain| !chain.is_empty()),
            host: host.map(|authority| authority.as_str().to_owned()),
        }));
        known.iter().rev().find(|address| !trusted(**address)).or(known.first()).copied()
    }

    /// The addresses that a trusted peer named.
    fn chain(&self) -> Option<&str> {
        self.believed.as_ref()?.chain.as_deref()
    }

    /// The scheme with which the client came: `http` or `https`.
    #[must_use]
    pub fn proto(&self) -> &'static str {
        self.proto
    }

    /// The host that a trusted peer was asked for, if it said so.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.believed.as_ref()?.host.as_deref()
    }

    /// Writes the fields; `host` is what the client sent.
    pub(crate) fn write(&self, out: &mut Vec<u8>, host: &str) {
        let host =
            self.believed.as_ref().and_then(|believed| believed.host.as_deref()).unwrap_or(host);
        out.extend_from_slice(b"X-Forwarded-For: ");
        if let Some(chain) = self.chain() {
            out.extend_from_slice(chain.as_bytes());
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(self.peer.as_bytes());
        out.extend_from_slice(b"\r\nX-Forwarded-Proto: ");
        out.extend_from_slice(self.proto.as_bytes());
        if !host.is_empty() {
            out.extend_from_slice(b"\r\nX-Forwarded-Host: ");
            out.extend_from_slice(host.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        if self.standard {
            self.write_standard(out, host);
        }
    }

    /// RFC 7239 section 4.
    fn write_standard(&self, out: &mut Vec<u8>, host: &str) {
        out.extend_from_slice(b"Forwarded: ");
        for address in self.chain().into_iter().flat_map(|chain| chain.split(", ")) {
            write_node(out, address);
            out.extend_from_slice(b", ");
        }
        write_node(out, &self.peer);
        out.extend_from_slice(b";proto=");
        out.extend_from_slice(self.proto.as_bytes());
        if !host.is_empty() {
            out.extend_from_slice(b";host=\"");
            out.extend_from_slice(host.as_bytes());
            out.push(b'"');
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn write_node(out: &mut Vec<u8>, address: &str) {
    if address.contains(':') {
        out.extend_from_slice(b"for=\"[");
        out.extend_from_slice(address.as_bytes());
        out.extend_from_slice(b"]\"");
    } else {
        out.extend_from_slice(b"for=");
        out.extend_from_slice(address.as_bytes());
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn read_address(member: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(member).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(text);
    let address: IpAddr = bare
        .parse()
        .ok()
        .or_else(|| bare.split_once(':').and_then(|(host, _port)| host.parse().ok()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_the_standard_library_writes_them() {
        for text in ["0.0.0.0", "9.10.99.100", "127.0.0.1", "255.255.255.255", "::1", "fe80::a:0"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(*address_text(address), address.to_string());
        }
    }
}
