//! How to log in: with a token that is given, or with what a role wants.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::fault::{Cause, Fault};
use crate::hidden::Hidden;

/// The longest token, in bytes.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;

/// How to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Login {
    /// With a token, or one that is in a file.
    Token(Given),
    /// As an application: a role, and a secret if the role wants one.
    AppRole { mount: String, role: Hidden, secret: Option<Given> },
    /// As a workload of Kubernetes: a role, and the token of a service account.
    Kubernetes { mount: String, role: String, token: Given },
}

/// Something secret that is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    Text(Hidden),
    /// It is read anew each time: others write it anew.
    File(PathBuf),
}

/// A request that logs in.
pub(crate) struct Ask {
    pub(crate) path: String,
    pub(crate) body: String,
    /// What is secret in it.
    pub(crate) secret: Option<Hidden>,
}

impl Given {
    /// The text, without white space around it.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn text(&self) -> Result<Hidden, Fault> {
        let text = match self {
            Self::Text(text) => text.0.clone(),
            Self::File(path) => read(path)?,
        };
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let why = format!("{self} is no token: it is empty, or has other characters");
            return Err(Fault::wrong(why, "put the token there, and nothing else"));
        }
        Ok(Hidden(text.to_owned()))
    }
}

/// Without the text.
impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("what was given"),
            Self::File(path) => write!(f, "what is in {}", path.display()),
        }
    }
}

fn read(path: &Path) -> Result<String, Fault> {
    let mut text = String::new();
    let open = File::open(path);
    let read = open.and_then(|open| open.take(TOKEN_BYTES_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        // It may be written in a moment.
        Err(error) => Err(Fault::new(
            Cause::Away,
            format!("cannot read {}: {error}", path.display()),
            "check the path, and who may read it",
        )),
    }
}

impl Login {
    /// Whether a token that has ended can be followed by another one.
    pub(crate) fn is_repeatable(&self) -> bool {
        !matches!(self, Self::Token(_))
    }

    /// What to ask for a token; `None` if there is one already.
    ///
    /// # Errors
    /// If what is to be brought cannot be read.
    pub(crate) fn ask(&self) -> Result<Option<Ask>, Fault> {
        let (mount, body, secret) = match self {
            Self::Token(_) => return Ok(None),
            Self::AppRole { mount, role, secret: None } => {
                (mount, json!({ "role_id": role.0 }), None)
            }
            Self::AppRole { mount, role, secret: Some(secret) } => {
                let secret = secret.text()?;
                (mount, json!({ "role_id": role.0, "secret_id": secret.0 }), Some(secret))
            }
            Self::Kubernetes { mount, role, token } => {
                let token = token.text()?;
                (mount, json!({ "role": role, "jwt": token.0 }), Some(token))
            }
        };
        Ok(Some(Ask { path: format!("auth/{mount}/login"), body: body.to_string(), secret }))
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "with a token",
            Self::AppRole { .. } => "with AppRole",
            Self::Kubernetes { .. } => "with the service account of Kubernetes",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Given {
        Given::Text(Hidden(text.to_owned()))
    }

    #[test]
    fn each_way_asks_as_the_server_wants_it() {
        let role = Hidden("r1".to_owned());
        let app =
            |secret| Login::AppRole { mount: "approle".to_owned(), role: role.clone(), secret };
        let pod = Login::Kubernetes {
            mount: "k8s/east".to_owned(),
            role: "shop".to_owned(),
            token: text(" a.b.c\n"),
        };
        for (login, path, body) in [
            (app(None), "auth/approle/login", r#"{"role_id":"r1"}"#),
            (app(Some(text("s1"))), "auth/approle/login", r#"{"role_id":"r1","secret_id":"s1"}"#),
            (pod, "auth/k8s/east/login", r#"{"role":"shop","jwt":"a.b.c"}"#),
        ] {
            let ask = login.ask().unwrap().unwrap();
            assert_eq!((&*ask.path, &*ask.body), (path, body));
            assert!(login.is_repeatable());
            assert!(!format!("{login:?} {login}").contains("s1"), "{login:?}");
        }
        let token = Login::Token(text("hvs.x"));
        assert!(token.ask().unwrap().is_none() && !token.is_repeatable());
        assert!(!format!("{token:?} {token}").contains("hvs"));
    }

    #[test]
    fn what_is_given_is_one_word() {
        for bad in ["", " \n", "a b", "a\nb", "\u{e4}"] {
            assert!(text(bad).text().is_err(), "{bad:?}");
        }
        let file = std::env::temp_dir().join(format!("yumen-vault-{}", std::process::id()));
        let given = Given::File(file.clone());
        let fault = given.text().unwrap_err();
        assert!(fault.why.contains("cannot read") && fault.is_away(), "{fault}");
        std::fs::write(&file, "hvs.y\n").unwrap();
        assert_eq!(given.text().unwrap().0, "hvs.y");
        std::fs::remove_file(file).unwrap();
    }
}
