//! What the documents say is there.

use yumen_xtask::{House, Text, expect_none};

/// Folders whose paths, written in backticks in a document, must exist.
const FOLDERS: &[&str] = &[
    "crates/",
    "parts/",
    "policies/",
    "docs/",
    "examples/",
    "e2e/",
    "bench/",
    "fuzz/",
    "xtask/",
    "scripts/",
    "packaging/",
    ".ci/",
];

/// Places that exist on one machine only. Split so that this file does not contain them.
const BANNED: &[&str] = &[
    concat!("/wo", "rk/main"),
    concat!("/wo", "rk/shared"),
    concat!("/tmp/", "brief"),
    concat!("/tmp/", "target-"),
    concat!("/ro", "ot/"),
    concat!("/opt/", "wheels"),
];

fn documents(house: &House) -> impl Iterator<Item = &Text> {
    house.texts.iter().filter(|file| file.path.ends_with(".md"))
}

/// What stands between single backticks on one line, outside of fenced blocks.
fn in_backticks(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(str::lines).flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn paths_in_documents_exist() {
    let house = House::open().unwrap();
    expect_none(documents(&house).flat_map(|document| {
        let named = in_backticks(&document.text).into_iter();
        let paths = named.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)));
        let plain =
            paths.filter(|path| !path.contains([' ', '*', '<', '{']) && !path.contains("NAME"));
        plain
            .map(|path| path.split("::").next().unwrap_or_default())
            .filter(|path| !house.has(path.trim_end_matches('/')))
            .map(|path| format!("{} names `{path}`, which is not there", document.path))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn tests_that_documents_name_are_there() {
    let house = House::open().unwrap();
    let mut named = 0;
    expect_none(documents(&house).flat_map(|document| {
        let words = in_backticks(&document.text).into_iter();
        let functions: Vec<_> = words
            .filter_map(|word| word.split_once(".rs::"))
            .filter(|(file, _)| FOLDERS.iter().any(|folder| file.starts_with(folder)))
            .collect();
        named += functions.len();
        let is_there = |file: &str, function: &str| {
            let text = std::fs::read_to_string(house.root.join(format!("{file}.rs")));
            text.is_ok_and(|text| text.contains(&format!("fn {function}(")))
        };
        functions
            .into_iter()
            .filter(|(file, function)| !is_there(file, function))
            .map(|(file, function)| format!("{}: no `{function}` in {file}.rs", document.path))
            .collect::<Vec<_>>()
    }));
    assert!(named > 50, "{named}");
}

#[test]
fn links_in_documents_lead_somewhere() {
    let house = House::open().unwrap();
    expect_none(documents(&house).flat_map(|document| {
        let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let prose = document.text.split("```").step_by(2).collect::<String>();
        let links = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        links
            .map(|(link, _)| link.split('#').next().unwrap_or_default().to_owned())
            .filter(|link| !link.is_empty() && !link.contains(':'))
            .filter(|link| !house.root.join(folder).join(link).exists())
            .map(|link| format!("{} links to {link}, which is not there", document.path))
            .collect::<Vec<_>>()
    }));
}

#[test]
fn the_map_names_every_room() {
    let house = House::open().unwrap();
    let map = house.text("docs/ARCHITECTURE.md");
    let rooms = house.rooms.iter().map(|room| format!("`{}`", room.folder));
    expect_none(
        rooms
            .filter(|room| !map.contains(room))
            .map(|room| format!("docs/ARCHITECTURE.md does not name {room}")),
    );
    let lines = map.lines().count();
    assert!(lines <= 300, "docs/ARCHITECTURE.md has {lines} lines; 300 are the most one reads");
}

#[test]
fn every_example_says_what_it_shows_and_is_listed() {
    let house = House::open().unwrap();
    let list = house.text("examples/README.md");
    let examples = house
        .texts
        .iter()
        .filter(|file| file.path.starts_with("examples/") && file.path.ends_with(".yaml"));
    expect_none(examples.flat_map(|example| {
        let mut findings = Vec::new();
        if !example.text.starts_with("# ") {
            findings.push(format!("{} does not begin with what it shows", example.path));
        }
        let name = example.path.trim_start_matches("examples/");
        let name = name.split_once('/').map_or(name, |(folder, _)| folder);
        if !list.contains(&format!("({name}")) {
            findings.push(format!("examples/README.md does not list {name}"));
        }
        findings
    }));
}

#[test]
fn nothing_names_a_place_on_one_machine() {
    let house = House::open().unwrap();
    expect_none(house.texts.iter().flat_map(|file| {
        let found = BANNED.iter().filter(|word| file.text.contains(**word));
        found.map(|word| format!("{} contains {word}", file.path)).collect::<Vec<_>>()
    }));
}

#[test]
fn nothing_is_left_for_later() {
    let house = House::open().unwrap();
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("(to be ", "written)")];
    expect_none(house.texts.iter().flat_map(|file| {
        let found = words.iter().filter(|word| file.text.contains(**word));
        found.map(|word| format!("{} contains {word}", file.path)).collect::<Vec<_>>()
    }));
}
