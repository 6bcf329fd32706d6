//! What a listener demands of clients that ask for some of its names: a version, a certificate.

use std::cell::RefCell;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::certificate::{Dates, Holder};
use crate::fault::{Fault, Problem};
use crate::{Oldest, pem, provider};

const CRL_HINT: &str = "PEM text with `-----BEGIN X509 CRL-----`; `openssl crl -inform DER -in FILE` makes it of a binary one";

/// What is demanded, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DemandText {
    /// The names for which it counts, with `*.` in front of some; none for all others.
    pub hosts: Vec<String>,
    /// The oldest version.
    pub oldest: Oldest,
    /// The certificates of clients, if they are asked for.
    pub clients: Option<ClientsText>,
}

/// What certificates clients may show, as PEM texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientsText {
    /// They may come without one.
    pub optional: bool,
    /// Who may have signed them.
    pub ca: String,
    /// What was revoked.
    pub crl: Option<String>,
}

/// What is demanded, compiled.
#[derive(Debug)]
pub(crate) struct Demand {
    pub(crate) text: DemandText,
    pub(crate) verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// Of the lists of what was revoked.
    pub(crate) dates: Vec<Dates>,
}

impl Demand {
    /// Compiles it; problems have paths below `at`.
    pub(crate) fn compile(text: DemandText, at: &str) -> Result<Self, Problem> {
        let at = format!("{at}client_certificates");
        let mut dates = Vec::new();
        let verifier = match &text.clients {
            None => None,
            Some(clients) => Some(verifier(clients, &at, &mut dates)?),
        };
        Ok(Self { text, verifier, dates })
    }

    /// Whether a connection that was made under another demand would be made under this one too.
    fn accepts(&self, met: &Met) -> bool {
        let old = self.text.oldest == Oldest::Tls13 && met.is_old;
        let shown = match &self.text.clients {
            None => true,
            Some(clients) if met.chain.is_empty() => clients.optional,
            Some(_) => self.verify(&met.chain).is_ok(),
        };
        !old && shown
    }

    fn verify(&self, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        let (Some(verifier), Some((own, above))) = (&self.verifier, chain.split_first()) else {
            return Ok(());
        };
        verifier.verify_client_cert(own, above, UnixTime::now()).map(drop)
    }
}

fn verifier(
    text: &ClientsText,
    at: &str,
    dates: &mut Vec<Dates>,
) -> Result<Arc<dyn ClientCertVerifier>, Problem> {
    let at_ca = format!("{at}.ca");
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(&text.ca, &at_ca)? {
        roots.add(certificate).map_err(|error| {
            let message = format!("a certificate in it cannot be used: {error}");
            Problem::new(at_ca.as_str(), message, pem::CERTIFICATE_HINT)
        })?;
    }
    let at_crl = format!("{at}.crl");
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider()));
    if let Some(crl) = &text.crl {
        let lists: Result<Vec<_>, _> =
            CertificateRevocationListDer::pem_slice_iter(crl.as_bytes()).collect();
        let lists = lists.map_err(|error| {
            Problem::new(at_crl.as_str(), format!("this is no PEM text: {error}"), CRL_HINT)
        })?;
        if lists.is_empty() {
            let message = "there is no list of what was revoked in the text";
            return Err(Problem::new(at_crl, message, CRL_HINT));
        }
        dates.extend(lists.iter().filter_map(|list| Dates::of_list(list, &at_crl)));
        builder = builder.with_crls(lists).enforce_revocation_expiration();
    }
    if text.optional {
        builder = builder.allow_unauthenticated();
    }
    builder
        .build()
        .map_err(|error| Problem::new(at_crl, format!("it cannot be used: {error}"), CRL_HINT))
}

/// How a client met what was demanded: what later requests on its connection are measured by.
#[derive(Debug, Clone)]
pub struct Met {
    demand: Arc<Demand>,
    /// The connection is of TLS 1.2.
    is_old: bool,
    /// What the client showed, its own certificate first.
    chain: Vec<CertificateDer<'static>>,
    /// What became of the demand after a reload, if the connection meets that too.
    since: RefCell<Option<Arc<Demand>>>,
}

impl Met {
    /// What came of a handshake.
    ///
    /// # Errors
    /// When the client resumed a session, and the certificate that it showed then is not good any
    /// more.
    pub(crate) fn new(
        demand: Arc<Demand>,
        connection: &rustls::ServerConnection,
    ) -> Result<Self, Fault> {
        let is_old = connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_2);
        let chain = connection.peer_certificates().unwrap_or_default().to_vec();
        // A ticket says that it was good when the ticket was made.
        if connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed) {
            demand.verify(&chain)?;
        }
        Ok(Self { demand, is_old, chain, since: RefCell::default() })
    }

    /// Who holds the certificate that the client showed, if it showed one.
    ///
    /// # Errors
    /// When it is good but cannot be read.
    pub fn holder(&self) -> Result<Option<Holder>, Fault> {
        let Some((own, above)) = self.chain.split_first() else { return Ok(None) };
        let unreadable = || {
            Fault::from(rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding))
        };
        Holder::read(own, above).map(Some).ok_or_else(unreadable)
    }

    /// Whether the connection may be used for requests of which this is demanded: it was made
    /// under the same demand, or this is what became of that after a reload, and it meets it too.
    pub(crate) fn fits(&self, demand: &Arc<Demand>) -> bool {
        if Arc::ptr_eq(&self.demand, demand) {
            return true;
        }
        let (there, here) = (&self.demand.text, &demand.text);
        if there.oldest == here.oldest && there.clients == here.clients {
            return true;
        }
        if self.since.borrow().as_ref().is_some_and(|since| Arc::ptr_eq(since, demand)) {
            return true;
        }
        let fits = there.hosts == here.hosts && demand.accepts(self);
        if fits {
            *self.since.borrow_mut() = Some(Arc::clone(demand));
        }
        fits
    }
}
