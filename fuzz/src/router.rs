//! Routing: whatever the rules, the one that is found is the one that the explanation names, and
//! those that match are those that a naive reading says match.
//!
//! The input is text, one thing a line, so that seeds can be read: `rule NAME`, then what it wants
//! (`priority 1`, `host *.x`, `path /a/{id}`, `method GET`, `header x=1`, `header x~re`,
//! `header x?true`, `query ...`, `source 10.0.0.0/8`); and `ask GET`, then what is asked (`host`,
//! `path`, `query`, `header x=1`, `client 10.0.0.1`).

use std::net::IpAddr;

use ipnet::IpNet;
use yumen_http::{canonical_host, canonical_path};
use yumen_route::{Condition, Lost, Question, Router, Rule, Verdict, parameter_names};

const RULES_MAX: usize = 40;
const ASKED_MAX: usize = 40;

#[derive(Debug)]
struct Asked {
    method: String,
    host: String,
    path: String,
    query: Option<String>,
    client: IpAddr,
    headers: Vec<(String, String)>,
}

impl Question for Asked {
    fn method(&self) -> &[u8] {
        self.method.as_bytes()
    }

    fn host(&self) -> &[u8] {
        self.host.as_bytes()
    }

    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    fn query(&self) -> Option<&[u8]> {
        self.query.as_deref().map(str::as_bytes)
    }

    fn client(&self) -> IpAddr {
        self.client
    }

    fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.headers.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_bytes())
    }
}

/// Checks one list of rules with its questions.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (rules, questions) = read(&text);
    let router = match Router::compile(rules.clone()) {
        Ok(router) => router,
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in &problems {
                assert!(problem.rule < rules.len() && !problem.key.is_empty());
                assert!(!problem.message.is_empty() && !problem.hint.is_empty());
                assert!(!problem.to_string().is_empty());
            }
            return;
        }
    };
    assert_eq!(router.len(), rules.len());
    let turned = Router::compile(rules.iter().rev().cloned().collect()).expect("the same rules");
    for question in &questions {
        let found = router.find(question).map(|found| found.rule);
        let other = turned.find(question).map(|found| rules.len() - 1 - found.rule);
        assert_eq!(found, other, "the written order matters: {question:?}");
        check_explanation(&router, &rules, question, found);
        check_parameters(&router, &rules, question);
        for shadow in router.shadows() {
            assert_ne!(found, Some(shadow.rule), "a rule that can never win won: {question:?}");
        }
    }
}

fn check_explanation(router: &Router, rules: &[Rule], question: &Asked, found: Option<usize>) {
    let all = router.explain(question, usize::MAX);
    let won: Vec<usize> =
        all.iter().filter(|one| one.verdict == Verdict::Won).map(|one| one.rule).collect();
    assert_eq!(won, Vec::from_iter(found), "{question:?}");
    let mut told: Vec<usize> = all.iter().map(|one| one.rule).collect();
    told.sort_unstable();
    assert_eq!(told, Vec::from_iter(0..rules.len()), "each rule is told once");
    for one in &all {
        let rule = &rules[one.rule];
        assert!(!one.verdict.to_string().is_empty());
        let is_match = match &one.verdict {
            Verdict::Won => true,
            Verdict::Lost(Lost::Outranked { by }) => {
                assert_eq!(Some(*by), found);
                let order = |rule: &Rule| (rule.priority, host_labels(rule, &question.host));
                assert!(order(&rules[*by]) >= order(rule), "{question:?} {one:?}");
                true
            }
            Verdict::Lost(Lost::Differs { .. }) => false,
        };
        if let Some(expect) = matches(rule, question) {
            assert_eq!(is_match, expect, "{rule:?} {question:?} {:?}", one.verdict);
        }
    }
    for count_max in [0, 1, 2] {
        let some = router.explain(question, count_max);
        assert_eq!(some.len(), count_max.min(rules.len()));
        let has_winner = some.iter().any(|one| one.verdict == Verdict::Won);
        assert_eq!(has_winner, found.is_some() && count_max > 0);
    }
}

fn check_parameters(router: &Router, rules: &[Rule], question: &Asked) {
    let Some(found) = router.find(question) else { return };
    let parameters = router.parameters(found, question.path.as_bytes());
    for name in parameter_names(&rules[found.rule].paths) {
        assert!(parameters.value(&name).is_some(), "a template counts on `{name}`");
    }
    let mut rest = question.path.as_str();
    for (name, value) in parameters.iter() {
        assert_eq!(parameters.value(name), Some(value));
        let value = std::str::from_utf8(value).expect("canonical paths are ASCII");
        let at = rest.find(value).expect("values stand in the path, from left to right");
        rest = &rest[at + value.len()..];
    }
}

/// Whether a rule wants this, read naively; `None` where a regex decides.
fn matches(rule: &Rule, question: &Asked) -> Option<bool> {
    let is_regex = |condition: &Condition| matches!(condition, Condition::Regex(_));
    let named = rule.headers.iter().chain(&rule.query);
    if rule.paths.iter().any(|path| path.starts_with('~'))
        || named.map(|(_, condition)| condition).any(is_regex)
    {
        return None;
    }
    let any = |none: bool, one: bool| none || one;
    let client = question.client.to_canonical();
    let headers = rule.headers.iter().all(|(name, condition)| {
        let values: Vec<&[u8]> = question.header(name).collect();
        holds(condition, &values)
    });
    let query = rule.query.iter().all(|(name, condition)| {
        let values = decoded_values(question.query.as_deref().unwrap_or_default(), name);
        holds(condition, &values.iter().map(Vec::as_slice).collect::<Vec<_>>())
    });
    Some(
        any(rule.hosts.is_empty(), rule.hosts.iter().any(|host| fits_host(host, &question.host)))
            && any(
                rule.paths.is_empty(),
                rule.paths.iter().any(|path| fits_path(path, &question.path)),
            )
            && any(rule.methods.is_empty(), rule.methods.contains(&question.method))
            && any(
                rule.source.is_empty(),
                rule.source.iter().any(|net| holds_address(net, client)),
            )
            && headers
            && query,
    )
}

fn fits_host(pattern: &str, host: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    match pattern.strip_prefix('*') {
        Some(below) => host.len() > below.len() && host.ends_with(below),
        None => canonical_host(&pattern).as_deref() == Ok(host),
    }
}

/// How many labels of the most specific host that fits count: an exact name has all of them.
fn host_labels(rule: &Rule, host: &str) -> usize {
    let fitting = rule.hosts.iter().filter(|pattern| fits_host(pattern, host));
    let labels = fitting.map(|pattern| match pattern.strip_prefix("*.") {
        Some(below) => below.split('.').count(),
        None => usize::MAX,
    });
    labels.max().unwrap_or_default()
}

fn fits_path(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    if !path.starts_with('/') {
        return false;
    }
    for wanted in pattern.split('/').skip(1) {
        if wanted == "*" || (wanted.starts_with('{') && wanted.ends_with("*}")) {
            return true;
        }
        match segments.next() {
            Some(segment)
                if wanted.starts_with('{') && wanted.ends_with('}') && !segment.is_empty() => {}
            Some(segment) if segment == wanted => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

fn holds_address(network: &IpNet, client: IpAddr) -> bool {
    let mapped = match (network, client) {
        (IpNet::V6(network), IpAddr::V4(client)) if network.prefix_len() >= 96 => {
            network.contains(&client.to_ipv6_mapped())
        }
        _ => false,
    };
    mapped || network.contains(&client)
}

fn holds(condition: &Condition, values: &[&[u8]]) -> bool {
    match condition {
        Condition::Exact(text) => values.contains(&text.as_bytes()),
        Condition::Present(wanted) => values.is_empty() != *wanted,
        Condition::Regex(_) => unreachable!("left out before"),
    }
}

fn decoded_values(query: &str, name: &str) -> Vec<Vec<u8>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let halves = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let named = halves.filter(|(written, _)| decode(written) == name.as_bytes());
    named.map(|(_, value)| decode(value)).collect()
}

fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let is_triplet = bytes[at] == b'%'
            && bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        if is_triplet {
            out.push(u8::from_str_radix(&text[at + 1..at + 3], 16).expect("two digits"));
            at += 2;
        } else {
            out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
        }
        at += 1;
    }
    out
}

/// What a line is about.
enum Open {
    Nothing,
    Rule,
    Question,
}

fn read(text: &str) -> (Vec<Rule>, Vec<Asked>) {
    let (mut rules, mut questions) = (Vec::new(), Vec::new());
    let mut open = Open::Nothing;
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, &open) {
            ("rule", _) if rules.len() < RULES_MAX => {
                open = Open::Rule;
                rules.push(Rule { name: rest.into(), ..Rule::default() });
            }
            ("ask", _) if questions.len() < ASKED_MAX => {
                open = Open::Question;
                questions.push(question(rest));
            }
            (_, Open::Rule) => {
                rules.iter_mut().last().into_iter().for_each(|rule| put(rule, word, rest))
            }
            (_, Open::Question) => {
                questions.iter_mut().last().into_iter().for_each(|asked| ask(asked, word, rest));
            }
            (_, Open::Nothing) => {}
        }
    }
    (rules, questions)
}

fn question(method: &str) -> Asked {
    Asked {
        method: method.into(),
        host: String::new(),
        path: "/".into(),
        query: None,
        client: IpAddr::from([10, 0, 0, 1]),
        headers: Vec::new(),
    }
}

fn put(rule: &mut Rule, word: &str, rest: &str) {
    match word {
        "priority" => rule.priority = rest.parse().unwrap_or_default(),
        "host" => rule.hosts.push(rest.into()),
        "path" => rule.paths.push(rest.into()),
        "method" => rule.methods.push(rest.into()),
        "header" => rule.headers.extend(condition(rest)),
        "query" => rule.query.extend(condition(rest)),
        "source" => rule.source.extend(rest.parse::<IpNet>()),
        _ => {}
    }
}

fn condition(text: &str) -> Option<(String, Condition)> {
    let at = text.find(['=', '~', '?'])?;
    let (name, value) = (text[..at].to_owned(), text[at + 1..].to_owned());
    Some(match text.as_bytes()[at] {
        b'=' => (name, Condition::Exact(value)),
        b'~' => (name, Condition::Regex(value)),
        _ => (name, Condition::Present(value == "true")),
    })
}

/// Host and path come to the router in canonical form only.
fn ask(asked: &mut Asked, word: &str, rest: &str) {
    match word {
        "host" => asked.host = canonical_host(rest).unwrap_or_default(),
        "path" if rest == "*" => asked.path = "*".into(),
        "path" => {
            if let Ok(canonical) = canonical_path(rest.as_bytes()) {
                asked.path = canonical.unwrap_or_else(|| rest.into());
            }
        }
        "query" => asked.query = Some(rest.into()),
        "client" => asked.client = rest.parse().unwrap_or(asked.client),
        "header" => {
            let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
            asked.headers.push((name.into(), value.into()));
        }
        _ => {}
    }
}
