//! What is remembered of single exchanges, so that it can be said afterwards why they got their
//! answer: in memory, a bounded number, the oldest go first.
//!
//! A worker writes to its own [`Memory`], whose lock nobody else takes but who looks one exchange
//! up. What can be found out again from the plan is not kept.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::log::{Members, Stamp, json_line};
use crate::record::Record;

/// Exchanges that were asked for by name and that one worker keeps: a burst of failures does not
/// push them out.
const ASKED_FOR_MAX: usize = 64;
/// What one takes beside its texts.
const OVERHEAD_BYTES: usize = size_of::<Recollection>() + 64;

/// One exchange, after its end.
#[derive(Debug)]
pub struct Recollection {
    /// Its id.
    pub id: [u8; 32],
    /// The revision of the plan that it ran under.
    pub revision: u64,
    /// The listener's name.
    pub listener: Box<str>,
    /// Who asked.
    pub client: IpAddr,
    /// The head of the request without its secrets, as it would be sent over HTTP/1.1; empty if
    /// there was none that could be read.
    pub request: Box<[u8]>,
    /// Its line of the access log in JSON, without the query.
    pub line: Box<[u8]>,
    /// What its policies did, if that was watched.
    pub steps: Box<[PolicyStep]>,
    /// Whether that was watched.
    pub is_watched: bool,
    /// How the endpoints of its service stood when it ended, the first ones.
    pub stood: Box<[Stood]>,
}

/// How one endpoint stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stood {
    /// Its address.
    pub target: Arc<str>,
    /// Whether requests came to it: `open`, `rising`, `silent`, `on_trial`, `out`, or `full`.
    pub standing: &'static str,
    /// Requests of the same worker that were under way there.
    pub requests: u32,
}

/// What one policy did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyStep {
    /// Its place in the chain.
    pub place: usize,
    /// Whether it was asked about the answer, not about the request.
    pub outward: bool,
    /// How long it took.
    pub took: Duration,
    /// `passed`, `answered` or the code of the failure.
    pub decided: &'static str,
}

/// How much one worker keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Exchanges.
    pub entries: usize,
    /// Bytes.
    pub bytes: usize,
}

impl Recollection {
    /// Remembers what a record tells. The query and the referer stay out.
    #[must_use]
    pub fn new(record: &Record<'_>, request: Vec<u8>, steps: Option<Vec<PolicyStep>>) -> Self {
        let mut id = [b'0'; 32];
        if let Ok(whole) = record.request_id.try_into() {
            id = whole;
        }
        let mut line = Vec::new();
        let told = Record { query: None, referer: None, ..*record };
        json_line(&mut line, &mut Stamp::default(), &told, &Members::default());
        Self {
            id,
            revision: record.revision,
            listener: record.listener.into(),
            client: record.client.ip(),
            request: request.into(),
            line: line.into(),
            is_watched: steps.is_some(),
            steps: steps.unwrap_or_default().into(),
            stood: Box::default(),
        }
    }

    /// With how the endpoints of its service stood.
    #[must_use]
    pub fn among(self, stood: Vec<Stood>) -> Self {
        Self { stood: stood.into(), ..self }
    }

    fn size(&self) -> usize {
        let texts = self.listener.len() + self.request.len() + self.line.len();
        let lists = size_of_val(&*self.steps) + size_of_val(&*self.stood);
        OVERHEAD_BYTES + texts + lists
    }
}

/// What one worker remembers.
#[derive(Debug, Default)]
pub struct Memory {
    rings: Mutex<Rings>,
}

#[derive(Debug, Default)]
struct Rings {
    usual: Ring,
    asked_for: Ring,
}

#[derive(Debug, Default)]
struct Ring {
    kept: VecDeque<Arc<Recollection>>,
    bytes: usize,
}

impl Memory {
    /// Keeps one within this room. Those that were asked for by name have a room of their own.
    pub fn keep(&self, one: Recollection, asked_for: bool, room: Room) {
        let mut rings = self.rings();
        let (ring, room) = match asked_for {
            false => (&mut rings.usual, room),
            true => (&mut rings.asked_for, room.for_asked_for()),
        };
        // It would push out all others, and then itself.
        if one.size() > room.bytes {
            return;
        }
        ring.bytes += one.size();
        ring.kept.push_back(Arc::new(one));
        ring.fit(room);
    }

    /// Lets go of what has no room any more.
    pub fn fit(&self, room: Room) {
        let mut rings = self.rings();
        rings.usual.fit(room);
        rings.asked_for.fit(room.for_asked_for());
    }

    fn find(&self, id: &[u8]) -> Option<Arc<Recollection>> {
        let rings = self.rings();
        let mut all = rings.asked_for.kept.iter().chain(&rings.usual.kept).rev();
        all.find(|one| one.id == id).map(Arc::clone)
    }

    fn rings(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn for_asked_for(self) -> Self {
        Self { entries: self.entries.min(ASKED_FOR_MAX), ..self }
    }
}

impl Ring {
    fn fit(&mut self, room: Room) {
        while self.kept.len() > room.entries || self.bytes > room.bytes {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.size());
        }
    }
}

/// What all workers remember.
#[derive(Debug, Default)]
pub struct Memories(Mutex<Vec<Arc<Memory>>>);

impl Memories {
    /// One more worker's.
    #[must_use]
    pub fn worker(&self) -> Arc<Memory> {
        let memory = Arc::default();
        self.lock().push(Arc::clone(&memory));
        memory
    }

    /// How many workers there are.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.lock().len()
    }

    /// The exchange of this id, if it is remembered.
    #[must_use]
    pub fn find(&self, id: &[u8]) -> Option<Arc<Recollection>> {
        let memories = self.lock().clone();
        memories.iter().find_map(|memory| memory.find(id))
    }

    /// The youngest of each worker, at most so many in all.
    #[must_use]
    pub fn youngest(&self, count_max: usize) -> Vec<Arc<Recollection>> {
        let memories = self.lock().clone();
        let each = count_max.div_ceil(memories.len().max(1));
        let youngest = memories.iter().flat_map(|memory| {
            let rings = memory.rings();
            let all = rings.asked_for.kept.iter().chain(&rings.usual.kept);
            all.rev().take(each).map(Arc::clone).collect::<Vec<_>>()
        });
        youngest.take(count_max).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Memory>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(number: u32, request: &[u8]) -> Recollection {
        let id = format!("{number:032}");
        let record = Record {
            request_id: id.as_bytes(),
            query: Some(b"canary=1"),
            referer: Some(b"http://canary/"),
            ..Record::default()
        };
        Recollection::new(&record, request.to_vec(), None)
    }

    fn is_kept(memories: &Memories, number: u32) -> bool {
        memories.find(format!("{number:032}").as_bytes()).is_some()
    }

    #[test]
    fn the_oldest_go_first() {
        let memories = Memories::default();
        let memory = memories.worker();
        let room = Room { entries: 3, bytes: 1 << 20 };
        (0..10).for_each(|number| memory.keep(of(number, b""), false, room));
        memory.keep(of(100, b""), true, room);
        (10..20).for_each(|number| memory.keep(of(number, b""), false, room));
        let kept: Vec<u32> = (0..=100).filter(|number| is_kept(&memories, *number)).collect();
        assert_eq!(kept, [17, 18, 19, 100], "one that was asked for is not pushed out");
        memory.fit(Room { entries: 1, bytes: 1 << 20 });
        assert!(is_kept(&memories, 19) && !is_kept(&memories, 18));
        memory.fit(Room { entries: 0, bytes: 0 });
        assert!(memories.youngest(10).is_empty());
        assert_eq!(memory.rings().usual.bytes, 0);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let memories = Memories::default();
        let memory = memories.worker();
        let room = Room { entries: 1000, bytes: 16 << 10 };
        for number in 0..100 {
            memory.keep(of(number, &[b'x'; 2000]), false, room);
            assert!(memory.rings().usual.bytes <= room.bytes);
        }
        assert!(is_kept(&memories, 99) && !is_kept(&memories, 90));
        memory.keep(of(200, &[b'x'; 20_000]), false, room);
        assert!(!is_kept(&memories, 200), "one that is too large is not kept");
        assert!(is_kept(&memories, 99), "and pushes nothing out");
    }

    #[test]
    fn neither_query_nor_referer_is_kept() {
        let one = of(1, b"");
        assert!(!String::from_utf8_lossy(&one.line).contains("canary"));
    }
}
