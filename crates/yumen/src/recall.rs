//! Why an exchange that is over got its answer: what was remembered of it, and what the plan that it
//! ran under says of it.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};
use yumen_engine::Present;
use yumen_http::{Forwarding, RequestHead, Response};
use yumen_observe::{Memories, Recollection, Stood};
use yumen_plan::{Explanation, Outcome, Passage, Plan};
use yumen_policy::Client;

use crate::ask::{parameter, tame, word};
use crate::explain::{CONSIDERED_MAX, parse};
use crate::status::text;

/// Exchanges that are listed.
const LISTED_MAX: usize = 100;

/// The answer to who asks for one exchange, or for a list.
pub(crate) fn page(present: &Present, memories: &Memories, head: &RequestHead) -> Response {
    const PLAIN: &str = "text/plain; charset=utf-8";
    const JSON: &str = "application/json";
    let for_people =
        head.query().and_then(|query| parameter(query, "format")).is_some_and(|one| one == "text");
    let id = head.path().strip_prefix("/explain").unwrap_or_default().trim_matches('/');
    if id.is_empty() {
        let all = memories.youngest(LISTED_MAX);
        let mut lines: Vec<Value> = all.iter().map(|one| read(&one.line)).collect();
        lines.sort_by_key(|line| std::cmp::Reverse(word(line, "time")));
        return match for_people {
            true => text(200, PLAIN, list(&lines).into_bytes()),
            false => {
                text(200, JSON, format!("{:#}\n", json!({ "remembered": lines })).into_bytes())
            }
        };
    }
    let Some(one) = memories.find(id.as_bytes()) else {
        let gone = gone(&present.plan(), id);
        return match for_people {
            true => text(404, PLAIN, format!("{gone}\n").into_bytes()),
            false => text(404, JSON, format!("{:#}\n", json!({ "message": gone })).into_bytes()),
        };
    };
    let recalled = Recalled::new(&one, present.plan_of(one.revision).as_deref());
    match for_people {
        true => text(200, PLAIN, recalled.for_people().into_bytes()),
        false => text(200, JSON, format!("{:#}\n", recalled.to_json()).into_bytes()),
    }
}

/// Why an exchange is not remembered, and what to do.
fn gone(plan: &Plan, id: &str) -> String {
    let remember = &plan.remember;
    let shown: String = id.chars().take(64).collect();
    if remember.is_off() {
        return format!(
            "{shown} is not remembered: nothing is; write `explain: {{ keep: failures }}` and ask again after it happened again"
        );
    }
    let kept = if remember.failures { "failures" } else { "none" };
    format!(
        "{shown} is not remembered: of those that are kept in any case ({kept}), the last {} are, in {} bytes, since the process began; \
         raise `explain.entries` or `explain.bytes`, or `explain.sample` for what went well, or send the request again with a field of `yumen debug-token`",
        remember.entries, remember.bytes,
    )
}

fn read(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap_or_default()
}

fn list(lines: &[Value]) -> String {
    let mut out = String::new();
    for line in lines {
        let [time, id, status] = ["time", "request_id", "status"].map(|key| word(line, key));
        let [method, host, path, failure] =
            ["method", "host", "path", "failure"].map(|key| word(line, key));
        // Writing to a text cannot fail.
        writeln!(out, "{time} {id} {status} {method} {host}{path} {failure}").unwrap_or_default();
    }
    if lines.is_empty() {
        out.push_str("nothing is remembered yet\n");
    }
    out
}

/// One exchange that is over, explained.
struct Recalled {
    id: String,
    revision: u64,
    /// Its line of the access log.
    line: Value,
    explanation: Option<Explanation>,
    /// How the endpoints of its service stood when it ended.
    stood: Box<[Stood]>,
    /// What could not be found out, and why.
    notes: Vec<String>,
}

impl Recalled {
    fn new(one: &Recollection, plan: Option<&Plan>) -> Self {
        let line = read(&one.line);
        let mut notes = Vec::new();
        let explanation = match plan {
            None => {
                notes.push(format!(
                    "configuration {} is gone, so which routes were considered is not known any more",
                    one.revision
                ));
                None
            }
            Some(plan) => explain(plan, one, &line, &mut notes),
        };
        Self {
            id: String::from_utf8_lossy(&one.id).into_owned(),
            revision: one.revision,
            line,
            explanation,
            stood: one.stood.clone(),
            notes,
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "revision": self.revision,
            "exchange": self.line,
            "explanation": self.explanation.as_ref().map(Explanation::to_json),
            "endpoints": self.stood.iter().map(endpoint).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }

    /// As `yumen explain` shows what would happen, with what did.
    fn for_people(&self) -> String {
        let line = &self.line;
        let word = |key: &str| word(line, key);
        let mut out = format!(
            "exchange {}\nat {} {} {}{} from {}, under configuration {}\n",
            self.id,
            word("time"),
            word("method"),
            word("host"),
            word("path"),
            word("client"),
            self.revision
        );
        if let Some(explanation) = &self.explanation {
            out.push_str(&explanation.to_string());
        }
        self.endpoints(&mut out);
        self.attempts(&mut out);
        let cause = match word("cause") {
            cause if cause.is_empty() => cause,
            cause => format!(": {cause}"),
        };
        let failure = match word("failure") {
            failure if failure.is_empty() => failure,
            failure => format!(", {failure}"),
        };
        let source = if word("source") == "upstream" { "the service" } else { "the gateway" };
        let total = word("total_ms");
        out.push_str(&match word("status").as_str() {
            "0" => format!("it got no answer, after {total} ms{failure}{cause}\n"),
            status => format!("{source} answered {status} after {total} ms{failure}{cause}\n"),
        });
        if let Some(side) = line.get("aborted_by").and_then(Value::as_str) {
            out.push_str(&format!("the {side} broke it off\n"));
        }
        self.notes.iter().for_each(|note| out.push_str(&format!("note: {note}\n")));
        tame(&out)
    }

    /// Whom there was to choose from.
    fn endpoints(&self, out: &mut String) {
        for Stood { target, standing, requests } in &self.stood {
            let what = match *standing {
                "open" => "took requests",
                "rising" => "took a growing share of requests",
                "silent" => "answered nobody",
                "on_trial" => "was tried with one request",
                "full" => "had as many connections as it may",
                _ => "took no requests",
            };
            out.push_str(&format!(
                "endpoint {target} {what} when it ended, {requests} under way\n"
            ));
        }
    }

    /// What was tried, and what was decided on the way.
    fn attempts(&self, out: &mut String) {
        let items = |key: &str| self.line.get(key).and_then(Value::as_array);
        match items("attempt_list") {
            Some(attempts) => {
                for one in attempts {
                    let [at, target, end] = ["at_ms", "target", "end"].map(|key| word(one, key));
                    let took = word(one, "took_ms");
                    let status = word(one, "status");
                    let line = format!("attempt at {at} ms to {target}: {end} {status}");
                    out.push_str(line.trim_end());
                    if !took.is_empty() {
                        out.push_str(&format!(" after {took} ms"));
                    }
                    out.push('\n');
                }
            }
            None if self.line.get("target").is_some() => {
                let status = word(&self.line, "status");
                let target = word(&self.line, "target");
                out.push_str(&format!("attempt to {target}: answered {status}\n"));
            }
            None => {}
        }
        for one in items("decisions").into_iter().flatten() {
            let [what, at] = ["what", "at_ms"].map(|key| word(one, key));
            let because = [word(one, "target"), word(one, "status")].join(" ");
            let line = format!("decision at {at} ms: {what} {}", because.trim());
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}

/// What the plan says of it.
fn explain(
    plan: &Plan,
    one: &Recollection,
    line: &Value,
    notes: &mut Vec<String>,
) -> Option<Explanation> {
    let on = plan.listeners.iter().find(|on| *on.listener.name == *one.listener)?;
    if one.request.is_empty() {
        notes.push("there was no request whose routes can be looked at".to_owned());
        return None;
    }
    let head = parse(&one.request).ok()?;
    let mut explanation = plan.explain(on, &head, &client(one.client), CONSIDERED_MAX);
    let took = word(line, "route");
    let found = match &explanation.outcome {
        Outcome::Found { route, .. } => route.clone(),
        Outcome::NoRoute | Outcome::Refused(_) => String::new(),
    };
    if found != took {
        let name = if took.is_empty() { "none".to_owned() } else { format!("`{took}`") };
        notes.push(format!(
            "the route that it took was {name}; the comparison above differs, because values of the query and secrets are not kept, or a policy changed the request"
        ));
        explanation.outcome = plan.taken(on, &took).unwrap_or(Outcome::NoRoute);
    }
    if let Outcome::Found { chain, .. } = &mut explanation.outcome {
        tell_steps(chain, one, line);
    }
    Some(explanation)
}

fn client(address: IpAddr) -> Client {
    Client {
        peer: SocketAddr::new(address, 0),
        address,
        forwarding: Forwarding::direct(address.to_string().into(), "http", false),
        secured: None,
        misdirected: false,
    }
}

fn endpoint(one: &Stood) -> Value {
    let Stood { target, standing, requests } = one;
    json!({ "target": &**target, "standing": standing, "requests": requests })
}

/// Says of each policy what it did: as it was watched, or as it follows from who decided.
fn tell_steps(chain: &mut [Passage], one: &Recollection, line: &Value) {
    if one.is_watched {
        for (place, passage) in chain.iter_mut().enumerate() {
            let steps = one.steps.iter().filter(|step| step.place == place);
            let told: Vec<String> = steps
                .map(|step| {
                    let on = if step.outward { " on the answer" } else { "" };
                    let micros = step.took.as_nanos().div_ceil(1000);
                    format!("{}{on} in {micros} us", step.decided)
                })
                .collect();
            passage.did = if told.is_empty() { "not asked".to_owned() } else { told.join(", ") };
        }
        return;
    }
    let decider = word(line, "policy_at");
    let decided = chain.iter().position(|passage| passage.at == decider);
    let was_asked = line.get("policies_ms").is_some() || line.get("target").is_some();
    let on_answer = line.get("target").is_some();
    let verdict = match word(line, "failure") {
        failure if failure.is_empty() => "answered".to_owned(),
        failure => failure,
    };
    for (place, passage) in chain.iter_mut().enumerate() {
        passage.did = match decided {
            Some(decided) if place == decided && on_answer => {
                format!("passed, {verdict} on the answer")
            }
            Some(decided) if place == decided => verdict.clone(),
            Some(decided) if place > decided && !on_answer => "not asked".to_owned(),
            None if !was_asked => "not asked".to_owned(),
            _ => "passed".to_owned(),
        };
    }
}

#[cfg(test)]
mod tests;
