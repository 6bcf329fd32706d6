//! What is wrong with the configuration of an access log, said before it is used.

use std::{ops::RangeInclusive, time::Duration};

use yumen_model::{
    AccessLog, AccessLogs, LogBatch, LogFormat, LogRotation, LogSink, SyslogSink, report::Report,
};

use super::{
    filter,
    redact::fold,
    syslog::{Address, is_tag},
    template,
};

/// Most header fields that are written of one side.
const HEADERS_MAX: usize = 32;

/// The smallest file that is rotated: a few chunks of lines.
const ROTATED_BYTES_MIN: u64 = 64 * 1024;

/// Most files that are kept.
const KEPT_MAX: u32 = 100;

/// What a batch may be limited to.
const BATCH_BYTES: RangeInclusive<u64> = 1024..=16 * 1024 * 1024;

/// How old a batch may become. Batches are given up when they are a minute old.
const BATCH_AGE: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(30);

/// Room in the queue beyond one full batch: for a chunk that does not fit into that.
const QUEUE_BYTES_MIN: u64 = 64 * 1024;

/// The largest queue.
const QUEUE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What a message of syslog may be limited to: what every server takes, and what a datagram holds.
const MESSAGE_BYTES: RangeInclusive<u64> = 480..=60 * 1024;

/// Most logs at once.
const LOGS_MAX: usize = 8;

/// Says what is wrong with access logs.
pub fn check_access_log(logs: &AccessLogs, report: &mut Report) {
    let all: Vec<(String, &AccessLog)> = logs.iter().collect();
    if all.is_empty() || all.len() > LOGS_MAX {
        report
            .error("access_log", format!("there are {} logs in the list", all.len()))
            .hint(format!("1 to {LOGS_MAX} of them, or `{{ to: off }}`"));
    }
    for (place, (at, config)) in all.iter().enumerate() {
        check(config, at, report);
        // Who does not look would write on to a file that was moved aside.
        let is_other = |(_, other): &(String, &AccessLog)| {
            other.to == config.to && other.rotate != config.rotate
        };
        let is_file = matches!(config.to, LogSink::File(_));
        if let Some((other, _)) = all.iter().take(place).find(|one| is_file && is_other(one)) {
            report
                .error(format!("{at}.rotate"), format!("`{other}` goes to the same file"))
                .hint("the same `rotate` in both");
        }
    }
}

fn check(config: &AccessLog, at: &str, report: &mut Report) {
    filter::check(config, at, report);
    if let LogFormat::Template(text) = &config.format {
        template::check(text, &format!("{at}.format.template"), report);
    }
    for (key, names) in
        [("request", &config.headers.request), ("response", &config.headers.response)]
    {
        let at = format!("{at}.headers.{key}");
        headers(&at, names, report);
        let is_told = config.format == LogFormat::Json || matches!(config.to, LogSink::Otlp(_));
        if !is_told && !names.is_empty() {
            report
                .error(at, "only the JSON form has these")
                .hint(format!("a template has `%{{{key}.headers[\"name\"]}}`"));
        }
    }
    if let Some(rotation) = &config.rotate {
        rotate(rotation, &config.to, &format!("{at}.rotate"), report);
    }
    match &config.to {
        LogSink::Http(sink) => batch(&sink.batch, &format!("{at}.to.http.batch"), report),
        LogSink::Otlp(sink) => batch(&sink.batch, &format!("{at}.to.otlp.batch"), report),
        LogSink::Syslog(sink) => syslog(sink, &format!("{at}.to.syslog"), report),
        LogSink::Stdout | LogSink::File(_) | LogSink::Off => {}
    }
    for (key, hidden, shown) in [
        ("headers", &config.redact.headers, &config.show.headers),
        ("query", &config.redact.query, &config.show.query),
    ] {
        names(&format!("{at}.redact.{key}"), hidden, report);
        let at = format!("{at}.show.{key}");
        names(&at, shown, report);
        for (place, name) in shown.iter().enumerate() {
            if hidden.iter().any(|other| fold(other) == fold(name)) {
                report.error(format!("{at}[{place}]"), format!("`{name}` is to be redacted too"));
            }
        }
    }
}

fn rotate(rotation: &LogRotation, to: &LogSink, at: &str, report: &mut Report) {
    if !matches!(to, LogSink::File(_)) {
        report.error(at, "only a file can be rotated").hint("`to: { file: PATH }`");
    }
    if rotation.bytes.0 < ROTATED_BYTES_MIN {
        report.error(format!("{at}.bytes"), "this is less than 64KiB");
    }
    if !(1..=KEPT_MAX).contains(&rotation.keep) {
        report.error(format!("{at}.keep"), format!("this is not between 1 and {KEPT_MAX}"));
    }
}

fn syslog(sink: &SyslogSink, at: &str, report: &mut Report) {
    if let Err(why) = Address::read(&sink.url) {
        report
            .error(format!("{at}.url"), why)
            .hint("such as `unix:///dev/log`, `udp://HOST:514` or `tcp://HOST:601`");
    }
    if !is_tag(&sink.tag) {
        report
            .error(format!("{at}.tag"), format!("`{}` is no tag", sink.tag))
            .hint("it has 1 to 48 signs of ASCII, and no space");
    }
    if !MESSAGE_BYTES.contains(&sink.message_bytes.0) {
        report.error(format!("{at}.message_bytes"), "this is not between 480B and 60KiB");
    }
}

fn batch(batch: &LogBatch, at: &str, report: &mut Report) {
    if !BATCH_BYTES.contains(&batch.bytes.0) {
        report.error(format!("{at}.bytes"), "this is not between 1KiB and 16MiB");
    }
    if !batch.age.get().is_some_and(|age| BATCH_AGE.contains(&age)) {
        report.error(format!("{at}.age"), "this is not between 10ms and 30s");
    }
    let least = batch.bytes.0.saturating_add(QUEUE_BYTES_MIN);
    if !(least..=QUEUE_BYTES_MAX).contains(&batch.queue_bytes.0) {
        report
            .error(format!("{at}.queue_bytes"), "there is no room in it, or it is more than 1GiB")
            .hint("at least 64KiB more than `bytes`");
    }
}

fn headers(path: &str, names: &[String], report: &mut Report) {
    if names.len() > HEADERS_MAX {
        report.error(path, format!("there are more than {HEADERS_MAX}"));
    }
    for (place, name) in names.iter().enumerate() {
        if !yumen_http::is_token(name.as_bytes()) {
            report.error(format!("{path}[{place}]"), format!("`{name}` is no name of a field"));
        }
        if names.iter().take(place).any(|other| other.eq_ignore_ascii_case(name)) {
            report.error(format!("{path}[{place}]"), format!("`{name}` stands here twice"));
        }
    }
}

fn names(path: &str, names: &[String], report: &mut Report) {
    for (place, name) in names.iter().enumerate() {
        if fold(name).is_none() {
            report
                .error(format!("{path}[{place}]"), format!("`{name}` is no name"))
                .hint("it has 1 to 64 signs beside `_ - . [ ]`");
        }
    }
}

#[cfg(test)]
mod tests {
    use yumen_model::{LogHeaders, LogNames};

    use super::*;

    #[test]
    fn everything_is_said_at_once() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let mut report = Report::default();
        let config = AccessLog {
            format: LogFormat::Template("%{request.metod} %{request.path}".to_owned()),
            headers: LogHeaders {
                request: words(&["X-Plan", "x plan", "x-plan"]),
                response: words(&[]),
            },
            redact: LogNames { headers: words(&["X_Plan"]), query: words(&["", "[]"]) },
            show: LogNames { headers: words(&["x-plan"]), query: words(&[]) },
            ..AccessLog::default()
        };
        check_access_log(&config.into(), &mut report);
        let told: Vec<String> =
            report.problems().iter().map(|one| format!("{}: {}", one.path, one.message)).collect();
        assert_eq!(
            told,
            [
                "access_log.format.template: byte 2 of the expression: there is no name `request.metod`",
                "access_log.headers.request[1]: `x plan` is no name of a field",
                "access_log.headers.request[2]: `x-plan` stands here twice",
                "access_log.headers.request: only the JSON form has these",
                "access_log.show.headers[0]: `x-plan` is to be redacted too",
                "access_log.redact.query[0]: `` is no name",
                "access_log.redact.query[1]: `[]` is no name",
            ]
        );
    }

    #[test]
    fn each_log_of_a_list_has_its_place() {
        let told = |logs: Vec<AccessLog>| {
            let mut report = Report::default();
            check_access_log(&AccessLogs::Several(logs), &mut report);
            let paths = report.problems().iter().map(|one| one.path.clone());
            paths.collect::<Vec<_>>().join(" ")
        };
        let to =
            |path: &str| AccessLog { to: LogSink::File(path.to_owned()), ..AccessLog::default() };
        assert_eq!(told(vec![to("a"), AccessLog::default(), AccessLog::default()]), "");
        let turned = AccessLog { rotate: Some(LogRotation::default()), ..to("a") };
        assert_eq!(told(vec![turned.clone(), turned.clone(), to("b")]), "");
        let odd = AccessLog { sample: 2.0, when: Some("1".to_owned()), ..to("a") };
        assert_eq!(
            told(vec![turned, odd]),
            "access_log[1].sample access_log[1].when access_log[1].rotate"
        );
        assert_eq!(told(Vec::new()), "access_log");
        assert_eq!(told(vec![AccessLog::default(); 9]), "access_log");
    }

    #[test]
    fn what_cannot_be_rotated_is_said() {
        let rotate = Some(LogRotation { bytes: yumen_model::Bytes(1_024), keep: 0 });
        let mut report = Report::default();
        check_access_log(&AccessLog { rotate, ..AccessLog::default() }.into(), &mut report);
        let paths: Vec<&str> = report.problems().iter().map(|one| one.path.as_str()).collect();
        let expect = ["access_log.rotate", "access_log.rotate.bytes", "access_log.rotate.keep"];
        assert_eq!(paths, expect);
    }

    #[test]
    fn a_template_is_one_line_with_values_in_it() {
        for (text, expect) in [
            ("%{request.path}\n", ""),
            ("GET ${request.path}", "the same for every exchange"),
            ("a\n%{request.path}", "a line end"),
            ("%{request.path}%{\"\\n\"}%{route}", "a line end"),
            ("%{request.headers}", "is not one text"),
        ] {
            let mut report = Report::default();
            let format = LogFormat::Template(text.to_owned());
            check_access_log(&AccessLog { format, ..AccessLog::default() }.into(), &mut report);
            let told: Vec<&str> =
                report.problems().iter().map(|one| one.message.as_str()).collect();
            assert_eq!(told.len(), usize::from(!expect.is_empty()), "{text}: {told:?}");
            assert!(told.iter().all(|one| one.contains(expect)), "{text}: {told:?}");
        }
    }
}
