//! Where certificates, the account and the journal are kept: files of this user alone, each written
//! whole or not at all, in a folder that several processes and nodes may share.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use yumen_tls::{Certified, Pair};

use crate::decide::Journal;
use crate::{Settings, Shown};

/// Files that are read as challenges under way; there is one for each process that places orders.
const CHALLENGES_MAX: usize = 64;
/// How long a challenge is answered, at most, after it was written: its order has long ended.
const CHALLENGE_LIFE: Duration = Duration::from_secs(600);
/// A folder that changed so recently may change again without showing it.
const SETTLED: Duration = Duration::from_secs(3);

/// The folder of one authority.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) folder: PathBuf,
}

/// The account with the authority.
#[derive(Serialize, Deserialize)]
pub(crate) struct Account {
    /// As they were last told to the authority.
    pub(crate) contacts: Vec<String>,
    pub(crate) credentials: instant_acme::AccountCredentials,
}

/// A challenge under way, for all who share the folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// The name that is to be shown to lead here.
    pub(crate) name: String,
    pub(crate) token: String,
    /// What is answered over HTTP.
    pub(crate) answer: String,
    /// What is in the certificate that answers in a handshake, if it is asked for there: SHA-256 of
    /// the answer.
    pub(crate) digest: Option<Vec<u8>>,
}

/// What was last seen of the folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen([Option<SystemTime>; 2]);

/// What is kept for these settings, to be shown at once. Nothing is written.
#[must_use]
pub fn recall(state: &Path, settings: &Settings) -> Shown {
    Store::of(state, &settings.directory).shown(&settings.names)
}

impl Store {
    /// Below a state folder, for the authority with this directory.
    pub(crate) fn of(state: &Path, directory: &str) -> Self {
        let host = directory.split("//").nth(1).unwrap_or(directory);
        let host: String = host
            .chars()
            .take_while(|one| one.is_ascii_alphanumeric() || ".-".contains(*one))
            .collect();
        // FNV-1a: the name must stay the same in every version.
        let hash = directory.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { folder: state.join("acme").join(format!("{host}-{hash:016x}")) }
    }

    /// Makes the folders.
    pub(crate) fn make(&self) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(self.folder.join("certificates"))?;
        builder.create(self.folder.join("challenges"))
    }

    fn certificate_file(&self, name: &str) -> PathBuf {
        self.folder.join("certificates").join(format!("{name}.pem"))
    }

    fn challenge_file(&self, name: &str) -> PathBuf {
        self.folder.join("challenges").join(format!("{name}.json"))
    }

    /// The certificate for a name, with its key, if there is one that can be used.
    pub(crate) fn certificate(&self, name: &str) -> Option<Certified> {
        let text = fs::read_to_string(self.certificate_file(name)).ok()?;
        read_certificate(&text, name)
    }

    /// Keeps a certificate with its key, both in one file: they never come apart.
    pub(crate) fn keep_certificate(&self, name: &str, text: &str) -> io::Result<()> {
        write(&self.certificate_file(name), text.as_bytes())
    }

    pub(crate) fn journal(&self) -> Journal {
        self.read("journal.json").unwrap_or_default()
    }

    pub(crate) fn keep_journal(&self, journal: &Journal) -> io::Result<()> {
        write(&self.folder.join("journal.json"), &serde_json::to_vec_pretty(journal)?)
    }

    pub(crate) fn account(&self) -> Option<Account> {
        self.read("account.json")
    }

    pub(crate) fn keep_account(&self, account: &Account) -> io::Result<()> {
        write(&self.folder.join("account.json"), &serde_json::to_vec_pretty(account)?)
    }

    /// Puts an account aside that the authority does not know any more.
    pub(crate) fn forget_account(&self) -> io::Result<()> {
        fs::rename(self.folder.join("account.json"), self.folder.join("account-unknown.json"))
    }

    pub(crate) fn keep_challenge(&self, asked: &Asked) -> io::Result<()> {
        write(&self.challenge_file(&asked.name), &serde_json::to_vec_pretty(asked)?)
    }

    pub(crate) fn remove_challenge(&self, name: &str) {
        // One that stays is not answered for long.
        drop(fs::remove_file(self.challenge_file(name)));
    }

    fn read<T: DeserializeOwned>(&self, file: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.folder.join(file)).ok()?).ok()
    }

    /// Looks whether anything came or went; another look differs if it did, or if that cannot be
    /// told yet.
    pub(crate) fn look(&self, now: SystemTime) -> Seen {
        Seen(["certificates", "challenges"].map(|part| {
            let changed = fs::metadata(self.folder.join(part)).ok()?.modified().ok()?;
            let age = now.duration_since(changed).unwrap_or_default();
            Some(if age < SETTLED { now } else { changed })
        }))
    }

    /// Everything that listeners are to show.
    pub(crate) fn shown(&self, names: &[String]) -> Shown {
        let certificate = |name: &String| Some((name.clone(), self.certificate(name)?));
        let mut shown = Shown {
            certificates: names.iter().filter_map(certificate).collect(),
            ..Shown::default()
        };
        for asked in self.challenges() {
            match asked.digest {
                None => shown.tokens.push((asked.token, asked.answer)),
                Some(digest) => {
                    let certified = Certified::for_challenge(&asked.name, &digest);
                    shown.challenges.extend(certified.map(|certified| (asked.name, certified)));
                }
            }
        }
        shown
    }

    fn challenges(&self) -> Vec<Asked> {
        let Ok(entries) = fs::read_dir(self.folder.join("challenges")) else { return Vec::new() };
        let young = |file: &PathBuf| {
            let written = fs::metadata(file).and_then(|seen| seen.modified()).ok();
            written.and_then(|at| at.elapsed().ok()).is_none_or(|age| age < CHALLENGE_LIFE)
        };
        let files = entries.flatten().map(|entry| entry.path());
        let files = files.filter(|file| file.extension().is_some_and(|end| end == "json"));
        let texts = files.filter(young).take(CHALLENGES_MAX).filter_map(|file| fs::read(file).ok());
        texts.filter_map(|text| serde_json::from_slice(&text).ok()).collect()
    }
}

/// A certificate with its key in one text, if it is for this name.
pub(crate) fn read_certificate(text: &str, name: &str) -> Option<Certified> {
    let certified = Certified::read(Pair { certificate: text, key: text }).ok()?;
    certified.facts().covers(name).then_some(certified)
}

/// Writes a file that this user alone may read. A crash at any moment leaves the old one or this
/// one, whole.
fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = file.parent().ok_or(ErrorKind::InvalidInput)?;
    let fresh = file.with_extension(format!("{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    let mut open = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    open.write_all(bytes)?;
    open.sync_all()?;
    fs::rename(&fresh, file)?;
    File::open(folder)?.sync_all()
}
