//! One PEM text (RFC 7468): what it says it is, and its bytes.

use data_encoding::BASE64;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

use crate::public::Public;
use crate::unusable::Unusable;

/// Bytes of the longest PEM text that is read.
pub const PEM_BYTES_MAX: usize = 64 * 1024;

/// The one block of a text, and nothing but white space around it: its label and its bytes.
pub(crate) fn block(text: &str) -> Result<(&str, Vec<u8>), Unusable> {
    const NONE: Unusable =
        Unusable::Pem("there is no PEM text, such as `-----BEGIN PUBLIC KEY-----`");
    if text.len() > PEM_BYTES_MAX {
        return Err(Unusable::TooLong);
    }
    let inside = text.trim().strip_prefix("-----BEGIN ").ok_or(NONE)?;
    let (label, inside) = inside.split_once("-----").ok_or(NONE)?;
    let (body, end) = inside.split_once("-----END ").ok_or(NONE)?;
    if end.contains("-----BEGIN ") {
        return Err(Unusable::Pem("there is more than one PEM text"));
    }
    if end.strip_suffix("-----") != Some(label) {
        return Err(Unusable::Pem("the PEM text does not end as it begins"));
    }
    let body: String = body.split_ascii_whitespace().collect();
    let bytes = BASE64.decode(body.as_bytes());
    let bytes = bytes.map_err(|_other| Unusable::Pem("the PEM text is no base64"))?;
    Ok((label, bytes))
}

/// The public key in a PEM text: a public key, or the one of a certificate. Of the certificate
/// nothing else is looked at, neither its time nor who signed it.
pub(crate) fn public(text: &str) -> Result<Public, Unusable> {
    let (label, bytes) = block(text)?;
    match label {
        "PUBLIC KEY" => Public::from_spki(&bytes),
        "RSA PUBLIC KEY" => Public::from_pkcs1(&bytes),
        "CERTIFICATE" => {
            let certificate = Certificate::from_der(&bytes);
            let certificate =
                certificate.map_err(|_other| Unusable::Pem("this is no certificate"))?;
            let key = certificate.tbs_certificate.subject_public_key_info.to_der();
            Public::from_spki(&key.map_err(|_other| Unusable::Numbers)?)
        }
        _ if label.contains("PRIVATE KEY") => Err(Unusable::Private),
        _ => Err(Unusable::Pem("this is no public key and no certificate")),
    }
}

/// The bytes of a private key in PKCS #8.
pub(crate) fn private(text: &str) -> Result<Vec<u8>, Unusable> {
    const NONE: Unusable =
        Unusable::Pem("there is no PEM text, such as `-----BEGIN PRIVATE KEY-----`");
    if !text.contains("-----BEGIN ") {
        return Err(NONE);
    }
    match block(text)? {
        ("PRIVATE KEY", bytes) => Ok(bytes),
        ("ENCRYPTED PRIVATE KEY", _) => Err(Unusable::Pem("the key has a password")),
        _ => Err(Unusable::Pem("this is no private key in PKCS #8 (`openssl pkey` writes it)")),
    }
}
