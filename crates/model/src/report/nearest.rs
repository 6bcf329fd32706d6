//! Finds the word that somebody meant.

/// The word among `known` that `word` was probably meant to be: the same but for case, `-` and
/// `_`, or only a few letters away (one for every three that it has). `None` if nothing is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word);
    let allowed = (word.len() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(&word, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The longest word that is compared, so that hostile input costs little.
const LONGEST: usize = 64;

fn plain(word: &str) -> Vec<char> {
    let joined = word.chars().filter(|c| !matches!(c, '-' | '_' | ' '));
    joined.flat_map(char::to_lowercase).take(LONGEST).collect()
}

/// How many letters must be put in, left out, changed, or swapped with the next one.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut left_of_a = None;
    for (row, &in_a) in a.iter().enumerate() {
        let mut here = vec![row + 1];
        let mut left_of_b = None;
        for (column, &in_b) in b.iter().enumerate() {
            let at =
                |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX);
            let changed = at(&last, column) + usize::from(in_a != in_b);
            let added = at(&last, column + 1).min(at(&here, column)) + 1;
            let swapped = (left_of_a == Some(in_b) && left_of_b == Some(in_a))
                .then(|| at(&before, column.wrapping_sub(1)) + 1);
            here.push(changed.min(added).min(swapped.unwrap_or(usize::MAX)));
            left_of_b = Some(in_b);
        }
        before = std::mem::replace(&mut last, here);
        left_of_a = Some(in_a);
    }
    last.last().copied().unwrap_or_default()
}
