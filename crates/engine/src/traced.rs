//! An exchange's place in a trace: taken from the request where it has one, and decided here.

use yumen_http::trace::{self, Context};
use yumen_listen::Door;
use yumen_plan::TracingPlan;
use yumen_policy::{Exchange, Trace, derived};

/// Gives an exchange its place in a trace, and takes what the client said of it out of the head.
pub(crate) fn begin(plan: &TracingPlan, door: &Door, exchange: &mut Exchange) {
    if !exchange.request.head.version().is_http() {
        return;
    }
    let fields = exchange.request.head.fields();
    let found = plan.find(fields);
    let id = trace::trace_of(&exchange.trail.id);
    let span = derived(id.last_chunk().copied().unwrap_or_default(), 0);
    let place = match found {
        Some((parent, state)) => {
            let trusted = plan.believes(door.trusts(exchange.client.peer.ip()));
            // A stranger chooses the trace id, but not the exchange's.
            let decided = if trusted {
                parent.sampled.unwrap_or_else(|| plan.samples(parent.trace))
            } else {
                plan.samples(id)
            };
            Trace {
                own: Context { span, sampled: Some(decided), ..parent },
                parent: Some(parent.span),
                state,
                forms: plan.forms,
            }
        }
        None => {
            let sampled = Some(plan.samples(id));
            let own = Context { trace: id, span, sampled, random: false };
            Trace { own, parent: None, state: Vec::new(), forms: plan.forms }
        }
    };
    exchange.trail.trace = Some(Box::new(place));
    trace::take_out(exchange.request.head.fields_mut());
}
