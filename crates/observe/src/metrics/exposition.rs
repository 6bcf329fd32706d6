//! The formats of Prometheus and OpenMetrics: samples, written in pieces.

use std::io;

use super::{
    format::Format,
    histogram::{HistogramSum, Scale},
    native::NativeSum,
    protobuf::Family,
    series::Series,
};
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

impl Value {
    /// As a number; what is beyond 2^53 is rounded.
    #[expect(clippy::cast_precision_loss, reason = "the format has no other numbers")]
    fn number(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Micros(micros) => micros as f64 / 1e6,
            Self::Millis(micros) => micros as f64 / 1e3,
        }
    }
}

/// What the times of a histogram are shown in; they are given in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Seconds,
    Millis,
}

impl Unit {
    /// The upper bound of a bucket.
    fn bound(self, micros: u32) -> f64 {
        match self {
            Self::Seconds => f64::from(micros) / 1e6,
            Self::Millis => f64::from(micros) / 1e3,
        }
    }

    /// A sum of times.
    fn value(self, micros: u64) -> Value {
        match self {
            Self::Seconds => Value::Micros(micros),
            Self::Millis => Value::Millis(micros),
        }
    }
}

/// The buckets of a histogram as they are shown.
pub(super) struct Bounds {
    unit: Unit,
    upper: Vec<f64>,
    /// Those, and infinity, as labels.
    labels: Vec<Vec<u8>>,
}

/// An exposition under way.
pub(super) struct Exposition<'o> {
    format: Format,
    out: &'o mut dyn io::Write,
    piece: Vec<u8>,
    /// The metric under way, if it has to be whole before it is written.
    family: Family,
}

impl<'o> Exposition<'o> {
    pub(super) fn new(format: Format, out: &'o mut dyn io::Write) -> Self {
        Self { format, out, piece: Vec::with_capacity(2 * PIECE_BYTES), family: Family::default() }
    }

    /// Begins a metric; its samples follow.
    pub(super) fn begin(&mut self, series: Series) {
        let name = match self.format {
            Format::Protobuf => return self.begin_family(series),
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
        if self.format == Format::Protobuf {
            self.family.value(labels, value.number());
            return Ok(());
        }
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

    /// The buckets of a scale.
    pub(super) fn bounds(&self, scale: &Scale, unit: Unit) -> Bounds {
        let upper: Vec<f64> = scale.iter().map(|micros| unit.bound(*micros)).collect();
        let texts = upper.iter().map(|bound| self.bound(*bound)).chain(["+Inf".to_owned()]);
        Bounds { unit, labels: texts.map(|bound| label("le", &bound)).collect(), upper }
    }

    /// One histogram.
    pub(super) fn histogram(
        &mut self,
        series: Series,
        bounds: &Bounds,
        labels: &[u8],
        sum: &HistogramSum,
    ) -> io::Result<()> {
        let counts = sum.buckets.iter().scan(0_u64, |count, bucket| {
            *count = count.wrapping_add(*bucket);
            Some(*count)
        });
        let count = counts.clone().last().unwrap_or(0);
        let total = bounds.unit.value(sum.micros);
        if self.format == Format::Protobuf {
            let buckets = bounds.upper.iter().copied().zip(counts);
            self.family.classic(&[labels], buckets, (count, total.number()));
            return Ok(());
        }
        for (bound, count) in bounds.labels.iter().zip(counts) {
            self.sample((series, "_bucket"), &[labels, bound], Value::Whole(count))?;
        }
        self.sample((series, "_sum"), &[labels], total)?;
        self.sample((series, "_count"), &[labels], Value::Whole(count))
    }

    /// Native histograms of seconds, in the one format that has a form for them. One that has seen
    /// nothing is not shown.
    pub(super) fn natives<'s>(
        &mut self,
        series: Series,
        rows: impl Iterator<Item = (&'s [u8], &'s NativeSum)>,
    ) {
        if self.format != Format::Protobuf {
            return;
        }
        self.begin(series);
        for (labels, sum) in rows.filter(|(_, sum)| sum.count() > 0) {
            self.family.native(&[labels], sum, Value::Micros(sum.micros).number());
        }
    }

    fn begin_family(&mut self, series: Series) {
        std::mem::replace(&mut self.family, Family::new(series)).finish(&mut self.piece);
    }

    /// The upper bound of a bucket, as the value of a label.
    fn bound(&self, seconds: f64) -> String {
        match self.format {
            Format::Text => seconds.to_string(),
            // Numbers there have a point.
            Format::OpenMetrics | Format::Protobuf => format!("{seconds:?}"),
        }
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.format == Format::OpenMetrics {
            self.piece.extend_from_slice(b"# EOF\n");
        }
        self.family.finish(&mut self.piece);
        self.out.write_all(&self.piece)
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
