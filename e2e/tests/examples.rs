//! Every example is checked, started and asked what its first lines say; the README's commands
//! work as they are printed.
//!
//! An example begins with comments: `# $ command` is a line for a shell, `# > text` is text that
//! its output holds. A command that ends with ` &` runs until the example is over. The example
//! itself is started by the test, and so is not among the commands; those with `openssl` at the
//! very top make files that it needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use std::os::unix::process::CommandExt;

use yumen_e2e::gateway::{Gateway, Launch, Lines, binary, fresh_folder, root, yumen};
use yumen_e2e::tools::{Tool, have};

/// A command and what its output must hold.
#[derive(Debug, PartialEq)]
struct Spoken {
    command: String,
    expect: Vec<String>,
}

/// Commands in the comments at the top of an example.
fn in_comments(text: &str) -> Vec<Spoken> {
    let mut list: Vec<Spoken> = Vec::new();
    for line in text.lines().take_while(|line| line.starts_with('#') || line.is_empty()) {
        if let Some(command) = line.strip_prefix("# $ ") {
            list.push(Spoken { command: command.trim().to_owned(), expect: Vec::new() });
        } else if let (Some(text), Some(last)) = (line.strip_prefix("# > "), list.last_mut()) {
            last.expect.push(text.trim().to_owned());
        }
    }
    list
}

/// Commands in the `console` blocks of a Markdown text.
fn in_blocks(text: &str) -> Vec<Spoken> {
    let mut list: Vec<Spoken> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(kind) => inside = kind.trim() == "console",
            None if !inside => {}
            None => match (line.strip_prefix("$ "), list.last_mut()) {
                (Some(command), _) => {
                    list.push(Spoken { command: command.trim().to_owned(), expect: Vec::new() });
                }
                (None, Some(last)) if !line.trim().is_empty() && line.trim() != "..." => {
                    last.expect.push(line.trim().to_owned());
                }
                _ => {}
            },
        }
    }
    list
}

/// Commands that run beside the others, each with everything it has started.
#[derive(Default)]
struct Background(Vec<Child>);

impl Background {
    /// Starts a command and waits until it says that it is there.
    fn start(&mut self, command: &str, within: Duration) {
        let mut child = shell(command)
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        let out = Lines::of(child.stdout.take().expect("a pipe"));
        let err = Lines::of(child.stderr.take().expect("a pipe"));
        self.0.push(child);
        let deadline = Instant::now() + within;
        let there = |lines: &Arc<Lines>| {
            let says = |line: &String| line == "yumen: ready" || line.contains("echo server on");
            lines.all().iter().any(says)
        };
        while !there(&out) && !there(&err) {
            assert!(Instant::now() < deadline, "{command}: {:#?} {:#?}", out.all(), err.all());
            // Two streams are watched, so neither can be waited on.
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let group = format!("kill -KILL -{}", child.id());
            let _gone = Command::new("sh").arg("-c").arg(group).status();
            let _gone = child.wait();
        }
    }
}

fn shell(command: &str) -> Command {
    let folder = binary().parent().expect("the binary lies in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).current_dir(root()).stdin(Stdio::null());
    shell.env("PATH", format!("{}:{path}", folder.display()));
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        shell.env_remove(name);
    }
    shell
}

/// Runs commands in order; says what is not as it is written.
fn replay(spoken: &[Spoken], background: &mut Background) -> Vec<String> {
    let mut failures = Vec::new();
    for Spoken { command, expect } in spoken {
        if let Some(command) = command.strip_suffix(" &") {
            background.start(command, Duration::from_secs(20));
            continue;
        }
        let output = shell(&format!("timeout 30 sh -c '{}'", command.replace('\'', "'\\''")))
            .output()
            .expect("a shell");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        for part in expect.iter().filter(|part| !text.contains(part.as_str())) {
            failures.push(format!("$ {command}\n  wants {part:?}\n  gets  {text:?}"));
        }
        if expect.is_empty() && !output.status.success() {
            failures.push(format!("$ {command}\n  fails: {text}"));
        }
    }
    failures
}

fn examples() -> Vec<PathBuf> {
    let mut list: Vec<PathBuf> = fs::read_dir(root().join("examples"))
        .expect("a folder with examples")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() || path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    list.sort();
    assert!(!list.is_empty(), "no examples");
    list
}

/// The files of an example: one, or all of a folder.
fn text_of(path: &Path) -> String {
    if path.is_file() {
        return fs::read_to_string(path).expect("an example");
    }
    let entries = fs::read_dir(path).expect("a folder");
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect()
}

fn serve(path: &Path) -> Vec<String> {
    let name = path.display().to_string();
    let spoken = in_comments(&text_of(path));
    let mut background = Background::default();
    let makers = spoken.iter().take_while(|spoken| spoken.command.starts_with("openssl ")).count();
    let (makers, spoken) = spoken.split_at(makers);
    let failed = replay(makers, &mut background);
    if !failed.is_empty() {
        return failed;
    }
    let (code, _, report) = yumen(&["check", &name]);
    if code != 0 {
        return vec![format!("yumen check {name}: {report}")];
    }
    let first = spoken.iter().take_while(|spoken| spoken.command.ends_with(" &")).count();
    let (before, after) = spoken.split_at(first);
    let mut failures = replay(before, &mut background);
    let how = Launch { source: Some(path.to_path_buf()), ..Launch::default() };
    match Gateway::launch("", how) {
        Err(why) => failures.push(format!("{name}: {why}")),
        Ok(_gateway) => failures.extend(replay(after, &mut background)),
    }
    if after.is_empty() {
        failures.push(format!("{name}: no commands in its first lines"));
    }
    failures.into_iter().map(|failure| format!("{name}:\n{failure}")).collect()
}

/// One test for all: examples and README use the ports they are written with.
#[test]
fn examples_and_readme_do_what_they_say() {
    if !have(&[Tool::Curl, Tool::Openssl]) {
        return;
    }
    let mut failures: Vec<String> = examples().iter().flat_map(|path| serve(path)).collect();
    println!("{} examples", examples().len());
    failures.extend(readme());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Runs what the README says: `make run` stays in the background, `curl` and `yumen check` are
/// replayed, `gateway.yaml` is the README's own configuration. Other commands are not run.
fn readme() -> Vec<String> {
    let text = fs::read_to_string(root().join("README.md")).expect("a README");
    let folder = fresh_folder("readme");
    let config = text.split_once("```yaml\n").and_then(|(_, rest)| rest.split_once("```"));
    fs::write(folder.join("gateway.yaml"), config.map_or("", |(yaml, _)| yaml)).expect("a file");
    let mut background = Background::default();
    let mut failures = Vec::new();
    let mut count = 0;
    for mut spoken in in_blocks(&text) {
        if spoken.command == "make run" {
            background.start(&spoken.command, Duration::from_secs(900));
        } else if spoken.command.starts_with("curl ") || spoken.command.starts_with("yumen check ")
        {
            spoken.command = spoken
                .command
                .replace("gateway.yaml", &folder.join("gateway.yaml").display().to_string());
            failures.extend(replay(&[spoken], &mut background));
        } else {
            println!("README: not run: {}", spoken.command);
            continue;
        }
        count += 1;
    }
    println!("README: {count} commands");
    if count == 0 {
        failures.push("no console block".to_owned());
    }
    let _left = fs::remove_dir_all(folder);
    failures.into_iter().map(|failure| format!("README:\n{failure}")).collect()
}

#[test]
fn commands_are_found() {
    let spoken = |command: &str, expect: &[&str]| Spoken {
        command: command.to_owned(),
        expect: expect.iter().map(|text| (*text).to_owned()).collect(),
    };
    let text =
        "# Title\n#\n# $ yumen echo &\n# $ curl -s a\n# > one\n# > two\nlisteners: []\n# $ no\n";
    assert_eq!(
        in_comments(text),
        [spoken("yumen echo &", &[]), spoken("curl -s a", &["one", "two"])]
    );
    let text = "# R\n```console\n$ curl -s a\none\n\n$ curl b\n```\n```yaml\n$ no\n```\n";
    assert_eq!(in_blocks(text), [spoken("curl -s a", &["one"]), spoken("curl b", &[])]);
}
