//! The lease of a folder: whoever has it places orders, and no other process on any node. It is a
//! file that says who, and until when; it runs out by itself if its holder is gone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// How long it holds without being renewed, in seconds. The clocks of nodes may differ by less.
pub(crate) const LASTS: u64 = 30;
/// The most that is read of the file.
const BYTES_MAX: u64 = 4096;

/// What the file says.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Text {
    holder: String,
    until: u64,
}

/// The lease, as long as it is renewed.
#[derive(Debug)]
pub(crate) struct Lease {
    file: File,
    holder: String,
}

impl Lease {
    /// Takes it, if nobody else has it.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn take(folder: &Path, holder: &str, now: u64) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(folder.join("lease.json"))?;
        let mut lease = Self { file, holder: holder.to_owned() };
        Ok(lease.renew(now)?.then_some(lease))
    }

    /// Renews it; false if it ran out and somebody else has taken it.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn renew(&mut self, now: u64) -> io::Result<bool> {
        let holder = self.holder.clone();
        self.change(|text| {
            let is_free = text.holder == holder || text.holder.is_empty() || text.until <= now;
            is_free.then(|| Text { holder, until: now + LASTS })
        })
    }

    /// Gives it back.
    pub(crate) fn release(mut self) {
        let holder = self.holder.clone();
        // It runs out by itself if that fails.
        drop(self.change(|text| (text.holder == holder).then(Text::default)));
    }

    /// Reads the file and writes it anew, while no other process does; says whether it was written.
    fn change(&mut self, change: impl FnOnce(Text) -> Option<Text>) -> io::Result<bool> {
        self.file.lock()?;
        let changed = self.change_locked(change);
        self.file.unlock()?;
        changed
    }

    fn change_locked(&mut self, change: impl FnOnce(Text) -> Option<Text>) -> io::Result<bool> {
        let mut text = Vec::new();
        self.file.rewind()?;
        Read::by_ref(&mut self.file).take(BYTES_MAX).read_to_end(&mut text)?;
        // One who was killed while he wrote has no lease.
        let Some(text) = change(serde_json::from_slice(&text).unwrap_or_default()) else {
            return Ok(false);
        };
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(&serde_json::to_vec(&text)?)?;
        self.file.sync_data()?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_it_at_a_time() {
        let folder = std::env::temp_dir().join(format!("yumen-lease-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let take = |holder: &str, now| Lease::take(&folder, holder, now).unwrap();
        let mut first = take("a", 100).unwrap();
        assert!(take("b", 100 + LASTS - 1).is_none());
        assert!(first.renew(100 + LASTS - 1).unwrap());
        assert!(take("b", 100 + LASTS).is_none(), "it was renewed");
        // One that was not renewed in time goes to whoever asks first.
        let second = take("b", 100 + 3 * LASTS).unwrap();
        assert!(!first.renew(100 + 3 * LASTS).unwrap());
        first.release();
        assert!(take("c", 100 + 3 * LASTS).is_none(), "it was not the first one's to give back");
        second.release();
        let third = take("c", 100 + 3 * LASTS).unwrap();
        // What a crash leaves behind is no lease.
        std::fs::write(folder.join("lease.json"), "{\"holder\":\"c\",").unwrap();
        assert!(take("d", 100 + 3 * LASTS).is_some());
        drop(third);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
