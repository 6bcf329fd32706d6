//! HTTP/2 facing clients: real clients, exact frames, floods, and what reached the service.

mod clients;
mod flood;
mod life;
mod strict;

use std::net::SocketAddr;

/// One listener with more settings, one service.
fn config(target: SocketAddr, listener: &str) -> String {
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0', {listener} }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: http://{target}
    timeouts: {{ first_byte: 1m }}
    routes:
      - {{ name: all, match: {{ paths: ['/*'] }}, limits: {{ body: 2GiB }} }}
"
    )
}
