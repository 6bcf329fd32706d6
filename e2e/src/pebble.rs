//! Pebble, the ACME server for tests of Let's Encrypt, with a DNS server of its own: every name
//! leads to 127.0.0.1.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::certificates::Authority;
use crate::gateway::fresh_folder;
use crate::tools::{Server, Tool, free_address, run};

const START: Duration = Duration::from_secs(20);

/// How it behaves.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// The port where it looks for answers over HTTP.
    pub http_port: u16,
    /// The port where it looks for answers in handshakes.
    pub tls_port: u16,
    /// How long certificates are good, in seconds.
    pub life: u64,
    /// How many of a hundred good nonces it refuses.
    pub nonces_refused: u8,
    /// It accepts only accounts that are bound to this one elsewhere: id and key.
    pub external: Option<(&'static str, &'static str)>,
    /// A name that it issues nothing for.
    pub blocked: &'static str,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            http_port: 9,
            tls_port: 9,
            life: 90 * 24 * 3600,
            nonces_refused: 5,
            external: None,
            blocked: "blocked.example",
        }
    }
}

/// Where it will be, and its own certificate.
#[derive(Debug)]
pub struct Pebble {
    folder: PathBuf,
    address: SocketAddr,
    management: SocketAddr,
    servers: Vec<Server>,
}

impl Pebble {
    /// Chooses its place; nothing is started yet.
    pub fn new() -> Self {
        let folder = fresh_folder("pebble");
        let authority = Authority::new("the authority's own");
        let own = authority.sign(&["127.0.0.1"]);
        fs::write(folder.join("ca.pem"), &authority.certificate).expect("a file");
        fs::write(folder.join("own.pem"), &own.certificate).expect("a file");
        fs::write(folder.join("own.key"), &own.key).expect("a file");
        let (address, management) = (free_address(), free_address());
        Self { folder, address, management, servers: Vec::new() }
    }

    /// Starts it, and waits until it answers.
    pub fn start(&mut self, habits: Habits) {
        let Habits { http_port, tls_port, life, nonces_refused, external, blocked } = habits;
        let dns = free_address();
        let mut names = Command::new("pebble-challtestsrv");
        names.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-management", ""]);
        names.args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", &dns.to_string()]);
        let keys = external.map(|(id, key)| serde_json::json!({ (id): key }));
        let config = serde_json::json!({ "pebble": {
            "listenAddress": self.address.to_string(),
            "managementListenAddress": self.management.to_string(),
            "certificate": self.folder.join("own.pem"),
            "privateKey": self.folder.join("own.key"),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": external.is_some(),
            "externalAccountMACKeys": keys.unwrap_or_else(|| serde_json::json!({})),
            "domainBlocklist": [blocked],
            "certificateValidityPeriod": life,
        }});
        let file = self.folder.join("pebble.json");
        fs::write(&file, config.to_string()).expect("a file");
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(&file).args(["-dnsserver", &dns.to_string()]);
        pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
        pebble.env("PEBBLE_WFE_NONCEREJECT", nonces_refused.to_string());
        self.servers = vec![Server::spawn(&mut names), Server::spawn(&mut pebble)];
        let deadline = Instant::now() + START;
        for address in [dns, self.address, self.management] {
            while TcpStream::connect(address).is_err() {
                assert!(Instant::now() < deadline, "{:?}", self.servers);
                // It does not say when it is ready.
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.servers.clear();
    }

    /// The configuration that asks it for certificates, without what is behind.
    pub fn config(&self, more: &str) -> String {
        format!(
            "acme: {{ terms_agreed: true, directory: 'https://{}/dir', ca: '${{file:{}}}', {more} }}",
            self.address,
            self.folder.join("ca.pem").display(),
        )
    }

    /// A file with the certificate that stands above all that it issues.
    pub fn root(&self) -> PathBuf {
        let file = self.folder.join("root.pem");
        let url = format!("https://{}/roots/0", self.management);
        let own = self.folder.join("ca.pem");
        let arguments = ["-sS", "--fail", "--cacert", own.to_str().expect("a path"), &url];
        fs::write(&file, run(Tool::Curl, arguments, START).well()).expect("a file");
        file
    }
}

impl Default for Pebble {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.folder);
    }
}
