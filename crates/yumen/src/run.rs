//! `yumen run`: starts everything, and keeps it going until the process is told to stop.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use yumen_engine::Present;
use yumen_observe::{LogTally, LogWriter, Registry};
use yumen_plan::Plan;
use yumen_upstream::health::{Keeper, Standings};
use yumen_upstream::resolve::{Names, Resolver, Source};
use yumen_worker::Worker;

use crate::alerts::Alerts;
use crate::begin::Begin;
use crate::certificates::Certificates;
use crate::config::Origin;
use crate::consumers::Consumers;
use crate::control::{Control, Place};
use crate::hand_over::Predecessor;
use crate::last_good::LastGood;
use crate::logs::logs;
use crate::notify::Notify;
use crate::pid_file::PidFile;
use crate::ready::Ready;
use crate::secrets::Secrets;
use crate::sockets::Sockets;
use crate::traces::Traces;
use crate::workers::{Equipment, Workers};
use crate::{control, echo, say};

/// For so many cores there is one thread that checks passwords: each check takes tens of milliseconds.
const CORES_PER_CHECK: usize = 4;
/// How long the start waits for the names of services to be looked up.
const LOOK_UP: Duration = Duration::from_secs(2);

/// What `yumen run` is told on the command line.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A file, or a folder of `.yaml`, `.yml` and `.json` files.
    file: Option<PathBuf>,
    /// Worker threads; one for each core if it is not given.
    #[arg(long)]
    workers: Option<usize>,
    /// The folder where the last good configuration is kept.
    #[arg(long, env = "YUMEN_STATE")]
    state: Option<PathBuf>,
    /// A file that names the process that serves, for `yumen upgrade`.
    #[arg(long, env = "YUMEN_PID_FILE")]
    pid_file: Option<PathBuf>,
}

/// Runs until the process is told to stop.
pub(crate) fn run(options: &Options) -> ExitCode {
    match try_run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say::say(problem);
            ExitCode::FAILURE
        }
    }
}

fn try_run(options: &Options) -> Result<(), String> {
    raise_file_limit();
    // While there is only one thread: the environment says what was given, and is tidied up.
    let (predecessor, sockets) = match Predecessor::find()? {
        Some((predecessor, sockets)) => (Some(predecessor), sockets),
        None => (None, Sockets::from_systemd()?),
    };
    // Before anything else: a signal or a change that comes while the start is under way counts.
    let signals = control::signals()?;
    let origin = options.file.clone().map_or(Origin::Example, Origin::Path);
    let last_good = options.file.as_deref().map(|file| LastGood::new(&state_folder(options), file));
    let look = origin.look();
    let consumers = Consumers::start(cores().div_ceil(CORES_PER_CHECK));
    let consumers = Arc::new(consumers.map_err(|error| format!("cannot start a thread: {error}"))?);
    let secrets = Arc::new(Secrets::from_environment()?);
    let begin = Begin {
        origin: &origin,
        last_good: last_good.as_ref(),
        consumers: &consumers,
        secrets: &secrets,
        signals: &signals,
    };
    let (Ready { plan, counted, expiry, written }, referenced, is_last_good) = begin.first()?;
    if let Origin::Example = origin {
        let bound = yumen_listen::bind("127.0.0.1:9001", 1)?;
        echo::start(bound).map_err(|error| format!("cannot start the echo server: {error}"))?;
    }
    let plan = Arc::new(plan);
    let names = start_resolver(&plan)?;
    let standings = start_keeper()?;
    let tally = Arc::new(LogTally::default());
    let log = LogWriter::start(logs(&plan), Arc::clone(&tally), |text: &str| say::say(text));
    let log = log.map_err(|error| error.to_string())?;
    let mut traces = Traces::new(Arc::default());
    traces.follow(plan.tracing.as_ref())?;
    let exporter = Arc::clone(&traces.exporter);
    let version = env!("CARGO_PKG_VERSION");
    let registry = Registry::new(version, tally, Arc::clone(&exporter), Registry::GRACE);
    registry.config_applied(plan.revision, counted, SystemTime::now(), Instant::now());
    let present = Arc::new(Present::new(Arc::clone(&plan)));
    let (taps, memories) = (Arc::default(), Arc::default());
    let equipment = Equipment { present, names, standings, registry, exporter, taps, memories };
    let count = options.workers.filter(|count| *count > 0).unwrap_or_else(cores);
    let workers = Workers::start(count, &equipment, &log)
        .map_err(|error| format!("cannot start a thread: {error}"))?;
    let notify = Notify::from_environment(Instant::now());
    let pid_file = options.pid_file.clone().map(PidFile::new);
    let certificates = Certificates::new(state_folder(options));
    let alerts = Alerts::new(is_last_good);
    let place = Place {
        origin,
        last_good,
        pid_file,
        notify,
        sockets,
        certificates,
        consumers,
        traces,
        alerts,
        secrets,
    };
    let control = Control::new(place, equipment, workers, log);
    let mut control = control.map_err(|error| format!("cannot start a thread: {error}"))?;
    control.expect_ends(expiry);
    control.begin(&plan, LOOK_UP)?;
    control.keep(&written);
    if let Some(Err(error)) = predecessor.map(Predecessor::relieve) {
        say::say(format_args!("cannot tell the process before that this one is ready: {error}"));
    }
    control.announce();
    control.serve(&signals, look, referenced)
}

fn start_resolver(plan: &Plan) -> Result<Names, String> {
    let explain = |error: std::io::Error| format!("cannot start the resolver: {error}");
    let seed = u64::from(std::process::id());
    let source = Source { servers: plan.servers.clone(), ..Source::default() };
    let (resolver, names) = Resolver::new(source, seed);
    let tell = |event: &yumen_upstream::resolve::Event| say::say(event);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(explain)?;
    let thread = std::thread::Builder::new().name("resolver".to_owned());
    thread.spawn(move || runtime.block_on(resolver.run(tell))).map_err(explain)?;
    Ok(names)
}

/// The thread that judges the health of endpoints.
fn start_keeper() -> Result<Standings, String> {
    let (keeper, standings) = Keeper::new(u64::from(std::process::id()));
    let tell = |event: &yumen_upstream::health::Event| say::say(event);
    // A worker, because its probes speak as workers do.
    match Worker::start("health", 0, move |_worker| keeper.run(tell)) {
        Ok(_thread) => Ok(standings),
        Err(error) => Err(format!("cannot start the keeper of health: {error}")),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Where the last good configuration is kept unless the command line says so.
fn state_folder(options: &Options) -> PathBuf {
    let from_environment =
        |name: &str, rest: &str| std::env::var_os(name).map(|folder| Path::new(&folder).join(rest));
    options
        .state
        .clone()
        .or_else(|| from_environment("STATE_DIRECTORY", ""))
        .or_else(|| from_environment("XDG_STATE_HOME", "yumen"))
        .or_else(|| from_environment("HOME", ".local/state/yumen"))
        .unwrap_or_else(|| PathBuf::from("/var/lib/yumen"))
}

/// Every connection is a file: takes as many as the system allows this process.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap_or_default();
}
