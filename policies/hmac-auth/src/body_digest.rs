//! Digests of bodies: `Content-Digest` (RFC 9530) and the older `Digest: SHA-256=...`.

use aws_lc_rs::digest::{Algorithm, SHA256, SHA512, digest};
use data_encoding::BASE64;
use yumen_http::Fields;

use crate::claim::{Covered, Why};
use crate::structured;

/// Digests that a body must have, all of them.
#[derive(Debug)]
pub(crate) struct Digests(Vec<(&'static Algorithm, Vec<u8>)>);

impl Digests {
    /// Those that are covered; `None` if none is.
    pub(crate) fn read(fields: &Fields, covered: &Covered) -> Result<Option<Self>, Why> {
        let mut all = Vec::new();
        if covered.has("content-digest") {
            let text = structured::joined(fields, "content-digest");
            let members = text.and_then(|text| structured::byte_members(&text));
            let members = members.ok_or("Content-Digest is no dictionary of bytes")?;
            let known = members.into_iter().filter_map(|(name, bytes)| Some((hash(&name)?, bytes)));
            all.extend(known);
            if all.is_empty() {
                return Err("Content-Digest has neither sha-256 nor sha-512".into());
            }
        }
        if covered.has("digest") {
            let before = all.len();
            let text = structured::joined(fields, "digest").unwrap_or_default();
            for member in text.split(|byte| *byte == b',') {
                let equals = member.iter().position(|byte| *byte == b'=');
                let (name, value) = equals
                    .and_then(|at| member.split_at_checked(at))
                    .ok_or("Digest cannot be read")?;
                let name = String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase();
                let Some(hash) = hash(&name) else { continue };
                let value = value.get(1..).unwrap_or_default().trim_ascii();
                let bytes = BASE64.decode(value).map_err(|_wrong| "Digest is no base64")?;
                all.push((hash, bytes));
            }
            if all.len() == before {
                return Err("Digest has neither SHA-256 nor SHA-512".into());
            }
        }
        Ok((!all.is_empty()).then_some(Self(all)))
    }

    /// Whether a body has all of them.
    pub(crate) fn are_of(&self, body: &[u8]) -> bool {
        self.0.iter().all(|(hash, bytes)| digest(hash, body).as_ref() == bytes)
    }
}

fn hash(name: &str) -> Option<&'static Algorithm> {
    match name {
        "sha-256" => Some(&SHA256),
        "sha-512" => Some(&SHA512),
        _ => None,
    }
}
