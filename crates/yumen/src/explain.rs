//! `yumen explain`: what would happen to a request, and why.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use yumen_http::{Forwarding, HeadIndex, HeadLimits, Malformed, Refusal, RequestHead};
use yumen_model::ListenerProtocol;
use yumen_plan::{ListenerPlan, Plan};
use yumen_policy::{Client, Failure};

use crate::config::{Origin, compile};
use crate::say;

/// The routes that are told of.
const CONSIDERED_MAX: usize = 20;

/// A request to be explained.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The configuration: a file or a folder.
    #[arg(long)]
    config: PathBuf,
    /// The method, such as GET.
    method: String,
    /// The URL: `http://host/path?query`, or a path.
    url: String,
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
    match try_explain(options) {
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

fn try_explain(options: &Options) -> Result<String, String> {
    let sources = Origin::Path(options.config.clone())
        .read()
        .map_err(|problem| format!("yumen: {problem}\n"))?;
    let compiled = compile(&sources, 1);
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
    let head = match read_head(options) {
        Ok(head) => head,
        Err(failure) => {
            let status = failure.kind().status().code();
            return Ok(format!(
                "the request is refused with {status} before any route is looked at: {failure}\n"
            ));
        }
    };
    let texts = on(&plan, options)?
        .map(|listener| plan.explain(listener, &head, &client, CONSIDERED_MAX).to_string());
    Ok(texts.collect::<Vec<_>>().join("\n"))
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
fn read_head(options: &Options) -> Result<RequestHead, Failure> {
    let rest = options.url.split_once("://").map(|(_, rest)| rest);
    let host = rest.map_or("localhost", |rest| rest.split(['/', '?']).next().unwrap_or_default());
    let target = match rest {
        None => options.url.clone(),
        Some(rest) => match rest.find(['/', '?']) {
            None => "/".to_owned(),
            Some(at) => {
                let target = rest.get(at..).unwrap_or_default();
                if target.starts_with('?') { format!("/{target}") } else { target.to_owned() }
            }
        },
    };
    let mut text = format!("{} {target} HTTP/1.1\r\n", options.method);
    let names_host = |field: &String| field.to_ascii_lowercase().starts_with("host:");
    if !options.headers.iter().any(names_host) {
        text.push_str(&format!("Host: {host}\r\n"));
    }
    for field in &options.headers {
        text.push_str(field);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    let limits = HeadLimits { head: 32 * 1024, target: 8 * 1024, field: 8 * 1024, fields: 100 };
    let mut index = HeadIndex::default();
    match index.find(text.as_bytes(), &limits)? {
        Some(length) if length == text.len() => {
            Ok(RequestHead::read(text.as_bytes(), index, &limits)?)
        }
        _ => Err(Refusal::from(Malformed("a line end in the request")).into()),
    }
}
