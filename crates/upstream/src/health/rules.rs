//! By which rules endpoints are judged: the model's settings in the judge's measures.

use yumen_model::report::Report;
use yumen_model::{Health, Protocol, Span};

use super::probe::{Checks, Targets, check_active};

/// The settings of one upstream, with times in milliseconds. What is 0 is off.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(super) failures: u64,
    pub(super) errors: u64,
    pub(super) error_rate_percent: u64,
    pub(super) latency_factor: u64,
    pub(super) window: u64,
    pub(super) requests_min: u64,
    pub(super) silence: u64,
    pub(super) ejection: u64,
    pub(super) ejection_max: u64,
    pub(super) ejected_percent_max: u64,
    pub(super) panic_below_percent: u64,
    pub(super) slow_start: u64,
    pub(super) active: Option<Checks>,
}

impl Rules {
    pub(crate) fn compile(health: &Health, slow_start: Span, protocol: Protocol) -> Self {
        let passive = &health.passive;
        Self {
            failures: passive.failures.into(),
            errors: passive.errors.into(),
            error_rate_percent: passive.error_rate_percent.into(),
            latency_factor: passive.latency_factor.into(),
            window: millis(passive.window),
            requests_min: passive.requests_min.into(),
            silence: millis(passive.silence),
            ejection: millis(passive.ejection),
            ejection_max: millis(passive.ejection_max).max(millis(passive.ejection)),
            ejected_percent_max: passive.ejected_percent_max.into(),
            panic_below_percent: health.panic_below_percent.into(),
            slow_start: millis(slow_start),
            active: health.active.as_ref().and_then(|active| Checks::compile(active, protocol)),
        }
    }

    /// How many of so many endpoints may be ejected at one time: the nearest whole number to the
    /// share, at least one, and never all.
    pub(super) fn ejected_max(&self, endpoints: usize) -> usize {
        if self.ejected_percent_max == 0 {
            return 0;
        }
        let all = u64::try_from(endpoints).unwrap_or(u64::MAX);
        let share = (all.saturating_mul(self.ejected_percent_max).saturating_add(50) / 100).max(1);
        usize::try_from(share).unwrap_or(usize::MAX).min(endpoints.saturating_sub(1))
    }

    /// Whether endpoints are probed.
    pub(crate) fn are_active(&self) -> bool {
        self.active.is_some()
    }

    /// Whether an endpoint gets requests before it was probed.
    pub(super) fn are_trusting(&self) -> bool {
        self.active.as_ref().is_none_or(|checks| !checks.initially_unhealthy)
    }

    /// Whether all are used when none can be.
    pub(super) fn panics(&self) -> bool {
        self.panic_below_percent > 0
    }

    /// Whether so few of all endpoints can be used that all of them are.
    pub(super) fn is_panic(&self, usable: usize, endpoints: usize) -> bool {
        let percent = usable.saturating_mul(100) / endpoints.max(1);
        u64::try_from(percent).unwrap_or(u64::MAX) < self.panic_below_percent
    }
}

pub(super) fn millis(span: Span) -> u64 {
    span.get().map_or(0, |span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// Checks what a config says of health.
pub(crate) fn check(health: &Health, targets: Targets, at: &str, report: &mut Report) {
    if let Some(active) = &health.active {
        check_active(active, targets, &format!("{at}.active"), report);
    }
    let passive = &health.passive;
    for (key, percent) in [
        ("panic_below_percent", health.panic_below_percent),
        ("passive.error_rate_percent", passive.error_rate_percent),
        ("passive.ejected_percent_max", passive.ejected_percent_max),
    ] {
        if percent > 100 {
            report
                .error(format!("{at}.{key}"), format!("{percent} percent is more than all"))
                .hint("write 100 or less");
        }
    }
    if passive.latency_factor == 1 {
        report
            .error(format!("{at}.passive.latency_factor"), "somebody is always above the median")
            .hint("write 2 or more, or 0 for off");
    }
    if passive.ejection.get().is_none() {
        report
            .error(format!("{at}.passive.ejection"), "an ejection lasts for some time")
            .hint("to eject nobody, set `ejected_percent_max: 0`");
    }
    if passive.ejection_max.get().is_some_and(|max| Some(max) < passive.ejection.get()) {
        report
            .error(format!("{at}.passive.ejection_max"), "it is less than `ejection`")
            .hint("an ejection begins with `ejection` and doubles up to `ejection_max`");
    }
    let windowed = passive.error_rate_percent > 0 || passive.latency_factor > 0;
    if windowed && passive.window.get().is_none() {
        report
            .error(format!("{at}.passive.window"), "rate and latency are taken over some time")
            .hint("write a time such as `10s`");
    }
}
