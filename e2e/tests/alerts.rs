//! Alerts as receivers that are not ours get them, with real faults: a service that is killed, a
//! configuration with errors, a worker that hangs, a full disk, a receiver that goes away.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use yumen_e2e::certificates::{Authority, Unusual};
use yumen_e2e::client::get;
use yumen_e2e::frozen::Frozen;
use yumen_e2e::gateway::{Launch, fresh_folder};
use yumen_e2e::rig::{pair, put};
use yumen_e2e::tools::{Server, Tool, free_address, have, run};
use yumen_e2e::{Backend, Gateway, SOON};

/// How long something may take that takes some seconds by itself.
const PATIENCE: Duration = Duration::from_secs(45);

/// A receiver, or a service, that prints what it gets.
fn python(port: u16, more: &[&str]) -> (Server, SocketAddr) {
    let port = port.to_string();
    let arguments: Vec<&str> = [&*port].into_iter().chain(more.iter().copied()).collect();
    Server::script_with(Tool::Python, "hook.py", &arguments)
}

/// Messages so far.
fn messages(hook: &Server) -> Vec<Value> {
    hook.said().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn until<T>(what: &str, look: impl Fn() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(is) => assert!(Instant::now() < deadline, "{what}: {is}"),
        }
        // Programs of others do not say when they are done.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// All alerts that came, as `kind subject state`, once there are so many.
fn alerts(hook: &Server, count: usize) -> Vec<String> {
    until("alerts", || {
        let text = |alert: &Value, key: &str| alert[key].as_str().unwrap_or("?").to_owned();
        let all: Vec<String> = messages(hook)
            .iter()
            .flat_map(|message| message["body"]["alerts"].as_array().cloned().unwrap_or_default())
            .map(|one| ["kind", "subject", "state"].map(|key| text(&one, key)).join(" "))
            .collect();
        if all.len() >= count { Ok(all) } else { Err(format!("{all:?} {:?}", hook.said())) }
    })
}

/// Asks the gateway again and again, until its answer has this status and something holds.
fn asking(gateway: &Gateway, status: u16, holds: impl Fn() -> bool) {
    until("an answer", || match get(gateway.web(), "/").status() {
        got if got == status && holds() => Ok(()),
        got => Err(got.to_string()),
    });
}

fn config(service: SocketAddr, alerts: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
services: [{{ name: shop, url: 'http://{service}', retries: {{ attempts: 0 }}, routes: [{{ name: all }}] }}]
alerts:
{alerts}
"
    )
}

fn metric(gateway: &Gateway, name: &str) -> String {
    let page = get(gateway.status(), "/metrics").text();
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or("nothing").trim().to_owned()
}

#[test]
fn a_service_that_is_killed_is_told_and_a_reload_does_not_tell_it_again() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (hook, at) = python(0, &[]);
    let (service, place) = python(0, &[]);
    let yaml = |more: &str| {
        config(
            place,
            &format!(
                "  - {{ name: ops, url: 'http://{at}/yumen?key=s3cret', for: {{ service_down: 1s }}{more} }}"
            ),
        )
    };
    let gateway = Gateway::start(&yaml(""));
    assert_eq!(get(gateway.web(), "/").status(), 200);
    drop(service);
    asking(&gateway, 502, || !messages(&hook).is_empty());
    assert_eq!(alerts(&hook, 1), ["service_down shop firing"]);
    assert_eq!(metric(&gateway, "yumen_alerts_firing{hook=\"ops\",kind=\"service_down\"}"), "1");
    let message = messages(&hook).remove(0);
    assert_eq!(message["path"], "/yumen?key=s3cret");
    assert_eq!(message["fields"]["content-type"], "application/json");
    let body = &message["body"];
    assert_eq!((&body["version"], &body["sequence"]), (&1.into(), &1.into()));
    assert_eq!(body["gateway"]["pid"], gateway.pid);
    assert_eq!(body["gateway"]["revision"], 1);
    let summary = body["alerts"][0]["summary"].as_str().expect("a sentence");
    assert!(summary.starts_with("Service shop is down: its last "), "{summary}");
    // Another label, and another revision: what was told stays told.
    gateway.reload(&yaml(", labels: { environment: live }")).expect("it is good");
    let (_service, _) = python(place.port(), &[]);
    asking(&gateway, 200, || true);
    assert_eq!(alerts(&hook, 2), ["service_down shop firing", "service_down shop resolved"]);
    let all = messages(&hook);
    assert_eq!(all[1]["body"]["labels"]["environment"], "live");
    assert_eq!(all[1]["body"]["gateway"]["revision"], 2);
    assert_eq!(all[1]["body"]["alerts"][0]["id"], all[0]["body"]["alerts"][0]["id"]);
    until("the counts", || {
        let sent = metric(&gateway, "yumen_alerts_sent_total{hook=\"ops\"}");
        if sent == "2" { Ok(()) } else { Err(sent) }
    });
    // The noun is gone, and everything with it.
    gateway.reload(&config(place, "  []")).expect("it is good");
    assert_eq!(metric(&gateway, "yumen_alerts_sent_total{hook=\"ops\"}"), "nothing");
}

#[test]
fn a_configuration_that_is_refused_is_told_without_what_is_in_it() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (hook, at) = python(0, &[]);
    let backend = Backend::answering("ok");
    let place = backend.authority().parse().expect("an address");
    let hooks = "  - name: chat\n    url: ${env:HOOK}\n    headers: { X-Key: '${env:KEY}' }\n    \
                 format: slack\n    on: [config_rejected]\n";
    let environment =
        vec![("HOOK", format!("http://{at}/services/s3cret").into()), ("KEY", "k3y".into())];
    let how = Launch { environment, ..Launch::default() };
    let gateway = Gateway::launch(&config(place, hooks), how).expect("it starts");
    gateway.reload("listeners: hunter2\nserviices: hunter2").expect_err("it is refused");
    let wait = |count: usize| {
        until("messages", || {
            let all = messages(&hook);
            if all.len() >= count { Ok(all) } else { Err(format!("{:?}", hook.said())) }
        })
    };
    let message = wait(1).remove(0);
    assert_eq!(message["path"], "/services/s3cret");
    assert_eq!(message["fields"]["x-key"], "k3y");
    let text = message["body"]["text"].as_str().expect("a text");
    let begin =
        "*FIRING* (warning) A newer configuration was refused (2 errors, the first at listeners)";
    assert!(text.starts_with(begin), "{text}");
    // Refused once more, in another way: that is the same alert.
    gateway.reload("routes: hunter2").expect_err("it is refused");
    gateway.reload(&config(place, hooks)).expect("it is good");
    let all = wait(2);
    assert_eq!(all.len(), 2);
    assert!(all[1]["body"]["text"].as_str().expect("a text").starts_with("*RESOLVED* "));
    let told = format!("{:?}{:?}", all[0]["body"], all[1]["body"]);
    assert!(
        !told.contains("hunter2") && !told.contains("s3cret") && !told.contains("k3y"),
        "{told}"
    );
    let said = gateway.stderr.all().join("\n");
    assert!(!said.contains("s3cret") && !said.contains("k3y"), "{said}");
}

#[test]
fn a_receiver_that_was_away_is_told_how_it_is() {
    if !have(&[Tool::Python]) {
        return;
    }
    let backend = Backend::answering("ok");
    let place = backend.authority().parse().expect("an address");
    let at = free_address();
    let yaml = config(place, &format!("  - {{ name: ops, url: 'http://{at}' }}"));
    let gateway = Gateway::start(&yaml);
    gateway.reload("listeners: 7").expect_err("it is refused");
    let away = format!("yumen: alerts do not reach hook ops (http://{at}): ");
    gateway.stderr.wait(0, SOON, |line| line.starts_with(&away)).expect("it is said");
    assert_eq!(get(gateway.web(), "/").status(), 200, "nobody waits for it");
    let (hook, _) = python(at.port(), &[]);
    assert_eq!(alerts(&hook, 1), ["config_rejected  firing"]);
    let back = format!("yumen: alerts reach hook ops (http://{at}) again");
    gateway.stderr.wait(0, SOON, |line| line == back).expect("it is said");
    drop(hook);
    let seen = gateway.stderr.count();
    gateway.reload(&yaml).expect("it is good");
    let said = gateway.stderr.wait(seen, PATIENCE, |line| line.starts_with(&away));
    said.expect("it is said again");
    let (hook, _) = python(at.port(), &[]);
    assert_eq!(alerts(&hook, 1), ["config_rejected  resolved"]);
}

#[test]
fn a_receiver_that_wants_nothing_is_seen_and_left_alone() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (hook, at) = python(0, &["403"]);
    let backend = Backend::answering("ok");
    let place = backend.authority().parse().expect("an address");
    let gateway =
        Gateway::start(&config(place, &format!("  - {{ name: ops, url: 'http://{at}' }}")));
    gateway.reload("listeners: 7").expect_err("it is refused");
    let refused =
        format!("yumen: hook ops (http://{at}) does not take alerts: it answered with status 403");
    gateway.stderr.wait(0, SOON, |line| line == refused).expect("it is said");
    // Told again, some ten seconds later.
    let first = Instant::now();
    alerts(&hook, 2);
    assert!(first.elapsed() > Duration::from_secs(5), "{:?}", first.elapsed());
    until("the counts", || {
        let refused = metric(&gateway, "yumen_alerts_refused_total{hook=\"ops\"}");
        if refused == "2" { Ok(()) } else { Err(refused) }
    });
    assert_eq!(metric(&gateway, "yumen_alerts_sent_total{hook=\"ops\"}"), "0");
}

#[test]
fn what_ends_soon_what_is_lost_and_what_was_kept_is_told() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (hook, at) = python(0, &[]);
    let folder = fresh_folder("alerts");
    let authority = Authority::new("tests");
    let how = Unusual { expired: true, ..Unusual::default() };
    put(&folder, "old", &authority.sign_unusual(&["old.example"], how));
    let backend = Backend::answering("ok");
    let yaml = format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
  - {{ name: tls, address: '127.0.0.1:0', tls: {{ certificates: [{}] }} }}
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: {{ file: /dev/full }} }}
services:
  - name: shop
    url: http://{}
    routes: [{{ name: all }}]
  - name: lost
    url: http://nobody.invalid:1
alerts: [{{ name: ops, url: 'http://{at}', for: {{ name_lookup_failing: 1s }} }}]
",
        pair(&folder, "old"),
        backend.authority()
    );
    let launch = || Launch { folder: Some(folder.clone()), ..Launch::default() };
    let gateway = Gateway::launch(&yaml, launch()).expect("it starts");
    assert_eq!(get(gateway.web(), "/").status(), 200);
    let mut told = alerts(&hook, 3);
    told.sort();
    let certificate = "certificate_expiring listener tls: certificates[0].certificate firing";
    let name = "name_lookup_failing nobody.invalid firing";
    assert_eq!(told, [certificate, "log_lines_dropped  firing", name]);
    drop(gateway);
    // The file is broken while nobody runs; what was kept tells of it.
    let gateway = Gateway::launch(&format!("{yaml}\nx: 1"), launch()).expect("it starts");
    let mut told = alerts(&hook, 6).split_off(3);
    told.sort();
    assert_eq!(told, [certificate, "last_good_used  firing", name]);
    gateway.reload(&yaml).expect("it is good");
    assert_eq!(alerts(&hook, 7)[6], "last_good_used  resolved");
    drop(gateway);
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn a_breaker_is_told_until_it_is_closed() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (hook, at) = python(0, &[]);
    let (service, place) = python(0, &["500"]);
    let yaml = config(
        place,
        &format!("  - {{ name: ops, url: 'http://{at}', for: {{ breaker_open: off }} }}"),
    );
    let breaker = "retries: { attempts: 0 }, breaker: { consecutive: 3, open: 1s }";
    let gateway = Gateway::start(&yaml.replace("retries: { attempts: 0 }", breaker));
    for _ in 0..4 {
        get(gateway.web(), "/");
    }
    assert_eq!(alerts(&hook, 1), ["breaker_open shop firing"]);
    drop(service);
    let (_service, _) = python(place.port(), &[]);
    asking(&gateway, 200, || messages(&hook).len() > 1);
    assert_eq!(alerts(&hook, 2), ["breaker_open shop firing", "breaker_open shop resolved"]);
}

#[test]
fn a_worker_that_hangs_is_told() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (hook, at) = python(0, &[]);
    let backend = Backend::answering("ok");
    let place = backend.authority().parse().expect("an address");
    let yaml = config(place, &format!("  - {{ name: ops, url: 'http://{at}' }}"));
    let arguments = vec!["--workers".into(), "2".into()];
    let gateway = Gateway::launch(&yaml, Launch { arguments, ..Launch::default() });
    let gateway = gateway.expect("it starts");
    let Some(frozen) = Frozen::thread(gateway.pid, "worker-1") else { return };
    assert_eq!(alerts(&hook, 1), ["worker_stuck worker-1 firing"]);
    frozen.let_go();
    assert_eq!(alerts(&hook, 2)[1], "worker_stuck worker-1 resolved");
}

/// Asks a real Alertmanager for what fires, as `alertname service`.
fn firing(at: SocketAddr) -> Result<Vec<String>, String> {
    let url = format!("--alertmanager.url=http://{at}");
    let done = run(Tool::Amtool, ["alert", "query", "-o", "json", &*url], PATIENCE);
    let all: Value = serde_json::from_str(&done.out).map_err(|_bad| format!("{done:?}"))?;
    let label = |alert: &Value, key: &str| alert["labels"][key].as_str().unwrap_or("-").to_owned();
    let all = all.as_array().cloned().unwrap_or_default();
    Ok(all
        .iter()
        .map(|one| ["alertname", "service", "team"].map(|key| label(one, key)).join(" "))
        .collect())
}

#[test]
fn a_real_alertmanager_shows_what_fires() {
    if !have(&[Tool::Python, Tool::Alertmanager, Tool::Amtool]) {
        return;
    }
    let folder = fresh_folder("alertmanager");
    let settings = "route: { receiver: none }\nreceivers: [{ name: none }]\n";
    fs::write(folder.join("alertmanager.yml"), settings).expect("a file");
    let at = free_address();
    let arguments = [
        format!("--config.file={}", folder.join("alertmanager.yml").display()),
        format!("--storage.path={}", folder.join("data").display()),
        format!("--web.listen-address={at}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let alertmanager = Server::listening(Tool::Alertmanager, arguments, at);
    let (service, place) = python(0, &[]);
    let gateway = Gateway::start(&config(
        place,
        &format!(
            "  - {{ name: am, url: 'http://{at}', format: alertmanager, labels: {{ team: shop }}, \
             for: {{ service_down: off }} }}"
        ),
    ));
    drop(service);
    let is_down = || firing(at).is_ok_and(|all| !all.is_empty());
    asking(&gateway, 502, is_down);
    let expect = |wanted: &[&str]| {
        until("what fires", || match firing(at)? {
            all if all == wanted => Ok(()),
            all => Err(format!("{all:?}")),
        });
    };
    expect(&["YumenServiceDown shop shop"]);
    let (_service, _) = python(place.port(), &[]);
    asking(&gateway, 200, || true);
    expect(&[]);
    drop(alertmanager);
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn a_hook_is_asked_with_tls_and_its_certificate_is_verified() {
    if !have(&[Tool::Nginx]) {
        return;
    }
    let folder = fresh_folder("hook-tls");
    let authority = Authority::new("tests");
    fs::write(folder.join("ca.pem"), &authority.certificate).expect("a file");
    fs::write(folder.join("other.pem"), Authority::new("others").certificate).expect("a file");
    let issued = authority.sign_unusual(&["localhost"], Unusual::default());
    let http = "log_format body '$request_method $uri $request_body'; \
                server { listen LISTEN ssl; ssl_certificate FOLDER/hook.pem; \
                ssl_certificate_key FOLDER/hook.key; \
                location / { access_log FOLDER/seen body; proxy_pass https://LISTEN/taken; proxy_ssl_verify off; } \
                location /taken { access_log off; return 204; } }";
    let (nginx, at) = Server::nginx(http, |folder| put(folder, "hook", &issued));
    let backend = Backend::answering("ok");
    let place = backend.authority().parse().expect("an address");
    let hook = |name: &str, ca: &str| {
        let (port, folder) = (at.port(), folder.display());
        format!(
            "  - {{ name: {name}, url: 'https://localhost:{port}/{name}', ca: '${{file:{folder}/{ca}.pem}}' }}\n"
        )
    };
    let yaml = config(place, &[hook("good", "ca"), hook("bad", "other")].concat());
    let gateway = Gateway::start(&yaml);
    gateway.reload("listeners: 7").expect_err("it is refused");
    until("the count", || {
        let sent = metric(&gateway, "yumen_alerts_sent_total{hook=\"good\"}");
        if sent == "1" { Ok(()) } else { Err(sent) }
    });
    // nginx writes its log behind the answer.
    until("what nginx saw", || {
        let seen = fs::read_to_string(nginx.folder().join("seen")).unwrap_or_default();
        let is_it = seen.starts_with("POST /good {") && seen.contains("config_rejected");
        if is_it { Ok(()) } else { Err(seen) }
    });
    let away = format!("yumen: alerts do not reach hook bad (https://localhost:{}): ", at.port());
    let said = gateway.stderr.wait(0, SOON, |line| line.starts_with(&away)).expect("it is said");
    assert!(said.contains("TLS"), "{said}");
    assert_eq!(metric(&gateway, "yumen_alerts_sent_total{hook=\"bad\"}"), "0");
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn a_new_process_tells_the_same_alert_and_the_end_waits_for_nobody() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (hook, at) = python(0, &[]);
    let backend = Backend::answering("ok");
    let place = backend.authority().parse().expect("an address");
    let nobody = free_address();
    let hooks = format!(
        "  - {{ name: ops, url: 'http://{at}' }}\n  - {{ name: away, url: 'http://{nobody}' }}"
    );
    let yaml = config(place, &hooks);
    let gateway = Gateway::start(&format!("{yaml}  - {{ name: none, url: 'http://{nobody}' }}"));
    gateway.reload(&format!("{yaml}\nx: 1")).expect_err("it is refused");
    assert_eq!(alerts(&hook, 1), ["config_rejected  firing"]);
    let heir = gateway.hand_over().expect("a hand-over");
    // It starts with the last good one, and says so.
    assert_eq!(alerts(&hook, 2)[1], "last_good_used  firing");
    assert_eq!(messages(&hook)[1]["body"]["gateway"]["pid"], heir);
    let began = Instant::now();
    yumen_e2e::gateway::signal(heir, "TERM");
    gateway.stderr.wait(0, SOON, |line| line == "yumen: stopped").expect("the old one");
    let stopped = || gateway.stderr.all().iter().filter(|line| *line == "yumen: stopped").count();
    until("the end of both", || if stopped() == 2 { Ok(()) } else { Err(String::new()) });
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn a_service_that_is_probed_is_told_though_nobody_asks_it() {
    if !have(&[Tool::Python]) {
        return;
    }
    let (hook, at) = python(0, &[]);
    let (service, place) = python(0, &[]);
    let yaml = config(
        place,
        &format!("  - {{ name: ops, url: 'http://{at}', for: {{ service_down: 1s }} }}"),
    );
    let upstream = format!(
        "upstream: {{ targets: [{{ url: 'http://{place}' }}, {{ url: 'http://{at}', weight: 0 }}], \
         health: {{ active: {{ probe: {{ http: {{}} }}, interval: 200ms }} }} }}"
    );
    let gateway = Gateway::start(&yaml.replace(&format!("url: 'http://{place}'"), &upstream));
    assert_eq!(get(gateway.web(), "/").status(), 200);
    drop(service);
    assert_eq!(alerts(&hook, 1), ["service_down shop firing"]);
    let summary = messages(&hook)[0]["body"]["alerts"][0]["summary"].clone();
    assert_eq!(summary, "Service shop is down: no endpoint of 1 is healthy.");
    let (_service, _) = python(place.port(), &[]);
    assert_eq!(alerts(&hook, 2)[1], "service_down shop resolved");
}
