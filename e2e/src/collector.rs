//! A collector of OpenTelemetry that is not ours (`peers/otlp.py`), and what it was sent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::tools::{Server, Tool};

/// A running collector; it is killed when it goes out of scope. It needs [`Tool::Python`].
#[derive(Debug)]
pub struct Collector {
    server: Server,
    /// Where it takes OTLP over HTTP.
    pub http: SocketAddr,
    /// Where it takes OTLP over gRPC.
    pub calls: SocketAddr,
}

impl Collector {
    /// Starts one; `peers/otlp.py --help` tells of the arguments.
    pub fn start<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let (server, http) = Server::script_with(Tool::Python, "otlp.py", arguments);
        let line = server.says("calls on ", Duration::from_secs(20));
        let calls = line["calls on ".len()..].parse().expect("an address");
        Self { server, http, calls }
    }

    /// All requests so far: `via`, `what`, `status`, `fields` and `message` or `fault`.
    pub fn requests(&self) -> Vec<Value> {
        let said = self.server.said();
        said.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What it took of one kind, `traces` or `logs`: spans or log records, one after the other. Their
    /// attributes are one object, and `resource` and `scope` tell whose they are.
    pub fn taken(&self, what: &str) -> Vec<Value> {
        let (resources, scopes, records) = match what {
            "traces" => ("resourceSpans", "scopeSpans", "spans"),
            _ => ("resourceLogs", "scopeLogs", "logRecords"),
        };
        let mut all = Vec::new();
        for request in self.requests() {
            if request["what"] != what || request["status"] != 200 {
                continue;
            }
            for resource in list(&request["message"][resources]) {
                for scope in list(&resource[scopes]) {
                    for record in list(&scope[records]) {
                        let mut record = record.clone();
                        record["attributes"] = attributes(&record["attributes"]);
                        record["resource"] = attributes(&resource["resource"]["attributes"]);
                        record["scope"] = scope["scope"].clone();
                        all.push(record);
                    }
                }
            }
        }
        all
    }

    /// Waits until it has taken as much as `enough` wants of one kind.
    pub fn wait(
        &self,
        what: &str,
        within: Duration,
        enough: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let deadline = Instant::now() + within;
        loop {
            let taken = self.taken(what);
            if enough(&taken) {
                return taken;
            }
            assert!(Instant::now() < deadline, "not enough {what}: {:#?}", self.server.said());
            // It writes lines, and cannot wake us.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A list of keys and values as one object. A key that is there twice is a fault.
fn attributes(pairs: &Value) -> Value {
    let mut all = Map::new();
    for pair in list(pairs) {
        let key = pair["key"].as_str().expect("a key").to_owned();
        let before = all.insert(key, plain(&pair["value"]));
        assert!(before.is_none(), "twice: {pairs}");
    }
    Value::Object(all)
}

fn plain(value: &Value) -> Value {
    let Some((sort, value)) = value.as_object().and_then(|one| one.iter().next()) else {
        return Value::Null;
    };
    match sort.as_str() {
        // Numbers of 64 bits are texts there.
        "intValue" => value.as_str().and_then(|text| text.parse::<i64>().ok()).into(),
        "arrayValue" => list(&value["values"]).iter().map(plain).collect(),
        _ => value.clone(),
    }
}
