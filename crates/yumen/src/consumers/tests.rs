//! What is read again of files, and what is not.

use std::fs;

use yumen_model::document::NoEnvironment;

use super::*;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("yumen-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn plan(pepper: &str) -> ConsumersPlan {
    ConsumersPlan {
        pepper: Pepper::new(pepper),
        sealing: None,
        entries: Vec::new(),
        files: vec!["a.jsonl".to_owned()],
    }
}

#[test]
fn only_lines_that_are_new_are_read() {
    let folder = folder("lines");
    let write = |text: &str| fs::write(folder.join("a.jsonl"), text).unwrap();
    let consumers = Consumers::default();
    let read = |pepper: &str| {
        let mut report = Report::default();
        let reading = consumers.read_files(&plan(pepper), (&folder, &NoEnvironment), &mut report);
        assert!(report.is_empty(), "{report}");
        let size = reading.size();
        consumers.take_up(reading).unwrap();
        size
    };
    write("{\"name\":\"a\"}\n\n  {\"name\":\"b\"}  \r\n");
    assert_eq!(read(""), (2, 0));
    assert_eq!(read(""), (0, 0), "the file is as it was");
    assert!(!consumers.have_changed());
    write("{\"name\":\"b\"}\n{\"name\":\"c\",\"groups\":[\"x\"]}\n{\"name\":\"d\"}");
    assert!(consumers.have_changed());
    assert_eq!(read(""), (2, 1));
    write("{\"name\":\"c\"}");
    assert_eq!(read(""), (1, 2), "it is another line of the same consumer");
    assert!(consumers.directory.consumer("c").unwrap().groups.is_empty());
    assert_eq!(read("salt"), (1, 0), "with another pepper all is read");
    let without = ConsumersPlan { files: Vec::new(), ..plan("salt") };
    let mut report = Report::default();
    let reading = consumers.read_files(&without, (&folder, &NoEnvironment), &mut report);
    consumers.take_up(reading).unwrap();
    assert_eq!(consumers.directory.count().consumers, 0);
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn a_file_that_is_wrong_is_not_read_until_it_changes() {
    let folder = folder("wrong");
    fs::write(folder.join("a.jsonl"), "{\"name\":\"a\"}").unwrap();
    let consumers = Consumers::default();
    let mut report = Report::default();
    let around = (folder.as_path(), &NoEnvironment as &dyn Environment);
    consumers.take_up(consumers.read_files(&plan(""), around, &mut report)).unwrap();
    fs::write(folder.join("a.jsonl"), "{\"name\":\"a\"}\n{").unwrap();
    assert!(consumers.have_changed());
    consumers.try_again();
    consumers.read_files(&plan(""), around, &mut report);
    assert!(report.has_errors() && !consumers.have_changed());
    fs::write(folder.join("a.jsonl"), "{\"name\":\"a\"}\n{\"name\":\"b\"}").unwrap();
    assert!(consumers.have_changed());
    let _left = fs::remove_dir_all(folder);
}

#[test]
fn bad_lines_are_told_with_their_place() {
    let folder = folder("bad");
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(70_000));
    let text = format!("{{\"name\":\"a\"}}\n{long}\n{{\"name\":\"b\",\"keys\":[{{}}]}}\n\u{0}\n");
    fs::write(folder.join("a.jsonl"), text).unwrap();
    let consumers = Consumers::default();
    let mut report = Report::default();
    let reading = consumers.read_files(&plan(""), (&folder, &NoEnvironment), &mut report);
    let lines: Vec<u32> =
        report.problems().iter().filter_map(|one| one.at.as_ref().map(|at| at.line)).collect();
    assert_eq!(lines, [2, 3, 4], "{report}");
    assert_eq!(reading.size(), (1, 0), "the others are there for who leaves wrong ones out");
    let _left = fs::remove_dir_all(folder);
}
