//! Who calls, as the configuration says: consumers, checked, and where more of them are written.

mod certificate;
mod secret;
mod token_keys;

use std::sync::Arc;

use yumen_directory::{Digest, Entry, Material, Pepper, Proof, Stated};
use yumen_http::is_field_value;
use yumen_model::report::Report;
use yumen_model::{Consumer, Directory, KeyCredential, Model, Moment, PasswordCredential};
use yumen_seal::{KEY_MIN as KEY_LEAST, SealingKey};

use crate::names::check_unique;

/// The longest name, external id, group, tag or label.
const TEXT_MAX: usize = 256;
/// The longest key, in bytes; and the shortest, as shorter ones are found by trying.
const KEY_MAX: usize = 512;
const KEY_MIN: usize = 8;
/// What one consumer may have of groups and tags, and of credentials of one kind.
const GROUPS_MAX: usize = 64;
const CREDENTIALS_MAX: usize = 64;
/// The shortest pepper: shorter ones are found by trying.
const PEPPER_MIN: usize = 16;
/// Files of consumers.
const FILES_MAX: usize = 16;
/// How hashes of keys are written: this, the pepper's mark, a colon, the digest.
const HASH: &str = "blake3:";

/// Who calls.
#[derive(Debug, Clone)]
pub struct ConsumersPlan {
    /// What digests are made with.
    pub pepper: Pepper,
    /// What sealed secrets are opened with, if there is a key.
    pub sealing: Option<Arc<SealingKey>>,
    /// Those that are written in the configuration.
    pub entries: Vec<Entry>,
    /// Files with more of them.
    pub files: Vec<String>,
}

pub(crate) fn compile(model: &Model, report: &mut Report) -> ConsumersPlan {
    let settings = model.directory.as_ref();
    let consumers = model.consumers.iter().enumerate();
    let names =
        consumers.map(|(index, one)| (one.name.as_str(), format!("consumers[{index}]").into()));
    check_unique("consumer", names, report);
    let pepper = pepper(settings, report);
    let sealing = sealing_key(settings, report);
    let files = settings.map(|settings| settings.files.clone()).unwrap_or_default();
    check_files(&files, report);
    let consumers = model.consumers.iter().enumerate();
    let entries = consumers.filter_map(|(index, one)| {
        let keys = (&pepper, sealing.as_deref());
        compile_consumer(one, keys, &format!("consumers[{index}]"), report)
    });
    ConsumersPlan { entries: entries.collect(), pepper, sealing, files }
}

fn sealing_key(settings: Option<&Directory>, report: &mut Report) -> Option<Arc<SealingKey>> {
    let text = settings.and_then(|settings| settings.sealing_key.as_ref())?.text();
    let key = SealingKey::new(text);
    if key.is_none() {
        report
            .error("directory.sealing_key", format!("it is shorter than {KEY_LEAST} characters"))
            .hint("such as what `openssl rand -hex 32` prints");
    }
    key.map(Arc::new)
}

fn pepper(settings: Option<&Directory>, report: &mut Report) -> Pepper {
    let secret = settings.and_then(|settings| settings.pepper.as_ref());
    let secret = secret.map(yumen_model::Secret::text);
    if secret.is_some_and(|secret| secret.len() < PEPPER_MIN) {
        report
            .error("directory.pepper", format!("it is shorter than {PEPPER_MIN} characters"))
            .hint("such as what `openssl rand -hex 32` prints");
    }
    Pepper::new(secret.unwrap_or_default())
}

fn check_files(files: &[String], report: &mut Report) {
    if files.len() > FILES_MAX {
        report
            .error("directory.files", format!("there are more than {FILES_MAX} files"))
            .hint("join some of them");
    }
    for (index, file) in files.iter().enumerate() {
        let at = format!("directory.files[{index}]");
        if file.is_empty() {
            report.error(at, "it is empty").hint("such as `consumers.jsonl`");
        } else if files.iter().take(index).any(|other| other == file) {
            report.error(at, format!("`{file}` is listed twice")).hint("leave it out here");
        }
    }
}

/// Checks one consumer, and makes it ready for the directory. All its problems are told.
pub fn compile_consumer(
    consumer: &Consumer,
    (pepper, sealing): (&Pepper, Option<&SealingKey>),
    at: &str,
    report: &mut Report,
) -> Option<Entry> {
    let before = report.problems().len();
    let Consumer {
        name,
        external_id,
        groups,
        tags,
        disabled,
        keys,
        passwords,
        certificates,
        secrets,
        token_keys,
    } = consumer;
    check_text(name, &format!("{at}.name"), report);
    if let Some(id) = external_id {
        check_text(id, &format!("{at}.external_id"), report);
    }
    check_words(groups, &format!("{at}.groups"), report);
    check_words(tags, &format!("{at}.tags"), report);
    check_count(keys.len(), &format!("{at}.keys"), report);
    check_count(passwords.len(), &format!("{at}.passwords"), report);
    check_count(certificates.len(), &format!("{at}.certificates"), report);
    check_count(secrets.len(), &format!("{at}.secrets"), report);
    let mut credentials = Vec::with_capacity(keys.len() + passwords.len());
    check_count(token_keys.len(), &format!("{at}.token_keys"), report);
    for (index, key) in keys.iter().enumerate() {
        credentials.extend(compile_key(key, pepper, &format!("{at}.keys[{index}]"), report));
    }
    for (index, one) in passwords.iter().enumerate() {
        let at = format!("{at}.passwords[{index}]");
        credentials.extend(compile_password(name, one, pepper, &at, report));
    }
    for (index, one) in certificates.iter().enumerate() {
        let at = format!("{at}.certificates[{index}]");
        credentials.extend(certificate::compile(one, pepper, &at, report));
    }
    for (index, one) in secrets.iter().enumerate() {
        let at = format!("{at}.secrets[{index}]");
        credentials.extend(secret::compile(one, (pepper, sealing), &at, report));
    }
    let at = format!("{at}.token_keys");
    credentials.extend(token_keys::compile(name, token_keys, pepper, &at, report));
    let words = |words: &[String]| words.iter().map(|word| word.as_str().into()).collect();
    let entry = Entry {
        name: name.as_str().into(),
        external_id: external_id.as_deref().map(Box::from),
        groups: words(groups),
        tags: words(tags),
        is_disabled: *disabled,
        credentials,
    };
    (report.problems().len() == before).then_some(entry)
}

fn compile_key(
    key: &KeyCredential,
    pepper: &Pepper,
    at: &str,
    report: &mut Report,
) -> Option<Stated> {
    let KeyCredential { key, hash, label, expires } = key;
    if let Some(label) = label {
        check_text(label, &format!("{at}.label"), report);
    }
    let digest = match (key, hash) {
        (Some(key), None) => {
            let text = key.text();
            let is_good = (KEY_MIN..=KEY_MAX).contains(&text.len()) && is_visible(text);
            if !is_good {
                report
                    .error(format!("{at}.key"), format!("a key has {KEY_MIN} to {KEY_MAX} letters, digits and signs of ASCII, without spaces"))
                    .hint("`yumen new-key` makes one");
                return None;
            }
            pepper.digest(Proof::Key, text.as_bytes())
        }
        (None, Some(hash)) => read_hash(hash, pepper, &format!("{at}.hash"), report)?,
        _ => {
            report
                .error(at, "there must be either `key` or `hash`")
                .hint("`yumen new-key` makes a key and its hash");
            return None;
        }
    };
    Some(Stated {
        proof: Proof::Key,
        digest,
        label: label.as_deref().map(Box::from),
        expires: expires.map(Moment::seconds),
        material: Material::None,
    })
}

fn compile_password(
    name: &str,
    credential: &PasswordCredential,
    pepper: &Pepper,
    at: &str,
    report: &mut Report,
) -> Option<Stated> {
    let PasswordCredential { username, password, hash, label, expires } = credential;
    if let Some(label) = label {
        check_text(label, &format!("{at}.label"), report);
    }
    let user = username.as_deref().unwrap_or(name);
    check_text(user, &format!("{at}.username"), report);
    if user.contains(':') {
        report
            .error(
                format!("{at}.username"),
                "a user's name has no colon: the password begins behind it",
            )
            .hint("give another `username`");
    }
    let material = match (password, hash) {
        (Some(password), None) => {
            let text = password.text();
            if text.is_empty() || text.len() > KEY_MAX || text.chars().any(char::is_control) {
                report
                    .error(
                        format!("{at}.password"),
                        format!(
                            "a password has 1 to {KEY_MAX} bytes, none of them a control character"
                        ),
                    )
                    .hint("better many than few");
                return None;
            }
            Material::Digest(pepper.password(user.as_bytes(), text.as_bytes()))
        }
        (None, Some(hash)) => match yumen_password::check_hash(hash) {
            Ok(()) => Material::Password(hash.as_str().into()),
            Err(problem) => {
                report.error(format!("{at}.hash"), problem).hint("`yumen hash-password` makes one");
                return None;
            }
        },
        _ => {
            report
                .error(at, "there must be either `password` or `hash`")
                .hint("`yumen hash-password` makes a hash");
            return None;
        }
    };
    Some(Stated {
        proof: Proof::Password,
        digest: pepper.digest(Proof::Password, user.as_bytes()),
        label: label.as_deref().map(Box::from),
        expires: expires.map(Moment::seconds),
        material,
    })
}

/// The digest that a hash in a configuration says.
fn read_hash(hash: &str, pepper: &Pepper, at: &str, report: &mut Report) -> Option<Digest> {
    let parts = hash.strip_prefix(HASH).and_then(|rest| rest.split_once(':'));
    let digest = parts.and_then(|(mark, digest)| Some((mark, Digest::from_text(digest)?)));
    match digest {
        Some((mark, digest)) if mark == pepper.mark() => Some(digest),
        Some(_) => {
            report
                .error(at, "the hash was made with another pepper than `directory.pepper`")
                .hint("give that one, or make the key anew with `yumen new-key --pepper-file`");
            None
        }
        None => {
            report
                .error(at, format!("it is no hash of a key: those begin with `{HASH}`"))
                .hint("`yumen new-key` makes a key and its hash");
            None
        }
    }
}

/// What a configuration says instead of a key.
#[must_use]
pub fn key_hash(key: &str, pepper: &Pepper) -> String {
    format!("{HASH}{}:{}", pepper.mark(), pepper.digest(Proof::Key, key.as_bytes()).text())
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn check_count(count: usize, at: &str, report: &mut Report) {
    if count > CREDENTIALS_MAX {
        report
            .error(at, format!("there are more than {CREDENTIALS_MAX}"))
            .hint("take out those that nobody uses any more");
    }
}

/// Services are told it in a field of a head.
fn check_text(text: &str, at: &str, report: &mut Report) {
    let is_good = !text.is_empty() && text.len() <= TEXT_MAX && is_field_value(text.as_bytes());
    if !is_good {
        report.error(at, format!("it has 1 to {TEXT_MAX} bytes, none of them a control character, and no space at an end")).hint("services are told it in a header field");
    }
}

/// Services are told them with commas between them.
fn check_words(words: &[String], at: &str, report: &mut Report) {
    if words.len() > GROUPS_MAX {
        report.error(at, format!("there are more than {GROUPS_MAX}")).hint("leave some out");
    }
    for (index, word) in words.iter().enumerate() {
        let at = format!("{at}[{index}]");
        if word.contains(',') {
            report
                .error(at, "it has a comma")
                .hint("services are told all of them with commas between them");
        } else {
            check_text(word, &at, report);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(consumer: &serde_json::Value) -> Result<Entry, String> {
        let mut report = Report::default();
        let consumer: Consumer = serde_json::from_value(consumer.clone()).unwrap();
        compile_consumer(&consumer, (&Pepper::new(""), None), "c", &mut report)
            .ok_or_else(|| report.to_string())
    }

    #[test]
    fn a_consumer_is_made_ready() {
        let hash = key_hash("a-good-key-7", &Pepper::new(""));
        let entry = check(&serde_json::json!({
            "name": "shop", "external_id": "4711", "groups": ["gold", "eu"],
            "keys": [
                { "key": "another-key", "label": "CI", "expires": "2027-01-31" },
                { "hash": hash },
            ],
        }));
        let entry = entry.unwrap();
        let digests: Vec<_> = entry.credentials.iter().map(|one| one.digest).collect();
        let digest = |key: &[u8]| Pepper::new("").digest(Proof::Key, key);
        assert_eq!(digests, [digest(b"another-key"), digest(b"a-good-key-7")]);
        assert_eq!(entry.credentials[0].expires, Some(1_801_353_600));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let strange = key_hash("a-good-key-7", &Pepper::new("another pepper, with salt"));
        for (consumer, path, words) in [
            (serde_json::json!({ "name": " a" }), "c.name", "space at an end"),
            (serde_json::json!({ "name": "a", "groups": ["x,y"] }), "c.groups[0]", "comma"),
            (serde_json::json!({ "name": "a", "tags": ["\n"] }), "c.tags[0]", "control"),
            (serde_json::json!({ "name": "a", "keys": [{}] }), "c.keys[0]", "either"),
            (
                serde_json::json!({ "name": "a", "keys": [{ "key": "short" }] }),
                "c.keys[0].key",
                "8 to 512",
            ),
            (
                serde_json::json!({ "name": "a", "keys": [{ "key": "with a space" }] }),
                "c.keys[0].key",
                "without spaces",
            ),
            (
                serde_json::json!({ "name": "a", "keys": [{ "hash": "sha1:12" }] }),
                "c.keys[0].hash",
                "no hash",
            ),
            (
                serde_json::json!({ "name": "a", "keys": [{ "hash": strange }] }),
                "c.keys[0].hash",
                "another pepper",
            ),
        ] {
            let problem = check(&consumer).unwrap_err();
            assert!(problem.contains(path) && problem.contains(words), "{consumer}: {problem}");
            assert!(!problem.contains("short") && !problem.contains("with a space"), "{problem}");
        }
        // All of them at once, and in all consumers.
        let mut report = Report::default();
        let model: Model = serde_json::from_value(serde_json::json!({
            "consumers": [{ "name": "a" }, { "name": "a", "keys": [{}, { "key": "x" }] }],
            "directory": { "pepper": "thin", "files": ["a.jsonl", "a.jsonl", ""] },
        }))
        .unwrap();
        compile(&model, &mut report);
        assert_eq!(report.problems().len(), 6, "{report}");
    }
}
