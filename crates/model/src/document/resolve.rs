//! The pass over a whole tree: references are resolved and keys that are written twice refused.

use std::collections::HashMap;
use std::mem;

use super::{Entry, Environment, Node, Scalar, Value, reference};
use crate::path::{self, Step};
use crate::report::{Place, Report};

/// Of so many keys each is compared with each.
const FEW: usize = 8;

/// Resolves every reference and drops every key that is written twice but for its first value.
/// As deep as [`super::DEPTH`] at most.
pub(super) fn resolve(root: &mut Node, environment: &dyn Environment, report: &mut Report) {
    Pass { environment, report, path: String::new() }.node(root);
}

struct Pass<'a> {
    environment: &'a dyn Environment,
    report: &'a mut Report,
    path: String,
}

impl Pass<'_> {
    fn node(&mut self, node: &mut Node) {
        match &mut node.value {
            Value::Nothing => {}
            Value::Scalar(scalar) => self.scalar(scalar, node.place.as_ref()),
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.inside(Step::Item(index), item);
                }
            }
            Value::Map(entries) => {
                self.refuse_duplicates(entries);
                for entry in entries {
                    self.key(entry);
                    self.inside(Step::Key(&entry.key), &mut entry.node);
                }
            }
        }
    }

    fn inside(&mut self, step: Step<'_>, node: &mut Node) {
        let length = self.path.len();
        path::push(&mut self.path, step);
        self.node(node);
        self.path.truncate(length);
    }

    /// A bad reference stays in the tree as text; the report has an error, so nobody uses it.
    fn scalar(&mut self, scalar: &mut Scalar, place: Option<&Place>) {
        match reference::expand(
            &scalar.text,
            self.environment,
            place.map_or("", |place| &place.file),
        ) {
            Ok(None) => {}
            Ok(Some(expanded)) => {
                scalar.written = Some(mem::replace(&mut scalar.text, expanded.into()));
            }
            Err(bad) => {
                let reported = self.report.error(&self.path, bad.to_string()).hint(bad.hint());
                if let Some(place) = place {
                    reported.at(place.clone());
                }
            }
        }
    }

    fn key(&mut self, entry: &Entry) {
        let mut opened = entry.key.split("${").skip(1);
        if !opened.any(|rest| reference::KINDS.iter().any(|kind| rest.starts_with(kind))) {
            return;
        }
        let message = format!("the key `{}` has a reference", entry.key);
        let reported = self.report.error(&self.path, message).hint("only values may have one");
        if let Some(place) = &entry.key_place {
            reported.at(place.clone());
        }
    }

    fn refuse_duplicates(&mut self, entries: &mut Vec<Entry>) {
        // Most maps have a few keys, which are compared sooner than hashed.
        if entries.len() <= FEW {
            let keys = || entries.iter().map(|entry| &*entry.key).enumerate();
            if keys().all(|(place, key)| keys().take(place).all(|(_, before)| before != key)) {
                return;
            }
        }
        let mut first: HashMap<&str, Option<&Place>> = HashMap::with_capacity(entries.len());
        let mut is_first = Vec::with_capacity(entries.len());
        for entry in &*entries {
            let there = first.get(&*entry.key);
            is_first.push(there.is_none());
            match there {
                Some(place) => twice(entry, *place, &self.path, self.report),
                None => drop(first.insert(&entry.key, entry.key_place.as_ref())),
            }
        }
        let mut is_first = is_first.into_iter();
        entries.retain(|_| is_first.next().unwrap_or(true));
    }
}

/// Reports a key that is there already.
pub(super) fn twice(again: &Entry, first: Option<&Place>, path: &str, report: &mut Report) {
    let mut reported = report.error(path, format!("the key `{}` is set twice", again.key));
    if let Some(place) = &again.key_place {
        reported = reported.at(place.clone());
    }
    if let Some(place) = first {
        reported.hint(format!("it is set at {place} already; keep one of them"));
    }
}
