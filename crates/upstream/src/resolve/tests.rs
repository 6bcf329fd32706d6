//! Against a DNS server of our own on loopback, with real lookups.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use yumen_model::report::Report;
use yumen_model::{Service, document};

use super::{ADDRESSES_MAX, Event, Names, Resolver, Servers, Source, TTL_MIN, Watched};
use crate::balance::Ask;
use crate::balance::random::mix;
use crate::destination::Destination;
use crate::health::Standings;
use crate::pool::Pool;
use server::{Reply, Server};

mod parts;
mod server;

/// No test waits longer than this for anything.
const DEADLINE: Duration = Duration::from_secs(20);

fn source(server: &Server, timeout: Duration) -> Source {
    Source {
        servers: Servers::At(vec![server.address()]),
        hosts: PathBuf::from("/nonexistent/hosts"),
        timeout,
    }
}

/// Runs a test while a resolver works for it.
fn with(source: Source, test: impl AsyncFnOnce(Names)) {
    with_told(source, &Arc::default(), test);
}

/// The same, where somebody listens to what is told.
fn with_told(source: Source, told: &Arc<Mutex<Vec<String>>>, test: impl AsyncFnOnce(Names)) {
    let (resolver, names) = Resolver::new(source, 1);
    let told = Arc::clone(told);
    let tell = move |event: &Event| told.lock().unwrap().push(event.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::select! {
            () = resolver.run(tell) => panic!("the resolver ended"),
            () = test(names) => {}
            () = tokio::time::sleep(DEADLINE) => panic!("too late"),
        }
    });
}

/// Waits until something is so. What is waited for has no event of its own.
async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn ips(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|address| address.parse().unwrap()).collect()
}

fn check(watched: &Watched, expect: &[&str]) {
    assert_eq!(*watched.addresses(), ips(expect), "{}: {:?}", watched.host(), watched.status());
}

fn error(watched: &Watched) -> String {
    watched.status().error.clone().unwrap_or_default()
}

#[test]
fn both_families_are_found_sorted_and_once() {
    let server = Server::start();
    server.set("two.test", Reply::addresses(&["192.0.2.9", "192.0.2.1", "2001:db8::1"], 60));
    server.set("four.test", Reply::addresses(&["192.0.2.4", "192.0.2.4"], 60));
    server.set("six.test", Reply::addresses(&["2001:db8::6"], 60));
    server.set("under_score_.test", Reply::addresses(&["192.0.2.5"], 60));
    with(source(&server, DEADLINE), async |names| {
        let two = names.watch("two.test");
        let four = names.watch("FOUR.test");
        let six = names.watch("six.test.");
        let score = names.watch("under_score_.test");
        assert_eq!((two.version(), two.addresses().len()), (0, 0));
        assert!(names.looked_up(DEADLINE).await.is_empty());
        check(&two, &["192.0.2.1", "192.0.2.9", "2001:db8::1"]);
        check(&four, &["192.0.2.4"]);
        check(&six, &["2001:db8::6"]);
        check(&score, &["192.0.2.5"]);
        assert_eq!(two.version(), 1);
        assert_eq!(error(&two), "");
        let hosts: Vec<String> =
            names.watched().iter().map(|name| name.host().to_owned()).collect();
        assert_eq!(hosts, ["four.test", "six.test.", "two.test", "under_score_.test"]);
    });
}

#[test]
fn addresses_and_localhost_are_never_looked_up() {
    let server = Server::start();
    with(source(&server, DEADLINE), async |names| {
        check(&names.watch("192.0.2.1"), &["192.0.2.1"]);
        check(&names.watch("2001:DB8::1"), &["2001:db8::1"]);
        for name in ["localhost", "LocalHost.", "a.b.localhost"] {
            let watched = names.watch(name);
            watched.looked_up().await;
            check(&watched, &["127.0.0.1", "::1"]);
            assert_eq!(watched.version(), 1);
        }
        assert!(names.watched().is_empty());
        // A lookup that does happen shows that the server would have counted the others.
        let other = names.watch("localhost.test");
        other.looked_up().await;
        assert!(other.addresses().is_empty());
        assert_eq!(server.names_asked(), ["localhost.test"]);
    });
}

#[test]
fn a_changed_answer_is_taken_and_an_unchanged_one_publishes_nothing() {
    let server = Server::start();
    server.set("moves.test", Reply::addresses(&["192.0.2.1", "192.0.2.2"], 1));
    with(source(&server, DEADLINE), async |names| {
        let moves = names.watch("moves.test");
        moves.looked_up().await;
        let first = moves.addresses();
        server.set("moves.test", Reply::addresses(&["192.0.2.2", "192.0.2.1"], 1));
        let asked = server.asked("moves.test");
        until(|| server.asked("moves.test") >= asked + 4).await;
        assert!(Arc::ptr_eq(&first, &moves.addresses()));
        assert_eq!(moves.version(), 1);
        server.set("moves.test", Reply::addresses(&["192.0.2.3"], 1));
        until(|| moves.version() == 2).await;
        check(&moves, &["192.0.2.3"]);
    });
}

/// A time to live of 0 is asked again after a second, not in a loop.
#[test]
fn the_time_to_live_has_a_floor() {
    let server = Server::start();
    server.set("zero.test", Reply::addresses(&["192.0.2.1"], 0));
    with(source(&server, DEADLINE), async |names| {
        let began = Instant::now();
        let zero = names.watch("zero.test");
        zero.looked_up().await;
        let asked = server.asked("zero.test");
        until(|| server.asked("zero.test") > asked).await;
        assert!(began.elapsed() >= TTL_MIN, "{:?}", began.elapsed());
    });
}

#[test]
fn the_last_good_answer_outlives_every_kind_of_failure() {
    let failures = [
        ("fails.test", Reply::Code(2), "A: the server said Server Failure"),
        ("refuses.test", Reply::Code(5), "A: the server said Query Refused"),
        ("silent.test", Reply::Silence, "A: no answer in time"),
        ("empty.test", Reply::addresses(&[], 1), "the name has no addresses"),
        ("gone.test", Reply::Code(3), "no such name"),
        ("blocked.test", Reply::addresses(&["0.0.0.0", "::"], 1), "no usable addresses"),
        ("garbled.test", Reply::Garbage, "A: "),
    ];
    let server = Server::start();
    for (name, _, _) in &failures {
        server.set(name, Reply::addresses(&["192.0.2.1", "2001:db8::1"], 1));
    }
    with(source(&server, Duration::from_millis(300)), async |names| {
        let watched: Vec<_> = failures.iter().map(|(name, _, _)| names.watch(name)).collect();
        until(|| watched.iter().all(|name| name.version() == 1)).await;
        for (name, reply, _) in &failures {
            server.set(name, reply.clone());
        }
        for (name, (_, _, expect)) in watched.iter().zip(&failures) {
            until(|| name.status().failures >= 2 && error(name).starts_with(expect)).await;
            check(name, &["192.0.2.1", "2001:db8::1"]);
            assert_eq!(name.version(), 1);
            assert!(name.status().answered_at.is_some());
        }
        for (name, _, _) in &failures {
            server.set(name, Reply::addresses(&["192.0.2.2"], 1));
        }
        until(|| watched.iter().all(|name| name.version() == 2)).await;
        for name in &watched {
            check(name, &["192.0.2.2"]);
            assert_eq!((error(name).as_str(), name.status().failures), ("", 0));
        }
    });
}

/// That a name cannot be looked up is told once, and so is that it can again.
#[test]
fn a_name_that_is_lost_is_told() {
    let (server, told) = (Server::start(), Arc::default());
    server.set("lost.test", Reply::addresses(&["192.0.2.1"], 1));
    with_told(source(&server, DEADLINE), &told, async |names| {
        let (lost, never) = (names.watch("lost.test"), names.watch("never.test"));
        lost.looked_up().await;
        server.set("lost.test", Reply::Code(2));
        until(|| lost.status().failures > 2 && never.status().failures > 2).await;
        server.set("lost.test", Reply::addresses(&["192.0.2.2"], 60));
        until(|| lost.version() == 2 && told.lock().unwrap().len() > 2).await;
    });
    let mut told = told.lock().unwrap().clone();
    told.sort_unstable();
    let expect = [
        "cannot look up lost.test: A: the server said Server Failure; its last good answer is kept",
        "cannot look up never.test: no such name; trying on",
        "lost.test can be looked up again",
    ];
    assert_eq!(told, expect);
}

/// A server that takes longer than one would like is waited for, as long as a lookup may take in all.
#[test]
fn a_slow_answer_is_an_answer() {
    let server = Server::start();
    server.set("slow.test", Reply::Slow(ips(&["192.0.2.1"]), 60, Duration::from_secs(3)));
    with(source(&server, Duration::from_secs(6)), async |names| {
        let slow = names.watch("slow.test");
        slow.looked_up().await;
        check(&slow, &["192.0.2.1"]);
        assert!(server.asked("slow.test") <= 2 * 9, "{}", server.asked("slow.test"));
    });
}

/// A server that is silent, fails or is not there is no harm while another one answers; what one knows
/// is not asked of others.
#[test]
fn another_server_answers_for_one_that_does_not() {
    let (first, second) = (Server::start(), Server::start());
    for (name, reply) in [
        ("silent.test", Reply::Silence),
        ("fails.test", Reply::Code(2)),
        ("refuses.test", Reply::Code(5)),
        ("garbled.test", Reply::Garbage),
    ] {
        first.set(name, reply);
        second.set(name, Reply::addresses(&["192.0.2.1"], 60));
    }
    first.set("known.test", Reply::addresses(&["192.0.2.2"], 60));
    first.set("none.test", Reply::Code(3));
    let both = |addresses: &[SocketAddr]| Servers::At(addresses.to_vec());
    let servers = both(&[first.address(), second.address()]);
    with(Source { servers, ..source(&first, Duration::from_secs(6)) }, async |names| {
        let began = Instant::now();
        let hosts = ["silent.test", "fails.test", "refuses.test", "garbled.test"];
        let watched = hosts.map(|host| names.watch(host));
        let (known, none) = (names.watch("known.test"), names.watch("none.test"));
        assert_eq!(names.looked_up(DEADLINE).await.len(), 1);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        watched.iter().for_each(|name| check(name, &["192.0.2.1"]));
        check(&known, &["192.0.2.2"]);
        assert_eq!(error(&none), "no such name");
        assert_eq!((second.asked("known.test"), second.asked("none.test")), (0, 0));
        // With nobody else to ask it is an error.
        names.ask(both(&[first.address()]));
        until(|| error(&watched[1]) == "A: the server said Server Failure").await;
        check(&watched[1], &["192.0.2.1"]);
    });
}

/// Who is asked may change: then all is asked anew, however long it would be good.
#[test]
fn other_servers_are_asked_at_once() {
    let (first, second) = (Server::start(), Server::start());
    first.set("moves.test", Reply::addresses(&["192.0.2.1"], 3600));
    second.set("moves.test", Reply::addresses(&["192.0.2.2"], 3600));
    with(source(&first, DEADLINE), async |names| {
        let moves = names.watch("moves.test");
        moves.looked_up().await;
        check(&moves, &["192.0.2.1"]);
        names.ask(Servers::At(vec![first.address()]));
        names.ask(Servers::At(vec![second.address()]));
        until(|| moves.version() == 2).await;
        check(&moves, &["192.0.2.2"]);
        let asked = [&first, &second].map(|server| server.asked("moves.test"));
        names.ask(Servers::At(vec![second.address()]));
        let other = names.watch("other.test");
        other.looked_up().await;
        assert_eq!([&first, &second].map(|server| server.asked("moves.test")), asked);
        // A name that came since then is asked once.
        assert_eq!(second.asked("other.test"), 2);
    });
}

/// One family is answered, the other is not: what was known of the other stays.
#[test]
fn half_an_answer_takes_nothing_away() {
    let server = Server::start();
    server.set("half.test", Reply::addresses(&["192.0.2.1", "2001:db8::1"], 1));
    with(source(&server, DEADLINE), async |names| {
        let half = names.watch("half.test");
        half.looked_up().await;
        server.set("half.test", Reply::OnlyV4(ips(&["192.0.2.2"]), 1));
        until(|| half.version() == 2).await;
        check(&half, &["192.0.2.2", "2001:db8::1"]);
        assert_eq!(error(&half), "AAAA: the server said Server Failure");
    });
}

#[test]
fn a_name_that_comes_late_is_found() {
    let server = Server::start();
    server.set("late.test", Reply::Code(3));
    with(source(&server, DEADLINE), async |names| {
        let late = names.watch("late.test");
        let missing = names.looked_up(DEADLINE).await;
        assert_eq!(missing.iter().map(|name| name.host()).collect::<Vec<_>>(), ["late.test"]);
        assert_eq!(error(&late), "no such name");
        assert_eq!(late.status().answered_at, None);
        server.set("late.test", Reply::addresses(&["192.0.2.1"], 60));
        until(|| late.version() == 1).await;
        check(&late, &["192.0.2.1"]);
    });
}

/// The start does not hang on a server that is silent.
#[test]
fn waiting_for_first_answers_has_a_deadline() {
    let server = Server::start();
    server.set("silent.test", Reply::Silence);
    with(source(&server, DEADLINE), async |names| {
        let silent = names.watch("silent.test");
        let began = Instant::now();
        let missing = names.looked_up(Duration::from_millis(200)).await;
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(missing.len(), 1);
        assert_eq!(silent.version(), 0);
    });
}

#[test]
fn many_addresses_are_kept_up_to_the_limit() {
    let server = Server::start();
    let list = |count: u8| (1..=count).map(|last| IpAddr::from([192, 0, 2, last])).rev();
    server.set("fifty.test", Reply::Addresses(list(50).collect(), 60));
    server.set("many.test", Reply::Addresses(list(70).collect(), 60));
    with(source(&server, DEADLINE), async |names| {
        let (fifty, many) = (names.watch("fifty.test"), names.watch("many.test"));
        assert!(names.looked_up(DEADLINE).await.is_empty());
        assert_eq!(fifty.addresses().len(), 50);
        assert!(fifty.addresses().is_sorted());
        assert_eq!(many.addresses().len(), ADDRESSES_MAX);
        assert_eq!(many.addresses()[0], IpAddr::from([192, 0, 2, 1]));
    });
}

/// What a reload does: the new plan asks for its names while the old one still lives.
#[test]
fn a_reload_keeps_answers_and_forgets_names_that_went() {
    let server = Server::start();
    for name in ["stays.test", "goes.test", "comes.test"] {
        server.set(name, Reply::addresses(&["192.0.2.1"], 1));
    }
    with(source(&server, DEADLINE), async |names| {
        let old = [names.watch("stays.test"), names.watch("goes.test")];
        assert!(names.looked_up(DEADLINE).await.is_empty());
        let new = [names.watch("stays.test"), names.watch("comes.test")];
        check(&new[0], &["192.0.2.1"]);
        assert!(Arc::ptr_eq(&old[0], &new[0]));
        drop(old);
        until(|| names.registry().names.len() == 2).await;
        assert!(names.looked_up(DEADLINE).await.is_empty());
        let asked = server.asked("goes.test");
        let stays = server.asked("stays.test");
        until(|| server.asked("stays.test") >= stays + 4).await;
        assert_eq!(server.asked("goes.test"), asked);
        // Wanted again, it is looked up again.
        let back = names.watch("goes.test");
        back.looked_up().await;
        check(&back, &["192.0.2.1"]);
    });
}

/// More names than may be asked for at once, all of them served in turn.
#[test]
fn many_names_are_looked_up() {
    let server = Server::start();
    let hosts: Vec<String> = (0..200).map(|number| format!("n{number}.test")).collect();
    for host in &hosts {
        server.set(host, Reply::addresses(&["192.0.2.1"], 60));
    }
    with(source(&server, DEADLINE), async |names| {
        let watched: Vec<_> = hosts.iter().map(|host| names.watch(host)).collect();
        assert!(names.looked_up(DEADLINE).await.is_empty());
        assert!(watched.iter().all(|name| name.version() == 1));
    });
}

/// A keeper that broke is replaced: its name does not stay stale for ever.
#[tokio::test]
async fn a_broken_keeper_is_replaced() {
    let (mut resolver, names) = Resolver::new(Source::default(), 1);
    let name = names.watch("some.test");
    resolver.keep(Arc::downgrade(&name), DEADLINE);
    resolver.keepers.abort_all();
    let ended = resolver.keepers.join_next_with_id().await.unwrap();
    resolver.part(ended);
    assert_eq!((resolver.keepers.len(), resolver.kept.len()), (1, 1));
}

/// The hosts file goes before the servers, and a change of it is seen.
#[test]
fn the_hosts_file_is_respected_and_read_again() {
    let server = Server::start();
    server.set("settled.test", Reply::addresses(&["192.0.2.66"], 1));
    let path = std::env::temp_dir().join(format!("yumen-hosts-{}", std::process::id()));
    std::fs::write(&path, "192.0.2.1 other settled.test # ours\n").unwrap();
    with(Source { hosts: path.clone(), ..source(&server, DEADLINE) }, async |names| {
        let settled = names.watch("Settled.test");
        let other = names.watch("other.");
        assert!(names.looked_up(DEADLINE).await.is_empty());
        check(&settled, &["192.0.2.1"]);
        check(&other, &["192.0.2.1"]);
        assert!(server.names_asked().is_empty());
        std::fs::write(&path, "192.0.2.2 settled.test\n2001:db8::2 settled.test\n").unwrap();
        until(|| settled.version() == 2).await;
        check(&settled, &["192.0.2.2", "2001:db8::2"]);
    });
    std::fs::remove_file(&path).unwrap();
}

/// Nobody to ask: said, not hung or broken.
#[test]
fn without_a_server_there_is_an_error() {
    let source = Source {
        servers: Servers::At(Vec::new()),
        hosts: PathBuf::from("/nonexistent/hosts"),
        timeout: Duration::from_secs(1),
    };
    with(source, async |names| {
        let name = names.watch("some.test");
        let odd = names.watch("..odd..");
        assert_eq!(names.looked_up(DEADLINE).await.len(), 2);
        assert_ne!(error(&name), "");
        assert_ne!(error(&odd), "");
    });
}

/// A service of the DNS: its places by priority and weight, with their ports; places that stay keep
/// their endpoints, and what was known outlives the DNS.
#[test]
fn places_of_a_service_are_found_and_followed() {
    let server = Server::start();
    let service = "_http._tcp.shop.test";
    let (a, b) = ((0, 30, 9001, "a.shop.test"), (0, 10, 9002, "b.shop.test"));
    server.set(service, Reply::places(&[(5, 1, 9003, "c.shop.test"), b, a], 1));
    for (host, address) in [("a", "127.0.0.1"), ("b", "127.0.0.2"), ("c", "127.0.0.3")] {
        server.set(&format!("{host}.shop.test"), Reply::addresses(&[address], 1));
    }
    with(source(&server, DEADLINE), async |names| {
        let pool = pool(&format!("{{name: s, url: 'srv://{service}'}}"), &names);
        let choose = || pool.choose(&Ask::default()).map(|(_, endpoint)| endpoint);
        until(|| choose().is_some()).await;
        let chosen: Vec<_> = (0..400).filter_map(|_| choose()).collect();
        let of = |port: u16| chosen.iter().filter(|one| one.address.port() == port).count();
        assert!((298..=302).contains(&of(9001)) && of(9003) == 0, "{} {}", of(9001), of(9003));
        let kept = chosen.iter().find(|one| one.address.port() == 9001).unwrap();
        assert_eq!((&*kept.authority, &*kept.name), ("a.shop.test:9001", "127.0.0.1:9001"));

        // One place goes, one comes, and the third moves.
        server.set("d.shop.test", Reply::addresses(&["127.0.0.4"], 1));
        server.set(service, Reply::places(&[a, (0, 30, 9004, "d.shop.test")], 1));
        until(|| choose().is_some_and(|one| one.address.port() == 9004)).await;
        let chosen: Vec<_> = (0..10).filter_map(|_| choose()).collect();
        assert!(chosen.iter().any(|one| Rc::ptr_eq(one, kept)), "it is the same endpoint");
        assert!(chosen.iter().all(|one| [9001, 9004].contains(&one.address.port())));

        // A host that is lost, then a service that is not to be had.
        let watched = names.watch_service(service);
        let version = watched.version();
        server.set("a.shop.test", Reply::Code(2));
        until(|| watched.status().error.is_some()).await;
        server.set(service, Reply::places(&[(0, 0, 0, "")], 1));
        until(|| error(&watched).contains("not to be had")).await;
        assert_eq!((watched.version(), watched.records().len()), (version, 2));
        assert!(choose().is_some());
    });
}

/// Each address of a name takes an equal part of its target's weight.
#[test]
fn all_addresses_of_a_name_get_requests() {
    let server = Server::start();
    // Of the other family it has one that is not used beside these.
    server.set("two.test", Reply::addresses(&["127.0.0.2", "127.0.0.3", "2001:db8::1"], 60));
    server.set("six.test", Reply::addresses(&["2001:db8::1", "2001:db8::2"], 60));
    server.set("one.test", Reply::addresses(&["127.0.0.4"], 60));
    with(source(&server, DEADLINE), async |names| {
        for (balance, slack) in [("round_robin", 0), ("random_of_two", 60)] {
            let pool = pool(
                &format!(
                    "{{name: s, upstream: {{balance: {balance}, targets: [\
                     {{url: 'http://two.test', weight: 2}}, {{url: 'http://one.test', weight: 1}}]}}}}"
                ),
                &names,
            );
            until(|| pool.unknown().is_none()).await;
            let mut counts = [0_u32; 5];
            for number in 0..600 {
                let ask = Ask { random: mix(number), ..Ask::default() };
                let (_, endpoint) = pool.choose(&ask).unwrap();
                let IpAddr::V4(address) = endpoint.address.ip() else { panic!("only IPv4") };
                counts[usize::from(address.octets()[3])] += 1;
            }
            let [_, _, rest @ ..] = counts;
            let far = rest.iter().any(|count| count.abs_diff(200) > slack);
            assert!(!far, "{balance}: {rest:?}");
        }
        let pool = pool("{name: s, url: 'http://six.test'}", &names);
        until(|| pool.unknown().is_none()).await;
        let chosen: Vec<_> = (0..10).map(|_| pool.choose(&Ask::default()).unwrap().1).collect();
        assert_eq!(
            chosen.iter().filter(|one| one.address.ip() == ips(&["2001:db8::1"])[0]).count(),
            5
        );
    });
}

fn pool(text: &str, names: &Names) -> Pool {
    let mut report = Report::default();
    let source = document::Source { name: "s.yaml".to_owned(), text: text.to_owned() };
    let document = document::Document::read(&[source], &document::NoEnvironment, &mut report);
    let service: Service = yumen_model::read(document.root(), "", &mut report).unwrap();
    let destination = Destination::compile(&service, 1, None, "", &mut report).unwrap();
    Pool::new(Arc::new(destination), names, Standings::default(), 0)
}
