//! The terminal as a screen: drawn over and over, with keys that come one by one.

use std::io::{self, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use rustix::termios::{tcgetattr, tcgetwinsize, tcsetattr};

/// Lines of a terminal that does not say how many it has.
const LINES: usize = 24;
const COLUMNS: usize = 80;

/// The other screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// The terminal while a table is shown.
pub(super) struct Screen {
    /// As it was before.
    before: Termios,
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// The user has had enough.
    End,
    Letter(char),
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// What the system says, such as that there is none.
    pub(super) fn open() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        // With ISIG off, Ctrl-C comes as a key, and the terminal is given back before the end.
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        let screen = Self { before };
        if let Err(error) = write(ENTER) {
            screen.close();
            return Err(error);
        }
        Ok(screen)
    }

    /// Gives the terminal back.
    pub(super) fn close(&self) {
        // If it is gone, there is nothing to give back.
        write(LEAVE).unwrap_or_default();
        tcsetattr(io::stdin(), OptionalActions::Now, &self.before).unwrap_or_default();
    }

    /// Shows these lines, as many as fit; the last one in any case.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(super) fn draw(&self, lines: &[String]) -> io::Result<()> {
        let size = tcgetwinsize(io::stdout()).ok();
        // One that does not know says 0.
        let known = |count: u16| Some(usize::from(count)).filter(|count| *count > 0);
        let rows = size.and_then(|size| known(size.ws_row)).unwrap_or(LINES).max(2);
        let columns = size.and_then(|size| known(size.ws_col)).unwrap_or(COLUMNS);
        let (last, rest) = lines.split_last().map_or(("", lines), |(last, rest)| (last, rest));
        let shown = rest.iter().map(String::as_str).take(rows - 1).chain([last]);
        let mut text = String::from("\x1b[H");
        for (place, line) in shown.enumerate() {
            let start = if place == 0 { "" } else { "\r\n" };
            let line: String = line.chars().filter(|one| !one.is_control()).take(columns).collect();
            text.push_str(&format!("{start}{line}\x1b[K"));
        }
        text.push_str("\x1b[J");
        write(&text)
    }

    /// Waits so long for a key.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub(super) fn key(&self, patience: Duration) -> io::Result<Option<Key>> {
        let stdin = io::stdin();
        let mut files = [PollFd::new(&stdin, PollFlags::IN)];
        let patience = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        };
        match poll(&mut files, Some(&patience)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; 1];
        // Past the buffer of the standard library, which `poll` knows nothing of.
        let count = rustix::io::read(&stdin, &mut bytes)?;
        Ok(Some(match bytes {
            _ if count == 0 => Key::End,
            [b'q' | b'Q' | 3 | 4] => Key::End,
            [other] => Key::Letter(char::from(other).to_ascii_lowercase()),
        }))
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}
