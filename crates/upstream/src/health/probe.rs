//! Probes: what is asked of an endpoint, and what a good answer is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use regex_automata::meta::Regex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use yumen_http::{Authority, Decoder, HeadIndex, HeadLimits, Method, ResponseHead};
use yumen_model::report::Report;
use yumen_model::{Active, BodyMatch, Initially, Probe};

use super::rules::millis;

/// The most that is read of an answer to a probe.
const ANSWER_MAX: usize = 64 * 1024;
/// Header fields of an answer to a probe.
const FIELDS_MAX: usize = 200;

/// How endpoints are probed; times in milliseconds.
#[derive(Debug, Clone)]
pub(super) struct Checks {
    pub(super) interval: u64,
    pub(super) timeout: Duration,
    pub(super) healthy_after: u32,
    pub(super) unhealthy_after: u32,
    pub(super) initially_unhealthy: bool,
    port: Option<u16>,
    question: Arc<Question>,
}

/// What is asked.
#[derive(Debug)]
enum Question {
    Tcp,
    Http {
        method: String,
        path: String,
        host: Option<String>,
        /// From and to.
        statuses: Vec<(u16, u16)>,
        body: Wanted,
    },
}

/// What a body must hold.
#[derive(Debug)]
enum Wanted {
    Anything,
    Text(String),
    Regex(Regex),
}

impl Checks {
    /// `None` if it is wrong; [`check_active`] says why.
    pub(super) fn compile(active: &Active) -> Option<Self> {
        let question = match &active.probe {
            Probe::Tcp => Question::Tcp,
            Probe::Http(http) => Question::Http {
                method: http.method.clone(),
                path: http.path.clone(),
                host: http.host.clone(),
                statuses: http
                    .status
                    .iter()
                    .map(|text| statuses(text))
                    .collect::<Option<Vec<_>>>()?,
                body: match &http.body {
                    None => Wanted::Anything,
                    Some(BodyMatch::Contains(text)) => Wanted::Text(text.clone()),
                    Some(BodyMatch::Regex(text)) => Wanted::Regex(Regex::new(text).ok()?),
                },
            },
        };
        Some(Self {
            interval: millis(active.interval),
            timeout: active.timeout.get()?,
            healthy_after: active.healthy_after,
            unhealthy_after: active.unhealthy_after,
            initially_unhealthy: active.initially == Initially::Unhealthy,
            port: active.port,
            question: Arc::new(question),
        })
    }

    /// Probes the endpoint of this address; says what was wrong.
    pub(super) fn probe(
        &self,
        mut address: SocketAddr,
        authority: &Arc<str>,
    ) -> impl Future<Output = Result<(), String>> + Send + 'static {
        address.set_port(self.port.unwrap_or(address.port()));
        let (question, authority) = (Arc::clone(&self.question), Arc::clone(authority));
        let timeout = self.timeout;
        async move {
            match tokio::time::timeout(timeout, question.ask(address, &authority)).await {
                Ok(ended) => ended,
                Err(_) => Err(format!("no answer within {} ms", timeout.as_millis())),
            }
        }
    }
}

impl Question {
    async fn ask(&self, address: SocketAddr, authority: &str) -> Result<(), String> {
        let stream = TcpStream::connect(address).await;
        let mut stream = stream.map_err(|error| format!("cannot connect: {error}"))?;
        let Self::Http { method, path, host, statuses, body } = self else { return Ok(()) };
        let host = host.as_deref().unwrap_or(authority);
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: yumen-health\r\n\
             Accept: */*\r\nConnection: close\r\n\r\n"
        );
        let sent = stream.write_all(request.as_bytes()).await;
        sent.map_err(|error| format!("cannot send: {error}"))?;
        let (head, bytes) = read_head(&mut stream).await?;
        let status = head.status().code();
        if !statuses.iter().any(|(from, to)| (*from..=*to).contains(&status)) {
            return Err(format!("the status is {status}"));
        }
        if let Wanted::Anything = body {
            return Ok(());
        }
        let text = read_body(&mut stream, &head, method, bytes).await?;
        if body.fits(&text) { Ok(()) } else { Err("the body is another".to_owned()) }
    }
}

impl Wanted {
    fn fits(&self, body: &[u8]) -> bool {
        match self {
            Self::Anything => true,
            Self::Text(text) if text.is_empty() => true,
            Self::Text(text) => body.windows(text.len()).any(|part| part == text.as_bytes()),
            Self::Regex(regex) => regex.is_match(body),
        }
    }
}

/// Reads the head of the answer, past interim ones; with it what came behind.
async fn read_head(stream: &mut TcpStream) -> Result<(Box<ResponseHead>, Vec<u8>), String> {
    let limits =
        HeadLimits { head: ANSWER_MAX, target: ANSWER_MAX, field: ANSWER_MAX, fields: FIELDS_MAX };
    let mut bytes = Vec::new();
    let mut index = HeadIndex::default();
    loop {
        match index.find(&bytes, &limits) {
            Err(_) => return Err("the answer is not HTTP/1.1".to_owned()),
            Ok(Some(length)) => {
                let rest = bytes.split_off(length);
                let head = ResponseHead::read(&bytes, std::mem::take(&mut index));
                let head = head.map_err(|malformed| malformed.to_string())?;
                if !head.status().is_interim() {
                    return Ok((head, rest));
                }
                bytes = rest;
            }
            Ok(None) => {
                let read = stream.read_buf(&mut bytes).await;
                match read.map_err(|error| error.to_string())? {
                    0 => return Err("closed without an answer".to_owned()),
                    _ if bytes.len() > ANSWER_MAX => return Err("the head is too large".to_owned()),
                    _ => {}
                }
            }
        }
    }
}

/// Reads as much of the body as is looked at.
async fn read_body(
    stream: &mut TcpStream,
    head: &ResponseHead,
    method: &str,
    mut fresh: Vec<u8>,
) -> Result<Vec<u8>, String> {
    let method = Method::read(method.as_bytes()).ok_or("no method")?;
    let mut decoder = Decoder::new(head.body_framing(&method), ANSWER_MAX);
    let mut body = Vec::new();
    loop {
        if !fresh.is_empty() {
            let from = body.len();
            body.append(&mut fresh);
            let step =
                decoder.decode(&mut body, from).map_err(|malformed| malformed.to_string())?;
            body.truncate(body.len() - step.surplus);
            if step.end || body.len() >= ANSWER_MAX {
                body.truncate(ANSWER_MAX);
                return Ok(body);
            }
        } else if decoder.is_done() {
            return Ok(body);
        }
        if stream.read_buf(&mut fresh).await.map_err(|error| error.to_string())? == 0 {
            return if decoder.ends_at_close() { Ok(body) } else { Err("cut off".to_owned()) };
        }
    }
}

/// `200` or `200-399`.
fn statuses(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (100 <= from && from <= to && to <= 599).then_some((from, to))
}

/// Checks what a config says of probes.
pub(super) fn check_active(active: &Active, at: &str, report: &mut Report) {
    for (key, span) in [("interval", active.interval), ("timeout", active.timeout)] {
        if span.get().is_none_or(|span| span < Duration::from_millis(100)) {
            report
                .error(format!("{at}.{key}"), format!("`{span}` is less than 100ms"))
                .hint("write a time such as `5s`; without probes, leave `active` out");
        }
    }
    for (key, count) in
        [("healthy_after", active.healthy_after), ("unhealthy_after", active.unhealthy_after)]
    {
        if count == 0 {
            report.error(format!("{at}.{key}"), "it takes at least one probe").hint("write 1");
        }
    }
    if active.port == Some(0) {
        report
            .error(format!("{at}.port"), "port 0 is no port to connect to")
            .hint("leave it out for the target's own");
    }
    let Probe::Http(http) = &active.probe else { return };
    let at = format!("{at}.probe.http");
    let is_plain = http.path.bytes().all(|byte| byte.is_ascii_graphic());
    if !http.path.starts_with('/') || !is_plain {
        report
            .error(format!("{at}.path"), format!("`{}` is no path", http.path))
            .hint("write it as it is sent, such as `/healthz`");
    }
    if !yumen_http::is_token(http.method.as_bytes()) {
        report
            .error(format!("{at}.method"), format!("`{}` is no method", http.method))
            .hint("write `GET` or `HEAD`");
    }
    if let Some(host) = &http.host
        && let Err(malformed) = Authority::read(host.as_bytes())
    {
        report
            .error(format!("{at}.host"), format!("`{host}` is no host: {malformed}"))
            .hint("write a host name, with a port if need be");
    }
    if http.status.is_empty() {
        report.error(format!("{at}.status"), "no status is good").hint("write `[200-399]`");
    }
    for (index, text) in http.status.iter().enumerate() {
        if statuses(text).is_none() {
            report
                .error(format!("{at}.status[{index}]"), format!("`{text}` is no status"))
                .hint("write `200` or `200-399`");
        }
    }
    if let Some(BodyMatch::Regex(text)) = &http.body
        && let Err(error) = Regex::new(text)
    {
        report
            .error(format!("{at}.body.regex"), format!("`{text}`: {error}"))
            .hint("write a regular expression, or use `contains`");
    }
}

#[cfg(test)]
mod tests;
