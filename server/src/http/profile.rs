//! Where the processor's time goes, for administrators: a profile of the whole process on demand.
//!
//! The timer of the system interrupts whatever runs a hundred times in a second of processor time, and the stack is read by frame
//! pointers, which all our code has (`.cargo/config.toml`): nothing is unwound inside of a signal handler, and a server that
//! is not being profiled pays nothing.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::post,
};
use entities::user::Role;
use kernel::error::{Failure, code};
use pprof::{ProfilerGuard, ProfilerGuardBuilder, Report};
use schema::kit::access::{Access, Via};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{Edge, auth, problem::problem};
use crate::codes;

/// Samples in a second of processor time: no round number, or it would beat with what happens a hundred times in one.
const FREQUENCY: i32 = 99;
/// The longest profile, in seconds.
const LONGEST: u32 = 120;
/// The timer is the process's own, so one at a time.
static TURN: Semaphore = Semaphore::const_new(1);

/// The routes below `/admin`.
pub fn routes() -> Router<Edge> {
    Router::new().route("/admin/profile/cpu", post(cpu))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// How long, in seconds.
    #[serde(default = "usual")]
    seconds: u32,
}

fn usual() -> u32 {
    30
}

/// Stacks with their samples, one on a line, as flame graphs are drawn of: `thread;outer;inner 12`.
async fn cpu(State(edge): State<Edge>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    match sample(&edge, asked.seconds, &headers).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Err(failure) => {
            if failure.code.category.is_servers_own() {
                tracing::error!(error = %failure, cause = ?std::error::Error::source(&failure), "no profile could be made");
            }
            problem(&failure, &headers)
        }
    }
}

async fn sample(edge: &Edge, seconds: u32, headers: &HeaderMap) -> Result<String, Failure> {
    match auth::authenticate(headers, &edge.kernel).await? {
        Access::Viewer(viewer) if viewer.role == Role::Admin => {
            if matches!(viewer.via, Via::Session(_)) {
                edge.origins.check_cookie_request(headers)?;
            }
        }
        Access::Viewer(_) => return Err(Failure::new(&code::FORBIDDEN, "profiles are for administrators")),
        Access::Anonymous => return Err(Failure::new(&code::UNAUTHENTICATED, "sign in, or send a valid token")),
    }
    if !(1..=LONGEST).contains(&seconds) {
        return Err(Failure::field("seconds", format!("1 to {LONGEST}")));
    }
    let busy = |_| {
        Failure::new(
            &codes::PROFILE_RUNNING,
            "a profile is being made; ask again when it is done",
        )
    };
    let _turn = TURN.try_acquire().map_err(busy)?;
    let begin = ProfilerGuardBuilder::default().frequency(FREQUENCY).build();
    let guard = begin.map_err(Failure::internal)?;
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(u64::from(seconds))) => {}
        () = edge.stop.cancelled() => {}
    }
    // To find names takes longer than to sample.
    let told = tokio::task::spawn_blocking(move || tell(guard));
    told.await.map_err(Failure::internal)?
}

fn tell(guard: ProfilerGuard<'_>) -> Result<String, Failure> {
    let report = guard.report().build().map_err(Failure::internal)?;
    drop(guard);
    Ok(fold(&report))
}

fn fold(report: &Report) -> String {
    let mut stacks: BTreeMap<String, isize> = BTreeMap::new();
    for (stack, n) in &report.data {
        let mut line = stack.thread_name_or_id();
        // The innermost comes first, and of those that were inlined into one another too.
        for symbol in stack.frames.iter().rev().flat_map(|frame| frame.iter().rev()) {
            // Generic names hold what separates stacks.
            let _ = write!(line, ";{}", symbol.name().replace([';', '\n'], ":"));
        }
        *stacks.entry(line).or_default() += n;
    }
    let mut text = String::new();
    for (stack, n) in stacks {
        let _ = writeln!(text, "{stack} {n}");
    }
    text
}
