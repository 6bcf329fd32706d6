//! How long a body is (RFC 9112 section 6): read from a head, and followed while it arrives.

use crate::chunked;
use crate::fields::{Fields, Known, Several};
use crate::grammar::digits;
use crate::refusal::Malformed;
use crate::request::Version;

/// How a message says where its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks up to an empty one, then trailers.
    Chunked,
    /// Everything up to the end of the connection; answers only.
    UntilClose,
}

impl Framing {
    /// The framing of a request.
    ///
    /// # Errors
    /// When it could be read in two ways: both kinds of framing, several lengths, a length that is
    /// not digits only, a transfer coding other than exactly one `chunked`, or one in HTTP/1.0.
    pub(crate) fn of_request(fields: &Fields, version: Version) -> Result<Self, Malformed> {
        let coded = is_chunked(fields)?;
        let length = length(fields)?;
        match (coded, length) {
            (true, Some(_)) => Err(Malformed("both Content-Length and Transfer-Encoding")),
            (true, None) if version == Version::Http10 => {
                Err(Malformed("Transfer-Encoding in HTTP/1.0"))
            }
            (true, None) => Ok(Self::Chunked),
            (false, None | Some(0)) => Ok(Self::None),
            (false, Some(length)) => Ok(Self::Length(length)),
        }
    }

    /// The framing of an answer that may have a body. The length that an answer without a body
    /// (to `HEAD`, or 304) speaks of is [`Framing::Length`] all the same; the caller knows.
    ///
    /// # Errors
    /// As for a request.
    pub(crate) fn of_response(fields: &Fields, version: Version) -> Result<Self, Malformed> {
        let coded = is_chunked(fields)?;
        let length = length(fields)?;
        match (coded, length) {
            (true, Some(_)) => Err(Malformed("both Content-Length and Transfer-Encoding")),
            (true, None) if version == Version::Http10 => {
                Err(Malformed("Transfer-Encoding in HTTP/1.0"))
            }
            (true, None) => Ok(Self::Chunked),
            (false, Some(length)) => Ok(Self::Length(length)),
            (false, None) => Ok(Self::UntilClose),
        }
    }
}

fn is_chunked(fields: &Fields) -> Result<bool, Malformed> {
    match fields.lone(Known::TransferEncoding) {
        Ok(None) => Ok(false),
        Ok(Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(true),
        _ => Err(Malformed("a Transfer-Encoding that is not exactly one `chunked`")),
    }
}

fn length(fields: &Fields) -> Result<Option<u64>, Malformed> {
    /// More bytes than any body has, and safe to add to.
    const LENGTH_MAX: u64 = 1 << 60;
    match fields.lone(Known::ContentLength) {
        Ok(None) => Ok(None),
        Ok(Some(length)) => digits(length)
            .filter(|length| *length < LENGTH_MAX)
            .map(Some)
            .ok_or(Malformed("a Content-Length that is not a number")),
        Err(Several) => Err(Malformed("several Content-Length fields")),
    }
}

/// Follows a body while it arrives.
#[derive(Debug)]
pub enum Decoder {
    /// So many bytes are still to come.
    Length(u64),
    /// Chunks.
    Chunked(chunked::Decoder),
    /// Until the connection ends.
    UntilClose,
}

/// What became of the bytes that were given to a [`Decoder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The body is complete.
    pub end: bool,
    /// So many bytes at the end of the buffer belong to what follows the body.
    pub surplus: usize,
}

impl Decoder {
    /// A decoder; `trailers_max` bounds the trailers of a chunked body in bytes.
    #[must_use]
    pub fn new(framing: Framing, trailers_max: usize) -> Self {
        match framing {
            Framing::None => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(chunked::Decoder::new(trailers_max)),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    /// Whether the body is complete already.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(decoder) => decoder.is_done(),
            Self::UntilClose => false,
        }
    }

    /// Turns the raw bytes behind `from` in `buffer` into body bytes, in place. Surplus bytes stay
    /// behind them.
    ///
    /// # Errors
    /// On a chunk that breaks the grammar.
    pub fn decode(&mut self, buffer: &mut Vec<u8>, from: usize) -> Result<Step, Malformed> {
        let new = buffer.len().saturating_sub(from);
        match self {
            Self::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(new);
                *left -= taken as u64;
                Ok(Step { end: *left == 0, surplus: new - taken })
            }
            Self::Chunked(decoder) => decoder.decode(buffer, from),
            Self::UntilClose => Ok(Step { end: false, surplus: 0 }),
        }
    }

    /// How many bytes are still to come, if they are the body as they are, without framing.
    #[must_use]
    pub fn plain_left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }

    /// Says that so many bytes of a plain body were moved on unseen.
    pub fn skip(&mut self, bytes: usize) {
        if let Self::Length(left) = self {
            *left = left.saturating_sub(bytes as u64);
        }
    }

    /// The trailers of a chunked body that is complete.
    #[must_use]
    pub fn into_trailers(self) -> Option<Fields> {
        match self {
            Self::Chunked(decoder) => decoder.into_trailers(),
            Self::Length(_) | Self::UntilClose => None,
        }
    }

    /// Whether the end of the connection is the proper end of the body.
    #[must_use]
    pub fn ends_at_close(&self) -> bool {
        matches!(self, Self::UntilClose)
    }
}
