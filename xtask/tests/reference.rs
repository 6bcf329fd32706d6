//! What the documents list is what the code has.

use serde_json::Value;
use yumen_model::document::{Environment, NoSecret, Source};
use yumen_model::{
    Breaker, Http2, Http3, ListenerLimits, ListenerTimeouts, Model, Passive, Pool, Retries,
    ServiceLimits, ServiceTimeouts,
};
use yumen_policy::FailureKind;
use yumen_xtask::{House, expect_none};

const RUNBOOK: &str = "docs/operator/runbook.md";

/// The rows that a settings table must have, such as "| `limits.head` | 32KiB |".
fn rows(prefix: &str, defaults: &Value) -> Vec<String> {
    let defaults = defaults.as_object().into_iter().flatten();
    defaults
        .map(|(key, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("| `{prefix}{key}` | {value} |")
        })
        .collect()
}

/// Settings inside of settings, by their whole names: `budget.share`.
fn flat(defaults: &Value) -> Value {
    let mut all = serde_json::Map::new();
    for (key, value) in defaults.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => {
                let inner = flat(value);
                let inner = inner.as_object().into_iter().flatten();
                all.extend(inner.map(|(part, value)| (format!("{key}.{part}"), value.clone())));
            }
            value => drop(all.insert(key.clone(), value.clone())),
        }
    }
    Value::Object(all)
}

#[test]
fn the_runbook_tells_every_default() {
    let house = House::open().unwrap();
    let runbook = house.text(RUNBOOK);
    let model = serde_json::to_value(Model::default()).unwrap();
    let rows = [
        rows("limits.", &serde_json::to_value(ListenerLimits::default()).unwrap()),
        rows("timeouts.", &serde_json::to_value(ListenerTimeouts::default()).unwrap()),
        rows("http2.", &serde_json::to_value(Http2::default()).unwrap()),
        rows("http3.", &serde_json::to_value(Http3::default()).unwrap()),
        rows("timeouts.", &serde_json::to_value(ServiceTimeouts::default()).unwrap()),
        rows("passive.", &serde_json::to_value(Passive::default()).unwrap()),
        rows("limits.", &serde_json::to_value(ServiceLimits::default()).unwrap()),
        rows("breaker.", &serde_json::to_value(Breaker::default()).unwrap()),
        rows("retries.", &flat(&serde_json::to_value(Retries::default()).unwrap())),
        rows("pool.", &serde_json::to_value(Pool::default()).unwrap()),
        rows("status.", &model["status"]),
    ]
    .concat();
    assert!(rows.len() > 20, "the defaults are no longer where this test looks: {rows:?}");
    let missing = rows.into_iter().filter(|row| !runbook.contains(row));
    expect_none(missing.map(|row| format!("{RUNBOOK} has no row {row}")));
}

#[test]
fn the_runbook_tells_every_metric() {
    let house = House::open().unwrap();
    let runbook = house.text(RUNBOOK);
    let missing = yumen_observe::names().filter(|name| !runbook.contains(&format!("`{name}`")));
    expect_none(missing.map(|name| format!("{RUNBOOK} does not name {name}")));
}

#[test]
fn the_guide_tells_every_failure() {
    let house = House::open().unwrap();
    let guide = house.text("docs/guide/proxying.md");
    let rows =
        FailureKind::ALL.map(|kind| format!("| `{}` | {} |", kind.code(), kind.status().code()));
    let missing = rows.into_iter().filter(|row| !guide.contains(row));
    expect_none(missing.map(|row| format!("docs/guide/proxying.md has no row {row}")));
}

/// Every file is there and every variable is not.
struct Surroundings;

impl Environment for Surroundings {
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn file(&self, _path: &str, _within: &str) -> Result<String, String> {
        Ok("what is in it".to_owned())
    }

    fn secret(&self, _path: &str, key: &str) -> Result<String, NoSecret> {
        Ok(format!("a secret key of consumers, {key}"))
    }
}

/// Blocks that begin at the left margin with a key of the root; others are pieces of one.
#[test]
fn configurations_in_documents_can_be_read() {
    let house = House::open().unwrap();
    let documents = house.texts.iter().filter(|file| file.path.ends_with(".md"));
    let mut whole = 0;
    for document in documents {
        let blocks = document.text.split("```yaml\n").skip(1);
        let blocks = blocks.filter_map(|rest| rest.split_once("```")).map(|(block, _)| block);
        for block in blocks.filter(|block| block.starts_with(char::is_alphabetic)) {
            let source = Source { name: document.path.clone(), text: block.to_owned() };
            let (model, report, read) = Model::read(&[source], &Surroundings);
            assert!(model.is_some(), "{block}\n{}", report.render(&read));
            whole += 1;
        }
    }
    assert!(whole >= 3, "only {whole} configurations were found");
}

#[test]
fn the_commands_are_in_the_guide() {
    let house = House::open().unwrap();
    let guide = house.text("docs/guide/cli.md");
    let commands = [
        "run",
        "check",
        "explain",
        "debug-token",
        "new-key",
        "hash-password",
        "tail",
        "top",
        "schema",
        "echo",
        "upgrade",
        "version",
    ];
    let missing = commands.iter().filter(|name| !guide.contains(&format!("| `yumen {name}")));
    expect_none(missing.map(|name| format!("docs/guide/cli.md does not tell of {name}")));
}
