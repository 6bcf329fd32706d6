//! Finds the secrets that are written in place, by a schema, so that they are not shown.
//!
//! Where a value is read as a [`Secret`](crate::Secret), that type sees to it. The settings of policies
//! stay a [`Node`] in the model, and lines of a file that are shown with a problem are plain text.

use schemars::Schema;
use serde_json::Value as Json;

use crate::Model;
use crate::document::{Node, Scalar, Value};
use crate::report::Place;

/// What is shown instead.
pub(crate) const HIDDEN: &str = "(a secret that is not shown)";
/// References of a schema that are followed for one value.
const REFERENCES_MAX: u32 = 16;

impl Model {
    /// Puts [a remark](crate::Secret) in the place of every secret that is written in the settings of a
    /// policy. `schema` is that of the settings of a kind.
    pub fn hide_secrets(&mut self, schema: impl Fn(&str) -> Option<Schema>) {
        let of_services = self.services.iter_mut().flat_map(|service| {
            let routes = service.routes.iter_mut().map(|route| &mut route.policies);
            std::iter::once(&mut service.policies).chain(routes)
        });
        let places = std::iter::once(&mut self.policies)
            .chain(self.listeners.iter_mut().map(|listener| &mut listener.policies))
            .chain(of_services)
            .chain(self.routes.iter_mut().map(|route| &mut route.policies));
        for policy in places.flatten() {
            if let Some(schema) = schema(&policy.kind) {
                let schema = schema.as_value();
                visit(&mut policy.config, (schema, schema), &mut |secret, _| {
                    secret.text = HIDDEN.into();
                });
            }
        }
    }
}

/// Goes to everything that the schema says is only ever written, unless it is a reference. The second
/// schema is what the first one's references are in.
pub(crate) fn visit(
    node: &mut Node,
    (schema, root): (&Json, &Json),
    act: &mut impl FnMut(&mut Scalar, Option<&Place>),
) {
    let schema = resolved(schema, root);
    if schema.get("writeOnly") == Some(&Json::Bool(true)) {
        return visit_all(node, act);
    }
    for several in ["allOf", "anyOf", "oneOf"] {
        let schemas = schema.get(several).and_then(Json::as_array).into_iter().flatten();
        schemas.for_each(|one| visit(node, (one, root), act));
    }
    match &mut node.value {
        Value::Map(entries) => {
            let known = schema.get("properties");
            let others = schema.get("additionalProperties");
            for entry in entries {
                let own = known.and_then(|known| known.get(&*entry.key)).or(others);
                visit(&mut entry.node, (own.unwrap_or(&Json::Null), root), act);
            }
        }
        Value::List(nodes) => {
            let own = schema.get("items").unwrap_or(&Json::Null);
            nodes.iter_mut().for_each(|node| visit(node, (own, root), act));
        }
        Value::Scalar(scalar) if is_private_key(scalar) => act(scalar, node.place.as_ref()),
        Value::Scalar(_) | Value::Nothing => {}
    }
}

/// Whether it is one that is written in place. That is seen without a schema.
fn is_private_key(scalar: &Scalar) -> bool {
    scalar.written.is_none() && scalar.text.contains("PRIVATE KEY")
}

fn resolved<'s>(mut schema: &'s Json, root: &'s Json) -> &'s Json {
    for _ in 0..REFERENCES_MAX {
        let reference = schema.get("$ref").and_then(Json::as_str);
        let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
        match pointer.and_then(|pointer| root.pointer(pointer)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

fn visit_all(node: &mut Node, act: &mut impl FnMut(&mut Scalar, Option<&Place>)) {
    let Node { value, place } = node;
    match value {
        Value::Scalar(scalar) if scalar.written.is_none() => act(scalar, place.as_ref()),
        Value::Scalar(_) | Value::Nothing => {}
        Value::List(nodes) => nodes.iter_mut().for_each(|node| visit_all(node, act)),
        Value::Map(entries) => {
            entries.iter_mut().for_each(|entry| visit_all(&mut entry.node, act));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::{Document, Source};
    use crate::{Secret, report::Report};

    /// Settings as a policy may have them.
    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    struct Config {
        plain: String,
        key: Secret,
        keys: Vec<Secret>,
        perhaps: Option<Secret>,
        named: std::collections::BTreeMap<String, Secret>,
        one_of: Choice,
        inner: Option<Box<Self>>,
    }

    #[derive(schemars::JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "only its schema is of interest")]
    enum Choice {
        Plain(String),
        Password(Secret),
    }

    fn check(config: &str, expect: serde_json::Value) {
        let text = format!(
            "policies: [{{ kind: known, config: {config} }}]\n\
             routes: [{{ name: a, policies: [{{ kind: known, config: {config} }}] }}]\n\
             services: [{{ name: s, policies: [{{ kind: known, config: {config} }}],
                           routes: [{{ name: b, policies: [{{ kind: known, config: {config} }}] }}] }}]\n\
             listeners: [{{ name: l, address: '127.0.0.1:0', policies: [{{ kind: known, config: {config} }}] }}]"
        );
        let mut report = Report::default();
        let source = Source { name: "a.yaml".to_owned(), text };
        let environment = |name: &str| (name == "KEY").then(|| "of the environment".to_owned());
        let document = Document::read(&[source], &environment, &mut report);
        let model: Option<Model> = crate::read(document.root(), "", &mut report);
        let mut model = model.unwrap_or_else(|| panic!("{report}"));
        model.hide_secrets(|kind| (kind == "known").then(|| schemars::schema_for!(Config)));
        let shown = serde_json::to_value(&model).expect("JSON");
        for place in [
            "/policies/0",
            "/routes/0/policies/0",
            "/services/0/policies/0",
            "/services/0/routes/0/policies/0",
            "/listeners/0/policies/0",
        ] {
            assert_eq!(shown.pointer(&format!("{place}/config")), Some(&expect), "{config}");
        }
    }

    #[test]
    fn secrets_that_are_written_in_place_are_hidden_wherever_they_stand() {
        check("{ plain: open, key: x }", json!({ "plain": "open", "key": HIDDEN }));
        check("{ key: '${env:KEY}' }", json!({ "key": "${env:KEY}" }));
        check("{ keys: [a, '${env:KEY}'] }", json!({ "keys": [HIDDEN, "${env:KEY}"] }));
        check("{ perhaps: x }", json!({ "perhaps": HIDDEN }));
        check("{ named: { a: x, b: y } }", json!({ "named": { "a": HIDDEN, "b": HIDDEN } }));
        check("{ one_of: { plain: x } }", json!({ "one_of": { "plain": "x" } }));
        check("{ one_of: { password: x } }", json!({ "one_of": { "password": HIDDEN } }));
        check(
            "{ inner: { inner: { key: x, plain: y } } }",
            json!({ "inner": { "inner": { "key": HIDDEN, "plain": "y" } } }),
        );
        // Written in a way that is not wanted, but written.
        check("{ key: [x, { y: z }] }", json!({ "key": [HIDDEN, { "y": HIDDEN }] }));
    }
}
