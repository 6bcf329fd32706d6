//! Real clients: curl, nghttp and h2load.

use std::fs;
use std::time::Duration;

use yumen_e2e::gateway::fresh_folder;
use yumen_e2e::tools::{Tool, have, run};
use yumen_e2e::{Backend, Gateway, Step, ok, raw};

use crate::config;

const MINUTE: Duration = Duration::from_secs(60);

fn rig() -> (Backend, Gateway) {
    let backend = Backend::start(|call| {
        let size: usize = call.request.target().trim_start_matches('/').parse().unwrap_or(0);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", size << 10);
        match (call.request.method(), size) {
            ("POST" | "PUT", _) => vec![Step::Body, ok("taken")],
            (_, 0) => vec![Step::Body, ok("small")],
            _ => vec![Step::Body, raw(head), Step::Repeat(vec![b'x'; 1024], size)],
        }
    });
    let gateway = Gateway::start(&config(backend.address, ""));
    (backend, gateway)
}

#[test]
fn curl() {
    if !have(&[Tool::Curl]) {
        return;
    }
    let (_backend, gateway) = rig();
    let web = gateway.web();
    let curl = |arguments: &[&str]| {
        let all = ["-sS", "-m", "50", "--http2-prior-knowledge"].iter().chain(arguments);
        run(Tool::Curl, all, MINUTE).well()
    };
    let at = |path: &str| format!("http://{web}/{path}");
    let code = ["-o", "/dev/null", "-w", "%{http_version} %{http_code} %{size_download}"];
    let coded = |more: &[&str]| curl(&[&code, more].concat());
    assert_eq!(coded(&[&at("")]), "2 200 5");
    assert_eq!(coded(&["-I", &at("")]), "2 200 0");
    assert!(coded(&[&at("%2f")]).starts_with("2 400 "));
    assert_eq!(coded(&[&at("200000")]), format!("2 200 {}", 200_000 << 10));
    let folder = fresh_folder("http2-uploads");
    let file = folder.join("large");
    fs::File::create(&file).and_then(|file| file.set_len(20 << 20)).expect("a file");
    let file = file.display().to_string();
    let memory = gateway.memory();
    assert_eq!(curl(&["-T", &file, &at("up")]), "taken");
    let data = format!("@{file}");
    assert_eq!(curl(&["--data-binary", &data, &at("up")]), "taken");
    let grown = gateway.memory().saturating_sub(memory);
    assert!(grown < 32 << 10, "{grown} KiB");
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn nghttp_and_h2load() {
    if !have(&[Tool::Nghttp, Tool::H2load]) {
        return;
    }
    let (_backend, gateway) = rig();
    let url = format!("http://{}/", gateway.web());
    let done = run(Tool::Nghttp, ["-v", "-m", "20", url.as_str()], MINUTE);
    assert_eq!(done.out.matches(":status: 200").count(), 20, "{}", done.out);
    for arguments in
        [&["-n", "5000", "-c", "10", "-m", "20"][..], &["-n", "900", "-c", "1", "-m", "100"]]
    {
        let all: Vec<&str> = arguments.iter().copied().chain([url.as_str()]).collect();
        let out = run(Tool::H2load, &all, MINUTE).well();
        assert!(out.contains("0 failed, 0 errored"), "{out}");
    }
}
