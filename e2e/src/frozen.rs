//! A thread of a process that is stopped for a while, as one is that hangs (`peers/freeze.py`).

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::client::SOON;
use crate::gateway::Lines;
use crate::tools::{Tool, peer};

/// A thread that does nothing until it is let go.
#[derive(Debug)]
pub struct Frozen {
    freezer: Child,
}

impl Frozen {
    /// Stops the thread of this name; `None` where that is not allowed, which is said loudly and fails
    /// where `CI` is `true`. It needs [`Tool::Python`].
    pub fn thread(pid: u32, name: &str) -> Option<Self> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("threads").flatten();
        let mut named = tasks.filter(|task| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
        });
        let thread = named.next().expect("a thread of this name").file_name();
        let mut freezer = Command::new(Tool::Python.path().expect("`have` was asked"))
            .arg(peer("freeze.py"))
            .arg(thread)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let said = Lines::of(freezer.stdout.take().expect("a pipe"));
        let stopped = said.wait(0, SOON, |_| true).expect("a word");
        if stopped == "stopped" {
            return Some(Self { freezer });
        }
        eprintln!("SKIPPED: a thread cannot be stopped here: {stopped}");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "nothing is skipped in CI");
        drop(freezer.wait());
        None
    }

    /// Lets it go on.
    pub fn let_go(mut self) {
        drop(self.freezer.stdin.take());
        drop(self.freezer.wait());
    }
}
