//! Long work that is done while requests are served, of a reload and of a scrape: on a thread that takes
//! only what time the others leave. Nothing that must be done is left to it alone: it may never get any.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::oneshot;
use yumen_model::document::Source;

use crate::config::{Compiled, WrongLines, compile};
use crate::consumers::Consumers;
use crate::ready::Ready;
use crate::secrets::Petition;

/// How long compiling aside may take, some ten times what it takes on a machine that has time for
/// it; then it is done again, like any other work, which requests feel.
const PATIENCE: Duration = Duration::from_millis(500);
const PATIENCE_PER_BYTE: Duration = Duration::from_micros(1);
/// How long somebody who asks for the metrics may wait for that; a scrape usually has ten seconds.
const SCRAPE_PATIENCE: Duration = Duration::from_secs(3);
/// How much work may wait for its turn.
const WAITING_MAX: usize = 16;

type Work = Box<dyn FnOnce() + Send>;

/// A thread that works aside, one thing after the other. It stays, so that it finds the memory of
/// what it did before for what comes next.
#[derive(Debug)]
pub(crate) struct Aside {
    work: SyncSender<Work>,
}

impl Aside {
    /// Starts the thread of this name, which ends when this is dropped.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let (sender, work) = sync_channel(WAITING_MAX);
        thread::Builder::new().name(name.to_owned()).spawn(move || serve(&work))?;
        Ok(Self { work: sender })
    }

    /// Reads and compiles sources without slowing requests down.
    pub(crate) fn compile(
        &self,
        sources: &Arc<Vec<Source>>,
        consumers: &Arc<Consumers>,
        petition: &Arc<Petition>,
        revision: u64,
    ) -> Compiled<Ready> {
        let (taken, known) = (Arc::clone(sources), Arc::clone(consumers));
        let asked = Arc::clone(petition);
        self.work(patience(sources), move || compile_here(&taken, &known, &asked, revision))
    }

    /// Does some work without slowing requests down, or here if that takes longer than this.
    pub(crate) fn work<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl Fn() -> T + Clone + Send + 'static,
    ) -> T {
        let (sender, done) = sync_channel(1);
        let taken = work.clone();
        // Nobody waits any more if it took too long.
        let aside = self.work.try_send(Box::new(move || drop(sender.send(taken()))));
        let patience = if aside.is_ok() { patience } else { Duration::ZERO };
        done.recv_timeout(patience).unwrap_or_else(|_late| work())
    }

    /// Makes a page for somebody who has asked, without slowing requests down; if that takes too long,
    /// it is made here.
    pub(crate) async fn render<T: Send + 'static>(
        &self,
        page: impl FnOnce() -> T + Send + 'static,
        here: impl FnOnce() -> T,
    ) -> T {
        let (sender, rendered) = oneshot::channel();
        let work = move || {
            // Nobody waits any more if its turn came too late.
            if !sender.is_closed() {
                drop(sender.send(page()));
            }
        };
        match self.work.try_send(Box::new(work)) {
            Ok(()) => match tokio::time::timeout(SCRAPE_PATIENCE, rendered).await {
                Ok(Ok(rendered)) => rendered,
                Ok(Err(_)) | Err(_) => here(),
            },
            Err(_full) => here(),
        }
    }

    /// Takes apart what nobody needs any more; here, if too much waits already.
    pub(crate) fn let_go<T: Send + 'static>(&self, gone: T) {
        drop(self.work.try_send(Box::new(move || drop(gone))));
    }
}

fn serve(work: &Receiver<Work>) {
    give_way();
    for work in work {
        work();
    }
}

fn compile_here(
    sources: &[Source],
    consumers: &Consumers,
    petition: &Petition,
    revision: u64,
) -> Compiled<Ready> {
    compile(sources, (consumers, WrongLines::Refuse), petition, revision)
        .map(|plan| Ready::new(plan, sources, petition))
}

fn patience(sources: &[Source]) -> Duration {
    let bytes: usize = sources.iter().map(|source| source.text.len()).sum();
    PATIENCE + PATIENCE_PER_BYTE.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX))
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
    use crate::secrets::Secrets;

    fn nothing() -> Arc<Petition> {
        Arc::new(Arc::<Secrets>::default().petition())
    }

    #[test]
    fn work_that_nobody_has_time_for_is_done_here() {
        let (sender, _never_taken) = sync_channel(0);
        let aside = Aside { work: sender };
        let text = "listeners: [{name: a, address: 127.0.0.1:80}]".to_owned();
        let source = Source { name: "a.yaml".to_owned(), text };
        let (nobody, nothing) = (Arc::default(), nothing());
        assert!(aside.compile(&Arc::new(vec![source]), &nobody, &nothing, 7).plan.is_some());
        let gone = Arc::new(());
        aside.let_go(Arc::clone(&gone));
        assert_eq!(Arc::strong_count(&gone), 1);
    }

    #[test]
    fn a_page_is_made_aside_or_else_here() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let name = || thread::current().name().map(str::to_owned);
        let thread = Aside::start("beside").unwrap();
        assert_eq!(runtime.block_on(thread.render(name, name)).as_deref(), Some("beside"));
        let (sender, _never_taken) = sync_channel(0);
        let full = Aside { work: sender };
        assert_eq!(runtime.block_on(full.render(name, name)), name());
        // Nobody comes to it in time.
        let (sender, waiting) = sync_channel(1);
        let slow = Aside { work: sender };
        assert_eq!(runtime.block_on(slow.render(name, name)), name());
        // And then nobody wants it any more.
        waiting.recv().unwrap()();
    }

    #[test]
    fn what_is_compiled_aside_is_what_is_compiled_here() {
        let thread = Aside::start("aside").unwrap();
        for (text, good) in
            [("listeners: [{name: a, address: 127.0.0.1:80}]", true), ("x: 1", false)]
        {
            let source = Source { name: "a.yaml".to_owned(), text: text.to_owned() };
            let sources = Arc::new(vec![source]);
            let (nobody, nothing) = (Arc::default(), nothing());
            let aside = thread.compile(&sources, &nobody, &nothing, 7);
            let here = compile_here(&sources, &nobody, &nothing, 7);
            assert_eq!((aside.plan.is_some(), here.plan.is_some()), (good, good), "{text}");
            assert_eq!(
                aside.report.render(&aside.document).to_string(),
                here.report.render(&here.document).to_string()
            );
        }
    }
}
