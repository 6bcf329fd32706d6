//! What expressions may ask of an exchange on its way in.

use std::cell::Cell;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value as Json;
use yumen_expr::{Entries, Facts, List, Map, Schema, Text, Type, Value};
use yumen_http::{Fields, RequestHead, query};
use yumen_policy::{Consumer, Exchange, Shown};

/// One of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Claims,
    ClientAddress,
    ConsumerExternalId,
    ConsumerGroups,
    Consumer,
    ConsumerTags,
    Credential,
    IdentifiedBy,
    IsAnonymous,
    RequestHeaders,
    RequestHost,
    RequestMethod,
    RequestParameters,
    RequestPath,
    RequestProtocol,
    RequestQuery,
    RequestScheme,
    Time,
    TlsClientFingerprint,
    TlsClientSubject,
    TlsVersion,
}

pub(crate) fn schema() -> Schema<Name> {
    let texts = || Type::map(Type::String);
    [
        ("claims", Type::map(Type::Dyn), Name::Claims),
        ("client.address", Type::Ip, Name::ClientAddress),
        ("consumer.external_id", Type::String, Name::ConsumerExternalId),
        ("consumer.groups", Type::list(Type::String), Name::ConsumerGroups),
        ("consumer.name", Type::String, Name::Consumer),
        ("consumer.tags", Type::list(Type::String), Name::ConsumerTags),
        ("credential", Type::String, Name::Credential),
        ("identified_by", Type::String, Name::IdentifiedBy),
        ("is_anonymous", Type::Bool, Name::IsAnonymous),
        ("request.headers", texts(), Name::RequestHeaders),
        ("request.host", Type::String, Name::RequestHost),
        ("request.method", Type::String, Name::RequestMethod),
        ("request.parameters", texts(), Name::RequestParameters),
        ("request.path", Type::String, Name::RequestPath),
        ("request.protocol", Type::String, Name::RequestProtocol),
        ("request.query", Type::String, Name::RequestQuery),
        ("request.scheme", Type::String, Name::RequestScheme),
        ("time", Type::Timestamp, Name::Time),
        ("tls.client_fingerprint", Type::String, Name::TlsClientFingerprint),
        ("tls.client_subject", Type::String, Name::TlsClientSubject),
        ("tls.version", Type::String, Name::TlsVersion),
    ]
    .into_iter()
    .fold(Schema::default(), |schema, (name, is, key)| schema.with(name, is, key))
}

/// An exchange that is asked.
#[derive(Debug)]
pub(crate) struct Asked<'e> {
    exchange: &'e Exchange,
    path: &'e [u8],
    headers: Headers<'e>,
    parameters: Parameters<'e>,
    claims: Claims<'e>,
}

impl<'e> Asked<'e> {
    /// With this path, which may be another one than the request's own.
    pub(crate) fn new(exchange: &'e Exchange, path: &'e [u8]) -> Self {
        let head = &exchange.request.head;
        let (fields, query) = (head.fields(), head.query_bytes().unwrap_or_default());
        Self {
            exchange,
            path,
            headers: Headers { fields, is_ambiguous: Cell::new(false) },
            parameters: Parameters { query, is_ambiguous: Cell::new(false) },
            claims: Claims(exchange.principal.as_ref().and_then(|one| one.claims.as_deref())),
        }
    }

    /// Whether a header field or a parameter was looked at that came several times: whoever looks at
    /// one of them and the service at another can be deceived.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.headers.is_ambiguous.get() || self.parameters.is_ambiguous.get()
    }

    fn head(&self) -> &'e RequestHead {
        &self.exchange.request.head
    }

    fn consumer(&self) -> Option<&'e Consumer> {
        self.exchange.principal.as_ref()?.consumer.as_deref()
    }

    fn shown(&self) -> Option<&'e Shown> {
        let identity = self.exchange.client.secured.as_ref()?.identity.as_ref()?;
        Some(&identity.shown)
    }
}

fn list(words: Option<&[Box<str>]>) -> Value<'_> {
    let words = words.unwrap_or_default().iter().map(|word| Value::from(&**word));
    Value::List(List::Made(words.collect()))
}

impl Facts<Name> for Asked<'_> {
    fn value(&self, name: Name) -> Option<Value<'_>> {
        let Exchange { client, principal, now, .. } = self.exchange;
        let (principal, consumer) = (principal.as_deref(), self.consumer());
        Some(match name {
            Name::Claims => Value::from(&self.claims as &dyn Entries),
            Name::ClientAddress => client.address.into(),
            Name::ConsumerExternalId => {
                consumer.and_then(|one| one.external_id.as_deref()).unwrap_or_default().into()
            }
            Name::ConsumerGroups => list(consumer.map(|one| &one.groups[..])),
            Name::Consumer => consumer.map_or("", |one| &one.name).into(),
            Name::ConsumerTags => list(consumer.map(|one| &one.tags[..])),
            Name::Credential => {
                let credential = principal.and_then(|one| one.credential.as_ref());
                Value::from(credential.map(|one| one.id()).unwrap_or_default())
            }
            Name::IdentifiedBy => principal.map_or("", |one| one.by).into(),
            Name::IsAnonymous => principal.is_none_or(|one| one.is_anonymous).into(),
            Name::RequestHeaders => Value::from(&self.headers as &dyn Entries),
            Name::RequestHost => self.head().host().into(),
            Name::RequestMethod => self.head().method().as_str().into(),
            Name::RequestParameters => Value::from(&self.parameters as &dyn Entries),
            Name::RequestPath => self.path.into(),
            Name::RequestProtocol => self.head().version().name().into(),
            Name::RequestQuery => self.head().query_bytes().unwrap_or_default().into(),
            Name::RequestScheme => client.forwarding.proto().into(),
            Name::Time => (UNIX_EPOCH + Duration::from_secs(*now)).into(),
            Name::TlsClientFingerprint => {
                self.shown().map_or("", |shown| &*shown.fingerprint).into()
            }
            Name::TlsClientSubject => self.shown().map_or("", |shown| &*shown.subject).into(),
            Name::TlsVersion => {
                client.secured.as_ref().and_then(|one| one.version).unwrap_or_default().into()
            }
        })
    }
}

/// Header fields by name, case aside.
#[derive(Debug)]
struct Headers<'e> {
    fields: &'e Fields,
    is_ambiguous: Cell<bool>,
}

impl Entries for Headers<'_> {
    fn size(&self) -> usize {
        self.fields.len()
    }

    fn get(&self, key: &[u8]) -> Option<Value<'_>> {
        let mut values = self.fields.all(std::str::from_utf8(key).ok()?);
        let value = values.next()?;
        if values.next().is_some() {
            self.is_ambiguous.set(true);
        }
        Some(value.into())
    }

    fn key(&self, at: usize) -> Option<Value<'_>> {
        self.fields.iter().nth(at).map(|(name, _)| name.into())
    }
}

/// What a token claims; nothing if there was none.
#[derive(Debug)]
struct Claims<'e>(Option<&'e serde_json::Map<String, Json>>);

impl Entries for Claims<'_> {
    fn size(&self) -> usize {
        self.0.map_or(0, serde_json::Map::len)
    }

    fn get(&self, key: &[u8]) -> Option<Value<'_>> {
        self.0?.get(std::str::from_utf8(key).ok()?).map(claim)
    }

    fn key(&self, at: usize) -> Option<Value<'_>> {
        self.0?.keys().nth(at).map(|key| key.as_str().into())
    }
}

/// A claim as expressions know values. It is no deeper than tokens may be.
fn claim(json: &Json) -> Value<'_> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(holds) => Value::Bool(*holds),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => Value::List(List::Made(items.iter().map(claim).collect())),
        Json::Object(members) => {
            let pairs = members.iter().map(|(key, value)| (key.as_str().into(), claim(value)));
            Value::Map(Map::Made(pairs.collect()))
        }
    }
}

/// Query parameters by decoded name.
#[derive(Debug)]
struct Parameters<'e> {
    query: &'e [u8],
    is_ambiguous: Cell<bool>,
}

impl Parameters<'_> {
    fn names(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let pairs = self.query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            query::decoded(name).collect()
        })
    }
}

impl Entries for Parameters<'_> {
    fn size(&self) -> usize {
        self.names().count()
    }

    fn get(&self, key: &[u8]) -> Option<Value<'_>> {
        let mut values = query::values(self.query, std::str::from_utf8(key).ok()?);
        let value = values.next()?.into_owned();
        if values.next().is_some() {
            self.is_ambiguous.set(true);
        }
        Some(Value::String(Text::Made(value.into())))
    }

    fn key(&self, at: usize) -> Option<Value<'_>> {
        self.names().nth(at).map(|name| Value::String(Text::Made(name.into())))
    }
}
