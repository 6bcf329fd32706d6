//! Where the server is and how to log in, by the variables that Vault's own tools go by.

use std::path::PathBuf;
use std::sync::Arc;

use yumen_courier::{Bounds, Courier, Target, Url};
use yumen_http::is_field_value;
use yumen_tls::{Client, ClientText, Name};

use crate::AT_ONCE;
use crate::fault::Fault;
use crate::hidden::Hidden;
use crate::login::{Given, Login};

/// The variable that allows clear text to a server that is not this machine.
pub const CLEAR_TEXT: &str = "YUMEN_VAULT_INSECURE";

/// Where Kubernetes puts the token of a workload.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Where the server is and how to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    target: Target,
    /// The beginning of every path, without a slash at its end.
    pub(crate) prefix: String,
    pub(crate) namespace: Option<String>,
    pub(crate) login: Login,
    ca: Option<PathBuf>,
    name: Option<Name>,
}

/// Variables, of which an empty one is not set.
struct Variables<'a> {
    /// `VAULT_` or `BAO_`.
    prefix: &'static str,
    read: &'a dyn Fn(&str) -> Option<String>,
}

impl Variables<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn text(&self, name: &str) -> Option<String> {
        (self.read)(&self.name(name)).filter(|text| !text.is_empty())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// Something secret: in this variable, or in the file that the one with `_FILE` names.
    fn given(&self, name: &str) -> Result<Option<Given>, Fault> {
        let file = format!("{name}_FILE");
        let text = self.text(name).map(|text| Given::Text(Hidden(text)));
        match (text, self.path(&file).map(Given::File)) {
            (Some(_), Some(_)) => {
                let why = format!("{} and {} are both set", self.name(name), self.name(&file));
                Err(Fault::wrong(why, "set one of them"))
            }
            (text, file) => Ok(text.or(file)),
        }
    }

    /// The path of a way to log in, in the server.
    fn mount(&self, name: &str, usual: &str) -> Result<String, Fault> {
        let mount = self.text(name).unwrap_or_else(|| usual.to_owned());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(plain);
        if mount.split('/').all(is_part) {
            return Ok(mount);
        }
        let why = format!("{} is no path of a way to log in", self.name(name));
        Err(Fault::wrong(why, format!("such as `{usual}`, without `auth/`")))
    }
}

impl Settings {
    /// Reads them from variables: `VAULT_...`, or `BAO_...` if there is no `VAULT_ADDR`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let sets = ["VAULT_", "BAO_"].map(|prefix| Variables { prefix, read: variable });
        let variables = sets.into_iter().find(|set| set.text("ADDR").is_some());
        let Some(variables) = variables else {
            return Err(Fault::wrong(
                "VAULT_ADDR is not set",
                "set it to where Vault is, such as `https://vault.example:8200`",
            ));
        };
        let address = variables.text("ADDR").unwrap_or_default();
        let (target, prefix) = place(&address, &variables)?;
        if variables.text("SKIP_VERIFY").is_some_and(|skip| !is_no(&skip)) {
            let why = format!(
                "{} is set, and the server is verified here",
                variables.name("SKIP_VERIFY")
            );
            let hint = format!(
                "take it away, and name the server's authority in {}",
                variables.name("CACERT")
            );
            return Err(Fault::wrong(why, hint));
        }
        let namespace = variables.text("NAMESPACE");
        if namespace.as_ref().is_some_and(|one| !is_field_value(one.as_bytes())) {
            let why = format!("{} is no namespace", variables.name("NAMESPACE"));
            return Err(Fault::wrong(why, "such as `team/east`"));
        }
        let name = variables.text("TLS_SERVER_NAME").map(|name| {
            let why = format!("{} is no host", variables.name("TLS_SERVER_NAME"));
            Name::read(&name).ok_or(Fault::wrong(why, "such as `vault.example`"))
        });
        Ok(Self {
            target,
            prefix,
            namespace,
            login: login(&variables)?,
            ca: variables.path("CACERT"),
            name: name.transpose()?,
        })
    }

    /// Who is asked, for messages.
    pub(crate) fn server(&self) -> String {
        self.target.to_string()
    }

    /// A courier to the server. What is in files is read anew.
    ///
    /// # Errors
    /// If the server's authority cannot be had.
    pub(crate) fn courier(&self) -> Result<Courier, Fault> {
        let tls = if self.target.is_secure() { Some(Arc::new(self.client()?)) } else { None };
        let bounds = Bounds { at_once: AT_ONCE, kept: AT_ONCE, ..Bounds::default() };
        let settings = yumen_courier::Settings {
            server_name: self.name.clone(),
            bounds,
            ..yumen_courier::Settings::new(self.target.clone(), tls)
        };
        let hint = "let VAULT_ADDR have a host that a certificate can be for";
        Courier::new(settings).map_err(|wrong| Fault::wrong(wrong.0, hint))
    }

    fn client(&self) -> Result<Client, Fault> {
        let file = self.ca.as_deref();
        let ca = file.map(|file| {
            std::fs::read_to_string(file).map_err(|error| {
                let why = format!("cannot read {}: {error}", file.display());
                Fault::wrong(why, "VAULT_CACERT names a file with PEM text")
            })
        });
        let text = ClientText { ca: ca.transpose()?, ..ClientText::default() };
        Client::compile(text).map_err(|problems| {
            let of =
                file.map_or("the system's roots".to_owned(), |file| file.display().to_string());
            let first = problems.into_iter().next();
            let (why, hint) = first.map_or_else(Default::default, |one| (one.message, one.hint));
            Fault::wrong(format!("{of}: {why}"), hint)
        })
    }
}

/// The server, and the beginning of its paths.
fn place(address: &str, variables: &Variables<'_>) -> Result<(Target, String), Fault> {
    let name = variables.name("ADDR");
    let url = Url::read(address).map_err(|wrong| {
        let why = format!("{name} is no address of a server: {}", wrong.0);
        Fault::wrong(why, "such as `https://vault.example:8200`")
    })?;
    if url.path.contains('?') {
        let why = format!("{name} has a query");
        return Err(Fault::wrong(why, "such as `https://vault.example:8200`"));
    }
    let is_allowed = (variables.read)(CLEAR_TEXT).is_some_and(|text| !is_no(&text));
    if !url.target.is_secure() && !is_allowed && !url.target.is_here() {
        let why = format!("{name} is `http://`, and what is read there could be read by others");
        let hint = format!("write `https://`; or set {CLEAR_TEXT}=true if nobody can");
        return Err(Fault::wrong(why, hint));
    }
    let prefix = url.path.trim_end_matches('/').to_owned();
    Ok((url.target, prefix))
}

/// Whether a variable says no.
fn is_no(text: &str) -> bool {
    matches!(&*text.to_ascii_lowercase(), "" | "0" | "f" | "false" | "no" | "off")
}

/// The one way to log in that is set.
fn login(variables: &Variables<'_>) -> Result<Login, Fault> {
    let mut ways = Vec::new();
    if let Some(token) = variables.given("TOKEN")? {
        ways.push(("TOKEN", Login::Token(token)));
    }
    let secret = variables.given("SECRET_ID")?;
    match variables.text("ROLE_ID") {
        Some(role) => {
            let mount = variables.mount("APPROLE_MOUNT", "approle")?;
            ways.push(("ROLE_ID", Login::AppRole { mount, role: Hidden(role), secret }));
        }
        None if secret.is_some() => {
            let why = format!("{} is not set", variables.name("ROLE_ID"));
            return Err(Fault::wrong(why, "a secret id is good with its role id only"));
        }
        None => {}
    }
    if let Some(role) = variables.text("K8S_ROLE") {
        let mount = variables.mount("K8S_MOUNT", "kubernetes")?;
        let token = variables.path("K8S_TOKEN_FILE");
        let token = Given::File(token.unwrap_or_else(|| PathBuf::from(SERVICE_ACCOUNT)));
        ways.push(("K8S_ROLE", Login::Kubernetes { mount, role, token }));
    }
    let names: Vec<String> = ways.iter().map(|(name, _)| variables.name(name)).collect();
    let mut ways = ways.into_iter().map(|(_, login)| login);
    match (ways.next(), ways.next()) {
        (Some(login), None) => Ok(login),
        (None, _) => {
            let set = ["TOKEN", "TOKEN_FILE", "ROLE_ID", "SECRET_ID", "K8S_ROLE"];
            let [token, file, role, secret, pod] = set.map(|name| variables.name(name));
            let hint = format!("set {token}, {file}, {role} with {secret}, or {pod}");
            Err(Fault::wrong("nothing says how to log in to Vault", hint))
        }
        (Some(_), Some(_)) => {
            let why = format!("{} are set, each a way to log in", names.join(" and "));
            Err(Fault::wrong(why, "set one of them"))
        }
    }
}

#[cfg(test)]
mod tests;
