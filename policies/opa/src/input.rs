//! What a decision may depend on: the same names as in the expressions of `rules`, as a document.

use serde::Serialize;
use serde_json::{Map, Value};
use yumen_http::{Fields, Known, RequestHead, query};
use yumen_inquiry::Names;
use yumen_policy::{Consumer, Exchange, Secured};

/// Query parameters that are told one by one; a request with more is refused.
const PARAMETERS_MAX: usize = 1000;
/// Fields that are lists of words: they may come in several lines.
const LISTS: [&str; 5] =
    ["accept", "accept-language", "accept-encoding", "cookie", "cache-control"];

/// What is told of each request.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) headers: Names,
    pub(crate) context: Map<String, Value>,
}

/// A request that cannot be told as one thing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ambiguous {
    /// A field of this name came several times.
    Field(String),
    /// There are too many parameters.
    Parameters,
}

/// The question.
#[derive(Serialize)]
struct Question<'a> {
    input: Document<'a>,
}

/// What a decision may depend on.
#[derive(Serialize)]
struct Document<'a> {
    request: Asked<'a>,
    client: Client,
    consumer: Option<Caller<'a>>,
    credential: &'a str,
    identified_by: &'a str,
    is_anonymous: bool,
    claims: &'a Map<String, Value>,
    tls: Option<Tls<'a>>,
    route: &'a str,
    service: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    context: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct Asked<'a> {
    method: &'a str,
    scheme: &'a str,
    host: &'a str,
    path: &'a str,
    segments: Vec<String>,
    query: &'a str,
    parameters: Map<String, Value>,
    headers: Map<String, Value>,
    protocol: &'a str,
}

#[derive(Serialize)]
struct Client {
    address: String,
}

#[derive(Serialize)]
struct Caller<'a> {
    name: &'a str,
    external_id: &'a str,
    groups: &'a [Box<str>],
    tags: &'a [Box<str>],
}

#[derive(Serialize)]
struct Tls<'a> {
    version: &'a str,
    server_name: &'a str,
    client_subject: &'a str,
    client_names: &'a [String],
    client_fingerprint: &'a str,
}

impl Input {
    /// The question, as the server is asked it.
    pub(crate) fn write(&self, exchange: &Exchange) -> Result<String, Ambiguous> {
        let Exchange { client, principal, route, .. } = exchange;
        let head = &exchange.request.head;
        let principal = principal.as_deref();
        let consumer = principal.and_then(|one| one.consumer.as_deref());
        let credential = principal.and_then(|one| one.credential.as_ref());
        let credential = credential.map(|one| one.id()).unwrap_or_default();
        let nothing = Map::new();
        let request = Asked {
            method: head.method().as_str(),
            scheme: client.forwarding.proto(),
            host: head.host(),
            path: head.path(),
            segments: segments(head.path_bytes()),
            query: head.query().unwrap_or_default(),
            parameters: parameters(head)?,
            headers: self.sent(head.fields())?,
            protocol: head.version().name(),
        };
        let input = Document {
            request,
            client: Client { address: client.address.to_string() },
            consumer: consumer.map(told),
            credential: &credential,
            identified_by: principal.map_or("", |one| one.by),
            is_anonymous: principal.is_none_or(|one| one.is_anonymous),
            claims: principal.and_then(|one| one.claims.as_deref()).unwrap_or(&nothing),
            tls: client.secured.as_deref().map(tls),
            route: route.as_ref().map_or("", |one| &*one.route),
            service: route.as_ref().map_or("", |one| &*one.service),
            context: &self.context,
        };
        // Texts and maps of texts can always be written.
        serde_json::to_string(&Question { input }).map_err(|_never| Ambiguous::Parameters)
    }

    /// The fields that are told, by names in lower case.
    fn sent(&self, fields: &Fields) -> Result<Map<String, Value>, Ambiguous> {
        let mut map: Map<String, Value> = Map::new();
        for (name, value) in fields.iter() {
            if !self.headers.has(name) || Known::of(name) != Known::Other {
                continue;
            }
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            let value = String::from_utf8_lossy(value);
            let is_list = LISTS.contains(&name.as_str());
            match map.get_mut(&name) {
                None => drop(map.insert(name, Value::String(value.into_owned()))),
                Some(Value::String(joined)) if is_list => {
                    joined.push_str(if name == "cookie" { "; " } else { ", " });
                    joined.push_str(&value);
                }
                // Whoever looks at one of them and the service at another can be deceived.
                Some(_) => return Err(Ambiguous::Field(name)),
            }
        }
        Ok(map)
    }
}

fn told(consumer: &Consumer) -> Caller<'_> {
    Caller {
        name: &consumer.name,
        external_id: consumer.external_id.as_deref().unwrap_or_default(),
        groups: &consumer.groups,
        tags: &consumer.tags,
    }
}

fn tls(secured: &Secured) -> Tls<'_> {
    let shown = secured.identity.as_ref().map(|identity| &identity.shown);
    Tls {
        version: secured.version.unwrap_or_default(),
        server_name: secured.server_name.as_deref().unwrap_or_default(),
        client_subject: shown.map_or("", |shown| &*shown.subject),
        client_names: shown.map(|shown| &*shown.names).unwrap_or_default(),
        client_fingerprint: shown.map_or("", |shown| &*shown.fingerprint),
    }
}

/// The segments of a path, decoded; `/` is one that is empty.
fn segments(path: &[u8]) -> Vec<String> {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    path.split(|byte| *byte == b'/').map(decoded).collect()
}

/// What a segment stands for: unlike in a query, `+` is a plus.
fn decoded(segment: &[u8]) -> String {
    let mut out = Vec::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.split_first_chunk::<2>().filter(|_| *first == b'%');
        let byte = hex.and_then(|(hex, after)| Some((query::hex_byte(*hex)?, after)));
        let (byte, after) = byte.unwrap_or((*first, tail));
        out.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The values of each parameter, decoded.
fn parameters(head: &RequestHead) -> Result<Map<String, Value>, Ambiguous> {
    let text = |part: &[u8]| {
        let bytes: Vec<u8> = query::decoded(part).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mut map: Map<String, Value> = Map::new();
    let query = head.query_bytes().unwrap_or_default();
    let pairs = query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    for (count, pair) in pairs.enumerate() {
        if count >= PARAMETERS_MAX {
            return Err(Ambiguous::Parameters);
        }
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = text(halves.next().unwrap_or_default());
        let value = Value::String(text(halves.next().unwrap_or_default()));
        match map.get_mut(&name) {
            Some(Value::Array(values)) => values.push(value),
            _ => drop(map.insert(name, Value::Array(vec![value]))),
        }
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_what_they_stand_for() {
        for (path, expect) in [
            ("/", &[""][..]),
            ("/a/b", &["a", "b"]),
            ("/a/", &["a", ""]),
            ("/a%20b+c/%C3%A4", &["a b+c", "\u{e4}"]),
            ("/a%2/%zz", &["a%2", "%zz"]),
            ("*", &["*"]),
        ] {
            assert_eq!(segments(path.as_bytes()), expect, "{path}");
        }
    }
}
