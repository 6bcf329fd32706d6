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
    fn scraping(gateway: &Gateway, more: &[&str]) -> Self {
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
        let mut arguments = vec![
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
            format!("--web.listen-address={address}"),
        ];
        arguments.extend(more.iter().map(ToString::to_string));
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
        self.wait(&Self::query(query), |answer| value_of(answer) == value);
    }

    /// The path that asks this.
    fn query(query: &str) -> String {
        let escaped: String = query
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        format!("/api/v1/query?query={escaped}")
    }
}

/// The value of the first row of an answer.
fn value_of(answer: &Value) -> &str {
    answer["data"]["result"][0]["value"][1].as_str().unwrap_or_default()
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
    let prometheus = Prometheus::scraping(&gateway, &[]);
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
fn a_real_prometheus_reads_native_histograms_that_agree_with_the_classic_ones() {
    const REQUESTS: usize = 400;
    if !have(&[Tool::Prometheus]) {
        return;
    }
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, "metrics: { native_histograms: true }"));
    let prometheus = Prometheus::scraping(&gateway, &["--enable-feature=native-histograms"]);
    let mut client = Client::connect(gateway.web());
    for number in 0..REQUESTS {
        let request = format!("GET /orders/{number} HTTP/1.1\r\nHost: shop\r\n\r\n");
        assert_eq!(client.ask(request).expect("an answer").status(), 200);
    }
    let all = REQUESTS.to_string();
    // Everything else is in that exposition too: counters, gauges, classic histograms.
    prometheus.expect("yumen_http_requests_total{route='orders',code='200'}", &all);
    prometheus.expect("yumen_config_revision", "1");
    prometheus.expect("yumen_http_request_duration_seconds_bucket{route='orders',le='+Inf'}", &all);
    for name in ["request_duration_seconds", "upstream_duration_seconds", "overhead_seconds"] {
        let native = format!("yumen_native_http_{name}{{listener='web',service='shop'}}");
        prometheus.expect(&format!("histogram_count({native})"), &all);
        let ask = |query: String| -> f64 {
            let answer =
                prometheus.wait(&Prometheus::query(&query), |one| !value_of(one).is_empty());
            value_of(&answer).parse().expect("a number")
        };
        let classic = format!("yumen_http_{name}");
        let sums = [format!("histogram_sum({native})"), format!("{classic}_sum{{route='orders'}}")];
        let [fine, coarse] = sums.map(ask);
        assert!((fine - coarse).abs() < 1e-9, "{name}: {fine} {coarse}");
        let rows =
            prometheus.ask(&Prometheus::query(&format!("{classic}_bucket{{route='orders'}}")));
        let rows = rows["data"]["result"].as_array().cloned().unwrap_or_default();
        let bounds = rows.iter().filter_map(|one| one["metric"]["le"].as_str()?.parse().ok());
        let bounds: Vec<f64> = bounds.filter(|bound: &f64| bound.is_finite()).collect();
        assert_eq!(bounds.len(), 18, "{rows:?}");
        for share in ["0.5", "0.9", "0.99"] {
            let fine = ask(format!("histogram_quantile({share}, {native})"));
            let coarse =
                ask(format!("histogram_quantile({share}, {classic}_bucket{{route='orders'}})"));
            // The classic one knows the bucket only. The native one is within 5 % of the true value,
            // which may be that of the request beside it.
            let below = |value: f64| bounds.iter().filter(|bound| **bound < value).count();
            let (low, high) = (below(fine * 0.9), below(fine * 1.1));
            assert!(fine > 0.0, "{name} {share}: {fine}");
            assert!((low..=high).contains(&below(coarse)), "{name} {share}: {fine} {coarse}");
        }
    }
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
