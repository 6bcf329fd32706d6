//! Why a probe failed: a word of a closed list, and a sentence.

use std::fmt;

/// The most bytes of what a service says about itself that are repeated.
const QUOTE_MAX: usize = 120;

/// What is wrong with an endpoint, as its probe found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// No connection could be made.
    Connect,
    /// No TLS with it, or it proved nothing.
    Tls,
    /// It took too long.
    Timeout,
    /// The connection was lost, or what came is no answer.
    Broken,
    /// The status of its answer is none of the good ones.
    Status,
    /// The body of its answer is another.
    Body,
    /// It says itself that it does not serve.
    NotServing,
}

impl Flaw {
    /// All, in the order in which they are counted.
    pub const ALL: [Self; 7] = [
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Broken,
        Self::Status,
        Self::Body,
        Self::NotServing,
    ];

    /// As metrics name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Status => "status",
            Self::Body => "body",
            Self::NotServing => "not_serving",
        }
    }
}

/// Why a probe failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) flaw: Flaw,
    /// For the operator.
    pub(crate) text: String,
}

impl Complaint {
    pub(crate) fn new(flaw: Flaw, text: impl Into<String>) -> Self {
        Self { flaw, text: text.into() }
    }

    /// The connection was lost, or what came is no answer.
    pub(super) fn broken(why: impl fmt::Display) -> Self {
        Self::new(Flaw::Broken, why.to_string())
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a service says about itself, fit for a log: printable, and not long.
pub(super) fn quote(said: &[u8]) -> String {
    let printable = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
    let mut quoted: String = said.iter().take(QUOTE_MAX).map(printable).collect();
    if said.len() > QUOTE_MAX {
        quoted.push_str("...");
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_cannot_forge_a_line_of_the_log() {
        assert_eq!(quote(b"down\r\nyumen: ready \x1b[31m"), "down??yumen: ready ?[31m");
        assert_eq!(quote(&[b'a'; 500]).len(), QUOTE_MAX + 3);
    }

    #[test]
    fn flaws_are_counted_in_their_own_places() {
        for (place, flaw) in Flaw::ALL.into_iter().enumerate() {
            assert_eq!(flaw as usize, place, "{}", flaw.name());
        }
    }
}
