//! What a certificate says: its names, its holder, its time; and when a list of what was revoked
//! ends.

use std::net::IpAddr;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;
use x509_cert::{Certificate, TbsCertificate};

use crate::sha256;

/// What a certificate says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its holder, as RFC 4514 writes it: `CN=a,O=b`.
    pub subject: String,
    /// The names that it is for: DNS names, with `*.` in front of some, and addresses.
    pub names: Vec<String>,
    /// From when on it is good, in seconds since 1970.
    pub begins: u64,
    /// Until when it is good, in seconds since 1970.
    pub expires: u64,
}

/// From when on and until when something is good, in seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dates {
    /// Where it is written, such as `certificates[0].certificate`.
    pub at: String,
    /// What it is, in words.
    pub what: String,
    /// From when on.
    pub begins: u64,
    /// Until when.
    pub ends: u64,
}

impl Dates {
    /// Those of a list of what was revoked, if it says until when it is good.
    pub(crate) fn of_list(list: &CertificateRevocationListDer<'_>, at: &str) -> Option<Self> {
        let list = CertificateList::from_der(list).ok()?.tbs_cert_list;
        Some(Self {
            at: at.to_owned(),
            what: format!("the list of what {} revoked", list.issuer),
            begins: seconds(&list.this_update),
            ends: seconds(list.next_update.as_ref()?),
        })
    }

    /// Those of a certificate.
    #[must_use]
    pub fn of(facts: &Facts, at: String) -> Self {
        let what = format!("the certificate of {}", facts.subject);
        Self { at, what, begins: facts.begins, ends: facts.expires }
    }
}

fn seconds(time: &Time) -> u64 {
    time.to_unix_duration().as_secs()
}

/// Who holds the certificate that a client showed, and what else it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its holder, as RFC 4514 writes it.
    pub subject: String,
    /// Who signed it, as RFC 4514 writes it.
    pub issuer: String,
    /// The names that it is for, each with its sort in front: `dns:`, `uri:`, `email:`, `ip:`.
    pub names: Vec<String>,
    /// The serial number, in hexadecimal digits.
    pub serial: String,
    /// SHA-256 of the certificate, in hexadecimal digits.
    pub fingerprint: String,
    /// The certificate itself, in DER.
    pub certificate: Vec<u8>,
    /// Those that came with it, in DER.
    pub chain: Vec<Vec<u8>>,
}

impl Holder {
    pub(crate) fn read(own: &CertificateDer<'_>, above: &[CertificateDer<'_>]) -> Option<Self> {
        let certificate = Certificate::from_der(own).ok()?.tbs_certificate;
        let sort = |name: &GeneralName| match name {
            GeneralName::DnsName(_) => "dns",
            GeneralName::Rfc822Name(_) => "email",
            GeneralName::UniformResourceIdentifier(_) => "uri",
            _ => "ip",
        };
        let names = alternatives(&certificate);
        let names = names.iter().filter_map(|one| Some(format!("{}:{}", sort(one), name(one)?)));
        let serial = certificate.serial_number.as_bytes();
        let zeros = serial.iter().take_while(|byte| **byte == 0).count();
        Some(Self {
            subject: certificate.subject.to_string(),
            issuer: certificate.issuer.to_string(),
            names: names.collect(),
            serial: hex(serial.get(zeros..).unwrap_or_default()),
            fingerprint: hex(&sha256(own)),
            certificate: own.to_vec(),
            chain: above.iter().map(|one| one.to_vec()).collect(),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn alternatives(certificate: &TbsCertificate) -> Vec<GeneralName> {
    let names = certificate.get::<SubjectAltName>().ok().flatten();
    names.map(|(_critical, names)| names.0).unwrap_or_default()
}

impl Facts {
    /// Reads a certificate; `None` if it is not one.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?.tbs_certificate;
        Some(Self {
            subject: certificate.subject.to_string(),
            names: alternatives(&certificate).iter().filter_map(name).collect(),
            begins: seconds(&certificate.validity.not_before),
            expires: seconds(&certificate.validity.not_after),
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
