//! `yumen explain`: what would happen to a request, or what has happened to one, and why.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use yumen_http::{Forwarding, HeadIndex, HeadLimits, Malformed, Refusal, RequestHead};
use yumen_model::ListenerProtocol;
use yumen_plan::{ListenerPlan, Plan};
use yumen_policy::{Client, Failure};

use crate::ask::Whom;
use crate::config::{Origin, WrongLines, compile};
use crate::consumers::Consumers;
use crate::say;
use crate::secrets::Secrets;

/// The routes that are told of.
pub(crate) const CONSIDERED_MAX: usize = 20;

/// A request to be explained.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The configuration: a file or a folder. What would happen to a request by it is told.
    #[arg(long)]
    config: Option<PathBuf>,
    /// With `--config` the method, such as GET. Without it the id of a request that a running
    /// gateway has answered; without an id, those are listed that it remembers.
    #[arg(value_name = "ID|METHOD")]
    what: Option<String>,
    /// With `--config` the URL: `http://host/path?query`, or a path.
    url: Option<String>,
    #[command(flatten)]
    whom: Whom,
    /// Print it for programs.
    #[arg(long)]
    json: bool,
    /// A header field, `Name: value`.
    #[arg(short = 'H', long = "header")]
    headers: Vec<String>,
    /// The client's address.
    #[arg(long, default_value = "127.0.0.1")]
    from: IpAddr,
    /// The listener where the request arrives; all of them if it is not given.
    #[arg(long)]
    listener: Option<String>,
}

/// Explains a request.
pub(crate) fn explain(options: &Options) -> ExitCode {
    let explained = match (&options.config, &options.what, &options.url) {
        (Some(config), Some(method), Some(url)) => try_explain(config, method, url, options),
        (None, id, None) => recall(id.as_deref(), options),
        (Some(_), ..) => Err("yumen: with --config, say METHOD and URL\n".to_owned()),
        (None, ..) => {
            Err("yumen: say --config FILE METHOD URL, or the ID of a request alone\n".to_owned())
        }
    };
    match explained {
        Ok(text) => {
            say::print(text);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            say::tell(problem);
            ExitCode::FAILURE
        }
    }
}

/// What a running gateway remembers.
fn recall(id: Option<&str>, options: &Options) -> Result<String, String> {
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if id.is_some_and(|id| !is_id(id)) {
        return Err("yumen: an id has 32 hexadecimal digits, as in `X-Request-Id`\n".to_owned());
    }
    let target = match id {
        Some(id) if options.json => format!("/explain/{id}"),
        Some(id) => format!("/explain/{id}?format=text"),
        None if options.json => "/explain".to_owned(),
        None => "/explain?format=text".to_owned(),
    };
    match options.whom.read(&target) {
        Ok((200, text)) => Ok(text),
        Ok((_, text)) => Err(format!("yumen: {text}")),
        Err(problem) => Err(format!("yumen: {problem}\n")),
    }
}

fn try_explain(
    config: &Path,
    method: &str,
    url: &str,
    options: &Options,
) -> Result<String, String> {
    let sources =
        Origin::Path(config.to_owned()).read().map_err(|problem| format!("yumen: {problem}\n"))?;
    let petition = Arc::<Secrets>::default().petition();
    let compiled = compile(&sources, (&Consumers::default(), WrongLines::Refuse), &petition, 1);
    let Some(plan) = compiled.plan else {
        return Err(compiled.report.render(&compiled.document).to_string());
    };
    let client = Client {
        peer: SocketAddr::new(options.from, 0),
        address: options.from,
        forwarding: Forwarding::direct(options.from.to_string().into(), "http", false),
        secured: None,
        misdirected: false,
    };
    let head = match read_head(method, url, &options.headers) {
        Ok(head) => head,
        Err(failure) => {
            let status = failure.kind().status().code();
            return Ok(format!(
                "the request is refused with {status} before any route is looked at: {failure}\n"
            ));
        }
    };
    let on = on(&plan, options)?;
    let told = on.map(|listener| plan.explain(listener, &head, &client, CONSIDERED_MAX));
    if options.json {
        let told: Vec<_> = told.map(|one| one.to_json()).collect();
        return Ok(format!("{:#}\n", serde_json::Value::from(told)));
    }
    Ok(told.map(|one| one.to_string()).collect::<Vec<_>>().join("\n"))
}

fn on<'a>(
    plan: &'a Plan,
    options: &'a Options,
) -> Result<impl Iterator<Item = &'a ListenerPlan>, String> {
    let wanted = options.listener.as_ref();
    let is_wanted = move |name: &str| wanted.is_none_or(|wanted| wanted == name);
    if !plan.listeners.iter().any(|one| is_wanted(&one.listener.name)) {
        let names: Vec<&str> =
            plan.listeners.iter().map(|one| one.listener.name.as_str()).collect();
        return Err(format!("yumen: there is no such listener; there are: {}\n", names.join(", ")));
    }
    let are_requests = |one: &&ListenerPlan| one.listener.protocol == ListenerProtocol::Http;
    let mut on = plan.listeners.iter().filter(move |one| is_wanted(&one.listener.name));
    if !on.clone().any(|one| are_requests(&one)) {
        let names = on.next().map_or("", |one| &one.listener.name);
        return Err(format!(
            "yumen: the listener {names} passes connections on, without requests\n"
        ));
    }
    Ok(on.filter(are_requests))
}

/// The head that a client would send for this.
pub(crate) fn read_head(
    method: &str,
    url: &str,
    headers: &[String],
) -> Result<RequestHead, Failure> {
    let rest = url.split_once("://").map(|(_, rest)| rest);
    let host = rest.map_or("localhost", |rest| rest.split(['/', '?']).next().unwrap_or_default());
    let target = match rest {
        None => url.to_owned(),
        Some(rest) => match rest.find(['/', '?']) {
            None => "/".to_owned(),
            Some(at) => {
                let target = rest.get(at..).unwrap_or_default();
                if target.starts_with('?') { format!("/{target}") } else { target.to_owned() }
            }
        },
    };
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    let names_host = |field: &String| field.to_ascii_lowercase().starts_with("host:");
    if !headers.iter().any(names_host) {
        text.push_str(&format!("Host: {host}\r\n"));
    }
    for field in headers {
        text.push_str(field);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    parse(text.as_bytes())
}

/// A whole head.
pub(crate) fn parse(text: &[u8]) -> Result<RequestHead, Failure> {
    let limits = HeadLimits { head: 32 * 1024, target: 8 * 1024, field: 8 * 1024, fields: 100 };
    let mut index = HeadIndex::default();
    match index.find(text, &limits)? {
        Some(length) if length == text.len() => Ok(RequestHead::read(text, index, &limits)?),
        _ => Err(Refusal::from(Malformed("a line end in the request")).into()),
    }
}
