//! Cookies that browsers keep for the gateway: their names, what they are limited to, and a text that is
//! cut into several of them.

use yumen_http::{Fields, cookie};

/// The most cookies of one text.
pub const PARTS_MAX: usize = 4;
/// Characters of one part: browsers take 4,096 bytes with the name and what a cookie is limited to.
const PART: usize = 3800;

/// Cookies of one relying party. All have a name that begins alike, and go on with a dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jar {
    name: String,
    is_secure: bool,
}

/// What a browser sent cannot be told apart from what somebody else made it send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tossed;

impl Jar {
    /// Of this name. Secure ones have the prefix `__Host-`, which binds them to the host that set them.
    #[must_use]
    pub fn new(name: &str, is_secure: bool) -> Self {
        let prefix = if is_secure { "__Host-" } else { "" };
        Self { name: format!("{prefix}{name}"), is_secure }
    }

    /// How all their names begin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text that was cut into cookies; `None` if there is none, or a part of it is missing.
    ///
    /// # Errors
    /// When a part of it stands there twice.
    pub fn find(&self, fields: &Fields) -> Result<Option<String>, Tossed> {
        let Some(first) = self.only(fields, "")? else { return Ok(None) };
        let Some((count, first)) = first.split_once('.') else { return Ok(None) };
        let Some(count) = count.parse().ok().filter(|count| (1..=PARTS_MAX).contains(count)) else {
            return Ok(None);
        };
        let mut whole = first.to_owned();
        for place in 1..count {
            match self.only(fields, &place.to_string())? {
                Some(part) => whole.push_str(part),
                None => return Ok(None),
            }
        }
        Ok(Some(whole))
    }

    /// The value of the cookie that goes on so.
    ///
    /// # Errors
    /// When it stands there twice.
    pub fn only<'a>(&'a self, fields: &'a Fields, behind: &str) -> Result<Option<&'a str>, Tossed> {
        let family = cookie::family(fields, &self.name);
        let mut found = family.filter(|(name, _)| *name == behind.as_bytes());
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Tossed),
            (one, None) => Ok(one.map(|(_, value)| std::str::from_utf8(value).unwrap_or_default())),
        }
    }

    /// The names that go on like this, and how long each cookie is, in the order in which they were sent:
    /// browsers send the oldest first.
    pub fn all(&self, fields: &Fields, begin: &str) -> Vec<(String, usize)> {
        let found = cookie::family(fields, &self.name).filter_map(|(behind, value)| {
            let behind = std::str::from_utf8(behind).ok()?;
            behind.starts_with(begin).then(|| (behind.to_owned(), behind.len() + value.len()))
        });
        found.collect()
    }

    /// The values of `Set-Cookie` for a text; `None` if it is too long. Parts that were there before and
    /// are not any more are taken away.
    #[must_use]
    pub fn put(&self, text: &str, before: &Fields) -> Option<Vec<String>> {
        let parts: Vec<&str> = text
            .as_bytes()
            .chunks(PART)
            .map(|part| std::str::from_utf8(part).unwrap_or_default())
            .collect();
        if parts.len() > PARTS_MAX || !text.is_ascii() {
            return None;
        }
        let count = parts.len();
        let mut set: Vec<String> = Vec::new();
        for (place, part) in parts.iter().enumerate() {
            set.push(match place {
                0 => self.set("", &format!("{count}.{part}"), None),
                _ => self.set(&place.to_string(), part, None),
            });
        }
        set.extend((count..PARTS_MAX).filter_map(|place| self.forget_part(place, before)));
        Some(set)
    }

    /// The values of `Set-Cookie` that take a text away.
    #[must_use]
    pub fn forget(&self, before: &Fields) -> Vec<String> {
        (0..PARTS_MAX).filter_map(|place| self.forget_part(place, before)).collect()
    }

    fn forget_part(&self, place: usize, before: &Fields) -> Option<String> {
        let behind = if place == 0 { String::new() } else { place.to_string() };
        let is_there = !matches!(self.only(before, &behind), Ok(None));
        is_there.then(|| self.set(&behind, "", Some(0)))
    }

    /// The value of `Set-Cookie` for one cookie, which goes after so many seconds, or with the browser.
    #[must_use]
    pub fn set(&self, behind: &str, value: &str, seconds: Option<u64>) -> String {
        let dot = if behind.is_empty() { "" } else { "." };
        let secure = if self.is_secure { "; Secure" } else { "" };
        let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        format!("{}{dot}{behind}={value}; Path=/{age}; HttpOnly{secure}; SameSite=Lax", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(cookies: &str) -> Fields {
        let mut fields = Fields::new();
        if !cookies.is_empty() {
            fields.add("Cookie", cookies.as_bytes()).unwrap();
        }
        fields
    }

    /// What a browser sends that got these.
    fn sent(set: &[String]) -> String {
        let pairs = set.iter().filter(|one| !one.contains("Max-Age=0"));
        pairs.map(|one| one.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_text_is_cut_and_put_together_again() {
        let jar = Jar::new("s", true);
        for length in [1, PART, PART + 1, PARTS_MAX * PART] {
            let text = "x".repeat(length);
            let set = jar.put(&text, &fields("")).unwrap();
            assert_eq!(set.len(), length.div_ceil(PART));
            assert!(set.iter().all(|one| one.len() <= 4096 && one.starts_with("__Host-s")));
            assert_eq!(jar.find(&fields(&sent(&set))), Ok(Some(text)));
        }
        assert_eq!(jar.put(&"x".repeat(PARTS_MAX * PART + 1), &fields("")), None);
        let set = jar.put("x", &fields("")).unwrap();
        assert_eq!(set, ["__Host-s=1.x; Path=/; HttpOnly; Secure; SameSite=Lax"]);
        let plain = Jar::new("s", false).set("login.a", "y", Some(600));
        assert_eq!(plain, "s.login.a=y; Path=/; Max-Age=600; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn parts_that_are_left_over_are_taken_away() {
        let jar = Jar::new("s", false);
        let before = fields("s=3.a; s.1=b; s.2=c; s.login.x=d");
        let set = jar.put("short", &before).unwrap();
        assert_eq!(set.len(), 3);
        assert!(set[1].starts_with("s.1=; Path=/; Max-Age=0") && set[2].starts_with("s.2=;"));
        assert_eq!(jar.forget(&before).len(), 3);
        assert!(jar.forget(&fields("t=1")).is_empty());
        assert_eq!(jar.all(&before, "login."), [("login.x".to_owned(), 8)]);
    }

    #[test]
    fn what_was_tossed_or_is_not_whole_is_none() {
        let jar = Jar::new("s", false);
        for (cookies, expect) in [
            ("", Ok(None)),
            ("s=1.a", Ok(Some("a"))),
            ("s=2.a; s.1=b", Ok(Some("ab"))),
            ("s.1=b; s=2.a", Ok(Some("ab"))),
            ("s=1.a; s.1=b", Ok(Some("a"))),
            ("s=2.a", Ok(None)),
            ("s=a", Ok(None)),
            ("s=0.a", Ok(None)),
            ("s=5.a; s.1=a; s.2=a; s.3=a; s.4=a", Ok(None)),
            ("s=99999999999999999999.a", Ok(None)),
            ("s=1.a; s=1.b", Err(Tossed)),
            ("s=1.a; s=1.a", Err(Tossed)),
            ("s=2.a; s.1=b; s.1=c", Err(Tossed)),
            ("S=1.a", Ok(None)),
        ] {
            let found = jar.find(&fields(cookies));
            assert_eq!(found, expect.map(|one| one.map(str::to_owned)), "{cookies}");
        }
    }
}
