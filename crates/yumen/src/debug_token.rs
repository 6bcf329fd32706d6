//! `yumen debug-token`: the header field that has one request remembered, so that it can be
//! explained.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use yumen_model::Span;
use yumen_plan::{Debugging, Signed};

use crate::explain::read_head;
use crate::say;

/// Bytes of a secret's file.
const SECRET_BYTES_MAX: usize = 4 << 10;

/// A request to be signed.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The method, such as GET.
    method: String,
    /// The URL: `http://host/path`. A query is not part of what is signed.
    url: String,
    /// The file with the secret of `explain.debug_header`; without it the environment variable
    /// `YUMEN_DEBUG_SECRET` is taken.
    #[arg(long)]
    secret_file: Option<PathBuf>,
    /// How long it holds, such as `10m`.
    #[arg(long, default_value = "5m")]
    lifetime: String,
}

/// Prints the field.
pub(crate) fn debug_token(options: &Options) -> ExitCode {
    match try_make(options) {
        Ok(field) => {
            say::print(field);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            say::say(problem);
            ExitCode::FAILURE
        }
    }
}

fn try_make(options: &Options) -> Result<String, String> {
    let secret = match &options.secret_file {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?,
        None => std::env::var("YUMEN_DEBUG_SECRET").map_err(|_not_there| {
            "no secret: name its file with --secret-file, or set YUMEN_DEBUG_SECRET".to_owned()
        })?,
    };
    let secret = secret.trim();
    if secret.is_empty() || secret.len() > SECRET_BYTES_MAX {
        return Err(format!("the secret has no bytes, or more than {SECRET_BYTES_MAX}"));
    }
    let lifetime: Span = options.lifetime.parse().map_err(|_unreadable| {
        format!("`{}` is no lifetime; write one such as `10m`", options.lifetime)
    })?;
    let lifetime = lifetime.get().ok_or("a lifetime cannot be off; write one such as `10m`")?;
    let head = read_head(&options.method, &options.url, &[])
        .map_err(|failure| format!("no gateway takes this request: {failure}"))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let signed = Signed { method: head.method().as_str(), host: head.host(), path: head.path() };
    let expiry = now.as_secs().saturating_add(lifetime.as_secs());
    Ok(format!("Yumen-Debug: {}\n", Debugging::new(secret, None).token(&signed, expiry)))
}
