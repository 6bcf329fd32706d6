//! OpenBao, the open sibling of HashiCorp Vault: a real server of secrets, in memory.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::tools::{Server, Tool, free_address};

const START: Duration = Duration::from_secs(60);

/// A running server. It has `secret/`, of version 2, and forgets everything when it goes out of scope.
#[derive(Debug)]
pub struct OpenBao {
    /// Where it listens.
    pub address: SocketAddr,
    server: Server,
}

impl OpenBao {
    /// The token that may do everything.
    pub const ROOT: &'static str = "root-token-of-tests";

    /// Starts one.
    pub fn start() -> Self {
        Self::at(free_address())
    }

    /// Starts one on this address, and waits until it answers.
    pub fn at(address: SocketAddr) -> Self {
        let root = format!("-dev-root-token-id={}", Self::ROOT);
        let listen = format!("-dev-listen-address={address}");
        let arguments = ["server", "-dev", "-dev-no-store-token", &root, &listen];
        let server = Server::listening(Tool::Bao, arguments, address);
        let bao = Self { address, server };
        let deadline = Instant::now() + START;
        while bao.try_put("secret/first", &json!({ "is": "there" })) >= 300 {
            assert!(Instant::now() < deadline, "{:?}", bao.server.said());
            // It listens before it is ready.
            thread::sleep(Duration::from_millis(20));
        }
        bao
    }

    /// Where it is, as `VAULT_ADDR` says it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks for something below `v1` with the token that may do everything.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.ask_in("", method, path, body)
    }

    /// As [`OpenBao::ask`], in this namespace.
    pub fn ask_in(&self, namespace: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let request = format!(
            "{method} /v1/{path} HTTP/1.1\r\nHost: a\r\nX-Vault-Token: {}\r\nX-Vault-Namespace: {namespace}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            Self::ROOT,
            body.len()
        );
        let mut client = Client::connect(self.address);
        client.send(request);
        let answer = client.answer(method, START);
        let answer = answer.unwrap_or_else(|lost| panic!("{method} {path}: {lost:?}"));
        (answer.status(), serde_json::from_str(&answer.text()).unwrap_or_default())
    }

    /// As [`OpenBao::ask`], which must go well.
    pub fn well(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, path, body);
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    /// Writes a secret of version 2, by its path as users write it.
    pub fn put(&self, path: &str, values: &Value) {
        let status = self.try_put(path, values);
        assert!(status < 300, "{path}: {status}");
    }

    fn try_put(&self, path: &str, values: &Value) -> u16 {
        let (mount, rest) = path.split_once('/').expect("a mount and a name");
        self.ask("POST", &format!("{mount}/data/{rest}"), &json!({ "data": values })).0
    }

    /// Lets an application in that may read `secret/` and `old/`: its role id and secret id. Its tokens
    /// are good for `ttl` seconds, and for `most` if they are renewed.
    pub fn application(&self, ttl: u32, most: u32) -> (String, String) {
        let rules = "path \"secret/data/*\" { capabilities = [\"read\"] }\n\
            path \"old/*\" { capabilities = [\"read\"] }";
        self.well("PUT", "sys/policies/acl/gateway", &json!({ "policy": rules }));
        self.ask("POST", "sys/auth/approle", &json!({ "type": "approle" }));
        let role = json!({
            "token_policies": ["gateway"], "token_ttl": format!("{ttl}s"),
            "token_max_ttl": format!("{most}s"),
        });
        self.well("POST", "auth/approle/role/gateway", &role);
        let id = self.well("GET", "auth/approle/role/gateway/role-id", &Value::Null);
        let secret = self.well("POST", "auth/approle/role/gateway/secret-id", &json!({}));
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (text(&id["data"]["role_id"]), text(&secret["data"]["secret_id"]))
    }
}
