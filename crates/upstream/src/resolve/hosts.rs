//! The hosts file (`/etc/hosts`): names that the machine's owner has settled.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::SystemTime;

/// The names in a hosts file, in lower case.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    names: HashMap<String, Vec<IpAddr>>,
}

impl Hosts {
    /// Reads a hosts file; lines that make no sense are passed over, as everywhere.
    pub(super) fn parse(text: &str) -> Self {
        let mut hosts = Self::default();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or(line);
            let mut words = line.split_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse) else { continue };
            for name in words {
                hosts.names.entry(name.to_ascii_lowercase()).or_default().push(address);
            }
        }
        hosts
    }

    /// The addresses of a name in lower case, of both families; with or without a final dot.
    pub(super) fn find(&self, host: &str) -> Option<&[IpAddr]> {
        let name = host.strip_suffix('.').unwrap_or(host);
        self.names.get(name).map(Vec::as_slice)
    }
}

/// Which state of a file was read; differs after it was changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    pub(super) fn of(path: &Path) -> Self {
        let metadata = std::fs::metadata(path).ok();
        Self(metadata.and_then(|file| Some((file.modified().ok()?, file.len()))))
    }
}
