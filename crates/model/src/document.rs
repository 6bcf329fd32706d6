//! Configuration text as a tree of [`Node`]s that remember where they were written.
//!
//! The text is YAML, or JSON where the file's name ends in `.json`. A scalar stays the text that
//! was written until somebody asks for a type ([`crate::read()`]), so `no`, `0755` and `1.10` are
//! never turned into something else. What could surprise is refused: duplicate keys, tags, merge
//! keys, several documents in one file, and more than the limits below.

mod json;
mod merge;
mod node;
mod reference;
mod resolve;
#[cfg(test)]
mod tests;
mod yaml;

use std::fmt;
use std::sync::Arc;

use crate::hide::visit;
use crate::path::{self, Step};
use crate::report::{Place, Report};

pub use node::Node;
pub(crate) use node::{Entry, HANDED_OVER_AS, Scalar, Untyped, Value, hand_over, is_number};

/// The longest text of one file.
pub const SOURCE_BYTES: usize = 64 << 20;
/// How deep lists and maps may be nested.
pub const DEPTH: usize = 64;
/// What anchors and aliases of one file may copy: text, and [`NODE_BYTES`] for every node.
pub const ALIASED_BYTES: usize = 16 << 20;
/// Parts of a secret that are shorter are not looked for in a line.
const CONCEALED_LEAST: usize = 4;
/// What one node counts for in [`ALIASED_BYTES`].
pub const NODE_BYTES: usize = 64;

/// One file of a configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// For messages; text is JSON if it ends in `.json`, else YAML.
    pub name: String,
    /// What is written in it.
    pub text: String,
}

/// Without the text, for it may hold secrets.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The longest text of one file that `${file:PATH}` stands for.
pub const REFERENCED_BYTES: usize = 16 << 20;

/// What references stand for. A function from names to values has variables and no files.
pub trait Environment {
    /// The value that `${env:NAME}` stands for; `None` if it is not set.
    fn variable(&self, name: &str) -> Option<String>;

    /// The whole text of the file that `${file:PATH}` stands for; a relative path starts in the
    /// folder of the source `within`.
    ///
    /// # Errors
    /// Why it cannot be had, such as `no such file`.
    fn file(&self, _path: &str, _within: &str) -> Result<String, String> {
        Err("there are no files here".to_owned())
    }

    /// The value of a key of a secret, which `${vault:PATH#KEY}` stands for.
    ///
    /// # Errors
    /// Why it cannot be had, and the way out.
    fn secret(&self, _path: &str, _key: &str) -> Result<String, NoSecret> {
        let hint = "write `${env:NAME}` or `${file:PATH}`, or the value itself".to_owned();
        Err(NoSecret { why: "there are no secrets here".to_owned(), hint })
    }
}

/// Why a secret cannot be had, and the way out, without anything that is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSecret {
    /// Half a sentence.
    pub why: String,
    /// What to do.
    pub hint: String,
}

/// An environment with nothing in it.
#[derive(Debug, Clone, Copy)]
pub struct NoEnvironment;

impl Environment for NoEnvironment {
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
}

impl<F: Fn(&str) -> Option<String>> Environment for F {
    fn variable(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// One configuration from one or several files.
#[derive(Clone)]
pub struct Document {
    root: Node,
    files: Vec<(Arc<str>, String)>,
    /// Texts that are not shown, with where they are written.
    concealed: Vec<(Box<str>, Option<Place>)>,
}

/// Without the files' text, for it may hold secrets.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.files.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("Document").field("files", &names).finish_non_exhaustive()
    }
}

impl Document {
    /// Reads files into one tree. Top-level lists are joined in the order of the files; any other
    /// top-level key may be set in one file only. Everything that is wrong goes to the report,
    /// and the tree is made of what is right.
    pub fn read(sources: &[Source], environment: &dyn Environment, report: &mut Report) -> Self {
        let mut roots = Vec::new();
        let mut files = Vec::new();
        for source in sources {
            let file: Arc<str> = Arc::from(source.name.as_str());
            roots.extend(read_source(source, &file, report));
            files.push((file, source.text.clone()));
        }
        let start = files.first().map(|(file, _)| start_of(file));
        let mut root = merge::merge(roots, start, report);
        resolve::resolve(&mut root, environment, report);
        Self { root, files, concealed: Vec::new() }
    }

    /// The tree.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Where the value at a path is written, or the nearest one around it that is. A list or map
    /// that is the value of a key is found at its key.
    pub fn locate(&self, path: &str) -> Option<Place> {
        let mut node = &self.root;
        let mut rest = path;
        while let Some((step, after)) = path::split(rest) {
            let Some(child) = node.child(step) else { break };
            node = child;
            rest = after;
        }
        node.place().cloned()
    }

    /// From now on no line shows what is a secret by this schema. That is only known of files that could
    /// be read.
    pub fn conceal(&mut self, schema: &serde_json::Value) {
        let concealed = &mut self.concealed;
        visit(&mut self.root, (schema, schema), &mut |secret, place| {
            concealed.push((secret.text.clone(), place.cloned()));
        });
        // Of alternatives, several may say the same of a value.
        concealed.sort();
        concealed.dedup();
    }

    /// The text of the line that a place is in, with stars for what is concealed.
    pub fn line(&self, place: &Place) -> Option<String> {
        let (_, text) = self.files.iter().find(|(file, _)| *file == place.file)?;
        let line = text.lines().nth(usize::try_from(place.line).ok()?.checked_sub(1)?)?;
        let mut shown = line.to_owned();
        for (secret, at) in &self.concealed {
            let before = shown.clone();
            // A text may go over several lines.
            let pieces = secret.lines().map(str::trim);
            for piece in pieces.filter(|piece| piece.len() >= CONCEALED_LEAST) {
                shown = shown.replace(piece, &"*".repeat(piece.chars().count()));
            }
            let at = at.as_ref().filter(|at| at.file == place.file && at.line == place.line);
            if let Some(at) = at.filter(|_| shown == before) {
                // It is short, or written in another way than it reads.
                let column = usize::try_from(at.column.saturating_sub(1)).unwrap_or(0);
                let star = |(index, letter)| if index < column { letter } else { '*' };
                shown = before.chars().enumerate().map(star).collect();
            }
        }
        Some(shown)
    }
}

impl Node {
    fn child(&self, step: Step<'_>) -> Option<&Self> {
        match (step, &self.value) {
            (Step::Item(index), Value::List(items)) => items.get(index),
            (Step::Key(key), Value::Map(entries)) => {
                entries.iter().find(|entry| *entry.key == *key).map(|entry| &entry.node)
            }
            _ => None,
        }
    }
}

fn start_of(file: &Arc<str>) -> Place {
    Place { file: Arc::clone(file), line: 1, column: 1 }
}

/// The tree of one file; `None` if it cannot be read, which was reported then.
fn read_source(source: &Source, file: &Arc<str>, report: &mut Report) -> Option<Node> {
    if source.text.len() > SOURCE_BYTES {
        let message = format!("the file is longer than {} MiB", SOURCE_BYTES >> 20);
        report.error("", message).at(start_of(file));
        return None;
    }
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let is_json = source.name.rsplit_once('.').is_some_and(|(_, end)| end == "json");
    let tree = if is_json { json::read(text, file) } else { yaml::read(text, file) };
    let refused = match tree {
        Ok(node) => return Some(node),
        Err(refused) => refused,
    };
    let problem = report.error("", refused.message).at(refused.at);
    if let Some(hint) = refused.hint {
        problem.hint(hint);
    }
    None
}

/// Why a text is not a tree: the first mistake in it, after which reading makes no sense.
struct Refused {
    at: Place,
    message: String,
    hint: Option<&'static str>,
}
