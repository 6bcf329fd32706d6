//! `yumen upgrade`: has a running gateway hand over to the binary that is on disk now.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

use crate::pid_file::{Named, PidFile};
use crate::say;

/// How long the hand-over may take: a little more than the gateway itself allows.
const PATIENCE: Duration = Duration::from_secs(65);
/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Which gateway.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Options {
    /// The file that `yumen run --pid-file` writes. Waits until the new process has taken over.
    #[arg(long)]
    pid_file: Option<PathBuf>,
    /// Its process id. Does not wait: the gateway's own output says how it went.
    #[arg(long, value_parser = clap::value_parser!(i32).range(2..))]
    pid: Option<i32>,
}

/// Asks for the hand-over; fails if it fails.
pub(crate) fn upgrade(options: &Options) -> ExitCode {
    let done = match (&options.pid_file, options.pid) {
        (Some(file), _) => by_file(&PidFile::new(file.clone())),
        (None, Some(id)) => ask(id)
            .map(|()| format!("asked process {id} to hand over; its output says how it went")),
        (None, None) => Err("say which gateway: --pid-file or --pid".to_owned()),
    };
    match done {
        Ok(sentence) => {
            say::say(sentence);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            say::say(problem);
            ExitCode::FAILURE
        }
    }
}

fn ask(id: i32) -> Result<(), String> {
    let process = Pid::from_raw(id).ok_or_else(|| format!("{id} is no process id"))?;
    kill_process(process, Signal::USR2)
        .map_err(|error| format!("cannot ask process {id} to hand over: {error}"))
}

fn by_file(file: &PidFile) -> Result<String, String> {
    let before = file.read()?;
    ask(before.id)?;
    let ends = Instant::now() + PATIENCE;
    while Instant::now() < ends {
        match file.read() {
            Ok(Named { id, .. }) if id != before.id => {
                return Ok(format!("process {id} has taken over from process {}", before.id));
            }
            // A gateway that goes on after a hand-over that failed writes its file anew.
            Ok(named) if named.edition != before.edition => {
                return Err(format!(
                    "the hand-over failed and process {} goes on; its output says why",
                    before.id
                ));
            }
            _ => std::thread::sleep(LOOK),
        }
    }
    Err(format!("nothing was heard of the hand-over; the output of process {} says why", before.id))
}
