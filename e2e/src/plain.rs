//! The plainest configuration that most tests need: one listener, one service, one route for all.

use std::net::SocketAddr;

/// A service with these targets behind one listener, and a status listener. `upstream`: more lines of
/// the service's upstream, with six spaces before each; `more`: more lines of the service, with four,
/// and behind them of the whole, with none.
pub fn one_service(targets: &[SocketAddr], upstream: &str, more: &str) -> String {
    let targets: String =
        targets.iter().map(|target| format!("        - url: http://{target}\n")).collect();
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    upstream:
{upstream}
      targets:
{targets}
    routes:
      - {{ name: all, match: {{ paths: ['/*'] }}, limits: {{ body: 2GiB }} }}
{more}
"
    )
}

/// What lines of `more` say that want no access log.
pub const QUIET: &str = "\naccess_log: { to: off }";
