//! TLS towards clients: certificates, versions and resumption of one listener.

use std::sync::Arc;

use rustls::server::NoServerSessionStorage;
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};

use crate::certificate::Facts;
use crate::fault::{Fault, Problem};
use crate::names::Names;
use crate::session::Session;
use crate::{Oldest, pem, provider};

/// What a listener says of TLS.
#[derive(Debug, Clone, Default)]
pub struct ServerText<'a> {
    /// In the order in which they are written.
    pub certificates: Vec<Pair<'a>>,
    /// The oldest version.
    pub oldest: Oldest,
    /// The protocols that are spoken inside, the best first.
    pub protocols: Vec<&'static [u8]>,
}

/// A certificate and its key as PEM texts.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The certificate, then those above it.
    pub certificate: &'a str,
    /// The key.
    pub key: &'a str,
}

/// TLS of a listener, compiled.
#[derive(Debug)]
pub struct Server {
    /// Without tickets.
    config: ServerConfig,
    facts: Vec<Facts>,
}

impl Server {
    /// Compiles settings.
    ///
    /// # Errors
    /// Every problem that is in them.
    pub fn compile(text: &ServerText<'_>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut certificates = Vec::with_capacity(text.certificates.len());
        for (index, pair) in text.certificates.iter().enumerate() {
            match certified(*pair, &format!("certificates[{index}].")) {
                Ok(certified) => certificates.push(certified),
                Err(problem) => problems.push(problem),
            }
        }
        if text.certificates.is_empty() {
            let hint =
                "add one: `- { certificate: \"${file:cert.pem}\", key: \"${file:key.pem}\" }`";
            problems.push(Problem::new("certificates", "there is no certificate", hint));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let names = Names::new(&certificates);
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider()))
            .with_protocol_versions(text.oldest.versions())
            .map_err(|error| vec![Problem::new("", error.to_string(), "this is a bug")])?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(names));
        config.alpn_protocols = text.protocols.iter().map(|one| one.to_vec()).collect();
        // Tickets hold all that is needed to resume; nothing is remembered here.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self { config, facts: certificates.into_iter().map(|(facts, _)| facts).collect() })
    }

    /// What the certificates say, in written order.
    #[must_use]
    pub fn certificates(&self) -> &[Facts] {
        &self.facts
    }

    /// Makes it ready to accept clients. What clients have of an acceptor of the same listener
    /// that was there before stays good.
    #[must_use]
    pub fn open(&self, before: Option<&Acceptor>) -> Acceptor {
        let mut config = self.config.clone();
        if let Some(before) = before {
            config.ticketer = Arc::clone(&before.config.ticketer);
        } else if let Ok(tickets) = rustls::crypto::aws_lc_rs::Ticketer::new() {
            // Its keys are changed every six hours, and forgotten six hours later. Without it (the
            // system has no randomness) every handshake is a full one.
            config.ticketer = tickets;
        }
        Acceptor { config: Arc::new(config) }
    }
}

/// What makes sessions with clients.
#[derive(Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
}

impl Acceptor {
    /// A session with a client that has just connected.
    ///
    /// # Errors
    /// When the library cannot make one.
    pub fn session(&self) -> Result<Session, Fault> {
        Ok(Session::new(ServerConnection::new(Arc::clone(&self.config))?.into()))
    }
}

fn certified(pair: Pair<'_>, at: &str) -> Result<(Facts, Arc<CertifiedKey>), Problem> {
    let at_certificate = format!("{at}certificate");
    let at_key = format!("{at}key");
    let chain = pem::certificates(pair.certificate, &at_certificate)?;
    let unreadable = || {
        let hint = "let `openssl x509 -in FILE -noout -text` show what it is";
        Problem::new(at_certificate.as_str(), "the certificate cannot be read", hint)
    };
    let facts = Facts::of(&chain).ok_or_else(unreadable)?;
    let key = pem::key(pair.key, &at_key)?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok((facts, Arc::new(certified)))
        }
        Err(rustls::Error::InconsistentKeys(_)) => Err(Problem::new(
            at_key,
            format!("the key does not belong to the certificate of {}", facts.subject),
            "give each certificate its own key; the certificate comes first, then those above it",
        )),
        Err(_) => Err(unreadable()),
    }
}
