//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{check, debug_token, echo, explain, new_key, policies, run, say, tail, top, upgrade};

/// An API gateway: one door in front of many services.
#[derive(Debug, Parser)]
#[command(name = "yumen", version, about)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a configuration. Without a file: the example, with its echo server.
    Run(run::Options),
    /// Tells every problem of a configuration; exit code 1 if there is an error.
    Check {
        /// A file, or a folder of `.yaml`, `.yml` and `.json` files.
        file: PathBuf,
        /// Print the configuration with all defaults.
        #[arg(long)]
        effective: bool,
        /// Print the problems as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints the JSON Schema of the configuration, for editors.
    Schema,
    /// Says what would happen to a request, or what has happened to one, and why.
    Explain(explain::Options),
    /// Makes the header field that has one request remembered, to be explained.
    DebugToken(debug_token::Options),
    /// Makes a key for a consumer, and the hash that the configuration says instead of it.
    NewKey(new_key::Options),
    /// Hashes a password, for a consumer in the configuration.
    HashPassword(new_key::Password),
    /// Seals a secret that requests are signed with, for a consumer in the configuration.
    SealSecret(new_key::Sealing),
    /// Shows the access log of a running gateway, live.
    Tail(tail::Options),
    /// Shows the traffic of a running gateway, as a table that moves.
    Top(top::Options),
    /// Runs a small server that answers with what it received.
    Echo {
        /// Where it listens.
        #[arg(long, default_value = "127.0.0.1:9001")]
        listen: String,
    },
    /// Has a running gateway hand over to the binary that is on disk now; no request is lost.
    Upgrade(upgrade::Options),
    /// Prints the version.
    Version,
}

/// Runs what the command line says.
pub(crate) fn main() -> ExitCode {
    match Line::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Check { file, effective, json } => check::check(&file, effective, json),
        Command::Schema => schema(),
        Command::Explain(options) => explain::explain(&options),
        Command::DebugToken(options) => debug_token::debug_token(&options),
        Command::NewKey(options) => new_key::new_key(&options),
        Command::HashPassword(options) => new_key::hash_password(&options),
        Command::SealSecret(options) => new_key::seal_secret(&options),
        Command::Tail(options) => tail::tail(&options),
        Command::Top(options) => top::top(&options),
        Command::Echo { listen } => echo::run(&listen),
        Command::Upgrade(options) => upgrade::upgrade(&options),
        Command::Version => {
            say::print(format_args!("yumen {}\n", env!("CARGO_PKG_VERSION")));
            ExitCode::SUCCESS
        }
    }
}

fn schema() -> ExitCode {
    say::print(format_args!("{:#}\n", policies::schema()));
    ExitCode::SUCCESS
}
