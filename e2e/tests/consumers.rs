//! Who calls: keys, alternatives, what services are told, and files that change while requests come.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use yumen_e2e::client::{Answer, Client, get};
use yumen_e2e::gateway::{Launch, fresh_folder, yumen};
use yumen_e2e::{Backend, Gateway};

/// Until something that happens within a second is there on a very busy machine.
const LATER: Duration = Duration::from_secs(20);

/// Each time from another address, so that nobody tries too often.
fn ask(to: SocketAddr, target: &str, fields: &str) -> Answer {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let from = Ipv4Addr::from(0x0a00_0000 + ASKED.fetch_add(1, Ordering::Relaxed));
    ask_from(from, to, target, fields)
}

fn ask_from(from: Ipv4Addr, to: SocketAddr, target: &str, fields: &str) -> Answer {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-For: {from}\r\n{fields}\r\n"
    );
    Client::connect(to).ask(&request).unwrap_or_else(|lost| panic!("{request}: {lost:?}"))
}

fn key(key: &str) -> String {
    format!("X-API-Key: {key}\r\n")
}

fn config(backend: &Backend, more: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0', trusted_proxies: [127.0.0.1] }}]
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: stdout }}
{more}
services:
  - name: backend
    url: http://{}
    policies: [{{ kind: key-auth, config: {{ query: [k], strip: true }} }}]
    routes:
      - {{ name: all }}
      - {{ name: open, match: {{ paths: [/open] }}, policies: [{{ kind: anonymous }}] }}
      - name: either
        match: {{ paths: [/either] }}
        policies: [{{ kind: key-auth }}, {{ kind: anonymous, config: {{ consumer: guest }} }}]
      - name: gold
        match: {{ paths: [/gold] }}
        policies: [{{ kind: acl, config: {{ allow: {{ groups: [gold] }} }} }}]
",
        backend.authority()
    )
}

const CONSUMERS: &str = "
consumers:
  - { name: shop, external_id: '4711', groups: [gold, eu], keys: [{ key: shop-key-1 }, { key: shop-key-2 }] }
  - { name: late, keys: [{ key: late-key-1, expires: 2020-01-01 }] }
  - { name: gone, disabled: true, keys: [{ key: gone-key-1 }] }
  - { name: guest, groups: [public] }
";

#[test]
fn whoever_does_not_prove_who_calls_costs_the_service_nothing() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, CONSUMERS));
    let web = gateway.web();
    for (target, fields, sentence) in [
        ("/", String::new(), "The request does not say who sends it."),
        ("/gold", String::new(), "The request does not say who sends it."),
        ("/", key("unknown-key"), "The key is not good."),
        ("/", key("late-key-1"), "The key is not good."),
        ("/", key("gone-key-1"), "The key is not good."),
        ("/", key("SHOP-KEY-1"), "The key is not good."),
        ("/", key("shop-key-1").repeat(2), "The key is not good."),
        ("/?k=shop-key-1", key("shop-key-1"), "The key is not good."),
        ("/", key(""), "The key is not good."),
        ("/", "X-Consumer-Username: shop\r\n".to_owned(), "The request does not say who sends it."),
        (
            "/",
            "Connection: X-API-Key\r\n".to_owned() + &key("shop-key-1"),
            "The request does not say who sends it.",
        ),
        ("/either", key("unknown-key"), "The key is not good."),
        ("/%6Fpen/../", String::new(), "The request does not say who sends it."),
    ] {
        let answer = ask(web, target, &fields);
        let shown = format!("{target} {fields}: {}", answer.text());
        assert_eq!(answer.status(), 401, "{shown}");
        assert_eq!(answer.all("www-authenticate"), ["Key realm=\"yumen\""], "{shown}");
        let code = if sentence.starts_with("The key") {
            "\"unauthenticated\""
        } else {
            "\"no_credentials\""
        };
        assert!(shown.contains(code) && shown.contains(sentence), "{shown}");
    }
    assert_eq!(backend.connections(), 0, "no service was asked");
    let answer = ask(web, "/gold", &key("shop-key-1"));
    assert_eq!(answer.status(), 200);
    // The operator learns what the client does not.
    let log = |words: &str| gateway.stdout.wait(0, LATER, |line| line.contains(words));
    let line = log("\"path\":\"/gold\",\"protocol\":\"HTTP/1.1\",\"status\":200").expect("a line");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["consumer"], &line["identified_by"]), (&json!("shop"), &json!("key-auth")));
    assert!(line["credential"].as_str().unwrap().starts_with("key-"), "{line}");
    for cause in ["nobody has this key", "or its consumer gone is disabled", "several keys"] {
        assert!(log(cause).is_some(), "{cause}");
    }
    assert!(!gateway.stdout.all().join("").contains("shop-key-1"), "no key in the log");
}

#[test]
fn services_are_told_who_calls_and_by_nobody_else() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, CONSUMERS));
    let spoofed = "X-Consumer-Username: root\r\nx-consumer-groups: gold\r\nX_Consumer_Username: root\r\n\
                   X-CONSUMER-CUSTOM-ID: 1\r\nX-Anonymous-Consumer: true\r\nX-Credential-Identifier: x\r\n";
    let names = [
        "x-consumer-username",
        "x-consumer-custom-id",
        "x-consumer-groups",
        "x-anonymous-consumer",
    ];
    for (target, credentials, told) in [
        ("/", key("shop-key-1"), ["shop", "4711", "gold, eu", ""]),
        ("/?k=shop-key-2&a=1", String::new(), ["shop", "4711", "gold, eu", ""]),
        ("/either", key("shop-key-2"), ["shop", "4711", "gold, eu", ""]),
        ("/either", String::new(), ["guest", "", "public", "true"]),
        ("/open", String::new(), ["", "", "", "true"]),
        ("/open", key("unknown-key"), ["", "", "", "true"]),
    ] {
        let mark = backend.mark();
        let answer = ask(gateway.web(), target, &format!("{spoofed}{credentials}"));
        assert_eq!(answer.status(), 200, "{target} {credentials}");
        let seen = backend.since(&mark);
        let (requests, flaw) = seen.last().expect("a connection").requests();
        let request = requests.last().unwrap_or_else(|| panic!("{flaw:?}"));
        let said = names.map(|name| request.all(name).join("|"));
        assert_eq!(said, told, "{target} {credentials}");
        let id = request.all("x-credential-identifier").join("|");
        assert_eq!(
            id.starts_with("key-"),
            !credentials.is_empty() && told[0] == "shop" || target.contains("k="),
            "{id}"
        );
        assert!(!request.target().contains("k="), "{}", request.target());
        assert!(request.all("x_consumer_username").is_empty());
        let stripped = !target.starts_with("/either") && !target.starts_with("/open");
        assert!(!stripped || request.all("x-api-key").is_empty(), "{target}");
    }
}

#[test]
fn a_key_is_made_and_only_its_hash_is_written() {
    let folder = fresh_folder("keys");
    let pepper = folder.join("pepper");
    fs::write(&pepper, "a pepper of good length\n").unwrap();
    let pepper_file = pepper.display().to_string();
    let (code, made, problem) = yumen(&["new-key", "--json", "--pepper-file", &pepper_file]);
    assert_eq!(code, 0, "{problem}");
    let made: Value = serde_json::from_str(&made).unwrap();
    let (text, hash) = (made["key"].as_str().unwrap(), made["hash"].as_str().unwrap());
    let backend = Backend::answering("ok");
    let with = |pepper: &str| {
        let consumers = format!("consumers: [{{ name: a, keys: [{{ hash: '{hash}' }}] }}]");
        config(&backend, &format!("{consumers}\ndirectory: {{ pepper: {pepper} }}"))
    };
    let gateway = Gateway::start(&with(&format!("'${{file:{pepper_file}}}'")));
    assert_eq!(ask(gateway.web(), "/", &key(text)).status(), 200);
    assert_eq!(ask(gateway.web(), "/", &key(hash)).status(), 401, "the hash is no key");
    let refused = gateway.reload(&with("'another pepper of good length'")).unwrap_err();
    assert!(refused.contains("another pepper than `directory.pepper`"), "{refused}");
    assert_eq!(ask(gateway.web(), "/", &key(text)).status(), 200);
    let _left = fs::remove_dir_all(folder);
}

/// A file of consumers, replaced as careful programs do it.
struct File(PathBuf);

impl File {
    fn write(&self, consumers: impl IntoIterator<Item = Value>) {
        let lines: Vec<String> = consumers.into_iter().map(|one| one.to_string()).collect();
        let fresh = self.0.with_extension("new");
        fs::write(&fresh, lines.join("\n") + "\n").unwrap();
        fs::rename(fresh, &self.0).unwrap();
    }
}

fn consumer(number: usize, round: usize) -> Value {
    json!({ "name": format!("c{number}"), "keys": [{ "key": format!("the-key-{number}-{round}") }] })
}

fn with_file(backend: &Backend, file: &Path) -> String {
    config(backend, &format!("{CONSUMERS}\ndirectory: {{ files: ['{}'] }}", file.display()))
}

/// Asks with the same key, again and again, until it is told to stop; returns how often, and panics
/// if an answer is ever another one.
fn insist(web: SocketAddr, fields: String, status: u16, stop: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let mut client = Client::connect(web);
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let asked = AtomicU64::new(0);
        while !stop.load(Ordering::Relaxed) {
            let answer = client.ask(&request).unwrap_or_else(|lost| panic!("{lost:?}"));
            assert_eq!(answer.status(), status, "{request}");
            if asked.fetch_add(1, Ordering::Relaxed) % 1000 == 999 {
                client = Client::connect(web);
            }
        }
        asked.into_inner()
    })
}

#[test]
fn ten_thousand_keys_change_under_load() {
    const ROUNDS: usize = 10;
    const CHANGED: usize = 1000;
    let backend = Backend::answering("ok");
    let folder = fresh_folder("consumers");
    let file = File(folder.join("consumers.jsonl"));
    let all = |round: usize| {
        let steady = std::iter::once(consumer(CHANGED, 0));
        steady.chain((0..CHANGED).map(move |number| consumer(number, round)))
    };
    file.write(all(0));
    let gateway = Gateway::start(&with_file(&backend, &file.0));
    let web = gateway.web();
    let stop = Arc::new(AtomicBool::new(false));
    let insisting = [
        insist(web, key(&format!("the-key-{CHANGED}-0")), 200, &stop),
        insist(web, key("shop-key-1"), 200, &stop),
        insist(web, key("the-key-0-never"), 401, &stop),
    ];
    for round in 1..=ROUNDS {
        let seen = gateway.stderr.count();
        file.write(all(round));
        let told = gateway.stderr.wait(seen, LATER, |line| line.starts_with("yumen: consumers"));
        assert_eq!(
            told.as_deref(),
            Some("yumen: consumers: 1000 are new or different, 0 are gone")
        );
        for number in [0, CHANGED / 2, CHANGED - 1] {
            let status = |round| ask(web, "/", &key(&format!("the-key-{number}-{round}"))).status();
            assert_eq!((status(round), status(round - 1)), (200, 401), "{number} in {round}");
        }
    }
    stop.store(true, Ordering::Relaxed);
    let asked = insisting.map(|asked| asked.join().expect("no wrong answer"));
    assert!(asked[0] > 100 && asked[1] > 100 && asked[2] > 3, "{asked:?}");
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn what_is_wrong_in_a_file_changes_nothing() {
    let backend = Backend::answering("ok");
    let folder = fresh_folder("consumers");
    let file = File(folder.join("consumers.jsonl"));
    file.write([consumer(1, 1), consumer(2, 1)]);
    let gateway = Gateway::start(&with_file(&backend, &file.0));
    let status = |name: &str| ask(gateway.web(), "/", &key(name)).status();
    for (lines, told) in [
        (vec![consumer(1, 2), json!({ "name": "x", "kez": [] })], "consumers.jsonl:2:13: error"),
        (vec![consumer(1, 2), consumer(1, 3)], "the consumer `c1` is here twice"),
        (
            vec![consumer(1, 2), json!({ "name": "x", "keys": [{ "key": "the-key-1-2" }] })],
            "the consumers `c1` and `x` have the same key",
        ),
        (
            vec![consumer(1, 2), json!({ "name": "x", "keys": [{ "key": "shop-key-1" }] })],
            "the consumers `shop` and `x` have the same key",
        ),
        (vec![json!({ "name": "shop" })], "the consumer `shop` is written in several places"),
        (vec![json!({ "name": "x", "keys": [{ "key": "short" }] })], "8 to 512 letters"),
    ] {
        let seen = gateway.stderr.count();
        file.write(lines);
        let line = gateway.stderr.wait(seen, LATER, |line| line.contains(told));
        assert!(line.is_some(), "{told}: {:?}", &gateway.stderr.all()[seen..]);
        assert_eq!(
            [status("the-key-1-1"), status("the-key-2-1"), status("the-key-1-2")],
            [200, 200, 401]
        );
        assert!(!gateway.stderr.all().iter().any(|line| line.contains("the-key-1-2")));
    }
    // Once it is mended it is taken up, and what is gone from it is not let in any more.
    let seen = gateway.stderr.count();
    file.write([consumer(2, 1)]);
    let told = gateway.stderr.wait(seen, LATER, |line| line.starts_with("yumen: consumers: "));
    assert_eq!(told.as_deref(), Some("yumen: consumers: 0 are new or different, 1 are gone"));
    assert_eq!(
        [status("the-key-1-1"), status("the-key-2-1"), status("shop-key-1")],
        [401, 200, 200]
    );
    // A file that the configuration does not name any more is gone as a whole.
    gateway.reload(&config(&backend, CONSUMERS)).unwrap();
    assert_eq!([status("the-key-2-1"), status("shop-key-1")], [401, 200]);
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn problems_are_told_before_anything_starts() {
    let folder = fresh_folder("consumers");
    let path = folder.join("yumen.yaml");
    let backend = Backend::answering("ok");
    let check = |more: &str| {
        fs::write(&path, config(&backend, more)).unwrap();
        let (code, _, problem) = yumen(&["check", &path.display().to_string()]);
        (code, problem)
    };
    fs::write(folder.join("more.jsonl"), "{\"name\":\"a\"}\nnonsense\n{\"name\":\" b\"}\n")
        .unwrap();
    let (code, problem) = check("directory: { files: [more.jsonl, none.jsonl] }");
    assert_eq!(code, 1, "{problem}");
    for told in ["more.jsonl:2:", "more.jsonl:3:", "none.jsonl: No such file"] {
        assert!(problem.contains(told), "{told}: {problem}");
    }
    let twice = "consumers: [{ name: a, keys: [{ key: the-same-key }] }, { name: b, keys: [{ key: the-same-key }] }]";
    let (code, problem) = check(twice);
    assert!(code == 1 && problem.contains("`a` and `b` have the same key"), "{problem}");
    assert!(!problem.contains("the-same-key"), "{problem}");
    let plain = config(&backend, "")
        .replace("policies: [{ kind: key-auth, config: { query: [k], strip: true } }]", "");
    fs::write(&path, plain).unwrap();
    let (code, _, problem) = yumen(&["check", &path.display().to_string()]);
    let told = "`acl` decides on who calls, which nothing finds out for the route `gold`";
    assert!(code == 1 && problem.contains(told), "{problem}");
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn whoever_tries_keys_waits_and_nobody_else_does() {
    let backend = Backend::answering("ok");
    let how = Launch { arguments: vec!["--workers".into(), "1".into()], ..Launch::default() };
    let gateway = Gateway::launch(&config(&backend, CONSUMERS), how).unwrap();
    let web = gateway.web();
    let [one, other] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
    let timed = |from, name: &str, status: u16| {
        let began = Instant::now();
        assert_eq!(ask_from(from, web, "/", &key(name)).status(), status);
        began.elapsed()
    };
    for _ in 0..8 {
        timed(one, "unknown-key", 401);
    }
    // The ninth waits 800 milliseconds, and meanwhile others are served: from that address too.
    let slow = std::thread::spawn(move || {
        let began = Instant::now();
        assert_eq!(ask_from(one, web, "/", &key("unknown-key")).status(), 401);
        began.elapsed()
    });
    let good = timed(one, "shop-key-1", 200);
    let elsewhere = timed(other, "unknown-key", 401);
    let slow = slow.join().unwrap();
    assert!(slow >= Duration::from_millis(800), "{slow:?}");
    assert!(good < slow && elsewhere < slow, "{good:?} {elsewhere:?} {slow:?}");
    // Whoever brings nothing tries nothing.
    let began = Instant::now();
    assert_eq!(ask_from(one, web, "/", "").status(), 401);
    assert!(began.elapsed() < slow);
}

/// Passwords, with a client that we did not write.
#[test]
fn a_name_and_a_password_are_asked_for() {
    let backend = Backend::answering("ok");
    let hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$";
    let folder = fresh_folder("passwords");
    let password = folder.join("password");
    fs::write(&password, "s\u{e9}sam: open\n").unwrap();
    let (code, hashed, problem) =
        yumen(&["hash-password", "--password-file", &password.display().to_string()]);
    assert_eq!(code, 0, "{problem}");
    let consumers = format!(
        "consumers: [{{ name: ann, passwords: [{{ hash: '{}' }}, {{ username: annie, password: two }}] }}, {{ name: shop, keys: [{{ key: shop-key-1 }}] }}]",
        hashed.trim()
    );
    let yaml = config(&backend, &consumers);
    let yaml = yaml.replace("policies: [{ kind: key-auth, config: { query: [k], strip: true } }]", "policies: [{ kind: basic-auth, config: { realm: books, strip: true } }, { kind: key-auth }]");
    let gateway = Gateway::start(&yaml);
    let url = format!("http://{}/", gateway.web());
    let curl = |arguments: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}"]);
        let output = curl.args(arguments).arg(&url).output().expect("curl");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for (arguments, status) in [
        (&["-u", "ann:s\u{e9}sam: open"][..], "200"),
        (&["-u", "annie:two"], "200"),
        (&["-H", "X-API-Key: shop-key-1"], "200"),
        (&["-u", "ann:two"], "401"),
        (&["-u", "nobody:two"], "401"),
        (&["-u", "ann:two", "-H", "X-API-Key: shop-key-1"], "401"),
        (&[], "401"),
    ] {
        assert_eq!(curl(arguments), status, "{arguments:?}");
    }
    let answer = ask(gateway.web(), "/", "");
    let asked = ["Basic realm=\"books\", charset=\"UTF-8\"", "Key realm=\"yumen\""];
    assert_eq!(answer.all("www-authenticate"), asked);
    let refused = gateway.reload(&yaml.replace(hashed.trim(), hash)).unwrap_err();
    assert!(refused.contains("consumers[0].passwords[0].hash"), "{refused}");
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn as_many_consumers_as_are_wanted_are_counted_each_for_itself() {
    let backend = Backend::answering("ok");
    let with = |names: &[&str]| {
        let one =
            |name: &&str| format!("  - {{ name: {name}, keys: [{{ key: the-{name}-key }}] }}\n");
        let consumers: String = names.iter().map(one).collect();
        config(&backend, &format!("metrics: {{ consumers: 2 }}\nconsumers:\n{consumers}"))
    };
    let gateway = Gateway::start(&with(&["a", "b", "c", "d"]));
    let call = |name: &str, times: usize| {
        for _ in 0..times {
            assert_eq!(ask(gateway.web(), "/", &key(&format!("the-{name}-key"))).status(), 200);
        }
    };
    // Counted when the exchange has ended, which the client need not know yet.
    let counted = |expect: &[&str]| {
        let begins = "yumen_consumer_requests_total{";
        let shown = || -> Vec<String> {
            let page = get(gateway.status(), "/metrics").text();
            page.lines().filter_map(|line| line.strip_prefix(begins)).map(str::to_owned).collect()
        };
        let until = Instant::now() + LATER;
        while shown() != expect && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(shown(), expect);
    };
    for (name, times) in [("b", 3), ("a", 2), ("c", 1), ("d", 4), ("b", 1)] {
        call(name, times);
    }
    let others = r#"consumer="",code="200"} 5"#;
    counted(&[r#"consumer="a",code="200"} 2"#, r#"consumer="b",code="200"} 4"#, others]);
    gateway.reload(&with(&["b", "c", "d"])).unwrap();
    call("d", 2);
    counted(&[r#"consumer="b",code="200"} 4"#, r#"consumer="d",code="200"} 2"#, others]);
}

#[test]
fn secrets_that_are_written_in_place_are_not_shown() {
    const MARK: &str = "not-to-be-seen";
    let folder = fresh_folder("secrets");
    let path = folder.join("yumen.yaml");
    let backend = Backend::answering("ok");
    let more = format!(
        "
directory: {{ pepper: {MARK}-with-the-pepper, sealing_key: {MARK}-with-the-sealing-key }}
alerts: [{{ name: hook, url: 'http://127.0.0.1:1/{MARK}', headers: {{ X-Key: {MARK} }} }}]
consumers:
  - name: a
    keys: [{{ key: {MARK}-key }}]
    passwords: [{{ password: {MARK}-password }}]
    secrets: [{{ id: a, secret: {MARK}-as-a-secret }}]
    token_keys: [{{ key: {MARK}-as-a-long-enough-secret-for-tokens }}]
policies:
  - {{ kind: jwt, config: {{ keys: [{MARK}-as-a-long-enough-secret-for-tokens] }} }}
"
    );
    let check = |text: &str| {
        fs::write(&path, text).unwrap();
        let (code, shown, problem) = yumen(&["check", &path.display().to_string(), "--effective"]);
        assert!(!shown.contains(MARK) && !problem.contains(MARK), "{shown}\n{problem}");
        (code, shown, problem)
    };
    let good = config(&backend, &more);
    let (code, shown, problem) = check(&good);
    assert_eq!(code, 0, "{problem}");
    assert!(shown.matches("(a secret that is not shown)").count() >= 9, "{shown}");
    // What is wrong beside it is told without showing it.
    for (of, wrong) in [
        ("-key }]", "-key, unknown: 1 }]"),
        ("-with-the-pepper,", "-with-the-pepper, unknown: 1,"),
        ("url: 'http", "unknown: 1, url: 'http"),
        ("config: { keys: [", "config: { unknown: 1, keys: ["),
    ] {
        assert!(good.contains(of), "{of}");
        let (code, _, problem) = check(&good.replacen(of, wrong, 1));
        assert!(
            code == 1 && problem.contains("unknown key") && problem.contains("***"),
            "{problem}"
        );
    }
    let _left = fs::remove_dir_all(folder);
}
