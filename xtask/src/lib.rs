//! Reads the house (its rooms, who knows whom, and every text file) for the tidy tests, which
//! keep the rules of `docs/ARCHITECTURE.md` true. It judges nothing itself.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What the repository holds.
#[derive(Debug)]
pub struct House {
    /// The repository's folder.
    pub root: PathBuf,
    /// Every crate of the workspace.
    pub rooms: Vec<Room>,
    /// Every text file that is ours: neither built, downloaded nor hidden.
    pub texts: Vec<Text>,
}

/// One crate of the workspace.
#[derive(Debug)]
pub struct Room {
    /// The crate's name, such as `yumen-model`.
    pub name: String,
    /// Its folder, such as `crates/model`.
    pub folder: String,
    /// The folders of the crates of the house that it depends on (build dependencies too, but
    /// not those of its tests).
    pub knows: Vec<String>,
    /// The crates from outside that it depends on, likewise.
    pub outside: Vec<String>,
}

/// One text file.
#[derive(Debug)]
pub struct Text {
    /// Its path from the root, with forward slashes.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl House {
    /// Reads the repository around this crate.
    ///
    /// # Errors
    /// When a file cannot be read or `cargo metadata` fails.
    pub fn open() -> Result<Self, Box<dyn Error>> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.parent().ok_or("this crate lies in no folder")?.to_path_buf();
        let rooms = read_rooms(&root)?;
        let mut texts = Vec::new();
        read_texts(&root, &root, &mut texts)?;
        texts.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { root, rooms, texts })
    }

    /// The product's own Rust files without their tests and comments.
    pub fn product(&self) -> impl Iterator<Item = Text> {
        self.texts.iter().filter(|file| is_product(&file.path)).map(|file| Text {
            path: file.path.clone(),
            text: without_comments(without_tests(&file.text)),
        })
    }

    /// Whether a file or folder is there.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The text of one file; empty when it is not there.
    #[must_use]
    pub fn text(&self, path: &str) -> &str {
        self.texts.iter().find(|file| file.path == path).map_or("", |file| file.text.as_str())
    }
}

/// Whether a path is a Rust file that ends up in the binary.
#[must_use]
pub fn is_product(path: &str) -> bool {
    let rooms = ["crates/", "parts/", "policies/"];
    let for_tests = ["/tests.rs", "/testing.rs"];
    let is_test = path.contains("/tests/") || for_tests.iter().any(|end| path.ends_with(end));
    path.ends_with(".rs")
        && path.contains("/src/")
        && rooms.iter().any(|room| path.starts_with(room))
        && !is_test
}

/// Fails with one line for each finding, if there is any.
#[track_caller]
pub fn expect_none(findings: impl IntoIterator<Item = String>) {
    let findings: Vec<String> = findings.into_iter().collect();
    assert!(findings.is_empty(), "\n  {}\n", findings.join("\n  "));
}

fn read_rooms(root: &Path) -> Result<Vec<Room>, Box<dyn Error>> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let told = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()?;
    if !told.status.success() {
        return Err(String::from_utf8_lossy(&told.stderr).into());
    }
    let told: Value = serde_json::from_slice(&told.stdout)?;
    let packages = told.get("packages").and_then(Value::as_array).ok_or("no packages")?;
    Ok(packages.iter().filter_map(|package| read_room(root, package)).collect())
}

fn read_room(root: &Path, package: &Value) -> Option<Room> {
    let manifest = Path::new(package.get("manifest_path")?.as_str()?);
    let mut room = Room {
        name: package.get("name")?.as_str()?.to_owned(),
        folder: relative(root, manifest.parent()?),
        knows: Vec::new(),
        outside: Vec::new(),
    };
    for dependency in package.get("dependencies")?.as_array()? {
        if dependency.get("kind").and_then(Value::as_str) == Some("dev") {
            continue;
        }
        match dependency.get("path").and_then(Value::as_str) {
            Some(path) => room.knows.push(relative(root, Path::new(path))),
            None => room.outside.push(dependency.get("name")?.as_str()?.to_owned()),
        }
    }
    Some(room)
}

fn read_texts(root: &Path, folder: &Path, texts: &mut Vec<Text>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = relative(root, &path);
        if path.is_dir() {
            if !is_foreign(&name) {
                read_texts(root, &path, texts)?;
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            texts.push(Text { path: name, text });
        }
    }
    Ok(())
}

/// Folders that hold what was built, downloaded or found, and what is not ours.
fn is_foreign(folder: &str) -> bool {
    let name = folder.rsplit('/').next().unwrap_or(folder);
    let built = ["target", "node_modules", "__pycache__", "corpus", "artifacts"];
    built.contains(&name) || folder == "bench/work" || (name.starts_with('.') && name != ".ci")
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// A test module stands at the end of its file, or in a file of its own.
fn without_tests(text: &str) -> &str {
    text.split_once("#[cfg(test)]\nmod tests {").map_or(text, |(product, _)| product)
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}
