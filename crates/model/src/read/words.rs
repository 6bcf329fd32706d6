//! Plain words for what Rust types call themselves.

/// What was expected, in words for somebody who writes configuration and not Rust.
pub(crate) fn plain(expected: &str) -> String {
    let (name, least) = match expected.strip_prefix("a nonzero ") {
        Some(name) => (name, Some("1")),
        None => (expected, None),
    };
    if let Some((low, high)) = range(name) {
        return format!("a whole number from {} to {high}", least.unwrap_or(low));
    }
    match expected {
        "a string" | "string" | "str" | "a borrowed string" | "identifier" => "text",
        "a character" => "one character",
        "a boolean" => "`true` or `false`",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "unit" => "nothing",
        _ => return container(expected),
    }
    .to_owned()
}

fn container(expected: &str) -> String {
    let first = expected.split(' ').next().unwrap_or_default();
    match first {
        "struct" | "variant" | "enum" => return "a map of settings".to_owned(),
        _ => {}
    }
    let sized = expected
        .strip_prefix("a tuple of size ")
        .or_else(|| expected.strip_prefix("an array of length "))
        .or_else(|| expected.rsplit_once(" with ")?.1.strip_suffix(" elements"))
        .or_else(|| expected.rsplit_once(" with ")?.1.strip_suffix(" element"));
    match sized {
        Some(size) => format!("a list of {size}"),
        None => expected.to_owned(),
    }
}

fn range(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "u8" => ("0", "255"),
        "u16" => ("0", "65535"),
        "u32" => ("0", "4294967295"),
        "u64" | "usize" => ("0", "18446744073709551615"),
        "i8" => ("-128", "127"),
        "i16" => ("-32768", "32767"),
        "i32" => ("-2147483648", "2147483647"),
        "i64" | "isize" => ("-9223372036854775808", "9223372036854775807"),
        _ => return None,
    })
}

/// "a map with the keys `a`, `b`, `c`"; of many keys only the first.
pub(crate) fn map_of(keys: &[&str]) -> String {
    match keys {
        [] => "a map".to_owned(),
        [first, second, third, _, ..] => {
            format!("a map with keys such as `{first}`, `{second}`, `{third}`")
        }
        few => format!("a map with the keys {}", list(few)),
    }
}

/// "`a`, `b` or `c`".
pub(crate) fn choice(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [only] => format!("`{only}`"),
        [most @ .., last] => format!("{} or `{last}`", list(most)),
    }
}

/// "`a`, `b`, `c`".
pub(crate) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}
