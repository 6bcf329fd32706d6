use std::{
    net::SocketAddr,
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};
use yumen_http::{
    Fields,
    trace::{Context, Forms},
};
use yumen_model::{AccessLog, LogHeaders, LogNames};
use yumen_policy::{
    AttemptEnd, Attempts, Consumer, Decided, Decider, Decision, Identity, Principal, Secured,
    Shown, Trace,
};

use super::{
    combined,
    escape::FIELD_BYTES_MAX,
    json::{self, Members},
    redact::Secrets,
    stamp::Stamp,
    template,
};
use crate::{Record, Side, Size, Source, Times};

static DECIDER: LazyLock<Decider> =
    LazyLock::new(|| Decider { kind: "ip-restriction", at: "policies[0]".into() });

/// One that found nobody, and one that was answered over a kept connection.
static ATTEMPTS: LazyLock<Attempts> = LazyLock::new(|| {
    let at = Duration::from_micros;
    let mut attempts = Attempts::default();
    let first = attempts.begin(&"10.0.0.4:8080".into(), at(60));
    attempts.end(first, at(360), AttemptEnd::Unreachable);
    let second = attempts.begin(&"10.0.0.5:8080".into(), at(361));
    attempts.connected(second, at(361), true);
    attempts.end(second, at(12_060), AttemptEnd::Answered(201));
    attempts
});

/// A record with everything in it.
pub(super) fn full() -> Record<'static> {
    Record {
        began: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_253_290_123),
        times: Times {
            total: Duration::from_nanos(12_345_678),
            upstream: Some(Duration::from_micros(11_999)),
            overhead: Duration::from_nanos(61_500),
            queued: Duration::from_micros(5),
            policies: Duration::from_micros(7),
            connect: Some(Duration::from_micros(300)),
        },
        request_id: b"0b2d7c1e55aa4f10",
        client: SocketAddr::from(([192, 0, 2, 7], 51_234)),
        listener: "web",
        route: "orders",
        pattern: "/orders/{id}",
        service: "shop",
        target: "10.0.0.5:8080",
        method: b"POST",
        host: b"shop.example",
        path: b"/orders/17",
        query: Some(b"page=2&api_key=abc"),
        protocol: "HTTP/1.1",
        status: 201,
        source: Source::Upstream,
        failure: None,
        cause: None,
        attempts: &ATTEMPTS,
        decider: Some(&DECIDER),
        principal: None,
        decisions: &[],
        grpc_status: Some(4),
        received: Size { head: 311, body: 1_024 },
        sent: Size { head: 205, body: 17 },
        referer: Some(b"https://shop.example/cart?token=abc"),
        user_agent: Some(b"curl/8.5.0"),
        revision: 7,
        aborted_by: None,
        tunnelled: false,
        trace: None,
        request_fields: None,
        response_fields: None,
        secured: None,
    }
}

fn json_line(record: &Record<'_>) -> String {
    let mut out = Vec::new();
    json::line(&mut out, &mut Stamp::default(), record, &Members::default());
    String::from_utf8(out).unwrap()
}

fn combined_line(record: &Record<'_>) -> String {
    let mut out = Vec::new();
    combined::line(&mut out, &mut Stamp::default(), record, &Secrets::default());
    String::from_utf8(out).unwrap()
}

/// A consumer of this name, let in without a credential.
fn somebody(name: &str) -> Principal {
    let mut consumer = Consumer::named(name);
    consumer.groups = ["gold".into()].into();
    Principal::anonymous(Some(consumer.into()), "anonymous")
}

#[test]
fn who_called_is_told_where_it_is_known() {
    let principal = somebody("shop");
    let record = Record { principal: Some(&principal), ..full() };
    let line = json_line(&record);
    assert!(line.contains(r#","consumer":"shop","identified_by":"anonymous","#), "{line}");
    let line = template_line("%{consumer.name} %{consumer.groups[0]} %{credential}", &record);
    assert_eq!(line, "shop gold -\n");
}

/// A record that belongs to a trace.
fn with_trace(trace: &Trace) -> Record<'_> {
    Record { trace: Some(trace), ..full() }
}

#[test]
fn a_trace_is_told_of_where_there_is_one() {
    let own = Context { trace: [0xab; 16], span: [0x1c; 8], sampled: Some(true), random: false };
    let trace = Trace { own, parent: None, state: Vec::new(), forms: Forms::default() };
    let line = json_line(&with_trace(&trace));
    let told = format!(
        r#","trace_id":"{}","span_id":"{}","sampled":true,"client":"#,
        "ab".repeat(16),
        "1c".repeat(8)
    );
    assert!(line.contains(&told), "{line}");
    let unsampled = Trace { own: Context { sampled: Some(false), ..own }, ..trace };
    assert!(json_line(&with_trace(&unsampled)).contains(r#""sampled":false"#));
    let text = "%{trace.id} %{trace.span} %{trace.sampled}";
    let written = |record: &Record<'_>| {
        let mut out = Vec::new();
        template::line(&mut out, &template::compile(text).unwrap(), record, &Secrets::default());
        String::from_utf8(out).unwrap()
    };
    let digits = format!("{} {} false\n", "ab".repeat(16), "1c".repeat(8));
    assert_eq!(written(&with_trace(&unsampled)), digits);
    assert_eq!(written(&full()), "- - false\n");
}

#[test]
fn a_full_record_as_json() {
    assert_eq!(
        json_line(&full()),
        concat!(
            r#"{"time":"2026-11-21T09:28:10.123Z","request_id":"0b2d7c1e55aa4f10","#,
            r#""client":"192.0.2.7","client_port":51234,"listener":"web","route":"orders","#,
            r#""service":"shop","target":"10.0.0.5:8080","method":"POST","host":"shop.example","#,
            r#""path":"/orders/17","query":"page=2&api_key=***","protocol":"HTTP/1.1","#,
            r#""status":201,"source":"upstream","policy":"ip-restriction","#,
            r#""policy_at":"policies[0]","attempts":2,"attempt_list":[{"at_ms":0.060,"#,
            r#""target":"10.0.0.4:8080","took_ms":0.300,"end":"unreachable"},{"at_ms":0.361,"#,
            r#""target":"10.0.0.5:8080","took_ms":11.699,"end":"answered","status":201}],"#,
            r#""grpc_status":4,"total_ms":12.346,"upstream_ms":11.999,"overhead_ms":0.062,"#,
            r#""queued_ms":0.005,"policies_ms":0.007,"connect_ms":0.300,"received_head_bytes":311,"#,
            r#""received_body_bytes":1024,"sent_head_bytes":205,"sent_body_bytes":17,"#,
            r#""referer":"https://shop.example/cart?token=***","user_agent":"curl/8.5.0","#,
            r#""revision":7}"#,
            "\n"
        )
    );
}

#[test]
fn a_failed_exchange_as_json() {
    let decisions = [
        Decision {
            what: Decided::Status,
            target: Some("10.0.0.5:8080".into()),
            status: Some(503),
            at: Duration::from_micros(2_104),
        },
        Decision {
            what: Decided::BudgetSpent,
            target: None,
            status: None,
            at: Duration::from_micros(30_001),
        },
    ];
    let record = Record {
        decisions: &decisions,
        client: "[2001:db8::1]:0".parse().unwrap(),
        method: b"GET",
        path: b"/",
        status: 504,
        failure: Some("upstream_timeout"),
        cause: Some("no answer in time"),
        aborted_by: Some(Side::Client),
        tunnelled: true,
        ..Record::default()
    };
    assert_eq!(
        json_line(&record),
        concat!(
            r#"{"time":"1970-01-01T00:00:00.000Z","client":"2001:db8::1","method":"GET","#,
            r#""path":"/","status":504,"source":"gateway","failure":"upstream_timeout","cause":"no answer in time","#,
            r#""attempts":0,"decisions":[{"what":"status","target":"10.0.0.5:8080","status":503,"#,
            r#""at_ms":2.104},{"what":"budget_spent","at_ms":30.001}],"#,
            r#""total_ms":0.000,"overhead_ms":0.000,"received_head_bytes":0,"#,
            r#""received_body_bytes":0,"sent_head_bytes":0,"sent_body_bytes":0,"revision":0,"#,
            r#""aborted_by":"client","tunnelled":true}"#,
            "\n"
        )
    );
}

#[test]
fn combined_lines_are_those_of_nginx() {
    assert_eq!(
        combined_line(&full()),
        concat!(
            "192.0.2.7 - - [21/Nov/2026:09:28:10 +0000] ",
            r#""POST /orders/17?page=2&api_key=*** HTTP/1.1" 201 17 "#,
            r#""https://shop.example/cart?token=***" "curl/8.5.0""#,
            "\n"
        )
    );
    let principal = somebody("ann \"x\" b");
    let line = combined_line(&Record { principal: Some(&principal), ..full() });
    assert!(line.starts_with("192.0.2.7 - ann\\x20\\x22x\\x22\\x20b [21/"), "{line}");
    let bare = Record { client: "[::ffff:192.0.2.1]:5".parse().unwrap(), ..Record::default() };
    assert_eq!(
        combined_line(&bare),
        "192.0.2.1 - - [01/Jan/1970:00:00:00 +0000] \"-\" 000 0 \"-\" \"-\"\n"
    );
}

/// Whatever a client sends stays one line and one value in it.
#[test]
fn hostile_bytes_break_out_of_no_line() {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let bomb = vec![b'"'; 1024 * 1024];
    let hostile: [&[u8]; 6] = [
        &every_byte,
        &bomb,
        b"\",\"status\":200,\"x\":\"",
        b"x\r\n127.0.0.1 - - [fake] \"GET / HTTP/1.1\" 200 0",
        b"\x1b]0;owned\x07\x1b[2J",
        b"\xf0\x9f\x9a\xff\xc0\x80\xed\xa0\x80",
    ];
    for bytes in hostile {
        let record = Record {
            request_id: bytes,
            method: bytes,
            host: bytes,
            path: bytes,
            query: Some(bytes),
            referer: Some(bytes),
            user_agent: Some(bytes),
            status: 400,
            ..full()
        };
        let line = json_line(&record);
        assert_eq!(line.find(|c: char| c.is_control()), Some(line.len() - 1));
        assert!(line.len() < 8 * 6 * FIELD_BYTES_MAX, "{} bytes", line.len());
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["status"], json!(400));
        assert_eq!(object["revision"], json!(7));
        let kept = String::from_utf8_lossy(&bytes[..bytes.len().min(FIELD_BYTES_MAX)]);
        let logged = object["path"].as_str().unwrap();
        assert_eq!(logged.strip_suffix("...").unwrap_or(logged), kept);

        let line =
            template_line(r#"{"path":"%{request.path}","agent":"%{request.user_agent}"}"#, &record);
        assert_eq!(line.find(|c: char| c.is_control()), Some(line.len() - 1));
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["path"].as_str().unwrap(), logged);
        assert_eq!(object.as_object().unwrap().len(), 2);

        let line = combined_line(&record);
        assert!(line.bytes().rev().skip(1).all(|byte| matches!(byte, b' '..=b'~')));
        assert_eq!(line.split('"').count(), 7, "three quoted parts: {line}");
    }
}

fn template_line(text: &str, record: &Record<'_>) -> String {
    let mut out = Vec::new();
    template::line(&mut out, &template::compile(text).unwrap(), record, &Secrets::default());
    String::from_utf8(out).unwrap()
}

#[test]
fn a_template_is_filled() {
    for (text, expect) in [
        (
            "%{time} %{client.address}:%{client.port} \"%{request.method} %{request.path}?%{request.query}\"",
            "2026-11-21T09:28:10.123Z 192.0.2.7:51234 \"POST /orders/17?page=2&api_key=***\"",
        ),
        ("%{response.status} %{total_ms} %{upstream_ms} %{attempts}", "201 12.346 11.999 2"),
        ("%{request.referer} %{failure} %{tls.version}", "https://shop.example/cart?token=*** - -"),
        ("%{response.status < 400 ? 'good' : 'bad'} %{request.id}", "good 0b2d7c1e55aa4f10"),
        ("%{request.headers['x-plan']} %{response.headers['x-plan']}", "- -"),
        ("100%% %%{route} %{route}", "100%% %{route} orders"),
    ] {
        assert_eq!(template_line(text, &full()), format!("{expect}\n"), "{text}");
    }
    let bare = template_line("%{upstream_ms} %{grpc_status} %{request.query}", &Record::default());
    assert_eq!(bare, "- - -\n");
}

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    lines.iter().for_each(|(name, value)| fields.add(name, value.as_bytes()).unwrap());
    fields
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn fields_and_tls_are_members_of_the_json_form() {
    let request = fields(&[("X-Plan", "gold"), ("x-tag", "a"), ("X-Tag", "b\"c")]);
    let response = fields(&[("Location", "/next?code=17&page=2"), ("X-Unasked", "1")]);
    let shown =
        Shown { subject: "CN=ann".to_owned(), fingerprint: "0a0b".to_owned(), ..Shown::default() };
    let secured = Secured {
        protocol: Some(b"h2".to_vec()),
        server_name: Some("shop.example".to_owned()),
        identity: Some(Identity::new(shown)),
        version: Some("TLSv1.3"),
        cipher: Some("TLS_AES_128_GCM_SHA256"),
        resumed: true,
    };
    let record = Record {
        request_fields: Some(&request),
        response_fields: Some(&response),
        secured: Some(&secured),
        ..Record::default()
    };
    let members = Members::new(&AccessLog {
        headers: LogHeaders {
            request: words(&["X-Plan", "X-Tag", "x-none"]),
            response: words(&["location"]),
        },
        ..AccessLog::default()
    });
    let mut out = Vec::new();
    json::line(&mut out, &mut Stamp::default(), &record, &members);
    let object: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(object["request_headers"], json!({ "x-plan": "gold", "x-tag": "a, b\"c" }));
    assert_eq!(object["response_headers"], json!({ "location": "/next?code=***&page=2" }));
    assert_eq!(
        object["tls"],
        json!({
            "version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256", "server_name": "shop.example",
            "alpn": "h2", "resumed": true, "client_subject": "CN=ann", "client_fingerprint": "0a0b"
        })
    );
    let text = "%{request.headers['X-TAG']} %{tls.version} %{tls.client_subject} %{tls.resumed}";
    assert_eq!(template_line(text, &record), "a, b\\\"c TLSv1.3 CN=ann true\n");
}

/// Whoever listens live beside several logs sees nothing that one of them keeps out.
#[test]
fn the_members_of_several_logs_keep_out_what_any_of_them_does() {
    let names = |query: &[&str]| LogNames { headers: Vec::new(), query: words(query) };
    let one = AccessLog { show: names(&["code", "pin"]), ..AccessLog::default() };
    let other =
        AccessLog { redact: names(&["iban"]), show: names(&["PIN"]), ..AccessLog::default() };
    let shown = |configs: &[&AccessLog]| {
        let mut out = Vec::new();
        let members = Members::of_all(configs.iter().copied());
        members.secrets.query(&mut out, b"code=1&pin=2&iban=3&a=4", Vec::extend_from_slice);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(shown(&[&one]), "code=1&pin=2&iban=3&a=4");
    assert_eq!(shown(&[&one, &other]), "code=***&pin=2&iban=***&a=4");
    assert_eq!(shown(&[&other, &one]), "code=***&pin=2&iban=***&a=4");
}

/// Wherever a secret stands and whatever is asked for, it is not written.
#[test]
fn a_secret_is_in_no_line_of_any_format() {
    const CANARY: &str = "canary-7f3a";
    let names = [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "X-Auth-Token",
        "X-Own",
    ];
    let mut lines: Vec<(&str, &str)> = names.iter().map(|name| (*name, CANARY)).collect();
    lines.push(("Cookie", CANARY));
    lines.push(("Location", "https://a.example/?code=canary-7f3a&own=canary-7f3a"));
    let fields = fields(&lines);
    let record = Record {
        query: Some(b"token=canary-7f3a&own=canary-7f3a&ok=seen"),
        referer: Some(b"https://a.example/?sid=canary-7f3a#access_token=canary-7f3a"),
        request_fields: Some(&fields),
        response_fields: Some(&fields),
        ..full()
    };
    let names = words(&[&names[..], &["Location"]].concat());
    let config = AccessLog {
        headers: LogHeaders { request: names.clone(), response: names.clone() },
        redact: LogNames { headers: words(&["x-own"]), query: words(&["own"]) },
        ..AccessLog::default()
    };
    let members = Members::new(&config);
    let mut out = Vec::new();
    json::line(&mut out, &mut Stamp::default(), &record, &members);
    combined::line(&mut out, &mut Stamp::default(), &record, &members.secrets);
    let mut texts = words(&[
        "%{request.query} %{request.referer}",
        "%{request.query.replace('=', ' ')} %{request.referer.substring(20)}",
    ]);
    for name in &names {
        for side in ["request", "response"] {
            texts.push(format!("%{{{side}.headers['{name}']}}"));
            texts.push(format!("%{{{side}.headers['{name}'].upperAscii().lowerAscii() + '.'}}"));
        }
    }
    for text in texts {
        template::line(&mut out, &template::compile(&text).unwrap(), &record, &members.secrets);
    }
    let text = String::from_utf8(out).unwrap();
    assert!(!text.contains(CANARY), "{text}");
    assert!(text.contains("ok=seen") && text.contains("\"authorization\":\"***\""), "{text}");
}
