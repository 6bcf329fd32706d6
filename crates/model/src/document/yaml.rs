//! YAML text as a tree with places, from the events of `saphyr-parser`.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::{ALIASED_BYTES, DEPTH, Entry, NODE_BYTES, Node, Refused, Value};
use crate::report::Place;

/// Reads a whole text.
pub(super) fn read(text: &str, file: &Arc<str>) -> Result<Node, Refused> {
    let mut tree = Tree {
        file,
        open: Vec::new(),
        items: Vec::new(),
        entries: Vec::new(),
        anchors: HashMap::new(),
        copied: 0,
        root: None,
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| tree.scan_error(&error))?;
        tree.event(event, span.start)?;
    }
    Ok(tree.root.unwrap_or_default())
}

/// A tree that grows event by event.
struct Tree<'a> {
    file: &'a Arc<str>,
    /// The lists and maps around the next event, outermost first.
    open: Vec<Open>,
    /// What the open lists have so far, innermost last; each takes its own when it ends.
    items: Vec<Node>,
    /// What the open maps have so far, in the same way.
    entries: Vec<Entry>,
    anchors: HashMap<usize, Anchored>,
    /// What anchors and aliases copied so far, in bytes.
    copied: usize,
    root: Option<Node>,
}

/// A list or map whose end has not come yet.
struct Open {
    place: Place,
    anchor: usize,
    kind: Kind,
}

/// With the number of items, or entries, that belong to others around it.
enum Kind {
    List(usize),
    Map(usize, Option<(Box<str>, Place)>),
}

/// A value that aliases may copy.
struct Anchored {
    node: Node,
    size: Size,
}

#[derive(Clone, Copy)]
struct Size {
    bytes: usize,
    depth: usize,
}

impl Tree<'_> {
    fn event(&mut self, event: Event<'_>, mark: Marker) -> Result<(), Refused> {
        let place = self.place(mark);
        let tagged = match &event {
            Event::Scalar(.., tag) | Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => {
                tag.is_some()
            }
            _ => false,
        };
        if tagged {
            let hint = "leave it out; a value is a text or a number by where it is used";
            return Err(refused(place, "a YAML tag (`!...`) means nothing here", Some(hint)));
        }
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(refused(
                place,
                "a second document begins here",
                Some("write one document in a file; several files in a folder are joined"),
            )),
            Event::Alias(anchor) => self.alias(anchor, place),
            Event::Scalar(text, style, anchor, _) => {
                self.scalar(&text, style == ScalarStyle::Plain, anchor, place)
            }
            Event::SequenceStart(anchor, _) => {
                self.begin(place, anchor, Kind::List(self.items.len()))
            }
            Event::MappingStart(anchor, _) => {
                self.begin(place, anchor, Kind::Map(self.entries.len(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, anchor: usize, kind: Kind) -> Result<(), Refused> {
        if self.expects_key() {
            return Err(not_a_key(place));
        }
        if self.open.len() == DEPTH {
            return Err(too_deep(place));
        }
        self.open.push(Open { place, anchor, kind });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refused> {
        let Some(Open { place, anchor, kind }) = self.open.pop() else { return Ok(()) };
        let value = match kind {
            Kind::List(before) => Value::List(self.items.split_off(before)),
            Kind::Map(before, _) => Value::Map(self.entries.split_off(before)),
        };
        self.add(Node { value, place: Some(place) }, anchor)
    }

    fn scalar(
        &mut self,
        text: &str,
        bare: bool,
        anchor: usize,
        place: Place,
    ) -> Result<(), Refused> {
        if !self.expects_key() {
            let node = match text {
                "" | "~" | "null" if bare => Node { value: Value::Nothing, place: Some(place) },
                _ => Node::text(text, bare, Some(place)),
            };
            return self.add(node, anchor);
        }
        if bare && text == "<<" {
            let hint = "write the keys out; an alias may stand for a whole value only";
            return Err(refused(place, "merge keys (`<<`) are not supported", Some(hint)));
        }
        if anchor != 0 {
            return Err(refused(place, "a key cannot have an anchor", None));
        }
        if let Some(Open { kind: Kind::Map(_, key), .. }) = self.open.last_mut() {
            *key = Some((text.into(), place));
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Refused> {
        if self.expects_key() {
            return Err(not_a_key(place));
        }
        let Some(Anchored { node, size }) = self.anchors.get(&anchor) else {
            return Err(refused(place, "an alias inside the value that it stands for", None));
        };
        if self.open.len() + size.depth > DEPTH {
            return Err(too_deep(place));
        }
        let (mut node, bytes) = (node.clone(), size.bytes);
        self.count_copy(bytes, &place)?;
        node.place = Some(place);
        self.add(node, 0)
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, mut node: Node, anchor: usize) -> Result<(), Refused> {
        let key = match self.open.last_mut() {
            Some(Open { kind: Kind::Map(_, key), .. }) => key.take(),
            _ => None,
        };
        if let Some((_, key_place)) = &key
            && !matches!(node.value, Value::Scalar(_))
        {
            node.place = Some(key_place.clone());
        }
        if anchor != 0 {
            let size = size(&node);
            let place = node.place.clone();
            place.map_or(Ok(()), |place| self.count_copy(size.bytes, &place))?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), size });
        }
        match (self.open.last_mut().map(|open| &mut open.kind), key) {
            (Some(Kind::List(_)), _) => self.items.push(node),
            (Some(Kind::Map(..)), Some((key, key_place))) => {
                self.entries.push(Entry { key, key_place: Some(key_place), node });
            }
            (Some(Kind::Map(..)) | None, _) => self.root = Some(node),
        }
        Ok(())
    }

    /// Whether the next value is the key of a map.
    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { kind: Kind::Map(_, None), .. }))
    }

    fn count_copy(&mut self, bytes: usize, place: &Place) -> Result<(), Refused> {
        self.copied = self.copied.saturating_add(bytes);
        if self.copied <= ALIASED_BYTES {
            return Ok(());
        }
        let message = format!("anchors and aliases make more than {} MiB", ALIASED_BYTES >> 20);
        Err(Refused { at: place.clone(), message, hint: Some("write out what is repeated") })
    }

    fn place(&self, mark: Marker) -> Place {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Place {
            file: Arc::clone(self.file),
            line: number(mark.line()),
            column: number(mark.col().saturating_add(1)),
        }
    }

    fn scan_error(&self, error: &saphyr_parser::ScanError) -> Refused {
        let info = error.info();
        let hint = if info.contains("mapping values are not allowed") {
            Some("check the indentation here and above; a text with `: ` in it needs quotes")
        } else if info.contains("unexpected character") {
            Some("a text that begins with this character needs quotes")
        } else if info.contains(" tab") {
            Some("indent with spaces")
        } else if info.contains("parsing a block") {
            Some("check the indentation of this line and of those above")
        } else if info.contains("illegal placement of ':'") {
            Some("a `[`, `{` or quote above may not be closed")
        } else {
            None
        };
        Refused { at: self.place(*error.marker()), message: format!("not YAML: {info}"), hint }
    }
}

fn size(node: &Node) -> Size {
    let total = |sizes: &mut dyn Iterator<Item = Size>| {
        let start = Size { bytes: NODE_BYTES, depth: 1 };
        sizes.fold(start, |total, one| Size {
            bytes: total.bytes + one.bytes,
            depth: total.depth.max(one.depth + 1),
        })
    };
    match &node.value {
        Value::Nothing => Size { bytes: NODE_BYTES, depth: 0 },
        Value::Scalar(scalar) => Size { bytes: NODE_BYTES + scalar.text.len(), depth: 0 },
        Value::List(items) => total(&mut items.iter().map(size)),
        Value::Map(entries) => total(&mut entries.iter().map(|entry| {
            let Size { bytes, depth } = size(&entry.node);
            Size { bytes: bytes + entry.key.len(), depth }
        })),
    }
}

fn refused(at: Place, message: &str, hint: Option<&'static str>) -> Refused {
    Refused { at, message: message.to_owned(), hint }
}

fn not_a_key(at: Place) -> Refused {
    refused(at, "a key must be a text", Some("`{` needs quotes where a text begins with it"))
}

fn too_deep(at: Place) -> Refused {
    Refused { at, message: format!("nested deeper than {DEPTH} levels"), hint: None }
}
