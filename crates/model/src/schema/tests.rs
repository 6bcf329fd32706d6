use schemars::{JsonSchema, schema_for};
use serde_json::{Value, json};

use super::schema;

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Settings {
    part: Part,
    list: Vec<Part>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Part {
    parts: Vec<Part>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Optional {
    #[schemars(default)]
    part: u8,
}

/// Every reference has a definition.
fn check_references(part: &Value, root: &Value) {
    match part {
        Value::Object(object) => {
            if let Some(target) = object.get("$ref").and_then(Value::as_str) {
                let pointer = target.strip_prefix('#').unwrap();
                assert!(root.pointer(pointer).is_some(), "{target}");
            }
            object.values().for_each(|value| check_references(value, root));
        }
        Value::Array(items) => items.iter().for_each(|item| check_references(item, root)),
        _ => {}
    }
}

#[test]
fn policies_are_chosen_by_kind() {
    let kinds = [("strict", schema_for!(Settings)), ("easy", schema_for!(Optional))];
    let whole = schema(&kinds);
    check_references(&whole, &whole);
    let uses = whole.pointer("/$defs/PolicyUse/oneOf").unwrap();
    let short = |index: usize| {
        let one = &uses[index];
        json!([one["properties"]["kind"]["const"], one["properties"]["config"], one["required"]])
    };
    assert_eq!(short(0), json!(["strict", {"$ref": "#/$defs/strict"}, ["kind", "config"]]));
    assert_eq!(short(1), json!(["easy", {"$ref": "#/$defs/easy"}, ["kind"]]));
    assert_eq!(
        whole.pointer("/$defs/strict.Part/properties/parts/items"),
        Some(&json!({"$ref": "#/$defs/strict.Part"}))
    );
    check_references(&schema(&[]), &schema(&[]));
}
