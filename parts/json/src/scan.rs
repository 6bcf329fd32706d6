//! The grammar of JSON (RFC 8259), once over a text, without recursion.

use std::borrow::Cow;

use crate::frame::{Frame, Names};
use crate::{Bound, DEPTH_MAX, Limits, What, Wrong, number, pointer};

/// A text that is being read.
#[derive(Debug)]
pub(crate) struct Scan<'t> {
    text: &'t str,
    at: usize,
    limits: &'t Limits,
    open: Vec<Frame<'t>>,
    nodes: usize,
}

/// What is between two quotation marks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quoted<'t> {
    raw: &'t str,
    has_escapes: bool,
    /// Bytes after its escapes.
    length: usize,
}

impl<'t> Quoted<'t> {
    /// The text that it stands for.
    fn plain(self) -> Cow<'t, str> {
        if !self.has_escapes {
            return Cow::Borrowed(self.raw);
        }
        // It was checked, so that this reader agrees.
        let text = serde_json::from_str(&format!("\"{}\"", self.raw));
        text.map_or(Cow::Borrowed(self.raw), Cow::Owned)
    }
}

impl<'t> Scan<'t> {
    pub(crate) fn new(text: &'t [u8], limits: &'t Limits) -> Result<Self, Wrong> {
        let text = std::str::from_utf8(text)
            .map_err(|wrong| Wrong::of(What::Syntax("it is not UTF-8"), wrong.valid_up_to()))?;
        Ok(Self { text, at: 0, limits, open: Vec::new(), nodes: 0 })
    }

    /// Reads all of it.
    pub(crate) fn whole(mut self) -> Result<usize, Wrong> {
        match self.run() {
            Ok(()) => Ok(self.nodes),
            // What ends too early is wrong at its end.
            Err(what) => {
                let at = self.at.min(self.text.len());
                Err(Wrong { what, pointer: self.pointer(), at })
            }
        }
    }

    fn run(&mut self) -> Result<(), What> {
        self.value()?;
        loop {
            self.space();
            let next = self.peek();
            match (self.open.last_mut(), next) {
                (None, None) => return Ok(()),
                (None, Some(_)) => return Err(What::Syntax("something stands behind the value")),
                (Some(Frame::Object { .. }), Some(b'}'))
                | (Some(Frame::List { .. }), Some(b']')) => {
                    self.at += 1;
                    self.open.pop();
                }
                (Some(Frame::Object { .. }), Some(b',')) => {
                    self.at += 1;
                    self.space();
                    self.name()?;
                    self.value()?;
                }
                (Some(Frame::List { items }), Some(b',')) => {
                    self.at += 1;
                    *items += 1;
                    if *items >= self.limits.items {
                        return Err(What::Exceeds(Bound::Items));
                    }
                    self.value()?;
                }
                _ => return Err(What::Syntax("an object or a list does not end where it should")),
            }
        }
    }

    /// Where the reader is, as a pointer to the value.
    fn pointer(&self) -> String {
        let mut out = String::new();
        for frame in &self.open {
            match frame {
                Frame::Object { current: None, .. } => {}
                Frame::Object { current: Some(name), .. } => pointer::push(&mut out, &name.plain()),
                Frame::List { items } => pointer::push(&mut out, &items.to_string()),
            }
        }
        out
    }

    /// Reads a value; of an object or list its beginning, with the first member or item.
    fn value(&mut self) -> Result<(), What> {
        loop {
            self.space();
            self.nodes += 1;
            if self.nodes > self.limits.nodes {
                return Err(What::Exceeds(Bound::Nodes));
            }
            match self.peek() {
                Some(b'{') => {
                    self.enter()?;
                    if self.peek() == Some(b'}') {
                        self.at += 1;
                        return Ok(());
                    }
                    self.open.push(Frame::Object { names: Names::default(), current: None });
                    self.name()?;
                }
                Some(b'[') => {
                    self.enter()?;
                    if self.peek() == Some(b']') {
                        self.at += 1;
                        return Ok(());
                    }
                    self.open.push(Frame::List { items: 0 });
                    if self.limits.items == 0 {
                        return Err(What::Exceeds(Bound::Items));
                    }
                }
                Some(b'"') => {
                    let length = self.quoted()?.length;
                    return self.bounded(length, self.limits.text, Bound::Text);
                }
                Some(b'-' | b'0'..=b'9') => return self.number(),
                _ => return self.word(),
            }
        }
    }

    fn enter(&mut self) -> Result<(), What> {
        if self.open.len() >= self.limits.depth.min(DEPTH_MAX) {
            return Err(What::Exceeds(Bound::Depth));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Reads the name of a member and the colon behind it.
    fn name(&mut self) -> Result<(), What> {
        if let Some(Frame::Object { current, .. }) = self.open.last_mut() {
            *current = None;
        }
        if self.peek() != Some(b'"') {
            return Err(What::Syntax("a member has no name"));
        }
        let quoted = self.quoted()?;
        self.bounded(quoted.length, self.limits.name, Bound::Name)?;
        if let Some(Frame::Object { names, current }) = self.open.last_mut() {
            *current = Some(quoted);
            if !names.add(quoted.plain()) {
                return Err(What::Twice);
            }
            if names.len() > self.limits.members {
                return Err(What::Exceeds(Bound::Members));
            }
        }
        self.space();
        if self.peek() != Some(b':') {
            return Err(What::Syntax("there is no colon behind a name"));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self) -> Result<(), What> {
        let rest = self.rest();
        let word =
            ["null", "true", "false"].into_iter().find(|word| rest.starts_with(word.as_bytes()));
        match word {
            Some(word) => self.at += word.len(),
            None if rest.is_empty() => return Err(What::Syntax("it ends too early")),
            None => return Err(What::Syntax("a value is none of JSON's")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), What> {
        const BROKEN: What = What::Syntax("a number is not written as JSON writes it");
        let from = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let is_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || is_zero && whole > 1 {
            return Err(BROKEN);
        }
        let mut digits = whole;
        if self.peek() == Some(b'.') {
            self.at += 1;
            let part = self.digits();
            if part == 0 {
                return Err(BROKEN);
            }
            digits += part;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            let exponent = self.digits();
            if exponent == 0 {
                return Err(BROKEN);
            }
            digits += exponent;
        }
        self.bounded(digits, self.limits.digits, Bound::Digits)?;
        let text = self.text.get(from..self.at).unwrap_or_default();
        // Nearly all numbers are short.
        let may_be_rounded = digits > 15 || text.contains(['e', 'E']);
        if may_be_rounded && !self.limits.rounded && number::is_rounded(text) {
            return Err(What::Rounded);
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn bounded(&self, is: usize, most: usize, bound: Bound) -> Result<(), What> {
        if is > most { Err(What::Exceeds(bound)) } else { Ok(()) }
    }

    /// Reads what is between two quotation marks, of which the first one is next.
    fn quoted(&mut self) -> Result<Quoted<'t>, What> {
        self.at += 1;
        let from = self.at;
        let (mut has_escapes, mut length) = (false, 0);
        loop {
            let plain = self.rest().iter();
            let plain = plain.take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count();
            self.at += plain;
            length += plain;
            match self.peek() {
                Some(b'"') => {
                    let raw = self.text.get(from..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(Quoted { raw, has_escapes, length });
                }
                Some(b'\\') => {
                    has_escapes = true;
                    self.at += 1;
                    length += self.escape()?;
                }
                Some(_) => return Err(What::Syntax("a text has a control character")),
                None => return Err(What::Syntax("a text does not end")),
            }
        }
    }

    /// Reads what is behind a backslash; says how many bytes it stands for.
    fn escape(&mut self) -> Result<usize, What> {
        const LONELY: What = What::Syntax("half of a pair of surrogates stands alone");
        let kind = self.peek();
        self.at += 1;
        match kind {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(1),
            Some(b'u') => match self.unit()? {
                0xDC00..=0xDFFF => Err(LONELY),
                0xD800..=0xDBFF => {
                    if !self.rest().starts_with(b"\\u") {
                        return Err(LONELY);
                    }
                    self.at += 2;
                    match self.unit()? {
                        0xDC00..=0xDFFF => Ok(4),
                        _ => Err(LONELY),
                    }
                }
                0..0x80 => Ok(1),
                0x80..0x800 => Ok(2),
                _ => Ok(3),
            },
            _ => Err(What::Syntax("a backslash has none of JSON's letters behind it")),
        }
    }

    fn unit(&mut self) -> Result<u16, What> {
        let broken = What::Syntax("`\\u` has no four hexadecimal digits behind it");
        let digits = self.rest().get(..4).ok_or(broken)?;
        let unit = digits.iter().try_fold(0_u16, |unit, digit| {
            let digit = char::from(*digit).to_digit(16).and_then(|digit| u16::try_from(digit).ok());
            digit.map(|digit| unit << 4 | digit)
        });
        self.at += 4;
        unit.ok_or(broken)
    }

    fn space(&mut self) {
        let rest = self.rest().iter();
        self.at += rest.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}
