//! JSON pointers (RFC 6901).

/// Adds a step to a pointer: a name, or a number as text.
pub fn push(pointer: &mut String, step: &str) {
    pointer.push('/');
    for one in step.chars() {
        match one {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}
