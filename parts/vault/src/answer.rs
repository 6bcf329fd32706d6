//! What answers of the server mean, without IO.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::fault::{Cause, Fault};
use crate::hidden::Hidden;
use crate::secret::Secret;

/// The longest text of the server that is told on, in characters.
const TEXT_MAX: usize = 200;

/// So many characters of something secret are recognised.
const TELLTALE: usize = 8;

/// An answer as it came.
#[derive(Clone, Copy)]
pub(crate) struct Came<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
    /// Something secret that it was asked with.
    pub(crate) sent: Option<&'a Hidden>,
}

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The beginning of its path, with a slash at the end; empty if the server does not say.
    pub(crate) begins: String,
    pub(crate) version: Version,
}

/// The version of a key-value engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

/// A token, and how long it is good.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) token: Hidden,
    pub(crate) lease: Lease,
}

/// How long a token is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    /// From now on; `None` if it does not end, or nobody knows when.
    pub(crate) lasts: Option<Duration>,
    pub(crate) is_renewable: bool,
}

impl Lease {
    pub(crate) const UNKNOWN: Self = Self { lasts: None, is_renewable: false };

    fn new(seconds: u64, is_renewable: bool) -> Self {
        let lasts = (seconds > 0).then(|| Duration::from_secs(seconds));
        Self { lasts, is_renewable }
    }
}

impl Mount {
    /// The path of a request for the secret of this path.
    pub(crate) fn request(&self, path: &str) -> String {
        match (self.version, path.strip_prefix(&self.begins)) {
            (Version::Two, Some(rest)) => format!("{}data/{rest}", self.begins),
            (Version::Two, None) | (Version::One, _) => path.to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct MountData {
    #[serde(default)]
    path: String,
    #[serde(default)]
    r#type: String,
    options: Option<HashMap<String, String>>,
}

type Values = HashMap<String, Box<RawValue>>;

#[derive(Deserialize)]
struct SecondData {
    data: Option<Values>,
}

#[derive(Deserialize)]
struct Granted {
    auth: Option<GrantData>,
}

#[derive(Deserialize)]
struct GrantData {
    client_token: String,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Deserialize)]
struct TokenData {
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    errors: Vec<String>,
}

impl Came<'_> {
    /// Where the secret of this path is kept (`sys/internal/ui/mounts/PATH`).
    pub(crate) fn mount(&self, path: &str) -> Result<Mount, Fault> {
        match self.status {
            200 => {}
            // A server from before version 2 knows no such question.
            404 => return Ok(Mount { begins: String::new(), version: Version::One }),
            // There is no telling whether there is such a mount.
            403 => return Err(denied(&format!("a mount and a policy for `{path}`"))),
            _ => return Err(self.failed()),
        }
        let Envelope { data } = self.read::<Envelope<MountData>>()?;
        let MountData { path: begins, r#type, options } = data;
        if !r#type.is_empty() && !matches!(&*r#type, "kv" | "generic" | "cubbyhole") {
            let why = format!("`{}` is no key-value store", printable(&begins));
            return Err(Fault::wrong(why, "only secrets of `kv` can be referred to"));
        }
        if !path.starts_with(&begins) || (!begins.is_empty() && !begins.ends_with('/')) {
            return Err(garbage("it names another mount"));
        }
        let version = options.as_ref().and_then(|options| options.get("version"));
        let version = match version.map(String::as_str) {
            Some("2") => Version::Two,
            Some("" | "1") | None => Version::One,
            Some(_) => {
                let why = "its key-value store has a version that is not known";
                return Err(Fault::wrong(why, "versions 1 and 2 can be read"));
            }
        };
        Ok(Mount { begins, version })
    }

    /// The secret of this path.
    pub(crate) fn secret(&self, path: &str, mount: &Mount) -> Result<Secret, Fault> {
        match self.status {
            200 => {}
            404 => return Err(self.absent(path, mount)),
            403 => {
                let rule = mount.request(path);
                return Err(denied(&format!(
                    "a policy with `path \"{rule}\" {{ capabilities = [\"read\"] }}`"
                )));
            }
            _ => return Err(self.failed()),
        }
        let values = match mount.version {
            Version::One => self.read::<Envelope<Values>>()?.data,
            Version::Two => match self.read::<Envelope<SecondData>>()?.data.data {
                Some(values) => values,
                None => return Err(deleted(path)),
            },
        };
        Ok(Secret::new(path, values))
    }

    fn absent(&self, path: &str, mount: &Mount) -> Fault {
        // One that was deleted is answered with what is left of it.
        if self.read::<Envelope<SecondData>>().is_ok() {
            return deleted(path);
        }
        let rest = path.strip_prefix(&mount.begins).unwrap_or(path);
        match (mount.version, rest.strip_prefix("data/")) {
            (Version::Two, Some(rest)) => {
                let begins = &mount.begins;
                Fault::wrong(
                    "there is no such secret",
                    format!("write it without `data/`: `{begins}{rest}`"),
                )
            }
            _ => Fault::wrong(
                "there is no such secret",
                format!("see whether `vault kv get {path}` finds one"),
            ),
        }
    }

    /// What a login gives, or the renewal of a token.
    pub(crate) fn grant(&self) -> Result<Grant, Fault> {
        match self.status {
            200 => {}
            400 | 401 | 403 | 404 => {
                let said = self.said();
                return Err(Fault::new(
                    Cause::Denied,
                    format!("the server refuses it ({}{said})", self.status),
                    "see whether the role is there and what it wants is right",
                ));
            }
            _ => return Err(self.failed()),
        }
        let granted = self.read::<Granted>()?.auth;
        let Some(GrantData { client_token, lease_duration, renewable }) = granted else {
            return Err(garbage("it has no token"));
        };
        if client_token.is_empty() || !client_token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(garbage("its token is none"));
        }
        let lease = Lease::new(lease_duration, renewable);
        Ok(Grant { token: Hidden(client_token), lease })
    }

    /// What the server says of a token that was given.
    pub(crate) fn token(&self) -> Result<Lease, Fault> {
        match self.status {
            200 => {
                let Envelope { data } = self.read::<Envelope<TokenData>>()?;
                Ok(Lease::new(data.ttl, data.renewable))
            }
            // Not every token may ask about itself.
            403 | 404 => Ok(Lease::UNKNOWN),
            _ => Err(self.failed()),
        }
    }

    fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Fault> {
        // What exactly is wrong with it might quote a value.
        serde_json::from_slice(self.body).map_err(|_quoting| garbage("it is no JSON of Vault's"))
    }

    /// The first thing that the server says is wrong, unless it repeats what is secret.
    fn said(&self) -> String {
        let refused = serde_json::from_slice::<Refused>(self.body).ok();
        let first = refused.and_then(|refused| refused.errors.into_iter().next());
        // Even a part of it is too much.
        let sent: String =
            self.sent.map(|sent| sent.0.chars().take(TELLTALE).collect()).unwrap_or_default();
        let first = first.filter(|first| sent.is_empty() || !first.contains(&sent));
        first.map(|first| format!(": {}", printable(&first))).unwrap_or_default()
    }

    fn failed(&self) -> Fault {
        let (status, said) = (self.status, self.said());
        let why = format!("the server answers with {status}{said}");
        match status {
            301 | 302 | 303 | 307 | 308 => Fault::wrong(
                format!("the server answers with {status}, and redirects are not followed"),
                "let VAULT_ADDR name the server that is active, or what leads to it",
            ),
            503 => Fault::away(why, "see whether it is sealed: `vault status`"),
            429 => Fault::away(why, "it is asked too often, by whomever"),
            412 | 472 | 473 | 500..=599 => Fault::away(why, "see what its own log says"),
            _ => Fault::wrong(why, "see whether VAULT_ADDR leads to Vault, and what its log says"),
        }
    }
}

fn denied(wants: &str) -> Fault {
    let hint = format!("it wants {wants}, and a token that is still good");
    Fault::new(Cause::Denied, "this token may not read it", hint)
}

fn deleted(path: &str) -> Fault {
    let hint =
        format!("`vault kv undelete` brings it back, and `vault kv put {path}` makes it anew");
    Fault::wrong("its newest version is deleted", hint)
}

fn garbage(what: &str) -> Fault {
    let why = format!("the answer cannot be understood: {what}");
    Fault::wrong(why, "see whether VAULT_ADDR leads to Vault")
}

/// Text of a server, fit for a log: of bounded length, without control characters.
fn printable(text: &str) -> String {
    let clean = |one: char| if one.is_control() { ' ' } else { one };
    text.trim().chars().take(TEXT_MAX).map(clean).collect()
}

#[cfg(test)]
mod tests;
