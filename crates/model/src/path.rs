//! Paths into a configuration, such as `services[2].routes[0].match.headers["x.y"]`.

/// One step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// Into a map.
    Key(&'a str),
    /// Into a list, from 0.
    Item(usize),
}

/// Adds a step to the end of a path.
pub(crate) fn push(path: &mut String, step: Step<'_>) {
    match step {
        Step::Item(index) => {
            path.push('[');
            *path += &index.to_string();
            path.push(']');
        }
        Step::Key(key) if is_plain(key) => {
            if !path.is_empty() {
                path.push('.');
            }
            *path += key;
        }
        Step::Key(key) => *path += &format!("[\"{key}\"]"),
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| matches!(c, '_' | '-') || c.is_alphanumeric())
}

/// The path's first step and what is left of it; `None` at its end and where it makes no sense.
pub(crate) fn split(path: &str) -> Option<(Step<'_>, &str)> {
    if let Some(quoted) = path.strip_prefix("[\"") {
        let (key, rest) = quoted.split_once("\"]")?;
        return Some((Step::Key(key), rest));
    }
    if let Some(bracketed) = path.strip_prefix('[') {
        let (index, rest) = bracketed.split_once(']')?;
        return Some((Step::Item(index.parse().ok()?), rest));
    }
    let path = path.strip_prefix('.').unwrap_or(path);
    let (key, rest) = path.split_at_checked(path.find(['.', '[']).unwrap_or(path.len()))?;
    (!key.is_empty()).then_some((Step::Key(key), rest))
}
