//! Real WebSocket clients and a real service: sizes, fragments, pings, close codes, on connections
//! and on streams.

use std::time::Duration;

use yumen_e2e::Gateway;
use yumen_e2e::tools::{Server, Tool, have, peer, run};

use crate::config;

const PATIENCE: Duration = Duration::from_secs(100);

fn check(tool: Tool, script: &str) {
    if !have(&[Tool::Python, tool]) {
        return;
    }
    let (_service, at) = Server::script(Tool::Python, "websocket.py");
    let gateway = Gateway::start(&config(at, "", ""));
    let web = gateway.web().to_string();
    let done = run(tool, [peer(script).as_os_str(), web.as_ref()], PATIENCE);
    println!("{}", done.out);
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
}

#[test]
fn python() {
    check(Tool::Python, "sockets.py");
}

#[test]
fn node() {
    check(Tool::Node, "sockets.mjs");
}
