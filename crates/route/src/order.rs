//! The total order of rules: which of two that match wins.

use std::cmp::Reverse;

use crate::{host::HostClass, path::PathClass};

/// Where one host and one path of a rule stand among all others; the smaller wins. The order of
/// the fields is the order of the comparison.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place<'a> {
    pub(crate) priority: Reverse<i32>,
    pub(crate) host: HostClass,
    pub(crate) path: &'a PathClass,
    pub(crate) conditions: Reverse<usize>,
    pub(crate) name: &'a str,
    /// Names are unique, so what follows only orders the combinations of one rule.
    pub(crate) rule: usize,
    pub(crate) host_at: usize,
    pub(crate) path_at: usize,
}
