//! The long work of a reload, done while requests are served: on threads that take only what time
//! the others leave. Nothing that must be done is left to them alone: they may never get any.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use yumen_model::document::Source;

use crate::config::{Compiled, compile as compile_here};

/// How long compiling aside may take, twice what it takes on a machine that has time for it; then it
/// is done again, like any other work.
const PATIENCE: Duration = Duration::from_millis(100);
const PATIENCE_PER_BYTE: Duration = Duration::from_nanos(250);

/// Reads and compiles sources without slowing requests down.
pub(crate) fn compile(sources: &Arc<Vec<Source>>, revision: u64) -> Compiled {
    let (sender, compiled) = sync_channel(1);
    let taken = Arc::clone(sources);
    // Nobody waits any more if it took too long.
    let aside = start(move || drop(sender.send(compile_here(&taken, revision))));
    let patience = if aside.is_ok() { patience(sources) } else { Duration::ZERO };
    compiled.recv_timeout(patience).unwrap_or_else(|_late| compile_here(sources, revision))
}

fn patience(sources: &[Source]) -> Duration {
    let bytes: usize = sources.iter().map(|source| source.text.len()).sum();
    PATIENCE + PATIENCE_PER_BYTE.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX))
}

/// Takes apart what nobody needs any more.
pub(crate) fn let_go<T: Send + 'static>(gone: T) {
    drop(start(move || drop(gone)));
}

fn start(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("aside".to_owned()).spawn(move || {
        give_way();
        work();
    })
}

/// Every other thread goes before this one, at once. A merely nicer thread would keep its core for
/// some milliseconds after a request has come.
#[cfg(target_os = "linux")]
fn give_way() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    // Where that is not allowed, compiling costs requests some time.
    let _refused = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    // Whoever came while this thread was still like the others goes now, not at the next tick.
    thread::yield_now();
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_aside_is_what_is_compiled_here() {
        for (text, good) in
            [("listeners: [{name: a, address: 127.0.0.1:80}]", true), ("x: 1", false)]
        {
            let source = Source { name: "a.yaml".to_owned(), text: text.to_owned() };
            let sources = Arc::new(vec![source]);
            let (aside, here) = (compile(&sources, 7), compile_here(&sources, 7));
            assert_eq!((aside.plan.is_some(), here.plan.is_some()), (good, good), "{text}");
            assert_eq!(
                aside.report.render(&aside.document).to_string(),
                here.report.render(&here.document).to_string()
            );
        }
    }
}
