//! Who a client proved to be with a certificate, and how services are told.

use std::fmt::Write;

use yumen_http::{Fields, Malformed};
use yumen_model::CertificateField;

/// A certificate that a client showed and that is good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
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

/// Who a client proved to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The certificate.
    pub shown: Shown,
    /// As fields say it, in the order of [`FIELDS`].
    values: [String; 7],
}

/// What a service is told of the certificates of clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told(Vec<CertificateField>);

impl From<&[CertificateField]> for Told {
    fn from(fields: &[CertificateField]) -> Self {
        Self(fields.to_vec())
    }
}

/// What services can be told, and in which fields.
const FIELDS: [(CertificateField, &str); 7] = [
    (CertificateField::Certificate, "Client-Cert"),
    (CertificateField::Chain, "Client-Cert-Chain"),
    (CertificateField::Subject, "Client-Cert-Subject"),
    (CertificateField::Issuer, "Client-Cert-Issuer"),
    (CertificateField::Names, "Client-Cert-Names"),
    (CertificateField::Serial, "Client-Cert-Serial"),
    (CertificateField::Fingerprint, "Client-Cert-Fingerprint"),
];

impl Identity {
    /// The identity that a certificate proves.
    #[must_use]
    pub fn new(shown: Shown) -> Self {
        let names: Vec<String> = shown.names.iter().map(|name| quoted(name)).collect();
        let chain: Vec<String> = shown.chain.iter().map(|one| bytes(one)).collect();
        let values = [
            bytes(&shown.certificate),
            chain.join(", "),
            printable(&shown.subject),
            printable(&shown.issuer),
            names.join(", "),
            shown.serial.clone(),
            shown.fingerprint.clone(),
        ];
        Self { shown, values }
    }

    /// Puts what a service is told into a request's fields, instead of what another one was told
    /// before.
    ///
    /// # Errors
    /// When a value breaks the head, which none does.
    pub fn tell(&self, fields: &mut Fields, told: &Told, before: &Told) -> Result<(), Malformed> {
        for (name, _) in before.0.iter().filter_map(|field| self.field(*field)) {
            fields.remove(name);
        }
        told.0
            .iter()
            .filter_map(|field| self.field(*field))
            .try_for_each(|(name, value)| fields.set(name, value.as_bytes()))
    }

    /// Name and value of a field; `None` if there is nothing to be said in it.
    fn field(&self, field: CertificateField) -> Option<(&'static str, &str)> {
        let mut known = FIELDS.iter().zip(&self.values);
        let ((_, name), value) = known.find(|((known, _), _)| *known == field)?;
        Some((*name, value.as_str())).filter(|(_, value)| !value.is_empty())
    }
}

/// A byte sequence (RFC 8941 section 3.3.5).
fn bytes(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4 + 2);
    out.push(':');
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0_u32, |all, byte| (all << 8) | u32::from(*byte));
        let all = all << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = (all >> (18 - 6 * place)) & 63;
            let digit = usize::try_from(digit).ok().and_then(|digit| DIGITS.get(digit));
            out.push(if place > three.len() {
                '='
            } else {
                digit.copied().map_or('=', char::from)
            });
        }
    }
    out.push(':');
    out
}

/// A string (RFC 8941 section 3.3.3); characters that it cannot have are percent-encoded.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            // To write into memory cannot fail.
            _ => write!(out, "%{byte:02X}").unwrap_or_default(),
        }
    }
    out.push('"');
    out
}

/// A name of RFC 4514 in ASCII: other bytes are escaped as its section 2.4 says.
fn printable(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b' '..=b'~' => out.push(char::from(byte)),
            // To write into memory cannot fail.
            _ => write!(out, "\\{byte:02X}").unwrap_or_default(),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_rfc_4648_does() {
        for (plain, expect) in [
            ("", "::"),
            ("f", ":Zg==:"),
            ("fo", ":Zm8=:"),
            ("foo", ":Zm9v:"),
            ("foob", ":Zm9vYg==:"),
            ("\u{3f}\u{ff}~", ":P8O/fg==:"),
        ] {
            assert_eq!(bytes(plain.as_bytes()), expect, "{plain}");
        }
    }

    #[test]
    fn a_name_cannot_break_out_of_its_field() {
        let shown = Shown {
            subject: "CN=b\u{fc}ro\r\nX-Admin: 1".to_owned(),
            names: vec!["dns:a.test".to_owned(), "uri:x\", \"dns:admin".to_owned()],
            ..Shown::default()
        };
        let identity = Identity::new(shown);
        let field = |field| identity.field(field).unwrap_or_default().1;
        assert_eq!(field(CertificateField::Subject), r"CN=b\C3\BCro\0D\0AX-Admin: 1");
        assert_eq!(field(CertificateField::Names), r#""dns:a.test", "uri:x\", \"dns:admin""#);
        assert_eq!(field(CertificateField::Chain), "");
    }
}
