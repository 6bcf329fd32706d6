//! The exposition of Prometheus as Protocol Buffers (`io.prometheus.client`): the one that native
//! histograms have a form in.
//!
//! The messages are stable by promise and few, so they are written by hand, straight from the sums.

use yumen_protobuf::{bytes, double, nested, number, varint, zigzag};

use super::{
    native::{self, NativeSum},
    series::{Kind, Series},
};

/// One metric with its samples, under way: a `MetricFamily`.
#[derive(Default)]
pub(super) struct Family {
    message: Vec<u8>,
    kind: Option<Kind>,
    is_empty: bool,
}

impl Family {
    pub(super) fn new(series: Series) -> Self {
        let mut message = Vec::new();
        bytes(&mut message, 1, series.name.as_bytes());
        bytes(&mut message, 2, series.help.as_bytes());
        let kind = match series.kind {
            Kind::Counter => 0,
            Kind::Gauge => 1,
            Kind::Histogram => 4,
        };
        number(&mut message, 3, kind);
        Self { message, kind: Some(series.kind), is_empty: true }
    }

    /// A sample of a counter or a gauge.
    pub(super) fn value(&mut self, labels: &[&[u8]], value: f64) {
        let field = if self.kind == Some(Kind::Counter) { 3 } else { 2 };
        self.metric(labels, field, |message| double(message, 1, value));
    }

    /// A histogram with these upper bounds and the counts of all up to each.
    pub(super) fn classic(
        &mut self,
        labels: &[&[u8]],
        buckets: impl Iterator<Item = (f64, u64)>,
        (count, sum): (u64, f64),
    ) {
        self.metric(labels, 7, |message| {
            number(message, 1, count);
            double(message, 2, sum);
            for (bound, count) in buckets {
                nested(message, 3, |bucket| {
                    number(bucket, 1, count);
                    double(bucket, 2, bound);
                });
            }
        });
    }

    /// A native histogram, of seconds.
    pub(super) fn native(&mut self, labels: &[&[u8]], sum: &NativeSum, seconds: f64) {
        self.metric(labels, 7, |message| {
            number(message, 1, sum.count());
            double(message, 2, seconds);
            number(message, 5, zigzag(native::SCHEMA.into()));
            double(message, 6, native::ZERO_SECONDS);
            number(message, 7, sum.zero);
            for (offset, length) in spans(sum.buckets.keys().copied()) {
                nested(message, 12, |span| {
                    number(span, 1, zigzag(offset.into()));
                    number(span, 2, length.into());
                });
            }
            let mut before = 0;
            for count in sum.buckets.values() {
                number(message, 13, zigzag(count.wrapping_sub(before).cast_signed()));
                before = *count;
            }
        });
    }

    /// Writes it with its length in front, if it has samples.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        if !self.is_empty && self.kind.is_some() {
            varint(out, self.message.len() as u64);
            out.extend_from_slice(&self.message);
        }
    }

    fn metric(&mut self, labels: &[&[u8]], field: u32, write: impl FnOnce(&mut Vec<u8>)) {
        self.is_empty = false;
        nested(&mut self.message, 4, |metric| {
            for labels in labels {
                apart(labels, |name, value| {
                    nested(metric, 1, |label| {
                        bytes(label, 1, name);
                        bytes(label, 2, value);
                    });
                });
            }
            nested(metric, field, write);
        });
    }
}

/// Runs of buckets that stand side by side: how far each is from the end of the one before, the
/// first from bucket 0, and how long it is.
fn spans(numbers: impl Iterator<Item = i32>) -> Vec<(i32, u32)> {
    let mut spans: Vec<(i32, u32)> = Vec::new();
    let mut end = 0;
    for number in numbers {
        match spans.last_mut() {
            Some((_, length)) if number == end => *length += 1,
            _ => spans.push((number - end, 1)),
        }
        end = number + 1;
    }
    spans
}

/// Takes labels apart that were written for the text formats.
fn apart(mut labels: &[u8], mut take: impl FnMut(&[u8], &[u8])) {
    let mut value = Vec::new();
    while let Some(end) = labels.iter().position(|byte| *byte == b'=') {
        let (name, rest) = labels.split_at(end);
        value.clear();
        let mut bytes = rest.get(2..).unwrap_or_default().iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' => break,
                b'\\' => match bytes.next() {
                    Some(b'n') => value.push(b'\n'),
                    Some(other) => value.push(*other),
                    None => break,
                },
                other => value.push(*other),
            }
        }
        take(name, &value);
        labels = bytes.as_slice();
        labels = labels.strip_prefix(b",").unwrap_or(labels);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{exposition::label, series},
        Family, NativeSum, apart, spans,
    };

    #[test]
    fn labels_are_what_they_were_before_they_were_written() {
        let hard = "a\"b\\c\nd,e}f=\"g\u{7389} \\";
        let text = [label("one", hard), label("two", ""), label("three", "3")].join(&b',');
        let mut found = Vec::new();
        apart(&text, |name, value| {
            let [name, value] =
                [name, value].map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
            found.push((name, value));
        });
        let expect = [("one", hard), ("two", ""), ("three", "3")];
        assert_eq!(found, expect.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn runs_of_buckets_are_spans() {
        let check = |numbers: &[i32], expect: &[(i32, u32)]| {
            assert_eq!(spans(numbers.iter().copied()), expect, "{numbers:?}");
        };
        check(&[], &[]);
        check(&[0], &[(0, 1)]);
        check(&[-3, -2, 1, 5, 6, 7], &[(-3, 2), (2, 1), (3, 3)]);
    }

    #[test]
    fn a_native_histogram_byte_by_byte() {
        let mut family = Family::new(series::NATIVE_OVERHEAD);
        let sum = NativeSum { micros: 7, zero: 2, buckets: [(-3, 4), (-2, 1)].into() };
        family.native(&[b"a=\"b\""], &sum, 0.5);
        let mut out = Vec::new();
        family.finish(&mut out);
        let metric = [
            &[0x0a, 6, 0x0a, 1, b'a', 0x12, 1, b'b'][..],
            &[0x3a, 34],
            &[0x08, 7],
            &[0x11, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f],
            &[0x28, 6],
            &[0x31, 0, 0, 0, 0, 0, 0, 0xb0, 0x3e],
            &[0x38, 2],
            &[0x62, 4, 0x08, 5, 0x10, 2],
            &[0x68, 8, 0x68, 5],
        ];
        let metric = metric.concat();
        assert!(out.ends_with(&metric), "{out:x?}");
        let front = &out[..out.len() - metric.len()];
        assert_eq!(front[front.len() - 4..], [0x18, 4, 0x22, u8::try_from(metric.len()).unwrap()]);
    }

    #[test]
    fn a_metric_without_samples_is_not_there() {
        let mut out = Vec::new();
        Family::new(series::REQUESTS).finish(&mut out);
        assert!(out.is_empty());
    }
}
