//! What is taken over from an answer: nothing that is not named in the configuration.

use std::sync::Arc;

use serde_json::{Map, Value};
use yumen_courier::Answer;
use yumen_http::{Fields, Malformed, RequestHead, Status};
use yumen_inquiry::{Field, Names};

use crate::answered::{Answered, Denied, How, Told, Wrong};

const AUTHORIZATION: &str = "Authorization";
/// What says what a body is; without it nobody could read one.
const OF_BODIES: [&str; 1] = ["content-encoding"];

/// What is taken over.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) to_service: Names,
    pub(crate) authorization: bool,
    pub(crate) to_client: Names,
    pub(crate) refusal: Names,
    pub(crate) refusal_body: bool,
    pub(crate) consumer_from: Option<String>,
    /// Each claim, and the field that it is taken from.
    pub(crate) claims: Vec<(String, String)>,
}

/// What the server decided.
#[derive(Debug)]
pub(crate) enum Said {
    Yes(Box<Yes>),
    No(Denied),
}

/// A request passes.
#[derive(Debug, Default)]
pub(crate) struct Yes {
    fields: Vec<Told>,
    authorization: Vec<Vec<u8>>,
    remove: Vec<String>,
    set_parameters: Vec<(String, String)>,
    remove_parameters: Vec<String>,
    pub(crate) to_client: Vec<Field>,
    /// What names a consumer, if there is one such value.
    pub(crate) consumer: Option<String>,
    pub(crate) claims: Option<Arc<Map<String, Value>>>,
}

/// An answer over HTTP. One that speaks of the server itself decides nothing.
pub(crate) fn of_http(answer: Answer) -> Result<Answered, Wrong> {
    let told = |fields: &Fields| -> Vec<(String, Vec<u8>)> {
        let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        fields.iter().map(|(own, value)| (name(own), value.to_vec())).collect()
    };
    let fields = told(&answer.fields);
    match answer.status.code() {
        200..300 => {
            let told = |(name, value): (String, Vec<u8>)| Told { name, value, how: How::Append };
            let to_client = fields.clone();
            let fields = fields.into_iter().map(told).collect();
            Ok(Answered { fields, to_client, ..Answered::default() })
        }
        // Nobody asked whether something has changed.
        300..500 if answer.status != Status::NOT_MODIFIED => {
            let refused = Denied { status: answer.status, fields, body: answer.body };
            Ok(Answered { refused: Some(refused), ..Answered::default() })
        }
        code => Err(Wrong(format!("it answers with {code}"))),
    }
}

impl Copied {
    /// Takes over what is named.
    pub(crate) fn of(&self, answered: Answered) -> Said {
        if let Some(refused) = answered.refused {
            return Said::No(self.refusal(refused));
        }
        let all = |name: &str| -> Vec<&[u8]> {
            let own = answered.fields.iter().filter(|one| one.name.eq_ignore_ascii_case(name));
            own.map(|one| one.value.as_slice()).collect()
        };
        let text = |value: &[u8]| std::str::from_utf8(value).ok().map(str::to_owned);
        let consumer = self.consumer_from.as_deref().and_then(|name| match *all(name) {
            [value] => text(value).filter(|name| !name.is_empty()),
            _ => None,
        });
        let mut claims = answered.metadata;
        for (claim, name) in &self.claims {
            let values: Option<Vec<Value>> =
                all(name).into_iter().map(|value| text(value).map(Value::String)).collect();
            let value = match values.unwrap_or_default() {
                values if values.len() > 1 => Some(Value::Array(values)),
                values => values.into_iter().next(),
            };
            match value {
                Some(value) => claims.insert(claim.clone(), value),
                None => claims.remove(claim),
            };
        }
        let authorization = if self.authorization { all(AUTHORIZATION) } else { Vec::new() };
        let authorization = authorization.into_iter().map(<[u8]>::to_vec).collect();
        let is_told = |one: &Told| self.to_service.has_free(&one.name);
        Said::Yes(Box::new(Yes {
            authorization,
            consumer,
            claims: (!claims.is_empty()).then(|| Arc::new(claims)),
            to_client: chosen(answered.to_client, &self.to_client),
            fields: answered.fields.into_iter().filter(is_told).collect(),
            remove: answered.remove,
            set_parameters: answered.set_parameters,
            remove_parameters: answered.remove_parameters,
        }))
    }

    fn refusal(&self, Denied { status, fields, body }: Denied) -> Denied {
        let sends_body = self.refusal_body && !status.is_bodiless();
        let is_kept = |name: &str| {
            let is_of_body = OF_BODIES.iter().any(|one| name.eq_ignore_ascii_case(one));
            if is_of_body { sends_body } else { self.refusal.has_free(name) }
        };
        let fields = fields.into_iter().filter(|(name, _)| is_kept(name)).collect();
        Denied { status, fields, body: if sends_body { body } else { Vec::new() } }
    }

    /// Takes out what only the server says: where it stays silent, nobody speaks.
    pub(crate) fn clear(&self, fields: &mut Fields) {
        self.to_service.clear(fields);
    }
}

fn chosen(fields: Vec<(String, Vec<u8>)>, names: &Names) -> Vec<Field> {
    let chosen = fields.into_iter().filter(|(name, _)| names.has_free(name));
    chosen.map(|(name, value)| (name.into(), value.into())).collect()
}

impl Yes {
    /// Changes a request as the server says.
    pub(crate) fn tell(&self, copied: &Copied, head: &mut RequestHead) -> Result<(), Malformed> {
        self.tell_parameters(head)?;
        let fields = head.fields_mut();
        let is_free = |name: &&String| {
            let known = yumen_http::Known::of(name.as_bytes());
            known == yumen_http::Known::Other
        };
        self.remove.iter().filter(is_free).for_each(|name| fields.remove(name));
        copied.clear(fields);
        for Told { name, value, how } in &self.fields {
            let is_there = fields.first(name).is_some();
            match (how, is_there) {
                (How::IfAbsent, true) | (How::IfPresent, false) => {}
                (How::Append, _) | (How::IfAbsent, false) => fields.add(name, value)?,
                (How::Set, _) | (How::IfPresent, true) => fields.set(name, value)?,
            }
        }
        if copied.authorization {
            fields.remove(AUTHORIZATION);
        }
        self.authorization.iter().try_for_each(|value| fields.add(AUTHORIZATION, value))
    }

    fn tell_parameters(&self, head: &mut RequestHead) -> Result<(), Malformed> {
        self.remove_parameters.iter().for_each(|name| head.remove_parameter(name));
        if self.set_parameters.is_empty() {
            return Ok(());
        }
        self.set_parameters.iter().for_each(|(name, _)| head.remove_parameter(name));
        let mut query = head.query_bytes().unwrap_or_default().to_vec();
        for (name, value) in &self.set_parameters {
            if !query.is_empty() {
                query.push(b'&');
            }
            encode(name.as_bytes(), &mut query);
            query.push(b'=');
            encode(value.as_bytes(), &mut query);
        }
        head.set_query(&query)
    }
}

/// Percent-encodes all but what never needs it (RFC 3986 section 2.3).
fn encode(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            let digit = |half: u8| b"0123456789ABCDEF".get(usize::from(half)).copied();
            out.push(b'%');
            out.extend(digit(byte >> 4));
            out.extend(digit(byte & 15));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_encoded() {
        let mut out = Vec::new();
        encode("a b&=\u{e4}~".as_bytes(), &mut out);
        assert_eq!(out, b"a%20b%26%3D%C3%A4~");
    }
}
