//! Alerts: gathers the facts that they are about, about once a second, and hands what hooks are to be
//! told to their shippers. The control thread does it, and waits for nothing.

mod facts;
mod hook;

use std::time::{Duration, Instant, SystemTime};

use yumen_alert::Node;
use yumen_observe::Registry;
use yumen_plan::HookPlan;

use self::facts::Gathered;
pub(crate) use self::facts::Scene;
use self::hook::Hook;

/// How often everything is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// After a longer time without a look nobody turned, or the control thread did not: nothing is known.
const LOOK_LATE: Duration = Duration::from_secs(5);

/// All hooks, and what of the configuration they may be told.
#[derive(Debug)]
pub(crate) struct Alerts {
    hooks: Vec<Hook>,
    gathered: Gathered,
    node: Node,
    looked: Option<Instant>,
}

impl Alerts {
    /// Without a hook. `is_last_good`: the gateway was started with the last good configuration.
    pub(crate) fn new(is_last_good: bool) -> Self {
        let node = Node {
            name: host_name(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: 1,
        };
        let gathered = Gathered::new(is_last_good);
        Self { hooks: Vec::new(), gathered, node, looked: None }
    }

    /// Tells those hooks from now on that a plan has; what one of them was told is remembered by its
    /// name.
    ///
    /// # Errors
    /// In words for the operator, if the system gives no thread. All other hooks are told.
    pub(crate) fn follow(&mut self, plans: &[HookPlan], registry: &Registry) -> Result<(), String> {
        let mut old = std::mem::take(&mut self.hooks);
        let mut result = Ok(());
        for plan in plans {
            let known = old.iter().position(|hook| hook.name() == plan.hook.name);
            let hook = match known.map(|place| old.swap_remove(place)) {
                Some(hook) => hook.follow(plan),
                None => Hook::start(plan),
            };
            match hook {
                Ok(hook) => self.hooks.push(hook),
                Err(error) => {
                    let name = &plan.hook.name;
                    result = Err(format!("cannot start the shipper of alerts to {name}: {error}"));
                }
            }
        }
        old.iter().for_each(Hook::close);
        registry.alerts(self.hooks.iter().map(Hook::figures).collect());
        result
    }

    /// A configuration was refused: what is wrong, in a few words without secrets.
    pub(crate) fn refused(&mut self, why: String) {
        self.gathered.refused = Some(why);
    }

    /// The configuration in force is the present one.
    pub(crate) fn applied(&mut self, revision: u64) {
        self.gathered.refused = None;
        self.gathered.is_last_good = false;
        self.node.revision = revision;
    }

    /// Looks at everything, if it is time to, and tells what is to be told. Without hooks it does nothing.
    pub(crate) fn look(&mut self, scene: &Scene<'_>, now: Instant, clock: SystemTime) {
        let passed = self.looked.map(|last| now.saturating_duration_since(last));
        if self.hooks.is_empty() || passed.is_some_and(|passed| passed < LOOK) {
            return;
        }
        if passed.is_some_and(|passed| passed > LOOK_LATE) {
            self.gathered.forget_turns();
        }
        self.looked = Some(now);
        let hooks = &self.hooks;
        let wants = |kind| hooks.iter().any(|hook| hook.wants(kind));
        let facts = self.gathered.gather(scene, (now, clock), &wants);
        for hook in &mut self.hooks {
            hook.tell(&facts, &self.node, (now, clock));
        }
        scene.registry.alerts(self.hooks.iter().map(Hook::figures).collect());
    }

    /// Ends; what is under way to hooks may take so long yet, in all.
    pub(crate) fn finish(&mut self, patience: Duration) {
        let hooks = std::mem::take(&mut self.hooks);
        // All at once, and then one after the other.
        hooks.iter().for_each(|hook| hook.close_within(patience));
        hooks.iter().for_each(|hook| hook.finish(patience));
    }
}

/// The name of this host, in a container usually that of the container.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}
