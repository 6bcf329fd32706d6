//! Alerts: whether what is said of hooks can be.

use yumen_alert::is_own_label;
use yumen_model::report::Report;
use yumen_model::{AlertFormat, AlertHook, Model, Span};

use crate::names::check_unique;
use crate::server::{ServerPlan, Written, check_count};

/// Hooks, each of which has a thread of its own.
const HOOKS_MAX: usize = 16;
/// Where Alertmanager takes alerts, unless it is told otherwise.
const ALERTMANAGER: &str = "/api/v2/alerts";
/// An alert that goes on is not told more often.
const REPEAT_MIN: Span = Span::seconds(60);
/// Characters of the value of a label.
const LABEL_MAX: usize = 256;

/// Who is told of alerts.
#[derive(Debug)]
pub struct HookPlan {
    /// As it was written.
    pub hook: AlertHook,
    /// Where it is.
    pub server: ServerPlan,
}

/// Compiles all hooks; those with errors are left out.
pub(crate) fn compile(model: &Model, report: &mut Report) -> Vec<HookPlan> {
    if model.alerts.len() > HOOKS_MAX {
        report
            .error("alerts", format!("there are more than {HOOKS_MAX} hooks"))
            .hint("let one of them pass alerts on to others");
    }
    let hooks = model.alerts.iter().take(HOOKS_MAX).enumerate();
    let names = hooks.clone().map(|(index, hook)| (&*hook.name, format!("alerts[{index}]").into()));
    check_unique("hook", names, report);
    hooks.filter_map(|(index, hook)| one(hook, &format!("alerts[{index}]"), report)).collect()
}

fn one(hook: &AlertHook, at: &str, report: &mut Report) -> Option<HookPlan> {
    check_labels(hook, &format!("{at}.labels"), report);
    if hook.on.is_empty() {
        report
            .error(format!("{at}.on"), "nothing is told")
            .hint("name what is to be told, or leave it out for all");
    }
    if let Some(repeat) = hook.repeat {
        let at = format!("{at}.repeat");
        if hook.format == AlertFormat::Alertmanager {
            report
                .error(at, "Alertmanager is told every minute, and repeats by itself")
                .hint("leave it out, and set `repeat_interval` there");
        } else if repeat.get().is_some_and(|repeat| Some(repeat) < REPEAT_MIN.get()) {
            report
                .error(at, format!("it is less than {REPEAT_MIN}"))
                .hint("such as `4h`, or `off` for once only");
        }
    }
    let written = Written {
        at,
        url: hook.url.text(),
        headers: &hook.headers,
        ca: hook.ca.as_ref(),
        example: "https://hooks.example.com/yumen",
    };
    let mut server = written.compile(report)?;
    if hook.format == AlertFormat::Alertmanager && server.url.path == "/" {
        ALERTMANAGER.clone_into(&mut server.url.path);
    }
    Some(HookPlan { hook: hook.clone(), server })
}

fn check_labels(hook: &AlertHook, at: &str, report: &mut Report) {
    check_count(hook.labels.len(), at, report);
    for (name, value) in &hook.labels {
        let at = format!("{at}.{name}");
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.is_empty();
        if !is_name {
            report
                .error(at, "it is no label")
                .hint("a name of letters, digits and `_` that does not begin with a digit");
        } else if is_own_label(name) {
            report.error(at, "Yumen says that itself").hint("choose another name");
        } else if value.chars().count() > LABEL_MAX || value.chars().any(char::is_control) {
            report
                .error(at, format!("a value has up to {LABEL_MAX} characters, on one line"))
                .hint("such as `live`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hooks: &str) -> (Vec<HookPlan>, Vec<String>) {
        let alerts: Vec<AlertHook> = serde_json::from_str(hooks).unwrap();
        let model = Model { alerts, ..Model::default() };
        let mut report = Report::default();
        let plans = compile(&model, &mut report);
        let problems = report.problems().iter();
        (plans, problems.map(|one| format!("{}: {}", one.path, one.message)).collect())
    }

    fn hook(more: &str) -> String {
        format!(r#"{{"name": "ops", "url": "https://hooks.example/s3cret"{more}}}"#)
    }

    #[test]
    fn what_is_good_becomes_a_plan() {
        let (plans, problems) = read(&format!("[{}]", hook("")));
        assert_eq!((plans.len(), problems), (1, Vec::new()));
        assert!(plans[0].server.client.is_some() && plans[0].server.url.path == "/s3cret");
        assert!(!format!("{plans:?}").contains("s3cret"));
        let (plans, problems) = read(
            r#"[{"name": "a", "url": "http://127.0.0.1:9093", "format": "alertmanager"},
                {"name": "b", "url": "http://127.0.0.1:9093/x", "format": "alertmanager"}]"#,
        );
        assert!(problems.is_empty() && plans[0].server.client.is_none());
        assert_eq!(
            plans.iter().map(|one| &*one.server.url.path).collect::<Vec<_>>(),
            [ALERTMANAGER, "/x"]
        );
    }

    #[test]
    fn what_cannot_be_is_told_with_its_place_and_without_the_url() {
        for (more, expect) in [
            (r#", "headers": {"a b": "x"}"#, "alerts[0].headers.a b: it is no header field"),
            (r#", "headers": {"Host": "x"}"#, "alerts[0].headers.Host: it is written by Yumen"),
            (r#", "on": []"#, "alerts[0].on: nothing is told"),
            (r#", "repeat": "59s""#, "alerts[0].repeat: it is less than 1m"),
            (r#", "repeat": "5m", "format": "alertmanager""#, "alerts[0].repeat: Alertmanager is"),
            (r#", "labels": {"1a": "x"}"#, "alerts[0].labels.1a: it is no label"),
            (r#", "labels": {"a-b": "x"}"#, "alerts[0].labels.a-b: it is no label"),
            (r#", "labels": {"severity": "x"}"#, "alerts[0].labels.severity: Yumen says"),
            (r#", "labels": {"a": "x\ny"}"#, "alerts[0].labels.a: a value has up to 256"),
            (r#", "ca": "x""#, "alerts[0].ca: "),
        ] {
            let (_, problems) = read(&format!("[{}]", hook(more)));
            assert_eq!(problems.len(), 1, "{more}: {problems:?}");
            assert!(problems[0].starts_with(expect), "{expect}: {problems:?}");
        }
        let (_, problems) = read(
            r#"[{"name": "a", "url": "s3cret"}, {"name": "b", "url": "http://a", "ca": "x"}]"#,
        );
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("alerts[0].url: it is no server"), "{problems:?}");
        assert!(
            problems[1].starts_with("alerts[1].ca: the server is asked in clear"),
            "{problems:?}"
        );
        assert!(!format!("{problems:?}").contains("s3cret"));
        let (_, problems) = read(&format!("[{0}, {0}]", hook("")));
        assert_eq!(problems, ["alerts[1].name: the hook `ops` exists already, at alerts[0]"]);
        let many = (0..=HOOKS_MAX).map(|one| hook("").replace("ops", &one.to_string()));
        let many = many.collect::<Vec<_>>().join(",");
        assert_eq!(read(&format!("[{many}]")).1, ["alerts: there are more than 16 hooks"]);
    }
}
