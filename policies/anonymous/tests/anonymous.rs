//! What `anonymous` promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use yumen_directory::{Change, Entry, Pepper};
use yumen_policy::testing::{compile, compile_in, exchange, now};
use yumen_policy::{FailureKind, Scope, Verdict};
use yumen_policy_anonymous::Config;

fn scope() -> Scope {
    let scope = Scope::default();
    let entry = |name: &str, is_disabled| Entry {
        name: name.into(),
        external_id: None,
        groups: ["public".into()].into(),
        tags: Box::default(),
        is_disabled,
        credentials: Vec::new(),
    };
    let put = vec![entry("guest", false), entry("gone", true)];
    scope.directory.change(&Pepper::new(""), vec![Change { put, ..Change::default() }]).unwrap();
    scope
}

#[test]
fn whoever_brings_nothing_is_nobody_or_one_consumer() {
    let scope = scope();
    for (yaml, expect) in [
        ("{}", Ok("X-Anonymous-Consumer: true\r\n")),
        (
            "consumer: guest",
            Ok(
                "X-Anonymous-Consumer: true\r\nX-Consumer-Username: guest\r\nX-Consumer-Groups: public\r\n",
            ),
        ),
        ("consumer: gone", Err(FailureKind::NoCredentials)),
        ("consumer: unknown", Err(FailureKind::NoCredentials)),
    ] {
        let policy = compile_in::<Config>(yaml, &scope).unwrap();
        let mut exchange = exchange("GET / HTTP/1.1\nHost: x");
        let told = match now(policy.on_request(&mut exchange)) {
            Verdict::Next => {
                let principal = exchange.principal.take().unwrap();
                assert!(principal.is_anonymous && principal.credential.is_none());
                let mut lines = Vec::new();
                let fields = exchange.request.head.fields_mut();
                principal.tell(fields).unwrap();
                fields.write(&mut lines);
                Ok(String::from_utf8(lines).unwrap())
            }
            Verdict::Fail(failure) => Err(failure.kind()),
            other => panic!("{other:?}"),
        };
        assert_eq!(told, expect.map(str::to_owned), "{yaml}");
    }
    assert!(compile::<Config>("consumer: ''").is_err());
}
