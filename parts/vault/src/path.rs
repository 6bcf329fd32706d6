//! Paths of secrets: what they may look like, and how they are written in a request.

use std::fmt::Write;

use crate::PATH_MAX;
use crate::fault::Fault;

/// Checks that this can be the path of a secret: a mount, and at least one name below it.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(path: &str) -> Result<(), Fault> {
    let wrong = |why: &str| {
        let hint = "write it as in `vault kv get MOUNT/PATH`, such as `secret/shop`";
        Err(Fault::wrong(why, hint))
    };
    if path.len() > PATH_MAX {
        return wrong("its path is too long");
    }
    if path.chars().any(char::is_control) {
        return wrong("its path has a control character");
    }
    // A server may take them out, and so read something else than what was asked for.
    if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return wrong("its path has a part that is empty, `.` or `..`");
    }
    if !path.contains('/') {
        return wrong("its path has a mount only, and no name below it");
    }
    Ok(())
}

/// A path as it is written in a request: all but letters, digits and `-._~` of each part is
/// percent-encoded.
pub(crate) fn encode(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            // Writing to a text cannot fail.
            _ => write!(encoded, "%{byte:02X}").unwrap_or_default(),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_path_is_one() {
        let long = format!("a/{}", "b".repeat(PATH_MAX));
        for (path, expect) in [
            ("secret/shop", ""),
            ("team/kv/a b/c%2f?\u{e4}", ""),
            ("a/...", ""),
            ("secret", "has a mount only"),
            ("/secret/shop", "is empty"),
            ("secret/shop/", "is empty"),
            ("secret//shop", "is empty"),
            ("secret/../sys", "`..`"),
            ("secret/./shop", "`.`"),
            ("secret/a\nb", "control character"),
            (&long, "too long"),
        ] {
            let found = check(path).err().map(|fault| fault.why).unwrap_or_default();
            assert_eq!(found.is_empty(), expect.is_empty(), "{path}: {found}");
            assert!(found.contains(expect), "{path}: {found}");
        }
    }

    #[test]
    fn what_could_be_read_otherwise_is_encoded() {
        for (path, expect) in [
            ("secret/shop-1.2_3~", "secret/shop-1.2_3~"),
            ("a b/c?d#e%2f", "a%20b/c%3Fd%23e%252f"),
            ("\u{e4}/;=&+", "%C3%A4/%3B%3D%26%2B"),
        ] {
            assert_eq!(encode(path), expect);
        }
    }
}
