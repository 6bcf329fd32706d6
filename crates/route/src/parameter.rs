//! Path parameters: where a pattern names them, and what a path says for them.

use crate::path::PathPattern;

/// Where the value of a named parameter stands in a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Parameter {
    pub(crate) name: Box<str>,
    /// How many segments stand before it.
    pub(crate) segment: usize,
    /// Whether it takes all segments from there on.
    pub(crate) rest: bool,
}

/// The parameters of the path that won, with their values in one request's path.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a> {
    pub(crate) list: &'a [Parameter],
    pub(crate) path: &'a [u8],
}

impl<'a> Parameters<'a> {
    /// The value as it stands in the canonical path, still percent-encoded; `None` if the path
    /// that won has no parameter of that name. A rest without segments is empty.
    pub fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.list.iter().find(|one| &*one.name == name).map(|one| one.value(self.path))
    }

    /// Names and values from left to right.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let path = self.path;
        self.list.iter().map(move |one| (&*one.name, one.value(path)))
    }
}

impl Parameter {
    fn value<'a>(&self, path: &'a [u8]) -> &'a [u8] {
        let inside = path.strip_prefix(b"/").unwrap_or(path);
        let parts = if self.rest { self.segment + 1 } else { usize::MAX };
        inside.splitn(parts, |byte| *byte == b'/').nth(self.segment).unwrap_or_default()
    }
}

/// The names that every one of a rule's paths has, so that a template may count on them. Paths
/// that are not valid are left out of account: compiling the rule names what is wrong with them.
pub fn parameter_names(paths: &[String]) -> Vec<String> {
    let mut lists = paths.iter().filter_map(|path| PathPattern::parse(path).ok()).map(|pattern| {
        pattern.parameters().into_iter().map(|one| one.name.into()).collect::<Vec<String>>()
    });
    let mut names = lists.next().unwrap_or_default();
    lists.for_each(|others| names.retain(|name| others.contains(name)));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_from_their_place() {
        let check = |pattern: &str, path: &str, expect: &[(&str, &str)]| {
            let list = PathPattern::parse(pattern).unwrap().parameters();
            let parameters = Parameters { list: &list, path: path.as_bytes() };
            let found: Vec<_> = parameters
                .iter()
                .map(|(name, value)| (name, std::str::from_utf8(value).unwrap()))
                .collect();
            assert_eq!(found, expect, "{pattern} {path}");
            for (name, value) in expect {
                assert_eq!(parameters.value(name), Some(value.as_bytes()));
            }
            assert_eq!(parameters.value("missing"), None);
        };
        check("/a/b", "/a/b", &[]);
        check("/a/{id}", "/a/7", &[("id", "7")]);
        check("/{x}/b/{y}", "/1/b/%C3%A9", &[("x", "1"), ("y", "%C3%A9")]);
        check("/{x}/", "/1/", &[("x", "1")]);
        check("/a/{rest*}", "/a", &[("rest", "")]);
        check("/a/{rest*}", "/a/", &[("rest", "")]);
        check("/a/{rest*}", "/a/b/c/", &[("rest", "b/c/")]);
        check("/{x}/{rest*}", "/a/b/c", &[("x", "a"), ("rest", "b/c")]);
        check("/{rest*}", "/", &[("rest", "")]);
        check("/{rest*}", "/a/b", &[("rest", "a/b")]);
    }

    #[test]
    fn a_rule_has_the_names_that_all_its_paths_have() {
        let check = |paths: &[&str], expect: &[&str]| {
            let paths: Vec<_> = paths.iter().map(ToString::to_string).collect();
            assert_eq!(parameter_names(&paths), expect);
        };
        check(&[], &[]);
        check(&["/{a}/{b}/{c*}"], &["a", "b", "c"]);
        check(&["/{a}/{b}", "/x/{b}"], &["b"]);
        check(&["/{a}", "/b"], &[]);
        check(&["/{a}", "broken"], &["a"]);
        check(&["~ /(?<a>.)"], &[]);
    }
}
