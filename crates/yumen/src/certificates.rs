//! Certificates from an authority: the thread that gets them, and where listeners find them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use yumen_acme::{Challenge, Duty, Settings, Shown, Steward, Tally, recall};
use yumen_listen::Tokens;
use yumen_model::AcmeChallenge;
use yumen_observe::AcmeFigures;
use yumen_plan::AcmePlan;
use yumen_tls::Shelf;

use crate::say;

/// How long the end of the process waits for an order that is under way to be let go.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(5);

/// What listeners show.
#[derive(Debug, Default)]
pub(crate) struct Showcase {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) tokens: Arc<Tokens>,
    /// From when until when each certificate is good, in seconds since 1970.
    lives: Mutex<Vec<(String, u64, u64)>>,
    tally: Mutex<Option<Arc<Mutex<Tally>>>>,
}

impl Showcase {
    fn show(&self, shown: Shown) {
        let Shown { certificates, tokens, challenges } = shown;
        let lives = certificates.iter().map(|(name, one)| {
            let facts = one.facts();
            (name.clone(), facts.begins, facts.expires)
        });
        *locked(&self.lives) = lives.collect();
        self.shelf.put(certificates, challenges);
        self.tokens.put(tokens);
    }

    /// What is counted; nothing if no authority was ever asked.
    pub(crate) fn figures(&self) -> Option<AcmeFigures> {
        let tally = locked(locked(&self.tally).as_ref()?).clone();
        let Tally { good, failed, unreached, .. } = tally;
        let expiries = self.lives().into_iter().map(|(name, _, until)| (name, until)).collect();
        Some(AcmeFigures { good, failed, unreached, expiries })
    }

    /// From when until when the certificate for each name is good, in seconds since 1970.
    pub(crate) fn lives(&self) -> Vec<(String, u64, u64)> {
        locked(&self.lives).clone()
    }

    /// The names whose certificate is due and does not come, and why.
    pub(crate) fn failing(&self) -> Vec<(String, String)> {
        let tally = locked(&self.tally).clone();
        tally.map(|tally| locked(&tally).failing.clone()).unwrap_or_default()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that gets certificates; there is none until it is needed.
#[derive(Debug)]
pub(crate) struct Certificates {
    state: PathBuf,
    pub(crate) showcase: Arc<Showcase>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    duty: watch::Sender<Duty>,
    thread: JoinHandle<()>,
    settings: Option<Arc<Settings>>,
}

impl Certificates {
    /// Nothing yet; things will be kept below this folder.
    pub(crate) fn new(state: PathBuf) -> Self {
        Self { state, showcase: Arc::default(), running: None }
    }

    /// Does what a plan asks for from now on. What is kept is shown at once; an order that is under
    /// way goes on.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn follow(&mut self, plan: Option<&AcmePlan>) -> Result<(), String> {
        let settings = plan.map(|plan| Arc::new(settings(plan)));
        let Some(settings) = settings else {
            if let Some(running) = &mut self.running {
                running.settings = None;
                running.duty.send_replace(Duty::Rest);
                self.showcase.show(Shown::default());
            }
            return Ok(());
        };
        if self.running.as_ref().is_some_and(|running| running.settings.as_ref() == Some(&settings))
        {
            return Ok(());
        }
        let shown = recall(&self.state, &settings);
        for name in &settings.names {
            if !shown.certificates.iter().any(|(known, _)| known == name) {
                say::say(format_args!("there is no certificate for {name} yet"));
            }
        }
        self.showcase.show(shown);
        let running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        running.duty.send_replace(Duty::See(Arc::clone(&settings)));
        self.running = Some(Running { settings: Some(settings), ..running });
        Ok(())
    }

    fn start(&self) -> Result<Running, String> {
        let explain = |error: std::io::Error| format!("cannot start the steward: {error}");
        let (sender, duty) = watch::channel(Duty::Rest);
        let showcase = Arc::clone(&self.showcase);
        let show = move |shown| showcase.show(shown);
        let steward = Steward::new(self.state.clone(), duty, show, |text| say::say(text));
        *locked(&self.showcase.tally) = Some(steward.tally());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(explain)?;
        let thread = std::thread::Builder::new().name("steward".to_owned());
        let thread = thread.spawn(move || runtime.block_on(steward.run())).map_err(explain)?;
        Ok(Running { duty: sender, thread, settings: None })
    }

    /// Places no more orders; one that is under way goes on.
    pub(crate) fn finish(&self) {
        if let Some(running) = &self.running {
            running.duty.send_replace(Duty::Finish);
        }
    }

    /// Stops, and lets other processes go on with what was not done.
    pub(crate) fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.duty.send_replace(Duty::Stop);
        let ends = Instant::now() + PATIENCE;
        while !running.thread.is_finished() && Instant::now() < ends {
            std::thread::sleep(LOOK);
        }
    }
}

fn settings(plan: &AcmePlan) -> Settings {
    let challenge = |challenge: &AcmeChallenge| match challenge {
        AcmeChallenge::Http01 => Challenge::Http01,
        AcmeChallenge::TlsAlpn01 => Challenge::TlsAlpn01,
    };
    let AcmePlan { acme, names, challenges, external_key, client } = plan;
    let account = acme.external_account.as_ref();
    Settings {
        directory: acme.directory.clone(),
        contacts: acme.contact.iter().map(|mail| format!("mailto:{mail}")).collect(),
        external_account: account.map(|account| (account.id.clone(), external_key.clone())),
        client: Arc::clone(client),
        challenges: challenges.iter().map(challenge).collect(),
        names: names.clone(),
    }
}
