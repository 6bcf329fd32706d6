//! TLS to a service: what it must prove, compiled from the nouns of the model.

use std::sync::Arc;

use yumen_model::report::Report;
use yumen_model::{Protocol, Service, ServiceTls, TlsVersion};
use yumen_tls::{Client, ClientText, Name, Oldest};

use crate::destination::SECURE;

const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The protocols that are spoken with a service inside TLS, the best first.
pub(crate) fn protocols(protocol: Protocol) -> &'static [&'static [u8]] {
    match protocol {
        Protocol::Auto => &[HTTP2, HTTP1],
        Protocol::Http1 => &[HTTP1],
        Protocol::Http2 => &[HTTP2],
    }
}

/// What a target must prove before it is sent anything.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seal {
    pub(crate) client: Arc<Client>,
    /// The same, for who speaks nothing but HTTP/1.1.
    pub(crate) text: Arc<Client>,
    /// What its certificate must be for.
    pub(crate) name: Name,
}

/// What all targets of a service must prove, until their hosts are known.
pub(crate) struct Proof {
    /// For all protocols, and for HTTP/1.1 only.
    clients: Option<(Arc<Client>, Arc<Client>)>,
    /// Instead of the host.
    name: Option<String>,
}

impl Proof {
    /// Compiles what a service says; problems go into the report with paths below `at`.
    pub(crate) fn compile(service: &Service, at: &str, report: &mut Report) -> Self {
        let targets = service.upstream.iter().flat_map(|upstream| &upstream.targets);
        let mut urls = service.url.iter().chain(targets.map(|target| &target.url));
        let is_needed = urls.any(|url| url.starts_with(SECURE));
        let name = service.tls.as_ref().and_then(|tls| tls.server_name.clone());
        let at = format!("{at}.tls");
        match &service.tls {
            Some(_) if !is_needed => {
                report
                    .error(at, "no target of this service has TLS")
                    .hint("begin its URL with `https://`, or leave `tls` out");
            }
            Some(tls) => {
                let clients = compile(tls, service.protocol, &at, report);
                return Self { clients, name };
            }
            None if is_needed => {
                let clients = compile(&ServiceTls::default(), service.protocol, &at, report);
                return Self { clients, name };
            }
            None => {}
        }
        Self { clients: None, name }
    }

    /// The seal of one target.
    ///
    /// # Errors
    /// When no certificate can be for its host. `None` when there was a problem already.
    pub(crate) fn seal(&self, host: &str) -> Result<Option<Seal>, String> {
        let Some((client, text)) = &self.clients else { return Ok(None) };
        let name = self.name.as_deref().unwrap_or(host);
        let read = Name::read(name);
        let name = read.ok_or_else(|| format!("no certificate can be for the name `{name}`"))?;
        Ok(Some(Seal { client: Arc::clone(client), text: Arc::clone(text), name }))
    }
}

fn compile(
    tls: &ServiceTls,
    protocol: Protocol,
    at: &str,
    report: &mut Report,
) -> Option<(Arc<Client>, Arc<Client>)> {
    if tls.insecure {
        report
            .warning(format!("{at}.insecure"), "anybody on the way can read and change everything")
            .hint("give the authority of the service's certificate in `ca` instead");
        if tls.ca.is_some() {
            report
                .error(format!("{at}.ca"), "there is nothing to verify with `insecure`")
                .hint("keep one of them");
        }
    }
    let text = ClientText {
        ca: tls.ca.as_ref().map(|ca| ca.text().to_owned()),
        own: tls
            .own
            .as_ref()
            .map(|own| (own.certificate.text().to_owned(), own.key.text().to_owned())),
        insecure: tls.insecure,
        oldest: match tls.min_version {
            TlsVersion::Tls12 => Oldest::Tls12,
            TlsVersion::Tls13 => Oldest::Tls13,
        },
        protocols: protocols(protocol).to_vec(),
    };
    let plain = ClientText { protocols: vec![HTTP1], ..text.clone() };
    match Client::compile(text).and_then(|client| Ok((client, Client::compile(plain)?))) {
        Ok((client, plain)) => Some((Arc::new(client), Arc::new(plain))),
        Err(problems) => {
            for problem in problems {
                report.error(format!("{at}.{}", problem.at), problem.message).hint(problem.hint);
            }
            None
        }
    }
}
