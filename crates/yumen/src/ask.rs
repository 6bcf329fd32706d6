//! Asks the status listener of a running gateway, for commands.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use yumen_http::query;

/// How long a connection, and each piece of an answer that is whole at once, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer's head, and of an answer that is read whole.
const HEAD_BYTES_MAX: u64 = 16 << 10;
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Which gateway is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Whom {
    /// The status listener of the gateway, `HOST:PORT`.
    #[arg(long, env = "YUMEN_STATUS", default_value = "127.0.0.1:9145")]
    pub(crate) status: String,
}

/// An answer whose body is still to be read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: BufReader<TcpStream>,
}

impl Whom {
    /// Asks for a page that may come bit by bit.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn open(&self, target: &str) -> Result<Answer, String> {
        let explain = |error: std::io::Error| {
            format!(
                "cannot reach a gateway's status listener at {}: {error}; say where it is with --status",
                self.status
            )
        };
        let addresses = self.status.to_socket_addrs().map_err(explain)?;
        let mut stream = Err(std::io::ErrorKind::AddrNotAvailable.into());
        for address in addresses {
            stream = TcpStream::connect_timeout(&address, PATIENCE);
            if stream.is_ok() {
                break;
            }
        }
        let mut stream = stream.map_err(explain)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(explain)?;
        // Of HTTP/1.0, because the body is then plain until the end of the connection.
        let request = format!("GET {target} HTTP/1.0\r\nHost: status\r\n\r\n");
        stream.write_all(request.as_bytes()).map_err(explain)?;
        let mut body = BufReader::new(stream);
        let status = read_head(&mut body).map_err(explain)?;
        let status = status.ok_or_else(|| format!("{} speaks no HTTP", self.status))?;
        Ok(Answer { status, body })
    }

    /// Asks for a whole page: its status and its text.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn read(&self, target: &str) -> Result<(u16, String), String> {
        let Answer { status, body } = self.open(target)?;
        let mut text = Vec::new();
        let read = body.take(ANSWER_BYTES_MAX).read_to_end(&mut text);
        read.map_err(|error| format!("the answer of {} broke off: {error}", self.status))?;
        Ok((status, String::from_utf8_lossy(&text).into_owned()))
    }
}

impl Answer {
    /// The body may be silent for as long as it likes.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn patient(self) -> std::io::Result<BufReader<TcpStream>> {
        self.body.get_ref().set_read_timeout(None)?;
        Ok(self.body)
    }
}

/// The status, once the whole head was read; `None` if it is none.
fn read_head(from: &mut BufReader<TcpStream>) -> std::io::Result<Option<u16>> {
    let mut head = from.take(HEAD_BYTES_MAX);
    let mut first = String::new();
    head.read_line(&mut first)?;
    let mut line = String::new();
    while head.read_line(&mut line)? > 2 {
        line.clear();
    }
    Ok(first.split(' ').nth(1).and_then(|status| status.parse().ok()))
}

/// A text as the value of a query parameter.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The value of a query parameter; `None` if it is not there or no text.
pub(crate) fn parameter(text: &str, name: &str) -> Option<String> {
    let value = query::values(text.as_bytes(), name).next()?;
    String::from_utf8(value.into_owned()).ok()
}

/// A member of a line of the access log as text; empty if it is not there.
pub(crate) fn word(line: &Value, key: &str) -> String {
    match line.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// The same lines for a terminal, which is not to obey what a client sent.
pub(crate) fn tame(text: &str) -> String {
    text.chars().map(|one| if one.is_control() && one != '\n' { '.' } else { one }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_comes_back_as_it_was() {
        for text in ["", "a b", "response.status >= 500 && route != \"x\"", "ü%+&=#"] {
            let query = format!("x=1&where={}&y", encode(text));
            assert_eq!(parameter(&query, "where").as_deref(), Some(text), "{query}");
        }
        assert_eq!(parameter("where=a+b", "where").as_deref(), Some("a b"));
        for none in ["", "wherever=1", "Where=1", "where=%ff"] {
            assert_eq!(parameter(none, "where"), None, "{none}");
        }
    }
}
