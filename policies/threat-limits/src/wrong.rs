//! What is wrong with a body.

/// What is wrong with a body. None of it says what the body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Whether there is more of something than there may be; else it is not what it should be.
    pub is_bound: bool,
    /// Where: a JSON pointer in JSON, else empty.
    pub at: String,
    /// What, in a sentence.
    pub message: String,
}

impl Wrong {
    /// There is more of something than there may be.
    pub(crate) fn bound(message: impl Into<String>) -> Self {
        Self { is_bound: true, at: String::new(), message: message.into() }
    }

    /// It is not what it should be.
    pub(crate) fn form(message: impl Into<String>) -> Self {
        Self { is_bound: false, at: String::new(), message: message.into() }
    }
}
