//! The one binary: reads the command line and wires the rooms.

mod alerts;
mod aside;
mod ask;
mod begin;
mod certificates;
mod check;
mod command;
mod config;
mod consumers;
mod control;
mod debug_token;
mod echo;
mod expiry;
mod explain;
mod hand_over;
mod last_good;
mod logs;
mod new_key;
mod notify;
mod origin;
mod pid_file;
mod policies;
mod ready;
mod recall;
mod run;
mod say;
mod secrets;
mod shipment;
mod sockets;
mod status;
mod tail;
mod top;
mod traces;
mod upgrade;
mod upstreams;
mod workers;

use std::process::ExitCode;

/// A request makes a dozen short-lived allocations; see `docs/adr/0014-mimalloc.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    command::main()
}
