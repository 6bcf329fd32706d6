//! Services that misbehave, and what is tried again: counted where it matters, at the service.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use yumen_e2e::backend::Call;
use yumen_e2e::client::get;
use yumen_e2e::gateway::{Launch, signal};
use yumen_e2e::load::{Load, Plan};
use yumen_e2e::plain::one_service;
use yumen_e2e::tools::free_address;
use yumen_e2e::{Answer, Backend, Client, Gateway, SOON, Step, ok, raw};

/// One service with these targets, and more lines for it.
fn config(targets: &[SocketAddr], more: &str) -> String {
    one_service(targets, "", more)
}

/// A service that counts its requests; `script` is told how many there were before.
fn counting(
    script: impl Fn(usize, &Call<'_>) -> Vec<Step> + Send + Sync + 'static,
) -> (Backend, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&count);
    let backend = Backend::start(move |call| script(own.fetch_add(1, Ordering::SeqCst), call));
    (backend, count)
}

fn status(code: u16, more: &str) -> Step {
    raw(format!("HTTP/1.1 {code} Bad\r\nContent-Length: 3\r\n{more}\r\nbad"))
}

fn ask(gateway: &Gateway, request: &str) -> Answer {
    Client::connect(gateway.web()).ask(request).unwrap_or_else(|lost| panic!("{request}: {lost:?}"))
}

fn body_request(method: &str, body: &str) -> String {
    format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// The line of the access log that holds these words.
fn logged(gateway: &Gateway, words: &str) -> String {
    gateway
        .stdout
        .wait(0, SOON, |line| line.contains(words))
        .unwrap_or_else(|| panic!("no line with {words}: {:#?}", gateway.stdout.all()))
}

fn metric(gateway: &Gateway, name: &str) -> f64 {
    let text = get(gateway.status(), "/metrics").text();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
}

/// The service breaks the first try in every way there is; the second is well.
#[test]
fn what_breaks_once_is_tried_again() {
    let partial = "HTTP/1.1 200 OK\r\nContent-Le";
    for (why, steps, more) in [
        ("reset", vec![Step::Reset], ""),
        ("reset", vec![Step::Body, Step::Close], ""),
        ("reset", vec![Step::Body, raw(partial), Step::Reset], ""),
        ("timeout", vec![Step::Body, Step::Hang], "    timeouts: { per_try: 200ms }"),
        ("status", vec![Step::Body, status(503, "")], "    retries: { statuses: [503] }"),
        (
            "status",
            vec![Step::Body, status(503, "Retry-After: 1\r\n")],
            "    retries: { statuses: [503] }",
        ),
    ] {
        let (backend, count) = counting(move |nth, _| match nth {
            0 => steps.clone(),
            _ => vec![Step::Body, ok("ok")],
        });
        let gateway = Gateway::start(&config(&[backend.address], more));
        let answer = get(gateway.web(), "/");
        assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"), "{why}");
        assert_eq!(count.load(Ordering::SeqCst), 2, "{why}");
        let line = logged(&gateway, "\"attempts\":2");
        assert!(line.contains(&format!("\"decisions\":[{{\"what\":\"{why}\"")), "{line}");
        let name = format!("yumen_upstream_retries_total{{service=\"backend\",reason=\"{why}\"}}");
        assert!((metric(&gateway, &name) - 1.0).abs() < 0.1, "{name}");
    }
}

/// What cannot be sent twice without harm is sent once, unless the config says otherwise.
#[test]
fn a_post_is_sent_once_unless_told() {
    for (more, times) in [
        ("", 1),
        ("    retries: { attempts: 0 }", 1),
        ("    retries: { methods: [POST] }", 3),
        ("    retries: { methods: [POST], attempts: 1 }", 2),
    ] {
        let (backend, count) = counting(|_, _| vec![Step::Body, Step::Reset]);
        let gateway = Gateway::start(&config(&[backend.address], more));
        let answer = ask(&gateway, &body_request("POST", "hello"));
        assert_eq!(answer.status(), 502, "{more}");
        assert!(answer.text().contains("upstream_closed"), "{}", answer.text());
        assert_eq!(count.load(Ordering::SeqCst), times, "{more}");
    }
}

/// A body that streams is kept while it fits, and arrives whole the second time too.
#[test]
fn a_body_that_fits_is_sent_again() {
    let body = "0123456789".repeat(4000);
    for (bound, size, saved) in [("64KiB", 40_000, true), ("8KiB", 40_000, false)] {
        for chunked in [false, true] {
            let (backend, count) = counting(|nth, _| match nth {
                0 => vec![Step::Body, Step::Reset],
                _ => vec![Step::Body, ok("ok")],
            });
            let more = format!("    retries: {{ body: {bound} }}");
            let gateway = Gateway::start(&config(&[backend.address], &more));
            let mut client = Client::connect(gateway.web());
            let (framing, sent) = match chunked {
                false => (format!("Content-Length: {size}"), body.clone()),
                true => {
                    let size = body.len();
                    (
                        "Transfer-Encoding: chunked".to_owned(),
                        format!("{size:x}\r\n{body}\r\n0\r\n\r\n"),
                    )
                }
            };
            client.send(format!("PUT / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"));
            // Two pieces, so that the body is not at hand with the head.
            let (first, second) = sent.split_at(100);
            client.send(first);
            assert!(backend.wait(SOON, |all| all.iter().any(|one| !one.bytes.is_empty())));
            client.send(second);
            let answer = client.answer("PUT", SOON).expect("an answer");
            let expect = if saved { (200, 2) } else { (502, 1) };
            assert_eq!(
                (answer.status(), count.load(Ordering::SeqCst)),
                expect,
                "{bound} {chunked}"
            );
            if saved {
                let recorded = backend.recorded();
                let again = recorded.last().expect("a connection").requests().0;
                assert!(again[0].body == body.as_bytes(), "the body arrives whole");
            } else {
                assert!(logged(&gateway, "\"attempts\":1").contains("\"what\":\"body_gone\""));
            }
        }
    }
}

/// A body that was sent and not kept is gone, also where there was an answer: what is sent again must
/// be the same request.
#[test]
fn a_body_that_is_gone_is_not_left_out() {
    let (backend, count) = counting(|_, _| vec![Step::Body, status(503, "")]);
    let more = "    retries: { statuses: [503], body: 1KiB }";
    let gateway = Gateway::start(&config(&[backend.address], more));
    // More than comes with the head.
    let body = "x".repeat(400_000);
    let answer = ask(&gateway, &body_request("PUT", &body));
    assert_eq!((answer.status(), count.load(Ordering::SeqCst)), (503, 1));
    assert!(logged(&gateway, "\"attempts\":1").contains("\"what\":\"body_gone\""));
}

/// Once the head of an answer was given on, nothing is sent again.
#[test]
fn an_answer_that_was_begun_is_not_tried_again() {
    let part = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    let (backend, count) = counting(move |_, _| vec![Step::Body, raw(part), Step::Reset]);
    let gateway = Gateway::start(&config(&[backend.address], ""));
    let mut client = Client::connect(gateway.web());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.read_to_end(SOON));
    assert!(client.shown().contains("200 OK"), "{}", client.shown());
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// An answer to be tried again is passed on when tries are used up, or the service asks for more
/// patience than there is.
#[test]
fn the_last_answer_is_passed_on() {
    for (more, field, times) in [
        ("    retries: { statuses: [503] }", "", 3),
        ("    retries: { statuses: [503] }", "Retry-After: 30\r\n", 1),
        ("", "", 1),
    ] {
        let (backend, count) = counting(move |_, _| vec![Step::Body, status(503, field)]);
        let gateway = Gateway::start(&config(&[backend.address], more));
        let answer = get(gateway.web(), "/");
        assert_eq!((answer.status(), answer.text().as_str()), (503, "bad"));
        assert_eq!(count.load(Ordering::SeqCst), times, "{more} {field}");
    }
}

/// A target that hangs costs its own time once; the other one is asked, and nothing is lost.
#[test]
fn another_target_is_preferred() {
    let (hung, asked) = counting(|_, _| vec![Step::Body, Step::Hang]);
    let well = Backend::answering("ok");
    let more = "    timeouts: { first_byte: 300ms }\n    retries: { budget: { share: 1.0 } }";
    let gateway = Gateway::start(&config(&[hung.address, well.address], more));
    for n in 0..10 {
        assert_eq!(get(gateway.web(), "/").status(), 200, "request {n}");
    }
    let tries = asked.load(Ordering::SeqCst);
    assert!((1..=10).contains(&tries), "{tries}");
    assert!(logged(&gateway, "\"what\":\"timeout\"").contains(&hung.address.to_string()));

    let (alone, asked) = counting(|_, _| vec![Step::Body, Step::Hang]);
    let gateway = Gateway::start(&config(&[alone.address], more));
    assert_eq!(get(gateway.web(), "/").status(), 504);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "the same one does not answer sooner");
}

/// All tries together keep within the total.
#[test]
fn the_total_bounds_all_tries() {
    let (backend, count) = counting(|_, _| vec![Step::Body, Step::Hang]);
    let more = "    timeouts: { per_try: 300ms, total: 2s }\n    retries: { attempts: 10 }";
    let gateway = Gateway::start(&config(&[backend.address], more));
    let began = Instant::now();
    assert_eq!(get(gateway.web(), "/").status(), 504);
    let took = began.elapsed();
    assert!(took > Duration::from_millis(1500) && took < Duration::from_secs(6), "{took:?}");
    assert!((2..=7).contains(&count.load(Ordering::SeqCst)), "{count:?}");
}

/// The storm: every try fails. The service sees little more than what the clients ask for.
#[test]
fn a_storm_of_retries_is_held_back() {
    let (backend, count) = counting(|_, _| vec![Step::Body, status(503, "")]);
    let more = "    retries: { statuses: [503], attempts: 3, backoff: { first: 1ms, max: 2ms } }";
    let gateway = Gateway::start(&config(&[backend.address], more));
    let plan = Plan { pause: Duration::from_millis(4), ..Plan::steady(gateway.web(), 8) };
    let load = Load::start(&plan);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        thread::sleep(Duration::from_millis(50));
    }
    let report = load.stop();
    let offered: u64 = report.failed.values().sum();
    let seen = count.load(Ordering::SeqCst) as f64;
    let share = seen / offered as f64;
    println!("{offered} requests, {seen} at the service: {share:.3}");
    assert_eq!(report.done, 0);
    assert!(offered > 500, "too little of a storm: {offered}");
    assert!(share <= 1.2 + 6.0 / offered as f64, "{share}");
    assert!(share > 1.05, "nothing was tried again: {share}");
    let spent = "yumen_upstream_decisions_total{service=\"backend\",decision=\"budget_spent\"}";
    assert!(metric(&gateway, spent) > 100.0);
    logged(&gateway, "\"what\":\"budget_spent\"");
}

/// One of two services is killed under load: no GET fails, and no POST of which nothing was sent.
#[test]
fn one_of_two_is_killed() {
    let service = "{ listeners: [{ name: web, address: '127.0.0.1:0' }], access_log: { to: off }, \
                   status: { address: off }, \
                   routes: [{ name: all, match: { paths: ['/*'] }, answer: { body: ok } }] }";
    let (first, second) = (Gateway::start(service), Gateway::start(service));
    let gateway = Gateway::start(&config(&[first.web(), second.web()], ""));
    let plan = Plan { pause: Duration::from_millis(1), ..Plan::steady(gateway.web(), 8) };
    let load = Load::start(&plan);
    assert!(load.reach(1000, Duration::from_secs(30)));
    signal(first.pid, "KILL");
    assert!(first.exit(SOON).is_some());
    for n in 0..100 {
        let answer = ask(&gateway, &body_request("POST", "hello"));
        assert_eq!(answer.status(), 200, "POST {n}: {}", answer.text());
    }
    assert!(load.reach(4000, Duration::from_secs(60)));
    let report = load.stop();
    println!("{} GETs, the slowest took {:?}", report.done, report.slowest);
    assert!(report.failed.is_empty(), "{report:?}");
    // Far less on a machine that has time; this is about requests that hang.
    assert!(report.slowest < Duration::from_secs(3), "{:?}", report.slowest);
}

/// Nobody is there: the answer comes soon and says so, for every method.
#[test]
fn all_are_dead() {
    let gateway = Gateway::start(&config(&[free_address(), free_address()], ""));
    let began = Instant::now();
    for method in ["GET", "POST", "PUT", "DELETE"] {
        let answer = ask(&gateway, &body_request(method, "hello"));
        assert_eq!(answer.status(), 502, "{method}");
        assert!(answer.text().contains("upstream_unreachable"), "{}", answer.text());
    }
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(logged(&gateway, "\"method\":\"POST\"").contains("\"what\":\"connect\""));
}

/// A service that is gone for a moment is waited for, if only a little.
#[test]
fn a_restart_is_bridged() {
    let address = free_address();
    let more = "    retries: { attempts: 10, backoff: { first: 200ms, max: 400ms }, \
                budget: { per_second_min: 100 } }";
    let gateway = Gateway::start(&config(&[address], more));
    let late = thread::spawn(move || {
        // The service is away for this long.
        thread::sleep(Duration::from_millis(200));
        let listener = std::net::TcpListener::bind(address).expect("the address is free");
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut space = [0; 1024];
        let _request = std::io::Read::read(&mut stream, &mut space);
        let _sent = std::io::Write::write_all(
            &mut stream,
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        );
    });
    assert_eq!(ask(&gateway, &body_request("POST", "hello")).status(), 200);
    late.join().expect("the service ends well");
}

/// Says what it is told to by the path; `/gate/N` waits so many milliseconds.
fn obedient() -> (Backend, Arc<AtomicUsize>) {
    counting(|_, call| {
        let target = call.request.target().to_owned();
        let number = target.rsplit('/').next().and_then(|word| word.parse().ok()).unwrap_or(0);
        match target.split('/').nth(1) {
            Some("fail") => vec![Step::Body, status(500, "")],
            Some("gate") => vec![Step::Body, Step::Wait(Duration::from_millis(number)), ok("ok")],
            _ => vec![Step::Body, ok("ok")],
        }
    })
}

/// The breaker opens, answers at once, tries again, and closes; a reload does not touch it.
#[test]
fn a_breaker_opens_and_closes() {
    let (backend, count) = obedient();
    let more = "    breaker: { attempts_min: 10, open: 1500ms, trials: 2 }";
    let yaml = config(&[backend.address], more);
    let gateway = Gateway::start(&yaml);
    for _ in 0..5 {
        assert_eq!(get(gateway.web(), "/ok").status(), 200);
        assert_eq!(get(gateway.web(), "/fail").status(), 500);
    }
    let opened = Instant::now();
    let seen = count.load(Ordering::SeqCst);
    gateway.reload_at_once(&format!("{yaml}\n# changed\n")).expect("it is well");
    let answer = get(gateway.web(), "/ok");
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert!(answer.text().contains("upstream_open"), "{}", answer.text());
    assert!(["1", "2"].contains(&answer.one("retry-after").as_str()), "{answer:?}");
    assert_eq!(count.load(Ordering::SeqCst), seen, "the service is left alone");
    logged(&gateway, "\"what\":\"breaker_opened\"");
    logged(&gateway, "\"what\":\"breaker_open\"");
    let said = |words: &str| gateway.stderr.wait(0, SOON, |line| line.contains(words));
    assert!(said("the breaker of service backend opened").is_some());
    let name = "yumen_upstream_breaker_state{service=\"backend\"}";
    let deadline = Instant::now() + SOON;
    while metric(&gateway, name) < 1.5 && opened.elapsed() < Duration::from_secs(1) {
        assert!(Instant::now() < deadline, "the metric does not show it");
    }
    while get(gateway.web(), "/ok").status() != 200 {
        assert!(Instant::now() < deadline, "it does not close");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(opened.elapsed() > Duration::from_millis(1200), "{:?}", opened.elapsed());
    for _ in 0..5 {
        assert_eq!(get(gateway.web(), "/ok").status(), 200);
    }
    assert!(said("the breaker of service backend closed").is_some());
}

/// One of two is slow: with hedges its requests are answered by the other, and it is not blamed.
#[test]
fn what_takes_long_is_asked_of_another_too() {
    let slow = Backend::start(|_| vec![Step::Body, Step::Wait(Duration::from_secs(6)), ok("slow")]);
    let fast = Backend::answering("fast");
    let more = "    retries: { hedge: 50ms, budget: { per_second_min: 50 } }\n    timeouts: { first_byte: 1m }";
    // A busy machine may make everybody slow; silence is another test's.
    let text = config(&[slow.address, fast.address], more);
    let text = text
        .replace("      targets:", "      health: { passive: { silence: off } }\n      targets:");
    let gateway = Gateway::start(&text);
    let began = Instant::now();
    for _ in 0..10 {
        assert_eq!(get(gateway.web(), "/").text(), "fast");
    }
    println!("ten requests, half of them hedged: {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let line = logged(&gateway, "\"what\":\"hedge\"");
    assert!(line.contains("\"attempts\":2") && line.contains(&fast.authority()), "{line}");
    assert!(slow.wait(SOON, |all| !all.is_empty() && all.iter().all(|one| one.ended.is_some())));
    let page = get(gateway.status(), "/upstreams").text();
    assert!(!page.contains("ejected") && !page.contains("silent"), "{page}");
    let counted =
        metric(&gateway, "yumen_upstream_retries_total{service=\"backend\",reason=\"hedge\"}");
    assert!(counted >= 1.0, "{counted}");
    // What cannot be sent twice waits: who got it answers it. Each worker chooses by itself, so there
    // are enough for both.
    let mark = fast.mark();
    let posts: Vec<_> = (0..16)
        .map(|_| {
            let mut client = Client::connect(gateway.web());
            client.send(body_request("POST", "hello"));
            client
        })
        .collect();
    let texts: Vec<String> = posts
        .into_iter()
        .map(|mut client| client.answer("POST", SOON).expect("an answer").text())
        .collect();
    let posts: usize = fast.since(&mark).iter().map(|one| one.requests().0.len()).sum();
    let answered = texts.iter().filter(|text| *text == "fast").count();
    assert!(answered < texts.len(), "{texts:?}");
    assert_eq!(posts, answered, "{texts:?}");
}

/// What the page of upstreams shows of the only service: limit, under way, waiting, sent away.
fn crowd(gateway: &Gateway) -> [u64; 4] {
    let text = get(gateway.status(), "/upstreams").text();
    let page: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let limits = &page["services"][0]["limits"];
    ["limit", "requests", "pending", "sent_away"]
        .map(|name| limits[name].as_u64().unwrap_or_else(|| panic!("no {name} in {text}")))
}

/// So many clients ask without end, with a pause; what each answer was, and how long it took.
fn hammer(gateway: &Gateway, clients: usize, pause: Duration, long: Duration) -> Vec<Asked> {
    let (web, until) = (gateway.web(), Instant::now() + long);
    let ask = move || {
        let mut client = Client::connect(web);
        let mut all = Vec::new();
        while Instant::now() < until {
            let began = Instant::now();
            let answer = client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("an answer");
            all.push((answer.status(), answer.text(), began.elapsed(), Instant::now()));
            // The pause is part of the load's shape.
            thread::sleep(pause);
        }
        all
    };
    let threads: Vec<_> = (0..clients).map(|_| thread::spawn(ask)).collect();
    threads.into_iter().flat_map(|one| one.join().expect("it ends well")).collect()
}

type Asked = (u16, String, Duration, Instant);

/// A service that does eight things at one time is asked for a multiple of what it can do: it does
/// nearly as much as ever, and who is sent away learns so at once.
#[test]
fn under_overload_the_adaptive_limit_keeps_the_service_busy_and_no_more() {
    let places = Arc::new((Mutex::new(8_u32), Condvar::new()));
    let own = Arc::clone(&places);
    let backend = Backend::start(move |_| {
        let (free, changed) = &*own;
        let mut left = changed
            .wait_while(free.lock().expect("a sound lock"), |free| *free == 0)
            .expect("a sound lock");
        *left -= 1;
        drop(left);
        // That is what its work takes.
        thread::sleep(Duration::from_millis(40));
        *free.lock().expect("a sound lock") += 1;
        changed.notify_one();
        vec![Step::Body, ok("ok")]
    });
    let more = "    limits: { adaptive: {} }";
    let gateway = Gateway::start(&config(&[backend.address], more));
    assert_eq!(crowd(&gateway), [20, 0, 0, 0], "before anybody has asked");
    let long = Duration::from_secs(3);
    let peak = hammer(&gateway, 8, Duration::ZERO, long);
    assert!(peak.iter().all(|one| one.0 == 200), "nobody is sent away for nothing");
    let all = hammer(&gateway, 40, Duration::from_millis(20), long * 3);
    // The last part, when it has settled.
    let settled = all.iter().map(|one| one.3).max().expect("some") - long;
    let late: Vec<&Asked> = all.iter().filter(|one| one.3 > settled).collect();
    let (good, shed): (Vec<&Asked>, Vec<&Asked>) = late.into_iter().partition(|one| one.0 == 200);
    assert!(!shed.is_empty(), "no overload: {} answers", all.len());
    assert!(shed.iter().all(|one| one.0 == 503 && one.1.contains("upstream_overloaded")));
    let median = |some: &[&Asked]| {
        let mut times: Vec<Duration> = some.iter().map(|one| one.2).collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let goodput = good.len() as f64 / peak.len() as f64;
    let limit = metric(&gateway, "yumen_upstream_requests_limit{service=\"backend\"}");
    println!(
        "overload: goodput {goodput:.2} of the peak, its median {:?}; {} sent away, median {:?}; limit {limit}",
        median(&good),
        shed.len(),
        median(&shed),
    );
    // The figures are 0.9 and 5 ms; without a limit 40 wait in line for 200 ms.
    assert!(goodput > 0.6, "{goodput}");
    assert!(median(&shed) < Duration::from_millis(100));
    assert!(median(&shed) < median(&good) / 2, "who is sent away does not wait");
    assert!((4.0..=40.0).contains(&limit), "{limit}");
    let [shown, requests, pending, sent_away] = crowd(&gateway);
    assert!((4..=40).contains(&shown) && (requests, pending) == (0, 0), "{shown} {requests}");
    let all_shed = all.iter().filter(|one| one.0 == 503).count() as u64;
    assert_eq!(sent_away, all_shed);
    logged(&gateway, "\"what\":\"shed\"");
}

/// Above the limit a request waits its turn; above the queue it is sent away at once.
#[test]
fn a_service_gets_no_more_than_it_may() {
    let (backend, count) = obedient();
    let more = "    limits: { requests: 2, pending: 2, pending_timeout: 5s }";
    let gateway = Gateway::start(&config(&[backend.address], more));
    let ask = |millis: u32| {
        let mut client = Client::connect(gateway.web());
        client.send(format!("GET /gate/{millis} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client
    };
    let mut inside = vec![ask(1500), ask(1500)];
    assert!(
        backend.wait(SOON, |all| all.iter().filter(|one| one.holds("/gate/1500")).count() == 2)
    );
    inside.extend([ask(1), ask(1)]);
    let deadline = Instant::now() + SOON;
    while crowd(&gateway) != [2, 2, 2, 0] || count.load(Ordering::SeqCst) < 2 {
        assert!(Instant::now() < deadline, "{:?} {count:?}", crowd(&gateway));
    }
    assert_eq!(count.load(Ordering::SeqCst), 2, "no more than two at once");
    let began = Instant::now();
    let answer = get(gateway.web(), "/gate/1");
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert!(answer.text().contains("upstream_busy"), "{}", answer.text());
    println!("sent away after {:?}", began.elapsed());
    for mut client in inside {
        assert_eq!(client.answer("GET", SOON).expect("an answer").status(), 200);
    }
    logged(&gateway, "\"what\":\"queued\"");
    logged(&gateway, "\"what\":\"overloaded\"");
    assert_eq!(get(gateway.web(), "/gate/1").status(), 200, "all places are free again");
    let deadline = Instant::now() + SOON;
    while crowd(&gateway) != [2, 0, 0, 1] {
        assert!(Instant::now() < deadline, "{:?}", crowd(&gateway));
    }
}

/// Places come back however an exchange ends.
#[test]
fn no_place_is_lost() {
    let (backend, _) = counting(|_, call| match call.request.target() {
        "/reset" => vec![Step::Body, Step::Reset],
        "/half" => {
            vec![Step::Body, raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), Step::Reset]
        }
        "/hang" => vec![Step::Body, Step::Hang],
        _ => vec![Step::Body, ok("ok")],
    });
    let more = "    retries: { attempts: 0 }\n    limits: { requests: 3 }";
    let gateway = Gateway::start(&config(&[backend.address], more));
    for round in 0..10 {
        for target in ["/reset", "/half", "/hang", "/ok"] {
            let mut client = Client::connect(gateway.web());
            client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            match target {
                "/hang" => {
                    assert!(backend.wait(SOON, |all| {
                        all.iter().filter(|one| one.holds("/hang")).count() == round + 1
                    }));
                    client.abort();
                }
                _ => drop(client.answer("GET", SOON)),
            }
        }
    }
    let deadline = Instant::now() + SOON;
    let busy = "yumen_upstream_requests{service=\"backend\"}";
    while metric(&gateway, busy) > 0.5 {
        assert!(Instant::now() < deadline, "a place is lost");
    }
    assert_eq!(get(gateway.web(), "/ok").status(), 200);
}

/// An answer, or another service, stands in for one that gave no answer; the log tells why.
#[test]
fn something_stands_in() {
    let (spare, count) = obedient();
    let (broken, _) = counting(|_, call| match call.request.target() {
        "/error" => vec![Step::Body, status(500, "")],
        _ => vec![Step::Body, Step::Reset],
    });
    let yaml = format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: broken
    url: http://{}
    fallback: {{ answer: {{ status: 203, body: sorry }} }}
    routes:
      - {{ name: all, match: {{ paths: ['/*'] }} }}
      - {{ name: spared, match: {{ paths: ['/spared/*'] }}, fallback: {{ service: spare }} }}
      - name: late
        match: {{ paths: [/late] }}
        fallback: {{ on: [upstream_timeout], answer: {{ body: sorry }} }}
  - {{ name: spare, url: 'http://{}' }}
",
        broken.address, spare.address
    );
    let gateway = Gateway::start(&yaml);
    let answer = get(gateway.web(), "/x");
    assert_eq!((answer.status(), answer.text().as_str()), (203, "sorry"));
    let line = logged(&gateway, "\"status\":203");
    assert!(line.contains("\"failure\":\"upstream_closed\""), "{line}");
    assert!(line.contains("\"what\":\"fallback\"") && line.contains("\"source\":\"gateway\""));
    assert_eq!(get(gateway.web(), "/error").status(), 500, "an answer is an answer");
    assert_eq!(get(gateway.web(), "/late").status(), 502, "another failure");

    for method in ["GET", "POST", "PUT"] {
        let before = count.load(Ordering::SeqCst);
        let request = body_request(method, "hello").replace(" / ", " /spared/x ");
        let answer = ask(&gateway, &request);
        assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"), "{method}");
        assert_eq!(count.load(Ordering::SeqCst), before + 1, "{method}");
    }
    let line = logged(&gateway, "\"method\":\"PUT\"");
    assert!(line.contains("\"failure\":\"upstream_closed\""), "{line}");
    assert!(line.contains("\"source\":\"upstream\""), "{line}");
    let recorded = spare.recorded();
    let bodies = recorded.iter().flat_map(|one| one.requests().0);
    assert!(bodies.filter(|request| request.body == b"hello").count() >= 2, "bodies arrive whole");

    // A body that was begun and is not kept cannot be sent a second time.
    let before = count.load(Ordering::SeqCst);
    let mut client = Client::connect(gateway.web());
    client.send("POST /spared/y HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    assert!(broken.wait(SOON, |all| all.iter().any(|one| one.holds("/spared/y"))));
    client.send("hello");
    assert_eq!(client.answer("POST", SOON).expect("an answer").status(), 502);
    assert_eq!(count.load(Ordering::SeqCst), before);
}

/// What makes no sense is said where it is written.
#[test]
fn wrong_settings_are_refused() {
    let target: SocketAddr = "127.0.0.1:1".parse().expect("an address");
    for (more, path) in [
        ("    fallback: { service: backend }", "services[0].fallback.service"),
        ("    fallback: { service: other }", "services[0].fallback.service"),
        ("    fallback: { on: [upstream_x], answer: {} }", "services[0].fallback.on[0]"),
        ("    fallback: { on: [upstream_open] }", "services[0].fallback"),
        ("    breaker: { error_share: 1.5 }", "services[0].breaker.error_share"),
        ("    breaker: { open: 1h }", "services[0].breaker.open"),
        ("    limits: { requests: 0 }", "services[0].limits.requests"),
        ("    limits: { pending: 1 }", "services[0].limits.pending"),
        ("    retries: { statuses: [302] }", "services[0].retries.statuses[0]"),
        ("    protocol: http2\n    retries: { hedge: 1s }", "services[0].retries.hedge"),
        ("    protocol: http2 # and hedge", "services[0].routes[0].retries.hedge"),
    ] {
        let mut text = config(&[target], more);
        if more.ends_with("# and hedge") {
            text = text.replace("match:", "retries: { hedge: 1s }, match:");
        }
        let refused = Gateway::launch(&text, Launch::default());
        let why = refused.err().unwrap_or_else(|| panic!("{more} is taken"));
        assert!(why.contains(&format!("error: {path}:")), "{more}: {why}");
    }
}
