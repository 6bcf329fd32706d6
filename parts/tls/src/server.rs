//! TLS towards clients: certificates, versions and resumption of one listener.

use std::collections::HashSet;
use std::sync::Arc;

use rustls::server::NoServerSessionStorage;
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};

use crate::automatic::{Automatic, CHALLENGE_PROTOCOL, Shelf};
use crate::certificate::{Dates, Facts};
use crate::demand::{Demand, DemandText, Met};
use crate::fault::{Fault, Problem};
use crate::names::{ByName, Names};
use crate::session::Session;
use crate::{pem, provider};

/// What a listener says of TLS.
#[derive(Debug, Clone, Default)]
pub struct ServerText<'a> {
    /// In the order in which they are written.
    pub certificates: Vec<Pair<'a>>,
    /// Names whose certificates come from the shelf, in lower case.
    pub automatic: Vec<String>,
    /// What is demanded of clients: first of those that none of the others is for.
    pub demands: Vec<DemandText>,
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
    /// Without tickets; the first is for all names that no other is for.
    offers: Vec<(Arc<Demand>, ServerConfig)>,
    /// The place of an offer by name.
    places: ByName<usize>,
    facts: Vec<Facts>,
    names: Arc<Names>,
    automatic: Arc<HashSet<String>>,
    /// The first of them.
    first: Option<String>,
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
        if text.certificates.is_empty() && text.automatic.is_empty() {
            let hint =
                "add one: `- { certificate: \"${file:cert.pem}\", key: \"${file:key.pem}\" }`";
            problems.push(Problem::new("certificates", "there is no certificate", hint));
        }
        let names = Arc::new(Names::new(&certificates));
        let mut protocols = text.protocols.clone();
        if !text.automatic.is_empty() {
            protocols.push(CHALLENGE_PROTOCOL);
        }
        let mut offers = Vec::new();
        let mut places = ByName::default();
        let others = DemandText::default();
        let demands = if text.demands.is_empty() { &[others][..] } else { &text.demands };
        for (place, demand) in demands.iter().enumerate() {
            let at = place.checked_sub(1).map_or(String::new(), |host| format!("hosts[{host}]."));
            for (index, name) in demand.hosts.iter().enumerate() {
                if places.put(name, place).is_some() {
                    let hint = "every name is written once";
                    let message = format!("the name `{name}` is there already");
                    problems.push(Problem::new(format!("{at}names[{index}]"), message, hint));
                }
            }
            match Demand::compile(demand.clone(), &at) {
                Ok(demand) => offers.push(offer(demand, &names, &protocols)?),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let facts = certificates.into_iter().map(|(facts, _)| facts).collect();
        let automatic = Arc::new(text.automatic.iter().cloned().collect());
        let first = text.automatic.first().cloned();
        Ok(Self { offers, places, facts, names, automatic, first })
    }

    /// What the certificates say, in written order.
    #[must_use]
    pub fn certificates(&self) -> &[Facts] {
        &self.facts
    }

    /// When what clients are shown and measured by begins and ends to be good.
    pub fn dates(&self) -> impl Iterator<Item = Dates> {
        let own = self.facts.iter().enumerate();
        let own = own
            .map(|(index, facts)| Dates::of(facts, format!("certificates[{index}].certificate")));
        own.chain(self.offers.iter().flat_map(|(demand, _)| demand.dates.iter().cloned()))
    }

    /// Makes it ready to accept clients. What clients have of an acceptor of the same listener
    /// that was there before stays good where the same is demanded of them. Certificates that are
    /// not written are looked for on the shelf.
    #[must_use]
    pub fn open(&self, before: Option<&Acceptor>, shelf: &Arc<Shelf>) -> Acceptor {
        let offers = self.offers.iter().map(|(demand, config)| {
            let mut config = config.clone();
            if !self.automatic.is_empty() {
                config.cert_resolver = Arc::new(Automatic {
                    written: Arc::clone(&self.names),
                    names: Arc::clone(&self.automatic),
                    first: self.first.clone(),
                    shelf: Arc::clone(shelf),
                });
            }
            let before = before.into_iter().flat_map(|before| &before.0.offers);
            let same = before.into_iter().find(|(known, _)| known.text == demand.text);
            if let Some((known, before)) = same {
                config.ticketer = Arc::clone(&before.ticketer);
                return (Arc::clone(known), Arc::new(config));
            }
            // Its keys are changed every six hours, and forgotten six hours later. Without it (the
            // system has no randomness) every handshake is a full one. Each demand has its own: what
            // a client showed for one name is worth nothing for another.
            if let Ok(tickets) = rustls::crypto::aws_lc_rs::Ticketer::new() {
                config.ticketer = tickets;
            }
            (Arc::clone(demand), Arc::new(config))
        });
        Acceptor(Arc::new(Offers { offers: offers.collect(), places: self.places.clone() }))
    }
}

/// A configuration of the library under which a demand is met.
fn offer(
    demand: Demand,
    names: &Arc<Names>,
    protocols: &[&[u8]],
) -> Result<(Arc<Demand>, ServerConfig), Vec<Problem>> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider()))
        .with_protocol_versions(demand.text.oldest.versions())
        .map_err(|error| vec![Problem::new("", error.to_string(), "this is a bug")])?;
    let builder = match &demand.verifier {
        Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
        None => builder.with_no_client_auth(),
    };
    let names = Arc::clone(names);
    let mut config = builder.with_cert_resolver(names);
    config.alpn_protocols = protocols.iter().map(|one| one.to_vec()).collect();
    // Tickets hold all that is needed to resume; nothing is remembered here.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok((Arc::new(demand), config))
}

/// What makes sessions with clients.
#[derive(Debug)]
pub struct Acceptor(Arc<Offers>);

/// What clients meet, by the name that they ask for.
#[derive(Debug)]
pub(crate) struct Offers {
    offers: Vec<(Arc<Demand>, Arc<ServerConfig>)>,
    places: ByName<usize>,
}

impl Offers {
    /// What counts for a name; an empty one stands for none.
    pub(crate) fn find(&self, name: &str) -> Option<&(Arc<Demand>, Arc<ServerConfig>)> {
        self.offers.get(self.places.find(name).copied().unwrap_or(0))
    }
}

impl Acceptor {
    /// The settings for all names, if no client is asked for a certificate.
    #[cfg(feature = "quic")]
    pub(crate) fn unasking(&self) -> Option<&ServerConfig> {
        let asks = self.0.offers.iter().any(|(demand, _)| demand.verifier.is_some());
        self.0.offers.first().filter(|_| !asks).map(|(_, config)| &**config)
    }

    /// A session with a client that has just connected.
    ///
    /// # Errors
    /// When the library cannot make one.
    pub fn session(&self) -> Result<Session, Fault> {
        match &*self.0.offers {
            [(demand, config)] => {
                let connection = ServerConnection::new(Arc::clone(config))?;
                Ok(Session::accepted(connection, Arc::clone(demand)))
            }
            _ => Ok(Session::accepting(Arc::clone(&self.0))),
        }
    }

    /// Whether a connection may be used for requests to this host: what is demanded for it was met
    /// when the connection was made. (RFC 9110 section 15.5.20)
    #[must_use]
    pub fn admits(&self, met: &Met, host: &str) -> bool {
        self.0.find(host).is_some_and(|(demand, _)| met.fits(demand))
    }
}

#[cfg(test)]
impl Acceptor {
    /// With its own tickets, under what another one demands.
    pub(crate) fn demanding_as(&self, other: &Self) -> Self {
        let offers = self.0.offers.iter().zip(&other.0.offers);
        let offers =
            offers.map(|((_, config), (demand, _))| (Arc::clone(demand), Arc::clone(config)));
        Self(Arc::new(Offers { offers: offers.collect(), places: self.0.places.clone() }))
    }
}

pub(crate) fn certified(pair: Pair<'_>, at: &str) -> Result<(Facts, Arc<CertifiedKey>), Problem> {
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
