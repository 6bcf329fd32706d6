//! Whole explanations as they are printed. `YUMEN_BLESS=1` writes them anew; read the difference
//! before you keep it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use yumen_model::document::Source;
use yumen_observe::{PolicyStep, Record, Stood, Times};
use yumen_policy::{AttemptEnd, Attempts, Decided, Decider, Decision};

use super::*;
use crate::config::{WrongLines, compile};
use crate::consumers::Consumers;
use crate::secrets::Secrets;

const CONFIG: &str = "
listeners: [{ name: web, address: '127.0.0.1:0' }]
policies:
  - { kind: ip-restriction, config: { allow: [192.0.2.0/24] } }
  - { kind: headers, config: { request: { set: { x-a: '1' } } } }
services:
  - name: orders
    url: http://10.0.0.5:8080
    timeouts: { connect: 1s }
    routes:
      - { name: orders, match: { paths: ['/orders/{id}'] }, limits: { body: 1KiB } }
      - { name: blue, match: { paths: ['/q'], query: { color: blue } } }
routes:
  - { name: home, match: { paths: ['/'] }, answer: { status: 200 } }
";

fn plan() -> Plan {
    let source = Source { name: "test.yaml".to_owned(), text: CONFIG.to_owned() };
    let petition = Arc::<Secrets>::default().petition();
    let compiled = compile(&[source], (&Consumers::default(), WrongLines::Refuse), &petition, 7);
    compiled.plan.unwrap()
}

fn record() -> Record<'static> {
    Record {
        began: SystemTime::UNIX_EPOCH,
        request_id: b"0123456789abcdef0123456789abcdef",
        client: "203.0.113.9:4000".parse().unwrap(),
        listener: "web",
        route: "orders",
        method: b"GET",
        host: b"shop.example",
        path: b"/orders/1",
        times: Times {
            total: Duration::from_micros(1500),
            policies: Duration::from_micros(9),
            ..Times::default()
        },
        revision: 7,
        ..Record::default()
    }
}

/// Compares what is printed with the golden file of this name.
fn check(name: &str, one: &Recollection, plan: Option<&Plan>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/recall/golden/{name}.txt"));
    let told = Recalled::new(one, plan).for_people();
    if std::env::var_os("YUMEN_BLESS").is_some() {
        std::fs::write(&path, &told).unwrap();
    }
    assert_eq!(told, std::fs::read_to_string(&path).unwrap_or_default(), "{name}");
}

const REQUEST: &[u8] = b"GET /orders/1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";

#[test]
fn a_policy_refused_it() {
    let decider = Decider { kind: "ip-restriction", at: "policies[0]".into() };
    let record =
        Record { status: 403, failure: Some("forbidden"), decider: Some(&decider), ..record() };
    check("refused", &Recollection::new(&record, REQUEST.to_vec(), None), Some(&plan()));
}

#[test]
fn its_service_was_not_reached() {
    let (mut attempts, target) = (Attempts::default(), "10.0.0.5:8080".into());
    for at in [100, 900] {
        let number = attempts.begin(&target, Duration::from_micros(at));
        attempts.end(number, Duration::from_micros(at + 50), AttemptEnd::Unreachable);
    }
    let decisions = [Decision {
        what: Decided::Connect,
        target: Some("10.0.0.5:8080".into()),
        status: None,
        at: Duration::from_micros(160),
    }];
    let record = Record {
        status: 502,
        service: "orders",
        target: "10.0.0.5:8080",
        failure: Some("upstream_unreachable"),
        cause: Some("Connection refused \x1b[2J"),
        attempts: &attempts,
        decisions: &decisions,
        ..record()
    };
    let step = |place, outward, micros, decided| PolicyStep {
        place,
        outward,
        took: Duration::from_micros(micros),
        decided,
    };
    let steps = vec![step(0, false, 2, "passed"), step(1, false, 3, "passed")];
    let stood =
        |target: &str, standing, requests| Stood { target: target.into(), standing, requests };
    let among = vec![stood("10.0.0.5:8080", "out", 0), stood("10.0.0.6:8080", "open", 3)];
    let one = Recollection::new(&record, REQUEST.to_vec(), Some(steps)).among(among);
    check("unreachable", &one, Some(&plan()));
}

#[test]
fn what_is_not_known_is_said() {
    let record = Record { status: 200, route: "blue", path: b"/q", ..record() };
    let request = b"GET /q HTTP/1.1\r\nHost: shop.example\r\n\r\n".to_vec();
    check("query_not_kept", &Recollection::new(&record, request.clone(), None), Some(&plan()));
    check("plan_gone", &Recollection::new(&record, request, None), None);
}

#[test]
fn no_request_could_be_read() {
    let record = Record {
        status: 400,
        route: "",
        method: b"",
        host: b"",
        path: b"",
        failure: Some("bad_request"),
        cause: Some("a bare line feed"),
        ..record()
    };
    check("unread", &Recollection::new(&record, Vec::new(), None), Some(&plan()));
}
