//! Where the processor's time goes and who holds memory, for administrators: profiles of the whole process on demand.
//!
//! Time: the timer of the system interrupts whatever runs a hundred times in a second of processor time, and the stack is read by
//! frame pointers, which all our code has (`.cargo/config.toml`): nothing is unwound inside of a signal handler. Memory: the
//! allocator records one allocation in 128 KiB, and forgets it when it is freed, so what is left is what is held. A server that is
//! not being profiled pays nothing for the one and too little to be measured for the other.

use std::{collections::BTreeMap, ffi::c_void, fmt::Write, time::Duration};

use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
    routing::post,
};
use entities::user::Role;
use jemalloc_pprof::{JemallocProfCtl, PROF_CTL, StackProfile};
use kernel::error::{Failure, code};
use pprof::{ProfilerGuard, ProfilerGuardBuilder, Report};
use schema::kit::access::{Access, Via};
use serde::Deserialize;
use tokio::sync::{OwnedMutexGuard, Semaphore};

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
    Router::new()
        .route("/admin/profile/cpu", post(cpu))
        .route("/admin/profile/heap", post(heap))
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
    answer(sample(&edge, &asked, &headers).await, &headers)
}

/// Stacks with the bytes that they asked for while the profile was made and that are still held: `outer;inner 4096`. An allocator that
/// was told to record from its start (`MALLOC_CONF=prof_active:true`) answers at once, with all that is held.
async fn heap(State(edge): State<Edge>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    answer(record(&edge, &asked, &headers).await, &headers)
}

fn answer(stacks: Result<String, Failure>, headers: &HeaderMap) -> Response {
    match stacks {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Err(failure) => {
            if failure.code.category.is_servers_own() {
                tracing::error!(error = %failure, cause = ?std::error::Error::source(&failure), "no profile could be made");
            }
            problem(&failure, headers)
        }
    }
}

async fn check(edge: &Edge, asked: &Asked, headers: &HeaderMap) -> Result<(), Failure> {
    match auth::authenticate(headers, &edge.kernel).await? {
        Access::Viewer(viewer) if viewer.role == Role::Admin => {
            if matches!(viewer.via, Via::Session(_)) {
                edge.origins.check_cookie_request(headers)?;
            }
        }
        Access::Viewer(_) => return Err(Failure::new(&code::FORBIDDEN, "profiles are for administrators")),
        Access::Anonymous => return Err(Failure::new(&code::UNAUTHENTICATED, "sign in, or send a valid token")),
    }
    if !(1..=LONGEST).contains(&asked.seconds) {
        return Err(Failure::field("seconds", format!("1 to {LONGEST}")));
    }
    Ok(())
}

fn busy() -> Failure {
    Failure::new(
        &codes::PROFILE_RUNNING,
        "a profile is being made; ask again when it is done",
    )
}

async fn wait(edge: &Edge, asked: &Asked) {
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(u64::from(asked.seconds))) => {}
        () = edge.stop.cancelled() => {}
    }
}

async fn sample(edge: &Edge, asked: &Asked, headers: &HeaderMap) -> Result<String, Failure> {
    check(edge, asked, headers).await?;
    let _turn = TURN.try_acquire().map_err(|_| busy())?;
    let begin = ProfilerGuardBuilder::default().frequency(FREQUENCY).build();
    let guard = begin.map_err(Failure::internal)?;
    wait(edge, asked).await;
    // To find names takes longer than to sample.
    let told = tokio::task::spawn_blocking(move || tell(guard));
    told.await.map_err(Failure::internal)?
}

async fn record(edge: &Edge, asked: &Asked, headers: &HeaderMap) -> Result<String, Failure> {
    check(edge, asked, headers).await?;
    // Whoever built the server without the workspace's settings, or told the allocator otherwise.
    let none = || {
        Failure::new(
            &codes::PROFILE_UNAVAILABLE,
            "the allocator was started without its record; take prof:false out of MALLOC_CONF, and start again",
        )
    };
    let control = PROF_CTL.as_ref().ok_or_else(none)?;
    let mut recording = Recording::begin(control.clone().try_lock_owned().map_err(|_| busy())?)?;
    if !recording.always {
        wait(edge, asked).await;
    }
    let told = tokio::task::spawn_blocking(move || {
        let held = recording.control.dump_profile().map_err(Failure::internal)?;
        drop(recording);
        Ok(fold_heap(&held))
    });
    told.await.map_err(Failure::internal)?
}

/// The allocator's record, begun for one profile: it ends with this, whether the profile is done or its reader has gone.
struct Recording {
    control: OwnedMutexGuard<JemallocProfCtl>,
    /// It was begun with the process, and goes on.
    always: bool,
}

impl Recording {
    fn begin(mut control: OwnedMutexGuard<JemallocProfCtl>) -> Result<Self, Failure> {
        let always = control.activated();
        if !always {
            control.activate().map_err(Failure::internal)?;
        }
        Ok(Self { control, always })
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if !self.always
            && let Err(error) = self.control.deactivate()
        {
            tracing::error!(%error, "the allocator's record could not be ended");
        }
    }
}

fn tell(guard: ProfilerGuard<'_>) -> Result<String, Failure> {
    let report = guard.report().build().map_err(Failure::internal)?;
    drop(guard);
    Ok(fold(&report))
}

fn fold(report: &Report) -> String {
    let mut stacks = Stacks::default();
    for (stack, n) in &report.data {
        let mut line = stack.thread_name_or_id();
        // The innermost comes first, and of those that were inlined into one another too.
        for symbol in stack.frames.iter().rev().flat_map(|frame| frame.iter().rev()) {
            push(&mut line, symbol.name());
        }
        stacks.add(line, n.cast_unsigned() as u64);
    }
    stacks.lines()
}

fn fold_heap(held: &StackProfile) -> String {
    let mut names: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut stacks = Stacks::default();
    for (stack, _) in held.iter() {
        let mut line = "heap".to_owned();
        // The outermost comes first, and of those that were inlined into one another last.
        for address in &stack.addrs {
            for name in names.entry(*address).or_insert_with(|| name(*address)).iter().rev() {
                push(&mut line, name);
            }
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bytes of one machine"
        )]
        stacks.add(line, stack.weight as u64);
    }
    stacks.lines()
}

/// The functions at an address that a call returns to, the innermost of those inlined into one another first.
fn name(address: usize) -> Vec<String> {
    let mut names = Vec::new();
    // The call is before the place to which it returns.
    let call = std::ptr::without_provenance_mut::<c_void>(address.saturating_sub(1));
    backtrace::resolve(call, |symbol| {
        names.extend(symbol.name().map(|name| format!("{name:#}")));
    });
    if names.is_empty() {
        names.push(format!("{address:#x}"));
    }
    names
}

fn push(line: &mut String, name: impl AsRef<str>) {
    // Generic names hold what separates stacks.
    let _ = write!(line, ";{}", name.as_ref().replace([';', '\n'], ":"));
}

/// What was counted for each stack.
#[derive(Default)]
struct Stacks(BTreeMap<String, u64>);

impl Stacks {
    fn add(&mut self, stack: String, n: u64) {
        *self.0.entry(stack).or_default() += n;
    }

    fn lines(self) -> String {
        let mut text = String::new();
        for (stack, n) in self.0 {
            let _ = writeln!(text, "{stack} {n}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use anyhow::{Context, ensure};

    use super::*;

    const HELD: usize = 48 << 20;

    #[inline(never)]
    fn memory_that_is_held() -> Vec<u8> {
        black_box(vec![1; HELD])
    }

    #[inline(never)]
    fn memory_that_is_given_back() {
        drop(black_box(vec![1_u8; HELD]));
    }

    fn held(profile: &str, function: &str) -> usize {
        let lines = profile.lines().filter(|line| line.contains(function));
        lines
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<usize>().ok())
            .sum()
    }

    #[test]
    fn the_allocator_tells_who_holds_what_was_asked_for_meanwhile() -> anyhow::Result<()> {
        let control = PROF_CTL
            .as_ref()
            .context("the allocator was started without its record")?;
        let before = memory_that_is_held();
        for _ in 0..2 {
            let mut recording = Recording::begin(control.clone().try_lock_owned()?)?;
            ensure!(control.try_lock().is_err(), "two profiles at once");
            let meanwhile = memory_that_is_held();
            memory_that_is_given_back();
            let profile = fold_heap(&recording.control.dump_profile()?);
            // A profile knows nothing of what was there before it, of another profile neither.
            let told = held(&profile, "memory_that_is_held");
            ensure!(
                (HELD * 9 / 10..HELD * 11 / 10).contains(&told),
                "{told} bytes in\n{profile}"
            );
            ensure!(held(&profile, "memory_that_is_given_back") == 0, "{profile}");
            ensure!(!recording.always);
            drop(recording);
            ensure!(!control.try_lock()?.activated(), "the record goes on");
            drop(black_box(meanwhile));
        }
        drop(black_box(before));
        Ok(())
    }
}
