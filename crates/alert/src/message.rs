//! One message to a hook, in the form that the hook takes.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use yumen_model::{AlertFormat, AlertHook, AlertKind};

use crate::kind::{alertname, severity, subject};
use crate::stamp::stamp;

/// Alerts that one message lists; of the others it says how many there are. Alertmanager has to know
/// each.
const LISTED_JSON: usize = 100;
const LISTED_SLACK: usize = 20;
/// How long Alertmanager holds an alert for good that it hears nothing more of: four refreshes.
const HELD: Duration = Duration::from_secs(240);
/// The version of the JSON form; it changes if a member changes its meaning or goes.
const VERSION: u32 = 1;

/// Whether it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does.
    Firing,
    /// It is over.
    Resolved,
}

impl State {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// What is told of one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it is.
    pub kind: AlertKind,
    /// Whose state it is; empty if it is the gateway's own.
    pub subject: String,
    /// Whether it lasts.
    pub state: State,
    /// When it began.
    pub since: SystemTime,
    /// When it ended, if it has.
    pub ended: Option<SystemTime>,
    /// Whether it was told before.
    pub again: bool,
    /// A sentence for people.
    pub summary: String,
}

/// What a hook is told at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Counts the messages to this hook since the start of the process, from 1.
    pub sequence: u64,
    /// When it was made.
    pub at: SystemTime,
    /// The news first.
    pub notes: Vec<Note>,
    /// States beyond those that are followed one by one.
    pub beyond: usize,
}

/// Who tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The name of the host.
    pub name: String,
    /// The process.
    pub pid: u32,
    /// The version of the gateway.
    pub version: String,
    /// The configuration in force.
    pub revision: u64,
}

/// Writes a message in the form of this hook.
#[must_use]
pub fn write(message: &Message, node: &Node, hook: &AlertHook) -> Vec<u8> {
    let value = match hook.format {
        AlertFormat::Json => as_json(message, node, hook),
        AlertFormat::Slack => json!({ "text": as_text(message, node, hook) }),
        AlertFormat::Alertmanager => {
            message.notes.iter().map(|note| for_alertmanager(note, message, node, hook)).collect()
        }
    };
    value.to_string().into_bytes()
}

impl Message {
    /// Those that are listed, and how many are not.
    fn listed(&self, most: usize) -> (impl Iterator<Item = &Note>, usize) {
        let more = self.notes.len().saturating_sub(most) + self.beyond;
        (self.notes.iter().take(most), more)
    }
}

fn as_json(message: &Message, node: &Node, hook: &AlertHook) -> Value {
    let (notes, more) = message.listed(LISTED_JSON);
    let alert = |note: &Note| {
        json!({
            "id": id(note, node),
            "kind": note.kind.name(),
            "subject": note.subject,
            "severity": severity(note.kind),
            "state": note.state.name(),
            "since": stamp(note.since),
            "ended": note.ended.map(stamp),
            "repeated": note.again,
            "summary": note.summary,
        })
    };
    json!({
        "version": VERSION,
        "hook": hook.name,
        "sequence": message.sequence,
        "sent": stamp(message.at),
        "gateway": {
            "node": node.name,
            "pid": node.pid,
            "version": node.version,
            "revision": node.revision,
        },
        "labels": hook.labels,
        "alerts": notes.map(alert).collect::<Vec<_>>(),
        "more": more,
    })
}

fn as_text(message: &Message, node: &Node, hook: &AlertHook) -> String {
    let (notes, more) = message.listed(LISTED_SLACK);
    let mut text = String::new();
    let labels = hook.labels.iter().map(|(key, value)| format!(", {key} {}", escaped(value)));
    let labels: String = labels.collect();
    for note in notes {
        let word = match (note.state, note.again) {
            (State::Firing, false) => "FIRING",
            (State::Firing, true) => "STILL FIRING",
            (State::Resolved, _) => "RESOLVED",
        };
        let until = note.ended.map(|ended| format!(" until {}", stamp(ended)));
        // To write into a string cannot fail.
        let _written = writeln!(
            text,
            "*{word}* ({}) {} [{} since {}{}, gateway {}{labels}]",
            severity(note.kind),
            escaped(&note.summary),
            note.kind.name(),
            stamp(note.since),
            until.unwrap_or_default(),
            escaped(&node.name),
        );
    }
    if more > 0 {
        let _written = writeln!(text, "and {more} more");
    }
    text.truncate(text.trim_end().len());
    text
}

/// What Slack would take for a link or a mention.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn for_alertmanager(note: &Note, message: &Message, node: &Node, hook: &AlertHook) -> Value {
    let text = |text: &str| Value::from(text);
    let mut labels: Map<String, Value> =
        hook.labels.iter().map(|(key, value)| (key.clone(), text(value))).collect();
    labels.insert("alertname".to_owned(), text(alertname(note.kind)));
    labels.insert("severity".to_owned(), text(severity(note.kind)));
    labels.insert("instance".to_owned(), text(&node.name));
    if let Some(name) = subject(note.kind) {
        labels.insert(name.to_owned(), text(&note.subject));
    }
    let ends = note.ended.or_else(|| message.at.checked_add(HELD)).unwrap_or(message.at);
    json!({
        "labels": labels,
        "annotations": {
            "summary": note.summary,
            "revision": node.revision.to_string(),
            "pid": node.pid.to_string(),
        },
        "startsAt": stamp(note.since),
        "endsAt": stamp(ends),
    })
}

/// Labels that are Yumen's own.
#[must_use]
pub fn is_own_label(name: &str) -> bool {
    ["alertname", "severity", "instance"].contains(&name)
        || AlertKind::ALL.into_iter().any(|kind| subject(kind) == Some(name))
}

/// The same for the same state on the same node, in every process and every version. FNV-1a.
fn id(note: &Note, node: &Node) -> String {
    let parts = [node.name.as_str(), note.kind.name(), note.subject.as_str()];
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests;
