//! Whether reasons can be gathered by a schema: not where it comes back to itself in two ways at once.
//!
//! Whether a value fits is remembered for each of its parts, so that it takes no longer than there are
//! parts. Why it does not is not: where a schema refers to itself twice for the same part, a body of
//! sixty steps would be looked at 2 to the power of sixty times.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// Keywords whose parts are each asked of the same value, or of the same member.
const BRANCHES: &[&str] = &["allOf", "anyOf", "oneOf"];
const MEMBERS: &[&str] = &["dependentSchemas", "patternProperties"];
/// Where schemas are kept, and not asked.
const KEPT: &[&str] = &["$defs", "definitions"];
const REFERENCES: &[&str] = &["$ref", "$dynamicRef", "$recursiveRef"];

/// Whether reasons could take a time that doubles with each step into a value. Who cannot tell says yes.
pub(crate) fn may_double(root: &Value) -> bool {
    let mut graph = Graph { root, leads: HashMap::new() };
    graph.follow("");
    let round: HashSet<String> =
        graph.leads.keys().filter(|name| graph.comes_back(name)).cloned().collect();
    !round.is_empty()
        && graph
            .leads
            .keys()
            .any(|name| root.pointer(name).is_none_or(|schema| branches(schema, &round).is_none()))
}

/// Schemas by pointer, and those that each refers to.
struct Graph<'s> {
    root: &'s Value,
    leads: HashMap<String, HashSet<String>>,
}

impl Graph<'_> {
    fn follow(&mut self, first: &str) {
        let mut open = vec![first.to_owned()];
        while let Some(name) = open.pop() {
            if self.leads.contains_key(&name) {
                continue;
            }
            let mut found = HashSet::new();
            match self.root.pointer(&name) {
                Some(schema) => references(schema, &mut found),
                // An anchor, or another name: it could be anything.
                None => drop(found.insert(name.clone())),
            }
            open.extend(found.iter().cloned());
            self.leads.insert(name, found);
        }
    }

    fn comes_back(&self, name: &str) -> bool {
        let (mut open, mut seen) = (vec![name], HashSet::new());
        while let Some(next) = open.pop() {
            for to in self.leads.get(next).into_iter().flatten() {
                if to == name {
                    return true;
                }
                if seen.insert(to) {
                    open.push(to);
                }
            }
        }
        false
    }
}

/// What a reference leads to; itself if it is none of the root's pointers.
fn target(reference: &Value) -> String {
    let text = reference.as_str().unwrap_or_default();
    let pointer = text.strip_prefix('#').unwrap_or(text);
    crate::document::decode(pointer).into_owned()
}

fn references(schema: &Value, found: &mut HashSet<String>) {
    match schema {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => {
            for (key, value) in members.iter().filter(|(key, _)| !KEPT.contains(&key.as_str())) {
                if REFERENCES.contains(&key.as_str()) {
                    found.insert(target(value));
                } else {
                    references(value, found);
                }
            }
        }
        _ => {}
    }
}

/// How many ways (none or one) lead from a schema back into itself; `None` if it is more anywhere in it.
fn branches(schema: &Value, round: &HashSet<String>) -> Option<usize> {
    let sum = |schemas: &mut dyn Iterator<Item = &Value>| -> Option<usize> {
        let all: Option<Vec<usize>> = schemas.map(|one| branches(one, round)).collect();
        Some(all?.iter().sum())
    };
    let ways = match schema {
        Value::Array(items) => return sum(&mut items.iter()).map(|ways| ways.min(1)),
        Value::Object(members) => {
            let mut ways = 0;
            for (key, value) in members {
                let key = key.as_str();
                ways += match value {
                    _ if KEPT.contains(&key) => 0,
                    value if REFERENCES.contains(&key) => {
                        usize::from(round.contains(&target(value)))
                    }
                    Value::Array(items) if BRANCHES.contains(&key) => sum(&mut items.iter())?,
                    Value::Object(named) if MEMBERS.contains(&key) => sum(&mut named.values())?,
                    // Each of them is another member.
                    Value::Object(named) if key == "properties" => sum(&mut named.values())?.min(1),
                    value => branches(value, round)?,
                };
            }
            ways
        }
        _ => 0,
    };
    (ways <= 1).then_some(ways)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn two_ways_back_are_found() {
        let back = || json!({ "$ref": "#/$defs/n" });
        let inside = || json!({ "properties": { "n": { "$ref": "#/$defs/n" } } });
        for (n, expect) in [
            (json!({}), false),
            (inside(), false),
            (json!({ "properties": { "a": back(), "b": back() } }), false),
            (json!({ "anyOf": [{ "type": "null" }, inside()] }), false),
            (json!({ "allOf": [{ "minimum": 1 }, { "maximum": 2 }], "items": back() }), false),
            (json!({ "properties": { "$ref": inside(), "n": back() } }), false),
            (json!({ "anyOf": [inside(), inside()] }), true),
            (json!({ "allOf": [{ "oneOf": [inside(), inside()] }] }), true),
            (json!({ "properties": { "n": back() }, "patternProperties": { "n": back() } }), true),
            (json!({ "patternProperties": { "a": back(), "b": back() } }), true),
            (json!({ "$ref": "#/$defs/m", "properties": { "n": back() } }), true),
            (json!({ "if": inside(), "then": inside() }), true),
            (json!({ "properties": { "n": back() }, "not": inside() }), true),
            (json!({ "anyOf": [{ "$dynamicRef": "#x" }, { "$dynamicRef": "#x" }] }), true),
        ] {
            let m = json!({ "properties": { "n": { "$ref": "#/$defs/n" } } });
            let schema = json!({ "$ref": "#/$defs/n", "$defs": { "n": n, "m": m } });
            assert_eq!(may_double(&schema), expect, "{schema}");
        }
        // Many ways to what does not come back are no more than are written.
        let leaf = json!({ "$ref": "#/$defs/leaf" });
        let schema = json!({ "anyOf": [leaf, leaf], "$defs": { "leaf": { "type": "string" } } });
        assert!(!may_double(&schema));
        assert!(may_double(
            &json!({ "anyOf": [{ "items": { "$ref": "#" } }, { "items": { "$ref": "#" } }] })
        ));
    }
}
