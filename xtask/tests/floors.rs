//! Who may know whom: every arrow between rooms falls (`docs/ARCHITECTURE.md`).

use yumen_xtask::{House, Room, expect_none};

/// Each room of `crates/` with the rooms it may know. A room that is missing here is a finding.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("http", &[]),
    (
        "policy",
        &["model", "http", "courier", "directory", "jose", "key-sets", "password", "replay", "tls"],
    ),
    ("route", &["model", "http"]),
    ("alert", &["model", "http"]),
    ("acme", &["http", "tls", "courier"]),
    ("upstream", &["model", "http", "policy", "worker", "tls"]),
    ("listen", &["model", "http", "policy", "worker", "tls"]),
    ("observe", &["model", "http", "policy", "expr", "otlp", "protobuf", "shipper"]),
    (
        "plan",
        &[
            "model",
            "http",
            "policy",
            "route",
            "alert",
            "upstream",
            "tls",
            "courier",
            "directory",
            "password",
            "seal",
            "jose",
        ],
    ),
    ("engine", &["plan", "policy", "observe", "http", "route", "upstream", "listen", "worker"]),
];

/// What drives sockets, files and timers.
const RUNTIMES: &[&str] =
    &["tokio", "mio", "socket2", "hyper", "async-io", "smol", "futures", "hickory-resolver"];

/// Rooms that decide and never wait.
const PURE: &[&str] = &[
    "model",
    "http",
    "policy",
    "route",
    "alert",
    "plan",
    "expr",
    "jose",
    "json",
    "otlp",
    "origin",
    "protobuf",
    "directory",
    "kept",
    "replay",
    "seal",
    "openid",
];

fn last(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

fn may_know(room: &Room, other: &str) -> bool {
    match room.folder.split_once('/') {
        Some(("crates", "yumen")) => true,
        Some(("crates", name)) => {
            MAY_KNOW.iter().any(|(room, allowed)| *room == name && allowed.contains(&last(other)))
        }
        // A connection is plain or secured: the worker's streams are made of sessions.
        Some(("parts", "worker")) if other == "parts/tls" => true,
        // So are those of threads that are no workers.
        Some(("parts", "courier")) if other == "parts/tls" => true,
        // What carries batches sends a courier.
        Some(("parts", "shipper")) if other == "parts/courier" => true,
        // Expressions are about whatever their caller says; tokens and keys are values.
        Some(("parts", "expr" | "jose")) => false,
        // Key sets are asked for by couriers, and read as what they are.
        Some(("parts", "key-sets"))
            if ["parts/courier", "parts/jose", "parts/tls"].contains(&other) =>
        {
            true
        }
        // What was good is remembered in the bounded way of the house.
        Some(("parts", "password")) if other == "parts/kept" => true,
        // Who asks about an exchange sends a courier, says whom TLS is to believe, and keeps what was said.
        Some(("parts", "inquiry"))
            if ["parts/courier", "parts/kept", "parts/tls"].contains(&other) =>
        {
            true
        }
        // What browsers bring and keep is about tokens and sealed.
        Some(("parts", "openid")) if ["parts/jose", "parts/seal"].contains(&other) => true,
        // Secrets are asked for by couriers.
        Some(("parts", "vault")) if ["parts/courier", "parts/tls"].contains(&other) => true,
        // The bytes of OTLP, and what calls say of themselves, are Protocol Buffers.
        Some(("parts", "otlp" | "courier")) if other == "parts/protobuf" => true,
        Some(("parts", _)) => other == "crates/http",
        Some(("policies", _)) => {
            other.starts_with("parts/")
                || ["crates/policy", "crates/http", "crates/model"].contains(&other)
        }
        _ => true,
    }
}

#[test]
fn every_room_has_its_floor() {
    let house = House::open().unwrap();
    let known = |name: &str| name == "yumen" || MAY_KNOW.iter().any(|(room, _)| *room == name);
    let rooms = house.rooms.iter().filter_map(|room| room.folder.strip_prefix("crates/"));
    expect_none(rooms.filter(|name| !known(name)).map(|name| {
        format!("crates/{name} stands on no floor: add it to MAY_KNOW and docs/ARCHITECTURE.md")
    }));
}

#[test]
fn every_arrow_falls() {
    let house = House::open().unwrap();
    expect_none(house.rooms.iter().flat_map(|room| {
        let wrong = room.knows.iter().filter(|other| !may_know(room, other));
        wrong.map(|other| format!("{} may not know {other}", room.folder)).collect::<Vec<_>>()
    }));
}

#[test]
fn rooms_that_decide_have_no_runtime() {
    let house = House::open().unwrap();
    let pure = house.rooms.iter().filter(|room| PURE.contains(&last(&room.folder)));
    expect_none(pure.flat_map(|room| {
        let drivers = room.outside.iter().filter(|name| RUNTIMES.contains(&name.as_str()));
        drivers.map(|name| format!("{} depends on {name}", room.folder)).collect::<Vec<_>>()
    }));
}

#[test]
fn a_policy_is_a_whole_room() {
    let house = House::open().unwrap();
    let wiring = house.text("crates/yumen/src/policies.rs");
    let policies = house.rooms.iter().filter(|room| room.folder.starts_with("policies/"));
    expect_none(policies.flat_map(|room| {
        let parts = ["README.md", "example.yaml", "tests", "src/lib.rs"];
        let paths = parts.map(|part| format!("{}/{part}", room.folder));
        let missing = paths.into_iter().filter(|path| !house.has(path));
        let mut findings: Vec<String> = missing.map(|path| format!("{path} is missing")).collect();
        let module = format!("{}::", room.name.replace('-', "_"));
        if !wiring.contains(&module) {
            findings.push(format!("crates/yumen/src/policies.rs does not name {module}KIND"));
        }
        findings
    }));
}
