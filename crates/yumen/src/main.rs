//! The one binary: reads the command line and wires the rooms.

mod check;
mod command;
mod config;
mod control;
mod echo;
mod explain;
mod last_good;
mod policies;
mod run;
mod say;
mod status;
mod workers;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::main()
}
