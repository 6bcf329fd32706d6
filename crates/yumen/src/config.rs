//! Configuration files: found, read, compiled.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use yumen_model::Model;
use yumen_model::document::{
    Document, Environment, NoSecret, REFERENCED_BYTES, SOURCE_BYTES, Source,
};
use yumen_model::report::Report;
use yumen_plan::Plan;

use crate::consumers::{Consumers, Reading};
use crate::secrets::Petition;
use crate::{expiry, policies};

/// The example that is served when no file is given.
const EXAMPLE: &str = include_str!("../../../examples/quickstart.yaml");
/// The most files that a folder may have.
const FILES_MAX: usize = 1000;

/// Where a configuration comes from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// The example inside the binary.
    Example,
    /// A file, or a folder of files.
    Path(PathBuf),
}

/// What a look at the files shows without reading them; another look differs if they changed.
pub(crate) type Look = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

/// Looks at one file.
pub(crate) fn look_at(file: PathBuf) -> (PathBuf, Option<(SystemTime, u64)>) {
    let seen = fs::metadata(&file).ok();
    let seen = seen.and_then(|seen| seen.modified().ok().map(|modified| (modified, seen.len())));
    (file, seen)
}

/// Looks again at files that were looked at before.
pub(crate) fn look_again(seen: &Look) -> Look {
    seen.iter().map(|(file, _)| look_at(file.clone())).collect()
}

impl Origin {
    /// A name for it, for messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Example => "the example".to_owned(),
            Self::Path(path) => path.display().to_string(),
        }
    }

    /// Reads the files.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn read(&self) -> Result<Vec<Source>, String> {
        let path = match self {
            Self::Example => {
                return Ok(vec![Source {
                    name: "example.yaml".to_owned(),
                    text: EXAMPLE.to_owned(),
                }]);
            }
            Self::Path(path) => path,
        };
        let files = files(path)?;
        if files.is_empty() {
            return Err(format!(
                "{}: the folder has no .yaml, .yml or .json file; put the configuration there",
                path.display()
            ));
        }
        files.iter().map(|file| read_file(file)).collect()
    }

    /// Looks whether files came, went, or changed.
    pub(crate) fn look(&self) -> Look {
        let Self::Path(path) = self else { return Look::new() };
        files(path).unwrap_or_else(|_gone| vec![path.clone()]).into_iter().map(look_at).collect()
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    let explain = |error: &io::Error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "; check the path",
            io::ErrorKind::PermissionDenied => "; let this user read it",
            _ => "",
        };
        format!("cannot read {}: {error}{advice}", path.display())
    };
    if !fs::metadata(path).map_err(|error| explain(&error))?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| explain(&error))? {
        let file = entry.map_err(|error| explain(&error))?.path();
        let is_hidden =
            file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let is_config =
            file.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        if is_config && !is_hidden && file.is_file() {
            files.push(file);
        }
    }
    if files.len() > FILES_MAX {
        return Err(format!("{}: more than {FILES_MAX} files; join some of them", path.display()));
    }
    files.sort();
    Ok(files)
}

fn read_file(file: &Path) -> Result<Source, String> {
    let name = file.display().to_string();
    let length = fs::metadata(file).map_or(0, |seen| seen.len());
    if length > SOURCE_BYTES as u64 {
        return Err(format!(
            "{name}: the file is larger than {} MiB; split it in a folder",
            SOURCE_BYTES >> 20
        ));
    }
    let bytes = fs::read(file).map_err(|error| format!("cannot read {name}: {error}"))?;
    let text = String::from_utf8(bytes)
        .map_err(|_not_utf8| format!("{name}: the file is not UTF-8 text"))?;
    Ok(Source { name, text })
}

/// A configuration that was read, with what was made of it (a plan, unless somebody made more):
/// that is there if the report has no errors.
#[derive(Debug)]
pub(crate) struct Compiled<P = Plan> {
    pub(crate) model: Option<Model>,
    pub(crate) plan: Option<P>,
    pub(crate) report: Report,
    pub(crate) document: Document,
    /// The files that the configuration refers to, as they were just before they were read.
    pub(crate) referenced: Look,
    /// Who is known by it; there if the plan is.
    pub(crate) consumers: Option<Reading>,
}

/// What becomes of wrong lines in files of consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrongLines {
    /// With one of them nothing is good.
    Refuse,
    /// Their consumers are not known; the others are.
    LeaveOut,
}

impl<P> Compiled<P> {
    /// With more made of the plan.
    pub(crate) fn map<Q>(self, make: impl FnOnce(P) -> Q) -> Compiled<Q> {
        let Self { model, plan, report, document, referenced, consumers } = self;
        Compiled { model, plan: plan.map(make), report, document, referenced, consumers }
    }
}

/// Reads and compiles sources, for whom is known already.
pub(crate) fn compile(
    sources: &[Source],
    (consumers, wrong_lines): (&Consumers, WrongLines),
    petition: &Petition,
    revision: u64,
) -> Compiled {
    petition.gather(sources, || ());
    let environment = Surroundings { petition: Some(petition), ..Surroundings::default() };
    let (model, mut report, mut document) = Model::read(sources, &environment);
    let (mut plan, mut reading) = (None, None);
    if let Some(model) = &model {
        let scope = consumers.scope();
        let (compiled, problems) = Plan::compile(model, &policies::kinds(), &scope, revision);
        report.append(problems);
        if let Some(plan) = &compiled {
            expiry::warn(model, plan, SystemTime::now(), &mut report);
        }
        yumen_observe::check_access_log(&model.access_log, &mut report);
        plan = compiled.filter(|_| !report.has_errors());
    }
    if let Some(plan) = &plan {
        let first = sources.first().map_or("", |source| &source.name);
        let lines = OfConsumers(&environment);
        let around = (folder_of(first), &lines as &dyn Environment);
        reading = Some(consumers.read(&plan.consumers, around, &mut report));
    }
    if wrong_lines == WrongLines::Refuse && report.has_errors() {
        (plan, reading) = (None, None);
    }
    report.locate(&document);
    if !report.problems().is_empty() {
        document.conceal(&policies::schema());
    }
    let referenced = environment.referenced.into_inner();
    Compiled { model, plan, report, document, referenced, consumers: reading }
}

/// Reads the files of consumers of a plan again, and nothing else.
pub(crate) fn read_consumers(
    origin: &Origin,
    consumers: &Consumers,
    plan: &Plan,
) -> (Reading, Report) {
    let mut report = Report::default();
    let name = match origin {
        Origin::Example => String::new(),
        // Of a folder, the files in it count.
        Origin::Path(path) if path.is_dir() => path.join("x").display().to_string(),
        Origin::Path(path) => path.display().to_string(),
    };
    let environment = Surroundings::default();
    let lines = OfConsumers(&environment);
    let around = (folder_of(&name), &lines as &dyn Environment);
    let reading = consumers.read_files(&plan.consumers, around, &mut report);
    (reading, report)
}

fn folder_of(file: &str) -> &Path {
    Path::new(file).parent().unwrap_or(Path::new(""))
}

/// What references of a configuration stand for on this machine.
#[derive(Debug, Default)]
struct Surroundings<'a> {
    referenced: RefCell<Look>,
    petition: Option<&'a Petition>,
}

/// What references in files of consumers stand for. A line is read once, so what it was read with is
/// not followed; of a secret that would be noticed too late.
struct OfConsumers<'a>(&'a Surroundings<'a>);

impl Environment for OfConsumers<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.variable(name)
    }

    fn file(&self, path: &str, within: &str) -> Result<String, String> {
        self.0.file(path, within)
    }

    fn secret(&self, _path: &str, _key: &str) -> Result<String, NoSecret> {
        let why =
            "a file of consumers cannot refer to Vault, as it would not follow what changes there";
        let hint = "write the consumer in the configuration itself, or a hash or sealed secret";
        Err(NoSecret { why: why.to_owned(), hint: hint.to_owned() })
    }
}

impl Environment for Surroundings<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str, within: &str) -> Result<String, String> {
        let file = folder_of(within).join(path);
        // Before the reading: what changes in between is seen by the next look.
        let seen = look_at(file.clone());
        let mut referenced = self.referenced.borrow_mut();
        if !referenced.iter().any(|(known, _)| *known == file) {
            referenced.push(seen);
        }
        let mut bytes = Vec::new();
        let most = REFERENCED_BYTES as u64 + 1;
        let read = File::open(&file).and_then(|open| open.take(most).read_to_end(&mut bytes));
        read.map_err(|error| error.to_string())?;
        String::from_utf8(bytes).map_err(|_binary| "it is not UTF-8 text".to_owned())
    }

    fn secret(&self, path: &str, key: &str) -> Result<String, NoSecret> {
        let nobody = || {
            let hint = "this is a bug".to_owned();
            Err(NoSecret { why: "nobody asks Vault here".to_owned(), hint })
        };
        self.petition.map_or_else(nobody, |petition| petition.value(path, key))
    }
}
