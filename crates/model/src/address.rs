//! Addresses to listen on, as they are written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Reads `host:port`, `[v6]:port`, `localhost:port` or `:port`, which means all addresses.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn socket_address(address: &str) -> Result<SocketAddr, String> {
    let form = || {
        format!(
            "`{address}` is no address to listen on; write `host:port`, such as `127.0.0.1:8080`"
        )
    };
    let (host, port) = address.rsplit_once(':').ok_or_else(form)?;
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port: u16 = port
        .parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| format!("the port `{port}` is no number from 0 to 65535"))?;
    let ip: Option<IpAddr> = match host {
        "" => Some(Ipv6Addr::UNSPECIFIED.into()),
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        _ => match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(bracketed) => bracketed.parse::<Ipv6Addr>().ok().map(Into::into),
            None => host.parse::<Ipv4Addr>().ok().map(Into::into),
        },
    };
    let ip = ip.ok_or_else(|| {
        format!(
            "`{host}` is neither an IPv4 address, nor an IPv6 address in brackets, nor `localhost`"
        )
    })?;
    Ok(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, expect) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:8080", "[::1]:8080"),
            (":8080", "[::]:8080"),
            ("localhost:1", "127.0.0.1:1"),
        ] {
            assert_eq!(socket_address(text).unwrap().to_string(), expect);
        }
        for text in [
            "",
            "8080",
            "a:80",
            "127.0.0.1:",
            "127.0.0.1:+1",
            "127.0.0.1:65536",
            "::1:80",
            "[::1:80",
        ] {
            assert!(socket_address(text).is_err(), "{text}");
        }
    }
}
