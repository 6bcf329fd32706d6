//! Bounds of XML, once over a text, with nothing in memory but how deep it is.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::config::{XmlLimits, size};
use crate::wrong::Wrong;

/// The entities that every reader knows (XML 1.0, section 4.6), and no other is taken.
const KNOWN: [&str; 5] = ["amp", "apos", "gt", "lt", "quot"];

/// Looks at a text.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(text: &[u8], limits: &XmlLimits) -> Result<(), Wrong> {
    let text = std::str::from_utf8(text).map_err(|_other| Wrong::form("it is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut seen = Seen { limits, open: Vec::new(), nodes: 0, is_begun: false, text: 0 };
    loop {
        let is_first = reader.buffer_position() == 0;
        let event = reader.read_event().map_err(|_other| Wrong::form("it is no XML"))?;
        if !matches!(event, Event::Text(_) | Event::CData(_) | Event::GeneralRef(_)) {
            seen.text = 0;
        }
        match event {
            Event::Start(element) => seen.begin(&element, true)?,
            Event::Empty(element) => seen.begin(&element, false)?,
            Event::End(_) => drop(seen.open.pop()),
            Event::Text(text) => seen.text(&text.into_inner())?,
            Event::CData(text) => {
                if seen.open.is_empty() {
                    return Err(Wrong::form("a text stands outside of all elements"));
                }
                seen.text(&text.into_inner())?;
            }
            Event::GeneralRef(reference) => {
                let name = reference.into_inner();
                if seen.open.is_empty() || !is_known(&name) {
                    return Err(Wrong::form("an entity is none of those that every reader knows"));
                }
                seen.text("&")?;
            }
            Event::DocType(_) => return Err(Wrong::form("a document type is not taken here")),
            Event::Comment(_) | Event::PI(_) if limits.plain => {
                return Err(Wrong::form("comments and processing instructions are not taken here"));
            }
            Event::Comment(text) => seen.long(text.into_inner().len())?,
            Event::PI(text) => seen.long(text.into_inner().len())?,
            Event::Decl(declaration) => {
                let encoding = declaration.encoding();
                let is_utf_8 = encoding.is_none_or(|one| {
                    one.is_ok_and(|one| {
                        ["utf-8", "us-ascii"].iter().any(|known| one.eq_ignore_ascii_case(known))
                    })
                });
                let is_usual = declaration.version().is_ok_and(|version| &*version == "1.0");
                if !is_first || !is_utf_8 || !is_usual {
                    return Err(Wrong::form("it is no XML 1.0 in UTF-8"));
                }
            }
            Event::Eof => return seen.end(),
        }
    }
}

/// Whether a reference is one to a character, or to an entity that every reader knows.
fn is_known(name: &str) -> bool {
    let number = name.strip_prefix('#').map(|number| match number.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse::<u32>(),
    });
    match number {
        Some(Ok(number)) => {
            let is_control = number < 0x20 && !matches!(number, 0x9 | 0xA | 0xD);
            char::from_u32(number).is_some() && !is_control && !matches!(number, 0xFFFE | 0xFFFF)
        }
        Some(Err(_)) => false,
        None => KNOWN.contains(&name),
    }
}

struct Seen<'l> {
    limits: &'l XmlLimits,
    /// Of each open element, how many it has in it.
    open: Vec<usize>,
    nodes: usize,
    is_begun: bool,
    /// Bytes of the text that is being read, references with it.
    text: usize,
}

impl Seen<'_> {
    fn begin(&mut self, element: &BytesStart<'_>, stays_open: bool) -> Result<(), Wrong> {
        match self.open.last_mut() {
            Some(children) => {
                *children += 1;
                if *children > self.limits.children {
                    return Err(Wrong::bound("an element has too many elements in it"));
                }
            }
            None if self.is_begun => {
                return Err(Wrong::form("there are several outermost elements"));
            }
            None => self.is_begun = true,
        }
        self.name(element.name().as_ref())?;
        self.count()?;
        if self.open.len() >= self.limits.depth {
            return Err(Wrong::bound("elements are nested too deep"));
        }
        if stays_open {
            self.open.push(0);
        }
        self.attributes(element)
    }

    fn attributes(&mut self, element: &BytesStart<'_>) -> Result<(), Wrong> {
        // Each one is compared with those before it, of which there are few.
        for (number, attribute) in element.attributes().enumerate() {
            if number >= self.limits.attributes {
                return Err(Wrong::bound("an element has too many attributes"));
            }
            let attribute = attribute
                .map_err(|_other| Wrong::form("attributes are broken, or one stands twice"))?;
            self.name(attribute.key.as_ref())?;
            self.count()?;
            let value: &str = &attribute.value;
            self.long(value.len())?;
            if value.contains('<') {
                return Err(Wrong::form("the value of an attribute has a bracket in it"));
            }
            let mut references = value.split('&').skip(1);
            if !references.all(|rest| rest.split_once(';').is_some_and(|(name, _)| is_known(name)))
            {
                return Err(Wrong::form("an entity is none of those that every reader knows"));
            }
        }
        Ok(())
    }

    fn name(&self, name: &str) -> Result<(), Wrong> {
        if name.len() > size(self.limits.name) {
            return Err(Wrong::bound("a name is too long"));
        }
        let is_good =
            |one: char| one.is_alphanumeric() || matches!(one, '_' | ':' | '-' | '.' | '\u{b7}');
        let begins = |one: char| one.is_alphabetic() || matches!(one, '_' | ':');
        if !name.starts_with(begins) || !name.chars().all(is_good) {
            return Err(Wrong::form("a name is none of XML's"));
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Wrong> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(Wrong::bound("there are too many elements and attributes"));
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Wrong> {
        if self.open.is_empty() && !text.trim_ascii().is_empty() {
            return Err(Wrong::form("a text stands outside of all elements"));
        }
        if text.contains(|one: char| one < ' ' && !matches!(one, '\t' | '\n' | '\r')) {
            return Err(Wrong::form("a text has a control character"));
        }
        self.text = self.text.saturating_add(text.len());
        self.long(self.text)
    }

    fn long(&self, length: usize) -> Result<(), Wrong> {
        if length > size(self.limits.text) {
            return Err(Wrong::bound("a text is too long"));
        }
        Ok(())
    }

    fn end(&self) -> Result<(), Wrong> {
        if !self.open.is_empty() || !self.is_begun {
            return Err(Wrong::form("it ends too early"));
        }
        Ok(())
    }
}
