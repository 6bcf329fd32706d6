//! The PROXY protocol, versions 1 and 2 (HAProxy's specification, sections 2.1 and 2.2): the
//! address of the client in front of a connection, told by a load balancer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::refusal::Malformed;

/// The longest version 1 line, CRLF included.
const V1_LENGTH_MAX: usize = 107;
/// The signature of version 2.
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The most bytes behind the fixed part of version 2 that are accepted.
const V2_LENGTH_MAX: usize = 2048;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHeader {
    /// The client; `None` when the load balancer speaks for itself (`LOCAL`, `UNKNOWN`).
    pub client: Option<SocketAddr>,
    /// The header's length in bytes.
    pub length: usize,
}

/// Reads the header at the front of a connection; `None` while it is not complete.
///
/// # Errors
/// When the bytes cannot become a header.
pub fn read_proxy_header(bytes: &[u8]) -> Result<Option<ProxyHeader>, Malformed> {
    let is_start = |whole: &[u8]| {
        let length = whole.len().min(bytes.len());
        whole.get(..length) == bytes.get(..length)
    };
    if is_start(V2_SIGNATURE) {
        read_v2(bytes)
    } else if is_start(b"PROXY ") {
        read_v1(bytes)
    } else {
        Err(Malformed("no PROXY protocol header"))
    }
}

fn read_v1(bytes: &[u8]) -> Result<Option<ProxyHeader>, Malformed> {
    const BAD: Malformed = Malformed("a bad PROXY v1 line");
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        return if bytes.len() >= V1_LENGTH_MAX { Err(BAD) } else { Ok(None) };
    };
    let length = end + 1;
    let line = bytes.get(..length).and_then(|line| line.strip_suffix(b"\r\n")).ok_or(BAD)?;
    let line = std::str::from_utf8(line).map_err(|_not_ascii| BAD)?;
    if length > V1_LENGTH_MAX {
        return Err(BAD);
    }
    let parts: Vec<&str> = line.split(' ').collect();
    let client = match parts.as_slice() {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", family @ ("TCP4" | "TCP6"), source, target, source_port, target_port] => {
            let source: IpAddr = source.parse().map_err(|_invalid| BAD)?;
            let target: IpAddr = target.parse().map_err(|_invalid| BAD)?;
            if source.is_ipv4() != (*family == "TCP4") || target.is_ipv4() != source.is_ipv4() {
                return Err(BAD);
            }
            read_port(target_port).ok_or(BAD)?;
            Some(SocketAddr::new(source, read_port(source_port).ok_or(BAD)?))
        }
        _ => return Err(BAD),
    };
    Ok(Some(ProxyHeader { client, length }))
}

fn read_port(text: &str) -> Option<u16> {
    let plain = text.len() == 1 || !text.starts_with('0');
    crate::grammar::digits(text.as_bytes())
        .filter(|_| plain)
        .and_then(|port| u16::try_from(port).ok())
}

fn read_v2(bytes: &[u8]) -> Result<Option<ProxyHeader>, Malformed> {
    const BAD: Malformed = Malformed("a bad PROXY v2 header");
    let Some(&[command, family, high, low]) = bytes.get(12..16) else { return Ok(None) };
    let address_length = usize::from(u16::from_be_bytes([high, low]));
    if address_length > V2_LENGTH_MAX {
        return Err(BAD);
    }
    let length = 16 + address_length;
    let Some(addresses) = bytes.get(16..length) else {
        return if matches!(command, 0x20 | 0x21) { Ok(None) } else { Err(BAD) };
    };
    let client = match (command, family) {
        (0x20, _) | (0x21, 0x00) => None,
        (0x21, 0x11) => Some(
            read_v2_address::<4>(addresses)
                .map(|(ip, port)| (Ipv4Addr::from(ip).into(), port))
                .ok_or(BAD)?,
        ),
        (0x21, 0x21) => Some(
            read_v2_address::<16>(addresses)
                .map(|(ip, port)| (Ipv6Addr::from(ip).into(), port))
                .ok_or(BAD)?,
        ),
        _ => return Err(BAD),
    };
    check_extensions(addresses, family).ok_or(BAD)?;
    Ok(Some(ProxyHeader {
        client: client.map(|(ip, port): (IpAddr, u16)| SocketAddr::new(ip, port)),
        length,
    }))
}

/// Source address, target address, source port, target port.
fn read_v2_address<const SIZE: usize>(addresses: &[u8]) -> Option<([u8; SIZE], u16)> {
    let source: [u8; SIZE] = addresses.get(..SIZE)?.try_into().ok()?;
    let port: [u8; 2] = addresses.get(2 * SIZE..2 * SIZE + 2)?.try_into().ok()?;
    addresses.get(2 * SIZE + 2..2 * SIZE + 4)?;
    Some((source, u16::from_be_bytes(port)))
}

/// Extensions (type, length, value) must fill the rest exactly; what they say is not used.
fn check_extensions(addresses: &[u8], family: u8) -> Option<()> {
    let mut rest = match family {
        0x11 => addresses.get(12..)?,
        0x21 => addresses.get(36..)?,
        _ => return Some(()),
    };
    while let [_kind, high, low, tail @ ..] = rest {
        rest = tail.get(usize::from(u16::from_be_bytes([*high, *low]))..)?;
    }
    rest.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(bytes: &[u8]) -> Option<String> {
        read_proxy_header(bytes).unwrap().unwrap().client.map(|client| client.to_string())
    }

    fn v2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [&V2_SIGNATURE[..], &[command, family], &length, addresses].concat()
    }

    #[test]
    fn good_headers() {
        assert_eq!(
            client(b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r\nGET"),
            Some("192.0.2.1:5".into())
        );
        assert_eq!(
            client(b"PROXY TCP6 2001:db8::1 ::1 65535 80\r\n"),
            Some("[2001:db8::1]:65535".into())
        );
        assert_eq!(client(b"PROXY UNKNOWN whatever\r\n"), None);
        let ipv4 = [192, 0, 2, 1, 192, 0, 2, 2, 0, 5, 0, 80];
        assert_eq!(client(&v2(0x21, 0x11, &ipv4)), Some("192.0.2.1:5".into()));
        assert_eq!(client(&v2(0x20, 0x00, &[])), None);
        let with_extension = [&ipv4[..], &[4, 0, 2, 9, 9]].concat();
        assert_eq!(client(&v2(0x21, 0x11, &with_extension)), Some("192.0.2.1:5".into()));
    }

    #[test]
    fn every_beginning_is_incomplete() {
        let v1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r\n".to_vec();
        for whole in [v1, v2(0x21, 0x11, &[192, 0, 2, 1, 192, 0, 2, 2, 0, 5, 0, 80])] {
            for length in 0..whole.len() {
                assert_eq!(read_proxy_header(whole.get(..length).unwrap()), Ok(None), "{length}");
            }
        }
    }

    #[test]
    fn bad_headers() {
        let bad_extension = [192, 0, 2, 1, 192, 0, 2, 2, 0, 5, 0, 80, 4, 0, 9, 1];
        for bytes in [
            b"GET / HTTP/1.1\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5\r\n".to_vec(),
            b"PROXY TCP4 ::1 ::1 5 80\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 +5 80\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5 99999\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 5 80\n".to_vec(),
            [&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat(),
            v2(0x31, 0x11, &[0; 12]),
            v2(0x21, 0x11, &[0; 4]),
            v2(0x21, 0x31, &[0; 216]),
            v2(0x21, 0x11, &bad_extension),
            v2(0x21, 0x11, &[0; 4000]),
        ] {
            assert!(read_proxy_header(&bytes).is_err(), "{bytes:?}");
        }
    }
}
