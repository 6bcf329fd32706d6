//! A limit of requests under way that finds its own height: it follows how long answers take against
//! how long they take when nobody queues. Pure: time and observations enter as values.

use std::time::Duration;

use yumen_model::AdaptiveLimit;
use yumen_model::report::Report;

/// What is observed is judged together for at least so long.
const WINDOW_MIN: Duration = Duration::from_millis(100);
/// And for so many answers, unless they are long in coming.
const ANSWERS_MIN: u64 = 20;
/// But at most for so many times the shortest window.
const WINDOW_TIMES_MAX: u32 = 20;
/// After so long it is looked again how long answers take when nobody queues.
const LOOK_DOWN_EVERY: Duration = Duration::from_secs(30);
/// The part of the limit that is left for that look. If answers come that much sooner, there was a
/// queue, and perhaps there still is: then it is looked further down.
const LOOK_DOWN: f64 = 0.5;
const SOONER: f64 = 0.8;
/// How much of what a window says is followed at once.
const FOLLOWED: f64 = 0.4;
/// What is left of the limit after a window in which the service failed under its load.
const AFTER_OVERLOAD: f64 = 0.8;
/// The share of answers in a window that must say so.
const OVERLOADED_SHARE: f64 = 0.05;
/// How much of what a look at the usual time says is believed, and what a window says that was no
/// such look.
const LOOK_BELIEVED: f64 = 0.5;
const WINDOW_BELIEVED: f64 = 0.1;

/// Between which bounds the limit moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) min: u32,
    pub(crate) max: u32,
    initial: u32,
    /// How many times longer than without a queue answers may take.
    tolerance: f64,
}

/// The limit of one service.
#[derive(Debug, Default)]
pub(crate) struct Adaptive {
    /// 0 before the first request.
    limit: f64,
    window: Window,
    /// The time of an answer when nobody queues, in seconds; 0 if that is not known.
    usual: f64,
    stage: Stage,
    /// When it was last found out how long answers take when nobody queues.
    looked: Option<Duration>,
}

/// What was observed since the last judgement.
#[derive(Debug, Default, Clone, Copy)]
struct Window {
    began: Duration,
    answers: u64,
    seconds: f64,
    overloaded: u64,
    /// The most that were under way.
    most: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Stage {
    #[default]
    Usual,
    /// Fewer are let through, and those from before end.
    Falling { from: From, since: Duration },
    /// Fewer are let through, and how long they take is what it takes when nobody queues.
    Low { from: From },
}

/// What it was before a look down.
#[derive(Debug, Clone, Copy, PartialEq)]
struct From {
    limit: f64,
    mean: f64,
}

/// How one request fared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observed {
    /// Until the head of its answer; `None` if that says nothing.
    pub(crate) took: Option<Duration>,
    /// The service said, or showed, that it has too much to do.
    pub(crate) overloaded: bool,
    /// How many were under way.
    pub(crate) under_way: u32,
}

impl Bounds {
    /// Compiles the settings; problems go into the report with paths below `at`.
    pub(crate) fn compile(limit: &AdaptiveLimit, at: &str, report: &mut Report) -> Self {
        let AdaptiveLimit { min, max, initial, tolerance } = *limit;
        if min == 0 || min > max {
            report
                .error(format!("{at}.min"), format!("{min} is not between 1 and `max`, {max}"))
                .hint("with too low a limit nothing is found out; 4 is usual");
        }
        if initial < min || initial > max {
            report
                .error(
                    format!("{at}.initial"),
                    format!("{initial} is not between `min`, {min}, and `max`, {max}"),
                )
                .hint("the limit begins with it, and moves between the two");
        }
        if !(1.1..=10.0).contains(&tolerance) {
            report
                .error(format!("{at}.tolerance"), format!("{tolerance} is not between 1.1 and 10"))
                .hint("with 1.5, answers may take half as long again as without a queue");
        }
        Self { min, max, initial, tolerance }
    }

    /// A limit that was found, maybe within other bounds; 0 if there is none yet.
    pub(crate) fn within(&self, limit: u32) -> u32 {
        if limit == 0 { self.initial } else { limit.max(self.min).min(self.max) }
    }
}

impl Adaptive {
    /// How many may be under way now.
    pub(crate) fn limit(&self, bounds: &Bounds) -> u32 {
        let limit = if self.limit > 0.0 { self.limit } else { f64::from(bounds.initial) };
        whole(limit.clamp(f64::from(bounds.min), f64::from(bounds.max)))
    }

    /// Takes in how a request fared. Times are from any fixed moment.
    pub(crate) fn note(&mut self, bounds: &Bounds, observed: Observed, now: Duration) {
        let window = &mut self.window;
        window.most = window.most.max(observed.under_way);
        window.overloaded += u64::from(observed.overloaded);
        if let Some(took) = observed.took {
            window.answers += 1;
            window.seconds += took.as_secs_f64();
        }
        let passed = now.saturating_sub(window.began);
        let seen = window.answers + window.overloaded;
        let enough = seen >= ANSWERS_MIN || passed >= WINDOW_MIN * WINDOW_TIMES_MAX;
        if passed < WINDOW_MIN || !enough || seen == 0 {
            return;
        }
        let window =
            std::mem::replace(&mut self.window, Window { began: now, ..Window::default() });
        self.judge(bounds, &window, now);
    }

    fn judge(&mut self, bounds: &Bounds, window: &Window, now: Duration) {
        let (min, max) = (f64::from(bounds.min), f64::from(bounds.max));
        if self.limit <= 0.0 {
            self.limit = f64::from(bounds.initial);
        }
        self.limit = self.limit.clamp(min, max);
        let all = (window.answers + window.overloaded) as f64;
        if window.overloaded as f64 > all * OVERLOADED_SHARE {
            self.limit = (self.limit * AFTER_OVERLOAD).max(min);
            return;
        }
        if window.answers == 0 {
            return;
        }
        let mean = window.seconds / window.answers as f64;
        match self.stage {
            Stage::Falling { from, since } => {
                if now.saturating_sub(since).as_secs_f64() >= from.mean {
                    self.stage = Stage::Low { from };
                }
            }
            Stage::Low { from } => {
                self.believe(mean, LOOK_BELIEVED);
                if mean < from.mean * SOONER && self.limit > min {
                    self.usual = self.usual.min(mean);
                    self.look_down(min, mean, now);
                } else {
                    self.stage = Stage::Usual;
                    self.looked = Some(now);
                    self.limit = from.limit;
                }
            }
            Stage::Usual => self.follow(bounds, window, mean, now),
        }
    }

    fn follow(&mut self, bounds: &Bounds, window: &Window, mean: f64, now: Duration) {
        let (min, max) = (f64::from(bounds.min), f64::from(bounds.max));
        let most = f64::from(window.most);
        let unused = most < self.limit * LOOK_DOWN;
        // What so few have to wait for is no queue: the service itself has become slower.
        if unused || most <= min || mean < self.usual || self.usual <= 0.0 {
            self.believe(mean, WINDOW_BELIEVED);
        }
        if unused {
            self.looked = Some(now);
            return;
        }
        let due = self.looked.is_none_or(|then| now.saturating_sub(then) >= LOOK_DOWN_EVERY);
        // A burst that fits is let through; only who is at the limit is looked at closely.
        if due && self.limit > min && most + 1.0 >= self.limit.round() {
            self.look_down(min, mean, now);
            return;
        }
        let gradient = (bounds.tolerance * self.usual / mean.max(f64::EPSILON)).clamp(0.5, 1.0);
        let wanted = self.limit * gradient + self.limit.sqrt();
        let next = self.limit + (wanted - self.limit) * FOLLOWED;
        self.limit = next.clamp(min, max);
    }

    fn look_down(&mut self, min: f64, mean: f64, now: Duration) {
        self.stage = Stage::Falling { from: From { limit: self.limit, mean }, since: now };
        self.limit = (self.limit * LOOK_DOWN).max(min);
    }

    fn believe(&mut self, mean: f64, share: f64) {
        self.usual =
            if self.usual <= 0.0 { mean } else { self.usual + (mean - self.usual) * share };
    }
}

/// The nearest whole number; what is here is between 1 and the largest there is.
fn whole(limit: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped")]
    let whole = limit.round() as u32;
    whole.max(1)
}

#[cfg(test)]
mod tests;
