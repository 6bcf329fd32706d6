//! Each form, as a receiver reads it.

use super::*;

fn hook(more: &str) -> AlertHook {
    let text = format!(
        r#"{{"name": "ops", "url": "http://a/s3cret", "headers": {{"X-Key": "s3cret"}},
            "labels": {{"environment": "live"}}{more}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

fn note(subject: &str, state: State) -> Note {
    Note {
        kind: AlertKind::ServiceDown,
        subject: subject.to_owned(),
        state,
        since: at(1000),
        ended: (state == State::Resolved).then(|| at(2000)),
        again: false,
        summary: format!("Service <{subject}> & co is down."),
    }
}

fn node() -> Node {
    Node { name: "gate-1".to_owned(), pid: 7, version: "1.2.3".to_owned(), revision: 4 }
}

fn written(notes: Vec<Note>, more: &str) -> Value {
    let message = Message { sequence: 5, at: at(3000), notes, beyond: 0 };
    let bytes = write(&message, &node(), &hook(more));
    assert!(!String::from_utf8_lossy(&bytes).contains("s3cret"), "no secret leaves");
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn json_says_everything() {
    let value = written(vec![note("a", State::Firing), note("b", State::Resolved)], "");
    let expect = json!({
        "version": 1,
        "hook": "ops",
        "sequence": 5,
        "sent": "1970-01-01T00:50:00Z",
        "gateway": { "node": "gate-1", "pid": 7, "version": "1.2.3", "revision": 4 },
        "labels": { "environment": "live" },
        "alerts": [
            {
                "id": value["alerts"][0]["id"],
                "kind": "service_down",
                "subject": "a",
                "severity": "critical",
                "state": "firing",
                "since": "1970-01-01T00:16:40Z",
                "ended": null,
                "repeated": false,
                "summary": "Service <a> & co is down.",
            },
            {
                "id": value["alerts"][1]["id"],
                "kind": "service_down",
                "subject": "b",
                "severity": "critical",
                "state": "resolved",
                "since": "1970-01-01T00:16:40Z",
                "ended": "1970-01-01T00:33:20Z",
                "repeated": false,
                "summary": "Service <b> & co is down.",
            },
        ],
        "more": 0,
    });
    assert_eq!(value, expect);
}

#[test]
fn an_id_stays_the_same_for_ever() {
    let node = node();
    let one = note("a", State::Firing);
    assert_eq!(id(&one, &node), "47ed7b6655a94b1d");
    let later =
        Note { state: State::Resolved, since: at(9), summary: String::new(), ..one.clone() };
    assert_eq!(id(&later, &Node { pid: 8, revision: 9, ..node.clone() }), id(&one, &node));
    let kind = AlertKind::BreakerOpen;
    for other in [Note { kind, ..one.clone() }, Note { subject: "b".to_owned(), ..one.clone() }] {
        assert_ne!(id(&other, &node), id(&one, &node));
    }
    assert_ne!(id(&one, &Node { name: "gate-2".to_owned(), ..node.clone() }), id(&one, &node));
}

#[test]
fn slack_reads_lines_without_links_of_others() {
    let again = Note { again: true, ..note("c", State::Firing) };
    let notes = vec![note("a", State::Firing), note("b", State::Resolved), again];
    let value = written(notes, r#", "format": "slack""#);
    assert_eq!(value.as_object().unwrap().len(), 1);
    let text = value["text"].as_str().unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "*FIRING* (critical) Service &lt;a&gt; &amp; co is down. [service_down since \
         1970-01-01T00:16:40Z, gateway gate-1, environment live]"
    );
    assert!(
        lines[1].starts_with("*RESOLVED* ") && lines[1].contains(" until 1970-01-01T00:33:20Z")
    );
    assert!(lines[2].starts_with("*STILL FIRING* ") && lines.len() == 3);
}

#[test]
fn alertmanager_is_told_each_with_its_end() {
    let value = written(
        vec![note("a", State::Firing), note("b", State::Resolved)],
        r#", "format": "alertmanager""#,
    );
    let labels = json!({
        "alertname": "YumenServiceDown", "severity": "critical", "instance": "gate-1",
        "environment": "live", "service": "a",
    });
    assert_eq!(value[0]["labels"], labels);
    assert_eq!(value[0]["startsAt"], "1970-01-01T00:16:40Z");
    assert_eq!(value[0]["endsAt"], "1970-01-01T00:54:00Z", "four minutes from now");
    assert_eq!(value[1]["endsAt"], "1970-01-01T00:33:20Z");
}

#[test]
fn a_storm_is_summed_up() {
    let notes: Vec<Note> = (0..157).map(|one| note(&one.to_string(), State::Firing)).collect();
    let message = Message { sequence: 1, at: at(3000), notes, beyond: 3 };
    let read = |more: &str| -> Value {
        serde_json::from_slice(&write(&message, &node(), &hook(more))).unwrap()
    };
    let value = read("");
    assert_eq!(value["alerts"].as_array().unwrap().len(), LISTED_JSON);
    assert_eq!(value["more"], 60);
    let value = read(r#", "format": "slack""#);
    let text = value["text"].as_str().unwrap();
    assert_eq!(text.lines().count(), LISTED_SLACK + 1);
    assert!(text.ends_with("\nand 140 more"));
    assert_eq!(read(r#", "format": "alertmanager""#).as_array().unwrap().len(), 157);
}

#[test]
fn own_labels_are_not_for_others() {
    for name in ["alertname", "severity", "instance", "service", "worker", "certificate", "name"] {
        assert!(is_own_label(name), "{name}");
    }
    assert!(!is_own_label("environment"));
}
