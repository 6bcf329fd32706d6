//! What is known of how endpoints fare, and what is made of it.

mod pulse;

pub(crate) use pulse::Pulse;
