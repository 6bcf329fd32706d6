//! An open file, or standard output, and how whole lines are written to it.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use yumen_model::AccessLog;

use super::rotation::Rotation;

/// Owner reads and writes, group reads: lines name clients.
const FILE_MODE: u32 = 0o640;

/// How long the writer waits before it tries a sink again that is not ready. Standard output can
/// be non-blocking because another process that has it made it so.
const NOT_READY_PAUSE: Duration = Duration::from_millis(10);

/// A file that lines are written to.
#[derive(Debug)]
pub(super) struct Open {
    /// Only the writer's thread takes it.
    state: Mutex<State>,
    rotation: Option<Rotation>,
}

#[derive(Debug)]
struct State {
    file: File,
    /// Whether a failed write left a line without its end.
    torn: bool,
}

/// A write that did not take everything.
#[derive(Debug)]
pub(super) struct Lost {
    /// Lines that were taken whole.
    pub(super) written: u64,
    /// Why not more.
    pub(super) cause: io::Error,
}

impl Open {
    /// Standard output, by a handle of its own: `std::io::stdout` would make others wait while it is
    /// blocked.
    pub(super) fn stdout() -> io::Result<Self> {
        let file = io::stdout().as_fd().try_clone_to_owned()?.into();
        Ok(Self { state: Mutex::new(State { file, torn: false }), rotation: None })
    }

    /// The file of this name.
    pub(super) fn file(path: &str, config: &AccessLog) -> io::Result<Self> {
        let file = open_file(path)?;
        let rotation = Rotation::new(config);
        Ok(Self { state: Mutex::new(State { file, torn: false }), rotation })
    }

    /// Writes whole lines; waits as long as the file does.
    pub(super) fn write(&self, lines: &[u8]) -> Result<(), Lost> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { file, torn } = &mut *state;
        write_lines(file, torn, lines)
    }

    /// Begins a new file if these bytes would make the present one too large, or if it was moved
    /// aside by another process.
    ///
    /// # Errors
    /// If that fails; lines go on to the old one then.
    pub(super) fn make_room(&self, bytes: usize) -> io::Result<()> {
        let Some(rotation) = &self.rotation else { return Ok(()) };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = rotation.turn(&state.file, bytes)? {
            *state = State { file, torn: false };
        }
        Ok(())
    }
}

/// Opens a file to write at its end.
pub(super) fn open_file(path: impl AsRef<Path>) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)
}

/// Writes whole lines. If the write before left a line `torn`, that line is ended first.
fn write_lines(out: &mut impl Write, torn: &mut bool, lines: &[u8]) -> Result<(), Lost> {
    if *torn {
        write_all(out, b"\n").map_err(|(_, cause)| Lost { written: 0, cause })?;
        *torn = false;
    }
    write_all(out, lines).map_err(|(taken, cause)| {
        let taken = lines.get(..taken).unwrap_or(lines);
        *torn = taken.last().is_some_and(|byte| *byte != b'\n');
        let written = taken.iter().filter(|byte| **byte == b'\n').count();
        Lost { written: u64::try_from(written).unwrap_or(u64::MAX), cause }
    })
}

/// As the standard library's, but an error tells how many bytes were taken before it, and a sink
/// that is not ready is waited for.
fn write_all(out: &mut impl Write, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match out.write(rest) {
            Ok(0) => return Err((bytes.len() - rest.len(), ErrorKind::WriteZero.into())),
            Ok(taken) => rest = rest.get(taken..).unwrap_or(&[]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(NOT_READY_PAUSE),
            Err(error) => return Err((bytes.len() - rest.len(), error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind, Result, Write};

    use super::write_lines;

    /// Takes what it is told to take, then fails or is not ready, then takes on.
    struct Script {
        steps: Vec<std::result::Result<usize, ErrorKind>>,
        taken: Vec<u8>,
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            let most = if self.steps.is_empty() { bytes.len() } else { self.steps.remove(0)? };
            let taken = most.min(bytes.len());
            self.taken.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> Result<()> {
            Err(Error::other("lines are never flushed"))
        }
    }

    #[test]
    fn a_torn_line_is_ended_before_the_next_and_only_whole_lines_count() {
        let mut out = Script {
            steps: vec![
                Ok(3),
                Err(ErrorKind::Interrupted),
                Err(ErrorKind::WouldBlock),
                Ok(3),
                Err(ErrorKind::StorageFull),
                Err(ErrorKind::StorageFull),
                Ok(1),
                Ok(5),
                Ok(0),
            ],
            taken: Vec::new(),
        };
        let mut torn = false;
        let mut write = |lines: &[u8]| {
            let written = write_lines(&mut out, &mut torn, lines);
            written.map_err(|lost| (lost.written, lost.cause.kind()))
        };
        assert_eq!(write(b"one\ntwo\n"), Err((1, ErrorKind::StorageFull)), "torn in the second");
        assert_eq!(write(b"three\n"), Err((0, ErrorKind::StorageFull)), "nothing taken");
        assert_eq!(write(b"four\nfive\n"), Err((1, ErrorKind::WriteZero)), "whole lines only");
        assert_eq!(write(b"six\n"), Ok(()));
        assert_eq!(out.taken, b"one\ntw\nfour\nsix\n");
    }
}
