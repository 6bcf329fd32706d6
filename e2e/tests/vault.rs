//! Secrets that a real OpenBao keeps, and servers that are away, slow, or send what they should not.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yumen_e2e::backend::{Step, ok, raw};
use yumen_e2e::client::Client;
use yumen_e2e::gateway::{Launch, binary, fresh_folder};
use yumen_e2e::load::{Load, Plan};
use yumen_e2e::tools::{Server, Tool, free_address, have};
use yumen_e2e::wait::{LATER, metric, wait_until};
use yumen_e2e::{Backend, Gateway, OpenBao, SOON};

/// A value that must never be seen, and what it is changed to.
const FIRST: &str = "first-s3cret-key-of-the-shop";
const SECOND: &str = "second-s3cret-key-of-the-shop";
/// The value of a secret of version 1.
const OLD: &str = "old-s3cret-of-the-service";
/// What tokens are signed with.
const SIGNING: &str = "s3cret-that-signs-tokens-of-the-shop";
/// All of them begin or go on like this, and so do the tokens of the stand-in.
const TELLTALE: &str = "s3cret";

type Environment = Vec<(&'static str, OsString)>;

fn environment(pairs: &[(&'static str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| (*name, OsString::from(value))).collect()
}

/// As an application of this server, which asks for changes every second.
fn application(bao: &OpenBao, ttl: u32, most: u32) -> Environment {
    let (role, secret) = bao.application(ttl, most);
    environment(&[
        ("VAULT_ADDR", &bao.url()),
        ("VAULT_ROLE_ID", &role),
        ("VAULT_SECRET_ID", &secret),
        ("YUMEN_VAULT_REFRESH", "1s"),
    ])
}

/// With a token of the stand-in.
fn token(url: &str) -> Environment {
    environment(&[
        ("VAULT_ADDR", url),
        ("VAULT_TOKEN", "s3cret-token"),
        ("YUMEN_VAULT_REFRESH", "1s"),
    ])
}

fn launch(yaml: &str, folder: &Path, environment: &Environment) -> Result<Gateway, String> {
    let (folder, environment) = (Some(folder.to_owned()), environment.clone());
    Gateway::launch(yaml, Launch { folder, environment, ..Launch::default() })
}

fn config(backend: &Backend, key: &str, more: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
consumers:
  - name: shop
    keys: [{{ key: '{key}' }}]
{more}
services:
  - name: backend
    url: http://{}
    routes:
      - name: known
        match: {{ paths: ['/*'] }}
        policies: [{{ kind: key-auth, config: {{ strip: true }} }}]
      - name: open
        match: {{ paths: [/open] }}
",
        backend.authority()
    )
}

const KEY: &str = "${vault:secret/shop#key}";

fn status(web: SocketAddr, target: &str, fields: &str) -> u16 {
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    Client::connect(web).ask(&request).unwrap_or_else(|lost| panic!("{lost:?}")).status()
}

fn knows(web: SocketAddr, key: &str) -> bool {
    match status(web, "/", &format!("X-API-Key: {key}\r\n")) {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// Neither what the gateway says nor what it keeps has a value or a token in it.
fn nothing_is_told(gateway: &Gateway, folder: &Path, more: &[&str]) {
    let said = [gateway.stderr.all(), gateway.stdout.all()].concat().join("\n");
    let mut kept = String::new();
    for file in fs::read_dir(folder.join("state")).expect("a folder").flatten() {
        kept += &String::from_utf8_lossy(&fs::read(file.path()).unwrap_or_default());
    }
    assert!(kept.contains("${vault:"), "the last good configuration is kept: {kept}");
    for word in [TELLTALE].iter().chain(more) {
        assert!(!said.contains(word), "{word} was said: {said}");
        assert!(!kept.contains(word), "{word} was kept: {kept}");
    }
}

/// Runs the binary to its end.
fn run(arguments: &[&str], environment: &Environment) -> (i32, String) {
    let mut command = Command::new(binary());
    command.args(arguments).envs(environment.clone()).stdin(Stdio::null());
    let output = command.output().expect("the binary starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn secrets_are_used_everywhere_and_rotate_without_a_lost_request() {
    if !have(&[Tool::Bao]) {
        return;
    }
    let bao = OpenBao::start();
    bao.put("secret/shop", &json!({ "key": FIRST, "signs": SIGNING, "port": 1.50, "on": true }));
    bao.put("secret/a%20b/c%3Fd", &json!({ "odd key": "a-s3cret-in-an-odd-place" }));
    bao.well("POST", "sys/mounts/old", &json!({ "type": "kv", "options": { "version": "1" } }));
    bao.well("POST", "old/service", &json!({ "token": OLD }));
    let backend = Backend::answering("ok");
    let more = "
policies:
  - kind: headers
    config:
      request:
        set:
          Authorization: 'Bearer ${vault:old/service#token}'
          X-Odd: '${vault:secret/a b/c?d#odd key}'
          X-Facts: '${vault:secret/shop#port} ${vault:secret/shop#on}'
";
    let folder = fresh_folder("vault");
    let environment = application(&bao, 3600, 7200);
    let gateway = launch(&config(&backend, KEY, more), &folder, &environment).expect("a start");
    let web = gateway.web();
    assert!(knows(web, FIRST) && !knows(web, SECOND));
    let seen = backend.recorded();
    let (requests, flaw) = seen.last().expect("a connection").requests();
    let request = requests.last().unwrap_or_else(|| panic!("{flaw:?}"));
    assert_eq!(request.all("authorization"), [format!("Bearer {OLD}")]);
    assert_eq!(request.all("x-odd"), ["a-s3cret-in-an-odd-place"]);
    assert_eq!(request.all("x-facts"), ["1.5 true"]);

    let load = Load::start(&Plan { target: "/open", ..Plan::steady(web, 4) });
    load.reach(100, LATER);
    let live = |count: usize| {
        let lines = gateway.stderr.all();
        lines.iter().filter(|line| line.ends_with(" is live")).count() >= count
    };
    bao.put("secret/shop", &json!({ "key": SECOND, "signs": SIGNING, "port": 1, "on": false }));
    wait_until("the new key is live", || knows(web, SECOND));
    assert!(!knows(web, FIRST), "the old one is not any more");
    // Another value of the same secret is nobody's business here.
    bao.put("secret/shop", &json!({ "key": SECOND, "signs": "x", "port": 1, "on": false }));
    bao.well("POST", "old/service", &json!({ "token": format!("{OLD}-2") }));
    wait_until("the second change is live", || live(2));
    load.reach(1000, LATER);
    let report = load.stop();
    assert!(report.failed.is_empty() && report.done > 0, "{:?}", report.failed);
    assert!(live(2) && !live(3), "{:?}", gateway.stderr.all());

    let file = folder.join("yumen.yaml").display().to_string();
    let (code, said) = run(&["check", &file, "--effective"], &environment);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(KEY) && !said.contains(TELLTALE), "{said}");
    let secret = environment.iter().find(|(name, _)| *name == "VAULT_SECRET_ID").expect("one");
    nothing_is_told(&gateway, &folder, &[&secret.1.to_string_lossy(), "hvs.", "s."]);
    let _left = fs::remove_dir_all(folder);
}

/// The key that tokens are signed with comes from Vault, by a token of a file, in a namespace.
#[test]
fn a_namespace_and_a_file_with_the_token() {
    if !have(&[Tool::Bao, Tool::Openssl]) {
        return;
    }
    let bao = OpenBao::start();
    bao.well("POST", "sys/namespaces/team", &json!({}));
    let within = |method: &str, path: &str, body: &Value| {
        let (status, answer) = bao.ask_in("team", method, path, body);
        assert!(status < 300, "{path}: {status} {answer}");
    };
    within("POST", "sys/mounts/kv", &json!({ "type": "kv", "options": { "version": "2" } }));
    // A store of version 2 is not there at once.
    wait_until("the store of the namespace", || {
        let values = json!({ "data": { "signs": SIGNING } });
        bao.ask_in("team", "POST", "kv/data/deep/er/shop", &values).0 < 300
    });
    let folder = fresh_folder("vault-namespace");
    let file = folder.join("token");
    fs::write(&file, format!("{}\n", OpenBao::ROOT)).expect("a file");
    let environment = environment(&[
        ("BAO_ADDR", &bao.url()),
        ("BAO_NAMESPACE", "team"),
        ("BAO_TOKEN_FILE", &file.display().to_string()),
    ]);
    let backend = Backend::answering("ok");
    let more = "
policies:
  - kind: jwt
    config: { keys: ['${vault:kv/deep/er/shop#signs}'], algorithms: [HS256] }
";
    let yaml = config(&backend, "any-key-at-all", "")
        .replace("consumers:", &format!("{more}\nconsumers:"));
    let gateway = launch(&yaml, &folder, &environment).expect("a start");
    assert_eq!(status(gateway.web(), "/open", ""), 401);
    assert_eq!(
        status(gateway.web(), "/open", &format!("Authorization: Bearer {}\r\n", signed())),
        200
    );
    nothing_is_told(&gateway, &folder, &[OpenBao::ROOT]);
    let _left = fs::remove_dir_all(folder);
}

/// A token (JWT) that is signed with [`SIGNING`].
fn signed() -> String {
    // {"alg":"HS256","typ":"JWT"} and {"sub":"shop","exp":4102444800}
    let told = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJzaG9wIiwiZXhwIjo0MTAyNDQ0ODAwfQ";
    let script = format!(
        "printf %s {told} | openssl dgst -sha256 -hmac {SIGNING} -binary | openssl base64 -A | tr '+/' '-_' | tr -d ="
    );
    let done = yumen_e2e::tools::run(Tool::Shell, ["-c", &script], LATER);
    format!("{told}.{}", done.well().trim())
}

/// A token that ends is followed by another one, and so is one that is taken back.
#[test]
fn tokens_end_and_secrets_are_read_on() {
    if !have(&[Tool::Bao]) {
        return;
    }
    let bao = OpenBao::start();
    bao.put("secret/shop", &json!({ "key": FIRST }));
    let backend = Backend::answering("ok");
    let folder = fresh_folder("vault-tokens");
    let environment = application(&bao, 3, 6);
    let gateway = launch(&config(&backend, KEY, ""), &folder, &environment).expect("a start");
    // Longer than any token may live.
    thread::sleep(Duration::from_secs(9));
    bao.put("secret/shop", &json!({ "key": SECOND }));
    wait_until("read with another token", || knows(gateway.web(), SECOND));
    let listed = bao.well("LIST", "auth/token/accessors", &Value::Null);
    let keys = listed["data"]["keys"].as_array().cloned().unwrap_or_default();
    let mut revoked = 0;
    for accessor in keys {
        let known = json!({ "accessor": accessor });
        let (_, answer) = bao.ask("POST", "auth/token/lookup-accessor", &known);
        if answer["data"]["path"] == "auth/approle/login" {
            bao.well("POST", "auth/token/revoke-accessor", &known);
            revoked += 1;
        }
    }
    assert!(revoked > 0, "{listed}");
    bao.put("secret/shop", &json!({ "key": FIRST }));
    wait_until("read after the token was taken back", || knows(gateway.web(), FIRST));
    let said = gateway.stderr.all().join("\n");
    assert!(!said.contains("cannot"), "{said}");
    nothing_is_told(&gateway, &folder, &[]);
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn what_a_server_refuses_is_told_with_the_way_out() {
    if !have(&[Tool::Bao]) {
        return;
    }
    let bao = OpenBao::start();
    bao.put("secret/shop", &json!({ "key": FIRST, "list": ["s3cret"], "hidden-name": 1 }));
    bao.put("secret/gone", &json!({ "key": FIRST }));
    bao.well("DELETE", "secret/data/gone", &Value::Null);
    bao.well("POST", "sys/mounts/closed", &json!({ "type": "kv", "options": { "version": "1" } }));
    let good = application(&bao, 60, 60);
    let with = |name: &'static str, value: &str| {
        let mut environment = good.clone();
        environment.retain(|(known, _)| *known != name);
        environment.push((name, value.into()));
        environment
    };
    let backend = Backend::answering("ok");
    let folder = fresh_folder("vault-refused");
    let file = folder.join("yumen.yaml");
    let check = |environment: &Environment, reference: &str, expect: &[&str]| {
        let reference = format!("${{vault:{reference}}}");
        fs::write(&file, config(&backend, &reference, "")).expect("a file");
        let (code, said) = run(&["check", &file.display().to_string()], environment);
        assert_eq!(code, 1, "{reference}: {said}");
        for part in expect.iter().chain(&["consumers[0].keys[0].key"]) {
            assert!(said.contains(part), "{reference}: `{part}` is not in {said}");
        }
        assert!(!said.contains(TELLTALE) && !said.contains("hidden-name"), "{said}");
    };
    check(&good, "secret/none#key", &["`secret/none` of Vault", "there is no such secret"]);
    check(&good, "secret/data/shop#key", &["no such secret", "without `data/`: `secret/shop`"]);
    check(&good, "secret/gone#key", &["its newest version is deleted"]);
    check(&good, "secret/shop#nothing", &["it has no key `nothing`", "vault kv get secret/shop"]);
    check(&good, "secret/shop#list", &["the value of its key `list` is no text"]);
    check(&good, "closed/shop#key", &["this token may not read it", "policy"]);
    check(&good, "nowhere/shop#key", &["this token may not read it", "a mount"]);
    check(&good, "secret/../sys#key", &["a part that is empty, `.` or `..`"]);
    let root = environment(&[("VAULT_ADDR", &bao.url()), ("VAULT_TOKEN", OpenBao::ROOT)]);
    check(&root, "sys/mounts#key", &["no key-value store"]);
    check(
        &with("VAULT_SECRET_ID", "wrong"),
        "secret/shop#key",
        &["cannot log in", "AppRole", "400"],
    );
    let other = environment(&[("VAULT_ADDR", &bao.url()), ("VAULT_TOKEN", "s3cret-token")]);
    check(&other, "secret/shop#key", &["this token may not read it"]);
    check(&with("VAULT_ADDR", ""), "secret/shop#key", &["VAULT_ADDR is not set", "https://"]);
    check(
        &with("VAULT_ADDR", "http://192.0.2.1:8200"),
        "secret/shop#key",
        &["YUMEN_VAULT_INSECURE"],
    );
    // A line of a file is read once, and would not follow what changes.
    let line = json!({ "name": "other", "keys": [{ "key": KEY }] });
    fs::write(folder.join("consumers.jsonl"), format!("{line}\n")).expect("a file");
    let yaml = config(&backend, "any-key-at-all", "directory: { files: [consumers.jsonl] }");
    fs::write(&file, yaml).expect("a file");
    let (code, said) = run(&["check", &file.display().to_string()], &good);
    assert!(code == 1 && said.contains("a file of consumers cannot refer to Vault"), "{said}");
    let _left = fs::remove_dir_all(folder);
}

/// A stand-in for a server that is not well: it does what it is told for each secret.
struct Sick {
    server: Backend,
    does: Arc<Mutex<Vec<Step>>>,
}

fn answer(status: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    vec![Step::Body, raw(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"))]
}

fn secret(key: &str) -> Vec<Step> {
    vec![ok(&json!({ "data": { "data": { "key": key }, "metadata": {} } }).to_string())]
}

impl Sick {
    fn new() -> Self {
        let does = Arc::new(Mutex::new(secret(FIRST)));
        let steps = Arc::clone(&does);
        let server = Backend::start(move |call| match call.request.target() {
            "/v1/auth/token/lookup-self" => answer("403 Forbidden", "{}"),
            "/v1/sys/internal/ui/mounts/secret/shop" => {
                let mount =
                    json!({ "path": "secret/", "type": "kv", "options": { "version": "2" } });
                vec![ok(&json!({ "data": mount }).to_string())]
            }
            "/v1/secret/data/shop" => steps.lock().expect("sound").clone(),
            other => panic!("{other}"),
        });
        Self { server, does }
    }

    fn now(&self, steps: Vec<Step>) {
        *self.does.lock().expect("sound") = steps;
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.authority())
    }
}

#[test]
fn a_server_that_is_not_well_is_told_of_and_changes_nothing() {
    let sick = Sick::new();
    let backend = Backend::answering("ok");
    let folder = fresh_folder("vault-sick");
    let environment = token(&sick.url());
    let yaml = config(&backend, KEY, "");
    let gateway = launch(&yaml, &folder, &environment).expect("a start");
    let web = gateway.web();
    let huge = json!({ "data": { "data": { "key": "s3cret".repeat(1 << 18) } } }).to_string();
    let half = r#"{"data": {"data": {"key": "s3cret"#;
    let odd = json!({ "errors": ["\u{1b}[31mno\r\n"] }).to_string();
    let echo = json!({ "errors": ["it was s3cret-token that you sent"] }).to_string();
    for (name, steps, expect) in [
        (
            "sealed",
            answer("503 Sealed", r#"{"errors": ["Vault is sealed"]}"#),
            "503: Vault is sealed",
        ),
        ("broken", answer("500 Oh", &odd), " [31mno"),
        ("an echo", answer("500 Oh", &echo), "the server answers with 500"),
        (
            "moved",
            answer("307 There\r\nLocation: http://127.0.0.1:1/", ""),
            "redirects are not followed",
        ),
        ("no JSON", answer("200 OK", "<html>s3cret</html>"), "no JSON of Vault's"),
        ("half", answer("200 OK", half), "no JSON of Vault's"),
        ("huge", answer("200 OK", &huge), "the answer is larger than"),
        ("no HTTP", vec![raw("s3cret s3cret\r\n\r\n")], "the answer cannot be understood"),
        ("closed", vec![Step::Close], "the connection ended"),
        ("slow", vec![Step::Hang], "no answer within"),
    ] {
        sick.now(steps);
        let begun = Instant::now();
        let refused = gateway.reload_at_once(&yaml).expect_err(name);
        assert!(refused.contains(expect), "{name}: {refused}");
        assert!(refused.contains("`secret/shop` of Vault cannot be had"), "{name}: {refused}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{name} took {:?}", begun.elapsed());
        assert!(knows(web, FIRST), "{name}");
    }
    sick.now(secret(SECOND));
    wait_until("it is well again", || knows(web, SECOND));
    // What is in force stays when the server goes away by itself, and that is said once.
    let seen = gateway.stderr.count();
    sick.now(answer("503 Sealed", "{}"));
    let said =
        |what: &'static str| gateway.stderr.wait(seen, LATER, move |line| line.contains(what));
    assert!(said("cannot be read again").is_some(), "{:?}", gateway.stderr.all());
    let counted =
        |state: &str| metric(gateway.status(), &format!("yumen_secrets{{state=\"{state}\"}}"));
    wait_until("it is counted", || (counted("good"), counted("failing")) == (0, 1));
    sick.now(secret(SECOND));
    assert!(said("can be read again").is_some(), "{:?}", gateway.stderr.all());
    wait_until("it is counted", || (counted("good"), counted("failing")) == (1, 0));
    assert!(knows(web, SECOND));
    let again = gateway.stderr.all().into_iter().skip(seen);
    assert_eq!(again.filter(|line| line.contains("cannot be read again")).count(), 1);
    nothing_is_told(&gateway, &folder, &[]);
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn a_server_with_tls_is_verified() {
    if !have(&[Tool::Bao]) {
        return;
    }
    let (folder, address) = (fresh_folder("vault-tls"), free_address());
    let (root, listen) = (OpenBao::ROOT, format!("-dev-listen-address={address}"));
    let (root_id, certificates) =
        (format!("-dev-root-token-id={root}"), format!("-dev-tls-cert-dir={}", folder.display()));
    let arguments = ["server", "-dev", "-dev-no-store-token", "-dev-tls"];
    let arguments = arguments.into_iter().chain([&*root_id, &*listen, &*certificates]);
    let _server = Server::listening(Tool::Bao, arguments, address);
    let (url, ca) = (format!("https://{address}"), folder.join("vault-ca.pem"));
    let ca = ca.display().to_string();
    // As users write a secret.
    wait_until("a secret can be written", || {
        let mut put = Command::new(Tool::Bao.path().expect("`have` was asked"));
        put.args(["kv", "put", &format!("-address={url}"), &format!("-ca-cert={ca}")]);
        put.args(["secret/shop", &format!("key={FIRST}")]).env("BAO_TOKEN", root);
        put.output().expect("the program starts").status.success()
    });
    let file = folder.join("yumen.yaml");
    fs::write(&file, config(&Backend::answering("ok"), KEY, "")).expect("a file");
    let file = file.display().to_string();
    let told = |more: &[(&'static str, &str)]| {
        let always = [("VAULT_ADDR", &*url), ("VAULT_TOKEN", root)];
        run(&["check", &file], &environment(&[&always, more].concat()))
    };
    let (code, said) = told(&[("VAULT_CACERT", &ca)]);
    assert_eq!(code, 0, "{said}");
    for (more, expect) in [
        (&[][..], "VAULT_CACERT names who signed its certificate"),
        (&[("VAULT_CACERT", "/nowhere.pem")], "cannot read /nowhere.pem"),
        (&[("VAULT_CACERT", &ca), ("VAULT_TLS_SERVER_NAME", "other.example")], "no TLS with"),
        (&[("VAULT_CACERT", &ca), ("VAULT_SKIP_VERIFY", "true")], "VAULT_SKIP_VERIFY is set"),
    ] {
        let (code, said) = told(more);
        assert!(code == 1 && said.contains(expect), "{expect}: {said}");
        assert!(!said.contains(root) && !said.contains(TELLTALE), "{said}");
    }
    let _left = fs::remove_dir_all(folder);
}

/// How a workload of Kubernetes logs in, as a stand-in sees it.
#[test]
fn a_workload_of_kubernetes_logs_in_with_its_service_account() {
    let account = "header.s3cret.signature";
    let server = Backend::start(|call| {
        let reads = |wanted: &str| {
            assert_eq!(call.request.all("x-vault-token"), ["s3cret-of-the-login"], "{wanted}");
            assert_eq!(call.request.all("x-vault-namespace"), ["team/east"], "{wanted}");
        };
        match call.request.target() {
            "/v1/auth/k8s/east/login" => {
                assert!(call.request.all("x-vault-token").is_empty());
                let auth = json!({ "client_token": "s3cret-of-the-login", "lease_duration": 3600 });
                vec![Step::Body, ok(&json!({ "auth": auth }).to_string())]
            }
            // A server from before version 2.
            "/v1/sys/internal/ui/mounts/secret/shop" => {
                reads("mounts");
                answer("404 Not Found", "{}")
            }
            "/v1/secret/shop" => {
                reads("secret");
                vec![ok(&json!({ "data": { "key": FIRST } }).to_string())]
            }
            other => panic!("{other}"),
        }
    });
    let folder = fresh_folder("vault-kubernetes");
    let file = folder.join("account");
    fs::write(&file, account).expect("a file");
    let environment = environment(&[
        ("VAULT_ADDR", &format!("http://{}", server.authority())),
        ("VAULT_NAMESPACE", "team/east"),
        ("VAULT_K8S_ROLE", "gateway"),
        ("VAULT_K8S_MOUNT", "k8s/east"),
        ("VAULT_K8S_TOKEN_FILE", &file.display().to_string()),
    ]);
    let backend = Backend::answering("ok");
    let gateway = launch(&config(&backend, KEY, ""), &folder, &environment).expect("a start");
    assert!(knows(gateway.web(), FIRST));
    let recorded = server.recorded();
    let text: Vec<_> = recorded.iter().map(|one| String::from_utf8_lossy(&one.bytes)).collect();
    let body = format!(r#"{{"role":"gateway","jwt":"{account}"}}"#);
    assert!(text.concat().contains(&body), "{text:?}");
    nothing_is_told(&gateway, &folder, &[account]);
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn a_start_waits_for_a_server_that_is_away() {
    if !have(&[Tool::Bao]) {
        return;
    }
    let address = free_address();
    let backend = Backend::answering("ok");
    let folder = fresh_folder("vault-late");
    let yaml = config(&backend, KEY, "");
    let url = format!("http://{address}");
    let environment = environment(&[("VAULT_ADDR", &url), ("VAULT_TOKEN", OpenBao::ROOT)]);
    let late = thread::spawn(move || {
        // Something that takes longer than one try.
        thread::sleep(Duration::from_secs(3));
        let bao = OpenBao::at(address);
        bao.put("secret/shop", &json!({ "key": FIRST }));
        bao
    });
    let gateway = launch(&yaml, &folder, &environment);
    let bao = late.join().expect("a server");
    // The first answer of the server may be that the secret is not there yet.
    let gateway = match gateway {
        Ok(gateway) => gateway,
        Err(why) if why.contains("there is no such secret") => {
            launch(&yaml, &folder, &environment).expect("a start")
        }
        Err(why) => panic!("{why}"),
    };
    assert!(knows(gateway.web(), FIRST));
    drop((gateway, bao));
    let _left = fs::remove_dir_all(folder);
}

/// Without copies a start while the server is away is refused, after a while and in words.
#[test]
fn a_start_without_the_server_is_refused_in_time() {
    let folder = fresh_folder("vault-away");
    let backend = Backend::answering("ok");
    let file = folder.join("yumen.yaml");
    fs::write(&file, config(&backend, KEY, "")).expect("a file");
    let environment = token(&format!("http://{}", free_address()));
    let begun = Instant::now();
    let state = folder.join("state").display().to_string();
    let file = file.display().to_string();
    let (code, said) = run(&["run", &file, "--state", &state], &environment);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("waiting for Vault, 30 s at most"), "{said}");
    assert!(said.contains("has errors; mend it and start again"), "{said}");
    assert!(begun.elapsed() >= Duration::from_secs(29) && begun.elapsed() < 2 * LATER, "{said}");
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn sealed_copies_start_a_gateway_while_the_server_is_away() {
    const STATE_KEY: &str = "0123456789abcdef0123456789abcdef";
    let sick = Sick::new();
    let backend = Backend::answering("ok");
    let folder = fresh_folder("vault-copies");
    let mut environment = token(&sick.url());
    environment.push(("YUMEN_STATE_KEY", STATE_KEY.into()));
    let yaml = config(&backend, KEY, "");
    let gateway = launch(&yaml, &folder, &environment).expect("a start");
    assert!(knows(gateway.web(), FIRST));
    nothing_is_told(&gateway, &folder, &[STATE_KEY]);
    gateway.signal("TERM");
    assert!(gateway.exit(SOON).is_some());

    sick.now(answer("503 Sealed", "{}"));
    let gateway = launch(&yaml, &folder, &environment).expect("a start with copies");
    assert!(knows(gateway.web(), FIRST));
    let said = gateway.stderr.all().join("\n");
    assert!(said.contains("starting with the values of secrets that were kept sealed"), "{said}");
    nothing_is_told(&gateway, &folder, &[STATE_KEY]);
    // When it is back, what it says counts.
    sick.now(secret(SECOND));
    wait_until("the server is back", || knows(gateway.web(), SECOND));
    gateway.signal("TERM");
    assert!(gateway.exit(SOON).is_some());

    // A copy stands in for a server that is away, not for one that says no.
    sick.now(answer("404 Not Found", "{}"));
    let refused = launch(&yaml, &folder, &environment).expect_err("no start");
    assert!(refused.contains("there is no such secret"), "{refused}");

    // The last good configuration is started with copies too, if the file is broken meanwhile.
    sick.now(vec![Step::Close]);
    let gateway = launch("listeners: [", &folder, &environment).expect("the last good one");
    assert!(knows(gateway.web(), SECOND));
    drop(gateway);
    let _left = fs::remove_dir_all(folder);
}
