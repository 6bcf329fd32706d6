//! The values of what a signature covers (RFC 9421 section 2), of a request as the gateway reads it.

use yumen_http::{Framing, query};
use yumen_policy::Exchange;

use crate::structured::{Bare, Item};

/// Parts of a request that have a name of their own, beside `@query-param`.
pub(crate) const DERIVED: [&str; 7] =
    ["@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"];

/// The value of a component; `None` if it has a parameter that is not known, or there is no such
/// component.
pub(crate) fn value(exchange: &Exchange, item: &Item) -> Option<Vec<u8>> {
    match (item.text.as_str(), item.parameters.as_slice()) {
        ("@query-param", [(key, Bare::Text(name))]) if key == "name" => {
            query_parameter(exchange, name)
        }
        (name, []) if name.starts_with('@') => derived(exchange, name),
        (name, []) => field(exchange, name),
        _ => None,
    }
}

fn derived(exchange: &Exchange, name: &str) -> Option<Vec<u8>> {
    let head = &exchange.request.head;
    let text = match name {
        "@method" => head.method().as_str().as_bytes().to_vec(),
        "@target-uri" => {
            let scheme = exchange.client.forwarding.proto().as_bytes();
            [scheme, b"://", &authority(exchange)?, &request_target(exchange)].concat()
        }
        "@authority" => authority(exchange)?,
        "@scheme" => exchange.client.forwarding.proto().as_bytes().to_vec(),
        "@request-target" => request_target(exchange),
        "@path" => head.path_bytes().to_vec(),
        // A question mark also when there is no query (section 2.2.7).
        "@query" => [b"?", head.query_bytes().unwrap_or_default()].concat(),
        _ => return None,
    };
    Some(text)
}

/// The host in lower case, without the port that its scheme has anyway (section 2.2.3).
fn authority(exchange: &Exchange) -> Option<Vec<u8>> {
    let authority = exchange.request.head.authority()?;
    let usual = if exchange.client.forwarding.proto() == "https" { 443 } else { 80 };
    let port = authority.port().filter(|port| *port != usual);
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    Some([authority.host(), &port].concat().into_bytes())
}

/// Path and query, as the request line has them.
pub(crate) fn request_target(exchange: &Exchange) -> Vec<u8> {
    let head = &exchange.request.head;
    match head.query_bytes() {
        None => head.path_bytes().to_vec(),
        Some(query) => [head.path_bytes(), b"?", query].concat(),
    }
}

/// The one query parameter of this name, which is percent-encoded; its value is encoded anew
/// (section 2.2.8). One that comes twice cannot be covered.
fn query_parameter(exchange: &Exchange, name: &str) -> Option<Vec<u8>> {
    let name: Vec<u8> = query::decoded(name.as_bytes()).collect();
    let name = String::from_utf8(name).ok()?;
    let query = exchange.request.head.query_bytes().unwrap_or_default();
    let mut values = query::values(query, &name);
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    let mut encoded = Vec::with_capacity(value.len());
    for byte in value.iter() {
        if byte.is_ascii_alphanumeric() || b"*-._".contains(byte) {
            encoded.push(*byte);
        } else {
            encoded.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    Some(encoded)
}

/// All lines of a field (section 2.1). Those that only one connection has, and those that the gateway
/// writes itself, are not there.
pub(crate) fn field(exchange: &Exchange, name: &str) -> Option<Vec<u8>> {
    let head = &exchange.request.head;
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    match (name, head.framing()) {
        ("host", _) => return Some(head.authority()?.as_str().as_bytes().to_vec()),
        ("content-length", Framing::Length(length)) => {
            return Some(length.to_string().into_bytes());
        }
        ("content-length", _) => return None,
        _ => {}
    }
    let lines: Vec<&[u8]> = head.fields().all(name).map(<[u8]>::trim_ascii).collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use yumen_http::Forwarding;
    use yumen_policy::testing::exchange;

    use super::*;

    fn check(head: &str, name: &str, parameter: Option<&str>) -> Option<String> {
        let mut exchange = exchange(head);
        let peer = Ipv4Addr::LOCALHOST.to_string();
        let forwarding = Forwarding::direct(peer.into(), "https", false);
        std::rc::Rc::make_mut(&mut exchange.client).forwarding = forwarding;
        let parameters = parameter.map(|name| ("name".to_owned(), Bare::Text(name.to_owned())));
        let parameters = parameters.into_iter().collect();
        let value = value(&exchange, &Item { text: name.to_owned(), parameters });
        value.map(|value| String::from_utf8(value).unwrap())
    }

    /// RFC 9421 section 2.2
    #[test]
    fn components_are_derived_as_the_rfc_does() {
        let at = |target: &str| format!("POST {target} HTTP/1.1\nHost: www.example.com");
        let long = "/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
        let short = "/path?param=value&foo=bar&baz=batman&qux=";
        for (target, name, parameter, expect) in [
            ("/path?param=value", "@method", None, Some("POST")),
            (
                "/path?param=value",
                "@target-uri",
                None,
                Some("https://www.example.com/path?param=value"),
            ),
            ("/path?param=value", "@authority", None, Some("www.example.com")),
            ("/path?param=value", "@scheme", None, Some("https")),
            ("/path?param=value", "@request-target", None, Some("/path?param=value")),
            ("/path?param=value", "@path", None, Some("/path")),
            (
                "/path?param=value&foo=bar&baz=bat%2Dman",
                "@query",
                None,
                Some("?param=value&foo=bar&baz=bat%2Dman"),
            ),
            ("/path?queryString", "@query", None, Some("?queryString")),
            ("/path", "@query", None, Some("?")),
            ("/path?", "@query", None, Some("?")),
            (short, "@query-param", Some("baz"), Some("batman")),
            (short, "@query-param", Some("qux"), Some("")),
            (short, "@query-param", Some("param"), Some("value")),
            (short, "@query-param", Some("none"), None),
            (long, "@query-param", Some("var"), Some("this%20is%20a%20big%0Amultiline%20value")),
            (long, "@query-param", Some("bar"), Some("with%20plus%20whitespace")),
            (long, "@query-param", Some("fa%C3%A7ade%22%3A%20"), Some("something")),
            ("/path", "@status", None, None),
        ] {
            assert_eq!(check(&at(target), name, parameter).as_deref(), expect, "{target} {name}");
        }
        for (host, expect) in [
            ("WWW.Example.com", "www.example.com"),
            ("www.example.com:443", "www.example.com"),
            ("www.example.com:80", "www.example.com:80"),
            ("[2001:DB8::1]:8443", "[2001:db8::1]:8443"),
        ] {
            let head = format!("GET / HTTP/1.1\nHost: {host}");
            assert_eq!(check(&head, "@authority", None).as_deref(), Some(expect), "{host}");
        }
    }

    /// RFC 9421 section 2.1
    #[test]
    fn fields_are_joined_as_the_rfc_does() {
        let head = "GET /path HTTP/1.1\nHost: www.example.com\nDate: Tue, 20 Apr 2021 02:07:56 GMT\n\
            X-OWS-Header:   Leading and trailing whitespace.   \nCache-Control: max-age=60\n\
            X-Empty-Header:\nCache-Control:    must-revalidate\nExample-Dict:  a=1,    b=2;x=1;y=2,   c=(a   b   c)\n\
            Content-Length: 18\nX_A: 1";
        for (name, expect) in [
            ("host", Some("www.example.com")),
            ("date", Some("Tue, 20 Apr 2021 02:07:56 GMT")),
            ("x-ows-header", Some("Leading and trailing whitespace.")),
            ("cache-control", Some("max-age=60, must-revalidate")),
            ("x-empty-header", Some("")),
            ("example-dict", Some("a=1,    b=2;x=1;y=2,   c=(a   b   c)")),
            ("content-length", Some("18")),
            ("x_a", None),
            ("transfer-encoding", None),
            ("none", None),
        ] {
            assert_eq!(check(head, name, None).as_deref(), expect, "{name}");
        }
    }
}
