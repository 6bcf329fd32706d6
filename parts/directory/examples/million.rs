//! What a directory of a million consumers takes: memory, the time to fill it, to find somebody, and
//! to change one of them. `cargo run --release -p yumen-directory --example million KEYS`
#![expect(clippy::print_stdout, reason = "it is there to be read")]

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::time::Instant;

use yumen_directory::{Change, Directory, Entry, Material, Pepper, Proof, Stated};

/// The gateway's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONSUMERS: usize = 1_000_000;
const LOOKS: u32 = 1_000_000;
const CHANGES: u32 = 1_000;

fn entry(pepper: &Pepper, number: usize, keys: usize) -> Entry {
    let key = |key: usize| Stated {
        proof: Proof::Key,
        digest: pepper.digest(Proof::Key, format!("key {number} {key}").as_bytes()),
        label: None,
        expires: None,
        material: Material::None,
    };
    Entry {
        name: format!("consumer {number}").into(),
        external_id: None,
        groups: ["gold".into()].into(),
        tags: Box::default(),
        is_disabled: false,
        credentials: (0..keys).map(key).collect(),
    }
}

/// Bytes of memory of this process.
fn memory() -> Result<usize, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}

fn fill(keys: usize) -> Result<Directory, Box<dyn Error>> {
    let (directory, pepper, before) = (Directory::default(), Pepper::new("salt"), memory()?);
    let began = Instant::now();
    // In parts, as a file is read, so that what is stated does not count.
    for part in 0..CONSUMERS / 10_000 {
        let put = (part * 10_000..(part + 1) * 10_000).map(|number| entry(&pepper, number, keys));
        let change = Change { put: put.collect(), ..Change::default() };
        directory.change(&pepper, vec![change]).map_err(|_conflicts| "a conflict")?;
    }
    let took = began.elapsed();
    let bytes = memory()?.saturating_sub(before);
    println!("{CONSUMERS} consumers with {keys} keys each: {took:?}, {bytes} bytes");
    Ok(directory)
}

fn main() -> Result<(), Box<dyn Error>> {
    // What was let go is not given back at once: each filling has a process of its own.
    let keys = std::env::args().nth(1).map_or(Ok(1), |keys| keys.parse())?;
    let directory = fill(keys)?;
    let began = Instant::now();
    for look in 0..LOOKS {
        let number = usize::try_from(look)?.wrapping_mul(7_919) % CONSUMERS;
        black_box(directory.key(format!("key {number} 0").as_bytes()).ok_or("nobody")?);
    }
    println!("somebody is found in {:?}, their key written included", began.elapsed() / LOOKS);
    let pepper = Pepper::new("salt");
    let began = Instant::now();
    for number in 0..CHANGES {
        let change =
            Change { put: vec![entry(&pepper, usize::try_from(number)?, 2)], ..Change::default() };
        directory.change(&pepper, vec![change]).map_err(|_conflicts| "a conflict")?;
    }
    println!("one of them is changed in {:?}", began.elapsed() / CHANGES);
    Ok(())
}
