//! The traffic of a running gateway as a table, once and on a terminal.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;
use yumen_e2e::gateway::{binary, fresh_folder, yumen};
use yumen_e2e::load::{Load, Plan};
use yumen_e2e::{Backend, Gateway};

fn config(backend: &Backend) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off }}
services:
  - name: backend
    url: http://{}
    breaker: {{}}
    routes: [{{ name: everything }}]
",
        backend.authority()
    )
}

#[test]
fn one_table_tells_rates_and_times() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend));
    let status = gateway.status().to_string();
    let load = Load::start(&Plan::steady(gateway.web(), 2));
    let (code, table, problem) = yumen(&["top", "--once", "--status", &status]);
    assert_eq!(code, 0, "{problem}");
    let (_, json, _) = yumen(&["top", "--json", "--status", &status]);
    load.stop();
    assert!(table.starts_with("yumen: configuration 1, "), "{table}");
    let row = table.lines().find(|line| line.starts_with("everything ")).expect("a row");
    assert!(row.contains("0.0%") && row.matches("ms").count() == 2, "{table}");
    assert!(table.contains("breaker closed") && !table.contains('\x1b'), "{table}");
    let page: Value = serde_json::from_str(&json).expect("JSON");
    assert!(page["routes"][0]["requests_per_second"].as_f64() > Some(1.0), "{json}");
    assert!(page["routes"][0]["p99_seconds"].as_f64() > Some(0.0), "{json}");
    assert!(page["memory_mib"].as_f64() > Some(1.0), "{json}");
    let (code, _, problem) = yumen(&["top", "--once", "--status", "127.0.0.1:1"]);
    assert!(code == 1 && problem.contains("say where it is with --status"), "{problem}");
}

/// On a real terminal: it draws, obeys keys, and gives the terminal back as it was.
#[test]
fn a_terminal_is_given_back() {
    const DRIVER: &str = r#"
import os, pty, select, subprocess, sys, termios, time
fd, terminal = pty.openpty()
before = termios.tcgetattr(terminal)
top = subprocess.Popen(sys.argv[1:], stdin=terminal, stdout=terminal, stderr=terminal)
seen = b""
def until(word):
    global seen
    deadline = time.monotonic() + 20
    while word not in seen:
        if time.monotonic() > deadline:
            sys.exit("not seen: %r in %r" % (word, seen))
        if select.select([fd], [], [], 1)[0]:
            try:
                seen += os.read(fd, 65536)
            except OSError:
                sys.exit("ended: %r" % seen)
until(b"everything")
seen = b""
os.write(fd, b"n")
until(b"ROUTE")
during = termios.tcgetattr(terminal)
os.write(fd, b"q")
until(b"\x1b[?1049l")
code = top.wait(20)
after = termios.tcgetattr(terminal)
print(code, during[3] & termios.ECHO, after[3] == before[3])
"#;
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend));
    let folder = fresh_folder("top");
    let script = folder.join("driver.py");
    fs::write(&script, DRIVER).expect("a script");
    let load = Load::start(&Plan::steady(gateway.web(), 1));
    let output = Command::new("python3")
        .arg(&script)
        .arg(binary())
        .args(["top", "--every", "200", "--status", &gateway.status().to_string()])
        .stdin(Stdio::null())
        .output()
        .expect("python3 runs");
    load.stop();
    let _left = fs::remove_dir_all(folder);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let problem = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(told.trim(), "0 0 True", "{problem}");
}
