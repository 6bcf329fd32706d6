//! Host and port: one canonical host, which is read as itself.

use yumen_http::{Authority, canonical_host};

/// Checks one `Host` value, and the same bytes as a host of a config.
pub fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(host) = canonical_host(text)
    {
        check_host(&host);
    }
    let Ok(authority) = Authority::read(data) else { return };
    assert_eq!(authority.as_str().as_bytes(), data);
    let host = authority.host();
    check_host(host);
    let bare = Authority::read(host.as_bytes()).expect("a canonical host is good");
    assert_eq!((bare.host(), bare.port()), (host, None));
    let text = authority.as_str();
    let (written, port) = match (text.rfind(':'), text.rfind(']')) {
        (Some(colon), bracket) if bracket.is_none_or(|bracket| bracket < colon) => {
            (&text[..colon], Some(&text[colon + 1..]))
        }
        _ => (text, None),
    };
    assert_eq!(authority.port().map(u32::from), port.map(|port| port.parse().expect("a number")));
    assert_eq!(canonical_host(written).as_deref(), Ok(host));
}

fn check_host(host: &str) {
    assert_eq!(canonical_host(host).as_deref(), Ok(host), "twice");
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: std::net::Ipv6Addr = address.parse().expect("an address");
        assert_eq!(host, format!("[{address}]"));
        return;
    }
    assert!(!host.is_empty() && host.len() <= 255);
    for label in host.split('.') {
        let good =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_~".contains(&byte);
        assert!(!label.is_empty() && label.bytes().all(good), "{host}");
    }
}
