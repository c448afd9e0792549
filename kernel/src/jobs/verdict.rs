//! What the end of a job's task means: done, interrupted, or failed and worth another attempt or not.

use std::time::Duration;

use tokio::task::JoinError;

use super::{
    code,
    cx::{Interrupted, Running},
    finish::Outcome,
    job::backoff,
    runner::Runner,
};
use crate::error::{Category, Failure};

impl Runner {
    /// What the end of a task means; nothing when its lease is lost and the result does not count.
    pub fn outcome(&self, running: &Running, result: Result<anyhow::Result<()>, JoinError>) -> Option<Outcome> {
        let reason = running.reason();
        let error = match result {
            Ok(Ok(())) => return Some(Outcome::Succeeded),
            Ok(Err(error)) => Some(error),
            Err(error) if error.is_panic() => {
                let text = panic_text(&*error.into_panic());
                tracing::error!(job = %running.id, attempt = running.attempt, panic = text, "a job panicked");
                return Some(self.failed(running, code::JOB_PANICKED.name, text, false));
            }
            Err(_aborted) => None,
        };
        let obeyed = error
            .as_ref()
            .is_none_or(|error| error.chain().any(|cause| cause.is::<Interrupted>()));
        match (reason, error) {
            (Some(Interrupted::LeaseLost), _) => None,
            (Some(Interrupted::Canceled), _) => Some(Outcome::Canceled),
            (Some(Interrupted::Stalled), _) => {
                let text = format!("no progress for {} s", running.stalls_after.as_secs());
                Some(self.failed(running, code::JOB_STALLED.name, text, false))
            }
            (Some(Interrupted::Paused), _) if obeyed => Some(Outcome::Paused),
            (Some(Interrupted::Stopped), _) | (None, None) if obeyed => Some(Outcome::Stopped),
            (_, error) => {
                let error = error.unwrap_or_else(|| anyhow::anyhow!("the attempt ended without a result"));
                tracing::warn!(job = %running.id, attempt = running.attempt, error = format!("{error:#}"), "an attempt failed");
                let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
                let code = failure.map_or(code::JOB_FAILED.name, |failure| failure.code.name);
                let is_final = failure.is_some_and(|failure| !is_worth_retrying(failure.code.category));
                Some(self.failed(running, code, format!("{error:#}"), is_final))
            }
        }
    }

    fn failed(&self, running: &Running, code: &str, message: String, is_final: bool) -> Outcome {
        let wait = self
            .table
            .kinds
            .get(running.kind.as_str())
            .map_or(backoff as fn(u32) -> Duration, |kind| kind.backoff);
        Outcome::Failed {
            code: code.to_owned(),
            message,
            is_final,
            backoff: wait(running.n_tries()),
        }
    }
}

fn is_worth_retrying(category: Category) -> bool {
    matches!(
        category,
        Category::TooMany | Category::Unavailable | Category::Timeout | Category::Internal
    )
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}
