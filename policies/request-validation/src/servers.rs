//! What the servers of a document put in front of its paths.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::findings::Findings;

/// Paths that one list of servers may put in front.
const BASES_MAX: usize = 50;

/// The paths of servers, without a slash at their end; one that is empty if there are none.
pub(crate) fn bases(
    servers: Option<&Value>,
    at: &str,
    findings: &mut Findings,
) -> BTreeSet<String> {
    let mut bases = BTreeSet::new();
    for server in servers.and_then(Value::as_array).into_iter().flatten() {
        let Some(url) = server.get("url").and_then(Value::as_str) else { continue };
        for url in filled(url, server.get("variables")) {
            let path = path_of(&url);
            if path.contains(['{', '}']) {
                findings.wrong(at, format!("the server `{url}` has a variable without a default"));
            } else {
                bases.insert(path);
            }
        }
    }
    if bases.len() > BASES_MAX {
        findings
            .wrong(at, format!("its servers have more than {BASES_MAX} paths: say `path_prefix`"));
        bases.clear();
    }
    if bases.is_empty() {
        bases.insert(String::new());
    }
    bases
}

/// A URL with each of the values that its variables may have.
fn filled(url: &str, variables: Option<&Value>) -> Vec<String> {
    let mut urls = vec![url.to_owned()];
    for (name, variable) in variables.and_then(Value::as_object).into_iter().flatten() {
        let hole = format!("{{{name}}}");
        // What stands before the path does not matter here.
        let in_path = path_of(url).contains(&hole);
        let more = variable.get("enum").and_then(Value::as_array).into_iter().flatten();
        let values = variable.get("default").into_iter().chain(more.filter(|_| in_path));
        let values: BTreeSet<&str> = values.filter_map(Value::as_str).collect();
        if values.is_empty() || urls.len() * values.len() > BASES_MAX {
            continue;
        }
        let (hole, values) = (&hole, &values);
        let filled =
            urls.iter().flat_map(|url| values.iter().map(move |value| url.replace(hole, value)));
        urls = filled.collect();
    }
    urls
}

/// The path of a URL, which may be no more than a path.
fn path_of(url: &str) -> String {
    let rest = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => url,
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let rest = rest.trim_matches('/');
    if rest.is_empty() { String::new() } else { format!("/{rest}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Unsupported;

    #[test]
    fn servers_put_their_paths_in_front() {
        for (servers, expect) in [
            (json!([]), vec![""]),
            (json!([{"url": "/"}]), vec![""]),
            (json!([{"url": "https://a.example"}]), vec![""]),
            (
                json!([{"url": "https://a.example/v1/"}, {"url": "v2"}, {"url": "/v1"}]),
                vec!["/v1", "/v2"],
            ),
            (
                json!([{"url": "https://{host}/{base}", "variables": {
                    "host": {"default": "a", "enum": ["a", "b"]},
                    "base": {"default": "v1", "enum": ["v1", "v2"]},
                }}]),
                vec!["/v1", "/v2"],
            ),
        ] {
            let mut findings = Findings::new(Unsupported::Refuse);
            let found = bases(Some(&servers), "", &mut findings);
            assert_eq!(found.into_iter().collect::<Vec<_>>(), expect, "{servers}");
        }
        let mut findings = Findings::new(Unsupported::Refuse);
        bases(Some(&json!([{"url": "/{x}"}])), "", &mut findings);
        let mut report = yumen_model::report::Report::default();
        findings.tell("config", &mut report);
        assert!(report.has_errors());
    }
}
