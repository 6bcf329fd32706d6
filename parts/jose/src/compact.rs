//! The compact form of a signed token (RFC 7515 section 7.1): three parts, and what the header says.

use std::fmt;

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::key::is_kid;
use crate::refused::Refused;
use crate::{base64, json};

/// A token as it is written, before anything of it is believed.
pub(crate) struct Compact<'a> {
    /// What is signed: the first two parts, with the dot between them.
    pub(crate) signed: &'a str,
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// What the header of a token says. A key in it, or where to find one (`jwk`, `jku`, `x5u`, `x5c`),
/// is not looked at: who writes a token does not choose the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// How it is signed.
    pub algorithm: Algorithm,
    /// The name of the key.
    pub kid: Option<String>,
    /// The type of the token.
    pub typ: Option<String>,
}

impl<'a> Compact<'a> {
    /// Reads a token of at most so many bytes.
    pub(crate) fn read(token: &'a str, bytes_max: usize) -> Result<Self, Refused> {
        if token.len() > bytes_max {
            return Err(Refused::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Parts)?;
        let (header, payload) = signed.split_once('.').ok_or(Refused::Parts)?;
        match payload.bytes().filter(|byte| *byte == b'.').count() {
            0 => {}
            2 => return Err(Refused::Encrypted),
            _ => return Err(Refused::Parts),
        }
        let decoded = |part| base64::decode(part).ok_or(Refused::Base64);
        let (header, payload) = (decoded(header)?, decoded(payload)?);
        let signature = decoded(signature)?;
        let header = json::object(&header).ok_or(Refused::Header)?;
        Ok(Self { signed, header: Header::read(&header)?, payload, signature })
    }
}

impl Header {
    fn read(header: &Map<String, Value>) -> Result<Self, Refused> {
        for (member, refused) in [
            ("crit", Refused::Critical),
            ("b64", Refused::Unencoded),
            ("zip", Refused::Compressed),
            ("enc", Refused::Encrypted),
        ] {
            if header.contains_key(member) {
                return Err(refused);
            }
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::named);
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if is_kid(kid) => Some(kid.clone()),
            Some(_) => return Err(Refused::KeyId),
        };
        let typ = match header.get("typ") {
            None => None,
            Some(Value::String(typ)) => Some(typ.clone()),
            Some(_) => return Err(Refused::Header),
        };
        Ok(Self { algorithm: algorithm.ok_or(Refused::AlgorithmUnknown)?, kid, typ })
    }
}

impl fmt::Debug for Compact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compact").field("header", &self.header).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(token: &str) -> Result<Header, Refused> {
        Compact::read(token, 1000).map(|token| token.header)
    }

    #[test]
    fn a_token_has_three_parts() {
        let header = base64::encode(b"{\"alg\":\"HS256\"}");
        for (token, expect) in [
            (format!("{header}.e30.AA"), None),
            (format!("{header}.."), None),
            (String::new(), Some(Refused::Parts)),
            (header.clone(), Some(Refused::Parts)),
            (format!("{header}.e30"), Some(Refused::Parts)),
            (format!("{header}.e30.AA."), Some(Refused::Parts)),
            (format!("{header}.e30.AA.AA"), Some(Refused::Parts)),
            (format!("{header}.e30.AA.AA.AA"), Some(Refused::Encrypted)),
            (format!("{header}.e30.AA.AA.AA.AA"), Some(Refused::Parts)),
            ("..".to_owned(), Some(Refused::Header)),
            ("....".to_owned(), Some(Refused::Encrypted)),
            (format!(".{header}.AA"), Some(Refused::Header)),
            (format!("{header}.e30=.AA"), Some(Refused::Base64)),
            (format!("{header}.e30.AB"), Some(Refused::Base64)),
            (format!("Bearer {header}.e30.AA"), Some(Refused::Base64)),
            (format!("{header}.e30.AA{}", "A".repeat(1000)), Some(Refused::TooLong)),
        ] {
            assert_eq!(read(&token).err(), expect, "{token}");
        }
    }

    #[test]
    fn a_header_is_read_exactly() {
        for (header, expect) in [
            (r#"{"alg":"ES256","kid":"a","typ":"JWT","jwk":{},"jku":"x"}"#, None),
            (r#"{}"#, Some(Refused::AlgorithmUnknown)),
            (r#"{"alg":null}"#, Some(Refused::AlgorithmUnknown)),
            (r#"{"alg":["HS256"]}"#, Some(Refused::AlgorithmUnknown)),
            (r#"{"alg":"ES256","kid":1}"#, Some(Refused::KeyId)),
            (r#"{"alg":"ES256","kid":""}"#, Some(Refused::KeyId)),
            (r#"{"alg":"ES256","kid":"a\r\nb"}"#, Some(Refused::KeyId)),
            (r#"{"alg":"ES256","kid":null}"#, Some(Refused::KeyId)),
            (r#"{"alg":"ES256","typ":1}"#, Some(Refused::Header)),
            (r#"{"alg":"ES256","crit":[]}"#, Some(Refused::Critical)),
            (r#"{"alg":"ES256","b64":true}"#, Some(Refused::Unencoded)),
            (r#"{"alg":"ES256","zip":"DEF"}"#, Some(Refused::Compressed)),
            (r#"{"alg":"ES256","enc":"A128GCM"}"#, Some(Refused::Encrypted)),
            (r#"["alg"]"#, Some(Refused::Header)),
            (r#"{"alg":"ES256","alg":"ES256"}"#, Some(Refused::Header)),
        ] {
            let token = format!("{}.e30.AA", base64::encode(header.as_bytes()));
            assert_eq!(read(&token).err(), expect, "{header}");
        }
    }
}
