//! PEM texts as certificates and keys.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;

use crate::fault::Problem;
use crate::provider;

pub(crate) const CERTIFICATE_HINT: &str = "PEM text begins with `-----BEGIN CERTIFICATE-----`";
const KEY_HINT: &str =
    "RSA, ECDSA (P-256, P-384, P-521) and Ed25519 keys can be used, as PKCS #8, PKCS #1 or SEC 1";

/// The certificates of a text, at least one.
pub(crate) fn certificates(text: &str, at: &str) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match read {
        Ok(chain) if chain.is_empty() && text.contains("PRIVATE KEY") => {
            Err(Problem::new(at, "this is a key, not a certificate", CERTIFICATE_HINT))
        }
        Ok(chain) if chain.is_empty() => {
            Err(Problem::new(at, "there is no certificate in the text", CERTIFICATE_HINT))
        }
        Ok(chain) => Ok(chain),
        Err(error) => {
            Err(Problem::new(at, format!("this is no PEM text: {error}"), CERTIFICATE_HINT))
        }
    }
}

/// The private key of a text.
pub(crate) fn key(text: &str, at: &str) -> Result<Arc<dyn SigningKey>, Problem> {
    let key = key_bytes(text, at)?;
    provider()
        .key_provider
        .load_private_key(key)
        .map_err(|_unusable| Problem::new(at, "this kind of key cannot be used", KEY_HINT))
}

/// The private key of a text, as it is written.
pub(crate) fn key_bytes(text: &str, at: &str) -> Result<PrivateKeyDer<'static>, Problem> {
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_none| {
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            let hint = "take it off with `openssl pkey -in KEY -out NEW`, and protect the file";
            Problem::new(at, "the key has a password", hint)
        } else if text.contains("BEGIN CERTIFICATE") {
            Problem::new(at, "this is a certificate, not a key", KEY_HINT)
        } else {
            Problem::new(at, "there is no private key in the text", KEY_HINT)
        }
    })
}
