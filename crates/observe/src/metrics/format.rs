//! The formats that metrics are shown in, and which of them whoever asks wants.

/// A format of metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// The text format of Prometheus, 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Messages of Protocol Buffers, each behind its length: the only one with native histograms.
    Protobuf,
}

impl Format {
    /// The format that an `Accept` field asks for (RFC 9110 section 12.5.1): that of the greatest
    /// weight, the text format if it names none that there is.
    #[must_use]
    pub fn wanted(accept: Option<&[u8]>) -> Self {
        let accept = accept.and_then(|accept| std::str::from_utf8(accept).ok()).unwrap_or_default();
        let weight = |format: Self| {
            let ranges = accept.split(',').filter(|range| format.is_in(range));
            ranges.map(weight).max().unwrap_or(0)
        };
        // Of two that are liked the same, the one that a person can read.
        [Self::OpenMetrics, Self::Protobuf]
            .into_iter()
            .fold(Self::Text, |best, one| if weight(one) > weight(best) { one } else { best })
    }

    /// The `Content-Type` of it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        }
    }

    fn is_in(self, range: &str) -> bool {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        match self {
            Self::Text => matches!(kind, "text/plain" | "text/*" | "*/*"),
            Self::OpenMetrics => {
                kind == "application/openmetrics-text"
                    && parts
                        .filter_map(|part| part.strip_prefix("version="))
                        .all(|it| it == "1.0.0")
            }
            Self::Protobuf => {
                let has = |part: &str| range.split(';').any(|one| one.trim() == part);
                kind == "application/vnd.google.protobuf"
                    && has("proto=io.prometheus.client.MetricFamily")
                    && has("encoding=delimited")
            }
        }
    }
}

/// The weight of a media range in thousandths.
fn weight(range: &str) -> u32 {
    let weight = range.split(';').find_map(|part| part.trim().strip_prefix("q="));
    let Some(weight) = weight else { return 1000 };
    let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
    if whole != "0" {
        return 1000;
    }
    part.bytes()
        .chain([b'0'; 3])
        .take(3)
        .fold(0, |sum, digit| sum * 10 + u32::from(digit.saturating_sub(b'0').min(9)))
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn whoever_asks_gets_the_format_that_it_likes_best() {
        let prometheus = "application/openmetrics-text;version=1.0.0,\
                          application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                      encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, expect) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            ("text/html", Format::Text),
            (prometheus, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text; version=0.0.1", Format::Text),
            ("application/openmetrics-text;q=0.2, text/plain;q=0.3", Format::Text),
            ("application/openmetrics-text; q=0.31, text/plain; q=0.3", Format::OpenMetrics),
            ("application/openmetrics-text;q=0", Format::Text),
            (native, Format::Protobuf),
            (
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited; q=0.5, application/openmetrics-text; q=0.6",
                Format::OpenMetrics,
            ),
            ("application/vnd.google.protobuf", Format::Text),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                 encoding=text",
                Format::Text,
            ),
        ] {
            assert_eq!(Format::wanted(Some(accept.as_bytes())), expect, "{accept}");
        }
        assert_eq!(Format::wanted(None), Format::Text);
        assert_eq!(Format::wanted(Some(b"\xff")), Format::Text);
    }
}
