//! Operations as administrators see them.

use async_graphql::{Enum, Object};

use super::{Slow, Summary, Window, hours::Hour};
use crate::kit::scalar::{DateTime, Seconds};

/// How far figures of operations look back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum OperationWindow {
    /// The last hour of this process, to five minutes.
    LastHour,
    /// The last day, to an hour, with what processes before this one counted.
    LastDay,
}

impl From<OperationWindow> for Window {
    fn from(window: OperationWindow) -> Self {
        match window {
            OperationWindow::LastHour => Self::LastHour,
            OperationWindow::LastDay => Self::LastDay,
        }
    }
}

/// How the operations of one name went. Times are good to two digits.
pub struct OperationStats {
    /// Its name.
    pub name: String,
    /// Its figures.
    pub summary: Summary,
}

/// How the operations of one name went. Times are good to two digits.
#[Object]
impl OperationStats {
    /// The operation's name; `(anonymous)` for those without one, `(other)` for all but the forty busiest.
    async fn name(&self) -> &str {
        &self.name
    }

    /// How many ended.
    async fn count(&self) -> u64 {
        self.summary.count()
    }

    /// Those whose answer had errors.
    async fn error_count(&self) -> u64 {
        self.summary.n_errors()
    }

    /// The time on average.
    async fn mean(&self) -> Seconds {
        Seconds(self.summary.mean_us() / 1e6)
    }

    /// Half took at most this long.
    async fn p50(&self) -> Seconds {
        quantile(&self.summary, 0.5)
    }

    /// 95 of 100 took at most this long.
    async fn p95(&self) -> Seconds {
        quantile(&self.summary, 0.95)
    }

    /// 99 of 100 took at most this long.
    async fn p99(&self) -> Seconds {
        quantile(&self.summary, 0.99)
    }

    /// The longest; longer than a minute counts as a minute.
    async fn max(&self) -> Seconds {
        Seconds::from_us(self.summary.max_us() as i64)
    }

    /// SQL statements that each ran on average. What waits for a load that another began counts nothing.
    async fn sql_statements_mean(&self) -> f64 {
        self.summary.statements_mean()
    }

    /// The slowest of this process, slowest first.
    async fn slowest(
        &self,
        #[graphql(desc = "How many, at most 20; 20 when omitted.")] first: Option<i32>,
    ) -> Vec<SlowOperation> {
        let first = first.map_or(usize::MAX, |first| first.max(0) as usize);
        let slowest = self.summary.slowest().iter().take(first);
        slowest.cloned().map(SlowOperation).collect()
    }
}

/// One of the slowest operations, and where to look for why.
pub struct SlowOperation(Slow);

/// One of the slowest operations, and where to look for why.
#[Object]
impl SlowOperation {
    /// When it ended.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// How long it took.
    async fn duration(&self) -> Seconds {
        Seconds(self.0.took.as_secs_f64())
    }

    /// Whether its answer had errors.
    async fn is_error(&self) -> bool {
        self.0.has_failed
    }

    /// SQL statements that it ran.
    async fn sql_statements(&self) -> u64 {
        self.0.n_statements
    }

    /// Its trace, in logs and, where traces are exported, in their viewer.
    async fn trace_id(&self) -> &str {
        &self.0.trace_id
    }

    /// Its request, in logs and in the response's `x-request-id`.
    async fn request_id(&self) -> &str {
        &self.0.request_id
    }
}

/// How the operations of one name went in one hour.
pub struct OperationHour(pub Hour);

/// How the operations of one name went in one hour.
#[Object]
impl OperationHour {
    /// When the hour began.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// How many ended.
    async fn count(&self) -> u64 {
        self.0.summary.count()
    }

    /// Those whose answer had errors.
    async fn error_count(&self) -> u64 {
        self.0.summary.n_errors()
    }

    /// Half took at most this long.
    async fn p50(&self) -> Seconds {
        quantile(&self.0.summary, 0.5)
    }

    /// 95 of 100 took at most this long.
    async fn p95(&self) -> Seconds {
        quantile(&self.0.summary, 0.95)
    }

    /// 99 of 100 took at most this long.
    async fn p99(&self) -> Seconds {
        quantile(&self.0.summary, 0.99)
    }

    /// SQL statements that each ran on average.
    async fn sql_statements_mean(&self) -> f64 {
        self.0.summary.statements_mean()
    }
}

fn quantile(summary: &Summary, quantile: f64) -> Seconds {
    Seconds::from_us(summary.quantile_us(quantile) as i64)
}
