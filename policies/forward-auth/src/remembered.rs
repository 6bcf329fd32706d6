//! Answers that are good for a while, and what must be the same for that.

use yumen_http::{Known, is_token};
use yumen_inquiry::{Kept, Ticket};
use yumen_policy::Exchange;

use crate::copied::Said;
use crate::question::{Question, host};

/// Answers that let pass.
#[derive(Debug)]
pub(crate) struct Remembered {
    pub(crate) kept: Kept<Said>,
    /// What must be the same; all that is sent if there is nothing.
    pub(crate) by: Vec<By>,
}

/// A part of a request that must be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum By {
    Method,
    Host,
    Path,
    Query,
    ClientAddress,
    Field(String),
}

impl By {
    /// Reads a word of the configuration; a name with a dot is a part of a request.
    pub(crate) fn read(word: &str) -> Option<Self> {
        Some(match word {
            "request.method" => Self::Method,
            "request.host" => Self::Host,
            "request.path" => Self::Path,
            "request.query" => Self::Query,
            "client.address" => Self::ClientAddress,
            name if name.contains('.') || !is_token(name.as_bytes()) => return None,
            name if Known::of(name.as_bytes()) != Known::Other => return None,
            name => Self::Field(name.to_owned()),
        })
    }
}

/// Texts behind each other, each with its length in front, so that no two lists look the same.
#[derive(Default)]
struct Texts(Vec<u8>);

impl Texts {
    fn put(&mut self, text: &[u8]) {
        self.0.extend_from_slice(&text.len().to_le_bytes());
        self.0.extend_from_slice(text);
    }
}

impl Remembered {
    /// Stands for what must be the same.
    pub(crate) fn ticket(&self, question: &Question, exchange: &Exchange) -> Ticket {
        let mut texts = Texts::default();
        if self.by.is_empty() {
            use By::{ClientAddress, Host, Method, Path, Query};
            [Method, Host, Path, Query, ClientAddress]
                .iter()
                .for_each(|by| put(by, exchange, &mut texts));
            texts.put(exchange.client.forwarding.proto().as_bytes());
            let secured = exchange.client.secured.as_deref();
            let identity = secured.and_then(|secured| secured.identity.as_ref());
            texts.put(identity.map_or("", |one| &*one.shown.fingerprint).as_bytes());
            for (name, value) in question.sent(&exchange.request.head) {
                texts.put(name.to_ascii_lowercase().as_bytes());
                texts.put(value);
            }
        }
        self.by.iter().for_each(|by| put(by, exchange, &mut texts));
        self.kept.ticket(&texts.0)
    }
}

fn put(by: &By, exchange: &Exchange, texts: &mut Texts) {
    let head = &exchange.request.head;
    match by {
        By::Method => texts.put(head.method().as_str().as_bytes()),
        By::Host => texts.put(host(exchange).as_bytes()),
        By::Path => texts.put(head.path_bytes()),
        By::Query => texts.put(head.query_bytes().unwrap_or_default()),
        By::ClientAddress => texts.put(exchange.client.address.to_string().as_bytes()),
        By::Field(name) => {
            let lines: Vec<&[u8]> = head.fields().all(name).collect();
            texts.put(&lines.len().to_le_bytes());
            lines.into_iter().for_each(|line| texts.put(line));
        }
    }
}
