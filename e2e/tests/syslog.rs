//! The access log at a syslog server that is not ours, over each way there is.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use yumen_e2e::gateway::{fresh_folder, signal};
use yumen_e2e::load::{Plan, unslowed};
use yumen_e2e::tools::{Server, Tool, free_address, have};
use yumen_e2e::wait::{LATER, metric, wait_until};
use yumen_e2e::{Backend, Client, Gateway};

/// Longer than a request takes, whatever becomes of the log.
const SECOND: Duration = Duration::from_secs(1);

/// What rsyslogd listens on, and where it writes.
struct Place {
    folder: PathBuf,
    udp: SocketAddr,
    tcp: SocketAddr,
}

/// One message as rsyslogd has understood it.
#[derive(Debug)]
struct Message {
    facility: String,
    severity: String,
    tag: String,
    process: String,
    id: String,
    host: String,
    time: String,
    text: String,
}

impl Place {
    fn new() -> Self {
        Self { folder: fresh_folder("syslog"), udp: free_address(), tcp: free_address() }
    }

    /// Starts rsyslogd, and waits until it listens.
    fn serve(&self) -> Server {
        let folder = self.folder.display();
        let config = format!(
            "global(workDirectory=\"{folder}\" maxMessageSize=\"64k\")
module(load=\"imudp\") input(type=\"imudp\" address=\"127.0.0.1\" port=\"{}\")
module(load=\"imtcp\") input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{}\")
module(load=\"imuxsock\" sysSock.use=\"off\")
input(type=\"imuxsock\" socket=\"{folder}/plain\" ignoreTimestamp=\"off\" useSpecialParser=\"off\" rateLimit.interval=\"0\")
input(type=\"imuxsock\" socket=\"{folder}/usual\" rateLimit.interval=\"0\")
template(name=\"all\" type=\"string\" string=\"%syslogfacility-text%|%syslogseverity-text%|%app-name%|%procid%|%msgid%|%hostname%|%timestamp:::date-rfc3339%|%msg%\\n\")
template(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")
action(type=\"omfile\" file=\"{folder}/all\" template=\"all\")
action(type=\"omfile\" file=\"{folder}/raw\" template=\"raw\")
",
            self.udp.port(),
            self.tcp.port()
        );
        let file = self.folder.join("rsyslog.conf");
        fs::write(&file, config).expect("a config file");
        let pid = self.folder.join("pid");
        let pid = pid.to_string_lossy();
        let file = file.to_string_lossy();
        let server = Server::listening(Tool::Rsyslogd, ["-n", "-f", &*file, "-i", &*pid], self.tcp);
        wait_until("its socket is there", || self.folder.join("usual").exists());
        server
    }

    fn messages(&self) -> Vec<Message> {
        let text = fs::read_to_string(self.folder.join("all")).unwrap_or_default();
        let read = |line: &str| {
            let mut parts = line.splitn(8, '|').map(str::to_owned);
            let mut next = || parts.next().unwrap_or_else(|| panic!("torn: {line}"));
            Message {
                facility: next(),
                severity: next(),
                tag: next(),
                process: next(),
                id: next(),
                host: next(),
                time: next(),
                text: next().trim().to_owned(),
            }
        };
        text.lines().map(read).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.folder);
    }
}

fn config(backend: &Backend, to: &str) -> String {
    format!(
        "
listeners:
  - {{ name: web, address: '127.0.0.1:0' }}
status: {{ address: '127.0.0.1:0' }}
services:
  - name: backend
    url: http://{}
    routes: [{{ name: all, match: {{ paths: ['/x/*', /] }} }}]
  - name: gone
    url: http://{}
    routes: [{{ name: gone, match: {{ paths: ['/gone'] }} }}]
access_log: {{ to: {{ syslog: {{ {to} }} }} }}
",
        backend.authority(),
        free_address()
    )
}

fn ask(gateway: &Gateway, path: &str) -> u16 {
    let mut client = Client::connect(gateway.web());
    let request = format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n\r\n");
    client.ask(&request).expect("an answer").status()
}

fn dropped(gateway: &Gateway, reason: &str) -> u64 {
    let labels = format!("{{sink=\"syslog\",reason=\"{reason}\"}}");
    metric(gateway.status(), &format!("yumen_access_log_dropped_total{labels}"))
}

fn unix(folder: &Path, name: &str) -> String {
    format!("url: 'unix://{}/{name}'", folder.display())
}

#[test]
fn messages_are_understood_over_each_way() {
    if !have(&[Tool::Rsyslogd]) {
        return;
    }
    let place = Place::new();
    let _server = place.serve();
    let backend = Backend::answering("ok");
    let mut gateway = None;
    let (udp, tcp) = (format!("url: 'udp://{}'", place.udp), format!("url: 'tcp://{}'", place.tcp));
    let plain = unix(&place.folder, "plain");
    let local = format!("{}, form: local", unix(&place.folder, "usual"));
    for (number, to) in [udp, tcp, plain, local].into_iter().enumerate() {
        let is_local = to.contains("local");
        let config = config(&backend, &format!("{to}, facility: local3, tag: gate"));
        let gateway = gateway.get_or_insert_with(|| Gateway::start(&config));
        if number > 0 {
            gateway.reload(&config).expect("it is well");
        }
        assert_eq!(ask(gateway, &format!("/x/{number}")), 200);
        assert_eq!(ask(gateway, "/none"), 404);
        assert_eq!(ask(gateway, "/gone"), 502);
        wait_until(&to, || place.messages().len() >= 3 * (number + 1));
        let messages = place.messages();
        // Workers write in their own order.
        let severity = |status: u16| {
            let of = |one: &&Message| one.text.contains(&format!("\"status\":{status},"));
            let found: Vec<_> = messages[3 * number..].iter().filter(of).collect();
            assert_eq!(found.len(), 1, "{to} {status}: {messages:#?}");
            found[0].severity.clone()
        };
        assert_eq!([severity(200), severity(404), severity(502)], ["info", "warning", "err"]);
        for message in &messages[3 * number..] {
            assert_eq!((&*message.facility, &*message.tag), ("local3", "gate"), "{message:?}");
            assert_eq!(message.process, gateway.pid.to_string());
            let line: Value = serde_json::from_str(&message.text).expect("a line of JSON");
            if !is_local {
                assert_eq!(message.id, "access");
                let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
                assert_eq!(message.host, host.trim());
                assert_eq!(line["time"], message.time.replace("+00:00", "Z"));
            }
        }
    }
    let gateway = gateway.expect("it was started");
    assert_eq!(metric(gateway.status(), "yumen_access_log_written_total{sink=\"syslog\"}"), 12);
    let wrong = config(&backend, "url: 'logs.example', tag: 'a b', message_bytes: 100B");
    let told = gateway.reload(&wrong).expect_err("it is refused");
    for key in ["url", "tag", "message_bytes"] {
        assert!(told.contains(&format!("access_log.to.syslog.{key}")), "{told}");
    }
}

#[test]
fn long_messages_are_cut_in_datagrams_only() {
    if !have(&[Tool::Rsyslogd]) {
        return;
    }
    let place = Place::new();
    let _server = place.serve();
    let backend = Backend::answering("ok");
    let path = format!("/x/{}", "y".repeat(900));
    let udp = format!("url: 'udp://{}', message_bytes: 600B", place.udp);
    let gateway = Gateway::start(&config(&backend, &udp));
    assert_eq!(ask(&gateway, &path), 200);
    let raw = || fs::read_to_string(place.folder.join("raw")).unwrap_or_default();
    wait_until("the datagram", || raw().lines().count() == 1);
    assert_eq!(raw().trim_end().len(), 600, "{}", raw());
    assert!(raw().trim_end().ends_with("yyy..."), "{}", raw());
    let tcp = format!("url: 'tcp://{}', message_bytes: 600B", place.tcp);
    gateway.reload(&config(&backend, &tcp)).expect("it is well");
    assert_eq!(ask(&gateway, &path), 200);
    wait_until("the message", || place.messages().len() == 2);
    let line: Value = serde_json::from_str(&place.messages()[1].text).expect("a line of JSON");
    assert_eq!(line["path"].as_str(), Some(&*path));
}

#[test]
fn what_waits_for_a_server_comes_when_it_is_back() {
    if !have(&[Tool::Rsyslogd]) {
        return;
    }
    let place = Place::new();
    let backend = Backend::answering("ok");
    for to in [format!("url: 'tcp://{}'", place.tcp), unix(&place.folder, "plain")] {
        let _forgotten = fs::remove_file(place.folder.join("all"));
        let gateway = Gateway::start(&config(&backend, &to));
        assert_eq!(ask(&gateway, "/x/1"), 200);
        let begin = "yumen: lines of the access log do not reach ";
        gateway.stderr.wait(0, LATER, |line| line.starts_with(begin)).expect("it is told");
        let server = place.serve();
        wait_until("it is back", || place.messages().len() == 1);
        gateway.stderr.wait(0, LATER, |line| line.ends_with(" again")).expect("it is told");
        assert!(server.end(LATER), "it ends");
        let _left = fs::remove_file(place.folder.join("usual"));
        // The server has closed the connection, and nothing that is sent over it would arrive.
        for number in 0..20 {
            assert_eq!(ask(&gateway, &format!("/x/{number}")), 200);
        }
        let _server = place.serve();
        wait_until("it is back again", || place.messages().len() == 21);
        gateway.signal("TERM");
        assert_eq!(gateway.exit(LATER).expect("it ends").code(), Some(0));
        let _left = fs::remove_file(place.folder.join("usual"));
    }
}

#[test]
fn a_server_that_stands_still_slows_no_request() {
    if !have(&[Tool::Rsyslogd]) {
        return;
    }
    let place = Place::new();
    let server = place.serve();
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend, &unix(&place.folder, "plain")));
    signal(server.pid(), "STOP");
    let plan = Plan::steady(gateway.web(), 8);
    unslowed(&plan, 25_000, SECOND);
    let before = gateway.memory();
    unslowed(&plan, 15_000, SECOND);
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 8 << 10, "what waits grows: {grown} KiB");
    assert!(dropped(&gateway, "queue_full") > 1_000);
    signal(server.pid(), "CONT");
    let written = "yumen_access_log_written_total{sink=\"syslog\"}";
    wait_until("it goes on", || metric(gateway.status(), written) > 10_000);
}

#[test]
fn where_nobody_listens_datagrams_are_lost_and_counted() {
    let backend = Backend::answering("ok");
    let to = format!("url: 'udp://{}'", free_address());
    let gateway = Gateway::start(&config(&backend, &to));
    wait_until("they are counted", || {
        assert_eq!(ask(&gateway, "/x/1"), 200);
        dropped(&gateway, "write_failed") > 1
    });
    let lost = |line: &str| line.contains(" lines lost: udp://") && line.contains("refused");
    gateway.stderr.wait(0, LATER, lost).expect("it is told");
}
