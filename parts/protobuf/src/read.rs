//! The fields of a message in memory, one after the other.

/// Bytes of the largest number.
const VARINT_MAX: usize = 10;

/// What one field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// A whole number; one below zero is a very large one.
    Number(u64),
    /// Bytes, text, or a message.
    Bytes(&'a [u8]),
    /// A number of a fixed size: its four or eight bytes, the lowest first.
    Fixed(&'a [u8]),
}

/// The fields of a message with their numbers, up to its end or to what is none.
#[derive(Debug, Clone)]
pub struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    /// Those of this message.
    #[must_use]
    pub fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// Those of a message that is one to its last byte; `None` for any other. What is read of half a
    /// message could be the opposite of the whole.
    #[must_use]
    pub fn whole(message: &'a [u8]) -> Option<Self> {
        let mut rest = Self(message);
        while rest.next().is_some() {}
        rest.0.is_empty().then_some(Self(message))
    }

    /// All bytes, texts or messages in the fields of this number.
    pub fn all_bytes(self, wanted: u64) -> impl Iterator<Item = &'a [u8]> {
        self.filter_map(move |(number, part)| match part {
            Part::Bytes(bytes) if number == wanted => Some(bytes),
            _ => None,
        })
    }

    /// What stands in the first field of this number that holds bytes.
    #[must_use]
    pub fn bytes(self, wanted: u64) -> Option<&'a [u8]> {
        self.all_bytes(wanted).next()
    }

    /// What stands in the first field of this number that holds a whole number.
    #[must_use]
    pub fn number(mut self, wanted: u64) -> Option<u64> {
        self.find_map(|(number, part)| match part {
            Part::Number(value) if number == wanted => Some(value),
            _ => None,
        })
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = (u64, Part<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = varint(self.0)?;
        let (part, rest) = match tag & 7 {
            0 => varint(rest).map(|(value, rest)| (Part::Number(value), rest))?,
            1 => rest.split_at_checked(8).map(|(bytes, rest)| (Part::Fixed(bytes), rest))?,
            2 => {
                let (length, rest) = varint(rest)?;
                let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                (Part::Bytes(bytes), rest)
            }
            5 => rest.split_at_checked(4).map(|(bytes, rest)| (Part::Fixed(bytes), rest))?,
            _ => return None,
        };
        self.0 = rest;
        Some((tag >> 3, part))
    }
}

/// A number of seven bits a byte, and what stands behind it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(VARINT_MAX).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(u32::try_from(7 * place).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write;

    #[test]
    fn numbers_are_read_as_written() {
        for (value, length) in
            [(0, 1), (127, 1), (128, 2), (300, 2), (u64::from(u32::MAX), 5), (u64::MAX, 10)]
        {
            let mut out = Vec::new();
            write::varint(&mut out, value);
            assert_eq!(out.len(), length, "{value}");
            assert_eq!(varint(&out), Some((value, &[][..])));
        }
        assert_eq!(varint(&[0x80; 20]), None);
        assert_eq!(varint(&[]), None);
    }

    #[test]
    fn fields_are_found_by_number_and_sort() {
        let mut message = Vec::new();
        write::number(&mut message, 1, 5);
        write::fixed64(&mut message, 2, 6);
        write::bytes(&mut message, 1, b"a");
        write::fixed32(&mut message, 3, 7);
        write::bytes(&mut message, 1, b"b");
        let parts = Parts::new(&message);
        assert_eq!((parts.clone().number(1), parts.clone().bytes(1)), (Some(5), Some(&b"a"[..])));
        assert_eq!(parts.clone().all_bytes(1).collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!((parts.clone().number(2), parts.bytes(3)), (None, None));
        let fixed = |number: u64| {
            let mut all = Parts::new(&message);
            all.find_map(|(field, part)| (field == number).then_some(part)).unwrap()
        };
        assert_eq!(fixed(2), Part::Fixed(&6_u64.to_le_bytes()));
        assert_eq!(fixed(3), Part::Fixed(&7_u32.to_le_bytes()));
        // It has five fields, and is one to its end behind each of them only.
        let whole = |end: &usize| Parts::whole(&message[..*end]).is_some();
        assert_eq!((0..=message.len()).filter(whole).count(), 6);
        for end in 0..message.len() {
            assert!(Parts::new(&message[..end]).count() < 5, "{end}");
        }
        assert_eq!(Parts::new(&[0x0b, 1]).next(), None, "groups are none of ours");
    }
}
