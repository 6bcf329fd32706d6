//! The built binary as a process: started from one file, watched through what it prints.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// How long a start or a reload may take before a test gives up.
const START: Duration = Duration::from_secs(30);
/// Lines kept of each output of the gateway.
const LINES: usize = 50_000;

static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// The folder of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("e2e lies in the project").to_path_buf()
}

/// A fresh folder; the caller removes it.
pub fn fresh_folder(name: &str) -> PathBuf {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let path = std::env::temp_dir().join(format!("yumen-e2e-{process}-{number}-{name}"));
    fs::create_dir_all(&path).expect("a fresh folder");
    path
}

/// The binary under test: `YUMEN_BIN`, or the one of this build, built when it is needed.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("YUMEN_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let folder = test.ancestors().nth(2).expect("target/profile/deps/test");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let target = folder.parent().expect("target/profile");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", "yumen", "--bin", "yumen", "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(root())
        .env_remove("RUSTFLAGS")
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the binary does not build");
    folder.join("yumen")
}

/// Lines that a process has printed so far.
#[derive(Debug, Default)]
pub struct Lines {
    state: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Lines {
    /// Collects from `source` until it ends.
    pub fn of(source: impl Read + Send + 'static) -> Arc<Self> {
        let lines = Arc::new(Self::default());
        let own = Arc::clone(&lines);
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut bytes = Vec::new();
            while matches!(source.read_until(b'\n', &mut bytes), Ok(1..)) {
                let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                bytes.clear();
                let mut state = own.state.lock().expect("a sound lock");
                if state.0.len() < LINES {
                    state.0.push(line);
                }
                own.changed.notify_all();
            }
            own.state.lock().expect("a sound lock").1 = true;
            own.changed.notify_all();
        });
        lines
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.state.lock().expect("a sound lock").0.len()
    }

    /// All of them.
    pub fn all(&self) -> Vec<String> {
        self.state.lock().expect("a sound lock").0.clone()
    }

    /// Waits for the first line from number `from` on that fits.
    pub fn wait(
        &self,
        from: usize,
        within: Duration,
        fits: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let deadline = Instant::now() + within;
        let mut state = self.state.lock().expect("a sound lock");
        loop {
            if let Some(line) = state.0.iter().skip(from).find(|line| fits(line)) {
                return Some(line.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.1 {
                return None;
            }
            state = self.changed.wait_timeout(state, left).expect("a sound lock").0;
        }
    }
}

/// How a gateway is started, where it differs from `yumen run FILE --state DIR`.
#[derive(Debug, Default)]
pub struct Launch {
    /// More arguments.
    pub arguments: Vec<OsString>,
    /// Most open files of the process.
    pub open_files: Option<u32>,
    /// A folder with config and state of an earlier gateway, instead of a fresh one. It stays.
    pub folder: Option<PathBuf>,
    /// A configuration that is there already, instead of the text.
    pub source: Option<PathBuf>,
    /// Nobody reads its standard output, as behind a log shipper that hangs.
    pub unread: bool,
    /// Another binary than the one under test.
    pub binary: Option<PathBuf>,
    /// More of the environment.
    pub environment: Vec<(&'static str, OsString)>,
}

/// A running gateway. It is killed and its folder removed when it goes out of scope.
#[derive(Debug)]
pub struct Gateway {
    child: Mutex<Child>,
    /// Processes that have taken over from it.
    heirs: Mutex<Vec<u32>>,
    /// Process id.
    pub pid: u32,
    /// Holds `yumen.yaml` and `state/`.
    pub folder: PathBuf,
    /// True if the folder goes with the gateway.
    brief: bool,
    /// What it prints about itself.
    pub stderr: Arc<Lines>,
    /// Its access log.
    pub stdout: Arc<Lines>,
}

impl Gateway {
    /// Starts a gateway with this configuration and waits until it is ready.
    pub fn start(yaml: &str) -> Self {
        Self::launch(yaml, Launch::default()).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Starts a gateway in a special way.
    ///
    /// # Errors
    /// What it printed, if it ended instead of being ready.
    pub fn launch(yaml: &str, how: Launch) -> Result<Self, String> {
        let brief = how.folder.is_none();
        let folder = how.folder.unwrap_or_else(|| fresh_folder("gateway"));
        let file = how.source.unwrap_or_else(|| {
            let file = folder.join("yumen.yaml");
            fs::write(&file, yaml).expect("a config file");
            file
        });
        let binary = how.binary.as_deref().unwrap_or_else(|| binary());
        let mut command = match how.open_files {
            None => Command::new(binary),
            Some(most) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("ulimit -n {most}; exec \"$0\" \"$@\"")).arg(binary);
                shell
            }
        };
        command.arg("run").arg(&file).arg("--state").arg(folder.join("state"));
        command.args(how.arguments).envs(how.environment);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = match how.unread {
            false => Lines::of(child.stdout.take().expect("a pipe")),
            true => Arc::default(),
        };
        let stderr = Lines::of(child.stderr.take().expect("a pipe"));
        let pid = child.id();
        let heirs = Mutex::default();
        let gateway = Self { child: Mutex::new(child), heirs, pid, folder, brief, stderr, stdout };
        match gateway.stderr.wait(0, START, |line| line == "yumen: ready") {
            Some(_) => Ok(gateway),
            None => Err(format!("not ready: {:#?}", gateway.stderr.all())),
        }
    }

    /// Where the listener with this name listens now.
    pub fn address(&self, listener: &str) -> SocketAddr {
        let end = format!(" ({listener})");
        self.stderr
            .all()
            .iter()
            .rev()
            .find_map(|line| {
                line.strip_prefix("yumen: listening on ")?.strip_suffix(&end)?.parse().ok()
            })
            .unwrap_or_else(|| panic!("no listener {listener}: {:#?}", self.stderr.all()))
    }

    /// Where the listener `web` listens.
    pub fn web(&self) -> SocketAddr {
        self.address("web")
    }

    /// Where the status listener listens.
    pub fn status(&self) -> SocketAddr {
        self.stderr
            .all()
            .iter()
            .find_map(|line| line.strip_prefix("yumen: status on ")?.parse().ok())
            .expect("a status listener")
    }

    /// Writes a new configuration and waits until it is live.
    ///
    /// # Errors
    /// What the gateway says if it refuses it.
    pub fn reload(&self, yaml: &str) -> Result<(), String> {
        let seen = self.stderr.count();
        self.write(yaml);
        self.taken_up(seen)
    }

    /// As [`Gateway::reload`], without waiting until the change of the file is noticed.
    ///
    /// # Errors
    /// What the gateway says if it refuses it.
    pub fn reload_at_once(&self, yaml: &str) -> Result<(), String> {
        let seen = self.stderr.count();
        self.write(yaml);
        self.signal("HUP");
        self.taken_up(seen)
    }

    /// A rename, as editors and config managers do it: nobody ever reads half a file.
    fn write(&self, yaml: &str) {
        let fresh = self.folder.join(".yumen.yaml.new");
        fs::write(&fresh, yaml).expect("a config file");
        fs::rename(&fresh, self.folder.join("yumen.yaml")).expect("a config file");
    }

    fn taken_up(&self, seen: usize) -> Result<(), String> {
        let outcome = self.stderr.wait(seen, START, |line| {
            (line.starts_with("yumen: configuration ") && line.ends_with(" is live"))
                || line.starts_with("yumen: configuration refused")
        });
        match outcome {
            Some(line) if line.ends_with(" is live") => Ok(()),
            Some(_) => {
                // The report comes right behind its first line.
                self.stderr.wait(seen, Duration::from_millis(200), |_| false);
                Err(self.stderr.all()[seen..].join("\n"))
            }
            None => panic!("no word about the new configuration: {:#?}", self.stderr.all()),
        }
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        signal(self.pid, name);
    }

    /// Has the process that serves hand over, and waits until another one serves; its id.
    ///
    /// # Errors
    /// What the gateway says if it goes on instead.
    pub fn hand_over(&self) -> Result<u32, String> {
        let seen = self.stderr.count();
        signal(self.serving(), "USR2");
        self.handed_over(seen)
    }

    /// As [`Gateway::hand_over`], after somebody else has asked for it; `seen` lines were there.
    ///
    /// # Errors
    /// What the gateway says if it goes on instead.
    pub fn handed_over(&self, seen: usize) -> Result<u32, String> {
        let line = self.stderr.wait(seen, START, |line| {
            line.ends_with(" has taken over") || line.starts_with("yumen: hand-over failed")
        });
        let line = line.unwrap_or_else(|| panic!("no hand-over: {:#?}", self.stderr.all()));
        let heir = line
            .strip_prefix("yumen: process ")
            .and_then(|rest| rest.strip_suffix(" has taken over").and_then(|id| id.parse().ok()));
        let heir = heir.ok_or(line)?;
        self.heirs.lock().expect("a sound lock").push(heir);
        Ok(heir)
    }

    /// The id of the process that serves now.
    pub fn serving(&self) -> u32 {
        self.heirs.lock().expect("a sound lock").last().copied().unwrap_or(self.pid)
    }

    /// Waits for the end of the process.
    pub fn exit(&self, within: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + within;
        let mut child = self.child.lock().expect("a sound lock");
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Some(status),
                _ if Instant::now() >= deadline => return None,
                // The standard library cannot wait with a deadline.
                _ => thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Memory in use (resident set), in KiB.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().split(' ').next()?.parse().ok())
            .expect("a running process has a resident set")
    }

    /// Open files of the process.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count)
    }

    /// CPU time used so far.
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let ticks: u64 = stat
            .rsplit(") ")
            .next()
            .unwrap_or_default()
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<u64>().ok())
            .sum();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if thread::panicking() {
            let lines = self.stderr.all();
            let last = lines.len().saturating_sub(40);
            eprintln!("the gateway said:\n{}", lines[last..].join("\n"));
        }
        let folder = self.folder.to_string_lossy().into_owned();
        for heir in self.heirs.get_mut().map(std::mem::take).unwrap_or_default() {
            // Its number may be another process's by now.
            let line = fs::read(format!("/proc/{heir}/cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&line).contains(&folder) {
                signal(heir, "KILL");
            }
        }
        if let Ok(child) = self.child.get_mut() {
            let _gone = child.kill();
            let _gone = child.wait();
        }
        if self.brief {
            let _left = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Sends a signal to a process that a test has started; after `STOP` it stands still.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status();
    assert!(status.is_ok_and(|status| status.success()), "signal {name} to {pid}");
    let deadline = Instant::now() + crate::SOON;
    while name == "STOP" && !stands_still(pid) {
        assert!(Instant::now() < deadline, "{pid} does not stop");
        thread::yield_now();
    }
}

/// Whether every thread of a process is stopped: on a busy machine that takes a moment.
fn stands_still(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().all(|thread| {
        let state = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        state.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['T', 't']))
    })
}

/// Runs `yumen` to its end and hands over its exit code, standard output and standard error.
pub fn yumen(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(binary())
        .args(arguments)
        .stdin(Stdio::null())
        .current_dir(root())
        .output()
        .expect("the binary starts");
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}
