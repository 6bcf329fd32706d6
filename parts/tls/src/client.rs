//! TLS towards services: who is believed, and who we say we are.

use std::sync::{Arc, LazyLock};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::certificate::{Dates, Facts};
use crate::fault::{Fault, Problem};
use crate::session::Session;
use crate::{Oldest, pem, provider};

const CA_HINT: &str = "PEM text with at least one `-----BEGIN CERTIFICATE-----`";

/// What a service says of TLS.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientText {
    /// Who may have signed the service's certificate, as PEM; the system's roots if it is not given.
    pub ca: Option<String>,
    /// The certificate and the key that we show, as PEM.
    pub own: Option<(String, String)>,
    /// Believe anybody.
    pub insecure: bool,
    /// The oldest version.
    pub oldest: Oldest,
    /// The protocols that are spoken inside, the best first.
    pub protocols: Vec<&'static [u8]>,
}

/// Without the key.
impl std::fmt::Debug for ClientText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientText").field("insecure", &self.insecure).finish_non_exhaustive()
    }
}

/// TLS towards a service, compiled. Two are equal if they were compiled of the same text.
#[derive(Debug)]
pub struct Client {
    text: ClientText,
    config: Arc<ClientConfig>,
    /// Of our own certificate.
    dates: Option<Dates>,
}

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A name that a service's certificate must be for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(ServerName<'static>);

impl Name {
    /// Reads a host name or an address without brackets; `None` if no certificate can be for it.
    #[must_use]
    pub fn read(host: &str) -> Option<Self> {
        ServerName::try_from(host.to_owned()).ok().map(Self)
    }
}

impl Client {
    /// Compiles settings.
    ///
    /// # Errors
    /// Every problem that is in them.
    pub fn compile(text: ClientText) -> Result<Self, Vec<Problem>> {
        let bug = |error: Error| vec![Problem::new("", error.to_string(), "this is a bug")];
        let builder = ClientConfig::builder_with_provider(Arc::clone(provider()))
            .with_protocol_versions(text.oldest.versions())
            .map_err(bug)?;
        let builder = if text.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody))
        } else {
            let roots = match &text.ca {
                Some(ca) => given_roots(ca).map_err(|problem| vec![problem])?,
                None => system_roots().map_err(|problem| vec![problem])?,
            };
            builder.with_root_certificates(roots)
        };
        let mut dates = None;
        let mut config = match &text.own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain =
                    pem::certificates(certificate, "own.certificate").map_err(|one| vec![one])?;
                let facts = Facts::of(&chain);
                dates = facts.map(|facts| Dates::of(&facts, "own.certificate".to_owned()));
                let key = pem::key_bytes(key, "own.key").map_err(|one| vec![one])?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    let hint = "give the certificate its own key";
                    vec![Problem::new("own.key", format!("the key cannot be used: {error}"), hint)]
                })?
            }
        };
        config.alpn_protocols = text.protocols.iter().map(|one| one.to_vec()).collect();
        Ok(Self { text, config: Arc::new(config), dates })
    }

    /// The same towards the same services, with other protocols inside, the best first.
    #[must_use]
    pub fn speaking(&self, protocols: &[&'static [u8]]) -> Self {
        let text = ClientText { protocols: protocols.to_vec(), ..self.text.clone() };
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
        Self { text, config: Arc::new(config), dates: self.dates.clone() }
    }

    /// When our own certificate begins and ends to be good, if there is one.
    #[must_use]
    pub fn dates(&self) -> Option<&Dates> {
        self.dates.as_ref()
    }

    /// A session with a service of this name, to which a connection has just been made.
    ///
    /// # Errors
    /// When the library cannot make one.
    pub fn session(&self, name: &Name) -> Result<Session, Fault> {
        let connection = ClientConnection::new(Arc::clone(&self.config), name.0.clone())?;
        Ok(Session::asking(connection.into()))
    }

    /// The same, for who wants to see the service's certificate: nothing that was agreed on before
    /// is taken up again. These protocols are spoken inside, the best first.
    ///
    /// # Errors
    /// When the library cannot make one.
    pub fn fresh_session(&self, name: &Name, protocols: &[&[u8]]) -> Result<Session, Fault> {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::disabled();
        config.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
        let connection = ClientConnection::new(Arc::new(config), name.0.clone())?;
        Ok(Session::asking(connection.into()))
    }
}

fn given_roots(ca: &str) -> Result<Arc<RootCertStore>, Problem> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(ca, "ca")? {
        roots.add(certificate).map_err(|error| {
            Problem::new("ca", format!("a certificate in it cannot be used: {error}"), CA_HINT)
        })?;
    }
    Ok(Arc::new(roots))
}

/// The system's roots, read once in the life of the process, when they are first needed.
fn system_roots() -> Result<Arc<RootCertStore>, Problem> {
    static ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
        let mut roots = RootCertStore::empty();
        // Those that cannot be read or used are left out; that none is left is told below.
        let _counts =
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if ROOTS.is_empty() {
        let hint = "install the package `ca-certificates`, or give `ca`";
        return Err(Problem::new("ca", "this system has no root certificates", hint));
    }
    Ok(Arc::clone(&ROOTS))
}

/// Believes anybody who can sign.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
