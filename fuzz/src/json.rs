//! Strict JSON: accepted exactly when a plain reader accepts it, no name stands twice and it is not too
//! deep; what is counted is there, and bounds hold.

use serde_json::Value;
use yumen_json::{DEPTH_MAX, Limits, What, check as scan, read};

/// Checks a text.
pub fn check(data: &[u8]) {
    let lax = Limits {
        depth: DEPTH_MAX,
        members: usize::MAX,
        items: usize::MAX,
        text: usize::MAX,
        name: usize::MAX,
        digits: usize::MAX,
        nodes: usize::MAX,
        rounded: true,
    };
    let plain = serde_json::from_slice::<Value>(data);
    match scan(data, &lax) {
        Ok(nodes) => match &plain {
            Ok(value) => {
                let counted = count(value);
                assert_eq!(nodes, counted.nodes);
                check_bounds(data, &lax, &counted);
            }
            // A number that no double is.
            Err(other) => assert!(other.to_string().contains("number out of range"), "{other}"),
        },
        Err(wrong) => {
            assert!(wrong.at <= data.len());
            let is_odd = match wrong.what {
                What::Syntax(_) => false,
                What::Twice => true,
                What::Exceeds(_) => true,
                What::Rounded => panic!("numbers may be rounded"),
            };
            assert!(plain.is_err() || is_odd, "{wrong}");
            assert!(wrong.pointer.is_empty() || wrong.pointer.starts_with('/'));
        }
    }
    // What is exact is written again as the same.
    let strict = Limits { rounded: false, ..lax };
    if let Ok(value) = read(data, &strict) {
        let again = serde_json::to_vec(&value).expect("JSON");
        assert_eq!(read(&again, &strict).as_ref(), Ok(&value));
    }
}

#[derive(Default)]
struct Counted {
    nodes: usize,
    depth: usize,
    members: usize,
    items: usize,
    text: usize,
    name: usize,
}

fn count(value: &Value) -> Counted {
    let mut all = Counted { nodes: 1, ..Counted::default() };
    let mut join = |one: Counted| {
        all.nodes += one.nodes;
        all.depth = all.depth.max(one.depth);
        all.members = all.members.max(one.members);
        all.items = all.items.max(one.items);
        all.text = all.text.max(one.text);
        all.name = all.name.max(one.name);
    };
    match value {
        Value::Array(items) => {
            items.iter().for_each(|item| join(count(item)));
            all.items = all.items.max(items.len());
            all.depth += 1;
        }
        Value::Object(members) => {
            members.values().for_each(|member| join(count(member)));
            all.members = all.members.max(members.len());
            all.name = members.keys().fold(all.name, |name, key| name.max(key.len()));
            all.depth += 1;
        }
        Value::String(text) => all.text = text.len(),
        _ => {}
    }
    all
}

/// Each bound is just enough, and one less is not.
fn check_bounds(data: &[u8], lax: &Limits, is: &Counted) {
    let exact = Limits {
        depth: is.depth,
        members: is.members,
        items: is.items,
        text: is.text,
        name: is.name,
        nodes: is.nodes,
        ..lax.clone()
    };
    assert!(scan(data, &exact).is_ok());
    let less: [fn(&mut Limits) -> &mut usize; 6] = [
        |limits| &mut limits.depth,
        |limits| &mut limits.members,
        |limits| &mut limits.items,
        |limits| &mut limits.text,
        |limits| &mut limits.name,
        |limits| &mut limits.nodes,
    ];
    for bound in less {
        let mut tight = exact.clone();
        let value = bound(&mut tight);
        if let Some(lower) = value.checked_sub(1) {
            *value = lower;
            assert!(matches!(scan(data, &tight).expect_err("it is more").what, What::Exceeds(_)));
        }
    }
}
