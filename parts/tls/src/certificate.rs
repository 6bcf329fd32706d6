//! What a certificate says: its names, its holder, its time.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// What a certificate says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its holder, as RFC 4514 writes it: `CN=a,O=b`.
    pub subject: String,
    /// The names that it is for: DNS names, with `*.` in front of some, and addresses.
    pub names: Vec<String>,
    /// Until when it is good, in seconds since 1970.
    pub expires: u64,
}

impl Facts {
    /// Reads a certificate; `None` if it is not one.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?.tbs_certificate;
        let names = certificate.get::<SubjectAltName>().ok().flatten();
        let names = names.map(|(_critical, names)| names.0).unwrap_or_default();
        Some(Self {
            subject: certificate.subject.to_string(),
            names: names.iter().filter_map(name).collect(),
            expires: certificate.validity.not_after.to_unix_duration().as_secs(),
        })
    }

    pub(crate) fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        Self::read(chain.first()?)
    }

    /// Whether it is for this host.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        let above = host.split_once('.').map(|(_, above)| above);
        self.names.iter().any(|name| {
            name.eq_ignore_ascii_case(host)
                || name
                    .strip_prefix("*.")
                    .zip(above)
                    .is_some_and(|(wild, above)| wild.eq_ignore_ascii_case(above))
        })
    }
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
        GeneralName::Rfc822Name(name) => Some(name.as_str().to_owned()),
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().to_owned()),
        GeneralName::IpAddress(address) => match address.as_bytes() {
            [a, b, c, d] => Some(IpAddr::from([*a, *b, *c, *d]).to_string()),
            long => Some(IpAddr::from(<[u8; 16]>::try_from(long).ok()?).to_string()),
        },
        _ => None,
    }
}
