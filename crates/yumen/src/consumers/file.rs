//! A file with one consumer in each line: only the lines that are new are read again.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use yumen_directory::{Change, Entry, Pepper};
use yumen_model::document::{Document, Environment, Source};
use yumen_model::report::{Place, Report};
use yumen_model::{Consumer, read};
use yumen_plan::compile_consumer;
use yumen_seal::SealingKey;

/// The longest line, in bytes.
const LINE_MAX: u64 = 64 << 10;
/// The most lines of a file.
const LINES_MAX: u32 = 4_000_000;
/// Problems of one file that are told at once.
const PROBLEMS_MAX: usize = 20;

/// What was read of a file: the consumer of each line, by the line's digest.
pub(super) type Lines = HashMap<[u8; 16], Arc<str>>;

/// What digests are made with, and what sealed secrets are opened with.
type Keys<'a> = (&'a Pepper, Option<&'a SealingKey>);

/// Reads the lines of a file that it did not have before.
pub(super) struct Reader<'a> {
    name: Arc<str>,
    keys: Keys<'a>,
    environment: &'a dyn Environment,
    before: &'a Lines,
    lines: Lines,
    names: HashSet<Arc<str>>,
    put: Vec<Entry>,
    /// The line that is read, from 1.
    number: u32,
    problems: usize,
    report: &'a mut Report,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        file: &Path,
        (keys, environment): (Keys<'a>, &'a dyn Environment),
        before: &'a Lines,
        report: &'a mut Report,
    ) -> Self {
        Self {
            name: file.display().to_string().into(),
            keys,
            environment,
            before,
            lines: Lines::with_capacity(before.len()),
            names: HashSet::with_capacity(before.len()),
            put: Vec::new(),
            number: 0,
            problems: 0,
            report,
        }
    }

    /// Reads the whole file. What is wrong goes to the report; lines that are wrong are left out.
    pub(super) fn read(mut self, file: &Path) -> (Lines, Change) {
        let open = match File::open(file) {
            Ok(open) => open,
            Err(error) => {
                let message = format!("cannot read {}: {error}", self.name);
                self.report
                    .error("directory.files", message)
                    .hint("check the path, and who may read it");
                return self.end();
            }
        };
        let mut open = BufReader::with_capacity(1 << 16, open);
        let mut line = Vec::new();
        for number in 1.. {
            self.number = number;
            line.clear();
            match open.by_ref().take(LINE_MAX + 1).read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) if line.len() as u64 > LINE_MAX => {
                    let message = format!("the line is longer than {} KiB", LINE_MAX >> 10);
                    self.wrong(1, "", &message);
                    if open.skip_until(b'\n').is_err() {
                        break;
                    }
                }
                Ok(_) if number <= LINES_MAX && self.problems < PROBLEMS_MAX => {
                    self.line(line.trim_ascii());
                }
                Ok(_) => {
                    self.wrong(1, "", "there is more that is not looked at");
                    break;
                }
                Err(error) => {
                    self.wrong(1, "", &error.to_string());
                    break;
                }
            }
        }
        self.end()
    }

    fn end(self) -> (Lines, Change) {
        let gone: HashSet<_> = self
            .before
            .values()
            .filter(|name| !self.names.contains(*name))
            .map(Arc::clone)
            .collect();
        let gone = gone.into_iter().collect();
        let source = self.name.as_ref().into();
        (self.lines, Change { source, put: self.put, gone, whole: false })
    }

    fn line(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let mut digest = [0; 16];
        blake3::Hasher::new().update(line).finalize_xof().fill(&mut digest);
        let name = match self.before.get(&digest) {
            Some(name) => Arc::clone(name),
            None => match self.consumer(line) {
                Some(entry) => {
                    let name = Arc::clone(&entry.name);
                    self.put.push(entry);
                    name
                }
                None => return,
            },
        };
        if !self.names.insert(Arc::clone(&name)) {
            self.wrong(1, "name", &format!("the consumer `{name}` is here twice"));
        }
        self.lines.insert(digest, name);
    }

    /// The consumer that a line says.
    fn consumer(&mut self, line: &[u8]) -> Option<Entry> {
        let Ok(text) = std::str::from_utf8(line) else {
            self.wrong(1, "", "the line is not UTF-8 text");
            return None;
        };
        let mut problems = Report::default();
        // Most lines are good, and refer to nothing: those need not be read with the place of each word.
        let plain = (!text.contains("${")).then(|| serde_json::from_str::<Consumer>(text).ok());
        let consumer = plain.flatten().or_else(|| {
            let source = Source { name: format!("{}.json", self.name), text: text.to_owned() };
            let document = Document::read(&[source], self.environment, &mut problems);
            if !problems.is_empty() {
                return None;
            }
            let consumer = read::<Consumer>(document.root(), "", &mut problems);
            problems.locate(&document);
            consumer
        });
        let entry = consumer.and_then(|one| compile_consumer(&one, self.keys, "", &mut problems));
        for problem in problems.problems() {
            let column = problem.at.as_ref().map_or(1, |at| at.column);
            let path = problem.path.trim_start_matches('.');
            let hint = problem.hint.as_deref().unwrap_or_default();
            let message = match hint {
                "" => problem.message.clone(),
                hint => format!("{}; {hint}", problem.message),
            };
            self.wrong(column, path, &message);
        }
        entry.filter(|_| problems.is_empty())
    }

    fn wrong(&mut self, column: u32, path: &str, message: &str) {
        self.problems += 1;
        let place = Place { file: Arc::clone(&self.name), line: self.number, column };
        self.report.error(path, message).at(place);
    }
}
