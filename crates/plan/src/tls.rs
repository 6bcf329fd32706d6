//! The TLS of a listener, from the nouns of the model to settings that are ready.

use std::collections::HashSet;
use std::net::IpAddr;

use yumen_model::report::Report;
use yumen_model::{
    ClientCertificateMode, ClientCertificates, Listener, ListenerProtocol, ListenerTls, Span,
    TlsVersion,
};
use yumen_tls::{ClientsText, DemandText, Oldest, Pair, Server, ServerText};

use crate::ListenerPlan;

/// The protocols that a listener speaks inside TLS, the best first (RFC 7301).
fn protocols(listener: &Listener) -> Vec<&'static [u8]> {
    if listener.protocol != ListenerProtocol::Http {
        return Vec::new();
    }
    let http2 = listener.http2.enabled.then_some(&b"h2"[..]);
    http2.into_iter().chain([&b"http/1.1"[..]]).collect()
}

/// Compiles the TLS of a listener; problems go into the report with paths below `at`.
pub(crate) fn compile(
    listener: &Listener,
    tls: &ListenerTls,
    at: &str,
    report: &mut Report,
) -> Option<Server> {
    let pairs = tls.certificates.iter();
    let text = ServerText {
        certificates: pairs
            .map(|one| Pair { certificate: one.certificate.text(), key: one.key.text() })
            .collect(),
        automatic: tls.acme.iter().map(|name| name.to_ascii_lowercase()).collect(),
        demands: demands(tls, at, report),
        protocols: protocols(listener),
    };
    match Server::compile(&text) {
        Ok(server) => Some(server),
        Err(problems) => {
            for problem in problems {
                report.error(format!("{at}.{}", problem.at), problem.message).hint(problem.hint);
            }
            None
        }
    }
}

/// Checks what a listener tells clients of TLS.
pub(crate) fn check(listener: &Listener, at: &str, report: &mut Report) {
    if let Some(redirect) = &listener.https_redirect {
        if listener.tls.is_some() {
            report
                .error(format!("{at}.https_redirect"), "clients come with TLS here already")
                .hint("write it on the listener without `tls`");
        }
        if redirect.port == 0 {
            report
                .error(format!("{at}.https_redirect.port"), "0 is no port")
                .hint("the port of `https://` as clients see it, such as 443");
        }
    }
    let Some(hsts) = listener.tls.as_ref().and_then(|tls| tls.hsts.as_ref()) else { return };
    if hsts.preload && !(hsts.include_subdomains && hsts.max_age == Span::LONGEST) {
        report
            .error(
                format!("{at}.tls.hsts.preload"),
                "browsers take up only names that are for all names below them, for a year",
            )
            .hint("add `include_subdomains: true` and leave `max_age` at `8760h`");
    }
}

/// Hosts without a certificate that one listener is warned about.
const UNCOVERED_MAX: usize = 10;

/// Warns of hosts for which a listener has no certificate: who asks for one gets the first
/// certificate, which is for other names. Each list of hosts comes with its path.
pub(crate) fn warn<'a>(
    listener: &ListenerPlan,
    lists: impl Iterator<Item = (String, &'a Vec<String>)>,
    report: &mut Report,
) {
    let Some(server) = &listener.tls else { return };
    let is_covered = |host: &str| {
        let known = server.certificates().iter().any(|facts| facts.covers(host));
        let will_be = listener.listener.tls.iter().flat_map(|tls| &tls.acme);
        let will_be = will_be.into_iter().any(|name| name.eq_ignore_ascii_case(host));
        known || will_be || host.starts_with('[') || host.parse::<IpAddr>().is_ok()
    };
    let mut seen = HashSet::new();
    for (at, hosts) in lists {
        for (place, host) in hosts.iter().enumerate() {
            if seen.len() >= UNCOVERED_MAX || is_covered(host) || !seen.insert(host) {
                continue;
            }
            let name = &listener.listener.name;
            report
                .warning(
                    format!("{at}[{place}]"),
                    format!("no certificate of the listener `{name}` is for `{host}`"),
                )
                .hint("add one, or name the listeners that offer the route in its `listeners`");
        }
    }
}

/// What is demanded of clients: first of those that ask for a name that is not under `hosts`.
fn demands(tls: &ListenerTls, at: &str, report: &mut Report) -> Vec<DemandText> {
    let here = format!("{at}.client_certificates");
    let others = DemandText {
        hosts: Vec::new(),
        oldest: oldest(tls.min_version),
        clients: tls.client_certificates.as_ref().and_then(|one| clients(one, &here, report)),
    };
    let mut all = vec![others.clone()];
    for (index, host) in tls.hosts.iter().enumerate() {
        let at = format!("{at}.hosts[{index}]");
        check_hosts(&host.names, &format!("{at}.names"), report);
        let here = format!("{at}.client_certificates");
        all.push(DemandText {
            hosts: host.names.clone(),
            oldest: host.min_version.map_or(others.oldest, oldest),
            clients: match &host.client_certificates {
                Some(own) => clients(own, &here, report),
                None => others.clients.clone(),
            },
        });
    }
    all
}

fn check_hosts(names: &[String], at: &str, report: &mut Report) {
    if names.is_empty() {
        report.error(at, "there is no name").hint("list them, such as `[api.example.com]`");
    }
    for (index, name) in names.iter().enumerate() {
        let host = name.strip_prefix("*.").unwrap_or(name);
        let is_name = host.parse::<IpAddr>().is_err()
            && yumen_http::canonical_host(host).is_ok_and(|canonical| canonical == host);
        if !is_name {
            report
                .error(format!("{at}[{index}]"), format!("`{name}` is no name of a host"))
                .hint("small letters, without port: `api.example.com`, or `*.example.com`");
        }
    }
}

fn clients(text: &ClientCertificates, at: &str, report: &mut Report) -> Option<ClientsText> {
    let optional = match text.mode {
        ClientCertificateMode::Off => {
            for (key, given) in [("ca", text.ca.is_some()), ("crl", text.crl.is_some())] {
                if given {
                    report
                        .error(format!("{at}.{key}"), "with `mode: off` nobody is asked")
                        .hint("take it out, or write `required` or `optional`");
                }
            }
            return None;
        }
        ClientCertificateMode::Required => false,
        ClientCertificateMode::Optional => true,
    };
    let Some(ca) = &text.ca else {
        report
            .error(format!("{at}.ca"), "nobody may have signed the certificates of clients")
            .hint("write `ca: ${file:ca.pem}`: the system's roots are not for clients");
        return None;
    };
    let crl = text.crl.as_ref().map(|crl| crl.text().to_owned());
    Some(ClientsText { optional, ca: ca.text().to_owned(), crl })
}

fn oldest(version: TlsVersion) -> Oldest {
    match version {
        TlsVersion::Tls12 => Oldest::Tls12,
        TlsVersion::Tls13 => Oldest::Tls13,
    }
}
