//! What clients see: sources without their addresses, their captures, and how one fares now.

pub mod loader;
pub mod types;

use std::time::Duration;

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject, Subscription};
use entities::id::{CaptureId, CaptureSourceId, LibraryId};
use futures_util::{Stream, StreamExt, stream};
use kernel::{cron::Pattern, error::Failure, jobs::Priority, plugin::Kernel, sql, store::Durability};
use schema::{
    job::types::Job,
    kit::{
        access::Needs,
        connection::{Connection, Total},
        error::ToGraphql,
        id::parse,
        keyset::Keyset,
        page::{self, PageArgs},
        scalar::Bytes,
    },
    limits,
};
use tokio_stream::wrappers::WatchStream;

use self::types::{Capture, CaptureSource, CaptureState};
use crate::{
    Capture as Plugin, clock, code, row,
    secret::{self, Address},
};

/// The longest name of a source.
const MAX_NAME: usize = 200;
/// How long `stopCapture` waits for what is on its way to be written.
const PATIENCE: Duration = Duration::from_secs(8);
/// The longest capture, in seconds: a year.
const LONGEST: i32 = 366 * 24 * 3600;

/// What can be read of captures.
#[derive(Default)]
pub struct CaptureQuery;

/// What can be read of captures.
#[Object]
impl CaptureQuery {
    /// Live sources that can be captured, the oldest first. The secret parts of their addresses cannot be read again.
    #[graphql(
        guard = "Needs::View",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    async fn capture_sources(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, or after `after`.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, or before `before`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<CaptureSource>> {
        sources(cx, &PageArgs::new(first, after, last, before)).await.graphql()
    }
}

/// What can be done with captures.
#[derive(Default)]
pub struct CaptureMutation;

/// What can be done with captures.
#[Object]
impl CaptureMutation {
    /// Adds a live source. It is not connected to before a capture begins.
    #[graphql(guard = "Needs::Admin")]
    async fn create_capture_source(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The source.")] input: CreateCaptureSourceInput,
    ) -> async_graphql::Result<CreateCaptureSourcePayload> {
        let capture_source = create(cx, input).await.graphql()?;
        Ok(CreateCaptureSourcePayload { capture_source })
    }

    /// Changes a live source. A capture that runs goes on as it began.
    #[graphql(guard = "Needs::Admin")]
    async fn update_capture_source(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which source, and what of it.")] input: UpdateCaptureSourceInput,
    ) -> async_graphql::Result<UpdateCaptureSourcePayload> {
        let capture_source = update(cx, input).await.graphql()?;
        Ok(UpdateCaptureSourcePayload { capture_source })
    }

    /// Removes a live source and the history of its captures. What was recorded stays in its library.
    #[graphql(guard = "Needs::Admin")]
    async fn delete_capture_source(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which source.")] input: DeleteCaptureSourceInput,
    ) -> async_graphql::Result<DeleteCaptureSourcePayload> {
        delete(cx, &input).await.graphql()?;
        Ok(DeleteCaptureSourcePayload {
            capture_source_id: input.id,
        })
    }

    /// Begins a capture of a source.
    #[graphql(guard = "Needs::Edit")]
    async fn start_capture(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Of what, and for how long.")] input: StartCaptureInput,
    ) -> async_graphql::Result<StartCapturePayload> {
        start(cx, &input).await.graphql()
    }

    /// Ends a capture in good order: what has come is kept.
    #[graphql(guard = "Needs::Edit")]
    async fn stop_capture(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which capture.")] input: StopCaptureInput,
    ) -> async_graphql::Result<StopCapturePayload> {
        let capture = stop(cx, &input).await.graphql()?;
        Ok(StopCapturePayload { capture })
    }
}

/// What can be followed of captures.
#[derive(Default)]
pub struct CaptureSubscription;

/// What can be followed of captures.
#[Subscription]
impl CaptureSubscription {
    /// A capture: first as it is, then as it changes, last as it ended; then it completes.
    #[graphql(guard = "Needs::View")]
    async fn capture_status(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The capture.")] id: ID,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<CaptureState>> + use<>> {
        follow(cx, &id).await.graphql()
    }
}

/// A new live source.
#[derive(InputObject)]
pub struct CreateCaptureSourceInput {
    /// Its name, for people and for the titles of recordings.
    name: String,
    /// Its address: `http://` or `https://` of a stream or of an HLS playlist, or `rtsp://`, with an account if it needs one.
    /// What is not on the public internet must be allowed by the settings. Or `rtmp://listen/` and a stream key, a secret of
    /// 16 to 128 letters and digits: then it is what somebody publishes to this server by RTMP under that key, while it is
    /// captured, if the settings open a port.
    #[graphql(secret)]
    url: String,
    /// Where recordings go.
    library_id: ID,
    /// Whether it may be captured. True when omitted.
    is_enabled: Option<bool>,
    /// Whether it is always captured. False when omitted.
    is_continuous: Option<bool>,
    /// When captures begin by themselves, in UTC: a cron pattern of five fields.
    schedule: Option<String>,
    /// How many seconds a capture that begins by schedule is long; until it is stopped when omitted.
    duration: Option<i32>,
    /// After how many days recordings are removed; never when omitted.
    keep_days: Option<i32>,
    /// The most bytes that are kept, the newest; all when omitted.
    keep_bytes: Option<Bytes>,
    /// How much of the picture must move for a minute to be kept, in percent; all is kept when omitted.
    motion_threshold: Option<i32>,
}

/// The outcome of `createCaptureSource`.
#[derive(SimpleObject)]
pub struct CreateCaptureSourcePayload {
    /// The source.
    capture_source: CaptureSource,
}

/// What to change of a live source. What is omitted stays.
#[derive(InputObject)]
pub struct UpdateCaptureSourceInput {
    /// The source.
    id: ID,
    /// Another name.
    name: Option<String>,
    /// Another address.
    #[graphql(secret)]
    url: Option<String>,
    /// Where recordings go from now on.
    library_id: Option<ID>,
    /// Whether it may be captured.
    is_enabled: Option<bool>,
    /// Whether it is always captured.
    is_continuous: Option<bool>,
    /// When captures begin by themselves; null for never.
    schedule: MaybeUndefined<String>,
    /// How many seconds a capture that begins by schedule is long; null for until it is stopped.
    duration: MaybeUndefined<i32>,
    /// After how many days recordings are removed; null for never.
    keep_days: MaybeUndefined<i32>,
    /// The most bytes that are kept; null for all.
    keep_bytes: MaybeUndefined<Bytes>,
    /// How much of the picture must move for a minute to be kept, in percent; null for keeping all.
    motion_threshold: MaybeUndefined<i32>,
}

/// The outcome of `updateCaptureSource`.
#[derive(SimpleObject)]
pub struct UpdateCaptureSourcePayload {
    /// The source.
    capture_source: CaptureSource,
}

/// Which live source to remove.
#[derive(InputObject)]
pub struct DeleteCaptureSourceInput {
    /// The source.
    id: ID,
}

/// The outcome of `deleteCaptureSource`.
#[derive(SimpleObject)]
pub struct DeleteCaptureSourcePayload {
    /// The source that is gone.
    capture_source_id: ID,
}

/// What to capture.
#[derive(InputObject)]
pub struct StartCaptureInput {
    /// The source.
    source_id: ID,
    /// For how many seconds; until it is stopped when omitted.
    duration: Option<i32>,
}

/// The outcome of `startCapture`.
#[derive(SimpleObject)]
pub struct StartCapturePayload {
    /// The capture.
    capture: Capture,
    /// The work.
    job: Job,
}

/// Which capture to end.
#[derive(InputObject)]
pub struct StopCaptureInput {
    /// The capture.
    id: ID,
}

/// The outcome of `stopCapture`.
#[derive(SimpleObject)]
pub struct StopCapturePayload {
    /// The capture.
    capture: Capture,
}

async fn sources(cx: &Context<'_>, args: &PageArgs) -> Result<Connection<CaptureSource>, Failure> {
    let rows = row::sources(cx.data_unchecked::<Kernel>().store.reader(), None).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id.into()).collect();
    let page = args.slice(&ids, &Keyset::in_memory("captureSources"), page::cap(cx))?;
    let find = |id: i64| rows.iter().find(|row| row.id.0 == id).cloned().map(CaptureSource);
    Ok(Connection::new(page, Total::Known(ids.len() as i64), find))
}

async fn source(kernel: &Kernel, id: CaptureSourceId) -> Result<row::Source, Failure> {
    let found = row::sources(kernel.store.reader(), Some(id)).await?.pop();
    found.ok_or_else(|| Failure::new(&code::SOURCE_NOT_FOUND, format!("no capture source `{id}`")))
}

async fn capture(kernel: &Kernel, id: CaptureId) -> Result<row::Capture, Failure> {
    let found = row::find(kernel.store.reader(), id).await?;
    found.ok_or_else(|| Failure::new(&code::NOT_FOUND, format!("no capture `{id}`")))
}

/// Holds what was given against what is possible.
async fn check(kernel: &Kernel, source: &row::Source) -> Result<(), Failure> {
    if source.name.is_empty() || source.name.chars().count() > MAX_NAME {
        return Err(Failure::field("input.name", format!("1 to {MAX_NAME} characters")));
    }
    if let Some(pattern) = &source.schedule
        && let Err(error) = Pattern::parse(pattern)
    {
        return Err(Failure::field("input.schedule", format!("not a cron pattern: {error}")));
    }
    duration(source.duration_s)?;
    if source.keep_days.is_some_and(|days| days < 1) {
        return Err(Failure::field("input.keepDays", "at least 1"));
    }
    if source.keep_bytes.is_some_and(|bytes| bytes < 1) {
        return Err(Failure::field("input.keepBytes", "at least 1"));
    }
    if source
        .motion_threshold
        .is_some_and(|percent| !(1..=100).contains(&percent))
    {
        return Err(Failure::field("input.motionThreshold", "1 to 100 percent"));
    }
    let known = "select id from library where id = $1";
    if sql::rows(kernel.store.reader(), known, [source.library.0.into()])
        .await?
        .is_empty()
    {
        return Err(Failure::field(
            "input.libraryId",
            format!("no library `{}`", source.library),
        ));
    }
    Ok(())
}

fn duration(seconds: Option<i32>) -> Result<(), Failure> {
    match seconds {
        Some(seconds) if !(1..=LONGEST).contains(&seconds) => {
            Err(Failure::field("input.duration", format!("1 to {LONGEST} seconds")))
        }
        _ => Ok(()),
    }
}

/// An address that may be tried, sealed and as it is shown; what it resolves to is looked at when it is.
fn address(kernel: &Kernel, source: CaptureSourceId, url: &str) -> Result<(String, String), Failure> {
    let url = url.trim();
    match Address::parse(url) {
        Ok(address) => Ok((secret::seal(kernel, source, url)?, address.shown())),
        Err(error) => Err(Failure::field("input.url", error)),
    }
}

async fn write(cx: &Context<'_>, source: row::Source, address: Option<&str>) -> Result<CaptureSource, Failure> {
    let kernel = cx.data_unchecked::<Kernel>();
    check(kernel, &source).await?;
    let tx = kernel.store.begin(Durability::Full).await?;
    row::write_source(&*tx, &source, address, kernel.clock.now_ms()).await?;
    tx.commit().await?;
    cx.data_unchecked::<std::sync::Arc<Plugin>>().desk.changed.notify_one();
    Ok(CaptureSource(source))
}

async fn create(cx: &Context<'_>, input: CreateCaptureSourceInput) -> Result<CaptureSource, Failure> {
    let id = CaptureSourceId::new();
    let (address, shown) = address(cx.data_unchecked::<Kernel>(), id, &input.url)?;
    let source = row::Source {
        id,
        shown,
        library: parse::<LibraryId>(&input.library_id, "input.libraryId")?,
        name: input.name.trim().to_owned(),
        is_enabled: input.is_enabled.unwrap_or(true),
        is_continuous: input.is_continuous.unwrap_or(false),
        schedule: input.schedule,
        duration_s: input.duration,
        keep_days: input.keep_days,
        keep_bytes: input.keep_bytes.map(|bytes| bytes.0),
        last_error: None,
        last_tick: 0,
        motion_threshold: input.motion_threshold,
    };
    write(cx, source, Some(&address)).await
}

async fn update(cx: &Context<'_>, input: UpdateCaptureSourceInput) -> Result<CaptureSource, Failure> {
    let id = parse::<CaptureSourceId>(&input.id, "input.id")?;
    let kernel = cx.data_unchecked::<Kernel>();
    let mut source = source(kernel, id).await?;
    let address = match &input.url {
        Some(url) => {
            let (address, shown) = address(kernel, id, url)?;
            source.shown = shown;
            Some(address)
        }
        None => None,
    };
    if let Some(library) = &input.library_id {
        source.library = parse::<LibraryId>(library, "input.libraryId")?;
    }
    if let Some(name) = input.name {
        source.name = name.trim().to_owned();
    }
    source.is_enabled = input.is_enabled.unwrap_or(source.is_enabled);
    source.is_continuous = input.is_continuous.unwrap_or(source.is_continuous);
    given(input.schedule, &mut source.schedule);
    given(input.duration, &mut source.duration_s);
    given(input.keep_days, &mut source.keep_days);
    let mut keep_bytes = source.keep_bytes.map(Bytes);
    given(input.keep_bytes, &mut keep_bytes);
    source.keep_bytes = keep_bytes.map(|bytes| bytes.0);
    given(input.motion_threshold, &mut source.motion_threshold);
    write(cx, source, address.as_deref()).await
}

fn given<T>(from: MaybeUndefined<T>, to: &mut Option<T>) {
    match from {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => *to = None,
        MaybeUndefined::Value(value) => *to = Some(value),
    }
}

async fn delete(cx: &Context<'_>, input: &DeleteCaptureSourceInput) -> Result<(), Failure> {
    let kernel = cx.data_unchecked::<Kernel>();
    let id = parse::<CaptureSourceId>(&input.id, "input.id")?;
    let source = source(kernel, id).await?;
    if clock::is_live(kernel, id).await? {
        let message = format!("`{}` is being captured; stop that first", source.name);
        return Err(Failure::new(&code::IN_USE, message));
    }
    let tx = kernel.store.begin(Durability::Full).await?;
    sql::execute(&*tx, "delete from capture_source where id = $1", [id.0.into()]).await?;
    tx.commit().await?;
    cx.data_unchecked::<std::sync::Arc<Plugin>>().desk.changed.notify_one();
    Ok(())
}

async fn start(cx: &Context<'_>, input: &StartCaptureInput) -> Result<StartCapturePayload, Failure> {
    let kernel = cx.data_unchecked::<Kernel>();
    let id = parse::<CaptureSourceId>(&input.source_id, "input.sourceId")?;
    duration(input.duration)?;
    let source = source(kernel, id).await?;
    if !source.is_enabled {
        return Err(Failure::new(
            &code::DISABLED,
            format!("`{}` is disabled; enable it first", source.name),
        ));
    }
    let (id, job) = clock::start(kernel, &source, input.duration, Priority::User).await?;
    let view = kernel.jobs.get(job).await?;
    Ok(StartCapturePayload {
        capture: Capture(capture(kernel, id).await?),
        job: view
            .map(Job::from)
            .ok_or_else(|| Failure::new(&code::NOT_FOUND, format!("no job `{job}`")))?,
    })
}

async fn stop(cx: &Context<'_>, input: &StopCaptureInput) -> Result<Capture, Failure> {
    let kernel = cx.data_unchecked::<Kernel>();
    let id = parse::<CaptureId>(&input.id, "input.id")?;
    let found = capture(kernel, id).await?;
    if found.status.is_terminal() {
        return Ok(Capture(found));
    }
    let tx = kernel.store.begin(Durability::Full).await?;
    row::set_stopping(&*tx, id).await?;
    tx.commit().await?;
    if let Some(live) = cx.data_unchecked::<std::sync::Arc<Plugin>>().desk.get(id) {
        let mut vitals = live.vitals.subscribe();
        live.stop.cancel();
        drop(live);
        // It ends when its job has let go of it, whatever it said last.
        let ended = vitals.wait_for(|vitals| vitals.status.is_terminal());
        let _ = tokio::time::timeout(PATIENCE, ended).await;
    }
    Ok(Capture(capture(kernel, id).await?))
}

async fn follow(
    cx: &Context<'_>,
    id: &ID,
) -> Result<impl Stream<Item = async_graphql::Result<CaptureState>> + use<>, Failure> {
    let kernel = cx.data_unchecked::<Kernel>().clone();
    let id = parse::<CaptureId>(id, "id")?;
    let found = capture(&kernel, id).await?;
    let live = cx.data_unchecked::<std::sync::Arc<Plugin>>().desk.get(id);
    let receiver = live.map(|live| live.vitals.subscribe());
    let begin = stream::once(std::future::ready(CaptureState::of_row(&found)));
    let during = stream::iter(receiver)
        .flat_map(WatchStream::new)
        .map(move |vitals| CaptureState::of_vitals(id, &vitals));
    // What the row says when nobody changes it any more is how it ended.
    let end = stream::once(async move {
        let last = capture(&kernel, id).await.ok();
        last.map(|last| CaptureState::of_row(&last))
    });
    let end = end.filter_map(std::future::ready);
    Ok(begin.chain(during).chain(end).map(Ok))
}
