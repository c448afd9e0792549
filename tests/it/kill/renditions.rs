//! Killing the server, and any of its workers, in the middle of many renditions: every one ends whole, and nothing that was
//! kept is made again.

use std::{
    collections::BTreeSet,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use media_engine::{engine::Engine, source::Source};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::{Value, json};
use tests::on_both;
use tokio_util::sync::CancellationToken;

use super::{life::Life, number, process::World, random::Random, tree};

/// No segment takes longer, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long each film lasts, and its frames.
const FILM: (&str, i64, u64) = ("film.mp4 h264 320x240 24s aac:2ch", 24_000_000, 600);
/// Rows of a rendition of such a film when all of it is made: header and segments of pictures and of sound.
const N_ROWS: i64 = 2 * 7;

/// The segments that are kept, by rendition, track and number.
type Kept = BTreeSet<(i64, i32, i32)>;

async fn kept(db: &DatabaseConnection) -> anyhow::Result<Kept> {
    let text = "select rendition_id, track, n from clip_segment";
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), text))
        .await?;
    let row = |row: &sea_orm::QueryResult| {
        Ok((
            row.try_get_by_index(0)?,
            row.try_get_by_index(1)?,
            row.try_get_by_index(2)?,
        ))
    };
    rows.iter().map(row).collect()
}

/// The renditions that are whole.
async fn ready(db: &DatabaseConnection) -> anyhow::Result<BTreeSet<i64>> {
    let text = "select id from clip_rendition where status = 2";
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), text))
        .await?;
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// Waits until so much is done; false when all of it is. What was seen to be kept must be there at every later look, or its
/// rendition be whole: else it is made again.
async fn reaches(world: &World, db: &DatabaseConnection, wanted: i64, n: i64, seen: &mut Kept) -> anyhow::Result<bool> {
    let (mut last, mut n_last) = (Instant::now(), 0);
    loop {
        for _ in 0..50 {
            // In this order: a rendition gets whole and loses its segments in one step.
            let now = kept(db).await?;
            let whole = ready(db).await?;
            let lost: Vec<_> = seen
                .iter()
                .filter(|row| !now.contains(row) && !whole.contains(&row.0))
                .collect();
            ensure!(lost.is_empty(), "made again: {lost:?}");
            seen.extend(&now);
            let n_ready = whole.len() as i64;
            if n_ready == n {
                return Ok(false);
            }
            let n_done = n_ready * N_ROWS + now.len() as i64;
            if n_done >= wanted {
                return Ok(true);
            }
            if n_done != n_last {
                (last, n_last) = (Instant::now(), n_done);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        ensure!(last.elapsed() < PATIENCE, "the work does not go on: {seen:?}");
        world.pass_time().await?;
    }
}

/// What was kept is there still, or its rendition is whole; and no file holds more than one segment that no row knows.
async fn check_kept(world: &World, before: &Kept) -> anyhow::Result<()> {
    let db = world.connect().await?;
    let (now, whole) = (kept(&db).await?, ready(&db).await?);
    let lost: Vec<_> = before
        .iter()
        .filter(|row| !now.contains(row) && !whole.contains(&row.0))
        .collect();
    ensure!(lost.is_empty(), "made again: {lost:?}");
    let text = "select rendition_id, track, sum(n_bytes) from clip_segment group by rendition_id, track";
    let text = text.replace("sum(n_bytes)", "cast(sum(n_bytes) as bigint)");
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), text))
        .await?;
    for row in rows {
        let (rendition, track): (i64, i32) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let known = usize::try_from(row.try_get_by_index::<i64>(2)?)?;
        let name = format!("{}.{track}", entities::id::RenditionId(rendition));
        let file = fs::read(world.data().join("clips/.work").join(&name))?;
        let beyond = file.get(known..).context("the file is shorter than its rows say")?;
        let n_beyond = beyond.windows(4).filter(|four| four == b"moof").count();
        ensure!(n_beyond <= 1, "{n_beyond} segments of {name} are made again");
    }
    db.close().await?;
    Ok(())
}

/// Reads every rendition to its end, apart from what the server says of it.
async fn check_whole(world: &World, engine: &Engine) -> anyhow::Result<usize> {
    let mut n = 0;
    for shard in fs::read_dir(world.data().join("renditions"))? {
        for file in fs::read_dir(shard?.path())? {
            let file = file?;
            // What a killed server began to write has a name that nobody asks for, until it is swept.
            if file.file_name().to_string_lossy().contains('#') {
                continue;
            }
            let path = file.path();
            let source = Source::new(fs::File::open(&path)?)?;
            let found = engine.verify(&source, &CancellationToken::new()).await?;
            let [pictures, sound] = found.streams.as_slice() else {
                anyhow::bail!("{}: {found:?}", path.display())
            };
            let is_whole = pictures.is_video
                && pictures.n_packets == FILM.2
                && pictures.n_decoded == pictures.n_keyframes
                && pictures.n_keyframes >= 6
                // This reader shows pictures later by as many as are stored out of order, 80 ms.
                && (0..=80_000).contains(&pictures.start_us)
                && (pictures.end_us - FILM.1).abs() <= 80_000
                && sound.n_decoded + 2 >= sound.n_packets
                && (sound.end_us - FILM.1).abs() < 50_000;
            ensure!(is_whole, "{}: {found:?}", path.display());
            n += 1;
        }
    }
    Ok(n)
}

/// Asks for a rendition of every item.
async fn ask(life: &Life, n: usize) -> anyhow::Result<()> {
    let client = life.ready().await?;
    let list = client.query("{ media(first: 50) { nodes { id } } }", json!({})).await?;
    let films: Vec<Value> = list["media"]["nodes"].as_array().context("a list")?.clone();
    ensure!(films.len() == n, "{} films", films.len());
    let render = "mutation($input: RenderProxyInput!) { renderProxy(input: $input) { rendition { id } } }";
    for film in &films {
        let input = json!({ "input": { "mediaId": film["id"], "kind": "PROXY_480P" } });
        client.query(render, input).await?;
    }
    Ok(())
}

on_both! {
    async fn killed_renditions_end_whole_and_nothing_kept_is_made_again(backend: Backend) {
        let seed = number("VITAGRAPH_KILL_SEED")?.unwrap_or(std::time::SystemTime::UNIX_EPOCH.elapsed()?.subsec_nanos().into());
        let n = number("VITAGRAPH_KILL_RENDITIONS")?.unwrap_or(3) as usize;
        let kills = number("VITAGRAPH_KILLS")?.unwrap_or(4) as i64;
        println!("VITAGRAPH_KILL_SEED={seed}");
        let mut random = Random::new(seed);
        let home = tempfile::tempdir()?;
        let media = home.path().join("media");
        let engine: Arc<Engine> = tree::films(&media, n, FILM.0).await?;
        let world = World::make(&home.path().join("rendered"), backend, &media).await?;
        let mut life = world.serve()?;
        life.start_scan(&world).await?;
        life.idle(&world).await?;
        ask(&life, n).await?;

        let db = world.connect().await?;
        let whole = n as i64 * N_ROWS;
        let (mut n_servers, mut n_workers, mut seen) = (0, 0, Kept::new());
        for kill in 0..kills {
            // Somewhere in the share of the work that is this kill's.
            let wanted = (kill * whole + random.below(whole as u64) as i64) / kills;
            if !reaches(&world, &db, wanted.max(1), n as i64, &mut seen).await? {
                break;
            }
            if kill % 2 == 0 {
                life.kill(&world).await?;
                check_kept(&world, &seen).await?;
                life = world.serve()?;
                life.ready().await?;
                n_servers += 1;
            } else {
                n_workers += u32::from(world.kill_worker(random.below(100) as usize)?);
            }
        }
        reaches(&world, &db, i64::MAX, n as i64, &mut seen).await?;
        db.close().await?;
        life.idle(&world).await?;
        life.end().await?;
        world.check_integrity().await?;
        ensure!(n_servers > 0, "the server was never killed");
        let left = "select count(*) from clip_segment";
        ensure!(world.number(left).await? == 0, "segments of whole renditions are left");
        let n_whole = check_whole(&world, &engine).await?;
        engine.stop().await;
        println!("{n_whole} files of {n} renditions after {n_servers} kills of the server and {n_workers} of a worker");
        let left = fs::read_dir(world.data().join("clips/.work")).map(|list| list.count()).unwrap_or(0);
        ensure!(n_whole == n && left == 0, "{n_whole} of {n} are there, {left} files of finished work are left");
    }
}
