//! What `openid-connect` promises, with a provider that does what it is told.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test says what it expects"
)]

mod attacks;
mod configs;
mod fake;
mod logouts;
mod programs;
mod sessions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use yumen_directory::{Change, Entry, Pepper};
use yumen_key_sets::KeySets;
use yumen_policy::testing::{compile_in, exchange};
use yumen_policy::{Exchange, Failure, FailureKind, Policy, Scope, Step, Verdict};
use yumen_policy_openid_connect::Config;

use crate::fake::Fake;

const NOW: u64 = 1_700_000_000;
const HOST: &str = "shop.example";
const KEYS: &str = "[a first key of at least thirty-two bytes]";

/// With a keeper that fetches, and `ada`, `program` and `gone`, who is disabled, in the directory.
fn scope() -> Scope {
    let (key_sets, keeper) = KeySets::new();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(keeper.run(|_news: &str| {}));
    });
    let scope = Scope { key_sets: Arc::new(key_sets), ..Scope::default() };
    let entry = |name: &str, is_disabled| Entry {
        name: name.into(),
        external_id: None,
        groups: Box::default(),
        tags: Box::default(),
        is_disabled,
        credentials: Vec::new(),
    };
    let put = vec![entry("ada", false), entry("program", false), entry("gone", true)];
    let change = Change { put, whole: true, ..Change::default() };
    scope.directory.change(&Pepper::new(""), vec![change]).unwrap();
    scope
}

/// A config with more lines, which begin at the left.
fn config(fake: &Fake, more: &str) -> String {
    let issuer = fake.issuer();
    let session = if more.contains("session:") { "" } else { "\nsession: { keys: KEYS }" };
    format!(
        "issuer: {issuer}\nclient_id: shop\nclient_secret: hidden\n\
         redirect_uri: https://{HOST}/login/done{session}\n{more}\n"
    )
    .replace("KEYS", KEYS)
}

/// The policy, and a browser that goes there.
struct Rig {
    fake: Fake,
    scope: Scope,
    policy: Arc<dyn Policy>,
    local: tokio::task::LocalSet,
    runtime: tokio::runtime::Runtime,
}

/// What came of a request.
#[derive(Debug)]
struct Came {
    verdict: Verdict,
    exchange: Exchange,
}

/// Cookies as a browser keeps them.
#[derive(Debug, Default, Clone)]
struct Browser {
    cookies: BTreeMap<String, String>,
    now: u64,
}

impl Rig {
    fn new(more: &str) -> Self {
        let (fake, scope) = (Fake::start(), scope());
        let text = config(&fake, more);
        let policy =
            compile_in::<Config>(&text, &scope).unwrap_or_else(|bad| panic!("{text}: {bad}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { fake, scope, policy, local: tokio::task::LocalSet::new(), runtime }
    }

    /// The policy anew, as after a reload.
    fn reload(&mut self, more: &str) {
        self.policy = compile_in::<Config>(&config(&self.fake, more), &self.scope).unwrap();
    }

    fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.local.block_on(&self.runtime, work)
    }

    async fn ask(&self, head: &str, now: u64) -> Came {
        let mut exchange = exchange(head);
        exchange.now = now;
        self.policy.clear(exchange.request.head.fields_mut());
        let verdict = match self.policy.on_request(&mut exchange) {
            Step::Now(verdict) => verdict,
            Step::Later(verdict) => verdict.await,
        };
        Came { verdict, exchange }
    }

    /// A page that is asked for by this browser.
    fn visit(&self, browser: &mut Browser, target: &str) -> Came {
        self.send(browser, target, "Accept: text/html\nSec-Fetch-Mode: navigate\n")
    }

    fn send(&self, browser: &mut Browser, target: &str, fields: &str) -> Came {
        let head = browser.head(target, fields);
        let came = self.run(self.ask(&head, browser.now));
        browser.keep(&came);
        came
    }

    /// Logs in, and says where the browser is sent back from the provider.
    fn begin(&self, browser: &mut Browser, target: &str) -> String {
        let location = self.visit(browser, target).location();
        let (code, state) = self.fake.log_in(&location);
        format!("/login/done?code={code}&state={state}&iss={}", self.fake.issuer())
    }

    fn log_in(&self, browser: &mut Browser) -> Came {
        let back = self.begin(browser, "/orders?a=b");
        let came = self.visit(browser, &back);
        assert_eq!(came.location(), format!("https://{HOST}/orders?a=b"));
        came
    }
}

impl Browser {
    fn new() -> Self {
        Self { now: NOW, ..Self::default() }
    }

    fn head(&self, target: &str, fields: &str) -> String {
        // Each in a line of its own, as HTTP/2 has it.
        let line = |(name, value)| format!("Cookie: {name}={value}\n");
        let cookies: String = self.cookies.iter().map(line).collect();
        format!("GET {target} HTTP/1.1\nHost: {HOST}\n{cookies}{fields}")
    }

    fn keep(&mut self, came: &Came) {
        for cookie in came.set_cookies() {
            let (name, rest) = cookie.split_once('=').unwrap();
            let (value, limits) = rest.split_once(';').unwrap();
            if limits.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    fn session(&self) -> Option<&String> {
        self.cookies.get("__Host-gateway-session")
    }

    fn logins(&self) -> usize {
        self.cookies.keys().filter(|name| name.contains(".login.")).count()
    }
}

impl Came {
    fn set_cookies(&self) -> Vec<String> {
        let fields = self.exchange.trail.promised();
        let values = fields.into_iter().flat_map(|fields| fields.all("Set-Cookie"));
        values.map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
    }

    fn location(&self) -> String {
        let Verdict::Answer(response) = &self.verdict else { panic!("no answer: {self:?}") };
        assert_eq!(response.head.status().code(), 302);
        assert_eq!(response.head.fields().first("Cache-Control"), Some(&b"no-store"[..]));
        String::from_utf8(response.head.fields().first("Location").unwrap().to_vec()).unwrap()
    }

    fn failure(&self) -> &Failure {
        let Verdict::Fail(failure) = &self.verdict else { panic!("no failure: {self:?}") };
        failure
    }

    /// Refused like this, and the log says why.
    fn refused(&self, kind: FailureKind, words: &str) {
        let failure = self.failure();
        let cause = failure.cause().unwrap_or_default();
        assert_eq!(failure.kind(), kind, "{cause}");
        assert!(cause.contains(words), "{cause}");
        assert!(self.exchange.principal.is_none());
    }

    /// Let in, as this consumer.
    fn entered(&self, name: &str) {
        assert!(matches!(self.verdict, Verdict::Next), "{:?}", self.verdict);
        assert_eq!(self.exchange.principal.as_ref().unwrap().consumer_name(), name);
    }

    fn told(&self, field: &str) -> Vec<String> {
        let values = self.exchange.request.head.fields().all(field);
        values.map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
    }
}
