//! References inside a text: `${env:NAME}` and `${env:NAME:-default}` to the environment,
//! `${file:PATH}` to the text of a file, `${vault:PATH#KEY}` to a secret that Vault keeps.

use std::fmt;

use super::{Environment, NoSecret, REFERENCED_BYTES};

/// What references begin with, each followed by what it is about.
pub(super) const KINDS: [&str; 3] = ["env:", "file:", "vault:"];

/// What is wrong with a reference.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadReference {
    /// `${` without `}`.
    Open,
    /// Neither `env:` with a name of letters, digits and `_`, nor `file:` with a path, nor `vault:`
    /// with a path and a key.
    Unknown(String),
    /// The variable is not set, and no default is given.
    NotSet(String),
    /// The file cannot be read, and why.
    NoFile(String, String),
    /// The secret of this path cannot be had.
    NoSecret(String, NoSecret),
}

impl fmt::Display for BadReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("`${` opens a reference that no `}` closes"),
            Self::Unknown(inside) => write!(f, "`${{{inside}}}` is not a reference that is known"),
            Self::NotSet(name) => write!(f, "the environment variable `{name}` is not set"),
            Self::NoFile(path, why) => write!(f, "the file `{path}` cannot be used: {why}"),
            Self::NoSecret(path, NoSecret { why, .. }) => {
                write!(f, "the secret `{path}` of Vault cannot be had: {why}")
            }
        }
    }
}

impl BadReference {
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Open | Self::Unknown(_) => {
                "write `${env:NAME}`, `${env:NAME:-default}`, `${file:PATH}`, `${vault:MOUNT/PATH#KEY}`, or `$${` for the text `${`"
                    .to_owned()
            }
            Self::NotSet(name) => format!("set it, or write `${{env:{name}:-default}}`"),
            Self::NoFile(..) => format!(
                "a path is absolute, or starts in the folder of this configuration file; the file is UTF-8 text of at most {} MiB",
                REFERENCED_BYTES >> 20
            ),
            Self::NoSecret(_, NoSecret { hint, .. }) => hint.clone(),
        }
    }
}

/// The text, which is written in the source `within`, with its references replaced; `None` if it
/// has none.
pub(super) fn expand(
    text: &str,
    environment: &dyn Environment,
    within: &str,
) -> Result<Option<String>, BadReference> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(escaped) = before.strip_suffix('$') {
            expanded += escaped;
            expanded += "${";
            rest = after;
            continue;
        }
        let (inside, after) = after.split_once('}').ok_or(BadReference::Open)?;
        expanded += before;
        expanded += &value(inside, environment, within)?;
        rest = after;
    }
    expanded += rest;
    Ok(Some(expanded))
}

fn value(
    inside: &str,
    environment: &dyn Environment,
    within: &str,
) -> Result<String, BadReference> {
    let unknown = || BadReference::Unknown(inside.to_owned());
    if let Some(path) = inside.strip_prefix("file:") {
        return match environment.file(path, within) {
            _ if path.is_empty() => Err(unknown()),
            Ok(text) if text.len() <= REFERENCED_BYTES => Ok(text),
            Ok(_) => Err(BadReference::NoFile(path.to_owned(), "it is too long".to_owned())),
            Err(why) => Err(BadReference::NoFile(path.to_owned(), why)),
        };
    }
    if let Some(secret) = inside.strip_prefix("vault:") {
        let (path, key) = secret.split_once('#').ok_or_else(unknown)?;
        if path.is_empty() || key.is_empty() {
            return Err(unknown());
        }
        return match environment.secret(path, key) {
            Ok(value) if value.len() <= REFERENCED_BYTES => Ok(value),
            Ok(_) => Err(BadReference::NoSecret(path.to_owned(), too_long())),
            Err(why) => Err(BadReference::NoSecret(path.to_owned(), why)),
        };
    }
    let reference = inside.strip_prefix("env:").ok_or_else(unknown)?;
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(fits) {
        return Err(unknown());
    }
    environment
        .variable(name)
        .or_else(|| default.map(str::to_owned))
        .ok_or_else(|| BadReference::NotSet(name.to_owned()))
}

fn too_long() -> NoSecret {
    let hint = format!("a value has at most {} KiB", REFERENCED_BYTES >> 10);
    NoSecret { why: "its value is too long".to_owned(), hint }
}
