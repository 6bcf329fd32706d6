//! A gateway whose listener has TLS, with the files that it needs, and clients for it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::certificates::{Authority, Issued, Unusual};
use crate::gateway::fresh_folder;
use crate::tools::{Done, Tool, run};
use crate::{Backend, Gateway};

/// How long a real client may take on a busy machine.
pub const LONG: Duration = Duration::from_secs(60);

/// A folder with an authority and certificates, and a gateway that uses them.
#[derive(Debug)]
pub struct Rig {
    /// Where the files are.
    pub folder: PathBuf,
    /// Who signed the certificates; its own is in `ca.pem`.
    pub authority: Authority,
    /// More lines of the listener's `tls`.
    pub tls: String,
    /// More lines of the service.
    pub service: String,
    gateway: Option<Gateway>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.folder);
    }
}

/// Writes a certificate and its key into files of this name.
pub fn put(folder: &Path, name: &str, issued: &Issued) {
    fs::write(folder.join(format!("{name}.key")), &issued.key).expect("a file");
    // The whole at once, as those who renew certificates do it.
    let fresh = folder.join(format!("{name}.new"));
    fs::write(&fresh, &issued.certificate).expect("a file");
    fs::rename(fresh, folder.join(format!("{name}.pem"))).expect("a file");
}

/// A certificate and its key as the configuration names them.
pub fn pair(folder: &Path, name: &str) -> String {
    let folder = folder.display();
    format!(
        "{{ certificate: '${{file:{folder}/{name}.pem}}', key: '${{file:{folder}/{name}.key}}' }}"
    )
}

impl Rig {
    /// With certificates of these file names for these names.
    pub fn new(certificates: &[(&str, &[&str], Unusual)]) -> Self {
        let folder = fresh_folder("tls");
        let authority = Authority::new("tests");
        fs::write(folder.join("ca.pem"), &authority.certificate).expect("a file");
        for (name, names, how) in certificates {
            put(&folder, name, &authority.sign_unusual(names, *how));
        }
        Self { folder, authority, tls: String::new(), service: String::new(), gateway: None }
    }

    /// The gateway's configuration, with these certificates, and more lines of the listener.
    pub fn config(&self, backend: &Backend, certificates: &[&str], more: &str) -> String {
        let pairs: Vec<String> = certificates.iter().map(|name| pair(&self.folder, name)).collect();
        format!(
            "
listeners:
  - name: web
    address: 127.0.0.1:0
    {more}
    tls:
      certificates: [{}]
      {}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: http://{}
    {}
    routes: [{{ name: all, match: {{ paths: ['/*'] }} }}]
",
            pairs.join(", "),
            self.tls.replace("FOLDER", &self.folder.display().to_string()),
            backend.authority(),
            self.service,
        )
    }

    /// Starts the gateway.
    pub fn start(&mut self, backend: &Backend, certificates: &[&str], more: &str) -> SocketAddr {
        let gateway = Gateway::start(&self.config(backend, certificates, more));
        let web = gateway.web();
        self.gateway = Some(gateway);
        web
    }

    /// The gateway.
    pub fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().expect("a gateway that was started")
    }

    /// `curl` that believes the authority and finds the host at the listener.
    pub fn curl(&self, web: SocketAddr, host: &str, more: &[&str]) -> Done {
        let ca = self.folder.join("ca.pem").display().to_string();
        let resolve = format!("{host}:{}:127.0.0.1", web.port());
        let url = format!("https://{host}:{}/", web.port());
        let mut arguments = vec!["-sS", "--cacert", &ca, "--resolve", &resolve];
        arguments.extend_from_slice(more);
        if !more.iter().any(|one| one.starts_with("https://")) {
            arguments.push(&url);
        }
        run(Tool::Curl, arguments, LONG)
    }

    /// `openssl s_client`, which says what was agreed on.
    pub fn s_client(&self, web: SocketAddr, more: &[&str]) -> Done {
        let to = web.to_string();
        let ca = self.folder.join("ca.pem").display().to_string();
        let mut arguments = vec!["s_client", "-connect", &to, "-CAfile", &ca];
        arguments.extend_from_slice(more);
        run(Tool::Openssl, arguments, LONG)
    }
}
