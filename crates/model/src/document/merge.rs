//! Several files as one tree.

use std::collections::HashMap;

use super::{Entry, Node, Value, resolve};
use crate::report::{Place, Report};

/// Joins the roots of files: their lists key by key, in the order of the files. `start` is where
/// the whole is said to be.
pub(super) fn merge(roots: Vec<Node>, start: Option<Place>, report: &mut Report) -> Node {
    let mut whole: Vec<Entry> = Vec::new();
    let mut places: HashMap<Box<str>, usize> = HashMap::new();
    for root in roots {
        let earlier = whole.len();
        for entry in entries(root, report) {
            let index = *places.entry(entry.key.clone()).or_insert(whole.len());
            match whole.get_mut(index) {
                None => whole.push(entry),
                Some(there) => join(there, entry, index < earlier, report),
            }
        }
    }
    Node { value: Value::Map(whole), place: start }
}

fn entries(root: Node, report: &mut Report) -> Vec<Entry> {
    match root.value {
        Value::Map(entries) => entries,
        Value::Nothing => Vec::new(),
        Value::Scalar(_) | Value::List(_) => {
            let message = "expected a map with keys such as `listeners` and `services`";
            let reported = report.error("", message);
            if let Some(place) = root.place {
                reported.at(place);
            }
            Vec::new()
        }
    }
}

fn join(there: &mut Entry, again: Entry, from_earlier_file: bool, report: &mut Report) {
    match (&mut there.node.value, again.node.value) {
        (_, Value::Nothing) if from_earlier_file => {}
        (Value::List(items), Value::List(more)) if from_earlier_file => items.extend(more),
        (Value::Nothing, value) if from_earlier_file => {
            *there = Entry { node: Node { value, ..again.node }, ..again };
        }
        (_, value) => {
            let again = Entry { node: Node { value, place: None }, ..again };
            resolve::twice(&again, there.key_place.as_ref(), "", report);
        }
    }
}
