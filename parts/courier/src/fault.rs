//! Why there is no answer: one sentence each, without anything that was sent.

use std::fmt;
use std::io;
use std::time::Duration;

use yumen_http::{Malformed, grpc};

/// The longest text of a server that is told on, in characters.
const TEXT_MAX: usize = 300;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The host has no address, as far as can be found out.
    Lookup {
        /// The host.
        host: String,
        /// What the system says.
        why: String,
    },
    /// None of the addresses takes a connection.
    Connect {
        /// The last one that was tried.
        to: String,
        /// What the system says.
        why: String,
    },
    /// The two sides of TLS do not agree.
    Tls {
        /// Why.
        why: String,
    },
    /// The time of the request is over.
    TooSlow {
        /// How long the request had.
        within: Duration,
        /// What had not come to its end.
        step: Step,
    },
    /// The connection ended before the answer did.
    Closed {
        /// How.
        why: String,
    },
    /// What came is no answer that can be understood.
    Malformed {
        /// What is wrong with it.
        why: String,
    },
    /// The answer is larger than the request allows.
    TooLarge {
        /// The most that its body may have, in bytes.
        most: usize,
    },
    /// The call of gRPC has ended with a status other than OK.
    Call(Box<CallStatus>),
}

/// What a request can be at when its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// As many requests as may be were under way.
    Turn,
    /// The addresses of the host.
    Lookup,
    /// A connection, and TLS on it.
    Connect,
    /// The answer.
    Answer,
}

/// How a call of gRPC has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStatus {
    /// The number of the status.
    pub code: u32,
    /// What the server says of it, as far as it can be printed.
    pub message: String,
    /// After what time the server wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl CallStatus {
    /// The name of the status, if it is one that is known.
    #[must_use]
    pub fn name(&self) -> &'static str {
        let name = grpc::status_name(self.code.into());
        name.unwrap_or("not a status of gRPC")
    }
}

impl Fault {
    pub(crate) fn malformed(why: impl Into<String>) -> Self {
        Self::Malformed { why: why.into() }
    }

    pub(crate) fn closed(why: impl Into<String>) -> Self {
        Self::Closed { why: why.into() }
    }

    /// What a read or a write failed with.
    pub(crate) fn of_line(error: &io::Error) -> Self {
        match error.kind() {
            // Only TLS judges what it reads.
            io::ErrorKind::InvalidData => Self::Tls { why: error.to_string() },
            io::ErrorKind::UnexpectedEof => Self::closed("it was cut off"),
            _ => Self::closed(error.to_string()),
        }
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::malformed(malformed.0)
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup { host, why } => write!(f, "cannot look up {host}: {why}"),
            Self::Connect { to, why } => write!(f, "cannot connect to {to}: {why}"),
            Self::Tls { why } => write!(f, "no TLS with the server: {why}"),
            Self::TooSlow { within, step } => write!(f, "no answer within {within:?}: {step}"),
            Self::Closed { why } => {
                write!(f, "the connection ended before the answer did: {why}")
            }
            Self::Malformed { why } => write!(f, "the answer cannot be understood: {why}"),
            Self::TooLarge { most } => write!(f, "the answer is larger than {most} bytes"),
            Self::Call(status) => write!(f, "{status}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Turn => "as many requests as may be were under way",
            Self::Lookup => "the host was not looked up yet",
            Self::Connect => "there was no connection yet",
            Self::Answer => "the server took too long",
        })
    }
}

impl fmt::Display for CallStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the call ended with status {} ({})", self.code, self.name())?;
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

/// Text of a server, fit for a log: of bounded length, without control characters.
pub(crate) fn printable(text: &str) -> String {
    let clean = |one: char| if one.is_control() { ' ' } else { one };
    text.trim().chars().take(TEXT_MAX).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_a_sentence() {
        let why = || "why".to_owned();
        let status =
            |message: &str| CallStatus { code: 14, message: message.to_owned(), retry_after: None };
        for (fault, expect) in [
            (Fault::Lookup { host: "a".to_owned(), why: why() }, "cannot look up a: why"),
            (
                Fault::Connect { to: "1.2.3.4:5".to_owned(), why: why() },
                "cannot connect to 1.2.3.4:5: why",
            ),
            (Fault::Tls { why: why() }, "no TLS with the server: why"),
            (
                Fault::TooSlow { within: Duration::from_millis(2500), step: Step::Connect },
                "no answer within 2.5s: there was no connection yet",
            ),
            (Fault::closed("why"), "the connection ended before the answer did: why"),
            (Fault::malformed("why"), "the answer cannot be understood: why"),
            (Fault::TooLarge { most: 5 }, "the answer is larger than 5 bytes"),
            (Fault::Call(Box::new(status(""))), "the call ended with status 14 (UNAVAILABLE)"),
            (Fault::Call(Box::new(status("x"))), "the call ended with status 14 (UNAVAILABLE): x"),
        ] {
            assert_eq!(fault.to_string(), expect);
        }
        let odd = CallStatus { code: 99, ..status("") };
        assert_eq!(odd.to_string(), "the call ended with status 99 (not a status of gRPC)");
    }

    #[test]
    fn text_of_a_server_is_fit_for_a_log() {
        assert_eq!(printable(" a\r\nb\u{1b}[0m\u{e4} "), "a  b [0m\u{e4}");
        assert_eq!(printable(&"\u{e4}".repeat(TEXT_MAX + 1)), "\u{e4}".repeat(TEXT_MAX));
    }
}
