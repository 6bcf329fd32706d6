//! What a consumer proves itself with.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::consumer::{Consumer, Stated};

/// How somebody is known: by a secret, or by a name that a secret belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// Not a proof: a consumer's own name.
    Name,
    /// A secret key that is its own name.
    Key,
    /// A user's name; the password is checked then.
    Password,
    /// The name of a secret that requests are signed with.
    Secret,
    /// The name of a key that tokens are signed with.
    TokenKey,
    /// What is written in a certificate.
    Certificate,
}

impl Proof {
    pub(crate) const ALL: [Self; 6] =
        [Self::Name, Self::Key, Self::Password, Self::Secret, Self::TokenKey, Self::Certificate];

    /// The word for it, in logs too.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Key => "key",
            Self::Password => "password",
            Self::Secret => "secret",
            Self::TokenKey => "token_key",
            Self::Certificate => "certificate",
        }
    }

    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Name => 0,
            Self::Key => 1,
            Self::Password => 2,
            Self::Secret => 3,
            Self::TokenKey => 4,
            Self::Certificate => 5,
        }
    }
}

/// What a claim is checked against, once its name is found.
#[derive(Clone, PartialEq, Eq)]
pub enum Material {
    /// Nothing more: whoever knows the name has proved enough.
    None,
    /// A hash of a password, in the PHC string format.
    Password(Box<str>),
    /// The digest of a password, with its user's name in front: see
    /// [`Pepper::password`](crate::Pepper::password).
    Digest(crate::Digest),
    /// A secret, or a key, as text.
    Secret(Box<str>),
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Password(_) => "Password",
            Self::Digest(_) => "Digest",
            Self::Secret(_) => "Secret",
        })
    }
}

/// What few credentials have.
#[derive(Debug)]
struct More {
    label: Option<Box<str>>,
    material: Material,
}

/// One credential of a consumer. There may be millions: it is small.
#[derive(Debug)]
pub struct Credential {
    /// Whose it is.
    pub consumer: Arc<Consumer>,
    more: Option<Box<More>>,
    /// In seconds since 1970; 0 if never.
    expires: u32,
    /// In seconds since 1970; 0 if never.
    last_used: AtomicU32,
    proof: Proof,
    id: [u8; 6],
}

impl Credential {
    pub(crate) fn new(consumer: &Arc<Consumer>, stated: Stated, used: Option<u64>) -> Self {
        let id = stated.handle().front().to_be_bytes();
        let Stated { proof, label, expires, material, .. } = stated;
        let has_more = label.is_some() || material != Material::None;
        let seconds = |time: Option<u64>| u32::try_from(time.unwrap_or(0)).unwrap_or(u32::MAX);
        Self {
            consumer: Arc::clone(consumer),
            more: has_more.then(|| Box::new(More { label, material })),
            expires: seconds(expires),
            last_used: AtomicU32::new(seconds(used)),
            proof,
            id: [id[0], id[1], id[2], id[3], id[4], id[5]],
        }
    }

    /// How it proves.
    #[must_use]
    pub fn proof(&self) -> Proof {
        self.proof
    }

    /// Tells it apart in logs, without telling what it is: its kind and twelve hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        let mut id = Vec::new();
        self.put_id(&mut id);
        String::from_utf8(id).unwrap_or_default()
    }

    /// Appends its [id](Credential::id).
    pub fn put_id(&self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
        out.extend_from_slice(self.proof.word().as_bytes());
        out.push(b'-');
        // By hand: services are told it with every request.
        let digits = self.id.map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        out.extend_from_slice(digits.as_flattened());
    }

    /// What people call it.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.more.as_ref()?.label.as_deref()
    }

    /// What is to be checked.
    #[must_use]
    pub fn material(&self) -> &Material {
        self.more.as_ref().map_or(&Material::None, |more| &more.material)
    }

    /// Whether it is good at this time (in seconds since 1970): it has not expired, and its consumer
    /// is not disabled.
    #[must_use]
    pub fn is_good(&self, now: u64) -> bool {
        !self.consumer.is_disabled && (self.expires == 0 || now < u64::from(self.expires))
    }

    /// Writes down that it was used, in seconds since 1970.
    pub fn used(&self, now: u64) {
        let now = u32::try_from(now).unwrap_or(u32::MAX);
        // Written once a second at most: others read the same memory.
        if self.last_used.load(Ordering::Relaxed) < now {
            self.last_used.store(now, Ordering::Relaxed);
        }
    }

    /// When it was used last, in seconds since 1970.
    #[must_use]
    pub fn last_used(&self) -> Option<u64> {
        match self.last_used.load(Ordering::Relaxed) {
            0 => None,
            at => Some(u64::from(at)),
        }
    }
}
