//! What TLS has to do with an exchange: hosts that want a connection of their own, clients that
//! come in clear text, what services are told of certificates, and what clients are told to remember.

use yumen_http::{Body, Malformed, Response, ResponseHead, Status};
use yumen_listen::Door;
use yumen_policy::{Client, Exchange, Failure, FailureKind, Told};

/// The port of `https://` that is not written.
const HTTPS: u16 = 443;

/// An answer for a client that has to come in another way.
///
/// # Errors
/// When the host that is asked for wants a connection of its own.
pub(crate) fn turn_away(door: &Door, exchange: &Exchange) -> Result<Option<Response>, Failure> {
    let client = &exchange.client;
    if client.misdirected {
        return Err(misdirected(client));
    }
    match door.https_redirect {
        Some(port) if client.forwarding.proto() == "http" => to_https(exchange, port).map(Some),
        _ => Ok(None),
    }
}

#[cold]
fn misdirected(client: &Client) -> Failure {
    let name = client.secured.as_ref().and_then(|secured| secured.server_name.as_deref());
    let name = name.unwrap_or("no name");
    let cause = format!("TLS was agreed on for {name}, other settings hold for this host");
    Failure::new(FailureKind::Misdirected).because(cause)
}

/// Sends a client to the same place by way of TLS.
#[cold]
fn to_https(exchange: &Exchange, port: u16) -> Result<Response, Failure> {
    let head = &exchange.request.head;
    if head.host().is_empty() {
        return Err(Failure::new(FailureKind::BadRequest).because("no Host to redirect to"));
    }
    let mut location = format!("https://{}", head.host());
    if port != HTTPS {
        location.push_str(&format!(":{port}"));
    }
    // `OPTIONS *` asks for the server as a whole.
    location.push_str(if head.path() == "*" { "/" } else { head.path() });
    if let Some(query) = head.query() {
        location.push('?');
        location.push_str(query);
    }
    let status = Status::new(308).unwrap_or(Status::OK);
    let mut head = ResponseHead::new(status);
    let added = head.fields_mut().add("Location", location.as_bytes());
    added.map_err(|malformed| Failure::new(FailureKind::BadRequest).because(malformed.0))?;
    Ok(Response::new(head, Body::Empty))
}

/// Puts into a request what the service is told of the client's certificate, instead of what
/// another service was told before.
pub(crate) fn tell(exchange: &mut Exchange, told: &Told, before: &Told) -> Result<(), Failure> {
    let secured = exchange.client.secured.as_ref();
    let Some(identity) = secured.and_then(|secured| secured.identity.as_ref()) else {
        return Ok(());
    };
    let fields = exchange.request.head.fields_mut();
    let malformed = |malformed: Malformed| Failure::new(FailureKind::Internal).because(malformed.0);
    identity.tell(fields, told, before).map_err(malformed)
}

/// Tells a client that came with TLS to come with TLS only, unless the answer says something of
/// its own.
pub(crate) fn remember_tls(door: &Door, client: &Client, response: &mut Response) {
    const NAME: &str = "Strict-Transport-Security";
    let Some(hsts) = door.hsts.as_ref().filter(|_| client.secured.is_some()) else { return };
    let fields = response.head.fields_mut();
    if fields.first(NAME).is_none() {
        // It is good by construction.
        fields.add(NAME, hsts.as_bytes()).unwrap_or_default();
    }
}
