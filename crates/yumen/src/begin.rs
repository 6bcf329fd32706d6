//! What a process begins with: what the files say, or the last good configuration; and what it does
//! while Vault cannot be asked.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use yumen_model::document::Source;

use crate::config::{Compiled, Look, Origin, WrongLines, compile};
use crate::consumers::Consumers;
use crate::last_good::{Kept, LastGood};
use crate::ready::Ready;
use crate::say;
use crate::secrets::{Opened, Petition, Secrets};

/// How long a start waits for a Vault that is away. A hand-over waits for a minute.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait before it is asked again.
const PAUSE: Duration = Duration::from_secs(2);

/// Where to look for a configuration, and for whom it is.
#[derive(Debug)]
pub(crate) struct Begin<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) last_good: Option<&'a LastGood>,
    pub(crate) consumers: &'a Consumers,
    pub(crate) secrets: &'a Arc<Secrets>,
    /// Those that may stop the process while it waits.
    pub(crate) signals: &'a Receiver<i32>,
}

impl Begin<'_> {
    /// What to begin with: what the files say, or, if they have errors, the last good configuration
    /// (then the last part is true).
    ///
    /// # Errors
    /// In words for the operator; nothing serves then.
    pub(crate) fn first(&self) -> Result<(Ready, Look, bool), String> {
        let ends = Instant::now() + PATIENCE;
        let kept = self.last_good.and_then(LastGood::read);
        let copies = kept.as_ref().map(|kept| self.secrets.open(&kept.sealed)).unwrap_or_default();
        let mut seen = Look::new();
        let problem = match self.origin.read() {
            Ok(sources) => {
                let asked = self.compile(&sources, WrongLines::Refuse, &copies, ends);
                let (compiled, petition) = asked?;
                self.secrets.follow(&petition);
                let Compiled { plan, report, document, referenced, consumers: known, .. } =
                    compiled;
                say::tell(report.render(&document));
                match plan.zip(known).map(|(plan, known)| (plan, self.consumers.take_up(known))) {
                    Some((plan, Ok(()))) => {
                        return Ok((Ready::new(plan, &sources, &petition), referenced, false));
                    }
                    Some((_, Err(problem))) => {
                        say::say(problem);
                        seen = referenced;
                        format!("the consumers of {} are not clear", self.origin.name())
                    }
                    None => {
                        seen = referenced;
                        format!("the configuration in {} has errors", self.origin.name())
                    }
                }
            }
            Err(problem) => problem,
        };
        let Some(last_good) = self.last_good else { return Err(problem) };
        let Some(Kept { sources: kept, .. }) = kept else {
            return Err(format!("{problem}; mend it and start again"));
        };
        let asked = self.compile(&kept, WrongLines::LeaveOut, &copies, ends);
        let (compiled, petition) = asked?;
        let Some((plan, known)) = compiled.plan.zip(compiled.consumers) else {
            return Err(format!(
                "{problem}, and the last good one in {} cannot be used either",
                last_good.path().display()
            ));
        };
        // Whoever is not known is not let in: that is no reason not to serve the others.
        if let Err(unclear) = self.consumers.take_up(known) {
            say::say(format_args!("{unclear}\nno consumer is known until that is mended"));
        }
        say::say(format_args!("{problem}"));
        say::say(format_args!(
            "starting with the last good configuration from {} instead; mend the file and it is taken up",
            last_good.path().display()
        ));
        Ok((Ready::new(plan, &kept, &petition), seen, true))
    }

    /// Compiles sources. If Vault is away, takes copies of its values where there are some, or waits for
    /// it until then.
    ///
    /// # Errors
    /// If the process is told to stop meanwhile.
    fn compile(
        &self,
        sources: &[Source],
        wrong_lines: WrongLines,
        copies: &Opened,
        ends: Instant,
    ) -> Result<(Compiled, Petition), String> {
        let compile =
            |petition: &Petition| compile(sources, (self.consumers, wrong_lines), petition, 1);
        let mut told = false;
        loop {
            let mut petition = self.secrets.petition();
            let mut compiled = compile(&petition);
            let Some(why) = petition.away() else { return Ok((compiled, petition)) };
            if !copies.is_empty() {
                petition = petition.with_copies(copies.clone());
                compiled = compile(&petition);
                if petition.away().is_none() {
                    say::say(format_args!(
                        "{why}; starting with the values of secrets that were kept sealed"
                    ));
                    return Ok((compiled, petition));
                }
            }
            if Instant::now() >= ends {
                return Ok((compiled, petition));
            }
            if !told {
                let seconds = PATIENCE.as_secs();
                say::say(format_args!("{why}; waiting for Vault, {seconds} s at most"));
                told = true;
            }
            pause(self.signals)?;
        }
    }
}

/// Waits a moment, unless the process is told to stop.
fn pause(signals: &Receiver<i32>) -> Result<(), String> {
    let ends = Instant::now() + PAUSE;
    loop {
        match signals.recv_timeout(ends.saturating_duration_since(Instant::now())) {
            Ok(SIGTERM | SIGINT) => return Err("stopped while waiting for Vault".to_owned()),
            // There is nothing to be read again, handed over or opened anew yet.
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => {
                return Err("signals cannot be received any more".to_owned());
            }
        }
    }
}
