//! gRPC of all four kinds, with Google's own client and server.

use std::time::Duration;

use yumen_e2e::tools::{Server, Tool, free_address, have, peer, run};
use yumen_e2e::{Gateway, SOON};

const MINUTES: Duration = Duration::from_secs(150);

#[test]
fn calls_of_all_kinds() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (_server, at) = Server::script(Tool::Python, "grpc_server.py");
    let gateway = Gateway::start(&format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: calls
    url: http://{at}
    protocol: http2
    timeouts: {{ first_byte: 1m }}
    routes:
      - {{ name: calls, match: {{ paths: ['/test.Test/*'] }} }}
  - name: bounded
    url: http://{at}/test.Test
    protocol: http2
    timeouts: {{ total: 3s }}
    routes:
      - {{ name: bounded, match: {{ paths: ['/bounded.Test/*'] }}, strip_prefix: /bounded.Test }}
      - {{ name: small, match: {{ paths: ['/small.Test/*'] }}, strip_prefix: /small.Test,
           limits: {{ body: 4KiB }} }}
  - name: dead
    url: http://{}
    protocol: http2
    routes:
      - {{ name: dead, match: {{ paths: ['/dead.Test/*'] }} }}
",
        free_address()
    ));
    let web = gateway.web().to_string();
    let memory = gateway.memory();
    let done = run(Tool::Python, [peer("grpc_client.py").as_os_str(), web.as_ref()], MINUTES);
    println!("{}", done.out);
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
    let grown = gateway.memory().saturating_sub(memory);
    assert!(grown < 64 << 10, "{grown} KiB");
    for (path, status) in [
        ("/test.Test/Echo", 0),
        ("/test.Test/None", 12),
        ("/nowhere.Test/Echo", 12),
        ("/dead.Test/Echo", 14),
        ("/small.Test/Echo", 8),
        ("/bounded.Test/Slow", 4),
    ] {
        let (path, status) = (format!("\"path\":\"{path}\""), format!("\"grpc_status\":{status},"));
        let line =
            gateway.stdout.wait(0, SOON, |line| line.contains(&path) && line.contains(&status));
        assert!(line.is_some(), "no line with {path} and {status}");
    }
}
