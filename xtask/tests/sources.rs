//! What product code must never do.

use yumen_xtask::{House, expect_none};

/// A file longer than this has two purposes.
const LINES_MAX: usize = 600;

/// Where tasks and threads may be started, and for what.
const SPAWNERS: &[&str] = &[
    "parts/worker/", // exchanges and what belongs to them, on the worker's own thread
    "crates/yumen/", // the worker threads themselves, signals and the file watch
    "crates/observe/src/log/writer.rs", // the access logs' own threads
    "parts/shipper/src/shipper.rs", // a shipper's own thread
    "parts/password/src/lib.rs", // threads that check passwords
    "crates/upstream/src/resolve", // the thread that asks the DNS
    "crates/upstream/src/health/rounds.rs", // probes, on the keeper's own thread
];

/// Rooms that get the time as a value.
const CLOCKLESS: &[&str] = &["model", "http", "policy", "route", "alert", "plan"];

/// Names that say nothing, so that anything may land in them.
const VAGUE: &[&str] =
    &["util", "utils", "common", "types", "core", "helper", "helpers", "misc", "manager"];

/// Every product file that contains one of the words, as findings.
fn files_with(house: &House, words: &[&str], allowed: &[&str]) -> Vec<String> {
    let files = house.product();
    let files = files.filter(|file| !allowed.iter().any(|start| file.path.starts_with(start)));
    files
        .flat_map(|file| {
            let found = words.iter().filter(|word| file.text.contains(**word));
            found.map(|word| format!("{} contains `{word}`", file.path)).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn a_file_has_at_most_600_lines() {
    let house = House::open().unwrap();
    let files = house.texts.iter().filter(|file| yumen_xtask::is_product(&file.path));
    let long = files.map(|file| (file, file.text.lines().count()));
    let long = long.filter(|(_, lines)| *lines > LINES_MAX);
    expect_none(long.map(|(file, lines)| format!("{} has {lines} lines", file.path)));
}

#[test]
fn every_file_begins_with_its_purpose() {
    let house = House::open().unwrap();
    let files = house.texts.iter().filter(|file| yumen_xtask::is_product(&file.path));
    let silent = files.filter(|file| !file.text.starts_with("//! "));
    expect_none(silent.map(|file| format!("{} does not begin with `//! purpose`", file.path)));
}

#[test]
fn files_are_named_for_what_they_hold() {
    let house = House::open().unwrap();
    let vague = house.product().filter(|file| {
        let mut names = file.path.trim_end_matches(".rs").split('/');
        names.any(|name| name == "mod" || VAGUE.contains(&name))
    });
    expect_none(vague.map(|file| format!("{} has a name that says nothing", file.path)));
}

#[test]
fn policies_are_named_in_the_binary_only() {
    let house = House::open().unwrap();
    let policies = house.rooms.iter().filter(|room| room.folder.starts_with("policies/"));
    let names: Vec<String> = policies
        .flat_map(|room| {
            let kind = room.folder.trim_start_matches("policies/");
            [format!("\"{kind}\""), room.name.replace('-', "_")]
        })
        // An access log and a matcher also speak of "headers"; a query may have a "jwt" that is hidden.
        .filter(|name| name != "\"headers\"" && name != "\"jwt\"")
        .collect();
    let words: Vec<&str> = names.iter().map(String::as_str).collect();
    expect_none(files_with(&house, &words, &["crates/yumen/", "policies/", "crates/policy/"]));
}

#[test]
fn tasks_are_started_in_one_place() {
    let house = House::open().unwrap();
    let words =
        ["spawn_local(", "task::spawn", "tokio::spawn(", "thread::spawn(", "thread::Builder"];
    expect_none(files_with(&house, &words, SPAWNERS));
}

/// Only an answer needs the sentence that a failure has for the client.
#[test]
fn a_failure_becomes_an_answer_in_one_file() {
    let house = House::open().unwrap();
    let found = files_with(&house, &[".sentence()"], &["crates/policy/"]);
    assert!(found.len() <= 1, "failures become answers in several files:\n  {found:#?}");
}

#[test]
fn the_clock_enters_as_a_value() {
    let house = House::open().unwrap();
    let clockless = |path: &str| {
        CLOCKLESS.iter().any(|room| path.starts_with(&format!("crates/{room}/")))
            || path.starts_with("policies/")
            || path.starts_with("parts/expr/")
            || path.starts_with("parts/jose/")
            || path.starts_with("parts/kept/")
            || path.starts_with("parts/otlp/")
            || path.starts_with("parts/replay/")
            || path.starts_with("parts/openid/")
            || path.starts_with("parts/kept/")
    };
    let found = files_with(&house, &["SystemTime::now", "Instant::now"], &[]);
    expect_none(found.into_iter().filter(|finding| clockless(finding)));
}

#[test]
fn no_macros_no_unsafe_nothing_unfinished() {
    let house = House::open().unwrap();
    let words =
        ["macro_rules!", "unsafe {", "unsafe fn", "unsafe impl", "todo!(", "unimplemented!("];
    expect_none(files_with(&house, &words, &[]));
}

#[test]
fn every_crate_obeys_the_common_lints() {
    let house = House::open().unwrap();
    // The end-to-end tests fail by panicking, and so have a softer list of their own.
    let rooms = house.rooms.iter().filter(|room| room.folder != "e2e");
    let rooms = rooms.map(|room| format!("{}/Cargo.toml", room.folder));
    let own = rooms.filter(|path| !house.text(path).contains("[lints]\nworkspace = true"));
    expect_none(own.map(|path| format!("{path} does not take the workspace's lints")));
}
