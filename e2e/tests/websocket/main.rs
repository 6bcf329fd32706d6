//! WebSocket over HTTP/1.1 and HTTP/2: what is agreed to, how bytes pass, how it ends; with exact
//! frames and with real clients.

mod agreement;
mod clients;
mod http2;
mod life;

use std::net::SocketAddr;

/// One listener with more settings, one service, and what else there is.
fn config(target: SocketAddr, listener: &str, more: &str) -> String {
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0', {listener} }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: sockets
    url: http://{target}
    routes:
      - {{ name: sockets, match: {{ paths: ['/*'] }} }}
routes:
  - {{ name: fixed, match: {{ paths: [/fixed] }}, answer: {{ body: fixed }} }}
{more}
"
    )
}
