//! The word that somebody meant.

/// The longest word that is compared, so that a long one costs little.
const LONGEST: usize = 64;

/// The one of the words that is most like this one; `None` if none differs by less than a third of
/// its letters. Upper and lower case are the same here.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = letters(word);
    let allowed = (word.len() / 3).max(1);
    known
        .map(|other| (distance(&word, &letters(other)), other))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

fn letters(word: &str) -> Vec<char> {
    word.chars().take(LONGEST).flat_map(char::to_lowercase).collect()
}

/// How many letters have to be put in, left out or changed to make one word the other.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.iter().enumerate() {
        let mut before = at;
        let mut left = at + 1;
        for (cell, against) in row.iter_mut().skip(1).zip(other) {
            let changed = before + usize::from(letter != against);
            before = *cell;
            left = changed.min(before + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = at + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_word_with_a_slip_is_known() {
        let check = |word: &str, expect: Option<&str>| {
            let known = ["request.method", "request.host", "size", "startsWith"];
            assert_eq!(nearest(word, known.into_iter()), expect, "{word}");
        };
        check("request.metod", Some("request.method"));
        check("request.Method", Some("request.method"));
        check("requst.hots", Some("request.host"));
        check("siez", None);
        check("siz", Some("size"));
        check("sizes", Some("size"));
        check("starts_with", Some("startsWith"));
        check("response.status", None);
        check("", None);
        check(&"x".repeat(100_000), None);
    }
}
