//! An exchange's place in a trace: taken from the request where it has one, and decided here.

use yumen_http::trace::{self, Context, Parent};
use yumen_listen::Door;
use yumen_plan::TracingPlan;
use yumen_policy::{Exchange, Trace, derived};

/// Gives an exchange its place in a trace, and takes what the client said of it out of the head.
#[inline(never)]
pub(crate) fn begin(plan: &TracingPlan, door: &Door, exchange: &mut Exchange) {
    if !exchange.request.head.version().is_http() {
        return;
    }
    let fields = exchange.request.head.fields();
    let found = plan.find(fields);
    let id = trace::trace_of(&exchange.trail.id);
    let span = derived(id.last_chunk().copied().unwrap_or_default(), 0);
    let trusted = plan.believes(door.trusts(exchange.client.peer.ip()));
    let fresh = Context { trace: id, span, sampled: None, random: false };
    let (own, parent, state) = match found {
        Some((Parent::Span(parent), state)) => {
            // A stranger chooses the trace id, but not the exchange's.
            let decided = match parent.sampled {
                Some(sampled) if trusted => sampled,
                _ if trusted => plan.samples(parent.trace),
                _ => plan.samples(id),
            };
            (Context { span, sampled: Some(decided), ..parent }, Some(parent.span), state)
        }
        Some((Parent::Decision(sampled), _)) if trusted => {
            (Context { sampled: Some(sampled), ..fresh }, None, Vec::new())
        }
        Some((Parent::Decision(_), _)) | None => {
            (Context { sampled: Some(plan.samples(id)), ..fresh }, None, Vec::new())
        }
    };
    let place = Trace { own, parent, state, forms: plan.forms };
    exchange.trail.trace = Some(Box::new(place));
    trace::take_out(exchange.request.head.fields_mut());
}
