//! The file that names the process, for `yumen upgrade` and for scripts.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// A file with the process id of the gateway that serves.
#[derive(Debug, Clone)]
pub(crate) struct PidFile(PathBuf);

/// What the file said at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: i32,
    /// Differs each time that the file is written.
    pub(crate) edition: u64,
}

impl PidFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Names this process. Nobody ever reads half a number.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn write(&self) -> Result<(), String> {
        let id = std::process::id();
        let fresh = self.0.with_extension(format!("{id}.new"));
        fs::write(&fresh, format!("{id}\n"))
            .and_then(|()| fs::rename(&fresh, &self.0))
            .map_err(|error| format!("cannot write {}: {error}", self.0.display()))
    }

    /// Which process it names.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn read(&self) -> Result<Named, String> {
        let explain = |error: io::Error| format!("cannot read {}: {error}", self.0.display());
        let text = fs::read_to_string(&self.0).map_err(explain)?;
        let edition = fs::metadata(&self.0).map_err(explain)?;
        match text.trim().parse() {
            Ok(id) if id > 1 => Ok(Named { id, edition: edition.ino() }),
            _ => Err(format!("{}: no process id", self.0.display())),
        }
    }

    /// Removes it, unless it names another process by now.
    pub(crate) fn remove(&self) {
        if self.read().is_ok_and(|named| named.id.unsigned_abs() == std::process::id()) {
            // What stays behind names a process that is gone: readers find that out.
            drop(fs::remove_file(&self.0));
        }
    }
}
