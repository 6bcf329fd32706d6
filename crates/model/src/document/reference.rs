//! References to the environment inside a text: `${env:NAME}` and `${env:NAME:-default}`.

use std::fmt;

use super::Environment;

/// What is wrong with a reference.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadReference {
    /// `${` without `}`.
    Open,
    /// Something else than `env:` with a name of letters, digits and `_`.
    Unknown(String),
    /// The variable is not set, and no default is given.
    NotSet(String),
}

impl fmt::Display for BadReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("`${` opens a reference that no `}` closes"),
            Self::Unknown(inside) => write!(f, "`${{{inside}}}` is not a reference that is known"),
            Self::NotSet(name) => write!(f, "the environment variable `{name}` is not set"),
        }
    }
}

impl BadReference {
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Open | Self::Unknown(_) => {
                "write `${env:NAME}`, `${env:NAME:-default}`, or `$${` for the text `${`".to_owned()
            }
            Self::NotSet(name) => format!("set it, or write `${{env:{name}:-default}}`"),
        }
    }
}

/// The text with its references replaced; `None` if it has none.
pub(super) fn expand(
    text: &str,
    environment: &Environment<'_>,
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
        expanded += &value(inside, environment)?;
        rest = after;
    }
    expanded += rest;
    Ok(Some(expanded))
}

fn value(inside: &str, environment: &Environment<'_>) -> Result<String, BadReference> {
    let unknown = || BadReference::Unknown(inside.to_owned());
    let reference = inside.strip_prefix("env:").ok_or_else(unknown)?;
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(fits) {
        return Err(unknown());
    }
    environment(name)
        .or_else(|| default.map(str::to_owned))
        .ok_or_else(|| BadReference::NotSet(name.to_owned()))
}
