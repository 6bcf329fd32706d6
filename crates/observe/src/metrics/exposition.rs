//! The text formats of Prometheus and OpenMetrics: lines of samples, written in pieces.

use std::io;

use super::{format::Format, series::Series};
use crate::digits::{decimal, millionths, thousandths};

/// Bytes that are collected before they are written.
const PIECE_BYTES: usize = 64 * 1024;

/// The value of a sample.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    /// A whole number.
    Whole(u64),
    /// Seconds, given in microseconds.
    Micros(u64),
    /// Milliseconds, given in microseconds.
    Millis(u64),
}

/// What the times of a histogram are shown in; they are given in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Seconds,
    Millis,
}

impl Unit {
    /// The upper bound of a bucket.
    pub(super) fn bound(self, micros: u32) -> f64 {
        match self {
            Self::Seconds => f64::from(micros) / 1e6,
            Self::Millis => f64::from(micros) / 1e3,
        }
    }

    /// A sum of times.
    pub(super) fn value(self, micros: u64) -> Value {
        match self {
            Self::Seconds => Value::Micros(micros),
            Self::Millis => Value::Millis(micros),
        }
    }
}

/// A text under way.
pub(super) struct Exposition<'o> {
    format: Format,
    out: &'o mut dyn io::Write,
    piece: Vec<u8>,
}

impl<'o> Exposition<'o> {
    pub(super) fn new(format: Format, out: &'o mut dyn io::Write) -> Self {
        Self { format, out, piece: Vec::with_capacity(2 * PIECE_BYTES) }
    }

    /// Begins a metric; its samples follow.
    pub(super) fn begin(&mut self, series: Series) {
        let name = match self.format {
            Format::Text => series.name,
            // The name of a counter there is that of its samples without their ending.
            Format::OpenMetrics => series.name.strip_suffix("_total").unwrap_or(series.name),
        };
        for (word, text) in [("HELP", series.help), ("TYPE", series.kind.name())] {
            for part in ["# ", word, " ", name, " ", text, "\n"] {
                self.piece.extend_from_slice(part.as_bytes());
            }
        }
    }

    /// One sample. `labels` are written one after the other, each as [`label`] made it.
    pub(super) fn sample(
        &mut self,
        (series, suffix): (Series, &'static str),
        labels: &[&[u8]],
        value: Value,
    ) -> io::Result<()> {
        let piece = &mut self.piece;
        piece.extend_from_slice(series.name.as_bytes());
        piece.extend_from_slice(suffix.as_bytes());
        for (place, label) in labels.iter().enumerate() {
            piece.push(if place == 0 { b'{' } else { b',' });
            piece.extend_from_slice(label);
        }
        piece.extend_from_slice(if labels.is_empty() { b" " } else { b"} " });
        match value {
            Value::Whole(number) => decimal(piece, number),
            Value::Micros(micros) => millionths(piece, micros),
            Value::Millis(micros) => thousandths(piece, micros),
        }
        piece.push(b'\n');
        if piece.len() >= PIECE_BYTES { self.write() } else { Ok(()) }
    }

    /// The upper bound of a bucket, as the value of a label.
    pub(super) fn bound(&self, seconds: f64) -> String {
        match self.format {
            Format::Text => seconds.to_string(),
            // Numbers there have a point.
            Format::OpenMetrics => format!("{seconds:?}"),
        }
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.format == Format::OpenMetrics {
            self.piece.extend_from_slice(b"# EOF\n");
        }
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        self.out.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }
}

/// `name="value"` with the value escaped.
pub(super) fn label(name: &str, value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + value.len() + 3);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    for byte in value.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    out
}
