//! Real documents: all of them are compiled, and what of them is looked at is counted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use yumen_model::report::{Report, Severity};

use crate::config::{Config, Unsupported};
use crate::document::{self, Document};
use crate::findings::Findings;
use crate::openapi;

/// Where packages that ship documents are, in the tools of the tests.
const PACKAGES: &str = "node/node_modules";
/// Documents in them.
const DOCUMENTS: &[&str] = &[
    "@blockfrost/openapi/openapi.yaml",
    "@figma/rest-api-spec/openapi/openapi.yaml",
    "@readme/oas-examples/3.0/json/callbacks.json",
    "@readme/oas-examples/3.0/json/circular.json",
    "@readme/oas-examples/3.0/json/discriminators.json",
    "@readme/oas-examples/3.0/json/parameters-style.json",
    "@readme/oas-examples/3.0/json/petstore.json",
    "@readme/oas-examples/3.0/json/polymorphism.json",
    "@readme/oas-examples/3.0/json/star-trek.json",
    "@readme/oas-examples/3.0/yaml/petstore-expanded.yaml",
    "@readme/oas-examples/3.0/yaml/uspto.yaml",
    "@readme/oas-examples/3.1/json/readme.json",
    "@readme/oas-examples/3.1/yaml/petstore.yaml",
    "@readme/oas-examples/3.1/yaml/train-travel.yaml",
    "@scalar/galaxy/dist/3.1.yaml",
    "rclone-openapi/openapi.json",
    "rclone-openapi/openapi.yaml",
    "shipengine-openapi/openapi.json",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// One line of the table, or what is wrong.
fn row(name: &str, text: String) -> Result<String, String> {
    let since = Instant::now();
    let size = text.len();
    let mut report = Report::default();
    let root = document::written(&text.into(), "openapi", &mut report);
    let document = root.and_then(|root| Document::new(root, "openapi", &mut report));
    let document = document.ok_or_else(|| format!("{name}: {:?}", report.problems()))?;
    let mut findings = Findings::new(Unsupported::Pass);
    let described = openapi::read(&document, &Config::default(), &mut findings);
    let (sorts, places) = findings.counts();
    findings.tell("openapi", &mut report);
    let wrong = report.problems().iter().filter(|one| one.severity == Severity::Error);
    let wrong: Vec<&str> = wrong.map(|one| one.message.as_str()).collect();
    if !wrong.is_empty() {
        return Err(format!("{name}: {}", wrong.join("\n  ")));
    }
    let operations = described.operations.len();
    let parameters: usize = described.operations.iter().map(|one| one.parameters.len()).sum();
    let contents = described.operations.iter().filter_map(|one| one.body.as_ref());
    let (mut bodies, mut seen) = (0, 0);
    for content in contents.flat_map(|body| &body.contents) {
        bodies += 1;
        seen += usize::from(content.schema.is_some());
    }
    let kib = size >> 10;
    let took = since.elapsed().as_millis();
    for problem in report.problems() {
        println!("    {}", problem.message);
    }
    Ok(format!(
        "| {name} | {kib} | {operations} | {parameters} | {seen} of {bodies} | {sorts}, {places} | {took} |"
    ))
}

/// With `YUMEN_OPENAPI` set, those documents of one's own are told of too.
#[test]
fn real_documents_are_compiled() {
    let tools =
        std::env::var_os("YUMEN_TOOLS").map_or_else(|| root().join(".tools"), PathBuf::from);
    let packages = tools.join(PACKAGES);
    let mut files: Vec<(String, PathBuf)> =
        DOCUMENTS.iter().map(|name| ((*name).to_owned(), packages.join(name))).collect();
    if !files.iter().all(|(_, file)| file.exists()) {
        assert!(std::env::var_os("CI").is_none(), "documents are missing: run scripts/setup");
        println!("SKIPPED: documents are missing: run scripts/setup");
        return;
    }
    let own = std::env::var("YUMEN_OPENAPI").unwrap_or_default();
    files.extend(own.split_whitespace().map(|name| (name.to_owned(), name.into())));
    let rows: Vec<Result<String, String>> =
        files.iter().map(|(name, file)| row(name, fs::read_to_string(file).unwrap())).collect();
    println!("| document | KiB | operations | parameters | bodies | unseen: sorts, places | ms |");
    rows.iter().flatten().for_each(|row| println!("{row}"));
    let wrong: Vec<&String> = rows.iter().filter_map(|row| row.as_ref().err()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What refers to itself, in every way that a document can.
#[test]
fn documents_that_go_round_end() {
    for text in [
        r##"{"openapi":"3.1.0","paths":{"/a":{"$ref":"#/paths/~1a"}}}"##,
        r##"{"openapi":"3.1.0","paths":{"/a":{"get":{"parameters":[{"$ref":"#/components/parameters/A"}]}}},"components":{"parameters":{"A":{"$ref":"#/components/parameters/A"}}}}"##,
        r##"{"openapi":"3.0.0","paths":{"/a":{"post":{"requestBody":{"$ref":"#/components/requestBodies/A"}}}},"components":{"requestBodies":{"A":{"$ref":"#/components/requestBodies/B"},"B":{"$ref":"#/components/requestBodies/A"}}}}"##,
    ] {
        assert!(row("round", text.to_owned()).is_err(), "{text}");
    }
    for text in [
        r##"{"openapi":"3.1.0","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}},"components":{"schemas":{"A":{"$ref":"#/components/schemas/A"}}}}"##,
        r##"{"openapi":"3.1.0","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}}},"components":{"schemas":{"A":{"anyOf":[{"$ref":"#/components/schemas/B"}]},"B":{"allOf":[{"$ref":"#/components/schemas/A"}]}}}}"##,
        r##"{"openapi":"3.1.0","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/paths/~1a/post/requestBody/content/application~1json/schema"}}}}}}}}"##,
    ] {
        row("round", text.to_owned()).unwrap();
    }
}
