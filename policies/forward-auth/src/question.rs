//! What the server is told of a request.

use yumen_courier::Request;
use yumen_http::trace::TraceLines;
use yumen_http::{Body, Known, Malformed, RequestHead};
use yumen_inquiry::Names;
use yumen_model::Secret;
use yumen_policy::Exchange;

use crate::check;
use crate::config::Method;

/// The method of Envoy's external authorization.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
/// Fields that are lists of words, or are joined by whoever reads them: they may come in several lines.
const LISTS: [&str; 6] =
    ["accept", "accept-language", "accept-encoding", "cookie", "forwarded", "cache-control"];
/// Fields about the message itself, or about a copy that the client has: to the inquiry they are wrong.
const OF_MESSAGES: [&str; 9] = [
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    "accept-encoding",
    "content-encoding",
    "content-md5",
];

/// Fields that only the gateway says in an inquiry begin so. Some are no fields of the gateway elsewhere, and
/// come as clients write them.
const OWN_STARTS: [&str; 2] = ["x-forwarded-", "x-original-"];

/// What is told.
#[derive(Debug)]
pub(crate) struct Question {
    /// The path and query of the URL.
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) append_path: bool,
    pub(crate) send: Names,
    pub(crate) send_all: bool,
    pub(crate) original: bool,
    pub(crate) headers: Vec<(String, Secret)>,
    pub(crate) context: Vec<(String, String)>,
    pub(crate) answer_max: usize,
}

impl Question {
    /// A field that is sent by its name, or `Authorization`, that came several times: the server could look
    /// at one of them and the service at another.
    pub(crate) fn doubled(&self, head: &RequestHead) -> Option<&str> {
        let is_list = |name: &str| LISTS.iter().any(|one| one.eq_ignore_ascii_case(name));
        let names = self.send.exact().filter(|name| !is_list(name));
        let mut names = names.chain(["Authorization"]);
        names.find(|name| head.fields().all(name).nth(1).is_some())
    }

    /// Whether only the gateway says this in an inquiry.
    fn is_own(&self, name: &str) -> bool {
        let begins = |start: &&str| {
            name.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start))
        };
        OWN_STARTS.iter().any(begins)
            || self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }

    /// The fields of a request that are sent, with their names.
    pub(crate) fn sent<'a>(
        &'a self,
        head: &'a RequestHead,
    ) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let of_message = |name: &str| OF_MESSAGES.iter().any(|one| one.eq_ignore_ascii_case(name));
        let is_sent = move |name: &str| {
            self.send.has(name.as_bytes()) || (self.send_all && !of_message(name))
        };
        let fields = head.fields().iter();
        let fields =
            fields.filter_map(|(name, value)| Some((std::str::from_utf8(name).ok()?, value)));
        fields.filter(move |(name, _)| {
            Known::of(name.as_bytes()) == Known::Other && is_sent(name) && !self.is_own(name)
        })
    }

    /// The question as a request of HTTP; with the body, if that is sent.
    pub(crate) fn http(
        &self,
        exchange: &Exchange,
        body: Option<&[u8]>,
    ) -> Result<Request, Malformed> {
        let head = &exchange.request.head;
        let uri = uri(head);
        let method = match self.method {
            Method::Get => yumen_http::Method::Get,
            Method::Post => yumen_http::Method::Post,
            Method::Same => head.method().clone(),
        };
        let mut request = if self.append_path {
            Request::new(method, &format!("{}{uri}", self.path.trim_end_matches('/')))?
        } else {
            Request::new(method, &self.path)?
        };
        request.answer_max = self.answer_max;
        let is_of_body = |name: &str| name.eq_ignore_ascii_case("content-type");
        let sent = self.sent(head).filter(|(name, _)| body.is_some() || !is_of_body(name));
        sent.into_iter().try_for_each(|(name, value)| request.add(name, value))?;
        if let Some(body) = body {
            let is_sent = self.send_all || self.send.has(b"content-type");
            if let Some(kind) = head.fields().first("content-type").filter(|_| !is_sent) {
                request.add("Content-Type", kind)?;
            }
            request.set_body(body.to_vec());
        }
        let method = head.method().as_str();
        let (proto, host) = (exchange.client.forwarding.proto(), host(exchange));
        let address = exchange.client.address.to_string();
        for (name, value) in [
            ("X-Forwarded-Method", method),
            ("X-Forwarded-Proto", proto),
            ("X-Forwarded-Host", host),
            ("X-Forwarded-Uri", &uri),
            ("X-Forwarded-For", &address),
            ("X-Request-Id", exchange.trail.id()),
        ] {
            request.add(name, value.as_bytes())?;
        }
        if self.original {
            request.add("X-Original-URL", format!("{proto}://{host}{uri}").as_bytes())?;
            request.add("X-Original-URI", uri.as_bytes())?;
            request.add("X-Original-Method", method.as_bytes())?;
        }
        self.add_own(exchange, &mut request)?;
        Ok(request)
    }

    /// The question as a call of gRPC.
    pub(crate) fn grpc(
        &self,
        exchange: &Exchange,
        body: Option<&[u8]>,
    ) -> Result<Request, Malformed> {
        let message = check::write(self, exchange, body);
        let mut request = Request::post(CHECK, message)?;
        request.answer_max = self.answer_max;
        self.add_own(exchange, &mut request)?;
        Ok(request)
    }

    /// What the gateway says for itself.
    fn add_own(&self, exchange: &Exchange, request: &mut Request) -> Result<(), Malformed> {
        for (name, value) in &self.headers {
            request.add(name, value.text().as_bytes())?;
        }
        let Some(trace) = exchange.trail.trace.as_deref() else { return Ok(()) };
        let lines = TraceLines { context: trace.own, state: &trace.state, forms: trace.forms };
        let mut text = Vec::new();
        lines.write(&mut text);
        let text = String::from_utf8_lossy(&text);
        let mut fields = text.split("\r\n").filter_map(|line| line.split_once(": "));
        fields.try_for_each(|(name, value)| request.add(name, value.as_bytes()))
    }
}

/// The path and query that were asked for.
pub(crate) fn uri(head: &RequestHead) -> String {
    match head.query() {
        Some(query) => format!("{}?{query}", head.path()),
        None => head.path().to_owned(),
    }
}

/// The host that was asked for, and its port if that was said.
pub(crate) fn host(exchange: &Exchange) -> &str {
    let authority = exchange.request.head.authority();
    let own = authority.map_or("", yumen_http::Authority::as_str);
    exchange.client.forwarding.host().unwrap_or(own)
}

/// Whether there is a body that could be sent.
pub(crate) fn has_body(exchange: &Exchange) -> bool {
    !matches!(exchange.request.body, Body::Empty)
}
