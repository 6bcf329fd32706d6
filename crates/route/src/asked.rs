//! Rules and questions in short notation, for tests.

use std::net::{IpAddr, Ipv4Addr};

use crate::{Condition, Question, Router, Rule};

/// A question that is written like `GET a.example/path?query`.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) client: IpAddr,
    pub(crate) headers: Vec<(String, String)>,
}

/// The question that is written like `GET a.example/path?query x-a:1 from:10.0.0.1`.
pub(crate) fn asked(text: &str) -> Asked {
    let mut words = text.split(' ');
    let method = words.next().unwrap().to_owned();
    let (target, query) = match words.next().unwrap().split_once('?') {
        Some((target, query)) => (target.to_owned(), Some(query.to_owned())),
        None => (text.split(' ').nth(1).unwrap().to_owned(), None),
    };
    let at = target.find(['/', '*']).unwrap();
    let (host, path) = target.split_at(at);
    let mut client = IpAddr::from(Ipv4Addr::LOCALHOST);
    let mut headers = Vec::new();
    for (name, value) in words.map(|word| word.split_once(':').unwrap()) {
        match name {
            "from" => client = value.parse().unwrap(),
            _ => headers.push((name.to_owned(), value.to_owned())),
        }
    }
    Asked { method, host: host.into(), path: path.into(), query, client, headers }
}

/// The rule that is written like `name priority=1 host=a path=/b regex=/c header.x-a=1
/// header.x-b~=regex query.c?=true source=10.0.0.0/8`.
pub(crate) fn rule(text: &str) -> Rule {
    let mut words = text.split(' ');
    let mut rule = Rule { name: words.next().unwrap().into(), ..Rule::default() };
    for (key, value) in words.map(|word| word.split_once('=').unwrap()) {
        match key {
            "priority" => rule.priority = value.parse().unwrap(),
            "host" => rule.hosts.push(value.into()),
            "path" => rule.paths.push(value.into()),
            "regex" => rule.paths.push(format!("~ {value}")),
            "method" => rule.methods.push(value.into()),
            "source" => rule.source.push(value.parse().unwrap()),
            _ => {
                let (list, name) = key.split_once('.').unwrap();
                let conditions = if list == "header" { &mut rule.headers } else { &mut rule.query };
                conditions.push(condition(name, value));
            }
        }
    }
    rule
}

fn condition(name: &str, value: &str) -> (String, Condition) {
    if let Some(name) = name.strip_suffix('~') {
        (name.into(), Condition::Regex(value.into()))
    } else if let Some(name) = name.strip_suffix('?') {
        (name.into(), Condition::Present(value.parse().unwrap()))
    } else {
        (name.into(), Condition::Exact(value.into()))
    }
}

pub(crate) fn router(rules: &[&str]) -> Router {
    Router::compile(rules.iter().map(|text| rule(text)).collect()).unwrap()
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
        let named = move |line: &&(String, String)| line.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|line| line.1.as_bytes())
    }
}
