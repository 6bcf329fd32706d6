//! HTTP message signatures (RFC 9421): from the fields of a request to what it claims.

use yumen_http::Fields;
use yumen_policy::Exchange;

use crate::claim::{Algorithm, Claim, Covered, Why};
use crate::component;
use crate::structured::{self, Bare, InnerList, Item};

/// Signatures that one request may bring.
const SIGNATURES_MAX: usize = 4;
/// Components of one signature.
const COMPONENTS_MAX: usize = 64;
/// The one algorithm of the registry that shares a secret.
const ALGORITHM: &str = "hmac-sha256";

/// A signature that was read, and not looked at further.
#[derive(Debug)]
pub(crate) struct Signed {
    list: InnerList,
    signature: Vec<u8>,
}

/// All signatures of a request; none if it has neither of the two fields.
pub(crate) fn read(fields: &Fields) -> Result<Vec<Signed>, Why> {
    let has = |name| fields.first(name).is_some();
    if !has("signature-input") && !has("signature") {
        return Ok(Vec::new());
    }
    let inputs = structured::joined(fields, "signature-input");
    let inputs = inputs.and_then(|text| structured::lists(&text));
    let inputs = inputs.ok_or("Signature-Input is missing, or is no dictionary of lists")?;
    let signatures = structured::joined(fields, "signature");
    let signatures = signatures.and_then(|text| structured::byte_members(&text));
    let mut signatures = signatures.ok_or("Signature is missing, or is no dictionary of bytes")?;
    if inputs.len() > SIGNATURES_MAX || signatures.len() > SIGNATURES_MAX {
        return Err("the request brings too many signatures".into());
    }
    let signed = inputs.into_iter().map(|(label, list)| {
        let place = signatures.iter().position(|(known, _)| *known == label);
        let place = place.ok_or("there is an input without a signature")?;
        Ok(Signed { list, signature: signatures.swap_remove(place).1 })
    });
    let signed: Vec<Signed> = signed.collect::<Result<_, Why>>()?;
    if signatures.is_empty() {
        Ok(signed)
    } else {
        Err("there is a signature without its input".into())
    }
}

impl Signed {
    fn parameter(&self, name: &str) -> Option<&Bare> {
        self.list.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// What it is for, as it says itself.
    pub(crate) fn tag(&self) -> Option<&str> {
        match self.parameter("tag") {
            Some(Bare::Text(tag)) => Some(tag),
            _ => None,
        }
    }

    /// The name of its key.
    pub(crate) fn key_id(&self) -> Option<&str> {
        match self.parameter("keyid") {
            Some(Bare::Text(id)) => Some(id),
            _ => None,
        }
    }

    /// What it claims of this request.
    pub(crate) fn claim(self, exchange: &Exchange) -> Result<Claim, Why> {
        let id = self.key_id().ok_or("the signature has no keyid")?.to_owned();
        let (made, expires) = self.check_parameters()?;
        let Self { list, signature } = self;
        let mut covered = Covered::default();
        let base = base(exchange, &list, &mut covered)?;
        Ok(Claim {
            id,
            algorithm: Algorithm::Sha256,
            base,
            signature,
            covered,
            made: vec![made],
            expires,
        })
    }

    /// When it was made and until when it is good. All parameters must be of the registry.
    fn check_parameters(&self) -> Result<(i64, Option<i64>), Why> {
        for (name, value) in &self.list.parameters {
            let is_good = match (name.as_str(), value) {
                ("created" | "expires", Bare::Number(_))
                | ("nonce" | "keyid" | "tag", Bare::Text(_)) => true,
                ("alg", Bare::Text(algorithm)) => algorithm == ALGORITHM,
                _ => false,
            };
            if !is_good {
                return Err(format!(
                    "the signature's parameter `{name}` is not known, or not good"
                )
                .into());
            }
        }
        let number = |name| match self.parameter(name) {
            Some(Bare::Number(number)) => Some(*number),
            _ => None,
        };
        let made = number("created").ok_or("the signature does not say when it was made")?;
        Ok((made, number("expires")))
    }
}

/// The signature base (section 2.5), and what goes into it.
fn base(exchange: &Exchange, list: &InnerList, covered: &mut Covered) -> Result<Vec<u8>, Why> {
    if list.items.len() > COMPONENTS_MAX {
        return Err("the signature covers too much".into());
    }
    let mut base = Vec::new();
    for (index, item) in list.items.iter().enumerate() {
        if list.items.iter().take(index).any(|other| same(item, other)) {
            return Err(format!("the signature covers `{}` twice", item.text).into());
        }
        let value = component::value(exchange, item).ok_or_else(|| {
            format!("the signature covers `{}`, which the request does not have so", item.text)
        })?;
        let mut name = String::new();
        structured::write_item(&mut name, item);
        base.extend_from_slice(name.as_bytes());
        base.extend_from_slice(b": ");
        base.extend_from_slice(&value);
        base.push(b'\n');
        covered.add(&item.text);
    }
    let mut last = String::from("\"@signature-params\": ");
    structured::write_list(&mut last, list);
    base.extend_from_slice(last.as_bytes());
    Ok(base)
}

fn same(one: &Item, other: &Item) -> bool {
    one.text == other.text && one.parameters == other.parameters
}
