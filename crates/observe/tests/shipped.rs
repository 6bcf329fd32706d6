//! The dashboards and rules that are shipped name metrics that exist, and no others.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging")
}

/// Everything in an expression that could be the name of a metric of ours.
fn metrics(expression: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let words = expression.split(|letter| !is_part(letter));
    let ours = |word: &&str| {
        word.starts_with("yumen_") || word.starts_with("process_") || word.contains(":yumen_")
    };
    words.filter(ours).map(str::to_owned).collect()
}

fn known() -> BTreeSet<String> {
    let names = yumen_observe::names();
    let all =
        names.flat_map(|name| ["", "_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")));
    all.chain(recorded()).collect()
}

fn rules() -> String {
    let file = packaging().join("prometheus/yumen.rules.yml");
    fs::read_to_string(file).expect("the rules are there")
}

/// What the recording rules record.
fn recorded() -> Vec<String> {
    let rules = rules();
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- record: "));
    names.map(str::to_owned).collect()
}

fn expect_known(place: &str, expression: &str, used: &mut BTreeSet<String>) {
    let known = known();
    for metric in metrics(expression) {
        assert!(known.contains(&metric), "{place}: there is no metric {metric}: {expression}");
        used.insert(metric);
    }
}

/// Every text below a key of this name.
fn texts<'v>(value: &'v Value, key: &str, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == key => found.push(text),
                    _ => texts(member, key, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        _ => {}
    }
}

#[test]
fn dashboards_ask_for_metrics_that_exist() {
    let mut files = 0;
    let mut used = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for entry in fs::read_dir(packaging().join("grafana")).expect("dashboards") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a file");
        let board: Value = serde_json::from_str(&text).expect("JSON");
        let place = path.display().to_string();
        files += 1;
        assert!(ids.insert(board["uid"].to_string()), "{place}: another one has its uid");
        let mut expressions = Vec::new();
        texts(&board, "expr", &mut expressions);
        let mut queries = Vec::new();
        texts(&board["templating"], "query", &mut queries);
        assert!(expressions.len() >= 4, "{place}");
        for expression in expressions.into_iter().chain(queries) {
            expect_known(&place, expression, &mut used);
        }
        let panels = board["panels"].as_array().expect("panels");
        let mut numbers = BTreeSet::new();
        for panel in panels {
            assert!(numbers.insert(panel["id"].as_u64()), "{place}: {panel}");
            assert!(panel["title"].as_str().is_some_and(|title| !title.is_empty()), "{place}");
        }
    }
    assert_eq!(files, 5);
    assert!(used.len() > 25, "{used:?}");
}

#[test]
fn rules_ask_for_metrics_that_exist() {
    let mut used = BTreeSet::new();
    for line in rules().lines().filter(|line| !line.trim_start().starts_with('#')) {
        let text = line.trim().trim_start_matches("- ");
        let is_talk = ["summary:", "description:", "alert:", "name:"];
        if !is_talk.iter().any(|key| text.starts_with(key)) {
            expect_known("yumen.rules.yml", text, &mut used);
        }
    }
    assert!(used.len() > 15, "{used:?}");
}
