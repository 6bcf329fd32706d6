//! The last configuration that worked, kept on disk, so that a gateway whose file was broken in the
//! meantime starts all the same.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use yumen_model::document::Source;

/// Sources as they are kept.
#[derive(Debug)]
pub(crate) struct Written(String);

impl Written {
    /// With values of secrets in sealed form.
    pub(crate) fn new(sources: &[Source], sealed: Vec<(String, String)>) -> Self {
        let sources: Vec<Value> = sources
            .iter()
            .map(|source| json!({ "name": source.name, "text": source.text }))
            .collect();
        let sealed: Map<String, Value> =
            sealed.into_iter().map(|(id, sealed)| (id, Value::from(sealed))).collect();
        let kept = match sealed.is_empty() {
            true => json!({ "version": 1, "sources": sources }),
            false => json!({ "version": 1, "sources": sources, "secrets": sealed }),
        };
        Self(kept.to_string())
    }
}

/// What was kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) sources: Vec<Source>,
    /// Values of secrets in sealed form, by what they are sealed for.
    pub(crate) sealed: Vec<(String, String)>,
}

/// Where the last good configuration of one origin is kept.
#[derive(Debug)]
pub(crate) struct LastGood {
    file: PathBuf,
}

impl LastGood {
    /// In this folder, for this configuration path.
    pub(crate) fn new(folder: &Path, origin: &Path) -> Self {
        let origin = fs::canonicalize(origin).unwrap_or_else(|_gone| origin.to_owned());
        // FNV-1a: the name must stay the same in every version.
        let hash =
            origin.to_string_lossy().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self { file: folder.join(format!("last-good-{hash:016x}.json")) }
    }

    /// Keeps this one. A crash at any moment leaves the old one or this one, whole.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn keep(&self, written: &Written) -> io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let fresh = self.file.with_extension("new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(written.0.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &self.file)?;
        File::open(folder)?.sync_all()
    }

    /// The one that was kept, if there is one that can be read.
    pub(crate) fn read(&self) -> Option<Kept> {
        let text = fs::read_to_string(&self.file).ok()?;
        let kept: Value = serde_json::from_str(&text).ok()?;
        let sources = kept.get("sources")?.as_array()?;
        let sources: Option<Vec<_>> = sources
            .iter()
            .map(|source| {
                let text = |key: &str| source.get(key)?.as_str().map(str::to_owned);
                Some(Source { name: text("name")?, text: text("text")? })
            })
            .collect();
        let sealed = kept.get("secrets").and_then(Value::as_object).into_iter().flatten();
        let sealed = sealed.filter_map(|(id, one)| Some((id.clone(), one.as_str()?.to_owned())));
        Some(Kept { sources: sources?, sealed: sealed.collect() })
    }

    /// Where it is, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.file
    }
}
