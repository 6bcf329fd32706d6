//! What the operator is told of names: that one cannot be looked up any more, and that it can again.

use std::fmt;

use super::watched::{Status, Watched};

/// A failed lookup may be an accident; so many in a row are told.
const TOLD_AFTER: u32 = 2;

/// A change of how the lookups of a name go; written as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    host: String,
    /// Why not; `None` if it can be looked up again.
    why: Option<String>,
    /// Whether there are addresses from before.
    known: bool,
}

impl Event {
    /// What is to be told of a name after a lookup; `failures`: those in a row before it.
    pub(super) fn after(name: &Watched, failures: u32) -> Option<Self> {
        let Status { error, failures: now, .. } = &*name.status();
        let known = !name.addresses().is_empty();
        let host = name.host().to_owned();
        if failures < TOLD_AFTER && *now >= TOLD_AFTER {
            return Some(Self { host, why: Some(error.clone().unwrap_or_default()), known });
        }
        (failures >= TOLD_AFTER && *now == 0).then_some(Self { host, why: None, known })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, why, known } = self;
        match why {
            Some(why) if *known => {
                write!(f, "cannot look up {host}: {why}; its last good answer is kept")
            }
            Some(why) => write!(f, "cannot look up {host}: {why}; trying on"),
            None => write!(f, "{host} can be looked up again"),
        }
    }
}
