//! Lines as messages of syslog (RFC 5424), and where such a server is.

mod server;

use std::{fs, path::PathBuf, process};

use yumen_model::{SyslogForm, SyslogSink};
use yumen_otlp::Severity;

use super::{otlp::severity, stamp::Stamp};
use crate::{digits::decimal, record::Record};

pub(super) use server::{Sent, Server};

/// Where Linux says what this machine is called.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// Longest name of a machine, by RFC 5424.
const HOST_BYTES_MAX: usize = 255;

/// Longest tag, by RFC 5424.
const TAG_BYTES_MAX: usize = 48;

/// The ports of syslog, over UDP and over TCP.
const PORT_UDP: u16 = 514;
const PORT_TCP: u16 = 601;

/// What stands in front of each line.
#[derive(Debug)]
pub(super) struct Header {
    facility: u64,
    /// Whether the version of the protocol and the time come first.
    is_dated: bool,
    /// Between the time and the line.
    middle: String,
}

impl Header {
    pub(super) fn new(sink: &SyslogSink) -> Self {
        let (tag, id) = (&sink.tag, process::id());
        let is_dated = sink.form == SyslogForm::Rfc5424;
        let middle = match sink.form {
            SyslogForm::Rfc5424 => format!(" {} {tag} {id} access - ", host_name()),
            SyslogForm::Local => format!("{tag}[{id}]: "),
        };
        Self { facility: u64::from(sink.facility as u8), is_dated, middle }
    }

    /// Appends it for one exchange.
    // Never within the loop over all logs, which would work out beforehand what only this needs.
    #[inline(never)]
    pub(super) fn write(&self, out: &mut Vec<u8>, stamp: &mut Stamp, record: &Record<'_>) {
        let severity = match severity(record) {
            Severity::Error => 3,
            Severity::Warn => 4,
            Severity::Info => 6,
        };
        out.push(b'<');
        decimal(out, self.facility * 8 + severity);
        out.push(b'>');
        if self.is_dated {
            out.extend_from_slice(b"1 ");
            stamp.rfc3339(out, record.began);
        }
        out.extend_from_slice(self.middle.as_bytes());
    }
}

/// What this machine is called, or a sign for that it is not known.
fn host_name() -> String {
    let host = fs::read_to_string(HOST_NAME).unwrap_or_default();
    let host = host.trim();
    if is_name(host, HOST_BYTES_MAX) { host.to_owned() } else { "-".to_owned() }
}

/// Where a syslog server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Unix(PathBuf),
    Udp(String, u16),
    Tcp(String, u16),
}

impl Address {
    /// Reads it as it is configured.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or("it is no URL of a syslog server")?;
        match scheme {
            "unix" if rest.starts_with('/') && !rest.contains('\0') => Ok(Self::Unix(rest.into())),
            "unix" => Err("the path of its socket does not begin with `/`"),
            "udp" => host(rest, PORT_UDP).map(|(host, port)| Self::Udp(host, port)),
            "tcp" => host(rest, PORT_TCP).map(|(host, port)| Self::Tcp(host, port)),
            _ => Err("it is no URL of a syslog server"),
        }
    }
}

fn host(rest: &str, usual: u16) -> Result<(String, u16), &'static str> {
    let wrong = "its host or port is wrong";
    let authority = yumen_http::Authority::read(rest.as_bytes()).map_err(|_malformed| wrong)?;
    match authority.port().unwrap_or(usual) {
        0 => Err(wrong),
        port => {
            let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
            Ok((bare.to_owned(), port))
        }
    }
}

/// Whether a server can be told this tag.
pub(super) fn is_tag(tag: &str) -> bool {
    is_name(tag, TAG_BYTES_MAX)
}

fn is_name(text: &str, bytes_max: usize) -> bool {
    !text.is_empty() && text.len() <= bytes_max && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::full;
    use yumen_model::Facility;

    #[test]
    fn a_message_begins_as_the_rfc_has_it() {
        let sink = SyslogSink {
            facility: Facility::Local3,
            tag: "gate".to_owned(),
            ..SyslogSink::default()
        };
        let header = Header::new(&sink);
        let begin = |record: &Record<'_>| {
            let mut out = Vec::new();
            header.write(&mut out, &mut Stamp::default(), record);
            String::from_utf8(out).unwrap()
        };
        let full = || Record { grpc_status: None, aborted_by: None, ..full() };
        let well = begin(&full());
        assert!(well.starts_with("<158>1 2026-11-21T09:28:10.123Z "), "{well}");
        assert!(well.ends_with(&format!(" gate {} access - ", process::id())), "{well}");
        assert_eq!(well.split(' ').count(), 8, "{well}");
        assert!(begin(&Record { status: 404, ..full() }).starts_with("<156>1 "));
        assert!(begin(&Record { status: 503, ..full() }).starts_with("<155>1 "));
        let mut out = Vec::new();
        let local = SyslogSink { form: SyslogForm::Local, ..sink };
        Header::new(&local).write(&mut out, &mut Stamp::default(), &full());
        assert_eq!(String::from_utf8(out).unwrap(), format!("<158>gate[{}]: ", process::id()));
    }

    #[test]
    fn addresses_are_read() {
        let net = |host: &str| host.to_owned();
        for (url, expect) in [
            ("unix:///dev/log", Ok(Address::Unix("/dev/log".into()))),
            ("udp://logs.example", Ok(Address::Udp(net("logs.example"), 514))),
            ("udp://[::1]:5514", Ok(Address::Udp(net("::1"), 5514))),
            ("tcp://127.0.0.1", Ok(Address::Tcp(net("127.0.0.1"), 601))),
            ("unix://dev/log", Err("the path of its socket does not begin with `/`")),
            ("udp://", Err("its host or port is wrong")),
            ("tcp://a:0", Err("its host or port is wrong")),
            ("tcp://a:1/x", Err("its host or port is wrong")),
            ("tls://a", Err("it is no URL of a syslog server")),
            ("/dev/log", Err("it is no URL of a syslog server")),
        ] {
            assert_eq!(Address::read(url), expect, "{url}");
        }
    }

    #[test]
    fn tags_have_no_space() {
        for (tag, expect) in [
            ("yumen", true),
            ("", false),
            ("a b", false),
            ("\u{e9}", false),
            (&"x".repeat(49), false),
        ] {
            assert_eq!(is_tag(tag), expect, "{tag}");
        }
    }
}
