//! A provider that does what it is told, in process: it checks PKCE and codes, and signs what it is told to.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};
use yumen_http::query;
use yumen_jose::{Algorithm, SigningKey, key_set_document};

use crate::NOW;

/// Ed25519 keys that are of no use anywhere else.
pub(crate) const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIBhtshJawpvdXqYnLE7VT6+S4/DdRA8LHCOOhJ3ieoW5\n-----END PRIVATE KEY-----";
const OTHER: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAhKL529zV5w+QS+BzLeqAbAsTkGD9i3G/05yEIJSbAD\n-----END PRIVATE KEY-----";

/// What a code is good for.
#[derive(Clone)]
struct Grant {
    nonce: String,
    challenge: String,
}

/// What it does, and what it saw.
pub(crate) struct Script {
    /// Claims that ID tokens have instead; `null` takes one out.
    pub(crate) claims: Value,
    /// Members that answers of the token endpoint have instead; `null` takes one out.
    pub(crate) tokens: Value,
    pub(crate) metadata: Value,
    /// An answer of the token endpoint instead.
    pub(crate) refuses: Option<(u16, &'static str)>,
    /// It signs with another key than it tells of.
    pub(crate) lies: bool,
    /// All it does is to close.
    pub(crate) is_away: bool,
    pub(crate) userinfo: Value,
    /// Grant types that were asked for, in order.
    pub(crate) asked: Vec<String>,
    pub(crate) forms: Vec<String>,
    pub(crate) fields: Vec<String>,
    codes: HashMap<String, Grant>,
    refresh: String,
    count: usize,
}

pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Fake {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(Script {
            claims: json!({}),
            tokens: json!({}),
            metadata: json!({}),
            refuses: None,
            lies: false,
            is_away: false,
            userinfo: json!({"sub": "ada", "phone": "1"}),
            asked: Vec::new(),
            forms: Vec::new(),
            fields: Vec::new(),
            codes: HashMap::new(),
            refresh: String::new(),
            count: 0,
        }));
        let shared = Arc::clone(&script);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, address, &shared);
            }
        });
        Self { address, script }
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// What a browser gets that was sent there and logs in: a code and the state that it brought.
    pub(crate) fn log_in(&self, location: &str) -> (String, String) {
        let query = location.split_once('?').unwrap().1;
        let value = |name: &str| {
            let value = query::values(query.as_bytes(), name).next();
            String::from_utf8(value.unwrap_or_else(|| panic!("no {name}: {location}")).into_owned())
                .unwrap()
        };
        assert_eq!(
            (value("response_type"), value("code_challenge_method")),
            ("code".into(), "S256".into())
        );
        let mut script = self.script();
        script.count += 1;
        let code = format!("code-{}", script.count);
        let grant = Grant { nonce: value("nonce"), challenge: value("code_challenge") };
        script.codes.insert(code.clone(), grant);
        (code, value("state"))
    }

    /// Signs something with its key.
    pub(crate) fn sign(&self, claims: Value, typ: Option<&str>) -> String {
        let mut all = json!({"iss": self.issuer()}).as_object().unwrap().clone();
        merge(&mut all, &claims);
        signing(KEY).sign(all, typ, NOW, 3600).unwrap()
    }
}

fn signing(key: &str) -> SigningKey {
    SigningKey::from_pem(key, Algorithm::EdDsa).unwrap()
}

fn merge(into: &mut Map<String, Value>, from: &Value) {
    for (name, value) in from.as_object().unwrap() {
        match value {
            Value::Null => drop(into.remove(name)),
            value => drop(into.insert(name.clone(), value.clone())),
        }
    }
}

fn serve(stream: TcpStream, address: SocketAddr, script: &Mutex<Script>) {
    let mut reader = BufReader::new(&stream);
    let (mut lines, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().to_owned();
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    // Only now: whoever sends may look at what it saw meanwhile.
    let script = &mut *script.lock().unwrap();
    if script.is_away {
        return;
    }
    let path = lines[0].split(' ').nth(1).unwrap().to_owned();
    let base = format!("http://{address}");
    let (status, answer) = match path.as_str() {
        "/.well-known/openid-configuration" => {
            let mut said = json!({
                "issuer": base, "jwks_uri": format!("{base}/jwks"),
                "authorization_endpoint": format!("{base}/auth"),
                "token_endpoint": format!("{base}/token"),
                "userinfo_endpoint": format!("{base}/userinfo"),
                "end_session_endpoint": format!("{base}/end"),
                "authorization_response_iss_parameter_supported": true,
            });
            merge(said.as_object_mut().unwrap(), &script.metadata);
            (200, said.to_string())
        }
        "/jwks" => (200, key_set_document(&[&signing(KEY)])),
        "/userinfo" => (200, script.userinfo.to_string()),
        "/token" => {
            script.forms.push(String::from_utf8(body.clone()).unwrap());
            let is_proof = |line: &&String| line.to_ascii_lowercase().starts_with("authorization:");
            script.fields.extend(lines.iter().find(is_proof).cloned());
            token(&body, &base, script)
        }
        _ => (404, String::new()),
    };
    let length = answer.len();
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    (&stream).write_all(format!("{head}{answer}").as_bytes()).unwrap_or_default();
}

fn token(body: &[u8], base: &str, script: &mut Script) -> (u16, String) {
    let value = |name: &str| {
        let value = query::values(body, name).next().unwrap_or_default();
        String::from_utf8(value.into_owned()).unwrap()
    };
    let grant = value("grant_type");
    script.asked.push(grant.clone());
    if let Some((status, text)) = script.refuses {
        return (status, text.to_owned());
    }
    let refused = (400, json!({"error": "invalid_grant"}).to_string());
    let mut claims = json!({"iss": base, "aud": "shop", "sub": "ada", "sid": "p1"});
    match grant.as_str() {
        "authorization_code" => {
            // A code is good once.
            let Some(known) = script.codes.remove(&value("code")) else { return refused };
            let hash = digest(&SHA256, value("code_verifier").as_bytes());
            if BASE64URL_NOPAD.encode(hash.as_ref()) != known.challenge {
                return refused;
            }
            claims["nonce"] = known.nonce.into();
        }
        "refresh_token" if script.refresh == value("refresh_token") => {}
        "client_credentials" => {
            claims = json!({"iss": base, "aud": "api", "sub": "program"});
        }
        _ => return refused,
    }
    script.count += 1;
    script.refresh = format!("refresh-{}", script.count);
    let mut all = claims.as_object().unwrap().clone();
    merge(&mut all, &script.claims);
    let signed = signing(if script.lies { OTHER } else { KEY }).with_kid("k");
    let signed = if script.lies { signed.unwrap() } else { signing(KEY) };
    let signed = signed.sign(all, None, NOW, 3600).unwrap();
    let mut answer = json!({
        "access_token": format!("access-{}", script.count), "token_type": "Bearer", "expires_in": 300,
        "id_token": signed, "refresh_token": script.refresh,
    });
    if grant == "client_credentials" {
        answer = json!({"access_token": signed, "token_type": "Bearer", "expires_in": 300});
    }
    merge(answer.as_object_mut().unwrap(), &script.tokens);
    (200, answer.to_string())
}
