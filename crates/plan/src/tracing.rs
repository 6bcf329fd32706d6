//! Tracing: whether what is said of it can be, and what is decided before any request comes.

use yumen_http::trace::{self, Forms, Parent};
use yumen_http::{Fields, Known};
use yumen_model::report::Report;
use yumen_model::{Model, TraceAccept, TraceParent, TracePropagate, Tracing};

use crate::server::{Collector, ServerPlan};

/// Where a collector takes spans over HTTP, unless it is told otherwise.
const TRACES_PATH: &str = "/v1/traces";

/// How exchanges are traced.
#[derive(Debug)]
pub struct TracingPlan {
    /// As it was written.
    pub tracing: Tracing,
    /// The collector.
    pub server: ServerPlan,
    /// How services are told.
    pub forms: Forms,
    /// Of the last 56 bits of a trace id: those that are not below this are recorded.
    threshold: u64,
}

/// One more than the largest number that the last seven bytes of a trace id can be.
const RANGE: u64 = 1 << 56;

impl TracingPlan {
    /// Whether a trace of this id is recorded, if nobody has decided that before. All who have the same
    /// share say the same; of two shares, the larger has all of the smaller (OpenTelemetry's
    /// consistent probability sampling).
    #[must_use]
    pub fn samples(&self, trace: [u8; 16]) -> bool {
        u128::from_be_bytes(trace) & u128::from(RANGE - 1) >= u128::from(self.threshold)
    }
}

impl TracingPlan {
    /// What a request says of whoever asks, with its `tracestate`.
    #[must_use]
    pub fn find(&self, fields: &Fields) -> Option<(Parent, Vec<u8>)> {
        if !fields.may_have(Known::Trace) {
            return None;
        }
        self.tracing.accept.iter().find_map(|form| match form {
            TraceAccept::W3c => {
                let parent = trace::read_w3c(fields)?;
                Some((parent, trace::read_state(fields).unwrap_or_default()))
            }
            TraceAccept::B3 => trace::read_b3(fields).map(|parent| (parent, Vec::new())),
        })
    }

    /// Whether the decision of whoever asks is taken over: of a trusted proxy, or of anybody else.
    #[must_use]
    pub fn believes(&self, is_trusted: bool) -> bool {
        match self.tracing.parent {
            TraceParent::Trusted => is_trusted,
            TraceParent::Always => true,
            TraceParent::Never => false,
        }
    }
}

/// Compiles it; `None` if there is none, or something is wrong.
pub(crate) fn compile(model: &Model, report: &mut Report) -> Option<TracingPlan> {
    let tracing = model.tracing.as_ref()?;
    check(tracing, report);
    let Tracing { url, headers, service_name, attributes, .. } = tracing;
    let (protocol, ca) = (tracing.protocol, tracing.ca.as_ref());
    let collector = Collector {
        at: "tracing",
        url,
        protocol,
        headers,
        ca,
        service_name,
        attributes,
        path: TRACES_PATH,
    };
    let server = collector.compile(report)?;
    let tells = |form| tracing.propagate.contains(&form);
    let forms = Forms {
        w3c: tells(TracePropagate::W3c),
        b3: tells(TracePropagate::B3),
        b3_single: tells(TracePropagate::B3Single),
    };
    let threshold = threshold(tracing.sample);
    Some(TracingPlan { tracing: tracing.clone(), server, forms, threshold })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between nothing and 2 to the 56th, of which the rounding is no matter"
)]
fn threshold(sample: f64) -> u64 {
    ((1.0 - sample.clamp(0.0, 1.0)) * RANGE as f64) as u64
}

fn check(tracing: &Tracing, report: &mut Report) {
    if !(0.0..=1.0).contains(&tracing.sample) {
        report
            .error("tracing.sample", format!("{} is no share", tracing.sample))
            .hint("a number from 0 to 1, such as `0.1` for every tenth");
    }
}

#[cfg(test)]
mod tests {
    use yumen_model::OtlpProtocol;

    use super::*;

    #[test]
    fn a_share_is_of_trace_ids() {
        let plan = |sample| {
            let tracing =
                Tracing { url: "http://127.0.0.1:1".to_owned(), sample, ..Tracing::default() };
            let model = Model { tracing: Some(tracing), ..Model::default() };
            let mut report = Report::default();
            let plan = compile(&model, &mut report);
            assert!(!report.has_errors());
            plan.unwrap()
        };
        let id = |tail: u64| u128::from(tail).to_be_bytes();
        for (sample, none, all) in [
            (1.0, None, Some(0)),
            (0.0, Some(RANGE - 1), None),
            (0.25, Some(RANGE / 4 * 3 - 1), Some(RANGE / 4 * 3)),
        ] {
            let plan = plan(sample);
            assert!(none.is_none_or(|tail| !plan.samples(id(tail))), "{sample}");
            assert!(all.is_none_or(|tail| plan.samples(id(tail))), "{sample}");
        }
        assert_eq!(plan(1.0).server.url.path, "/v1/traces");
    }

    #[test]
    fn what_cannot_be_is_told_with_its_place() {
        let check = |tracing: Tracing, at: &str| {
            let model = Model { tracing: Some(tracing), ..Model::default() };
            let mut report = Report::default();
            compile(&model, &mut report);
            assert!(format!("{report:?}").contains(at), "{at}: {report:?}");
        };
        let good = Tracing { url: "http://a:1".to_owned(), ..Tracing::default() };
        check(Tracing::default(), "tracing.url");
        check(
            Tracing { url: "http://a/x".to_owned(), protocol: OtlpProtocol::Grpc, ..good.clone() },
            "tracing.url",
        );
        check(Tracing { sample: 1.5, ..good.clone() }, "tracing.sample");
        check(Tracing { sample: f64::NAN, ..good.clone() }, "tracing.sample");
        check(Tracing { ca: Some("x".into()), ..good.clone() }, "tracing.ca");
        check(Tracing { service_name: String::new(), ..good }, "tracing.service_name");
    }
}
