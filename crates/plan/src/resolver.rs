//! Who is asked for the addresses of names, read from how it is written.

use std::net::{IpAddr, SocketAddr};

use yumen_model::Resolver;
use yumen_model::report::Report;
use yumen_upstream::resolve::{SERVERS_MAX, Servers};

/// Where the DNS answers, unless a port is given.
const PORT: u16 = 53;

/// Compiles it; problems go into the report.
pub(crate) fn compile(resolver: &Resolver, report: &mut Report) -> Servers {
    let mut servers: Vec<SocketAddr> = Vec::new();
    for (index, text) in resolver.nameservers.iter().enumerate() {
        let at = format!("resolver.nameservers[{index}]");
        match read(text) {
            None => {
                report
                    .error(at, format!("`{text}` is no address of a DNS server"))
                    .hint("write an IP address, with a port if it is not 53: `10.0.0.2:5353`");
            }
            Some(server) if servers.contains(&server) => {
                report.error(at, "the same server twice").hint("take one of them out");
            }
            Some(server) => servers.push(server),
        }
    }
    if servers.len() > SERVERS_MAX {
        report
            .error("resolver.nameservers", format!("there are more than {SERVERS_MAX} servers"))
            .hint("keep the nearest ones: each of them must know all names");
    }
    if servers.is_empty() { Servers::System } else { Servers::At(servers) }
}

fn read(text: &str) -> Option<SocketAddr> {
    let address = text.parse().ok();
    let address = address.or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, PORT)));
    address.filter(|server| {
        let ip = server.ip();
        server.port() > 0 && !ip.is_unspecified() && !ip.is_multicast()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(nameservers: &[&str]) -> (Servers, Vec<String>) {
        let nameservers = nameservers.iter().map(ToString::to_string).collect();
        let mut report = Report::default();
        let servers = compile(&Resolver { nameservers }, &mut report);
        (servers, report.problems().iter().map(|one| one.path.clone()).collect())
    }

    #[test]
    fn servers_are_read() {
        assert_eq!(compiled(&[]), (Servers::System, vec![]));
        let (servers, problems) = compiled(&["10.0.0.2", "10.0.0.2:5353", "[fd00::2]:53"]);
        let expect = ["10.0.0.2:53", "10.0.0.2:5353", "[fd00::2]:53"];
        assert_eq!(servers, Servers::At(expect.map(|one| one.parse().unwrap()).to_vec()));
        assert!(problems.is_empty());
        assert_eq!(compiled(&["fd00::2"]).0, Servers::At(vec!["[fd00::2]:53".parse().unwrap()]));
    }

    #[test]
    fn what_is_no_server_is_told() {
        for wrong in
            ["", "dns.internal", "10.0.0.2:0", "10.0.0.2:99999", "0.0.0.0", "224.0.0.1", "10.0.0"]
        {
            assert_eq!(compiled(&["10.0.0.1", wrong]).1, ["resolver.nameservers[1]"], "{wrong}");
        }
        assert_eq!(compiled(&["10.0.0.1", "10.0.0.1:53"]).1, ["resolver.nameservers[1]"]);
        assert_eq!(
            compiled(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]).1,
            ["resolver.nameservers"]
        );
    }
}
