//! Files of the access log that are full: moved aside under a number, while others write to them.
//!
//! Two processes may write to one file, when one hands over to the other. Each looks, before it
//! writes a chunk, whether the file is still the one of that name, and how large it is now. Whoever
//! finds it full takes a lock on it and looks again: the other one may have been faster.

use std::{
    fs::{self, File, Metadata},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

use yumen_model::{AccessLog, LogSink};

use super::open::open_file;

/// When files are moved aside, and how many are kept.
#[derive(Debug)]
pub(super) struct Rotation {
    path: PathBuf,
    bytes_max: u64,
    keep: u32,
}

impl Rotation {
    /// `None` unless a file is to be rotated.
    pub(super) fn new(config: &AccessLog) -> Option<Self> {
        match (&config.to, &config.rotate) {
            (LogSink::File(path), Some(rotation)) => {
                Some(Self { path: path.into(), bytes_max: rotation.bytes.0, keep: rotation.keep })
            }
            _ => None,
        }
    }

    /// The file that so many more bytes are to go to, if it is not this one any more.
    ///
    /// # Errors
    /// If files cannot be moved or opened.
    pub(super) fn turn(&self, file: &File, bytes: usize) -> io::Result<Option<File>> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let is_full = |now: &Metadata| {
            now.is_file() && now.len() > 0 && now.len().saturating_add(bytes) > self.bytes_max
        };
        if self.is_elsewhere(&file.metadata()?)? {
            return open_file(&self.path).map(Some);
        }
        if !is_full(&file.metadata()?) {
            return Ok(None);
        }
        // Let go of when the file is closed, or at once if it is not to be moved.
        file.lock()?;
        let turned = if self.is_elsewhere(&file.metadata()?)? {
            open_file(&self.path)
        } else {
            self.move_aside().and_then(|()| open_file(&self.path))
        };
        file.unlock()?;
        turned.map(Some)
    }

    /// Whether the name leads to another file, or to none.
    fn is_elsewhere(&self, ours: &Metadata) -> io::Result<bool> {
        match fs::metadata(&self.path) {
            Ok(named) => Ok((named.dev(), named.ino()) != (ours.dev(), ours.ino())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Moves every file to the next number. The last one is replaced.
    fn move_aside(&self) -> io::Result<()> {
        for number in (1..self.keep).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.numbered(1))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}
