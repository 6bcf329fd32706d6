//! What expressions cost: nanoseconds to evaluate and to compile typical ones, and the longest that
//! an evaluation takes. Run with `cargo run --release -p yumen-expr --example cost`.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::hint::black_box;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use yumen_expr::{Condition, Entries, Facts, Problem, STEPS_MAX, Schema, Template, Type, Value};

const TURNS: u32 = 50;
const ROUNDS: u32 = 5_000;

/// Conditions as users write them.
const TYPICAL: [&str; 6] = [
    "response.status >= 500",
    r#"request.method == "GET" && request.path.startsWith("/api/")"#,
    r#"request.method in ["POST", "PUT", "PATCH", "DELETE"] && !cidr("10.0.0.0/8").containsIP(client.address)"#,
    r#"request.headers["user-agent"].matches("(?i)(bot|crawler|spider)")"#,
    r#"response.status >= 500 || duration > duration("2s") || request.path in ["/health", "/ready"]"#,
    r#"request.headers["x-roles"].split(",").exists(role, role == "admin")"#,
];

/// Expressions that cost as much as they may.
const HEAVY: [(&str, &str); 5] = [
    ("nested loops", "request.path.split('').all(x, request.path.split('').all(y, x != '0'))"),
    ("a large regex, on text made for it", "matches(body, '(a|b)*a(a|b){400}[^ab]')"),
    (
        "large regexes, on text made for them",
        "matches(body, 'a[ab]{400}[^ab]') || matches(body, 'a[ab]{401}[^ab]') || matches(body, 'a[ab]{402}[^ab]') || matches(body, 'a[ab]{403}[^ab]')",
    ),
    (
        "texts that grow",
        "[body].map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).map(x, x + x).exists(x, x == body)",
    ),
    (
        "lower case, again and again",
        "[1,2,3,4,5,6,7,8,9,10].all(x, (body.upperAscii() + body).lowerAscii().contains('c') == false)",
    ),
];

#[derive(Debug, Clone, Copy)]
enum Name {
    Method,
    Path,
    Headers,
    Status,
    Took,
    Client,
    Body,
}

#[derive(Debug)]
struct Headers(Vec<(&'static str, &'static str)>);

impl Entries for Headers {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn get(&self, key: &[u8]) -> Option<Value<'_>> {
        let found = self.0.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(key));
        found.map(|(_, value)| Value::from(*value))
    }

    fn key(&self, at: usize) -> Option<Value<'_>> {
        self.0.get(at).map(|(name, _)| Value::from(*name))
    }
}

#[derive(Debug)]
struct Exchange {
    headers: Headers,
    path: String,
    body: String,
}

impl Facts<Name> for Exchange {
    fn value(&self, name: Name) -> Option<Value<'_>> {
        Some(match name {
            Name::Method => "POST".into(),
            Name::Path => self.path.as_str().into(),
            Name::Headers => Value::from(&self.headers as &dyn Entries),
            Name::Status => Value::Int(200),
            Name::Took => Duration::from_millis(12).into(),
            Name::Client => IpAddr::from([192, 0, 2, 7]).into(),
            Name::Body => self.body.as_str().into(),
        })
    }
}

fn schema() -> Schema<Name> {
    Schema::default()
        .with("request.method", Type::String, Name::Method)
        .with("request.path", Type::String, Name::Path)
        .with("request.headers", Type::map(Type::String), Name::Headers)
        .with("response.status", Type::Int, Name::Status)
        .with("duration", Type::Duration, Name::Took)
        .with("client.address", Type::Ip, Name::Client)
        .with("body", Type::String, Name::Body)
}

/// The mean of the best of many short turns, in nanoseconds: the rest of the machine only ever
/// makes a turn longer.
fn measure(rounds: u32, mut once: impl FnMut()) -> f64 {
    let turns = (0..TURNS).map(|_| {
        let began = Instant::now();
        (0..rounds).for_each(|_| once());
        began.elapsed()
    });
    turns.min().unwrap_or_default().as_secs_f64() * 1e9 / f64::from(rounds)
}

/// `a` and `b` in no order.
fn letters(count: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let letter = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if state >> 63 == 0 { 'a' } else { 'b' }
    });
    letter.take(count).collect()
}

fn main() -> Result<(), Vec<Problem>> {
    let schema = schema();
    let exchange = Exchange {
        headers: Headers(vec![
            ("Host", "shop.example"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "gzip, br"),
            (
                "User-Agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            ),
            ("X-Roles", "reader,writer,editor"),
        ]),
        path: "/orders/17/lines".repeat(20),
        body: letters(8 * 1024),
    };
    println!("{:>9}  {:>9}", "evaluate", "compile");
    for source in TYPICAL {
        let condition = Condition::compile(source, &schema)?;
        let evaluate = measure(ROUNDS, || {
            let _holds = black_box(condition.holds(black_box(&exchange)));
        });
        let compile = measure(ROUNDS / 100, || {
            let _compiled = black_box(Condition::compile(black_box(source), &schema));
        });
        println!("{evaluate:>6.0} ns  {:>6.1} us  {source}", compile / 1e3);
    }
    let line = "%{client.address} %{request.method} %{request.headers.host} %{response.status} %{duration}";
    let template = Template::compile(line, &schema)?;
    let mut out = Vec::with_capacity(1024);
    let write = measure(ROUNDS, || {
        out.clear();
        template.write_or(black_box(&exchange), b"-", &mut out);
    });
    println!("{write:>6.0} ns  {:>9}  {line}", "");
    println!("\nat most {STEPS_MAX} steps:");
    for (what, source) in HEAVY {
        let condition = Condition::compile(source, &schema)?;
        let mut result = None;
        let evaluate = measure(1, || result = Some(condition.holds(black_box(&exchange))));
        println!("{:>6.2} ms  {what}: {result:?}", evaluate / 1e6);
    }
    Ok(())
}
