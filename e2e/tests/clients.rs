//! Real clients through the gateway to real services: curl, Python and Node in front; nginx,
//! Python and Node behind.

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use yumen_e2e::gateway::fresh_folder;
use yumen_e2e::tools::{Done, Server, Tool, have, peer, run};
use yumen_e2e::{Client, Gateway, SOON};

const ALL: &[Tool] = &[Tool::Curl, Tool::Python, Tool::Node, Tool::Nginx];
const MINUTE: Duration = Duration::from_secs(60);
const GIB: u64 = 1 << 30;

/// A gateway in front of four real services.
struct Rig {
    gateway: Gateway,
    _services: Vec<Server>,
}

fn rig() -> Rig {
    let nginx = "server { listen LISTEN; root FOLDER/www; default_type text/plain; \
                 location = /hello { return 200 'hello from nginx\n'; } \
                 location = /nothing { return 204; } }";
    let (nginx, nginx_at) = Server::nginx(nginx, |folder| {
        let www = folder.join("www");
        fs::create_dir(&www).expect("a folder");
        fs::write(www.join("file.txt"), "0123456789").expect("a file");
        // Sparse: a GiB that takes no room.
        let large = fs::File::create(www.join("large")).expect("a file");
        large.set_len(GIB).expect("a length");
    });
    let (python, python_at) = Server::script(Tool::Python, "server.py");
    let (sockets, sockets_at) = Server::script(Tool::Python, "websocket.py");
    let (node, node_at) = Server::script(Tool::Node, "server.mjs");
    let service = |name: &str, at: SocketAddr| {
        format!(
            "  - name: {name}
    url: http://{at}
    routes:
      - {{ name: {name}, match: {{ paths: ['/{name}/*'] }}, strip_prefix: /{name}, limits: {{ body: 2GiB }} }}
"
        )
    };
    let services: String =
        [("nginx", nginx_at), ("py", python_at), ("pyws", sockets_at), ("js", node_at)]
            .into_iter()
            .map(|(name, at)| service(name, at))
            .collect();
    let gateway = Gateway::start(&format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
services:
{services}
"
    ));
    Rig { gateway, _services: vec![nginx, python, sockets, node] }
}

/// The rig that tests share which do not measure it; it ends with the last of them.
fn shared() -> Option<Arc<Rig>> {
    static RIG: Mutex<Weak<Rig>> = Mutex::new(Weak::new());
    if !have(ALL) {
        return None;
    }
    let mut place = RIG.lock().unwrap_or_else(PoisonError::into_inner);
    let rig = place.upgrade().unwrap_or_else(|| Arc::new(rig()));
    *place = Arc::downgrade(&rig);
    Some(rig)
}

fn curl(arguments: &[&str]) -> Done {
    run(Tool::Curl, ["-sS", "-m", "50"].iter().chain(arguments), MINUTE)
}

#[test]
fn python_clients() {
    let Some(rig) = shared() else { return };
    let web = rig.gateway.web();
    let done = run(Tool::Python, [peer("client.py").as_os_str(), web.to_string().as_ref()], MINUTE);
    println!("{}", done.out);
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
}

#[test]
fn node_clients() {
    let Some(rig) = shared() else { return };
    let web = rig.gateway.web();
    let done = run(Tool::Node, [peer("client.mjs").as_os_str(), web.to_string().as_ref()], MINUTE);
    println!("{}", done.out);
    assert_eq!(done.code, 0, "{}\n{}", done.out, done.err);
}

#[test]
fn curl_keeps_its_connection() {
    let Some(rig) = shared() else { return };
    let web = rig.gateway.web();
    let urls: Vec<String> = ["nginx", "py", "js", "nginx"]
        .iter()
        .map(|where_| format!("http://{web}/{where_}/hello"))
        .collect();
    let mut arguments = vec!["-v"];
    arguments.extend(urls.iter().map(String::as_str));
    let done = curl(&arguments);
    assert_eq!(done.err.matches("Re-using existing connection").count(), 3, "{}", done.err);
    assert_eq!(done.well().matches("hello from").count(), 4);
}

#[test]
fn curl_reads_every_kind_of_answer() {
    let Some(rig) = shared() else { return };
    let web = rig.gateway.web();
    let at = |path: &str| format!("http://{web}{path}");
    let code = ["-o", "/dev/null", "-w", "%{http_code} %{size_download}"];
    let with_code = |more: &[&str]| curl(&[&code, more].concat()).well();
    assert_eq!(with_code(&[&at("/nginx/nothing")]), "204 0");
    assert_eq!(with_code(&["-I", &at("/nginx/file.txt")]).split(' ').next(), Some("200"));
    assert_eq!(with_code(&[&at("/py/none")]), "404 24");
    assert_eq!(with_code(&["-r", "5-9", &at("/nginx/file.txt")]), "206 5");
    assert_eq!(with_code(&["-0", &at("/py/hello")]), "200 18");
    assert_eq!(with_code(&["-0", &at("/js/trailers")]), "200 10");
    let head = curl(&["-I", &at("/nginx/file.txt")]).well();
    let tag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).expect("an ETag").trim();
    assert_eq!(
        with_code(&["-H", &format!("If-None-Match: {tag}"), &at("/nginx/file.txt")]),
        "304 0"
    );
    assert!(head.contains("Content-Length: 10"), "{head}");
    let zipped = curl(&["--compressed", &at("/py/gzip")]).well();
    assert_eq!(zipped.matches("the gate is open").count(), 100);
    assert!(with_code(&[&at("/py/gzip")]).starts_with("200 "), "zipped bytes stay zipped");
    let size: usize = with_code(&[&at("/py/gzip")])["200 ".len()..].parse().expect("a size");
    assert!(size < 200, "{size} bytes are not the zipped ones");
}

#[test]
fn curl_uploads() {
    let Some(rig) = shared() else { return };
    let web = rig.gateway.web();
    let folder = fresh_folder("uploads");
    let file = folder.join("megabyte");
    fs::write(&file, vec![b'x'; 1 << 20]).expect("a file");
    let data = format!("@{}", file.display());
    for service in ["py", "js"] {
        let url = format!("http://{web}/{service}/upload");
        let expect = curl(&["-v", "-H", "Expect: 100-continue", "--data-binary", &data, &url]);
        assert!(expect.err.contains("100 Continue"), "{}", expect.err);
        assert!(expect.well().contains("1048576"), "Expect to {service}");
        let chunked = curl(&["-H", "Transfer-Encoding: chunked", "--data-binary", &data, &url]);
        assert!(chunked.well().contains("1048576"), "chunks to {service}");
    }
    let _left = fs::remove_dir_all(folder);
}

/// curl thinks the gateway is a forward proxy: absolute form and `Proxy-Connection`.
#[test]
fn curl_in_absolute_form() {
    let Some(rig) = shared() else { return };
    let web = rig.gateway.web();
    let done = curl(&["-x", &format!("http://{web}"), "http://test.example/py/fields"]).well();
    assert!(done.contains("test.example"), "{done}");
    assert!(!done.to_lowercase().contains("proxy-connection"), "{done}");
}

#[test]
fn curl_gets_errors_in_its_own_format() {
    let Some(rig) = shared() else { return };
    let web = rig.gateway.web();
    let url = format!("http://{web}/nowhere");
    for (accept, kind, part) in [
        ("*/*", "application/json", "\"no_route\""),
        ("application/json", "application/json", "\"request_id\""),
        ("application/problem+json", "application/problem+json", "\"status\""),
        ("text/html", "text/html", "<"),
        ("text/plain", "text/plain", "no_route"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html", "<"),
        ("text/html;q=0.1, application/json", "application/json", "\"no_route\""),
        ("image/png", "application/json", "\"no_route\""),
    ] {
        let out = curl(&["-i", "-H", &format!("Accept: {accept}"), &url]).well();
        let lower = out.to_lowercase();
        assert!(lower.starts_with("http/1.1 404"), "{accept}: {out}");
        assert!(lower.contains(&format!("content-type: {kind}")), "{accept}: {out}");
        assert!(out.contains(part), "{accept}: {out}");
        assert!(!lower.contains("\r\nserver:") && !lower.contains("\nserver:"), "{accept}: {out}");
    }
}

#[test]
fn pipelined_to_three_services() {
    let Some(rig) = shared() else { return };
    let web = rig.gateway.web();
    let mut client = Client::connect(web);
    let order = ["nginx", "py", "js", "py", "nginx", "js"];
    let requests: String = order
        .iter()
        .map(|where_| format!("GET /{where_}/hello HTTP/1.1\r\nHost: test.example\r\n\r\n"))
        .collect();
    client.send(requests);
    for where_ in order {
        let answer = client.answer("GET", SOON).expect("an answer");
        let name = where_.replace("py", "python").replace("js", "node");
        assert_eq!(answer.text(), format!("hello from {name}\n"), "answers come in order");
    }
}

#[test]
fn half_closed_and_old_clients_are_answered() {
    let Some(rig) = shared() else { return };
    let web = rig.gateway.web();
    for service in ["nginx", "py", "js"] {
        let mut client = Client::connect(web);
        client.send(format!("GET /{service}/hello HTTP/1.1\r\nHost: test.example\r\n\r\n"));
        client.half_close();
        assert_eq!(client.answer("GET", SOON).expect("an answer").status(), 200, "{service}");
        assert!(client.read_to_end(SOON), "{service}: closed behind the last answer");

        let mut client = Client::connect(web);
        client.send(format!("GET /{service}/hello HTTP/1.0\r\n\r\n"));
        let answer = client.answer("GET", SOON).expect("an answer");
        assert!(answer.closes() && answer.all("transfer-encoding").is_empty(), "{answer:?}");
        assert!(client.read_to_end(SOON), "{service}: closed for HTTP/1.0");
    }
    // Chunks mean nothing to an HTTP/1.0 client: the end of the connection ends the body.
    let mut client = Client::connect(web);
    client.send("GET /js/trailers HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let answer = client.answer("GET", SOON).expect("an answer");
    assert_eq!(answer.text(), "two pieces");
    assert!(answer.all("transfer-encoding").is_empty(), "{answer:?}");
}

#[test]
fn services_may_answer_early() {
    let Some(rig) = shared() else { return };
    let web = rig.gateway.web();
    for size in [100, 1 << 20, 64 << 20] {
        let mut client = Client::connect(web);
        let head = format!("POST /js/early HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n");
        let sender = client.send_aside([head.into_bytes(), vec![b'x'; size]].concat());
        let answer = client.answer("POST", SOON).unwrap_or_else(|lost| panic!("{size}: {lost:?}"));
        assert_eq!((answer.status(), answer.text().as_str()), (413, "too much"), "{size} bytes");
        drop(client);
        let _sent = sender.join();
    }
}

/// Watches the largest resident set while something runs.
fn growth(gateway: &Gateway, work: impl FnOnce()) -> u64 {
    let before = gateway.memory();
    let most = AtomicU64::new(before);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(gateway.memory(), Ordering::Relaxed);
                // A sample every so often is what is wanted.
                thread::sleep(Duration::from_millis(20));
            }
        });
        work();
        over.store(true, Ordering::Relaxed);
    });
    most.load(Ordering::Relaxed) - before
}

#[test]
fn a_gigabyte_each_way_in_flat_memory() {
    if !have(ALL) {
        return;
    }
    let rig = rig();
    let web = rig.gateway.web();
    let folder = fresh_folder("gigabyte");
    let file = folder.join("large");
    fs::File::create(&file).and_then(|file| file.set_len(GIB)).expect("a file");
    let file = file.display().to_string();
    let long = Duration::from_secs(180);
    let timed = |name: &str, arguments: Vec<String>, expect: &str| {
        let began = Instant::now();
        let grown = growth(&rig.gateway, || {
            let out = run(Tool::Curl, arguments, long).well();
            assert_eq!(out, expect, "{name}");
        });
        println!("{name}: {:.1} s, memory grew by {grown} KiB", began.elapsed().as_secs_f64());
        assert!(grown < 32 << 10, "{name}: {grown} KiB");
    };
    let quiet = ["-sS", "-m", "170", "-o", "/dev/null", "-w"];
    let large = format!("http://{web}/nginx/large");
    let down = [&quiet[..], &["%{size_download}", &large]].concat();
    timed("1 GiB down", down.into_iter().map(str::to_owned).collect(), &GIB.to_string());
    let put = |more: &[&str]| -> Vec<String> {
        let url = format!("http://{web}/py/sink");
        let all = [&["-sS", "-m", "170", "-T", &file, "-H", "Expect:"], more, &[&url]].concat();
        all.into_iter().map(str::to_owned).collect()
    };
    timed("1 GiB up", put(&[]), &GIB.to_string());
    timed("1 GiB up in chunks", put(&["-H", "Transfer-Encoding: chunked"]), &GIB.to_string());
    let _left = fs::remove_dir_all(folder);
}
