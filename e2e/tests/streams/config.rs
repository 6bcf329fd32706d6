//! What does not make sense on a listener that passes connections on is refused, with a hint.

use std::fs;

use yumen_e2e::gateway::{fresh_folder, yumen};

const GOOD: &str = "
listeners:
  - { name: web, address: '127.0.0.1:0' }
  - name: db
    address: '127.0.0.1:0'
    protocol: tls
    streams:
      - { name: one, server_names: [a.test, '*.b.test'], service: raw }
      - { name: rest, service: raw }
status: { address: '127.0.0.1:0' }
services:
  - name: raw
    upstream: { targets: [{ url: 'tcp://127.0.0.1:9' }] }
  - name: plain
    url: http://127.0.0.1:9
    routes: [{ name: all }]
";

fn check(yaml: &str) -> (i32, String) {
    let folder = fresh_folder("streams-config");
    let file = folder.join("yumen.yaml");
    fs::write(&file, yaml).expect("a file");
    let (code, out, err) = yumen(&["check", &file.display().to_string()]);
    let _left = fs::remove_dir_all(folder);
    (code, out + &err)
}

#[test]
fn a_good_one_is_good() {
    let (code, said) = check(GOOD);
    assert!(code == 0 && !said.contains("warning"), "{said}");
}

#[test]
fn what_makes_no_sense_is_named() {
    let tls = "    protocol: tls\n";
    for (old, new, path, hint) in [
        (tls, "", "listeners[1].streams", "write `protocol: tcp`"),
        (
            tls,
            "    protocol: tcp\n",
            "listeners[1].streams[0].server_names",
            "write `protocol: tls`",
        ),
        (tls, "    protocol: udp\n", "listeners[1].protocol", ""),
        (tls, "    protocol: tls\n    forwarded: true\n", "listeners[1].forwarded", "take it out"),
        (
            tls,
            "    protocol: tls\n    trusted_proxies: [10.0.0.0/8]\n",
            "listeners[1].trusted_proxies",
            "proxy_protocol",
        ),
        (
            tls,
            "    protocol: tls\n    policies: [{ kind: ip-restriction, config: { allow: [10.0.0.0/8] } }]\n",
            "listeners[1].policies",
            "take them out",
        ),
        (
            tls,
            "    protocol: tls\n    limits: { body: 1KiB }\n",
            "listeners[1].limits",
            "connections",
        ),
        (
            tls,
            "    protocol: tls\n    timeouts: { head: 1s }\n",
            "listeners[1].timeouts",
            "handshake",
        ),
        (
            tls,
            "    protocol: tls\n    tls: { certificates: [] }\n",
            "listeners[1].tls",
            "write `protocol: tcp`",
        ),
        (
            "'*.b.test'",
            "A.test",
            "listeners[1].streams[0].server_names[1]",
            "each name stands once",
        ),
        ("'*.b.test'", "'*b'", "listeners[1].streams[0].server_names[1]", "write it like"),
        (
            "server_names: [a.test, '*.b.test'], ",
            "",
            "listeners[1].streams[1].server_names",
            "only one stream",
        ),
        ("rest, service: raw", "rest, service: plain", "listeners[1].streams[1].service", "tcp://"),
        ("rest, service: raw", "rest, service: rwa", "listeners[1].streams[1].service", "`raw`"),
        ("name: rest", "name: all", "listeners[1].streams[1].name", "used once"),
        (
            "{ name: all }",
            "{ name: all, listeners: [db] }",
            "services[1].routes[0].listeners[0]",
            "its `streams` say",
        ),
        (
            "{ name: all }",
            "{ name: all, fallback: { service: raw } }",
            "services[1].routes[0].fallback.service",
            "http://",
        ),
        (
            "  - name: plain",
            "    routes: [{ name: other }]\n  - name: plain",
            "services[0].routes",
            "take it out",
        ),
        (
            "  - name: plain",
            "    timeouts: { idle: 3s }\n  - name: plain",
            "services[0].timeouts",
            "`connect` is all",
        ),
        (
            "  - name: plain",
            "    pool: { idle: 3 }\n  - name: plain",
            "services[0].pool",
            "`connections`",
        ),
        ("  - name: plain", "    host: client\n  - name: plain", "services[0].host", "take it out"),
        (
            "tcp://127.0.0.1:9",
            "tcp://127.0.0.1",
            "services[0].upstream.targets[0].url",
            "tcp://host:port",
        ),
        (
            "{ url: 'tcp://127.0.0.1:9' }",
            "{ url: 'tcp://127.0.0.1:9' }, { url: 'http://127.0.0.1:8' }",
            "services[0]",
            "begin all URLs",
        ),
        (
            "upstream: { targets",
            "upstream: { balance: { hash: { on: path } }, targets",
            "services[0].upstream.balance.hash.on",
            "on: address",
        ),
        (
            "upstream: { targets",
            "upstream: { health: { active: { probe: { http: { path: / } } } }, targets",
            "services[0].upstream.health.active.probe",
            "probe: tcp",
        ),
    ] {
        assert!(GOOD.contains(old), "{old}");
        let (code, said) = check(&GOOD.replacen(old, new, 1));
        assert!(code != 0 && said.contains(&format!("error: {path}")), "{new}: {path}: {said}");
        assert!(said.contains(hint), "{new}: {hint}: {said}");
    }
    let policies = "policies: [{ kind: ip-restriction, config: { allow: [10.0.0.0/8] } }]\n";
    let (code, said) = check(&format!("{GOOD}{policies}"));
    assert!(code == 0 && said.contains("warning: policies"), "{said}");
}
