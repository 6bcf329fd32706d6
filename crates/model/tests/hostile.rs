//! Whatever the text is, reading it ends, and says what is wrong with it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use yumen_model::Model;
use yumen_model::document::{NoEnvironment, Source};

const CASES: usize = 4000;

/// A small generator with a seed (xorshift), so that a failure comes back.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

/// The golden configurations, right and wrong.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut seeds = Vec::new();
    for folder in ["reports", "effective", "reports/folder", "effective/folder"] {
        for entry in fs::read_dir(golden.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_file() && (name.ends_with(".yaml") || name.ends_with(".json")) {
                seeds.push((name, fs::read(path).unwrap()));
            }
        }
    }
    seeds.sort();
    seeds
}

const PIECES: [&str; 34] = [
    "{", "}", "[", "]", ":", ": ", ",", "- ", "? ", "\n", "\r", "\t", "  ", "&a ", "*a", "!t ",
    "|", ">-\n", "'", "\"", "\\", "\\ud83d", "#", " #", "%", "---\n", "...\n", "<<: ", "${",
    "${env:A}", "null", "é", "\u{0}", "\u{feff}",
];

fn mutate(text: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(text.len() + 1);
    match dice.below(5) {
        0 => drop(text.splice(at..at, PIECES[dice.below(PIECES.len())].bytes())),
        1 => text.truncate(at),
        2 => {
            let end = (at + dice.below(20)).min(text.len());
            drop(text.drain(at..end));
        }
        3 => {
            let end = (at + dice.below(200)).min(text.len());
            let copy = text[at..end].to_vec();
            let to = dice.below(text.len() + 1);
            drop(text.splice(to..to, copy));
        }
        _ => {
            if let Some(byte) = text.get_mut(at) {
                *byte = u8::try_from(dice.below(128)).unwrap();
            }
        }
    }
}

#[test]
fn no_text_makes_reading_fail() {
    let seeds = seeds();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut refused = 0;
    for case in 0..CASES {
        let (name, text) = &seeds[dice.below(seeds.len())];
        let mut text = text.clone();
        for _ in 0..=dice.below(6) {
            mutate(&mut text, &mut dice);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let source = Source { name: name.clone(), text };
        let (model, report, document) = Model::read(&[source], &|_: &str| Some("1".to_owned()));
        assert_eq!(model.is_some(), !report.has_errors(), "case {case}");
        assert_eq!(report.render(&document).is_empty(), report.is_empty(), "case {case}");
        refused += usize::from(model.is_none());
    }
    assert!(refused > CASES / 2, "{refused}");
}

/// Routes as somebody would write them, and every `wrong`th with a mistake.
fn many_routes(number: usize, wrong: usize) -> Source {
    let mut text = "services:\n  - name: s\n    url: http://localhost:1\nroutes:\n".to_owned();
    for index in 0..number {
        let status = if index % wrong == wrong - 1 { "none" } else { "1" };
        write!(
            text,
            "  - name: route-{index}\n    service: s\n    priority: {status}\n    match:\n      \
             hosts: [h{index}.example.com]\n      paths: [\"/a/{index}/*\"]\n"
        )
        .unwrap();
    }
    Source { name: "many.yaml".to_owned(), text }
}

#[test]
fn mistakes_are_found_in_a_large_file() {
    let (model, report, _) = Model::read(&[many_routes(10_000, usize::MAX)], &NoEnvironment);
    assert_eq!(model.unwrap().routes.len(), 10_000, "{report}");
    let (model, report, _) = Model::read(&[many_routes(10_000, 200)], &NoEnvironment);
    assert!(model.is_none());
    assert_eq!(report.problems().len(), 50, "{report}");
    let last = report.problems().last().unwrap();
    assert_eq!(last.path, "routes[9999].priority");
    assert_eq!(last.at.as_ref().map(|at| at.line), Some(4 + 9999 * 6 + 3));
}
