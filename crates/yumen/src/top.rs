//! `yumen top`: the traffic of a running gateway as a table that moves.

mod figures;
mod screen;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use self::figures::{Figures, Row, Sample};
use self::screen::{Key, Screen};
use crate::ask::Whom;
use crate::say;

/// The shortest and the longest time between two looks, in milliseconds.
const EVERY_MS: std::ops::RangeInclusive<u64> = 100..=60_000;

/// What `yumen top` is told on the command line.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    whom: Whom,
    /// Shows one table, of the time between two looks, and ends.
    #[arg(long)]
    once: bool,
    /// Prints it for programs; with it there is one table only.
    #[arg(long)]
    json: bool,
    /// What routes are sorted by.
    #[arg(long, value_enum, default_value = "rate")]
    sort: Sort,
    /// Milliseconds between two looks.
    #[arg(long, default_value_t = 1000)]
    every: u64,
}

/// What routes are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Requests in a second.
    Rate,
    /// The share of answers of status 5xx.
    Errors,
    /// The time that one of a hundred exceeds.
    Latency,
    /// Their names.
    Name,
}

/// Shows the table.
pub(crate) fn top(options: &Options) -> ExitCode {
    match try_top(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say::say(problem);
            ExitCode::FAILURE
        }
    }
}

fn try_top(options: &Options) -> Result<(), String> {
    if !EVERY_MS.contains(&options.every) {
        let (least, most) = (EVERY_MS.start(), EVERY_MS.end());
        return Err(format!("--every is {} and has to be from {least} to {most}", options.every));
    }
    let every = Duration::from_millis(options.every);
    let first = look(&options.whom)?;
    if options.once || options.json || !std::io::stdout().is_terminal() {
        std::thread::sleep(every);
        let figures = Figures::between(&first, &look(&options.whom)?);
        if options.json {
            say::print(format_args!("{:#}\n", to_json(&figures)));
        } else {
            let lines = table(&figures, options.sort);
            say::print(lines.iter().map(|line| format!("{line}\n")).collect::<String>());
        }
        return Ok(());
    }
    let screen = Screen::open().map_err(|error| format!("cannot use the terminal: {error}"))?;
    let shown = watch(&screen, options, every, first);
    screen.close();
    shown
}

/// Until the user has had enough.
fn watch(screen: &Screen, options: &Options, every: Duration, first: Sample) -> Result<(), String> {
    let (mut before, mut sort) = (first, options.sort);
    let mut figures = Figures::default();
    let mut next = Instant::now() + every;
    let mut problem = None;
    loop {
        let mut lines = table(&figures, sort);
        if let Some(problem) = &problem {
            lines.insert(0, format!("no answer: {problem}"));
        }
        lines.push("sort by r rate, e errors, l latency, n name; q ends".to_owned());
        screen.draw(&lines).map_err(|error| format!("cannot use the terminal: {error}"))?;
        let left = next.saturating_duration_since(Instant::now());
        match screen.key(left).map_err(|error| format!("cannot use the terminal: {error}"))? {
            Some(Key::End) => return Ok(()),
            Some(Key::Letter('r')) => sort = Sort::Rate,
            Some(Key::Letter('e')) => sort = Sort::Errors,
            Some(Key::Letter('l')) => sort = Sort::Latency,
            Some(Key::Letter('n')) => sort = Sort::Name,
            Some(Key::Letter(_)) => {}
            None => {
                next = Instant::now() + every;
                match look(&options.whom) {
                    Ok(now) => {
                        figures = Figures::between(&before, &now);
                        before = now;
                        problem = None;
                    }
                    // It may come back; what was seen last stays.
                    Err(what) => problem = Some(what),
                }
            }
        }
    }
}

fn look(whom: &Whom) -> Result<Sample, String> {
    let page = |target: &str| match whom.read(target)? {
        (200, text) => Ok(text),
        (status, _) => Err(format!("{target} at {} answers {status}", whom.status)),
    };
    let metrics = page("/metrics")?;
    let at = Instant::now();
    Ok(Sample::read(at, &metrics, &page("/upstreams")?))
}

/// The lines of the table.
fn table(figures: &Figures, sort: Sort) -> Vec<String> {
    let mut rows: Vec<&Row> = figures.rows.iter().collect();
    rows.sort_by(|one, other| {
        let by = match sort {
            Sort::Rate => other.rate.total_cmp(&one.rate),
            Sort::Errors => other.errors.total_cmp(&one.errors),
            Sort::Latency => other.p99.total_cmp(&one.p99),
            Sort::Name => std::cmp::Ordering::Equal,
        };
        by.then_with(|| one.name.cmp(&other.name))
    });
    let rate: f64 = rows.iter().map(|row| row.rate).sum();
    let mut lines = vec![
        format!(
            "yumen: configuration {}, {rate:.1} requests/s, {} under way, {} connections, {:.0} MiB, {:.0} % CPU",
            figures.revision, figures.active, figures.connections, figures.mebibytes, figures.cpu
        ),
        String::new(),
        format!("{:<40} {:>10} {:>7} {:>9} {:>9}", "ROUTE", "REQUESTS/S", "ERRORS", "P50", "P99"),
    ];
    lines.extend(rows.into_iter().map(|row| {
        format!(
            "{:<40} {:>10.1} {:>6.1}% {:>9} {:>9}",
            row.name,
            row.rate,
            row.errors * 100.0,
            milliseconds(row.p50),
            milliseconds(row.p99)
        )
    }));
    if !figures.services.is_empty() {
        lines.extend([String::new(), format!("{:<40} STATE", "SERVICE")]);
        lines.extend(figures.services.iter().map(|(name, state)| format!("{name:<40} {state}")));
    }
    if !figures.targets.is_empty() {
        lines.extend([String::new(), format!("{:<40} STATE", "TARGET")]);
        lines.extend(figures.targets.iter().map(|(name, state)| format!("{name:<40} {state}")));
    }
    lines
}

/// A time in seconds, or a dash where there was no request.
fn milliseconds(seconds: f64) -> String {
    if seconds.is_nan() { "-".to_owned() } else { format!("{:.1}ms", seconds * 1000.0) }
}

fn to_json(figures: &Figures) -> Value {
    let pairs = |pairs: &[(String, String)]| {
        let pairs = pairs.iter().map(|(name, state)| json!({ "name": name, "state": state }));
        Value::Array(pairs.collect())
    };
    let rows = figures.rows.iter().map(|row| {
        json!({
            "route": row.name,
            "requests_per_second": row.rate,
            "error_share": row.errors,
            "p50_seconds": Some(row.p50).filter(|time| !time.is_nan()),
            "p99_seconds": Some(row.p99).filter(|time| !time.is_nan()),
        })
    });
    json!({
        "revision": figures.revision,
        "active_requests": figures.active,
        "connections": figures.connections,
        "memory_mib": figures.mebibytes,
        "cpu_percent": figures.cpu,
        "routes": rows.collect::<Vec<_>>(),
        "services": pairs(&figures.services),
        "targets": pairs(&figures.targets),
    })
}
