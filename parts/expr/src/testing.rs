//! What the tests of this room share: an exchange with facts of every type, and values as text.

use std::net::IpAddr;
use std::time::Duration;

use crate::value::{Entries, Map};
use crate::{Condition, Expression, Facts, Schema, SignedDuration, Template, Text, Type, Value};

/// The names of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Method,
    Path,
    Raw,
    Headers,
    Status,
    Sent,
    Share,
    Cached,
    Took,
    Began,
    Client,
    Roles,
    Claims,
    Body,
    Failure,
    Missing,
    Trusted,
}

pub(crate) fn schema() -> Schema<Name> {
    Schema::default()
        .with("request.method", Type::String, Name::Method)
        .with("request.path", Type::String, Name::Path)
        .with("request.raw", Type::String, Name::Raw)
        .with("request.headers", Type::map(Type::String), Name::Headers)
        .with("response.status", Type::Int, Name::Status)
        .with("response.sent", Type::Uint, Name::Sent)
        .with("response.share", Type::Double, Name::Share)
        .with("response.cached", Type::Bool, Name::Cached)
        .with("duration", Type::Duration, Name::Took)
        .with("began", Type::Timestamp, Name::Began)
        .with("client.address", Type::Ip, Name::Client)
        .with("client.roles", Type::list(Type::String), Name::Roles)
        .with("client.claims", Type::map(Type::Dyn), Name::Claims)
        .with("client.trusted", Type::Cidr, Name::Trusted)
        .with("body", Type::Bytes, Name::Body)
        .with("failure", Type::String, Name::Failure)
        .with("missing", Type::Int, Name::Missing)
}

/// Header fields, whose names have no case.
#[derive(Debug)]
struct Headers(Vec<(&'static str, &'static [u8])>);

impl Entries for Headers {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn get(&self, key: &[u8]) -> Option<Value<'_>> {
        let found = self.0.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(key));
        found.map(|(_, value)| Value::from(*value))
    }

    fn key(&self, at: usize) -> Option<Value<'_>> {
        self.0.get(at).map(|(name, _)| Value::from(*name))
    }
}

/// What a JSON document held.
#[derive(Debug)]
struct Claims(Vec<&'static str>);

impl Entries for Claims {
    fn size(&self) -> usize {
        5
    }

    fn get(&self, key: &[u8]) -> Option<Value<'_>> {
        match key {
            b"name" => Some("ann".into()),
            b"level" => Some(Value::Double(3.0)),
            b"admin" => Some(true.into()),
            b"groups" => Some(Value::from(&self.0 as &dyn crate::Items)),
            b"nothing" => Some(Value::Null),
            _ => None,
        }
    }

    fn key(&self, at: usize) -> Option<Value<'_>> {
        ["name", "level", "admin", "groups", "nothing"].get(at).map(|key| Value::from(*key))
    }
}

/// An exchange with a value for every name but `missing`, `failure` and what was left out.
#[derive(Debug)]
pub(crate) struct Exchange {
    headers: Headers,
    roles: Vec<&'static str>,
    claims: Claims,
    path: Vec<u8>,
    client: IpAddr,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            headers: Headers(vec![
                ("Host", b"shop.example"),
                ("User-Agent", b"curl/8.5"),
                ("X-Id", b"42"),
                ("X-Bad", b"a\xffb"),
            ]),
            roles: vec!["reader", "writer"],
            claims: Claims(vec!["eu", "beta"]),
            path: b"/orders/17".to_vec(),
            client: IpAddr::from([10, 1, 2, 3]),
        }
    }
}

impl Exchange {
    pub(crate) fn to(path: Vec<u8>) -> Self {
        Self { path, ..Self::default() }
    }

    pub(crate) fn by(client: IpAddr) -> Self {
        Self { client, ..Self::default() }
    }
}

impl Facts<Name> for Exchange {
    fn value(&self, name: Name) -> Option<Value<'_>> {
        Some(match name {
            Name::Method => "GET".into(),
            Name::Path => self.path.as_slice().into(),
            Name::Raw => b"\xc3\xa9\xff\xe2\x82z".as_slice().into(),
            Name::Headers => Value::from(&self.headers as &dyn Entries),
            Name::Status => Value::Int(404),
            Name::Sent => Value::Uint(1_000),
            Name::Share => Value::Double(0.25),
            Name::Cached => Value::Bool(false),
            Name::Took => Duration::from_millis(1_500).into(),
            Name::Began => {
                Value::from(std::time::UNIX_EPOCH + Duration::from_millis(1_764_379_228_250))
            }
            Name::Client => self.client.into(),
            Name::Roles => Value::from(&self.roles as &dyn crate::Items),
            Name::Claims => Value::from(&self.claims as &dyn Entries),
            Name::Body => Value::Bytes(Text::Borrowed(b"{\xff}")),
            Name::Trusted => Value::Cidr("192.0.2.0/24".parse().ok()?),
            Name::Failure | Name::Missing => return None,
        })
    }
}

/// The value as it would be written, the cause of an error, or the first problem.
pub(crate) fn evaluated(source: &str) -> String {
    match Expression::compile(source, &schema()) {
        Err(problems) => problems[0].to_string(),
        Ok(expression) => match expression.value(&Exchange::default()) {
            Ok(value) => written(&value),
            Err(error) => format!("{} at {}", error.cause.name(), error.at),
        },
    }
}

/// The problems of an expression, one a line.
pub(crate) fn problems(source: &str) -> String {
    let problems = Condition::compile(source, &schema()).err().unwrap_or_default();
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// A template for the facts, with `-` for what is not there; or its first problem.
pub(crate) fn filled(text: &str) -> String {
    match Template::compile(text, &schema()) {
        Err(problems) => problems[0].to_string(),
        Ok(template) => {
            let mut out = Vec::new();
            template.write_or(&Exchange::default(), b"-", &mut out);
            out.escape_ascii().to_string()
        }
    }
}

/// A value in the syntax of the language.
pub(crate) fn written(value: &Value<'_>) -> String {
    let all = |items: Vec<String>| items.join(", ");
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(holds) => holds.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => format!("{number}u"),
        Value::Double(number) => format!("{number:?}"),
        Value::String(text) => format!("\"{}\"", text.escape_ascii()),
        Value::Bytes(bytes) => format!("b\"{}\"", bytes.escape_ascii()),
        Value::Duration(SignedDuration { .. }) | Value::Timestamp(_) => {
            let mut out = Vec::new();
            crate::print::print(value, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        }
        Value::Ip(address) => address.to_string(),
        Value::Cidr(network) => network.to_string(),
        Value::List(list) => format!("[{}]", all(list.iter().map(|it| written(&it)).collect())),
        Value::Map(map) => format!("{{{}}}", all(entries(map))),
    }
}

fn entries(map: &Map<'_>) -> Vec<String> {
    let keys = (0..map.size()).filter_map(|at| map.key(at));
    keys.map(|key| format!("{}: {}", written(&key), written(&map.get(&key).unwrap()))).collect()
}
