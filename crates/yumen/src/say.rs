//! What the operator is told: sentences on standard error, results on standard output.

use std::fmt::Display;
use std::io::Write;

/// One sentence for the operator. A closed standard error is no reason to stop.
pub(crate) fn say(sentence: impl Display) {
    // In one piece: during a hand-over two processes speak.
    let line = format!("yumen: {sentence}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap_or_default();
}

/// Text for the operator that has its own form.
pub(crate) fn tell(text: impl Display) {
    write!(std::io::stderr(), "{text}").unwrap_or_default();
}

/// The result of a command.
pub(crate) fn print(text: impl Display) {
    write!(std::io::stdout(), "{text}").unwrap_or_default();
}
