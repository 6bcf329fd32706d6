//! The example of every policy is served, and answers whoever brings what it asks for, or as it says.

use std::fs;

use yumen_e2e::client::Client;
use yumen_e2e::gateway::root;
use yumen_e2e::{Backend, Gateway};

#[test]
fn examples_of_policies_are_served() {
    let backend = Backend::answering("ok");
    let mut served = 0;
    for room in fs::read_dir(root().join("policies")).unwrap() {
        let file = room.unwrap().path().join("example.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let yaml = text.replace("127.0.0.1:9001", &backend.authority());
        let gateway = Gateway::start(&yaml);
        let brought = text.lines().filter_map(|line| line.strip_prefix("# Asked with: "));
        let fields: String = brought.map(|field| format!("{field}\r\n")).collect();
        let ask = |fields: &str| {
            let request = format!("GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\n{fields}\r\n");
            Client::connect(gateway.web()).ask(request).unwrap().status()
        };
        let answers = text.lines().find_map(|line| line.strip_prefix("# Answers: "));
        let status = answers.map_or(200, |status| status.parse().unwrap());
        assert_eq!(ask(&fields), status, "{}", file.display());
        served += 1;
    }
    assert!(served > 5, "{served}");
}
