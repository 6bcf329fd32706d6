//! Replays every seed and every past finding, and mutations of them, without a fuzzer.

use std::fs;
use std::path::{Path, PathBuf};

use yumen_fuzz::TARGETS;

/// Mutated inputs for each target.
const CASES: usize = 3000;
/// The longest mutated input.
const LENGTH_MAX: usize = 8 * 1024;

/// A small generator with a seed (xorshift), so that a failure comes back.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % bound.max(1)
    }
}

fn inputs(folder: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(target);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).expect("an input"))).collect()
}

/// Some bytes of another input, or a byte that matters to a parser.
fn mutate(data: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    const BYTES: &[u8] = b"\0\t\n\r !\"#%&*+,-./09:;<=>?@AF[\\]_{}~\x7f\x80\xc3\xff";
    let at = dice.below(data.len() + 1);
    let end = (at + dice.below(16)).min(data.len());
    match dice.below(6) {
        0 => data.insert(at, BYTES[dice.below(BYTES.len())]),
        1 => drop(data.drain(at..end)),
        2 => data.truncate(at),
        3 => {
            let from = dice.below(other.len() + 1);
            let piece = &other[from..(from + dice.below(64)).min(other.len())];
            drop(data.splice(at..end, piece.iter().copied()));
        }
        4 => {
            if let Some(byte) = data.get_mut(at) {
                *byte = BYTES[dice.below(BYTES.len())];
            }
        }
        _ => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
    }
    data.truncate(LENGTH_MAX);
}

fn replay(name: &str) {
    let (_, check) = TARGETS.iter().find(|(target, _)| *target == name).expect("a target");
    let seeds = inputs("seeds", name);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    for (path, data) in seeds.iter().chain(&inputs("findings", name)) {
        println!("{}", path.display());
        check(data);
    }
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..CASES {
        let mut data = seeds[dice.below(seeds.len())].1.clone();
        for _ in 0..=dice.below(5) {
            let other = &seeds[dice.below(seeds.len())].1;
            mutate(&mut data, other, &mut dice);
        }
        // Shown only when the check fails.
        println!("{}", data.escape_ascii());
        check(&data);
    }
}

#[test]
fn authority() {
    replay("authority");
}

#[test]
fn chunked() {
    replay("chunked");
}

#[test]
fn config() {
    replay("config");
}

#[test]
fn expression() {
    replay("expression");
}

#[test]
fn ext_authz() {
    replay("ext_authz");
}

#[test]
fn login() {
    replay("login");
}

#[test]
fn origin() {
    replay("origin");
}

#[test]
fn path() {
    replay("path");
}

#[test]
fn proxy_header() {
    replay("proxy_header");
}

#[test]
fn request_head() {
    replay("request_head");
}

#[test]
fn response_head() {
    replay("response_head");
}

#[test]
fn router() {
    replay("router");
}

#[test]
fn grpc() {
    replay("grpc");
}

#[test]
fn http2_guard() {
    replay("http2_guard");
}

#[test]
fn http2_head() {
    replay("http2_head");
}

#[test]
fn tls_hello() {
    replay("tls_hello");
}

#[test]
fn websocket() {
    replay("websocket");
}

#[test]
fn protobuf() {
    replay("protobuf");
}

#[test]
fn token() {
    replay("token");
}

#[test]
fn trace() {
    replay("trace");
}

/// A target that has no fuzzer, no seeds or no test here would look covered.
#[test]
fn every_target_is_everywhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("a manifest");
    let this = fs::read_to_string(root.join("tests/replay.rs")).expect("this file");
    for (name, _) in TARGETS {
        assert!(root.join(format!("fuzz_targets/{name}.rs")).exists(), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        assert!(this.contains(&format!("replay(\"{name}\")")), "{name}");
    }
    let targets = fs::read_dir(root.join("fuzz_targets")).expect("a folder").count();
    assert_eq!(targets, TARGETS.len());
}

#[test]
fn json() {
    replay("json");
}

#[test]
fn graphql() {
    replay("graphql");
}

#[test]
fn xml() {
    replay("xml");
}

#[test]
fn validation() {
    replay("validation");
}
