//! Which described path a request's path is: a tree of segments, in which what is written out goes before
//! what has parameters.

use std::collections::BTreeMap;

use crate::document::decode;

/// Segments of one path.
const SEGMENTS_MAX: usize = 100;

/// Described paths, each with a number.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    plain: BTreeMap<Vec<u8>, Node>,
    patterns: Vec<(Pattern, Node)>,
    end: Option<usize>,
}

/// A segment with parameters in it.
#[derive(Debug, PartialEq, Eq)]
struct Pattern {
    /// What stands before each parameter.
    before: Vec<Vec<u8>>,
    /// What stands behind the last one.
    last: Vec<u8>,
}

/// A path that was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Match<'p> {
    /// Its number.
    pub(crate) path: usize,
    /// What stands for its parameters, in their order, as it was sent.
    pub(crate) values: Vec<&'p [u8]>,
}

impl Paths {
    /// Adds a path; returns the number of the one that nothing tells from it, which is the new one if there
    /// was none, and the names of its own parameters, in their order.
    ///
    /// # Errors
    /// Why it is none.
    pub(crate) fn add(
        &mut self,
        path: &str,
        number: usize,
    ) -> Result<(usize, Vec<String>), String> {
        let Some(rest) = path.strip_prefix('/') else {
            return Err("a path begins with a slash".to_owned());
        };
        if rest.split('/').count() > SEGMENTS_MAX {
            return Err(format!("the path has more than {SEGMENTS_MAX} segments"));
        }
        let mut names = Vec::new();
        let mut node = &mut self.root;
        for segment in rest.split('/') {
            node = match pattern(segment, &mut names)? {
                None => node.plain.entry(decode(segment).as_bytes().to_vec()).or_default(),
                Some(pattern) => node.child(pattern)?,
            };
        }
        let is_twice = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
        match names.iter().find(|name| is_twice(name)) {
            Some(name) => Err(format!("the path has `{{{name}}}` twice")),
            None => Ok((*node.end.get_or_insert(number), names)),
        }
    }

    /// The path that a request's is.
    pub(crate) fn find<'p>(&self, path: &'p [u8]) -> Option<Match<'p>> {
        let rest = path.strip_prefix(b"/")?;
        let segments: Vec<&[u8]> =
            rest.split(|byte| *byte == b'/').take(SEGMENTS_MAX + 1).collect();
        let mut values = Vec::new();
        let path = self.root.find(&segments, &mut values)?;
        Some(Match { path, values })
    }
}

impl Node {
    fn child(&mut self, pattern: Pattern) -> Result<&mut Self, String> {
        let place = match self.patterns.iter().position(|(known, _)| *known == pattern) {
            Some(place) => place,
            None => {
                // What has more written out goes first.
                let written =
                    |one: &Pattern| one.before.iter().map(Vec::len).sum::<usize>() + one.last.len();
                let place =
                    self.patterns.partition_point(|(known, _)| written(known) >= written(&pattern));
                self.patterns.insert(place, (pattern, Self::default()));
                place
            }
        };
        self.patterns
            .get_mut(place)
            .map(|(_, node)| node)
            .ok_or_else(|| "there is no place for it".to_owned())
    }

    /// No node is looked at twice, so that this takes no longer than there are paths.
    fn find<'p>(&self, segments: &[&'p [u8]], values: &mut Vec<&'p [u8]>) -> Option<usize> {
        let Some((segment, rest)) = segments.split_first() else { return self.end };
        let plain = if segment.contains(&b'%') {
            let decoded: Vec<u8> = yumen_http::query::decoded(&without_plus(segment)).collect();
            self.plain.get(&decoded)
        } else {
            self.plain.get(*segment)
        };
        let known = values.len();
        if let Some(found) = plain.and_then(|node| node.find(rest, values)) {
            return Some(found);
        }
        self.patterns.iter().find_map(|(pattern, node)| {
            values.truncate(known);
            if pattern.take(segment, values) { node.find(rest, values) } else { None }
        })
    }
}

/// As a text whose `+` is read as itself.
fn without_plus(segment: &[u8]) -> Vec<u8> {
    segment.split(|byte| *byte == b'+').collect::<Vec<_>>().join(&b"%2B"[..])
}

/// What a segment with parameters is; nothing if it has none.
fn pattern(segment: &str, names: &mut Vec<String>) -> Result<Option<Pattern>, String> {
    let (mut before, mut rest) = (Vec::new(), segment);
    while let Some((text, behind)) = rest.split_once('{') {
        let Some((name, behind)) = behind.split_once('}') else {
            return Err(format!("`{segment}` has a bracket that does not end"));
        };
        if name.is_empty() || name.contains('{') || text.contains('}') {
            return Err(format!("`{segment}` has brackets that are none of a parameter"));
        }
        if text.is_empty() && !before.is_empty() {
            return Err(format!("`{segment}` has parameters that nothing parts"));
        }
        before.push(text.as_bytes().to_vec());
        names.push(name.to_owned());
        rest = behind;
    }
    if rest.contains('}') {
        return Err(format!("`{segment}` has a bracket that does not begin"));
    }
    if before.is_empty() {
        return Ok(None);
    }
    Ok(Some(Pattern { before, last: rest.as_bytes().to_vec() }))
}

impl Pattern {
    /// Takes the values out of a segment, if it is one of these: none is empty, each is as short as can be.
    fn take<'p>(&self, segment: &'p [u8], values: &mut Vec<&'p [u8]>) -> bool {
        let mut rest = segment;
        for (place, text) in self.before.iter().enumerate() {
            if place == 0 {
                let Some(behind) = rest.strip_prefix(text.as_slice()) else { return false };
                rest = behind;
                continue;
            }
            let at = rest.windows(text.len()).skip(1).position(|window| window == text.as_slice());
            let Some((value, behind)) = at.and_then(|at| rest.split_at_checked(at + 1)) else {
                return false;
            };
            values.push(value);
            rest = behind.get(text.len()..).unwrap_or_default();
        }
        match rest.strip_suffix(self.last.as_slice()) {
            Some(value) if !value.is_empty() => {
                values.push(value);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(all: &[&str]) -> Paths {
        let mut paths = Paths::default();
        for (number, path) in all.iter().enumerate() {
            paths.add(path, number).unwrap();
        }
        paths
    }

    #[test]
    fn what_is_written_out_goes_first() {
        let paths = paths(&[
            "/",
            "/pets",
            "/pets/{id}",
            "/pets/mine",
            "/pets/{id}/toys",
            "/pets/mine/{toy}",
            "/{any}/x",
            "/files/{name}.{ext}",
            "/files/{name}",
            "/files/a-{name}",
            "/a b/",
            "/caf%C3%A9",
        ]);
        for (path, expect) in [
            ("/", Some((0, vec![]))),
            ("/pets", Some((1, vec![]))),
            ("/pets/", None),
            ("/pets/7", Some((2, vec!["7"]))),
            ("/pets/mine", Some((3, vec![]))),
            ("/pets/mine/toys", Some((5, vec!["toys"]))),
            ("/pets/7/toys", Some((4, vec!["7"]))),
            ("/pets/7/toy", None),
            ("/pets/x", Some((2, vec!["x"]))),
            ("/other/x", Some((6, vec!["other"]))),
            ("/files/a.b.c", Some((7, vec!["a", "b.c"]))),
            ("/files/a", Some((8, vec!["a"]))),
            ("/files/a-", Some((8, vec!["a-"]))),
            ("/files/a-b", Some((9, vec!["b"]))),
            ("/files/.b", Some((8, vec![".b"]))),
            ("/a%20b/", Some((10, vec![]))),
            ("/caf%C3%A9", Some((11, vec![]))),
            ("/nothing", None),
        ] {
            let found = paths.find(path.as_bytes()).map(|found| {
                let values = found.values.iter().map(|value| std::str::from_utf8(value).unwrap());
                (found.path, values.collect::<Vec<_>>())
            });
            assert_eq!(found, expect, "{path}");
        }
    }

    #[test]
    fn paths_that_are_none_are_refused() {
        for path in ["pets", "/{", "/{}", "/}", "/{a}{b}", "/{a}/{a}", "/{a{b}}"] {
            assert!(Paths::default().add(path, 0).is_err(), "{path}");
        }
        let mut paths = paths(&["/a/{b}"]);
        assert_eq!(paths.add("/a/{c}", 1).unwrap(), (0, vec!["c".to_owned()]));
        assert_eq!(paths.add("/a/{c}/{d}", 1).unwrap().1, ["c", "d"]);
    }

    #[test]
    fn many_ways_that_lead_nowhere_take_no_time() {
        let all: Vec<String> = (0..12)
            .map(|place| {
                let segments: Vec<String> = (0..24)
                    .map(|at| if at == place { "a".into() } else { format!("{{p{at}}}") })
                    .collect();
                format!("/{}", segments.join("/"))
            })
            .collect();
        let paths = paths(&all.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(paths.find("/a".repeat(23).as_bytes()), None);
    }
}
