//! Whole configurations against what is reported or understood. `YUMEN_BLESS=1` writes the
//! answers anew; read the difference before you keep it.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::{Path, PathBuf};
use std::{env, fs};

use yumen_model::document::Source;
use yumen_model::{Model, schema};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The file, or the files of the folder by name.
fn sources(path: &Path) -> Vec<Source> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
    }
    let read = |path: PathBuf| Source {
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
        text: fs::read_to_string(path).unwrap(),
    };
    files.into_iter().map(read).collect()
}

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "NAME" => "public",
        "HOST" => "example.com",
        "PORT" => "8080",
        "SECRET" => "hunter2",
        "TIME" => "90s",
        _ => return None,
    };
    Some(value.to_owned())
}

/// Compares with the golden file, or writes it.
fn check(golden: &Path, actual: &str, differences: &mut Vec<String>) {
    if env::var_os("YUMEN_BLESS").is_some() {
        fs::write(golden, actual).unwrap();
    }
    let expected = fs::read_to_string(golden).unwrap_or_default();
    if expected != actual {
        differences.push(format!("{}\nexpected:\n{expected}\nactual:\n{actual}", golden.display()));
    }
}

/// Runs every case of a folder; the answer stands beside it with another ending.
fn check_folder(name: &str, ending: &str, answer: impl Fn(&[Source]) -> String) {
    let folder = golden().join(name);
    let mut differences = Vec::new();
    let mut cases = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().ends_with(ending) {
            continue;
        }
        cases += 1;
        let golden = PathBuf::from(format!("{}{ending}", path.display()));
        check(&golden, &answer(&sources(&path)), &mut differences);
    }
    assert!(cases > 0, "no cases in {name}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn wrong_configurations_are_reported() {
    check_folder("reports", ".txt", |sources| {
        let (model, report, document) = Model::read(sources, &environment);
        assert!(model.is_none() && report.has_errors());
        let text = report.render(&document);
        let secret = format!("{text}{report}{report:?}{document:?}");
        assert!(!secret.contains("hunter2"), "{text}");
        assert!(report.problems().iter().all(|problem| problem.at.is_some()), "{text}");
        text
    });
}

#[test]
fn right_configurations_are_understood() {
    check_folder("effective", ".out", |sources| {
        let (model, report, document) = Model::read(sources, &environment);
        let Some(model) = model else { panic!("{}", report.render(&document)) };
        let text = serde_json::to_string_pretty(&model).unwrap();
        // The effective form is a configuration and means the same.
        let again = [Source { name: "again.json".to_owned(), text: text.clone() }];
        let (same, report, document) = Model::read(&again, &environment);
        let same = same.unwrap_or_else(|| panic!("{}", report.render(&document)));
        assert_eq!(serde_json::to_string_pretty(&same).unwrap(), text);
        assert_eq!(
            serde_json::from_str::<Model>(&text).unwrap().services.len(),
            same.services.len()
        );
        text + "\n"
    });
}

#[test]
fn the_schema_is_known() {
    let text = serde_json::to_string_pretty(&schema::schema(&[])).unwrap() + "\n";
    let mut differences = Vec::new();
    check(&golden().join("schema.json"), &text, &mut differences);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
