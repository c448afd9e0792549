//! One operation's last hour in twelve slots of five minutes, and its last day in twenty-four of an hour.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::Ended;

/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;
const FINE_MS: i64 = 300_000;
const N_FINE: usize = 12;
const N_HOURS: usize = 24;
/// The slowest operations that are kept of a slot.
const N_SLOWEST: usize = 20;
/// Longer ones count as this long.
const LONGEST_US: u64 = 60_000_000;

/// How far a reading looks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// An hour, to five minutes.
    LastHour,
    /// A day, to an hour.
    LastDay,
}

/// One of the slowest operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slow {
    /// When it ended, in UTC milliseconds.
    pub at: i64,
    /// How long it took.
    pub took: Duration,
    /// Whether its answer had errors.
    pub has_failed: bool,
    /// SQL statements that it ran.
    pub n_statements: u64,
    /// Its trace.
    pub trace_id: String,
    /// Its request.
    pub request_id: String,
}

/// What is known of many operations together.
#[derive(Debug, Clone)]
pub struct Summary {
    micros: Histogram<u32>,
    n_errors: u64,
    n_statements: u64,
    slowest: Vec<Slow>,
}

impl Default for Summary {
    fn default() -> Self {
        let micros =
            Histogram::new_with_bounds(1, LONGEST_US, 2).expect("two digits from 1 us to 60 s are valid bounds");
        Self {
            micros,
            n_errors: 0,
            n_statements: 0,
            slowest: Vec::new(),
        }
    }
}

impl Summary {
    /// One that was kept: pairs of microseconds and how many took so long. What is out of bounds is brought into them.
    pub fn of_counts(counts: &[(u64, u32)], n_errors: u64, n_statements: u64) -> Self {
        let mut summary = Self {
            n_errors,
            n_statements,
            ..Self::default()
        };
        for (micros, count) in counts {
            summary.micros.saturating_record_n((*micros).max(1), *count);
        }
        summary
    }

    /// The pairs it is kept as.
    pub fn counts(&self) -> Vec<(u64, u32)> {
        let recorded = self.micros.iter_recorded();
        recorded
            .map(|step| (step.value_iterated_to(), step.count_at_value()))
            .collect()
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.micros.len()
    }

    /// Those with errors in their answers.
    pub fn n_errors(&self) -> u64 {
        self.n_errors
    }

    /// SQL statements of all.
    pub fn n_statements(&self) -> u64 {
        self.n_statements
    }

    /// SQL statements of each, on average.
    pub fn statements_mean(&self) -> f64 {
        self.n_statements as f64 / self.count().max(1) as f64
    }

    /// The time that this part of them, from 0 to 1, stayed below, in microseconds.
    pub fn quantile_us(&self, quantile: f64) -> u64 {
        self.micros.value_at_quantile(quantile)
    }

    /// The mean, in microseconds.
    pub fn mean_us(&self) -> f64 {
        self.micros.mean()
    }

    /// The longest, in microseconds.
    pub fn max_us(&self) -> u64 {
        self.micros.max()
    }

    /// The time of all together, in microseconds.
    pub fn total_us(&self) -> u64 {
        (self.mean_us() * self.count() as f64) as u64
    }

    /// The slowest, slowest first.
    pub fn slowest(&self) -> &[Slow] {
        &self.slowest
    }

    /// Adds another's operations to these.
    pub fn add(&mut self, other: &Self) {
        // Both have the same bounds, so every value fits.
        if let Err(error) = self.micros.add(&other.micros) {
            tracing::error!(%error, "two histograms of operations do not fit each other");
        }
        self.n_errors += other.n_errors;
        self.n_statements += other.n_statements;
        for slow in &other.slowest {
            self.keep_slow(slow.took, || slow.clone());
        }
    }

    fn record(&mut self, ended: Ended<'_>) {
        let micros = u64::try_from(ended.took.as_micros()).unwrap_or(LONGEST_US);
        self.micros.saturating_record(micros.max(1));
        self.n_errors += u64::from(ended.has_failed);
        self.n_statements += ended.n_statements;
        self.keep_slow(ended.took, || Slow {
            at: ended.at,
            took: ended.took,
            has_failed: ended.has_failed,
            n_statements: ended.n_statements,
            trace_id: ended.trace_id.to_owned(),
            request_id: ended.request_id.to_owned(),
        });
    }

    fn keep_slow(&mut self, took: Duration, make: impl FnOnce() -> Slow) {
        let place = self.slowest.partition_point(|known| known.took >= took);
        if place >= N_SLOWEST {
            return;
        }
        self.slowest.insert(place, make());
        self.slowest.truncate(N_SLOWEST);
    }
}

/// A part of the time. `number` counts such parts since 1970.
#[derive(Debug, Default)]
struct Slot {
    number: i64,
    summary: Option<Box<Summary>>,
}

/// The slots of one operation.
#[derive(Debug, Default)]
pub struct Ring {
    fine: [Slot; N_FINE],
    hours: [Slot; N_HOURS],
}

impl Ring {
    /// Counts an operation.
    pub fn record(&mut self, ended: Ended<'_>) {
        slot(&mut self.fine, ended.at / FINE_MS).record(ended);
        slot(&mut self.hours, ended.at / HOUR_MS).record(ended);
    }

    /// What ended in a window.
    pub fn read(&self, window: Window, now_ms: i64) -> Summary {
        let (slots, length) = match window {
            Window::LastHour => (&self.fine[..], FINE_MS),
            Window::LastDay => (&self.hours[..], HOUR_MS),
        };
        let (now, size) = (now_ms / length, slots.len() as i64);
        let mut sum = Summary::default();
        for slot in slots
            .iter()
            .filter(|slot| (now - size + 1..=now).contains(&slot.number))
        {
            if let Some(summary) = &slot.summary {
                sum.add(summary);
            }
        }
        sum
    }

    /// Each hour that has something, with its beginning in UTC milliseconds.
    pub fn hours(&self) -> impl Iterator<Item = (i64, &Summary)> {
        let filled = |slot: &'_ Slot| slot.summary.is_some();
        self.hours.iter().filter(move |slot| filled(slot)).filter_map(|slot| {
            let summary = slot.summary.as_deref()?;
            Some((slot.number * HOUR_MS, summary))
        })
    }

    /// Adds another operation's slots to these.
    pub fn take(&mut self, other: Self) {
        for (own, others) in [
            (&mut self.fine[..], &other.fine[..]),
            (&mut self.hours[..], &other.hours[..]),
        ] {
            for from in others {
                let Some(summary) = &from.summary else { continue };
                let place = &mut own[from.number as usize % others.len()];
                if place.number > from.number {
                    continue;
                }
                slot(own, from.number).add(summary);
            }
        }
    }
}

/// The summary of this number's slot, emptied if it held an earlier one.
fn slot(slots: &mut [Slot], number: i64) -> &mut Summary {
    let place = number.rem_euclid(slots.len() as i64) as usize;
    let slot = &mut slots[place];
    if slot.number != number {
        *slot = Slot { number, summary: None };
    }
    slot.summary.get_or_insert_default()
}
