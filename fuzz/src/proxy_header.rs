//! The PROXY protocol's header: the same in any pieces, and read again as it is understood.

use yumen_http::read_proxy_header;

/// Checks one stream of bytes as what a load balancer sends first.
pub fn check(data: &[u8]) {
    let whole = read_proxy_header(data);
    for end in 0..data.len() {
        let part = read_proxy_header(&data[..end]);
        match (part, whole) {
            (Ok(None), _) => {}
            (Err(_), whole) => assert!(whole.is_err(), "{end} bytes are refused, all are not"),
            (Ok(Some(header)), whole) => assert_eq!(Ok(Some(header)), whole, "{end} bytes"),
        }
    }
    let Ok(Some(header)) = whole else { return };
    assert!(header.length <= data.len());
    for end in 0..header.length {
        assert_eq!(read_proxy_header(&data[..end]), Ok(None), "{end} of {}", header.length);
    }
    let Some(client) = header.client else { return };
    if let Some(line) = data[..header.length].strip_prefix(b"PROXY ") {
        let port = line.split(|byte| *byte == b' ').nth(3).expect("a port");
        assert_eq!(
            port,
            client.port().to_string().as_bytes(),
            "a port that can be read in two ways"
        );
    }
    let (family, target) = if client.is_ipv4() { ("TCP4", "192.0.2.1") } else { ("TCP6", "::1") };
    let line = format!("PROXY {family} {} {target} {} 80\r\n", client.ip(), client.port());
    let again = read_proxy_header(line.as_bytes()).expect("good").expect("whole");
    assert_eq!(
        (again.client.map(|client| (client.ip(), client.port())), again.length),
        (Some((client.ip(), client.port())), line.len())
    );
}
