//! Everybody wants the database at once: a scan, sixteen who write, fifty who read, and on SQLite a backup. On PostgreSQL all
//! connections break and the table of items is held again and again. Nobody hears of a lock, nothing acknowledged is lost, and
//! afterwards all goes on.
//!
//! `VITAGRAPH_TEST_CONTENTION_SECONDS` says how long (8).

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use tests::{
    client::Client,
    database::{BREAK_OTHERS, Backend},
    on_both,
};
use tokio::time::{Instant, sleep};

use super::{life::Life, number, process::World, tree};

const WRITERS: usize = 16;
const READERS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(120);
const EDIT: &str = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { description } } }";
const PAGE: &str = "query($sort: MediaSortField!) { media(first: 40, sort: [{ field: $sort }]) \
    { nodes { id title description tags(first: 5) { nodes { name } } files { path } } } }";

/// What clients met.
#[derive(Default)]
struct Met {
    is_over: AtomicBool,
    n_written: AtomicU64,
    n_read: AtomicU64,
    n_refused: AtomicU64,
    /// Connections of the server that were broken.
    n_broken: AtomicU64,
}

impl Met {
    /// The data of an answer; a refusal that may be, because the database was away or the machine busy, is counted.
    fn data(&self, backend: Backend, answer: &Value) -> anyhow::Result<Option<Value>> {
        let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
        for error in errors {
            let code = error["extensions"]["code"].as_str().unwrap_or_default();
            // Sixty-six who ask without a pause may be too many for the machine; that is no lock.
            let is_crowd = error["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("the operation took longer than"));
            let may_be = is_crowd || backend == Backend::Postgres && ["UNAVAILABLE", "TIMEOUT"].contains(&code);
            ensure!(may_be, "{answer:#}");
        }
        if errors.is_empty() {
            return Ok(Some(answer["data"].clone()));
        }
        self.n_refused.fetch_add(1, Ordering::Relaxed);
        Ok(None)
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Describes an item again and again, and once more when all is calm; holds that the last word stands.
    async fn write(&self, backend: Backend, client: &Client, id: &str) -> anyhow::Result<()> {
        let mut calm_since: Option<Instant> = None;
        for n in 1.. {
            let text = format!("word {n}");
            let input = json!({ "input": { "id": id, "description": text } });
            let answer = client.send(EDIT, input).await?;
            let Some(data) = self.data(backend, &answer)? else {
                let since = self.is_over().then(|| *calm_since.get_or_insert_with(Instant::now));
                ensure!(
                    since.is_none_or(|since| since.elapsed() < PATIENCE),
                    "{id} cannot be written any more"
                );
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            ensure!(data["updateMedia"]["media"]["description"] == *text, "{data:#}");
            self.n_written.fetch_add(1, Ordering::Relaxed);
            if self.is_over() {
                let read = "query($id: ID!) { node(id: $id) { ... on Media { description } } }";
                let read = client.query(read, json!({ "id": id })).await?;
                ensure!(read["node"]["description"] == *text, "{read:#} and not {text}");
                return Ok(());
            }
        }
        Ok(())
    }

    async fn read(&self, backend: Backend, client: &Client, which: usize) -> anyhow::Result<()> {
        let sorts = ["TITLE", "ADDED_AT", "SIZE", "DURATION", "RATING"];
        while !self.is_over() {
            let answer = client.send(PAGE, json!({ "sort": sorts[which % sorts.len()] })).await?;
            match self.data(backend, &answer)? {
                Some(page) => {
                    ensure!(
                        page["media"]["nodes"].as_array().is_some_and(|nodes| nodes.len() == 40),
                        "{page:#}"
                    );
                    self.n_read.fetch_add(1, Ordering::Relaxed);
                }
                None => sleep(Duration::from_millis(20)).await,
            }
        }
        Ok(())
    }

    /// Starts a backup, and deletes those before the last one: there is a most of them.
    async fn back_up(&self, backend: Backend, client: &Client) -> anyhow::Result<()> {
        let started = client
            .send("mutation { startBackup { job { id } } }", json!({}))
            .await?;
        self.data(backend, &started)?;
        let held = client.send("{ system { backups { name } } }", json!({})).await?;
        let held = self.data(backend, &held)?.unwrap_or_default();
        let newest_first = held["system"]["backups"].as_array().map_or(&[][..], Vec::as_slice);
        for backup in newest_first.iter().skip(1) {
            let delete = "mutation($input: DeleteBackupInput!) { deleteBackup(input: $input) { name } }";
            let input = json!({ "input": { "name": backup["name"] } });
            self.data(backend, &client.send(delete, input).await?)?;
        }
        Ok(())
    }

    /// Stands in the way until the time is over.
    async fn disturb(&self, backend: Backend, world: &World, client: &Client, seconds: u64) -> anyhow::Result<()> {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            if backend == Backend::Sqlite {
                self.back_up(backend, client).await?;
                sleep(Duration::from_secs(2)).await;
                continue;
            }
            let db = world.connect().await?;
            let cut = Statement::from_string(db.get_database_backend(), BREAK_OTHERS);
            let n_broken: i64 = db.query_one_raw(cut).await?.context("a number")?.try_get_by_index(0)?;
            self.n_broken.fetch_add(n_broken.unsigned_abs(), Ordering::Relaxed);
            sleep(Duration::from_secs(1)).await;
            db.execute_unprepared("begin; lock table media in access exclusive mode; select pg_sleep(2); commit")
                .await?;
            db.close().await?;
            sleep(Duration::from_secs(1)).await;
        }
        self.is_over.store(true, Ordering::Relaxed);
        Ok(())
    }
}

async fn ids(client: &Client) -> anyhow::Result<Vec<String>> {
    let media = client.query("{ media(first: 40) { nodes { id } } }", json!({})).await?;
    let nodes = media["media"]["nodes"].as_array().context("items")?;
    let ids = nodes.iter().filter_map(|node| Some(node["id"].as_str()?.to_owned()));
    Ok(ids.take(WRITERS).collect())
}

/// Whatever was begun is done, and so is what begins now.
async fn goes_on(world: &World, life: &Life, media: &Path) -> anyhow::Result<()> {
    life.all_succeeded(world).await?;
    tree::write(&media.join("last"), 20).await?;
    life.start_scan(world).await?;
    life.all_succeeded(world).await
}

on_both! {
    async fn nobody_hears_of_a_lock_while_everybody_wants_the_database(backend: Backend) {
        let seconds = number("VITAGRAPH_TEST_CONTENTION_SECONDS")?.unwrap_or(8);
        let home = tempfile::tempdir()?;
        let media = home.path().join("media");
        tree::write(&media, 80).await?;
        let world = World::make(&home.path().join("world"), backend, &media).await?;
        let life = world.serve()?;
        let client = life.ready().await?;
        life.start_scan(&world).await?;
        life.all_succeeded(&world).await?;
        let ids = ids(&client).await?;
        ensure!(ids.len() == WRITERS, "{ids:?}");
        tree::write(&media.join("later"), 400).await?;
        life.start_scan(&world).await?;

        let met = Met::default();
        let writers = try_join_all(ids.iter().map(|id| met.write(backend, &client, id)));
        let readers = try_join_all((0..READERS).map(|which| met.read(backend, &client, which)));
        tokio::try_join!(met.disturb(backend, &world, &client, seconds), writers, readers)?;
        goes_on(&world, &life, &media).await?;
        life.end().await?;
        world.check_integrity().await?;
        let [n_written, n_read, n_refused, n_broken] =
            [&met.n_written, &met.n_read, &met.n_refused, &met.n_broken].map(|n| n.load(Ordering::Relaxed));
        println!("{seconds} s: {n_written} written, {n_read} read, {n_refused} refused, {n_broken} connections broken");
        let n_edits = world.number("select count(*) from edit").await?;
        ensure!(n_edits >= n_written as i64, "{n_edits} edits of {n_written} that were acknowledged");
        if backend == Backend::Postgres {
            ensure!(n_broken > 0, "nothing broke, so that nothing was shown");
        }
    }
}
