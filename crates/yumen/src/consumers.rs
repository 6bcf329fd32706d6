//! Who is known, and from where: the directory, and what was last read of the files of consumers.

mod file;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use yumen_directory::{Change, Conflict, Count, Directory, Pepper};
use yumen_key_sets::KeySets;
use yumen_model::document::Environment;
use yumen_model::report::Report;
use yumen_password::Checker;
use yumen_plan::ConsumersPlan;
use yumen_policy::Scope;
use yumen_replay::Replays;

use self::file::{Lines, Reader};
use crate::config::{Look, look_again, look_at};
use crate::say;

/// The name of what the configuration says itself, among the sources of the directory.
const CONFIGURATION: &str = "";

/// The directory, and what was last read of the files of consumers.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    directory: Arc<Directory>,
    passwords: Arc<Checker>,
    replays: Arc<Replays>,
    key_sets: Arc<KeySets>,
    files: Mutex<Files>,
}

/// What was read last.
#[derive(Debug, Default)]
struct Files {
    /// What digests were made, and sealed secrets opened with.
    mark: String,
    /// By path.
    read: HashMap<PathBuf, Seen>,
    /// As they were when it was last tried to read them.
    tried: Look,
}

#[derive(Debug, Clone, Default)]
struct Seen {
    look: Look,
    lines: Arc<Lines>,
}

/// What is to be put into the directory, and remembered of the files then.
#[derive(Debug)]
pub(crate) struct Reading {
    mark: String,
    pepper: Pepper,
    changes: Vec<Change>,
    read: HashMap<PathBuf, Seen>,
}

impl Reading {
    /// How many consumers are new or different, and how many are gone.
    pub(crate) fn size(&self) -> (usize, usize) {
        let count = |of: fn(&Change) -> usize| self.changes.iter().map(of).sum();
        (count(|one| one.put.len()), count(|one| one.gone.len()))
    }
}

impl Consumers {
    /// With so many threads that check passwords, and one that fetches key sets.
    ///
    /// # Errors
    /// What the system says when it cannot start one.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let passwords = Arc::new(Checker::start(threads)?);
        let (key_sets, keeper) = KeySets::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("key sets".to_owned());
        thread.spawn(move || runtime.block_on(keeper.run(|news: &str| say::say(news))))?;
        Ok(Self { passwords, key_sets: Arc::new(key_sets), ..Self::default() })
    }

    /// What policies are given of it.
    pub(crate) fn scope(&self) -> Scope {
        let (directory, passwords) = (Arc::clone(&self.directory), Arc::clone(&self.passwords));
        let (replays, key_sets) = (Arc::clone(&self.replays), Arc::clone(&self.key_sets));
        Scope { directory, passwords, replays, key_sets, ..Scope::default() }
    }

    /// How many are known.
    pub(crate) fn count(&self) -> Count {
        self.directory.count()
    }

    /// Whether there is a consumer of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.directory.consumer(name).is_some()
    }

    /// Reads what a plan says, and of the files what is new in them. Relative paths start in this
    /// folder. What is wrong goes to the report, and is left out.
    pub(crate) fn read(
        &self,
        plan: &ConsumersPlan,
        (folder, environment): (&Path, &dyn Environment),
        report: &mut Report,
    ) -> Reading {
        let entries = plan.entries.clone();
        let own =
            Change { source: CONFIGURATION.into(), put: entries, gone: Vec::new(), whole: true };
        let mut reading = self.read_files(plan, (folder, environment), report);
        reading.changes.insert(0, own);
        reading
    }

    /// As [`Consumers::read`], of the files only.
    pub(crate) fn read_files(
        &self,
        plan: &ConsumersPlan,
        (folder, environment): (&Path, &dyn Environment),
        report: &mut Report,
    ) -> Reading {
        let (mark, mut before) = {
            let files = self.files();
            (files.mark.clone(), files.read.clone())
        };
        let is_new = mark != mark_of(plan);
        if is_new {
            before.values_mut().for_each(|seen| *seen = Seen::default());
        }
        let (mut changes, mut read) = (Vec::new(), HashMap::new());
        for file in plan.files.iter().map(|file| folder.join(file)) {
            let known = before.remove(&file).unwrap_or_default();
            // Before the reading: what changes in between is seen by the next look.
            let look = vec![look_at(file.clone())];
            if known.look == look {
                read.insert(file, known);
                continue;
            }
            let around = ((&plan.pepper, plan.sealing.as_deref()), environment);
            let (lines, change) = Reader::new(&file, around, &known.lines, report).read(&file);
            // Nobody knows which lines are no longer there.
            changes.push(Change { whole: is_new, ..change });
            read.insert(file, Seen { look, lines: Arc::new(lines) });
        }
        let dropped = before.into_keys();
        changes.extend(dropped.map(|file| Change {
            source: file.display().to_string().into(),
            whole: true,
            ..Change::default()
        }));
        Reading { mark: mark_of(plan), pepper: plan.pepper.clone(), changes, read }
    }

    /// Puts what was read into the directory: all of it, or nothing.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn take_up(&self, reading: Reading) -> Result<(), String> {
        let Reading { mark, pepper, changes, read } = reading;
        self.directory.change(&pepper, changes).map_err(|conflicts| {
            let told: Vec<String> = conflicts.iter().map(tell).collect();
            told.join("\n")
        })?;
        *self.files() = Files { mark, read, tried: Look::new() };
        Ok(())
    }

    /// Whether files of consumers have changed since they were read, or were found to be wrong, and
    /// have stopped changing.
    pub(crate) fn have_changed(&self) -> bool {
        let (read, tried) = {
            let files = self.files();
            let looks = files.read.values().flat_map(|seen| seen.look.clone());
            (looks.collect::<Look>(), files.tried.clone())
        };
        let now = look_again(&read);
        now != read && now != tried && look_again(&read) == now
    }

    /// Writes down that the files are read as they are now, and says how many bytes they have.
    pub(crate) fn try_again(&self) -> u64 {
        let mut files = self.files();
        let looks: Look = files.read.values().flat_map(|seen| seen.look.clone()).collect();
        files.tried = look_again(&looks);
        files.tried.iter().filter_map(|(_, seen)| seen.map(|(_, length)| length)).sum()
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        // It is replaced whole.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What digests are made, and sealed secrets opened with.
fn mark_of(plan: &ConsumersPlan) -> String {
    let sealing = plan.sealing.as_ref().map_or("", |key| key.mark());
    format!("{} {sealing}", plan.pepper.mark())
}

fn tell(conflict: &Conflict) -> String {
    match conflict {
        Conflict::Consumer(name) => {
            format!("error: the consumer `{name}` is written in several places; keep one of them")
        }
        Conflict::Credential { proof, one, other } if one == other => {
            format!("error: the consumer `{one}` has the same {} twice; take one out", proof.word())
        }
        Conflict::Credential { proof, one, other } => format!(
            "error: the consumers `{one}` and `{other}` have the same {}; give one of them another",
            proof.word()
        ),
    }
}
