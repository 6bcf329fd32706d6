//! The question of Envoy's external authorization (`envoy.service.auth.v3.CheckRequest`), as bytes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use yumen_policy::{Exchange, Shown};
use yumen_protobuf::{bytes, nested, number};

use crate::question::{Question, host, uri};

/// Writes the question; with the body, if that is sent.
pub(crate) fn write(question: &Question, exchange: &Exchange, body: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    // CheckRequest: attributes = 1.
    nested(&mut out, 1, |out| {
        // AttributeContext: source = 1, destination = 2, request = 4.
        nested(out, 1, |out| write_source(exchange, out));
        nested(out, 2, |out| {
            let service = exchange.route.as_ref().map_or("", |route| &*route.service);
            text(out, 2, service);
        });
        nested(out, 4, |out| {
            // Request: time = 1 (a Timestamp: seconds = 1), http = 2.
            nested(out, 1, |out| number(out, 1, exchange.now));
            nested(out, 2, |out| write_http(question, exchange, body, out));
        });
        question.context.iter().for_each(|(key, value)| entry(out, 10, key, value.as_bytes()));
        let secured = exchange.client.secured.as_deref();
        if let Some(name) = secured.and_then(|secured| secured.server_name.as_deref()) {
            // TLSSession: sni = 1.
            nested(out, 12, |out| text(out, 1, name));
        }
    });
    out
}

/// What is left out is empty.
fn text(out: &mut Vec<u8>, field: u32, value: &str) {
    if !value.is_empty() {
        bytes(out, field, value.as_bytes());
    }
}

/// An entry of a map of texts: key = 1, value = 2. A text is UTF-8.
fn entry(out: &mut Vec<u8>, field: u32, key: &str, value: &[u8]) {
    nested(out, field, |out| {
        bytes(out, 1, key.as_bytes());
        bytes(out, 2, String::from_utf8_lossy(value).as_bytes());
    });
}

/// `Peer`: address = 1, principal = 4.
fn write_source(exchange: &Exchange, out: &mut Vec<u8>) {
    let client = &exchange.client;
    let port = if client.peer.ip() == client.address { client.peer.port() } else { 0 };
    nested(out, 1, |out| write_address(client.address, port, out));
    let secured = client.secured.as_deref();
    let identity = secured.and_then(|secured| secured.identity.as_ref());
    if let Some(identity) = identity {
        text(out, 4, principal(&identity.shown));
    }
}

/// Who a certificate is for: the first URI that it names, else the first host, else its holder.
fn principal(shown: &Shown) -> &str {
    let first = |sort: &str| shown.names.iter().find_map(|name| name.strip_prefix(sort));
    first("uri:").or(first("dns:")).unwrap_or(&shown.subject)
}

/// `Address`: socket_address = 1 (address = 2, port_value = 3).
fn write_address(address: IpAddr, port: u16, out: &mut Vec<u8>) {
    nested(out, 1, |out| {
        text(out, 2, &address.to_string());
        number(out, 3, port.into());
    });
}

/// `HttpRequest`.
fn write_http(question: &Question, exchange: &Exchange, body: Option<&[u8]>, out: &mut Vec<u8>) {
    let head = &exchange.request.head;
    let (uri, host, method) = (uri(head), host(exchange), head.method().as_str());
    let (client, id) = (&exchange.client, exchange.trail.id());
    text(out, 1, id);
    text(out, 2, method);
    let address = client.address.to_string();
    let mut headers: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, value) in question.sent(head) {
        let name = name.to_ascii_lowercase();
        let between: &[u8] = if name == "cookie" { b"; " } else { b"," };
        match headers.get_mut(&name) {
            Some(joined) => {
                joined.extend_from_slice(between);
                joined.extend_from_slice(value);
            }
            None => drop(headers.insert(name, value.to_vec())),
        }
    }
    for (name, value) in [
        (":authority", host),
        (":method", method),
        (":path", &uri),
        (":scheme", client.forwarding.proto()),
        ("x-forwarded-for", &address),
        ("x-forwarded-proto", client.forwarding.proto()),
        ("x-request-id", id),
    ] {
        drop(headers.insert(name.to_owned(), value.as_bytes().to_vec()));
    }
    headers.iter().for_each(|(name, value)| entry(out, 3, name, value));
    text(out, 4, &uri);
    text(out, 5, host);
    text(out, 6, client.forwarding.proto());
    // -1 if it is not known.
    number(out, 9, exchange.request.body.length().unwrap_or(u64::MAX));
    text(out, 10, head.version().name());
    match body.map(std::str::from_utf8) {
        None => {}
        Some(Ok(body)) => text(out, 11, body),
        Some(Err(_binary)) => bytes(out, 12, body.unwrap_or_default()),
    }
}
