//! Why bytes were not accepted as HTTP.

use std::fmt;

/// Why a request was refused before it became an exchange. The connection is closed after the
/// answer, because what follows cannot be told apart safely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The grammar or the framing is broken or could be read in two ways (400).
    Malformed(Malformed),
    /// It came in clear text where TLS is spoken (400).
    Unsecured,
    /// The request target is longer than allowed (414).
    TargetTooLong,
    /// The head, one field, or the number of fields is larger than allowed (431).
    HeadTooLarge,
    /// The body is larger than allowed (413).
    BodyTooLarge,
    /// The head did not arrive in time (408).
    HeadTimeout,
    /// The body stalled or came too slowly (408).
    BodyTimeout,
    /// The protocol version is not served here (505).
    Version,
    /// The method is not served here (405).
    Method,
    /// What is to be spoken on a stream is not spoken here (501).
    Protocol,
    /// The `Expect` field asks for something unknown (417).
    Expectation,
}

impl From<Malformed> for Refusal {
    #[cold]
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// What exactly is wrong with a message. The text is for the operator's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}
