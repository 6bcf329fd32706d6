//! A request over HTTP/1.1 or HTTP/2, and whether the answer to it is as it should be.

use ::http::HeaderValue;
use ::http::header::ACCEPT;
use bytes::Bytes;
use regex_automata::meta::Regex;
use yumen_http::{Decoder, HeadIndex, HeadLimits, Method, ResponseHead, Status};
use yumen_model::{BodyMatch, HttpProbe, Protocol};

use super::complaint::{Complaint, Flaw};
use super::http2::{self, Answer};
use super::line::{Addressee, Line, Stage, is_http2, open};
use super::{AGENT, ANSWER_MAX, FIELDS_MAX, request};
use crate::seal::protocols;

/// A request, and what a good answer to it is.
#[derive(Debug)]
pub(super) struct Demand {
    method: String,
    path: String,
    host: Option<String>,
    protocol: Protocol,
    /// From and to.
    statuses: Vec<(u16, u16)>,
    body: Wanted,
}

/// What a body must hold.
#[derive(Debug)]
enum Wanted {
    Anything,
    Text(String),
    Regex(Regex),
}

impl Demand {
    pub(super) fn compile(http: &HttpProbe, protocol: Protocol) -> Option<Self> {
        let statuses = http.status.iter().map(|text| statuses(text));
        Some(Self {
            method: http.method.clone(),
            path: http.path.clone(),
            host: http.host.clone(),
            protocol: http.protocol.unwrap_or(protocol),
            statuses: statuses.collect::<Option<Vec<_>>>()?,
            body: match &http.body {
                None => Wanted::Anything,
                Some(BodyMatch::Contains(text)) => Wanted::Text(text.clone()),
                Some(BodyMatch::Regex(text)) => Wanted::Regex(Regex::new(text).ok()?),
            },
        })
    }

    pub(super) async fn ask(&self, to: &Addressee, stage: &Stage) -> Result<(), Complaint> {
        let stream = open(to, protocols(self.protocol), stage).await?;
        let host = self.host.as_deref().unwrap_or(&to.authority);
        let is_secure = to.seal.is_some();
        let over_http2 = match self.protocol {
            Protocol::Http1 => false,
            Protocol::Http2 if is_secure && !is_http2(&stream) => {
                let why = "TLS: the target did not agree to speak HTTP/2";
                return Err(Complaint::new(Flaw::Tls, why));
            }
            Protocol::Http2 => true,
            Protocol::Auto => is_http2(&stream),
        };
        if over_http2 {
            let mut request = request(&self.method, host, &self.path, is_secure)?;
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static("*/*"));
            let answer = http2::ask(stream, request, Bytes::new(), self.wanted()).await?;
            let Answer { head, body, .. } = answer;
            self.judge_status(&head)?;
            self.judge_body(&body)
        } else {
            let mut line = Line::new(stream);
            let answered = self.ask_line(&mut line, host).await;
            line.close().await;
            answered
        }
    }

    /// How much of the body is looked at.
    fn wanted(&self) -> usize {
        if matches!(self.body, Wanted::Anything) { 0 } else { ANSWER_MAX }
    }

    async fn ask_line(&self, line: &mut Line, host: &str) -> Result<(), Complaint> {
        let Self { method, path, .. } = self;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {AGENT}\r\n\
             Accept: */*\r\nConnection: close\r\n\r\n"
        );
        line.write(request.as_bytes()).await?;
        let (head, rest) = read_head(line).await?;
        self.judge_status(&head)?;
        if self.wanted() == 0 {
            return Ok(());
        }
        self.judge_body(&read_body(line, &head, method, rest).await?)
    }

    fn judge_status(&self, head: &ResponseHead) -> Result<(), Complaint> {
        let status = head.status().code();
        if self.statuses.iter().any(|(from, to)| (*from..=*to).contains(&status)) {
            return Ok(());
        }
        Err(Complaint::new(Flaw::Status, format!("the status is {status}")))
    }

    fn judge_body(&self, body: &[u8]) -> Result<(), Complaint> {
        let body = body.get(..ANSWER_MAX).unwrap_or(body);
        if self.body.fits(body) {
            return Ok(());
        }
        Err(Complaint::new(Flaw::Body, "the body is another"))
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
async fn read_head(line: &mut Line) -> Result<(Box<ResponseHead>, Vec<u8>), Complaint> {
    let limits =
        HeadLimits { head: ANSWER_MAX, target: ANSWER_MAX, field: ANSWER_MAX, fields: FIELDS_MAX };
    let mut bytes = Vec::new();
    let mut index = HeadIndex::default();
    loop {
        match index.find(&bytes, &limits) {
            Err(_) => return Err(Complaint::broken("the answer is not HTTP/1.1")),
            Ok(Some(length)) => {
                let rest = bytes.split_off(length);
                let head = ResponseHead::read(&bytes, std::mem::take(&mut index));
                let head = head.map_err(|malformed| Complaint::broken(malformed.0))?;
                if head.status() == Status::SWITCHING {
                    return Err(Complaint::broken("it changes the protocol, unasked"));
                }
                if !head.status().is_interim() {
                    return Ok((head, rest));
                }
                bytes = rest;
            }
            Ok(None) => match line.read(&mut bytes).await? {
                0 => return Err(Complaint::broken("closed without an answer")),
                _ if bytes.len() > ANSWER_MAX => {
                    return Err(Complaint::broken("the head is too large"));
                }
                _ => {}
            },
        }
    }
}

/// Reads as much of the body as is looked at.
async fn read_body(
    line: &mut Line,
    head: &ResponseHead,
    method: &str,
    mut fresh: Vec<u8>,
) -> Result<Vec<u8>, Complaint> {
    let method = Method::read(method.as_bytes()).ok_or_else(|| Complaint::broken("no method"))?;
    let mut decoder = Decoder::new(head.body_framing(&method), ANSWER_MAX);
    let mut body = Vec::new();
    loop {
        if !fresh.is_empty() {
            let from = body.len();
            body.append(&mut fresh);
            let step = decoder.decode(&mut body, from);
            let step = step.map_err(|malformed| Complaint::broken(malformed.0))?;
            body.truncate(body.len() - step.surplus);
            if step.end || body.len() >= ANSWER_MAX {
                return Ok(body);
            }
        } else if decoder.is_done() {
            return Ok(body);
        }
        if line.read(&mut fresh).await? == 0 {
            let is_whole = decoder.ends_at_close();
            return if is_whole { Ok(body) } else { Err(Complaint::broken("cut off")) };
        }
    }
}

/// `200` or `200-399`.
pub(super) fn statuses(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (100 <= from && from <= to && to <= 599).then_some((from, to))
}
