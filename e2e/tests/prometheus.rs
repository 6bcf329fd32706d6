//! A real Prometheus scrapes the gateway, loads the rules that are shipped, and sees one fire.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use yumen_e2e::client::get;
use yumen_e2e::gateway::{fresh_folder, root};
use yumen_e2e::tools::{Server, Tool, free_address, have, run};
use yumen_e2e::{Backend, Client, Gateway};

const PATIENCE: Duration = Duration::from_secs(30);

fn config(backend: &Backend, more: &str) -> String {
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: off }}
services:
  - name: shop
    url: http://{}
    routes:
      - {{ name: orders, match: {{ paths: [/orders/*] }} }}
      - name: closed
        match: {{ paths: [/closed] }}
        policies: [{{ kind: ip-restriction, config: {{ deny: [127.0.0.0/8] }} }}]
{more}
",
        backend.authority()
    )
}

fn rules() -> PathBuf {
    root().join("packaging/prometheus/yumen.rules.yml")
}

/// A Prometheus and where it listens.
struct Prometheus {
    address: std::net::SocketAddr,
    folder: PathBuf,
    server: Option<Server>,
}

impl Prometheus {
    fn scraping(gateway: &Gateway) -> Self {
        let folder = fresh_folder("prometheus");
        let file = folder.join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 250ms, evaluation_interval: 250ms }}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n  - job_name: yumen\n    static_configs: [{{ targets: ['{}'] }}]\n",
            rules().display(),
            gateway.status()
        );
        fs::write(&file, text).expect("a file");
        let address = free_address();
        let arguments = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
            format!("--web.listen-address={address}"),
        ];
        let server = Server::listening(Tool::Prometheus, arguments, address);
        Self { address, folder, server: Some(server) }
    }

    fn ask(&self, path: &str) -> Value {
        let mut client = Client::connect(self.address);
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: prometheus\r\nConnection: close\r\n\r\n");
        let answer = client.ask(request);
        answer.ok().and_then(|one| serde_json::from_str(&one.text()).ok()).unwrap_or_default()
    }

    /// Asks until the answer is good.
    fn wait(&self, path: &str, is_good: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(path);
            if is_good(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path}: {answer:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until a query has this value.
    fn expect(&self, query: &str, value: &str) {
        let escaped: String = query
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        self.wait(&format!("/api/v1/query?query={escaped}"), |answer| {
            answer["data"]["result"][0]["value"][1] == value
        });
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Before its folder goes.
        self.server = None;
        let _left = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_real_prometheus_reads_everything_and_an_alert_fires() {
    if !have(&[Tool::Prometheus]) {
        return;
    }
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, ""));
    let prometheus = Prometheus::scraping(&gateway);
    for number in 0..20 {
        assert_eq!(get(gateway.web(), &format!("/orders/{number}")).status(), 200);
    }
    for _ in 0..3 {
        assert_eq!(get(gateway.web(), "/closed").status(), 403);
    }
    prometheus.wait("/api/v1/targets", |answer| {
        let targets = answer["data"]["activeTargets"].as_array();
        targets.is_some_and(|all| all.len() == 1 && all[0]["health"] == "up")
    });
    let orders = "yumen_http_requests_total{job='yumen',listener='web',service='shop',route='orders',method='GET',code='200',source='upstream'}";
    prometheus.expect(orders, "20");
    prometheus
        .expect("sum(yumen_http_request_duration_seconds_bucket{route='orders',le='+Inf'})", "20");
    prometheus.expect("yumen_upstream_attempts_total{service='shop',end='answered'}", "20");
    let refused =
        "yumen_policy_decisions_total{policy='ip-restriction',decision='refused',code='forbidden'}";
    prometheus.expect(refused, "3");
    // The rules are whole, and none of them fails on what is there.
    let loaded = prometheus.wait("/api/v1/rules", |answer| {
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules: Vec<&Value> =
            groups.iter().flat_map(|one| one["rules"].as_array()).flatten().collect();
        rules.len() > 20 && rules.iter().all(|rule| rule["health"] == "ok")
    });
    assert!(loaded["data"]["groups"].as_array().expect("groups").len() >= 4);
    let firing = |name: &'static str| {
        move |answer: &Value| {
            let alerts = answer["data"]["alerts"].as_array().cloned().unwrap_or_default();
            alerts.iter().any(|one| one["labels"]["alertname"] == name && one["state"] == "firing")
        }
    };
    assert!(!firing("YumenConfigurationRefused")(&prometheus.ask("/api/v1/alerts")));
    gateway.reload("listeners: 7").expect_err("it is refused");
    prometheus.wait("/api/v1/alerts", firing("YumenConfigurationRefused"));
    prometheus.expect("yumen_config_stale_seconds > bool 0", "1");
    gateway.reload(&config(&backend, "")).expect("it is good");
    prometheus.expect("yumen_config_stale_seconds", "0");
}

#[test]
fn promtool_finds_nothing_wrong() {
    if !have(&[Tool::Promtool]) {
        return;
    }
    let rules = rules().display().to_string();
    run(Tool::Promtool, ["check", "rules", &*rules], PATIENCE).well();
    let tests = rules.replace("rules.yml", "test.yml");
    run(Tool::Promtool, ["test", "rules", &*tests], Duration::from_secs(60)).well();
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, "metrics: { compat: [kong] }"));
    get(gateway.web(), "/orders/1");
    let page = get(gateway.status(), "/metrics").text();
    assert!(page.contains("kong_http_requests_total{service=\"shop\",route=\"orders\""), "{page}");
    let own: Vec<&str> = page.lines().filter(|line| !line.contains("kong_")).collect();
    let file = fresh_folder("metrics").join("page");
    fs::write(&file, own.join("\n") + "\n").expect("a file");
    let script = format!("promtool check metrics < '{}'", file.display());
    let checked = run(Tool::Shell, ["-c", &script], PATIENCE).well();
    assert_eq!(checked, "");
}
