//! How far a job is: what it reports, and what readers are shown.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// How far a job is. All of it may be absent while the job has not said anything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// The name of the present step.
    pub step: Option<String>,
    /// Its place, from 0.
    pub step_index: u32,
    /// How many steps the job has.
    pub step_count: u32,
    /// What is done in this step, in `unit`.
    pub done: u64,
    /// What there is to do in this step, when that is known.
    pub total: Option<u64>,
    /// What is counted: "files".
    pub unit: Option<String>,
    /// The whole job, from 0 to 1; it never falls within an attempt.
    pub fraction: f64,
    /// Smoothed, in units of this step.
    pub rate_per_second: Option<f64>,
    /// Until this step ends, at this rate.
    pub eta_seconds: Option<f64>,
    /// What it is doing now, for people.
    pub message: Option<String>,
}

/// One step of a kind of job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepPart {
    /// Its name, stable: clients show it.
    pub name: &'static str,
    /// Its share of the whole, relative to the other steps.
    pub weight: f64,
}

/// The rate looks back about this far.
const RATE_WINDOW: Duration = Duration::from_secs(10);
/// There is no rate before this much of a step has passed: it would jump.
const RATE_AFTER: Duration = Duration::from_millis(500);
/// Longer messages are cut.
const MESSAGE_CHARS: usize = 200;

/// Where a running job reports; writers never wait for readers.
#[derive(Debug)]
pub(super) struct Meter {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    steps: &'static [StepPart],
    index: Option<usize>,
    done: u64,
    total: Option<u64>,
    unit: Option<&'static str>,
    message: Option<String>,
    fraction: f64,
    step_began: Instant,
    measured_at: Instant,
    measured_done: u64,
    /// Exponentially fading sums of units and seconds; their quotient has no start-up bias.
    units: f64,
    seconds: f64,
    changed: bool,
    unwritten: Option<Unwritten>,
    written_at: Instant,
    moved_at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unwritten {
    Counts,
    Step,
}

/// What the ticker sees of a meter.
pub(super) struct Sample {
    pub progress: Progress,
    /// Whether anything was reported since the last sample.
    pub changed: bool,
    /// Whether the row should be written now.
    pub is_write_due: bool,
    /// How long ago anything was reported.
    pub still_for: Duration,
}

impl Meter {
    pub fn new(steps: &'static [StepPart]) -> Self {
        let now = Instant::now();
        let state = State {
            steps,
            index: None,
            done: 0,
            total: None,
            unit: None,
            message: None,
            fraction: 0.0,
            step_began: now,
            measured_at: now,
            measured_done: 0,
            units: 0.0,
            seconds: 0.0,
            changed: false,
            unwritten: None,
            written_at: now,
            moved_at: now,
        };
        Self {
            state: Mutex::new(state),
        }
    }

    pub fn step(&self, index: usize, total: Option<u64>) {
        let mut state = self.report(Unwritten::Step);
        let now = Instant::now();
        state.index = Some(index);
        state.done = 0;
        state.total = total;
        state.step_began = now;
        state.measured_at = now;
        state.measured_done = 0;
        state.units = 0.0;
        state.seconds = 0.0;
    }

    pub fn advance(&self, n: u64) {
        let mut state = self.report(Unwritten::Counts);
        state.done = state.done.saturating_add(n);
    }

    pub fn set_total(&self, total: Option<u64>) {
        self.report(Unwritten::Counts).total = total;
    }

    pub fn unit(&self, unit: &'static str) {
        self.report(Unwritten::Counts).unit = Some(unit);
    }

    pub fn message(&self, text: String) {
        let text = match text.char_indices().nth(MESSAGE_CHARS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        };
        self.report(Unwritten::Counts).message = Some(text);
    }

    /// Says that the job lives although no count moved.
    pub fn touch(&self) {
        self.lock().moved_at = Instant::now();
    }

    /// The present state; measures the rate since the last sample.
    pub fn sample(&self, write_every: Duration) -> Sample {
        let mut state = self.lock();
        let now = Instant::now();
        state.measure(now);
        let since_write = now.duration_since(state.written_at);
        let is_write_due = match state.unwritten {
            // A job that runs through its steps within a second is not worth a write for each.
            Some(Unwritten::Step) => since_write >= write_every.min(Duration::from_secs(1)),
            Some(Unwritten::Counts) => since_write >= write_every,
            None => false,
        };
        let changed = std::mem::take(&mut state.changed);
        let still_for = now.duration_since(state.moved_at);
        Sample {
            progress: state.progress(now),
            changed,
            is_write_due,
            still_for,
        }
    }

    /// The present state, for the row's last write.
    pub fn progress(&self) -> Progress {
        let mut state = self.lock();
        let now = Instant::now();
        state.measure(now);
        state.progress(now)
    }

    /// Says that the sampled state is on its way to the row.
    pub fn written(&self) {
        let mut state = self.lock();
        state.unwritten = None;
        state.written_at = Instant::now();
    }

    fn report(&self, what: Unwritten) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.changed = true;
        state.moved_at = Instant::now();
        if state.unwritten != Some(Unwritten::Step) {
            state.unwritten = Some(what);
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn measure(&mut self, now: Instant) {
        let passed = now.duration_since(self.measured_at).as_secs_f64();
        if passed < 0.05 {
            return;
        }
        let fade = (-passed / RATE_WINDOW.as_secs_f64()).exp();
        self.units = self.units * fade + (self.done - self.measured_done) as f64;
        self.seconds = self.seconds * fade + passed;
        self.measured_at = now;
        self.measured_done = self.done;
    }

    fn progress(&mut self, now: Instant) -> Progress {
        let total = self.total.map(|total| total.max(self.done));
        let part = match total {
            Some(0) | None => 0.0,
            Some(total) => self.done as f64 / total as f64,
        };
        if let Some(index) = self.index {
            let whole: f64 = self.steps.iter().map(|step| step.weight).sum();
            let before: f64 = self.steps[..index].iter().map(|step| step.weight).sum();
            let fraction = (before + part * self.steps[index].weight) / whole;
            self.fraction = self.fraction.max(fraction.clamp(0.0, 1.0));
        }
        let measured = now.duration_since(self.step_began) >= RATE_AFTER && self.units > 0.0;
        let rate = measured.then(|| self.units / self.seconds);
        let eta = rate.zip(total).map(|(rate, total)| (total - self.done) as f64 / rate);
        Progress {
            step: self.index.map(|index| self.steps[index].name.to_owned()),
            step_index: self.index.unwrap_or(0) as u32,
            step_count: self.steps.len() as u32,
            done: self.done,
            total,
            unit: self.unit.map(str::to_owned),
            fraction: self.fraction,
            rate_per_second: rate,
            eta_seconds: eta,
            message: self.message.clone(),
        }
    }
}
