use std::sync::Arc;

use super::{PROBLEMS, Place, Report, nearest};
use crate::document::{Document, NoEnvironment, Source};

fn place(line: u32, column: u32) -> Place {
    Place { file: Arc::from("a.yaml"), line, column }
}

#[test]
fn the_nearest_word_is_found() {
    let check = |word: &str, expect: Option<&str>| {
        assert_eq!(nearest(word, ["paths", "hosts", "methods", "keep_alive"]), expect, "{word}");
    };
    check("pathz", Some("paths"));
    check("path", Some("paths"));
    check("Hosts", Some("hosts"));
    check("keep-alive", Some("keep_alive"));
    check("keepAlive", Some("keep_alive"));
    check("mehtods", Some("methods"));
    check("metohds", Some("methods"));
    check("colour", None);
    check("", None);
    check(&"x".repeat(100_000), None);
}

#[test]
fn problems_are_sorted_and_printed() {
    let mut report = Report::default();
    report.error("b", "is wrong").at(place(2, 1)).hint("is right");
    report.warning("", "odd").at(place(1, 3));
    report.error("c", "nowhere");
    assert_eq!(
        report.to_string(),
        "error: c: nowhere\n\
         a.yaml:1:3: warning: odd\n\
         a.yaml:2:1: error: b: is wrong\n  help: is right\n"
    );
    assert!(report.has_errors() && !report.is_empty() && !report.has_more());
    assert_eq!(
        serde_json::to_value(&report).unwrap(),
        serde_json::json!({"more": false, "problems": [
            {"severity": "error", "path": "b", "message": "is wrong", "hint": "is right",
             "at": {"file": "a.yaml", "line": 2, "column": 1}},
            {"severity": "warning", "path": "", "message": "odd",
             "at": {"file": "a.yaml", "line": 1, "column": 3}},
            {"severity": "error", "path": "c", "message": "nowhere"},
        ]})
    );
}

#[test]
fn a_report_has_a_bound() {
    let mut report = Report::default();
    for _ in 0..PROBLEMS {
        report.error("", "x");
    }
    assert!(report.is_full() && !report.has_more());
    report.error("", "one more").hint("nobody reads this").at(place(1, 1));
    assert!(report.has_more());
    assert_eq!(report.problems().len(), PROBLEMS);

    let mut both = Report::default();
    both.warning("", "first");
    assert!(!both.has_errors());
    let mut full = report.clone();
    full.more = false;
    both.append(full);
    assert!(both.has_more() && both.problems().len() == PROBLEMS);
    assert!(both.to_string().ends_with("until these are solved\n"));
}

#[test]
fn an_error_is_never_lost_among_warnings() {
    let mut report = Report::default();
    for number in 0..PROBLEMS {
        report.warning(number.to_string(), "odd");
    }
    let full = report.clone();
    report.warning("more", "odd").hint("nobody reads this");
    assert!(report.has_more() && !report.has_errors());
    report.error("e", "wrong").hint("right");
    assert!(report.has_errors() && report.problems().len() == PROBLEMS);
    let last = report.problems().last().unwrap();
    assert_eq!((last.path.as_str(), last.hint.as_deref()), ("e", Some("right")));
    let mut both = full;
    both.append(report);
    assert!(both.has_errors() && both.problems().len() == PROBLEMS);
}

#[test]
fn problems_get_the_place_of_their_path() {
    let text = "routes:\n  - name: a\n    match:\n      hosts: [x]\n";
    let source = Source { name: "a.yaml".to_owned(), text: text.to_owned() };
    let mut report = Report::default();
    let document = Document::read(&[source], &NoEnvironment, &mut report);
    report.error("routes[0].match.hosts[0]", "is no host").hint("write a host");
    report.error("routes[0].service", "no such service");
    report.error("services", "none");
    report.locate(&document);
    assert_eq!(
        report.render(&document),
        "a.yaml:1:1: error: services: none\n  1 | routes:\n    | ^\n\
         a.yaml:2:5: error: routes[0].service: no such service\n  2 |   - name: a\n    |     ^\n\
         a.yaml:4:15: error: routes[0].match.hosts[0]: is no host\n  \
         4 |       hosts: [x]\n    |               ^\n  help: write a host\n"
    );
}
