//! `yumen tail`: the access log of a running gateway, live.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use yumen_http::{Body, BodyError, BodyRead, Flow, Response};
use yumen_observe::{Tap, TapRefused, Taps};

use crate::ask::{Whom, encode, parameter, tame, word};
use crate::say;
use crate::status::text;

/// How often an empty line is sent while there is nothing to tell: so it is noticed that somebody
/// has stopped listening.
const BEAT: Duration = Duration::from_secs(2);

/// What `yumen tail` is told on the command line.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    whom: Whom,
    /// Only exchanges for which this holds, as in `access_log.when`: `response.status >= 500`.
    #[arg(long = "where")]
    when: Option<String>,
    /// Lines as they are in an access log in JSON.
    #[arg(long)]
    json: bool,
    /// Ends after so many lines.
    #[arg(short = 'n', long)]
    lines: Option<u64>,
}

/// Prints lines until the gateway stops.
pub(crate) fn tail(options: &Options) -> ExitCode {
    match try_tail(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            say::say(problem);
            ExitCode::FAILURE
        }
    }
}

fn try_tail(options: &Options) -> Result<(), String> {
    let mut target = "/tail".to_owned();
    if let Some(when) = &options.when {
        target.push_str(&format!("?where={}", encode(when)));
    }
    let mut answer = options.whom.open(&target)?;
    if answer.status != 200 {
        let mut why = String::new();
        // Without it there is still the status.
        while answer.body.read_line(&mut why).is_ok_and(|count| count > 0) {}
        return Err(format!("the gateway says {}: {}", answer.status, why.trim_end()));
    }
    let broken = |error: std::io::Error| format!("the gateway broke off: {error}");
    let mut body = answer.patient().map_err(broken)?;
    let mut left = options.lines.unwrap_or(u64::MAX);
    let mut line = String::new();
    while left > 0 && body.read_line(&mut line).map_err(broken)? > 0 {
        if line.trim().is_empty() {
            // It only shows that the gateway is there.
        } else if let Some(lost) = lost(&line) {
            say::say(format_args!("{lost} lines lost: they came faster than they were read"));
        } else {
            let shown = if options.json { line.clone() } else { for_people(&line) };
            let mut out = std::io::stdout();
            // Whoever reads has had enough.
            if out.write_all(shown.as_bytes()).and_then(|()| out.flush()).is_err() {
                return Ok(());
            }
            left -= 1;
        }
        line.clear();
    }
    if left > 0 {
        say::say("the gateway has stopped, or passed its listeners on");
    }
    Ok(())
}

/// How many lines are missing here, if the line says that.
fn lost(line: &str) -> Option<u64> {
    line.strip_prefix("{\"lost\":")?.trim_end().strip_suffix('}')?.parse().ok()
}

/// One line of the access log for people.
fn for_people(line: &str) -> String {
    let Ok(line) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let word = |key: &str| word(&line, key);
    let time = word("time");
    let time = time.split_once('T').map_or(time.as_str(), |(_, time)| time);
    let mut text = format!(
        "{time} {:>3} {:>9} {} {}{}",
        word("status"),
        format!("{:.1}ms", line.get("total_ms").and_then(Value::as_f64).unwrap_or_default()),
        word("method"),
        word("host"),
        word("path"),
    );
    for (mark, key) in [(" route=", "route"), (" target=", "target"), (" failure=", "failure")] {
        if line.get(key).is_some() {
            text.push_str(&format!("{mark}{}", word(key)));
        }
    }
    text.push_str(&format!(" id={}\n", word("request_id")));
    tame(&text)
}

/// The answer to who wants to listen.
pub(crate) fn page(taps: &Taps, query: Option<&str>) -> Response {
    const PLAIN: &str = "text/plain; charset=utf-8";
    let query = query.unwrap_or_default();
    let when = parameter(query, "where");
    if when.is_none() && !query.is_empty() {
        let hint = "there is `where` only: an expression as in access_log.when, percent-encoded\n";
        return text(400, PLAIN, hint.into());
    }
    match taps.open(when.as_deref()) {
        Ok(tap) => {
            let mut answer = text(200, "application/x-ndjson", Vec::new());
            answer.body = Body::Stream(Box::new(Listening::new(tap)), None);
            answer
        }
        Err(refused) => {
            let status = if let TapRefused::TooMany = refused { 503 } else { 400 };
            text(status, PLAIN, format!("{refused}\n").into_bytes())
        }
    }
}

/// Lines as they come.
#[derive(Debug)]
struct Listening {
    tap: Arc<Tap>,
    beat: Interval,
}

impl Listening {
    fn new(tap: Arc<Tap>) -> Self {
        let mut beat = interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { tap, beat }
    }
}

impl BodyRead for Listening {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        room: usize,
    ) -> Poll<Result<Flow, BodyError>> {
        if let Poll::Ready(is_end) = self.tap.poll_take(context, out, room) {
            self.beat.reset();
            return Poll::Ready(Ok(if is_end { Flow::End } else { Flow::More }));
        }
        self.beat.poll_tick(context).map(|_| {
            out.push(b'\n');
            Ok(Flow::More)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_for_people() {
        let line = "{\"time\":\"2026-11-29T06:07:08.123Z\",\"request_id\":\"7\",\"method\":\"GET\",\
                    \"host\":\"a.test\",\"path\":\"/x\\u001b[2J\",\"status\":503,\"total_ms\":1.25,\
                    \"failure\":\"upstream_unreachable\"}\n";
        assert_eq!(
            for_people(line),
            "06:07:08.123Z 503     1.2ms GET a.test/x.[2J failure=upstream_unreachable id=7\n"
        );
        assert_eq!(lost("{\"lost\":17}\n"), Some(17));
        assert_eq!(lost(line), None);
    }
}
