//! How an exchange ended, as a small number: method, status and source, each from a fixed set.

use crate::record::Source;

/// Methods that are counted by name; every other is `_OTHER`.
const METHODS: [&str; 9] =
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
const OTHER_METHOD: &str = "_OTHER";

/// Statuses that are counted by number, ascending; every other by its class.
const CODES: [u16; 61] = [
    100, 101, 103, 200, 201, 202, 203, 204, 205, 206, 207, 300, 301, 302, 303, 304, 307, 308, 400,
    401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421,
    422, 423, 424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 508, 511,
    520, 521, 522, 524,
];

/// What stands for the rest, after the exact codes; 0 is an exchange without an answer.
const CLASSES: [&str; 7] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx", "other"];

const CODE_PLACES: usize = CODES.len() + CLASSES.len();
const SOURCES: [Source; 2] = [Source::Gateway, Source::Upstream];

/// The key of one kind of end, never 0. There are fewer than 1,400.
pub(super) fn key(method: &[u8], status: u16, source: Source) -> u16 {
    let method = METHODS.iter().position(|name| name.as_bytes() == method);
    let method = method.unwrap_or(METHODS.len());
    let source = SOURCES.iter().position(|one| *one == source).unwrap_or(0);
    let place = (method * CODE_PLACES + code_place(status)) * SOURCES.len() + source;
    u16::try_from(place + 1).unwrap_or(u16::MAX)
}

/// The key of a status alone, never 0.
pub(super) fn code_key(status: u16) -> u16 {
    u16::try_from(code_place(status) + 1).unwrap_or(u16::MAX)
}

/// Method, status and source of a [`key`], as label values.
pub(super) fn labels(key: u16) -> (&'static str, String, &'static str) {
    let place = usize::from(key).saturating_sub(1);
    let (rest, source) = (place / SOURCES.len(), place % SOURCES.len());
    let (method, code) = (rest / CODE_PLACES, rest % CODE_PLACES);
    let source = SOURCES.get(source).copied().unwrap_or_default();
    (METHODS.get(method).copied().unwrap_or(OTHER_METHOD), code_at(code), source.name())
}

/// The status of a [`code_key`], as a label value.
pub(super) fn code_label(key: u16) -> String {
    code_at(usize::from(key).saturating_sub(1))
}

fn code_place(status: u16) -> usize {
    CODES.binary_search(&status).unwrap_or_else(|_| {
        let class = match status {
            0 => 0,
            100..=599 => status / 100,
            _ => 6,
        };
        CODES.len() + usize::from(class)
    })
}

fn code_at(place: usize) -> String {
    CODES.get(place).map_or_else(
        || CLASSES.get(place.saturating_sub(CODES.len())).copied().unwrap_or("other").to_owned(),
        u16::to_string,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{CLASSES, CODES, METHODS, code_key, code_label, key, labels};
    use crate::record::Source;

    fn check(method: &str, status: u16, code: &str) {
        for source in [Source::Gateway, Source::Upstream] {
            let found = labels(key(method.as_bytes(), status, source));
            let method = if METHODS.contains(&method) { method } else { "_OTHER" };
            assert_eq!(found, (method, code.to_owned(), source.name()));
        }
        assert_eq!(code_label(code_key(status)), code);
    }

    #[test]
    fn known_ends_keep_their_names_and_others_share_one() {
        assert!(CODES.is_sorted());
        for method in METHODS.into_iter().chain(["PROPFIND", "get", ""]) {
            for status in CODES {
                check(method, status, &status.to_string());
            }
            check(method, 0, "none");
            check(method, 99, "other");
            check(method, 199, "1xx");
            check(method, 299, "2xx");
            check(method, 399, "3xx");
            check(method, 499, "499");
            check(method, 598, "5xx");
            check(method, 600, "other");
            check(method, u16::MAX, "other");
        }
    }

    #[test]
    fn there_are_as_many_keys_as_combinations_and_no_more() {
        let mut keys = BTreeSet::new();
        for method in METHODS.into_iter().chain(["X", "Y"]) {
            for status in 0..=u16::MAX {
                keys.insert(key(method.as_bytes(), status, Source::Gateway));
                keys.insert(key(method.as_bytes(), status, Source::Upstream));
            }
        }
        assert_eq!(keys.len(), 10 * (CODES.len() + CLASSES.len()) * 2);
        assert!(!keys.contains(&0));
    }
}
