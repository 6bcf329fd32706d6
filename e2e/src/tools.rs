//! Real clients and servers: curl, Python, Node and nginx, each with a deadline.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::gateway::{Lines, fresh_folder, root, signal};

/// A program that tests use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `curl`.
    Curl,
    /// Python with the packages of `requirements.txt`.
    Python,
    /// Node with the packages of `package.json`.
    Node,
    /// `nginx`.
    Nginx,
    /// `systemd-analyze`, which judges unit files.
    SystemdAnalyze,
    /// `systemd-socket-activate`, which opens sockets for a program as systemd does.
    SocketActivate,
    /// `nghttp`, of nghttp2-client.
    Nghttp,
    /// `h2load`, of nghttp2-client.
    H2load,
    /// `openssl`.
    Openssl,
    /// `chromium`.
    Chromium,
    /// `pebble` and its `pebble-challtestsrv`.
    Pebble,
    /// `redis-server`.
    RedisServer,
    /// `redis-cli`.
    RedisCli,
    /// `prometheus`.
    Prometheus,
    /// Prometheus' Alertmanager.
    Alertmanager,
    /// `amtool`, which asks an Alertmanager.
    Amtool,
    /// `promtool`, which checks rules and metrics.
    Promtool,
    /// `rsyslogd`.
    Rsyslogd,
    /// `bao`, the server of OpenBao and its client.
    Bao,
    /// `sh`.
    Shell,
}

/// Where `scripts/setup` puts packages: `.tools` in the project, or `YUMEN_TOOLS`.
fn folder() -> PathBuf {
    std::env::var_os("YUMEN_TOOLS").map_or_else(|| root().join(".tools"), PathBuf::from)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")];
    std::env::split_paths(&path).chain(sbin).map(|dir| dir.join(name)).find(|file| file.is_file())
}

impl Tool {
    /// Where it is, if it and its packages are there.
    pub fn path(self) -> Option<PathBuf> {
        match self {
            Self::Curl => on_path("curl"),
            Self::Nginx => on_path("nginx"),
            Self::SystemdAnalyze => on_path("systemd-analyze"),
            Self::SocketActivate => on_path("systemd-socket-activate"),
            Self::Nghttp => on_path("nghttp"),
            Self::H2load => on_path("h2load"),
            Self::Openssl => on_path("openssl"),
            Self::Chromium => on_path("chromium"),
            Self::Pebble => on_path("pebble").filter(|_| on_path("pebble-challtestsrv").is_some()),
            Self::RedisServer => on_path("redis-server"),
            Self::RedisCli => on_path("redis-cli"),
            Self::Prometheus => on_path("prometheus"),
            Self::Promtool => on_path("promtool"),
            // Debian's name, and its own.
            Self::Alertmanager => {
                on_path("prometheus-alertmanager").or_else(|| on_path("alertmanager"))
            }
            Self::Amtool => on_path("amtool"),
            Self::Rsyslogd => on_path("rsyslogd"),
            Self::Shell => on_path("sh"),
            Self::Bao => Some(folder().join("venv/bin/bao")).filter(|file| file.is_file()),
            Self::Python => Some(folder().join("venv/bin/python")).filter(|file| file.is_file()),
            Self::Node => {
                let packages = ["ws", "oidc-provider"]
                    .map(|name| folder().join("node/node_modules").join(name));
                on_path("node").filter(|_| packages.iter().all(|one| one.is_dir()))
            }
        }
    }
}

/// True if all tools are there. If not, says so loudly, and fails where `CI` is `true`.
pub fn have(tools: &[Tool]) -> bool {
    let missing: Vec<Tool> = tools.iter().copied().filter(|tool| tool.path().is_none()).collect();
    if missing.is_empty() {
        return true;
    }
    eprintln!("SKIPPED: {missing:?} missing; run scripts/setup");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "nothing is skipped in CI: {missing:?}");
    false
}

/// A file of `e2e/peers`.
pub fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

/// What a program did.
#[derive(Debug)]
pub struct Done {
    /// Exit code; -1 if it was killed.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Done {
    /// Standard output of a program that must have ended well.
    pub fn well(self) -> String {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.out, self.err);
        self.out
    }
}

/// Runs a tool to its end; kills it when `within` has passed.
pub fn run<A: AsRef<OsStr>>(
    tool: Tool,
    arguments: impl IntoIterator<Item = A>,
    within: Duration,
) -> Done {
    let mut server = Server::spawn(command(tool).args(arguments));
    let deadline = Instant::now() + within;
    let code = loop {
        match server.child.try_wait() {
            Ok(Some(status)) => break status.code().unwrap_or(-1),
            _ if Instant::now() >= deadline => {
                let _gone = server.child.kill();
                break -1;
            }
            // The standard library cannot wait with a deadline.
            _ => thread::sleep(Duration::from_millis(2)),
        }
    };
    server.out.wait(0, Duration::from_secs(2), |_| false);
    server.err.wait(0, Duration::from_secs(2), |_| false);
    Done { code, out: server.out.all().join("\n"), err: server.err.all().join("\n") }
}

fn command(tool: Tool) -> Command {
    let mut command = Command::new(tool.path().expect("`have` was asked before"));
    // No proxy of the surroundings may stand between a test and its gateway.
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
    {
        command.env_remove(name);
    }
    command.env("NODE_PATH", folder().join("node/node_modules"));
    command.env("YUMEN_NODE_MODULES", folder().join("node/node_modules"));
    command.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// A real server as a child process; it is killed when it goes out of scope.
#[derive(Debug)]
pub struct Server {
    child: Child,
    out: Arc<Lines>,
    err: Arc<Lines>,
    folder: Option<PathBuf>,
}

impl Server {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let out = Lines::of(child.stdout.take().expect("a pipe"));
        let err = Lines::of(child.stderr.take().expect("a pipe"));
        Self { child, out, err, folder: None }
    }

    /// Starts a script of `e2e/peers` that prints `listening on ADDRESS`.
    pub fn script(tool: Tool, name: &str) -> (Self, SocketAddr) {
        Self::announced(command(tool).arg(peer(name)))
    }

    /// As [`Server::script`], with arguments.
    pub fn script_with<A: AsRef<OsStr>>(
        tool: Tool,
        name: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> (Self, SocketAddr) {
        Self::announced(command(tool).arg(peer(name)).args(arguments))
    }

    /// Starts a program that prints `listening on ADDRESS`.
    pub fn announced(command: &mut Command) -> (Self, SocketAddr) {
        let server = Self::spawn(command);
        let line = server
            .out
            .wait(0, Duration::from_secs(20), |line| line.starts_with("listening on "))
            .unwrap_or_else(|| panic!("{command:?}: {:?}", server.err.all()));
        let address = line["listening on ".len()..].parse().expect("an address");
        (server, address)
    }

    /// Starts a program that listens on this address, and waits until it does.
    pub fn listening<A: AsRef<OsStr>>(
        tool: Tool,
        arguments: impl IntoIterator<Item = A>,
        address: SocketAddr,
    ) -> Self {
        let server = Self::spawn(command(tool).args(arguments));
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "{tool:?}: {:?}", server.err.all());
            // It does not say when it is ready.
            thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// Starts nginx with this `http` block; `LISTEN` in it becomes a free address, `FOLDER` its
    /// folder, which `prepare` may fill.
    pub fn nginx(http: &str, prepare: impl FnOnce(&Path)) -> (Self, SocketAddr) {
        let folder = fresh_folder("nginx");
        prepare(&folder);
        let address = free_address();
        let http = http
            .replace("LISTEN", &address.to_string())
            .replace("FOLDER", &folder.display().to_string());
        let config = format!(
            "daemon off; master_process off; worker_rlimit_nofile 4096; pid {0}/pid; \
             error_log {0}/error.log warn; events {{ worker_connections 1024; }} \
             http {{ access_log off; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; \
             fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s; {http} }}",
            folder.display()
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, config).expect("a config file");
        let mut command = command(Tool::Nginx);
        command.arg("-e").arg(folder.join("error.log")).arg("-c").arg(&file);
        let mut server = Self::spawn(&mut command);
        server.folder = Some(folder);
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "nginx: {:?}", server.err.all());
            // nginx does not say when it is ready.
            thread::sleep(Duration::from_millis(10));
        }
        (server, address)
    }

    /// Starts a browser without a window, which opens `https://HOST:PORT/` and finds the host on
    /// loopback. Certificates are not its matter here.
    pub fn chromium(profile: &Path, host: &str, port: u16) -> Self {
        let profile = format!("--user-data-dir={}", profile.display());
        let resolve = format!("--host-resolver-rules=MAP {host} 127.0.0.1");
        let url = format!("https://{host}:{port}/");
        let quiet = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-proxy-server",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--ignore-certificate-errors",
        ];
        Self::start(Tool::Chromium, quiet.into_iter().chain([&*profile, &*resolve, &*url]))
    }

    /// What it printed so far, both ways.
    pub fn said(&self) -> Vec<String> {
        [self.out.all(), self.err.all()].concat()
    }

    /// Starts a tool that goes on by itself.
    pub fn start<A: AsRef<OsStr>>(tool: Tool, arguments: impl IntoIterator<Item = A>) -> Self {
        Self::spawn(command(tool).args(arguments))
    }

    /// Waits until it says something that begins so.
    pub fn says(&self, begin: &str, within: Duration) -> String {
        let said = self.out.wait(0, within, |line| line.starts_with(begin));
        said.unwrap_or_else(|| panic!("{:#?} {:#?}", self.out.all(), self.err.all()))
    }

    /// Asks it to end, with what it has started, and waits for that; says whether it did in time.
    pub fn end(mut self, within: Duration) -> bool {
        signal(self.pid(), "TERM");
        let deadline = Instant::now() + within;
        while !matches!(self.child.try_wait(), Ok(Some(_))) {
            if Instant::now() >= deadline {
                return false;
            }
            // The standard library cannot wait with a deadline.
            thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// The folder of its own, if it has one.
    pub fn folder(&self) -> &Path {
        self.folder.as_deref().unwrap_or(Path::new(""))
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
        if let Some(folder) = &self.folder {
            let _left = fs::remove_dir_all(folder);
        }
    }
}

/// An address on which nobody listens (only for programs that cannot choose one themselves).
pub fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}
