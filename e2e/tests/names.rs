//! Targets with names: records that change and go, and servers of the DNS that are slow, fail, or are
//! not there.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use yumen_e2e::client::get;
use yumen_e2e::dns::{Dns, Reply, addresses};
use yumen_e2e::gateway::{fresh_folder, yumen};
use yumen_e2e::load::{Load, Plan};
use yumen_e2e::tools::free_address;
use yumen_e2e::{Backend, Ended, Gateway, SOON, Step, ok};

/// Places that listen at the same port of different addresses; each says `ok` and remembers who asked.
fn places<const COUNT: usize>() -> ([Backend; COUNT], u16) {
    let bind = |number: usize, port: u16| {
        let last = u8::try_from(number + 2).expect("a few");
        TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), port))
    };
    for _ in 0..50 {
        let first = bind(0, 0).expect("a free port");
        let port = first.local_addr().expect("an address").port();
        let others = (1..COUNT).map(|number| bind(number, port));
        let Ok(others) = others.collect::<Result<Vec<_>, _>>() else { continue };
        let all = std::iter::once(first).chain(others);
        let all: Vec<Backend> =
            all.map(|one| Backend::on(one, |_| vec![Step::Body, ok("ok")])).collect();
        let all = <[Backend; COUNT]>::try_from(all).unwrap_or_else(|_| unreachable!("so many"));
        return (all, port);
    }
    panic!("no port is free at all addresses");
}

/// Services of these names and URLs, reached by the name as the path.
fn config(nameservers: &[SocketAddr], services: &[(&str, String)]) -> String {
    let nameservers: Vec<String> = nameservers.iter().map(|one| format!("'{one}'")).collect();
    let services: String = services
        .iter()
        .map(|(name, url)| {
            format!(
                "  - name: {name}\n    url: {url}\n    timeouts: {{ connect: 2s }}\n    \
                 routes: [{{ name: {name}, match: {{ paths: ['/{name}'] }} }}]\n"
            )
        })
        .collect();
    format!(
        "
listeners: [{{ name: web, address: '127.0.0.1:0' }}]
status: {{ address: '127.0.0.1:0' }}
resolver: {{ nameservers: [{}] }}
services:
{services}",
        nameservers.join(", ")
    )
}

/// Waits until something is so, while requests are answered.
fn until(gateway: &Gateway, what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_so() {
        let page = || get(gateway.status(), "/upstreams").text();
        assert!(Instant::now() < deadline, "{what}: {} {:#?}", page(), gateway.stderr.all());
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn requests(backend: &Backend) -> usize {
    backend.recorded().iter().map(|one| one.requests().0.len()).sum()
}

fn load(gateway: &Gateway) -> Load {
    let pause = Duration::from_millis(5);
    Load::start(&Plan { target: "/shop", pause, ..Plan::steady(gateway.web(), 4) })
}

/// Records come and go, and requests follow them without one that fails; connections to an address
/// that is gone are closed.
#[test]
fn records_that_change() {
    let ([first, second, third], port) = places();
    let dns = Dns::start();
    dns.set("shop.test", addresses(&["127.0.0.2"]), 1);
    let gateway =
        Gateway::start(&config(&[dns.address], &[("shop", format!("http://shop.test:{port}"))]));
    let load = load(&gateway);
    until(&gateway, "the first", || requests(&first) > 50);
    assert_eq!((requests(&second), requests(&third)), (0, 0));
    // One more.
    dns.set("shop.test", addresses(&["127.0.0.3", "127.0.0.2"]), 1);
    until(&gateway, "the second beside it", || requests(&second) > 50);
    // One goes, one comes.
    dns.set("shop.test", addresses(&["127.0.0.3", "127.0.0.4"]), 1);
    until(&gateway, "the third", || requests(&third) > 50);
    let mark = first.mark();
    let (of_second, of_third) = (requests(&second), requests(&third));
    until(&gateway, "both", || {
        requests(&second) > of_second + 50 && requests(&third) > of_third + 50
    });
    let late: usize = first.since(&mark).iter().map(|one| one.requests().0.len()).sum();
    assert_eq!(late, 0, "nothing goes where the name does not lead any more");
    until(&gateway, "the end of connections", || {
        first.recorded().iter().all(|one| one.ended.is_some())
    });
    let report = load.stop();
    assert!(report.failed.is_empty(), "{report:?}");
    assert!(first.recorded().iter().any(|one| one.ended == Some(Ended::Fin)));
}

/// A name that is there no more, a server that fails, says nothing or knows no address: the last good
/// answer is kept, and it is said; the next good one is taken.
#[test]
fn records_that_go() {
    let ([first, second], port) = places();
    let dns = Dns::start();
    for (round, (reply, why)) in [
        (Reply::NoSuchName, "no such name"),
        (Reply::Failure, "Server Failure"),
        (addresses(&[]), "the name has no addresses"),
        (Reply::Silence, "no answer in time"),
    ]
    .into_iter()
    .enumerate()
    {
        let (here, there) = if round % 2 == 0 { (&first, &second) } else { (&second, &first) };
        let of = |backend: &Backend| addresses(&[&backend.address.ip().to_string()]);
        dns.set("shop.test", of(here), 1);
        let services = [("shop", format!("http://shop.test:{port}"))];
        let gateway = Gateway::start(&config(&[dns.address], &services));
        let load = load(&gateway);
        let before = requests(here);
        until(&gateway, "the first", || requests(here) > before + 20);
        dns.set("shop.test", reply, 1);
        let line =
            gateway.stderr.wait(0, 2 * SOON, |line| line.contains("cannot look up shop.test"));
        let line = line.unwrap_or_else(|| panic!("{why}: {:#?}", gateway.stderr.all()));
        assert!(line.contains(why) && line.ends_with("its last good answer is kept"), "{line}");
        let page = get(gateway.status(), "/upstreams").text();
        assert!(page.contains(why) && page.contains(&here.address.ip().to_string()), "{page}");
        let metrics = get(gateway.status(), "/metrics").text();
        assert!(metrics.contains("yumen_upstream_names{lookup=\"failing\"} 1"), "{metrics}");
        let before = requests(here);
        until(&gateway, "the first, still", || requests(here) > before + 20);
        dns.set("shop.test", of(there), 1);
        let before = requests(there);
        until(&gateway, "the other", || requests(there) > before + 20);
        let again =
            gateway.stderr.wait(0, SOON, |line| line.ends_with("shop.test can be looked up again"));
        assert!(again.is_some(), "{:#?}", gateway.stderr.all());
        let report = load.stop();
        assert!(report.failed.is_empty(), "{why}: {report:?}");
    }
}

/// No request of a known name waits for a server that takes seconds; the first one of a name that is
/// not known yet waits for it, but not longer than a connection may take.
#[test]
fn a_server_that_takes_seconds() {
    let ([first, second], port) = places();
    let dns = Dns::start();
    let slow = Duration::from_secs(3);
    dns.set("shop.test", addresses(&["127.0.0.2"]), 1);
    let url = |name: &str| format!("http://{name}.test:{port}");
    let shop = ("shop", url("shop"));
    let gateway = Gateway::start(&config(&[dns.address], std::slice::from_ref(&shop)));
    let load = load(&gateway);
    until(&gateway, "the first", || requests(&first) > 20);
    dns.set_slow("shop.test", addresses(&["127.0.0.3"]), 1, slow);
    let asked = dns.asked("shop.test");
    until(&gateway, "a slow lookup", || dns.asked("shop.test") > asked);
    // The answer is taken when it comes, however late.
    until(&gateway, "its answer", || requests(&second) > 20);
    let report = load.stop();
    assert!(report.failed.is_empty(), "{report:?}");
    assert!(report.slowest < Duration::from_secs(2), "nobody waited: {report:?}");

    // Names that come with a reload are not known: one is answered in time, one is not.
    let brief = Duration::from_millis(500);
    dns.set_slow("soon.test", addresses(&["127.0.0.2"]), 60, brief);
    dns.set_slow("late.test", addresses(&["127.0.0.2"]), 60, slow);
    let services = [shop, ("soon", url("soon")), ("late", url("late"))];
    gateway.reload(&config(&[dns.address], &services)).expect("a good configuration");
    assert_eq!(get(gateway.web(), "/soon").status(), 200);
    let began = Instant::now();
    let answer = get(gateway.web(), "/late");
    let took = began.elapsed();
    assert!(answer.text().contains("upstream_unreachable"), "{}", answer.text());
    let line = gateway.stdout.wait(0, SOON, |line| line.contains("\"path\":\"/late\""));
    assert!(line.is_some_and(|line| line.contains("cannot look up late.test: no answer yet")));
    println!("a name that is not known yet: {} after {took:?}", answer.status());
    assert!(took < Duration::from_secs(6), "{took:?}");
    until(&gateway, "the late one", || get(gateway.web(), "/late").status() == 200);
}

/// The start does not hang on it, says so, and the first answer is taken up.
#[test]
fn a_server_that_is_silent_at_the_start() {
    let ([first], port) = places();
    let dns = Dns::start();
    dns.set("shop.test", Reply::Silence, 1);
    let began = Instant::now();
    let services = [("shop", format!("http://shop.test:{port}"))];
    let gateway = Gateway::start(&config(&[dns.address], &services));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let said = gateway.stderr.all();
    assert!(said.iter().any(|line| line.contains("cannot look up shop.test: ")), "{said:#?}");
    assert_ne!(get(gateway.web(), "/shop").status(), 200);
    dns.set("shop.test", addresses(&["127.0.0.2"]), 1);
    until(&gateway, "an answer", || get(gateway.web(), "/shop").status() == 200);
    assert!(requests(&first) > 0);
}

/// The next server answers for one that is gone, and other servers are asked as soon as they are
/// written.
#[test]
fn other_servers() {
    let ([first, second], port) = places();
    let (one, two, gone) = (Dns::start(), Dns::start(), free_address());
    one.set("shop.test", addresses(&["127.0.0.2"]), 3600);
    two.set("shop.test", addresses(&["127.0.0.3"]), 3600);
    let services = [("shop", format!("http://shop.test:{port}"))];
    let gateway = Gateway::start(&config(&[gone, one.address], &services));
    assert_eq!(get(gateway.web(), "/shop").status(), 200);
    assert_eq!((requests(&first), requests(&second)), (1, 0));
    gateway.reload(&config(&[two.address], &services)).expect("a good configuration");
    until(&gateway, "the second", || {
        assert_eq!(get(gateway.web(), "/shop").status(), 200);
        requests(&second) > 0
    });
    let asked = two.asked("shop.test");
    let more = [services[0].clone(), ("more", format!("http://more.test:{port}"))];
    gateway.reload(&config(&[two.address], &more)).expect("a good configuration");
    assert_ne!(get(gateway.web(), "/more").status(), 200);
    assert_eq!(two.asked("shop.test"), asked, "the same servers are no reason to ask again");
}

#[test]
fn what_is_no_server_is_refused() {
    let folder = fresh_folder("names");
    let file = folder.join("yumen.yaml");
    for wrong in ["dns.internal", "10.0.0.2:0", "10.0.0.2, 10.0.0.3"] {
        let text = config(&[], &[("shop", "http://127.0.0.1:9".to_owned())]);
        let text = text.replace("nameservers: []", &format!("nameservers: ['{wrong}']"));
        std::fs::write(&file, text).expect("a file");
        let (code, out, err) = yumen(&["check", &file.display().to_string()]);
        let said = out + &err;
        assert!(code != 0 && said.contains("resolver.nameservers[0]"), "{said}");
        assert!(said.contains("help: write an IP address"), "{said}");
    }
    let _left = std::fs::remove_dir_all(folder);
}
