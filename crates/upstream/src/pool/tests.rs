use super::*;
use crate::health::{Event, Keeper};
use crate::outcome::{Outcome, Try};
use std::time::Instant;
use yumen_model::Service;
use yumen_model::document::{Document, NoEnvironment, Source};
use yumen_model::report::Report;
use yumen_policy::Trail;

fn destination(revision: u64, port: u16) -> Arc<Destination> {
    let mut report = Report::default();
    let text = format!("{{name: s, url: 'http://127.0.0.1:{port}'}}");
    let source = Source { name: "s.yaml".to_owned(), text };
    let document = Document::read(&[source], &NoEnvironment, &mut report);
    let service: Service = yumen_model::read(document.root(), "", &mut report).unwrap();
    Arc::new(Destination::compile(&service, revision, None, "", &mut report).unwrap())
}

fn chosen(pool: &Pool) -> u16 {
    pool.choose(&Ask::default()).unwrap().1.address.port()
}

#[test]
fn an_exchange_of_an_old_plan_does_not_turn_a_pool_back() {
    let names = Names::default();
    let pool = Pool::new(destination(1, 1001), &names, Standings::default(), 0);
    assert_eq!(chosen(&pool), 1001);
    pool.adopt(&destination(2, 1002), &names);
    assert_eq!(chosen(&pool), 1002);
    pool.adopt(&destination(1, 1001), &names);
    assert_eq!(chosen(&pool), 1002, "the newer plan stays");
}

/// A pool of several targets, and the thread that minds their health, in virtual time.
fn watched(text: &str) -> (Pool, Keeper) {
    let mut report = Report::default();
    let source = Source { name: "s.yaml".to_owned(), text: text.to_owned() };
    let document = Document::read(&[source], &NoEnvironment, &mut report);
    let service: Service = yumen_model::read(document.root(), "", &mut report).unwrap();
    let destination = Arc::new(Destination::compile(&service, 1, None, "", &mut report).unwrap());
    let (keeper, standings) = Keeper::new(1);
    (Pool::new(destination, &Names::default(), standings, 0), keeper)
}

fn every_balance() -> [&'static str; 4] {
    ["round_robin", "random_of_two", "least_requests", "{hash: {on: path}}"]
}

/// So many requests; those to the ports that fail say so.
fn ask(pool: &Pool, requests: u64, fails: &[u16]) -> Vec<u16> {
    let one = |number: u64| {
        let ask = Ask { random: mix(number), key: mix(number), ..Ask::default() };
        let (_, endpoint) = pool.choose(&ask).unwrap();
        let mut trail = Trail::new([b'0'; 32], Instant::now(), Rc::default());
        let current = Try::begin(&endpoint, None, true, &mut trail);
        let port = endpoint.address.port();
        let fails = fails.contains(&port);
        let outcome = if fails { Outcome::Unreachable } else { Outcome::Answered(200) };
        current.end(outcome, &mut trail);
        port
    };
    (0..requests).map(one).collect()
}

/// Between the making of a group and the enrolment of its endpoints the keeper may look.
#[test]
fn a_group_without_endpoints_is_not_in_panic() {
    let destination = destination(1, 1001);
    let (mut keeper, standings) = Keeper::new(1);
    let group = standings.group(&destination.name, &destination.rules);
    let told = RefCell::new(Vec::new());
    keeper.look(0, &|event: &Event| told.borrow_mut().push(event.to_string()));
    assert_eq!(*told.borrow(), Vec::<String>::new());
    assert!(!group.is_in_panic());
}

const THREE: &str = "
    targets:
      - url: http://127.0.0.1:1001
      - url: http://127.0.0.1:1002
      - {url: 'http://127.0.0.1:1003', weight: 0}
";

#[test]
fn an_ejected_endpoint_gets_nothing_until_its_trial() {
    for balance in every_balance() {
        let (pool, mut keeper) = watched(&format!(
            "name: s\nupstream:\n    balance: {balance}\n    health: {{passive: {{ejection: 5s}}}}{THREE}"
        ));
        let told = RefCell::new(Vec::new());
        let tell = |event: &Event| told.borrow_mut().push(event.to_string());
        keeper.look(0, &tell);
        let before = ask(&pool, 200, &[1001]);
        assert!(before.contains(&1001) && before.contains(&1002), "{balance}");
        assert!(!before.contains(&1003), "{balance}: a weight of 0 takes no request");
        // The good ones of the first look are behind it.
        keeper.look(100, &tell);
        assert_eq!(told.borrow().len(), 1, "{balance}: {told:?}");
        assert!(told.borrow()[0].contains("target 127.0.0.1:1001: healthy -> ejected"));
        assert!(ask(&pool, 500, &[]).iter().all(|port| *port == 1002), "{balance}");
        keeper.look(9_000, &tell);
        let trial = ask(&pool, 500, &[]).iter().filter(|port| **port == 1001).count();
        assert_eq!(trial, 1, "{balance}: one at a time");
        for look in 1..4 {
            keeper.look(9_000 + look * 100, &tell);
            ask(&pool, 100, &[]);
        }
        keeper.look(10_000, &tell);
        assert!(ask(&pool, 200, &[]).iter().filter(|port| **port == 1001).count() > 50);
        assert!(told.borrow().last().unwrap().contains("trial -> healthy"), "{told:?}");
    }
}

#[test]
fn what_is_known_survives_a_reload() {
    let (pool, mut keeper) = watched(&format!("name: s\nupstream:{THREE}"));
    keeper.look(0, &|_| ());
    ask(&pool, 100, &[1001]);
    keeper.look(100, &|_| ());
    let (names, old) = (Names::default(), pool.destination());
    let mut report = Report::default();
    let text = format!("name: s\nupstream:\n    balance: random_of_two{THREE}");
    let source = Source { name: "s.yaml".to_owned(), text };
    let document = Document::read(&[source], &NoEnvironment, &mut report);
    let service: Service = yumen_model::read(document.root(), "", &mut report).unwrap();
    let fresh = Destination::compile(&service, old.revision + 1, None, "", &mut report).unwrap();
    pool.adopt(&Arc::new(fresh), &names);
    keeper.look(200, &|_| ());
    assert!(ask(&pool, 200, &[]).iter().all(|port| *port == 1002));
    // Another worker knows it too.
    let other = Pool::new(pool.destination(), &names, pool.standings.clone(), 7);
    assert!(ask(&other, 200, &[]).iter().all(|port| *port == 1002));
}

/// Nobody is thrown out of a service of one target, and nothing is counted for it.
#[test]
fn the_only_one_is_not_watched() {
    let (pool, mut keeper) = watched("{name: s, url: 'http://127.0.0.1:1001'}");
    ask(&pool, 100, &[1001]);
    keeper.look(100, &|event| panic!("{event}"));
    assert_eq!(ask(&pool, 10, &[]), [1001; 10]);
    assert!(pool.standings.report().is_empty());
}

#[test]
fn the_next_priority_takes_what_the_first_cannot() {
    for balance in every_balance() {
        let (pool, mut keeper) = watched(&format!(
            "
name: s
upstream:
    balance: {balance}
    targets:
      - url: http://127.0.0.1:1001
      - url: http://127.0.0.1:1002
      - {{url: 'http://127.0.0.1:1003', priority: 1}}
"
        ));
        let of_next =
            |ports: &[u16]| ports.iter().filter(|port| **port == 1003).count() * 100 / ports.len();
        assert_eq!(of_next(&ask(&pool, 200, &[])), 0, "{balance}: even before the first look");
        keeper.look(0, &|_| ());
        assert_eq!(of_next(&ask(&pool, 100, &[1001])), 0, "{balance}");
        // Half of the first ones take on 70 % of all.
        keeper.look(100, &|_| ());
        let part = of_next(&ask(&pool, 2_000, &[]));
        assert!((22..38).contains(&part), "{balance}: {part}");
        ask(&pool, 200, &[1002]);
        keeper.look(200, &|_| ());
        let part = of_next(&ask(&pool, 200, &[]));
        // The second one may not be ejected as well: two of three would be out.
        assert!(part < 100, "{balance}: {part}");
        // On trial the first is asked, though its priority is not whole.
        keeper.look(9_000, &|_| ());
        assert!(ask(&pool, 500, &[]).contains(&1001), "{balance}");
    }
}

#[test]
fn of_two_families_one_is_used_except_on_this_machine() {
    for (addresses, expect) in [
        (vec!["10.0.0.1", "2001:db8::1"], vec!["10.0.0.1"]),
        (vec!["10.0.0.1", "10.0.0.2", "2001:db8::1"], vec!["10.0.0.1", "10.0.0.2"]),
        (vec!["2001:db8::1", "2001:db8::2"], vec!["2001:db8::1", "2001:db8::2"]),
        (vec!["127.0.0.1", "::1"], vec!["127.0.0.1", "::1"]),
        (vec!["10.0.0.1", "::1"], vec!["10.0.0.1"]),
        (vec![], vec![]),
    ] {
        let read = |all: &[&str]| -> Vec<IpAddr> {
            all.iter().map(|address| address.parse().unwrap()).collect()
        };
        assert_eq!(of_one_family(&read(&addresses)), read(&expect), "{addresses:?}");
    }
}
