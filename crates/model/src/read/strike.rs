//! Reports a mistake and marks in the tree what the next reading must pass over.

use std::collections::HashMap;
use std::ptr;

use super::fault::{Fault, Kind};
use super::words;
use crate::document::{Entry, Node, Value, is_number};
use crate::path::{self, Step};
use crate::report::{Place, Report, nearest};

/// The longest piece of a value that a message quotes, in characters.
const QUOTED: usize = 60;

/// What the next reading passes over. Nodes are known by their address: the tree stays where it
/// is while it is read.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Struck values, each with the key that it was meant for, if any.
    struck: HashMap<*const Node, Option<String>>,
    /// Keys that get a blank value, by map.
    blanks: HashMap<*const Node, Vec<&'static str>>,
    /// How many items at the front of a list were read without a mistake.
    good: HashMap<*const Node, usize>,
}

impl Marks {
    pub(crate) fn is_struck(&self, node: &Node) -> bool {
        !self.struck.is_empty() && self.struck.contains_key(&ptr::from_ref(node))
    }

    pub(crate) fn blanks(&self, map: &Node) -> &[&'static str] {
        self.blanks.get(&ptr::from_ref(map)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn good_items(&self, list: &Node) -> usize {
        self.good.get(&ptr::from_ref(list)).copied().unwrap_or_default()
    }

    /// Reports the mistake, unless it follows from one before, and strikes it out. Whether
    /// reading again makes sense: whether something new is struck.
    pub(crate) fn strike(
        &mut self,
        root: &Node,
        at: &str,
        fault: &Fault,
        report: &mut Report,
    ) -> bool {
        let spot = self.walk(root, at, &fault.way);
        if let (true, Some((map, entry))) = (fault.is_key, &spot.entry) {
            return self.strike_key(fault, map, entry, report);
        }
        match &fault.kind {
            Kind::Blank => self.strike_value(&spot),
            Kind::Missing(key) => {
                if !self.was_meant(spot.node, key) {
                    spot.report(report, format!("`{key}` is missing"), None);
                }
                let blanks = self.blanks.entry(ptr::from_ref(spot.node)).or_default();
                if blanks.contains(key) {
                    return self.strike_value(&spot);
                }
                blanks.push(key);
                true
            }
            kind => {
                if !self.is_incomplete(spot.node) {
                    let (message, hint) = describe(kind, spot.node);
                    spot.report(report, message, hint);
                }
                self.strike_value(&spot)
            }
        }
    }

    /// Follows the way from the root, and notes that what comes before it is good.
    fn walk<'a>(&mut self, root: &'a Node, at: &str, way: &[usize]) -> Spot<'a> {
        let mut spot = Spot { node: root, entry: None, path: at.to_owned(), is_root: true };
        for &position in way.iter().rev() {
            match &spot.node.value {
                Value::List(items) => {
                    let Some(item) = items.get(position) else { break };
                    self.good.insert(ptr::from_ref(spot.node), position);
                    path::push(&mut spot.path, Step::Item(position));
                    spot = Spot { node: item, entry: None, is_root: false, ..spot };
                }
                Value::Map(entries) => {
                    let Some(entry) = entries.get(position) else { break };
                    let mut path = spot.path.clone();
                    path::push(&mut path, Step::Key(&entry.key));
                    let map = Spot { entry: None, ..spot };
                    let entry_of = Some((Box::new(map), entry));
                    spot = Spot { node: &entry.node, entry: entry_of, path, is_root: false };
                }
                Value::Nothing | Value::Scalar(_) => break,
            }
        }
        spot
    }

    fn strike_key(
        &mut self,
        fault: &Fault,
        map: &Spot<'_>,
        entry: &Entry,
        report: &mut Report,
    ) -> bool {
        let key = &entry.key;
        let (message, hint, meant) = match &fault.kind {
            Kind::UnknownKey(_, known) | Kind::UnknownValue(_, known) => {
                let meant = nearest(key, known.iter().copied());
                (format!("unknown key `{key}`"), Some(did_you_mean(meant, "keys", known)), meant)
            }
            kind => {
                let key_as_value = Node::text(key.clone(), true, None);
                let (message, hint) = describe(kind, &key_as_value);
                (format!("the key `{key}`: {message}"), hint, None)
            }
        };
        map.report_at(report, entry.key_place.as_ref(), message, hint);
        let meant = meant.map(str::to_owned);
        self.struck.insert(ptr::from_ref(&entry.node), meant).is_none()
    }

    fn strike_value(&mut self, spot: &Spot<'_>) -> bool {
        let key = spot.entry.as_ref().map(|(_, entry)| entry.key.to_string());
        !spot.is_root && self.struck.insert(ptr::from_ref(spot.node), key).is_none()
    }

    /// Whether the map had this key until it was struck, perhaps misspelt.
    fn was_meant(&self, map: &Node, key: &str) -> bool {
        let Value::Map(entries) = &map.value else { return false };
        let meant = |entry: &Entry| self.struck.get(&ptr::from_ref(&entry.node)).cloned().flatten();
        entries.iter().filter_map(meant).any(|meant| meant == key)
    }

    /// Whether something in the list or map is struck, so that a mistake of the whole may follow
    /// from that.
    fn is_incomplete(&self, node: &Node) -> bool {
        let in_part = match &node.value {
            Value::Nothing | Value::Scalar(_) => false,
            Value::List(items) => items.iter().any(|item| self.is_struck(item)),
            Value::Map(entries) => entries.iter().any(|entry| self.is_struck(&entry.node)),
        };
        in_part || self.good_items(node) > 0 || !self.blanks(node).is_empty()
    }
}

/// A value on the way, with its path.
struct Spot<'a> {
    node: &'a Node,
    /// The map and the entry that the value belongs to, if it is the value of a key.
    entry: Option<(Box<Self>, &'a Entry)>,
    path: String,
    is_root: bool,
}

impl Spot<'_> {
    fn report(&self, report: &mut Report, message: String, hint: Option<String>) {
        self.report_at(report, self.node.place(), message, hint);
    }

    fn report_at(
        &self,
        report: &mut Report,
        place: Option<&Place>,
        message: String,
        hint: Option<String>,
    ) {
        let mut reported = report.error(&self.path, message);
        if let Some(place) = place {
            reported = reported.at(place.clone());
        }
        if let Some(hint) = hint {
            reported.hint(hint);
        }
    }
}

/// The message and the hint for a value that is wrong.
fn describe(kind: &Kind, node: &Node) -> (String, Option<String>) {
    match kind {
        Kind::Wrong(expected) => {
            let message = format!("expected {expected}, found {}", found(expected, node));
            (message, way_out(expected, node))
        }
        Kind::UnknownValue(value, known) => {
            let shown = match &node.value {
                Value::Scalar(scalar) => scalar.shown(),
                _ => value,
            };
            let hint = did_you_mean(nearest(value, known.iter().copied()), "values", known);
            (format!("unknown value `{}`", shorten(shown)), Some(hint))
        }
        Kind::UnknownKey(key, known) => {
            let hint = did_you_mean(nearest(key, known.iter().copied()), "keys", known);
            (format!("unknown key `{key}`"), Some(hint))
        }
        Kind::Other(words) => {
            let words = without_secret(words, node);
            match words.split_once('\n') {
                Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
                None => (words, None),
            }
        }
        Kind::Missing(_) | Kind::Ignored | Kind::Blank => {
            ("it means nothing here".to_owned(), None)
        }
    }
}

/// The value of a reference never reaches a message.
fn without_secret(words: &str, node: &Node) -> String {
    match &node.value {
        Value::Scalar(scalar) if scalar.written.is_some() && !scalar.text.is_empty() => {
            words.replace(&*scalar.text, scalar.shown())
        }
        _ => words.to_owned(),
    }
}

fn found(expected: &str, node: &Node) -> String {
    match &node.value {
        Value::Nothing => "nothing".to_owned(),
        Value::Scalar(scalar) if scalar.written.is_some() => {
            format!("what `{}` stands for", shorten(scalar.shown()))
        }
        Value::Scalar(scalar) if scalar.text.is_empty() => "an empty text".to_owned(),
        Value::Scalar(scalar) => format!("`{}`", shorten(&scalar.text)),
        Value::List(items) if expected.starts_with("a list of") => {
            format!("one of {}", items.len())
        }
        Value::List(_) => "a list".to_owned(),
        Value::Map(entries) if expected.starts_with("a map with one key") => {
            format!("one with {} keys", entries.len())
        }
        Value::Map(_) => "a map".to_owned(),
    }
}

/// What to write instead, where that is clear.
fn way_out(expected: &str, node: &Node) -> Option<String> {
    let text = match &node.value {
        Value::Nothing => {
            return Some("write a value, or leave the key out if it has a default".to_owned());
        }
        Value::Scalar(scalar) if scalar.written.is_none() => &*scalar.text,
        _ => return None,
    };
    if expected == "a list" {
        return Some(format!("write a list with one item: `[{}]`", shorten(text)));
    }
    if expected == "`true` or `false`" {
        return match text.to_lowercase().as_str() {
            "yes" | "y" | "on" | "1" | "true" => Some("write `true`".to_owned()),
            "no" | "n" | "off" | "0" | "false" => Some("write `false`".to_owned()),
            _ => None,
        };
    }
    let is_numeric = text.starts_with(|c: char| c.is_ascii_digit() || c == '+');
    let is_decimal = is_number(text) && !text.contains(['.', 'e', 'E']);
    (is_numeric && !is_decimal && expected.starts_with("a whole number")).then(|| {
        "write decimal digits only, without a leading 0, a point or an exponent".to_owned()
    })
}

fn did_you_mean(meant: Option<&str>, what: &str, known: &[&str]) -> String {
    let all = match known {
        [] => format!("no {what} are known here"),
        known => format!("known {what}: {}", words::list(known)),
    };
    meant.map_or(all.clone(), |meant| format!("did you mean `{meant}`? {all}"))
}

/// One line of a text, cut if it is long.
fn shorten(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(QUOTED).map(plain).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
