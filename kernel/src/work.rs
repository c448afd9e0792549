//! What the present request or job is: its trace, and the statements it has cost. A task that another begins for it
//! takes it along through [`carried`].

use std::{
    fmt,
    future::Future,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::Instrument;

tokio::task_local! {
    static PRESENT: Arc<Work>;
}

/// The id of a trace after W3C Trace Context: 32 hex digits, never all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

impl TraceId {
    /// A new one.
    pub fn random() -> Self {
        Self(rand::random::<u128>().max(1))
    }

    /// That of a `traceparent` header, if it is one.
    pub fn of_traceparent(header: &str) -> Option<Self> {
        let mut pieces = header.split('-');
        let version = pieces.next().filter(|version| version.len() == 2 && *version != "ff")?;
        u8::from_str_radix(version, 16).ok()?;
        pieces.next()?.parse().ok()
    }

    /// Its bytes, the highest first.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The text is no trace id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a trace id has 32 lowercase hex digits, not all zero")]
pub struct NotATrace;

impl FromStr for TraceId {
    type Err = NotATrace;

    fn from_str(text: &str) -> Result<Self, NotATrace> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = u128::from_str_radix(text, 16)
            .ok()
            .filter(|number| is_hex && *number != 0);
        number.map(Self).ok_or(NotATrace)
    }
}

/// A request, an operation of one, or a job's attempt.
#[derive(Debug)]
pub struct Work {
    trace: TraceId,
    statements: AtomicU64,
}

impl Work {
    /// Work that belongs to this trace.
    pub fn of(trace: TraceId) -> Arc<Self> {
        Arc::new(Self {
            trace,
            statements: AtomicU64::new(0),
        })
    }

    /// Work within the present one: the same trace, a count of its own. Outside of any it begins a trace.
    pub fn within() -> Arc<Self> {
        Self::of(Self::present().map_or_else(TraceId::random, |work| work.trace))
    }

    /// What the present task works on.
    pub fn present() -> Option<Arc<Self>> {
        PRESENT.try_with(Arc::clone).ok()
    }

    /// The trace.
    pub fn trace(&self) -> TraceId {
        self.trace
    }

    /// Statements that ran for it so far, in tasks that carry it.
    pub fn n_statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Runs a future as part of this work.
    pub async fn run<F: Future>(self: Arc<Self>, future: F) -> F::Output {
        PRESENT.scope(self, future).await
    }
}

/// A future that belongs to the present work and span, wherever it is spawned.
pub fn carried<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let work = Work::present();
    let future = future.in_current_span();
    async move {
        match work {
            Some(work) => work.run(future).await,
            None => future.await,
        }
    }
}

/// Counts a statement for the present work.
pub(crate) fn count_statement() {
    // Outside of any work there is nobody to count it for.
    let _ = PRESENT.try_with(|work| work.statements.fetch_add(1, Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_taken_over_only_from_a_header_that_is_one() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let taken = TraceId::of_traceparent(&format!("00-{id}-00f067aa0ba902b7-01")).map(|id| id.to_string());
        assert_eq!(taken.as_deref(), Some(id));
        let zero = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        let upper = format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase());
        let signed = format!("00-+{}-00f067aa0ba902b7-01", &id[1..]);
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-a-01",
            "00-4bf9-a-01",
            &zero,
            &upper,
            &signed,
        ] {
            assert_eq!(TraceId::of_traceparent(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_spawned_task_counts_for_the_work_that_it_was_carried_from() {
        let work = Work::of(TraceId::random());
        Arc::clone(&work)
            .run(async {
                tokio::spawn(carried(async { count_statement() }))
                    .await
                    .expect("it ends");
                tokio::spawn(async { count_statement() }).await.expect("it ends");
                let inner = Work::within();
                Arc::clone(&inner).run(async { count_statement() }).await;
                assert_eq!(
                    (inner.n_statements(), inner.trace()),
                    (1, Work::present().expect("work").trace())
                );
            })
            .await;
        assert_eq!(work.n_statements(), 1);
        assert!(Work::present().is_none());
    }
}
