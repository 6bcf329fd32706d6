//! Starts the shipper that takes spans to the collector of the plan, and says how it fares.

use std::sync::Arc;

use yumen_model::{OtlpProtocol, Tracing};
use yumen_observe::Exporter;
use yumen_otlp::TRACES_CALL;
use yumen_plan::TracingPlan;
use yumen_shipper::{Bounds, Manner, Settings, Shipper};

use crate::origin::origin;
use crate::shipment::Shipment;

/// The shipper of spans, as it was told to be.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    pub(crate) exporter: Arc<Exporter>,
    follows: Option<Tracing>,
}

impl Traces {
    /// With the exporter that workers hand their spans to.
    pub(crate) fn new(exporter: Arc<Exporter>) -> Self {
        Self { exporter, follows: None }
    }

    /// Sends spans where this plan wants them. Without one, the shipper stays for those that exchanges
    /// under the old plan still make.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn follow(&mut self, plan: Option<&TracingPlan>) -> Result<(), String> {
        let Some(plan) = plan else { return Ok(()) };
        let is_same = self.follows.as_ref().is_some_and(|old| is_same_way(old, &plan.tracing));
        if is_same {
            return Ok(());
        }
        let shipper = Shipper::start(settings(plan))
            .map_err(|error| format!("cannot start the shipper of spans: {error}"))?;
        let origin = origin(&plan.tracing.service_name, &plan.tracing.attributes);
        self.exporter.follow(shipper, origin);
        self.follows = Some(plan.tracing.clone());
        Ok(())
    }
}

/// Whether spans go the same way: what is sampled is another matter.
fn is_same_way(old: &Tracing, new: &Tracing) -> bool {
    old.url == new.url
        && old.protocol == new.protocol
        && old.headers == new.headers
        && old.ca == new.ca
        && old.gzip == new.gzip
        && old.service_name == new.service_name
        && old.attributes == new.attributes
}

fn settings(plan: &TracingPlan) -> Settings {
    let TracingPlan { tracing, server, .. } = plan;
    let (path, manner) = match tracing.protocol {
        OtlpProtocol::Http => (&*server.url.path, Manner::Post("application/x-protobuf")),
        OtlpProtocol::Grpc => (TRACES_CALL, Manner::Call),
    };
    let shipment = Shipment {
        what: "spans",
        place: server.url.target.to_string(),
        thread: "traces",
        server,
        path,
        manner,
        headers: &tracing.headers,
        gzip: tracing.gzip,
        rejected: yumen_otlp::rejected,
        bounds: Bounds::default(),
    };
    shipment.settings()
}
