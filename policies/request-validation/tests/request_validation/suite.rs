//! The JSON Schema Test Suite, asked as requests would be: each schema is one of a body, each instance is
//! a body.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use yumen_policy::testing::compile;
use yumen_policy_request_validation::Config;

use yumen_policy::testing::post;

/// What is not for this policy: file, group (all if it is empty), and why.
const NOT_OURS: &[(&str, &str, &str)] = &[
    ("refRemote.json", "", "nothing is fetched"),
    ("vocabulary.json", "", "other vocabularies are another dialect"),
    (
        "dynamicRef.json",
        "strict-tree schema, guards against misspelled properties",
        "nothing is fetched",
    ),
    (
        "dynamicRef.json",
        "tests for implementation dynamic anchor and reference link",
        "nothing is fetched",
    ),
    (
        "dynamicRef.json",
        "$ref and $dynamicAnchor are independent of order - $defs first",
        "nothing is fetched",
    ),
    (
        "dynamicRef.json",
        "$ref and $dynamicAnchor are independent of order - $ref first",
        "nothing is fetched",
    ),
    ("dynamicRef.json", "$ref to $dynamicRef finds detached $dynamicAnchor", "nothing is fetched"),
];

/// Single tests that end in another way here: file, group, test, and why.
const OTHERWISE: &[(&str, &str, &str, &str)] = &[];

fn suite() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite")
}

fn groups(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Runs all of a folder; says how many tests were asked, and which did not end as they say.
fn run(folder: &Path, formats: bool) -> (usize, Vec<String>) {
    let (mut asked, mut wrong) = (0, Vec::new());
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "json")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        for group in groups(file) {
            let about = text(&group, "description");
            let is_left_out = |(file, group, _): &&(&str, &str, &str)| {
                *file == name && (group.is_empty() || *group == about)
            };
            let schema = serde_json::to_string(&group.get("schema").unwrap().to_string()).unwrap();
            let policy = compile::<Config>(&format!(
                "{{ body: {{ schema: {schema}, required: true }}, formats: {formats}, rounded_numbers: true, violations_max: 0 }}"
            ));
            // What is left out is refused when it is configured; none of it is believed to be good.
            if NOT_OURS.iter().any(|one| is_left_out(&one)) {
                if policy.is_ok() {
                    wrong.push(format!("{name}: {about}: it is left out, and could be asked"));
                }
                continue;
            }
            let policy = match policy {
                Ok(policy) => policy,
                Err(report) => {
                    wrong.push(format!("{name}: {about}: {:?}", report.problems()));
                    continue;
                }
            };
            for test in group.get("tests").and_then(Value::as_array).unwrap() {
                let case = text(test, "description");
                if OTHERWISE.iter().any(|one| (one.0, one.1, one.2) == (name, about, case)) {
                    continue;
                }
                asked += 1;
                let body = test.get("data").unwrap().to_string();
                let fits = post(&policy, "application/json", body.as_bytes()).is_ok();
                if Some(fits) != test.get("valid").and_then(Value::as_bool) {
                    wrong.push(format!("{name}: {about}: {case}: {fits}"));
                }
            }
        }
    }
    (asked, wrong)
}

#[test]
fn bodies_fit_as_the_suite_says() {
    let (asked, wrong) = run(&suite(), false);
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(asked > 1200, "{asked}");
}

#[test]
fn formats_are_looked_at_as_the_suite_says() {
    let (asked, wrong) = run(&suite().join("format"), true);
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(asked > 300, "{asked}");
}

/// Who leaves something out says so of something that is there.
#[test]
fn what_is_left_out_is_there() {
    let mut there: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in [suite(), suite().join("format")] {
        for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|end| end == "json") {
                let about = groups(&file)
                    .iter()
                    .map(|group| text(group, "description").to_owned())
                    .collect();
                there.insert(file.file_name().unwrap().to_str().unwrap().to_owned(), about);
            }
        }
    }
    let otherwise = OTHERWISE.iter().map(|(file, group, ..)| (file, group));
    for (file, group) in NOT_OURS.iter().map(|(file, group, _)| (file, group)).chain(otherwise) {
        let known = there.get(*file).unwrap_or_else(|| panic!("there is no {file}"));
        assert!(group.is_empty() || known.iter().any(|one| one == group), "{file}: {group}");
    }
}
