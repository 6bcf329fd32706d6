use serde_json::{Value as Json, json};

use super::reference::{BadReference, expand};
use super::{Document, Environment, NoEnvironment, NoSecret, Node, REFERENCED_BYTES, Source};
use crate::report::{Place, Report};

fn source(name: &str, text: &str) -> Source {
    Source { name: name.to_owned(), text: text.to_owned() }
}

fn environment(name: &str) -> Option<String> {
    (name == "A").then(|| "value".to_owned())
}

fn document(name: &str, text: &str) -> Document {
    let mut report = Report::default();
    let document = Document::read(&[source(name, text)], &environment, &mut report);
    assert!(report.is_empty(), "{report}");
    document
}

#[test]
fn text_becomes_a_tree() {
    let check = |text: &str, expect: Json| {
        let document = document("a.yaml", text);
        assert_eq!(serde_json::to_value(document.root()).unwrap(), expect, "{text}");
    };
    check("", json!({}));
    check("# nothing\n", json!({}));
    check("\u{feff}a: 1\n", json!({"a": 1}));
    check("--- \na: 1\n...\n", json!({"a": 1}));
    check(
        "a: ~\nb: null\nc:\nd: ''\ne: 'null'\n",
        json!({"a": null, "b": null, "c": null, "d": "", "e": "null"}),
    );
    check(
        "a: no\nb: off\nc: 0755\nd: 1e3\ne: 1.10\nf: 0x1f\ng: 1_0\nh: .5\ni: NaN\nj: 12:30\n",
        json!({
            "a": "no", "b": "off", "c": "0755", "d": "1e3", "e": "1.10", "f": "0x1f", "g": "1_0",
            "h": ".5", "i": "NaN", "j": "12:30",
        }),
    );
    check(
        "a: -1\nb: 18446744073709551615\nc: 1.5\nd: true\ne: '1'\nf: True\n",
        json!({
            "a": -1, "b": u64::MAX, "c": 1.5, "d": true, "e": "1", "f": "True",
        }),
    );
    check("null: 1\n~: 2\ntrue: 3\n1: 4\n", json!({"null": 1, "~": 2, "true": 3, "1": 4}));
    check(
        "a: &x [1, {b: 2}]\nc: *x\nd: {e: *x}\n",
        json!({
            "a": [1, {"b": 2}], "c": [1, {"b": 2}], "d": {"e": [1, {"b": 2}]},
        }),
    );
    check("a: |\n  x\n  y\nb: >-\n  x\n  y\n", json!({"a": "x\ny\n", "b": "x y"}));
    check("a: ${env:A}\nb: $${env:A}\n", json!({"a": "${env:A}", "b": "$${env:A}"}));
    check("'<<': 1\n", json!({"<<": 1}));
}

#[test]
fn json_becomes_a_tree() {
    let check = |text: &str| {
        let document = document("a.json", text);
        let expect: Json = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(document.root()).unwrap(), expect, "{text}");
    };
    check("{}");
    check("\t{\t\"a\"\t:\n1\t}\r\n");
    check(r#"{"a": [1, -2, 1.5, true, false, null, "", [], {}]}"#);
    check(r#"{"\u0041\/\b\f\n\r\t\"\\": "\ud83d\ude00 \u00e9 😀"}"#);
    assert!(document("a.json", " \n").root() == document("a.json", "{}").root());
}

#[test]
fn values_are_found_by_path() {
    let text = "a:\n  b: x\n  c.d:\n    - 1\n    - e: {f: g}\n  z:\nh: [é, i]\n";
    let document = document("a.yaml", text);
    let check = |path: &str, line: u32, column: u32| {
        let place = document.locate(path).unwrap();
        assert_eq!((place.line, place.column), (line, column), "{path}");
    };
    check("", 1, 1);
    check("a", 1, 1);
    check("a.b", 2, 6);
    check("a.b.missing", 2, 6);
    check("a[\"c.d\"]", 3, 3);
    check("a[\"c.d\"][0]", 4, 7);
    check("a[\"c.d\"][1]", 5, 7);
    check("a[\"c.d\"][1].e.f", 5, 14);
    check("a[\"c.d\"][7].e.f", 3, 3);
    check("a.z", 6, 3);
    check("h[1]", 7, 8);
    check("none", 1, 1);
    for nonsense in ["[", "a[", "a[x]", "a..b", "[\"", "a[99999999999999999999]", "]", "a[\"c"] {
        assert!(document.locate(nonsense).is_some(), "{nonsense}");
    }
    let nowhere = Document::read(&[], &NoEnvironment, &mut Report::default());
    assert_eq!(nowhere.locate("a"), None);
}

#[test]
fn references_are_expanded() {
    let check = |text: &str, expect: Result<Option<&str>, BadReference>| {
        let expect = expect.map(|expanded| expanded.map(str::to_owned));
        assert_eq!(expand(text, &environment, ""), expect, "{text}");
    };
    check("plain $ {} $5 $$", Ok(None));
    check("${env:A}", Ok(Some("value")));
    check("x${env:A}y${env:A}", Ok(Some("xvalueyvalue")));
    check("${env:A:-no}${env:B:-}${env:B:-a b}", Ok(Some("valuea b")));
    check("$${env:A} ${env:A}", Ok(Some("${env:A} value")));
    check("$$${env:A}", Ok(Some("$${env:A}")));
    check("${env:B}", Err(BadReference::NotSet("B".to_owned())));
    check("${env:A", Err(BadReference::Open));
    check("${A}", Err(BadReference::Unknown("A".to_owned())));
    check("${env:}", Err(BadReference::Unknown("env:".to_owned())));
    check("${env:A B}", Err(BadReference::Unknown("env:A B".to_owned())));
    let no_file =
        |path: &str| BadReference::NoFile(path.to_owned(), "there are no files here".to_owned());
    check("${file:/a}", Err(no_file("/a")));
    check("${file:}", Err(BadReference::Unknown("file:".to_owned())));
    for unclear in ["vault:", "vault:secret/shop", "vault:#key", "vault:secret/shop#"] {
        check(&format!("${{{unclear}}}"), Err(BadReference::Unknown(unclear.to_owned())));
    }
}

/// Files as a configuration of tests sees them.
struct Folder;

impl Environment for Folder {
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str, within: &str) -> Result<String, String> {
        match path {
            "who" => Ok(format!("of {within}")),
            "tricky" => Ok("${env:A} }${file:who}".to_owned()),
            "long" => Ok("x".repeat(REFERENCED_BYTES + 1)),
            _ => Err("no such file".to_owned()),
        }
    }

    fn secret(&self, path: &str, key: &str) -> Result<String, NoSecret> {
        match (path, key) {
            ("secret/shop", "key") => Ok("hunter2".to_owned()),
            ("secret/shop", "k#:-y ") => Ok("${env:A}".to_owned()),
            ("secret/shop", "long") => Ok("x".repeat(REFERENCED_BYTES + 1)),
            _ => {
                let (why, hint) = ("there is none".to_owned(), "write one".to_owned());
                Err(NoSecret { why, hint })
            }
        }
    }
}

#[test]
fn secrets_stand_for_one_of_their_values() {
    let check = |text: &str, expect: Result<&str, &str>| {
        let expanded = expand(text, &Folder, "a.yaml");
        let found = expanded.map(Option::unwrap_or_default).map_err(|bad| bad.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expect, "{text}");
    };
    check("Bearer ${vault:secret/shop#key}!", Ok("Bearer hunter2!"));
    check("${vault:secret/shop#k#:-y }", Ok("${env:A}"));
    check("$${vault:secret/shop#key}", Ok("${vault:secret/shop#key}"));
    let long = "the secret `secret/shop` of Vault cannot be had: its value is too long";
    check("${vault:secret/shop#long}", Err(long));
    let none = "the secret `secret/none` of Vault cannot be had: there is none";
    check("${vault:secret/none#key}", Err(none));
    let mut report = Report::default();
    let text = "x: ['${vault:secret/shop#key}']\ny: ${vault:secret/none#key}\n'${vault:a#b}': 1\n";
    let document = Document::read(&[source("a.yaml", text)], &Folder, &mut report);
    let shown = serde_json::to_value(document.root()).unwrap();
    assert_eq!(shown["x"], json!(["${vault:secret/shop#key}"]));
    assert!(!format!("{document:?} {:?} {report}", document.root()).contains("hunter2"));
    let told: Vec<_> = report.problems().iter().map(|one| one.hint.clone()).collect();
    let told: Vec<_> = told.iter().map(|hint| hint.as_deref().unwrap_or_default()).collect();
    assert_eq!(told, ["write one", "only values may have one"], "{report}");
}

#[test]
fn files_stand_for_their_text() {
    let check = |text: &str, expect: Result<&str, &str>| {
        let expanded = expand(text, &Folder, "a.yaml");
        let found = expanded.map(Option::unwrap_or_default).map_err(|bad| bad.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expect, "{text}");
    };
    check("${file:who}!", Ok("of a.yaml!"));
    check("${file:tricky}", Ok("${env:A} }${file:who}"));
    check("$${file:who}", Ok("${file:who}"));
    check("${file:gone}", Err("the file `gone` cannot be used: no such file"));
    check("${file:long}", Err("the file `long` cannot be used: it is too long"));
    let mut report = Report::default();
    let sources =
        [source("a.yaml", "x: {y: '${file:who}'}\n"), source("b.yaml", "z: ${file:no}\n")];
    let document = Document::read(&sources, &Folder, &mut report);
    assert_eq!(serde_json::to_value(document.root()).unwrap()["x"]["y"], "${file:who}");
    assert_eq!(report.problems().len(), 1, "{report}");
    assert!(report.to_string().starts_with("b.yaml:1:4: error: z: the file `no`"), "{report}");
}

#[test]
fn nodes_compare_by_meaning_and_hide_secrets() {
    let node = |text: &str| document("a.yaml", text).root().clone();
    assert_eq!(node("a: x\nb: [1]\n"), node("a:   'x'\nb:\n  - 1\n"));
    assert_ne!(node("a: 1\n"), node("a: '1'\n"));
    assert_ne!(node("a: x\n"), node("a: y\n"));
    let secret = node("a: ${env:A}\nb: ['${env:A}']\n");
    assert_eq!(format!("{secret:?}"), r#"{"a": "${env:A}", "b": ["${env:A}"]}"#);
}

#[test]
fn nodes_come_from_other_formats() {
    let check = |json: Json| {
        let node: Node = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&node).unwrap(), json);
    };
    check(json!(null));
    check(json!({"a": [1, -1, 1.5, true, "x", "1", null, {"b": {}}]}));
}

#[test]
fn a_file_has_a_longest_length() {
    let mut report = Report::default();
    let text = " ".repeat(super::SOURCE_BYTES + 1);
    Document::read(&[source("a.yaml", &text)], &environment, &mut report);
    assert_eq!(report.to_string(), "a.yaml:1:1: error: the file is longer than 64 MiB\n");
}

#[test]
fn lines_do_not_show_what_is_concealed() {
    let schema = json!({"properties": {
        "open": {},
        "secret": {"writeOnly": true},
        "several": {"items": {"writeOnly": true}},
    }, "anyOf": [{"properties": {"secret": {"writeOnly": true}}}]});
    let text = "open: plain\n\
                secret: hush-hush # said\n\
                several: [one-of-them, xy, \"a\\tb\\\"c\", '${env:A}']\n\
                other: hush-hush\n\
                block: { secret: kept }\n\
                pem: \"-----BEGIN PRIVATE KEY-----\\nMIIEvQ\\n-----END PRIVATE KEY-----\" # of a server\n\
                ";
    let mut document = document("a.yaml", text);
    document.conceal(&schema);
    let shown: Vec<String> = (1..=6)
        .map(|line| document.line(&Place { file: "a.yaml".into(), line, column: 1 }).unwrap())
        .collect();
    assert_eq!(shown[0], "open: plain");
    assert_eq!(shown[1], "secret: ********* # said");
    assert!(shown[2].starts_with("several: [***********, **"), "{}", shown[2]);
    assert!(!shown[2].contains(['x', 'b', 'c']), "{}", shown[2]);
    assert_eq!(shown[3], "other: *********", "wherever it stands");
    assert_eq!(shown[4], "block: { secret: kept }");
    assert!(shown[5].starts_with("pem: \"****"), "{}", shown[5]);
    assert!(!shown[5].contains("MIIEvQ"), "{}", shown[5]);
}
