//! A record as a line of NGINX's and Apache's `combined` format.

use super::{escape, json::address, redact::Secrets, stamp::Stamp};
use yumen_policy::Principal;

use crate::{
    digits::{decimal, padded},
    record::Record,
};

/// Appends one line. The third field is the consumer's name.
pub(crate) fn line(out: &mut Vec<u8>, stamp: &mut Stamp, record: &Record<'_>, secrets: &Secrets) {
    address(out, record.client);
    out.extend_from_slice(b" - ");
    user(out, record.principal.map_or("", Principal::consumer_name));
    out.extend_from_slice(b" [");
    stamp.combined(out, record.began);
    out.extend_from_slice(b"] \"");
    request(out, record, secrets);
    out.extend_from_slice(b"\" ");
    padded(out, u64::from(record.status), 3);
    out.push(b' ');
    decimal(out, record.sent.body);
    out.extend_from_slice(b" \"");
    match record.referer {
        Some(referer) if !referer.is_empty() => secrets.url(out, referer, escape::combined),
        _ => out.push(b'-'),
    }
    out.extend_from_slice(b"\" \"");
    match record.user_agent {
        Some(agent) if !agent.is_empty() => escape::field(out, agent, escape::combined),
        _ => out.push(b'-'),
    }
    out.extend_from_slice(b"\"\n");
}

/// A name as one field: spaces in it would be the end of it.
fn user(out: &mut Vec<u8>, name: &str) {
    if name.is_empty() {
        return out.push(b'-');
    }
    for (place, part) in name.split(' ').enumerate() {
        if place > 0 {
            out.extend_from_slice(b"\\x20");
        }
        escape::field(out, part.as_bytes(), escape::combined);
    }
}

/// The request line as it was understood; `-` if it was not.
fn request(out: &mut Vec<u8>, record: &Record<'_>, secrets: &Secrets) {
    if record.method.is_empty() {
        return out.push(b'-');
    }
    escape::field(out, record.method, escape::combined);
    out.push(b' ');
    escape::field(out, record.path, escape::combined);
    if let Some(query) = record.query {
        out.push(b'?');
        secrets.query(out, query, escape::combined);
    }
    out.push(b' ');
    out.extend_from_slice(record.protocol.as_bytes());
}
