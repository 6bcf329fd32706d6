//! The hand-over to a new binary: nobody is refused, nothing fails, and a new one that is no good
//! changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use yumen_e2e::client::get;
use yumen_e2e::gateway::{Launch, binary, fresh_folder, yumen};
use yumen_e2e::load::{Load, Plan};
use yumen_e2e::{Backend, Client, Gateway, SOON, Step, ok, raw, websocket};

fn backend() -> Backend {
    Backend::start(|call| match call.request.target() {
        "/tunnel" => vec![Step::Body, raw(websocket::agreement()), Step::Echo],
        "/slow" => vec![Step::Body, Step::Wait(Duration::from_secs(3)), ok("slow")],
        _ => vec![Step::Body, ok("ok")],
    })
}

fn config(backend: &Backend, more: &str) -> String {
    format!(
        "
listeners:
  - name: web
    address: '127.0.0.1:0'
    limits: {{ requests_per_connection: 1000000 }}
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off }}
services:
  - name: backend
    url: http://{}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
{more}
",
        backend.address
    )
}

/// A gateway whose binary can be replaced.
struct Replaceable {
    gateway: Gateway,
    folder: PathBuf,
}

impl Replaceable {
    fn start(yaml: &str) -> Self {
        let folder = fresh_folder("binary");
        let own = folder.join("yumen");
        symlink(binary(), &own).expect("a link to the binary");
        let arguments = vec!["--pid-file".into(), folder.join("pid").into()];
        let how = Launch { binary: Some(own), arguments, ..Launch::default() };
        Self { gateway: Gateway::launch(yaml, how).expect("it starts"), folder }
    }

    /// Puts a script in the place of the binary, as an installer does it: at once.
    fn replace(&self, script: &str) {
        // By another process: a file that this one has open for writing could be inherited by a
        // child of another test, and cannot be run then.
        let status = Command::new("sh")
            .args([
                "-c",
                "printf '#!/bin/bash\\n%s\\n' \"$0\" >new && chmod +x new && mv new yumen",
            ])
            .arg(script)
            .current_dir(&self.folder)
            .status();
        assert!(status.is_ok_and(|status| status.success()), "a script");
    }

    /// Puts a binary in its place that has so many workers.
    fn replace_by_workers(&self, count: usize) {
        self.replace(&format!(
            "exec -a '{own}/yumen' '{binary}' run '{folder}/yumen.yaml' --state '{folder}/state' \
             --pid-file '{own}/pid' --workers {count}",
            own = self.folder.display(),
            binary = binary().display(),
            folder = self.gateway.folder.display(),
        ));
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("pid")
    }
}

impl Drop for Replaceable {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.folder);
    }
}

fn has_ended(process: u32) -> bool {
    let deadline = Instant::now() + SOON;
    // A zombie has ended: the test has not waited for its first child yet.
    let lives = || {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    while lives() {
        if Instant::now() > deadline {
            return false;
        }
        // Another process's end cannot be waited for.
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// The sockets that listen on this port: the system's numbers for them.
fn listening(on: SocketAddr) -> BTreeSet<String> {
    let table = fs::read_to_string("/proc/net/tcp").expect("the table of sockets");
    let port = format!(":{:04X}", on.port());
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 9 && row[1].ends_with(&port) && row[3] == "0A")
        .map(|row| row[9].to_owned())
        .collect()
}

/// Hands over several times under load: kept connections, and one connection for each request.
fn under_load(gateway: &Gateway, mut before: impl FnMut(usize)) {
    let web = gateway.web();
    let kept = Load::start(&Plan::steady(web, 12));
    let renewed = Load::start(&Plan { renew: 1, ..Plan::steady(web, 4) });
    let pausing = Load::start(&Plan { pause: Duration::from_millis(20), ..Plan::steady(web, 8) });
    for round in 1..=3 {
        assert!(kept.reach(round * 2000, SOON * 3) && renewed.reach(round * 500, SOON * 3));
        before(usize::try_from(round).unwrap_or_default());
        let old = gateway.serving();
        let sockets = listening(web);
        let new = gateway.hand_over().expect("a hand-over");
        assert_ne!(old, new);
        assert!(has_ended(old), "process {old} does not end");
        // Whoever waited in one that is gone would be lost, sooner or later.
        assert!(!sockets.is_empty() && listening(web).is_superset(&sockets), "{sockets:?}");
    }
    let already = (kept.done(), renewed.done());
    assert!(kept.reach(already.0 + 2000, SOON * 3) && renewed.reach(already.1 + 500, SOON * 3));
    for (name, load) in [("kept", kept), ("renewed", renewed), ("pausing", pausing)] {
        let report = load.stop();
        println!("{name}: {} done, slowest {:?}", report.done, report.slowest);
        assert!(report.failed.is_empty(), "{name}: {:?} of {}", report.failed, report.done);
    }
}

/// Says that it is over, also when it ends with a panic.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn three_hand_overs_in_a_row_lose_nothing() {
    let backend = backend();
    let gateway = Gateway::start(&config(&backend, ""));
    let status = gateway.status();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asker = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(get(status, "/readyz").status(), 200, "never seen as not ready");
            }
        });
        let until_here = Over(&over);
        under_load(&gateway, |_| {});
        drop(until_here);
        asker.join().expect("ready all the time");
    });
    assert_eq!(gateway.exit(SOON).expect("the first has ended").code(), Some(0));
    assert!(get(status, "/metrics").text().contains("yumen_build_info"));
}

#[test]
fn the_number_of_workers_may_change() {
    let backend = backend();
    let place = Replaceable::start(&config(&backend, ""));
    under_load(&place.gateway, |round| place.replace_by_workers([1, 5, 2][round - 1]));
    let threads = fs::read_dir(format!("/proc/{}/task", place.gateway.serving())).expect("threads");
    let names =
        threads.flatten().filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    assert_eq!(names.filter(|name| name.starts_with("worker-")).count(), 2);
}

#[test]
fn a_new_process_that_is_no_good_changes_nothing() {
    let backend = backend();
    let place = Replaceable::start(&config(&backend, ""));
    let gateway = &place.gateway;
    let web = gateway.web();
    let mut kept = Client::connect(web);
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    kept.ask(request).expect("an answer");
    let mut check = |name: &str, says: &str| {
        let why = gateway.hand_over().expect_err(name);
        assert!(why.contains(says), "{name}: {why}");
        assert!(!kept.ask(request).expect("it serves on").closes(), "{name}");
        assert_eq!(get(web, "/").text(), "ok", "{name}");
        assert_eq!(get(gateway.status(), "/readyz").status(), 200, "{name}");
    };
    place.replace("exit 3");
    check("it ends at once", "exit status: 3");
    place.replace("kill -SEGV $$");
    check("it crashes", "signal: 11");
    place.replace("exec 0</dev/null; exec sleep 100");
    check("it lets go of the link", "signal: 9");
    place.replace(&format!("exec '{}' run /nowhere", binary().display()));
    check("its configuration is not there", "exit status: 1");
    fs::remove_file(place.folder.join("yumen")).expect("a file");
    check("there is no binary", "cannot start");
    place.replace_by_workers(2);
    gateway.hand_over().expect("a good one after bad ones");
    assert_eq!(get(web, "/").text(), "ok");
}

#[test]
fn what_is_open_stays_with_the_old_process_until_it_ends() {
    let backend = backend();
    let gateway = Gateway::start(&config(&backend, "drain: 4s"));
    let web = gateway.web();
    let mut socket = websocket::open(web, "/tunnel");
    let mut busy = Client::connect(web);
    busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(backend.wait(SOON, |all| all.iter().any(|one| one.holds("/slow"))));
    gateway.hand_over().expect("a hand-over");
    assert!(websocket::echoed(&mut socket, "after the hand-over", SOON));
    let answer = busy.answer("GET", SOON).expect("an answer");
    assert!(answer.closes() && answer.text() == "slow", "{answer:?}");
    let mut fresh = websocket::open(web, "/tunnel");
    // A stop signal for everybody is the first one for the old process.
    gateway.signal("TERM");
    assert!(websocket::echoed(&mut socket, "the old process drains on", SOON));
    assert!(socket.read_to_end(SOON), "the drain has a deadline");
    assert!(socket.buffer.starts_with(&[0x88, 2, 0x03, 0xe9]), "{}", socket.shown());
    assert_eq!(gateway.exit(SOON).expect("the old process ends").code(), Some(0));
    assert!(websocket::echoed(&mut fresh, "the new one does not", SOON));
}

#[test]
fn a_stop_signal_ends_a_hand_over() {
    let backend = backend();
    let place = Replaceable::start(&config(&backend, ""));
    let gateway = &place.gateway;
    place.replace("echo heir $$ >&2; exec sleep 100");
    gateway.signal("USR2");
    let heir =
        gateway.stderr.wait(0, SOON, |line| line.starts_with("heir ")).expect("a new process");
    gateway.signal("TERM");
    assert_eq!(gateway.exit(SOON).expect("it ends").code(), Some(0));
    assert!(has_ended(heir["heir ".len()..].parse().expect("a process id")));
}

#[test]
fn upgrade_waits_for_the_outcome() {
    let backend = backend();
    let place = Replaceable::start(&config(&backend, ""));
    let (gateway, file) = (&place.gateway, place.pid_file());
    let path = file.display().to_string();
    let named = || fs::read_to_string(&file).expect("a pid file").trim().to_owned();
    assert_eq!(named(), gateway.pid.to_string());

    place.replace("exit 3");
    let (code, _, said) = yumen(&["upgrade", "--pid-file", &path]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the hand-over failed"), "{said}");
    assert_eq!(named(), gateway.pid.to_string());

    place.replace_by_workers(2);
    let seen = gateway.stderr.count();
    let (code, _, said) = yumen(&["upgrade", "--pid-file", &path]);
    assert_eq!(code, 0, "{said}");
    let new = gateway.handed_over(seen).expect("a hand-over");
    assert!(said.contains(&format!("process {new} has taken over")), "{said}");
    assert!(has_ended(gateway.pid));
    assert_eq!(named(), new.to_string());

    let seen = gateway.stderr.count();
    let (code, ..) = yumen(&["upgrade", "--pid", &new.to_string()]);
    assert_eq!(code, 0);
    let newest = gateway.handed_over(seen).expect("a hand-over");
    assert!(has_ended(new));
    yumen_e2e::gateway::signal(newest, "TERM");
    assert!(has_ended(newest) && !file.exists());
}
