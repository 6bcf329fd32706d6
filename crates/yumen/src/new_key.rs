//! `yumen new-key`, `yumen hash-password` and `yumen seal-secret`: what the configuration says of credentials instead of
//! themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use yumen_directory::Pepper;
use yumen_plan::key_hash;
use yumen_seal::{KEY_MIN, SealingKey};

use crate::say;

/// What keys begin with, so that people and scanners know them when they see them.
const PREFIX: &str = "ymk_";

/// What `yumen new-key` is told on the command line.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The file with the `directory.pepper` of the configuration, if it has one.
    #[arg(long)]
    pepper_file: Option<PathBuf>,
    /// A file with a key to hash, instead of a new one; `-` is standard input.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Print both as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints a key and its hash.
pub(crate) fn new_key(options: &Options) -> ExitCode {
    match try_new_key(options) {
        Ok(text) => {
            say::print(text);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            say::say(problem);
            ExitCode::FAILURE
        }
    }
}

fn try_new_key(options: &Options) -> Result<String, String> {
    let pepper = options.pepper_file.as_deref().map(read).transpose()?.unwrap_or_default();
    let key = match &options.key_file {
        Some(file) => read(file)?,
        None => {
            let mut drawn = [0; 32];
            aws_lc_rs::rand::fill(&mut drawn)
                .map_err(|_broken| "the system has no random numbers".to_owned())?;
            format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&drawn))
        }
    };
    let hash = key_hash(&key, &Pepper::new(&pepper));
    Ok(match options.json {
        true => format!("{:#}\n", json!({ "key": key, "hash": hash })),
        false => format!("key:  {key}\nhash: {hash}\n"),
    })
}

/// What `yumen hash-password` is told on the command line.
#[derive(Debug, Args)]
pub(crate) struct Password {
    /// A file with the password; `-`, which is standard input, if it is left out.
    #[arg(long, default_value = "-")]
    password_file: PathBuf,
}

/// Prints the hash of a password.
pub(crate) fn hash_password(options: &Password) -> ExitCode {
    match read(&options.password_file).and_then(|text| yumen_password::hash(text.as_bytes())) {
        Ok(hash) => {
            say::print(format_args!("{hash}\n"));
            ExitCode::SUCCESS
        }
        Err(problem) => {
            say::say(problem);
            ExitCode::FAILURE
        }
    }
}

/// What `yumen seal-secret` is told on the command line.
#[derive(Debug, Args)]
pub(crate) struct Sealing {
    /// The file with the `directory.sealing_key` of the configuration.
    #[arg(long)]
    key_file: PathBuf,
    /// The `id` of the secret; it opens for no other one.
    #[arg(long)]
    id: String,
    /// A file with the secret; `-`, which is standard input, if it is left out.
    #[arg(long, default_value = "-")]
    secret_file: PathBuf,
}

/// Prints a secret in sealed form.
pub(crate) fn seal_secret(options: &Sealing) -> ExitCode {
    match try_seal_secret(options) {
        Ok(sealed) => {
            say::print(format_args!("{sealed}\n"));
            ExitCode::SUCCESS
        }
        Err(problem) => {
            say::say(problem);
            ExitCode::FAILURE
        }
    }
}

fn try_seal_secret(options: &Sealing) -> Result<String, String> {
    let key = SealingKey::new(&read(&options.key_file)?);
    let key = key.ok_or_else(|| {
        format!("{} has fewer than {KEY_MIN} characters", options.key_file.display())
    })?;
    let sealed = key.seal(&options.id, &read(&options.secret_file)?);
    sealed.ok_or_else(|| "the system has no random numbers".to_owned())
}

/// The text of a file, without the white space around it.
fn read(file: &Path) -> Result<String, String> {
    let text = match file.to_str() {
        Some("-") => std::io::read_to_string(std::io::stdin()),
        _ => fs::read_to_string(file),
    };
    let text = text.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    match text.trim() {
        "" => Err(format!("{} is empty", file.display())),
        text => Ok(text.to_owned()),
    }
}
