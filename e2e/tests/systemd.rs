//! What systemd sees of a gateway and gives to it: notifications, the watchdog, sockets, units.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use yumen_e2e::client::get;
use yumen_e2e::frozen::Frozen;
use yumen_e2e::gateway::{Launch, Lines, binary, fresh_folder, root, signal};
use yumen_e2e::tools::{Tool, free_address, have, run};
use yumen_e2e::{Backend, Gateway, SOON};

fn config(backend: &Backend, address: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '{address}' }}]
status: {{ address: 'off' }}
access_log: {{ to: off }}
services:
  - name: backend
    url: http://{}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
",
        backend.address
    )
}

/// The end of systemd that is told things.
struct Ear {
    socket: UnixDatagram,
    folder: PathBuf,
}

impl Ear {
    fn new() -> Self {
        let folder = fresh_folder("notify");
        let socket = UnixDatagram::bind(folder.join("socket")).expect("a socket");
        Self { socket, folder }
    }

    fn launch(&self, more: &[(&'static str, &str)]) -> Launch {
        let mut environment = vec![("NOTIFY_SOCKET", self.folder.join("socket").into())];
        environment.extend(more.iter().map(|(name, value)| (*name, (*value).into())));
        Launch { environment, ..Launch::default() }
    }

    /// The next message, if one comes in time.
    fn next(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).expect("a timeout");
        let mut bytes = [0; 4096];
        let count = self.socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..count]).into_owned())
    }

    /// Waits for a message that has this line.
    fn wait(&self, line: &str) -> String {
        let deadline = Instant::now() + SOON;
        while Instant::now() < deadline {
            match self.next(Duration::from_millis(100)) {
                Some(message) if message.lines().any(|one| one == line) => return message,
                _ => {}
            }
        }
        panic!("nobody says {line}")
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn systemd_is_told_of_readiness_reloads_hand_overs_and_the_end() {
    let backend = Backend::answering("ok");
    let ear = Ear::new();
    let yaml = config(&backend, "127.0.0.1:0");
    let gateway = Gateway::launch(&yaml, ear.launch(&[])).expect("it starts");
    assert!(ear.wait("READY=1").contains("STATUS=serving configuration 1"));

    let boot = || {
        let uptime = fs::read_to_string("/proc/uptime").expect("the time since the boot");
        uptime.split(' ').next().and_then(|up| up.parse::<f64>().ok()).expect("seconds")
    };
    let before = boot();
    gateway.reload(&format!("{yaml}\n# another\n")).expect("a good configuration");
    let reloading = ear.wait("RELOADING=1");
    let at = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    let at = at.and_then(|at| at.parse::<f64>().ok()).expect("a time") / 1e6;
    assert!((before - 5.0..boot() + 5.0).contains(&at), "{reloading}");
    assert!(ear.wait("READY=1").contains("STATUS=serving configuration 2"));
    gateway.reload("listeners: [").expect_err("a bad configuration");
    ear.wait("RELOADING=1");
    assert!(ear.wait("READY=1").contains("a newer one was refused"));
    gateway.reload(&yaml).expect("a good configuration");
    assert!(ear.wait("READY=1").contains("STATUS=serving configuration 3"));

    let new = gateway.hand_over().expect("a hand-over");
    ear.wait(&format!("MAINPID={new}"));
    assert!(gateway.exit(SOON).is_some());
    signal(new, "TERM");
    ear.wait("STOPPING=1");
}

#[test]
fn the_watchdog_is_fed_while_every_worker_turns() {
    if !have(&[Tool::Python]) {
        return;
    }
    let backend = Backend::answering("ok");
    let ear = Ear::new();
    let mut how = ear.launch(&[("WATCHDOG_USEC", "3000000")]);
    how.arguments = vec!["--workers".into(), "2".into()];
    let gateway = Gateway::launch(&config(&backend, "127.0.0.1:0"), how).expect("it starts");
    for _ in 0..3 {
        let began = Instant::now();
        ear.wait("WATCHDOG=1");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
    // Not after a hand-over either, which takes place under the eyes of the watchdog.
    let new = gateway.hand_over().expect("a hand-over");
    ear.wait(&format!("MAINPID={new}"));
    ear.wait("WATCHDOG=1");

    let Some(frozen) = Frozen::thread(new, "worker-1") else { return };
    // One sign may be on its way.
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut signs = 0;
    while Instant::now() < deadline {
        signs += usize::from(
            ear.next(Duration::from_millis(100)).is_some_and(|message| message == "WATCHDOG=1"),
        );
    }
    assert!(signs <= 2, "{signs} signs of life of a gateway that hangs");
    frozen.let_go();
    ear.wait("WATCHDOG=1");
}

/// systemd's own tool opens the socket, and keeps it while the gateway is started anew.
#[test]
fn sockets_of_systemd_are_used() {
    let tool = "systemd-socket-activate";
    if !have(&[Tool::SocketActivate]) {
        return;
    }
    let backend = Backend::answering("ok");
    let folder = fresh_folder("activation");
    let address = free_address();
    for (name, written) in [("web", "127.0.0.1:0".to_owned()), ("other", address.to_string())] {
        let file = folder.join("yumen.yaml");
        fs::write(&file, config(&backend, &written)).expect("a config file");
        let mut child = Command::new(Tool::SocketActivate.path().expect(tool))
            .args(["--listen", &address.to_string(), "--fdname", name])
            .arg(binary())
            .args(["run", "--workers", "3", "--state"])
            .arg(folder.join("state"))
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the tool starts");
        let lines = Lines::of(child.stderr.take().expect("a pipe"));
        lines.wait(0, SOON, |line| line.contains("Listening on")).expect("a socket");
        for _ in 0..20 {
            assert_eq!(get(address, "/").text(), "ok", "{name}: {:?}", lines.all());
        }
        let listening = format!("yumen: listening on {address} (web)");
        assert!(lines.all().contains(&listening), "{name}: {:?}", lines.all());

        // A hand-over takes the socket along.
        signal(child.id(), "USR2");
        let line = lines.wait(0, SOON, |line| line.ends_with(" has taken over"));
        let line = line.unwrap_or_else(|| panic!("{name}: {:?}", lines.all()));
        let heir = line.split(' ').nth(2).and_then(|id| id.parse().ok()).expect("a process id");
        let _ended = child.wait();
        for _ in 0..20 {
            assert_eq!(get(address, "/").text(), "ok", "{name}: {:?}", lines.all());
        }
        signal(heir, "TERM");
        assert!(lines.wait(0, SOON, |line| line == "never").is_none(), "all have ended");
    }
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn the_units_are_good() {
    if !have(&[Tool::SystemdAnalyze]) {
        return;
    }
    let folder = fresh_folder("units");
    let units = root().join("packaging/systemd");
    for name in ["yumen.service", "yumen.socket"] {
        let text = fs::read_to_string(units.join(name)).expect("a unit");
        let text = text.replace("/usr/bin/yumen", &binary().display().to_string());
        fs::write(folder.join(name), text).expect("a copy");
    }
    let service = folder.join("yumen.service").display().to_string();
    let socket = folder.join("yumen.socket").display().to_string();
    let check = |arguments: &[&str]| {
        let done = run(Tool::SystemdAnalyze, arguments, SOON);
        (done.code, format!("{}\n{}", done.out, done.err))
    };
    let (code, said) = check(&["verify", "--man=no", &service, &socket]);
    assert_eq!((code, said.trim()), (0, ""), "{said}");
    // 0 is the best and 10 the worst; a unit without hardening has 9.6.
    let (code, said) = check(&["security", "--offline=true", "--threshold=20", &service]);
    assert_eq!(code, 0, "{said}");
    let _left = fs::remove_dir_all(folder);
}
