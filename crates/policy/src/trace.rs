//! What is kept of an exchange's place in a trace: ids and the decision, no more.

use yumen_http::trace::{Context, Forms, TraceLines};

/// The place of an exchange in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The trace, and the exchange's own span in it.
    pub own: Context,
    /// The span that it hangs under, of whoever asks.
    pub parent: Option<[u8; 8]>,
    /// What is passed on of `tracestate`.
    pub state: Vec<u8>,
    /// How services are told.
    pub forms: Forms,
}

impl Trace {
    /// Whether spans are made of it.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.own.sampled == Some(true)
    }

    /// The id of the span of the attempt of this number. It follows from that of the exchange, so
    /// that nothing needs to be kept.
    #[must_use]
    pub fn attempt(&self, number: u32) -> [u8; 8] {
        derived(self.own.span, u64::from(number) + 1)
    }

    /// What the attempt of this number tells its service.
    #[must_use]
    pub fn lines(&self, number: u32) -> TraceLines<'_> {
        let context = Context { span: self.attempt(number), ..self.own };
        TraceLines { context, state: &self.state, forms: self.forms }
    }
}

/// An id that follows from another one and a number, and looks like neither; never all zeros.
#[must_use]
pub fn derived(id: [u8; 8], number: u64) -> [u8; 8] {
    // Bijections (SplitMix64's): two numbers never give the same id.
    let mut mixed = u64::from_be_bytes(id).wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    mixed.max(1).to_be_bytes()
}
