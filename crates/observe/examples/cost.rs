//! What watching costs: nanoseconds for a record of the access log, for counting an exchange, and
//! for a scrape of 10,000 routes. Run with `cargo run --release -p yumen-observe --example cost`.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::{
    error::Error,
    fs,
    hint::black_box,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use yumen_model::{AccessLog, LogFormat, LogSink};
use yumen_observe::{Format, LogTally, LogWriter, Names, Record, Registry, Size, Source, Times};
use yumen_policy::{AttemptEnd, Attempts};

const TURNS: u32 = 100;
const ROUNDS: u32 = 20_000;
const ROUTES: usize = 10_000;
const WORKERS: usize = 2;

/// About what `combined` tells.
const TEMPLATE: &str = "%{client.address} - - [%{time}] \"%{request.method} %{request.path}?%{request.query} \
    %{request.protocol}\" %{response.status} %{response.bytes} \"%{request.referer}\" \"%{request.user_agent}\"";

fn attempts() -> Attempts {
    let mut attempts = Attempts::default();
    let number = attempts.begin(&"10.0.0.5:8080".into(), Duration::from_micros(40));
    attempts.connected(number, Duration::from_micros(40), true);
    attempts.end(number, Duration::from_micros(1_140), AttemptEnd::Answered(200));
    attempts
}

fn record(attempts: &Attempts) -> Record<'_> {
    Record {
        began: SystemTime::now(),
        times: Times {
            total: Duration::from_micros(1_234),
            upstream: Some(Duration::from_micros(1_100)),
            overhead: Duration::from_micros(41),
            ..Times::default()
        },
        request_id: b"0b2d7c1e55aa4f1099e2a7c14d1c2b3a",
        client: SocketAddr::from(([192, 0, 2, 7], 51_234)),
        listener: "web",
        route: "orders",
        service: "shop",
        target: "10.0.0.5:8080",
        method: b"GET",
        host: b"shop.example",
        path: b"/orders/17/lines",
        query: Some(b"page=2&sort=name"),
        protocol: "HTTP/1.1",
        status: 200,
        source: Source::Upstream,
        attempts,
        received: Size { head: 311, body: 0 },
        sent: Size { head: 205, body: 1_700 },
        referer: Some(b"https://shop.example/cart"),
        user_agent: Some(b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
        revision: 7,
        ..Record::default()
    }
}

/// Runs `once` in many short turns and prints the mean of the best one: the rest of the machine
/// only ever makes a turn longer.
fn measure(what: &str, mut once: impl FnMut()) {
    let best = (0..TURNS).map(|_| {
        let began = Instant::now();
        (0..ROUNDS).for_each(|_| once());
        began.elapsed()
    });
    let best = best.min().unwrap_or_default().as_secs_f64() * 1e9 / f64::from(ROUNDS);
    println!("{what:<48} {best:>8.1} ns");
}

fn log(what: &str, to: LogSink, format: LogFormat) -> Result<(), Box<dyn Error>> {
    let tally = Arc::new(LogTally::default());
    let writer = LogWriter::start(
        vec![AccessLog { to, format, ..AccessLog::default() }.into()],
        Arc::clone(&tally),
        |_| {},
    )?;
    let mut buffer = writer.buffer();
    let attempts = attempts();
    let record = record(&attempts);
    measure(what, || buffer.write(black_box(&record)));
    buffer.flush();
    let left = writer.finish(Duration::from_secs(30));
    println!("{:<48} {} written, {} dropped, {left} left", "", tally.written(), tally.dropped());
    Ok(())
}

/// Resident memory in KiB.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn metrics() -> Result<(), Box<dyn Error>> {
    let registry =
        Registry::new("0", Arc::new(LogTally::default()), Arc::default(), Registry::GRACE);
    let attempts = attempts();
    let record = record(&attempts);
    let before = resident()?;
    let workers: Vec<_> = (0..WORKERS).map(|_| registry.worker()).collect();
    let mut routes = Vec::with_capacity(WORKERS * ROUTES);
    let began = Instant::now();
    for worker in &workers {
        for number in 0..ROUTES {
            let service = format!("service-{}", number / 10);
            routes.push(worker.route("web", &service, &format!("route-{number}")));
        }
    }
    let find = began.elapsed() / u32::try_from(WORKERS * ROUTES)?;
    println!("{:<48} {find:>11.1?}", "find the cells of a route, first use");
    let mut next = routes.iter().cycle();
    if let Some(route) = next.next() {
        measure("count an exchange, one route", || route.count(black_box(&record)));
    }
    let names = Names { native: true, ..Names::default() };
    registry.config_applied(1, names, SystemTime::now(), Instant::now());
    if let Some(worker) = workers.first() {
        let route = worker.route("web", "service-0", "route-0");
        measure("count an exchange, native histograms too", || route.count(black_box(&record)));
    }
    measure("count an exchange, 10,000 routes in turn", || {
        if let Some(route) = next.next() {
            route.count(black_box(&record));
        }
    });
    let cells = resident()?.saturating_sub(before);
    println!("{:<48} {cells:>8} KiB", format!("cells of {ROUTES} routes x {WORKERS} workers"));

    let mut text = Vec::new();
    for _ in 0..3 {
        text.clear();
        let began = Instant::now();
        registry.render(Format::Text, Instant::now(), &mut text)?;
        println!("{:<48} {:>8.1?}, {} KiB", "scrape", began.elapsed(), text.len() / 1_024);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let null = || LogSink::File("/dev/null".to_owned());
    log("access log, JSON", null(), LogFormat::Json)?;
    log("access log, combined", null(), LogFormat::Combined)?;
    log("access log, template", null(), LogFormat::Template(TEMPLATE.to_owned()))?;
    log("access log, off", LogSink::Off, LogFormat::Json)?;
    metrics()
}
