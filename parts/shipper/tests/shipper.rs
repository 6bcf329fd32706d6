//! A shipper against servers that do as they are told.

#![cfg(test)]

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use yumen_courier::Url;
use yumen_e2e::{Backend, Message, Step, ok, raw};
use yumen_shipper::{Bounds, Load, Loss, Manner, News, Settings, Shipper};

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn start(url: &str, bounds: Bounds) -> (Shipper, Receiver<News>) {
    let url = Url::read(url).unwrap();
    let (say, told) = sync_channel(100);
    let settings = Settings {
        name: "test-shipper".to_owned(),
        courier: yumen_courier::Settings::new(url.target, None),
        path: url.path,
        manner: Manner::Post("text/plain"),
        fields: vec![("x-key".to_owned(), b"s3cret".to_vec())],
        gzip: false,
        rejected: |_| 0,
        bounds,
        tell: Box::new(move |news| drop(say.send(news))),
    };
    (Shipper::start(settings).unwrap(), told)
}

fn quick() -> Bounds {
    let millis = Duration::from_millis;
    Bounds { within: LONG, age: LONG, pause: millis(5), pause_max: millis(20), ..Bounds::default() }
}

fn of(backend: &Backend, bounds: Bounds) -> (Shipper, Receiver<News>) {
    start(&format!("http://{}/in?a=b", backend.address), bounds)
}

/// A port where nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

fn requests(backend: &Backend) -> Vec<Message> {
    backend.recorded().iter().flat_map(|connection| connection.requests().0).collect()
}

fn lost(shipper: &Shipper, why: Loss) -> u64 {
    shipper.totals().dropped[why as usize]
}

fn wait(what: impl Fn() -> bool) {
    let end = Instant::now() + LONG;
    while !what() {
        assert!(Instant::now() < end, "it takes too long");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn batches_come_in_order_with_their_fields() {
    let backend = Backend::start(|_| vec![Step::Body, ok("")]);
    let (shipper, _told) = of(&backend, quick());
    for number in 0..5 {
        assert!(shipper.offer(Load::new(format!("batch {number}"), 10)));
    }
    assert!(!shipper.has_ended());
    shipper.finish(LONG);
    assert!(shipper.has_ended());
    assert_eq!((shipper.totals().sent, shipper.totals().dropped), (50, [0; 4]));
    assert_eq!(shipper.waiting(), 0);
    let calls = requests(&backend);
    assert_eq!(calls.len(), 5);
    for (number, call) in calls.iter().enumerate() {
        assert_eq!(call.start, "POST /in?a=b HTTP/1.1");
        for (name, value) in [("content-type", &b"text/plain"[..]), ("x-key", b"s3cret")] {
            assert!(call.fields.iter().any(|field| field.0 == name && field.1 == value), "{name}");
        }
        assert_eq!(call.body, format!("batch {number}").into_bytes());
    }
    assert!(!shipper.offer(Load::new("late", 1)), "it is closed");
}

#[test]
fn what_fails_for_the_moment_is_sent_again() {
    let backend = Backend::start(|call| match call.nth + call.connection {
        0 => vec![
            Step::Body,
            raw("HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
            Step::Close,
        ],
        1 => vec![Step::Close],
        _ => vec![Step::Body, ok("")],
    });
    let (shipper, told) = of(&backend, quick());
    assert!(shipper.offer(Load::new("x", 3)));
    wait(|| shipper.totals().sent == 3);
    let totals = shipper.totals();
    assert_eq!((totals.failures, totals.dropped), (2, [0; 4]));
    assert!(matches!(told.recv_timeout(LONG).unwrap(), News::Failing(why) if why.contains("503")));
    assert_eq!(told.recv_timeout(LONG).unwrap(), News::Well(2));
    shipper.finish(LONG);
}

#[test]
fn what_is_refused_is_not_sent_again() {
    let backend =
        Backend::start(|_| vec![Step::Body, raw("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")]);
    let (shipper, told) = of(&backend, quick());
    shipper.offer(Load::new("x", 3));
    shipper.offer(Load::new("y", 4));
    shipper.finish(LONG);
    assert_eq!((lost(&shipper, Loss::Refused), requests(&backend).len()), (7, 2));
    assert!(matches!(told.recv_timeout(LONG).unwrap(), News::Refused(why) if why.contains("400")));
    assert!(told.recv_timeout(Duration::ZERO).is_err(), "it is told once");
}

#[test]
fn a_queue_has_an_end_and_nobody_waits_for_it() {
    let bounds = Bounds { loads: 3, bytes: 100, ..quick() };
    let (shipper, _told) = start(&nobody(), bounds);
    let taken = (0..1000).filter(|_| shipper.offer(Load::new("x", 1))).count();
    assert_eq!((taken, lost(&shipper, Loss::QueueFull)), (3, 997));
    shipper.finish(Duration::ZERO);
    assert_eq!(lost(&shipper, Loss::Closed), 3);
    let (shipper, _told) = start(&nobody(), bounds);
    assert!(shipper.offer(Load::new(vec![0; 60], 1)));
    assert!(!shipper.offer(Load::new(vec![0; 60], 1)), "too many bytes");
    shipper.finish(Duration::ZERO);
}

#[test]
fn what_is_too_old_is_given_up_and_the_rest_goes_on() {
    let bounds = Bounds { age: Duration::from_millis(100), ..quick() };
    let (shipper, _told) = start(&nobody(), bounds);
    shipper.offer(Load::new("x", 2));
    wait(|| lost(&shipper, Loss::TooOld) == 2);
    wait(|| shipper.waiting() == 0);
    assert!(shipper.offer(Load::new("y", 1)), "there is room again");
    shipper.finish(Duration::ZERO);
}

#[test]
fn an_end_waits_no_longer_than_its_patience() {
    let backend = Backend::start(|_| vec![Step::Hang]);
    let (shipper, _told) = of(&backend, quick());
    shipper.offer(Load::new("x", 2));
    shipper.offer(Load::new("y", 2));
    wait(|| backend.connections() == 1);
    let since = Instant::now();
    shipper.finish(Duration::from_millis(50));
    assert!(since.elapsed() < LONG / 2);
    assert_eq!((lost(&shipper, Loss::Closed), shipper.totals().sent), (4, 0));
}

#[test]
fn secrets_are_not_shown() {
    let (shipper, _told) = start(&nobody(), quick());
    assert!(!format!("{shipper:?}").contains("s3cret"));
    shipper.finish(Duration::ZERO);
}
