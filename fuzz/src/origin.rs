//! Origins and pages: who is in a list, as a naive reading has it; every host is canonical.

use yumen_http::canonical_host;
use yumen_origin::{Hosts, Origins, page_host};

/// Checks the last line against a list of the lines before it.
pub fn check(data: &[u8]) {
    let (list, asked) = match data.iter().rposition(|&byte| byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (&[][..], data),
    };
    let list = String::from_utf8_lossy(list);
    let mut origins = Origins::default();
    let good: Vec<&str> = list.lines().filter(|entry| origins.add(entry).is_ok()).collect();
    let expect = good.iter().any(|entry| is_origin(entry, asked));
    assert_eq!(origins.contains(asked), expect, "{good:?} {}", asked.escape_ascii());
    // What is in a list without a wildcard is in it as it stands.
    for entry in good.iter().filter(|entry| !entry.contains('*')) {
        assert!(origins.contains(entry.as_bytes()), "{entry}");
    }
    let mut hosts = Hosts::default();
    let good: Vec<&str> = list.lines().filter(|entry| hosts.add(entry).is_ok()).collect();
    let Some(host) = page_host(asked) else { return };
    assert_eq!(canonical_host(&host).as_deref(), Ok(host.as_str()));
    let is_host = |entry: &&str| match entry.strip_prefix('*') {
        Some(name) => host.len() > name.len() && host.ends_with(name),
        None => host == **entry,
    };
    assert_eq!(hosts.contains(&host), good.iter().any(is_host), "{good:?} {host}");
}

fn is_origin(entry: &str, asked: &[u8]) -> bool {
    let Some((scheme, name)) = entry.split_once("*.") else { return asked == entry.as_bytes() };
    let end = format!(".{name}");
    let labels = asked.strip_prefix(scheme.as_bytes());
    let labels = labels.and_then(|rest| rest.strip_suffix(end.as_bytes()));
    let fits = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    asked.len() <= yumen_origin::ORIGIN_BYTES_MAX
        && labels.is_some_and(|labels| {
            labels.split(|&byte| byte == b'.').all(|one| !one.is_empty() && one.iter().all(fits))
        })
}
