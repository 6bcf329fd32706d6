//! A strict reader of the Prometheus text format that shares nothing with its writer and refuses
//! what `promtool check metrics` would.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of an exposition by `name{labels}`, after everything about it was checked.
pub(super) fn parse(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "the last line has an end");
    let mut samples = BTreeMap::new();
    let mut families = BTreeSet::new();
    let mut family: Option<(String, String)> = None;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(is_metric_name(name) && !help.trim().is_empty(), "{line}");
            let next = lines.next().expect("TYPE follows HELP");
            let (typed, kind) = next.strip_prefix("# TYPE ").unwrap().split_once(' ').unwrap();
            assert_eq!(typed, name);
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{next}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            assert!(families.insert(name.to_owned()), "{name} is there twice");
            family = Some((name.to_owned(), kind.to_owned()));
            continue;
        }
        let (name, kind) = family.as_ref().expect("a sample belongs to a metric");
        let (key, value) = sample(line);
        let bare = key.split('{').next().unwrap();
        let allowed: &[&str] =
            if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        let suffix = bare.strip_prefix(name.as_str()).unwrap_or("?");
        assert!(allowed.contains(&suffix), "{line} stands under {name}");
        assert!(kind == "gauge" || value >= 0.0, "{line}");
        assert!(samples.insert(key, value).is_none(), "twice: {line}");
    }
    check_histograms(&samples);
    samples
}

/// `name{a="b",c="d"} value`, in the form in which it is compared.
fn sample(line: &str) -> (String, f64) {
    let name_end = line.find(['{', ' ']).expect("a value");
    let (name, mut rest) = line.split_at(name_end);
    assert!(is_metric_name(name), "{line}");
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, behind) = rest.split_once("=\"").expect("a label");
            assert!(is_metric_name(label) && !label.contains(':'), "{line}");
            let (value, behind) = quoted(behind);
            labels.push((label.to_owned(), value));
            match behind.split_at_checked(1) {
                Some((",", more)) => rest = more,
                Some(("}", end)) => {
                    rest = end;
                    break;
                }
                other => panic!("{other:?} behind a label in {line}"),
            }
        }
        let distinct: BTreeSet<&String> = labels.iter().map(|(label, _)| label).collect();
        assert_eq!(distinct.len(), labels.len(), "a label twice in {line}");
    }
    let value = rest.strip_prefix(' ').expect("one space before the value");
    assert!(!value.contains(' '), "no timestamp: {line}");
    let labels: Vec<String> = labels.iter().map(|(name, text)| format!("{name}={text}")).collect();
    (format!("{name}{{{}}}", labels.join("|")), value.parse().expect("a number"))
}

/// The value of a label up to its closing quote, unescaped.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return (value, characters.as_str()),
            '\\' => value.push(match characters.next() {
                Some('n') => '\n',
                Some(plain @ ('"' | '\\')) => plain,
                other => panic!("escape of {other:?}"),
            }),
            _ => value.push(character),
        }
    }
    panic!("no closing quote: {text}")
}

fn is_metric_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}

/// Buckets grow with their bounds, the last bound is infinite, its bucket is the count, and there
/// is a sum.
fn check_histograms(samples: &BTreeMap<String, f64>) {
    let mut series: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for (key, value) in samples {
        if let Some((name, labels)) = key.split_once("_bucket{") {
            let (labels, bound) = labels.trim_end_matches('}').rsplit_once("|le=").unwrap();
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
            series.entry(format!("{name}#{labels}")).or_default().push((bound, *value));
        }
    }
    for (key, mut buckets) in series {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert_eq!(buckets.len(), 19, "{key}");
        assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
        let (bound, all) = buckets.last().unwrap();
        assert!(bound.is_infinite());
        let (name, labels) = key.split_once('#').unwrap();
        assert_eq!(samples[&format!("{name}_count{{{labels}}}")], *all, "{key}");
        assert!(samples.contains_key(&format!("{name}_sum{{{labels}}}")), "{key}");
    }
}
