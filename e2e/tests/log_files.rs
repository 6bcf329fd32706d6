//! The access log in files: on a disk that is full, and while one process hands over to another.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use yumen_e2e::client::get;
use yumen_e2e::gateway::{fresh_folder, signal};
use yumen_e2e::load::{Load, Plan, unslowed};
use yumen_e2e::wait::{LATER, metric, wait_until};
use yumen_e2e::{Backend, Gateway};

/// Longer than a request takes, whatever becomes of the log.
const SECOND: Duration = Duration::from_secs(1);

fn config(backend: &Backend, log: &str) -> String {
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0', limits: {{ requests_per_connection: 1000000 }} }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: http://{}
    routes: [{{ name: all, match: {{ paths: [/] }} }}]
access_log: {log}
",
        backend.authority()
    )
}

/// A disk of 64 KiB. It is gone when it goes out of scope.
struct Disk(PathBuf);

impl Disk {
    /// `None`, said loudly, where nothing may be mounted; that fails where `CI` is `true`.
    fn mount() -> Option<Self> {
        let folder = fresh_folder("disk");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(&folder)
            .output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(folder));
        }
        let _left = fs::remove_dir(&folder);
        eprintln!("SKIPPED: no disk can be mounted here; run this test as root");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "nothing is skipped in CI");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("-l").arg(&self.0).status();
        let _gone = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_full_disk_costs_lines_until_there_is_room() {
    let Some(disk) = Disk::mount() else { return };
    let file = disk.0.join("access.log");
    let backend = Backend::answering("ok");
    let log = format!("{{ to: {{ file: '{}' }} }}", file.display());
    let gateway = Gateway::start(&config(&backend, &log));
    let lost = "yumen_access_log_dropped_total{sink=\"file\",reason=\"write_failed\"}";
    let written = "yumen_access_log_written_total{sink=\"file\"}";
    let plan = Plan::steady(gateway.web(), 4);
    let mut done = unslowed(&plan, 5_000, SECOND);
    let before = gateway.memory();
    done += unslowed(&plan, 15_000, SECOND);
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 8 << 10, "what waits grows: {grown} KiB");
    wait_until("lost lines are counted", || metric(gateway.status(), lost) > 10_000);
    let told = format!("{}: No space left on device", file.display());
    gateway.stderr.wait(0, LATER, |line| line.contains(&told)).expect("it is told");
    wait_until("all are counted", || {
        metric(gateway.status(), lost) + metric(gateway.status(), written) == done
    });
    let first = metric(gateway.status(), written);

    File::options()
        .write(true)
        .open(&file)
        .and_then(|file| file.set_len(0))
        .expect("there is room");
    for _ in 0..10 {
        assert_eq!(get(gateway.web(), "/").status(), 200);
    }
    wait_until("it goes on", || metric(gateway.status(), written) == first + 10);
    let text = fs::read_to_string(&file).expect("a file");
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 10, "{text}");
    for line in lines {
        serde_json::from_str::<Value>(line).expect("a whole line");
    }
}

/// The request ids of all lines, each of which is whole.
fn ids(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    let texts = files.map(|file| fs::read_to_string(file).expect("a file"));
    let id = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        line["request_id"].as_str().expect("an id").to_owned()
    };
    texts.flat_map(|text| text.lines().map(id).collect::<Vec<_>>()).collect()
}

/// Two processes write to one file and move it aside when it is full; no line is lost, torn or doubled.
#[test]
fn files_are_rotated_while_a_new_process_takes_over() {
    let folder = fresh_folder("handed-over");
    let file = folder.join("access.log");
    let log = format!(
        "{{ to: {{ file: '{}' }}, rotate: {{ bytes: 64KiB, keep: 100 }} }}",
        file.display()
    );
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, &log));
    let load =
        Load::start(&Plan { pause: Duration::from_millis(5), ..Plan::steady(gateway.web(), 8) });
    assert!(load.reach(300, LATER));
    for _ in 0..2 {
        let before = gateway.serving();
        let heir = gateway.hand_over().unwrap_or_else(|why| panic!("{why}"));
        assert_ne!(before, heir);
        assert!(load.reach(load.done() + 500, LATER));
    }
    let report = load.stop();
    assert!(report.failed.is_empty(), "{report:?}");
    // Nothing moves any more once the last of the three has ended.
    signal(gateway.serving(), "TERM");
    let stopped = || gateway.stderr.all().iter().filter(|line| *line == "yumen: stopped").count();
    wait_until("all have ended", || stopped() == 3);
    let mut found = ids(&folder);
    assert_eq!(found.len() as u64, report.done);
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len() as u64, report.done, "none is doubled");
    assert!(folder.join("access.log.3").exists(), "it was rotated: {}", report.done);
    let said = gateway.stderr.all().join("\n");
    assert!(!said.contains("cannot rotate") && !said.contains("lines lost"), "{said}");
    fs::remove_dir_all(folder).expect("it is removed");
}
