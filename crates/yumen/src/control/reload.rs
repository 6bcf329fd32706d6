//! A configuration is read again: when its files or what it refers to have changed, or somebody asks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use yumen_directory::Count;
use yumen_listen::Bound;
use yumen_model::report::{Report, Severity};
use yumen_plan::Plan;

use super::{Control, Fresh};
use crate::config::{Compiled, Look, look_again, read_consumers};
use crate::logs::logs;
use crate::ready::Ready;
use crate::say;

impl Control {
    /// Reloads if the files changed, once they have stopped changing.
    pub(super) fn look(&mut self, seen: &mut Look) {
        let look = || (self.place.origin.look(), look_again(&self.referenced));
        let now = look();
        let changed = now.0 != *seen || now.1 != self.referenced;
        if changed && look() == now {
            (*seen, self.referenced) = now;
            self.reload();
        } else if self.place.secrets.have_changed() {
            self.reload();
        } else if self.place.consumers.have_changed() {
            self.read_consumers();
        }
    }

    pub(super) fn count_consumers(&self) {
        let Count { consumers, credentials } = self.place.consumers.count();
        let is_known = |name: &str| self.place.consumers.has(name);
        self.equipment.registry.known(consumers, credentials, is_known);
    }

    /// Takes up what is new in files of consumers. What is wrong changes nothing.
    fn read_consumers(&mut self) {
        /// How long reading may take aside, for any file and for each byte: whoever is no longer let in is
        /// not to wait for it.
        const PATIENCE: Duration = Duration::from_millis(300);
        const PATIENCE_PER_BYTE: Duration = Duration::from_nanos(20);
        let plan = self.equipment.present.plan();
        let bytes = u32::try_from(self.place.consumers.try_again()).unwrap_or(u32::MAX);
        let patience = PATIENCE + PATIENCE_PER_BYTE.saturating_mul(bytes);
        let (origin, known) = (self.place.origin.clone(), Arc::clone(&self.place.consumers));
        let read = move || read_consumers(&origin, &known, &plan);
        let (reading, report) = self.aside.work(patience, read);
        let (fresh, gone) = reading.size();
        let taken_up = match report.has_errors() {
            true => Err(report.to_string()),
            false => self.place.consumers.take_up(reading),
        };
        match taken_up {
            Ok(()) => {
                self.count_consumers();
                say::say(format_args!("consumers: {fresh} are new or different, {gone} are gone"));
            }
            Err(problem) => {
                self.equipment.registry.config_failed(Instant::now());
                say::tell(format_args!("yumen: consumers refused:\n{}\n", problem.trim_end()));
            }
        }
    }

    /// Reads the files again. What is wrong changes nothing.
    pub(super) fn reload(&mut self) {
        self.place.notify.reloading();
        let before = self.revision;
        self.take_in();
        let refused = if self.revision == before { "; a newer one was refused" } else { "" };
        self.place.notify.ready(&format!("{}{refused}", self.serving()));
    }

    fn take_in(&mut self) {
        let sources = match self.place.origin.read() {
            Ok(sources) => Arc::new(sources),
            Err(problem) => return self.refuse(&problem, "it cannot be read".to_owned()),
        };
        let revision = self.revision + 1;
        let petition = Arc::new(self.place.secrets.petition());
        // Vault may be slow: that is no reason to seem dead.
        let live = || self.place.notify.live(Instant::now(), || self.workers.turns());
        petition.gather(&sources, live);
        let compiled = self.aside.compile(&sources, &self.place.consumers, &petition, revision);
        let Compiled { model, plan, report, document, referenced, consumers } = compiled;
        // Also of a configuration that is refused: it may be the file that is wrong.
        self.referenced = referenced;
        self.place.secrets.follow(&petition);
        let Some(Ready { plan, counted, expiry, written }) = plan else {
            let text = report.render(&document).to_string();
            return self.refuse(text.trim_end(), in_short(&report));
        };
        let (fresh, status) = match self.bind_all(&plan) {
            Ok(bound) => bound,
            Err(problem) => {
                return self.refuse(&problem, "an address cannot be listened on".to_owned());
            }
        };
        if let Err(error) = self.log.configure(&logs(&plan)) {
            return self.refuse(&error.to_string(), "its access log cannot be opened".to_owned());
        }
        // Before the swap: whoever is new in it is known by then.
        if let Some(Err(problem)) = consumers.map(|known| self.place.consumers.take_up(known)) {
            return self.refuse(&problem, "its consumers are not clear".to_owned());
        }
        self.count_consumers();
        say::tell(report.render(&document));
        self.revision = revision;
        // Before the swap: workers that take the new plan up ask the registry for its cells.
        self.place.alerts.applied(revision);
        let registry = &self.equipment.registry;
        registry.config_applied(revision, counted, SystemTime::now(), Instant::now());
        self.expect_ends(expiry);
        self.take_up(Arc::new(plan), fresh, status);
        self.keep(&written);
        say::say(format_args!("configuration {} is live", self.revision));
        self.aside.let_go((model, document, written));
    }

    /// The one before stays in force. `why` is for those who are told of it elsewhere.
    fn refuse(&mut self, text: &str, why: String) {
        self.equipment.registry.config_failed(Instant::now());
        self.place.alerts.refused(why);
        say::tell(format_args!("yumen: configuration refused:\n{text}\n"));
    }

    /// Makes a plan the present one.
    fn take_up(&mut self, plan: Arc<Plan>, fresh: HashMap<String, Fresh>, status: Option<Bound>) {
        self.equipment.names.ask(plan.servers.clone());
        let old_names = std::mem::take(&mut self.watched);
        self.watch_names(&plan);
        drop(old_names);
        self.retired.push(self.equipment.present.swap(Arc::clone(&plan)));
        if let Err(problem) = self.place.traces.follow(plan.tracing.as_ref()) {
            say::say(problem);
        }
        if let Err(problem) = self.place.certificates.follow(plan.acme.as_ref()) {
            say::say(problem);
        }
        if let Err(problem) = self.place.alerts.follow(&plan.alerts, &self.equipment.registry) {
            say::say(problem);
        }
        self.close(&plan);
        self.open(&plan, fresh);
        if let Err(problem) = self.open_status(&plan, status) {
            say::say(problem);
        }
    }
}

/// How many errors a report has, and where the first one is: what they say may hold values.
fn in_short(report: &Report) -> String {
    let errors = report.problems().iter().filter(|one| one.severity == Severity::Error);
    let count = errors.clone().count();
    let first = errors.map(|one| one.path.as_str()).find(|path| !path.is_empty());
    let first = first.map(|path| format!(", the first at {path}")).unwrap_or_default();
    format!("{count} {}{first}", if count == 1 { "error" } else { "errors" })
}
