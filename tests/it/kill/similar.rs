//! Killing the server at random moments of a comparison: the pairs and groups become those of an undisturbed one.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use entities::{id::LibraryId, library};
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, Statement};
use tests::on_both;

use super::{number, process::World, random::Random};
use crate::similar::plant::{Plant, numbers, plant_rows};

/// Enough that a comparison takes some transactions.
const N_ITEMS: u64 = 2000;
/// Kills in the middle of a comparison.
const N_KILLS: usize = 3;
/// Nothing takes longer, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// What comparing writes, as texts.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    pairs: Vec<[i64; 3]>,
    members: Vec<[i64; 4]>,
}

async fn found(world: &World) -> anyhow::Result<Found> {
    async fn read<const N: usize>(db: &impl ConnectionTrait, text: &str) -> anyhow::Result<Vec<[i64; N]>> {
        let rows = db
            .query_all_raw(Statement::from_string(db.get_database_backend(), text))
            .await?;
        let mut all = Vec::new();
        for row in rows {
            let mut numbers = [0; N];
            for (at, number) in numbers.iter_mut().enumerate() {
                *number = row.try_get_by_index(at)?;
            }
            all.push(numbers);
        }
        all.sort_unstable();
        Ok(all)
    }
    let db = world.connect().await?;
    let pairs = "select a_file_id, b_file_id, cast(distance as bigint) from similar_pair";
    let members = "select cast(level as bigint), media_id, group_id, cast(distance as bigint) from similar_member";
    let found = Found {
        pairs: read(&db, pairs).await?,
        members: read(&db, members).await?,
    };
    db.close().await?;
    Ok(found)
}

/// As if nothing had been compared.
async fn forget(world: &World) -> anyhow::Result<()> {
    let db = world.connect().await?;
    for table in ["similar_member", "similar_pair", "similar_file", "job"] {
        db.execute_unprepared(&format!("delete from {table}")).await?;
    }
    db.close().await?;
    Ok(())
}

/// How many files are measured and not compared.
async fn n_left(db: &DatabaseConnection) -> anyhow::Result<i64> {
    let text = "select (select count(*) from file_analysis) - (select count(*) from similar_file where is_compared)";
    let statement = Statement::from_string(db.get_database_backend(), text);
    let row = db.query_one_raw(statement).await?.context("a number")?;
    Ok(row.try_get_by_index(0)?)
}

/// Waits until no more files than so many are left, and says how many are.
async fn falls_to(world: &World, db: &DatabaseConnection, wanted: i64) -> anyhow::Result<i64> {
    let begun = Instant::now();
    loop {
        for _ in 0..100 {
            let left = n_left(db).await?;
            if left <= wanted {
                return Ok(left);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "{} files are never compared",
            n_left(db).await?
        );
        world.pass_time().await?;
    }
}

on_both! {
    async fn a_killed_comparison_ends_with_the_groups_of_an_undisturbed_one(backend: Backend) {
        let seed = number("VITAGRAPH_KILL_SEED")?.unwrap_or(std::time::SystemTime::UNIX_EPOCH.elapsed()?.subsec_nanos().into());
        println!("VITAGRAPH_KILL_SEED={seed}");
        let mut random = Random::new(seed);
        let home = tempfile::tempdir()?;
        let media = home.path().join("media");
        std::fs::create_dir(&media)?;
        let world = World::make(&home.path().join("compared"), backend, &media).await?;

        // Every third is near one of those before it.
        let mut next = numbers(17);
        let mut hashes: Vec<u64> = Vec::new();
        for n in 0..N_ITEMS {
            let near = n % 3 == 2;
            let hash = if near { hashes[next() as usize % hashes.len()] } else { next() };
            hashes.push((0..if near { next() % 12 } else { 0 }).fold(hash, |hash, _| hash ^ 1 << (next() % 64)));
        }
        let plants: Vec<Plant> = hashes.iter().map(|hash| Plant::image(*hash)).collect();
        let db = world.connect().await?;
        let library: LibraryId = library::Entity::find().one(&db).await?.context("a library")?.id;
        plant_rows(&db, library, 1, &plants).await?;

        // What is not compared is compared as soon as a server has started.
        let life = world.serve()?;
        life.ready().await?;
        falls_to(&world, &db, 0).await?;
        life.all_succeeded(&world).await?;
        life.end().await?;
        let wanted = found(&world).await?;
        ensure!(wanted.pairs.len() > 600 && wanted.members.len() > 2000, "{} pairs", wanted.pairs.len());

        forget(&world).await?;
        let mut at = Vec::new();
        while at.len() < N_KILLS {
            let life = world.serve()?;
            let before = n_left(&db).await?;
            let left = falls_to(&world, &db, random.below(before as u64) as i64).await?;
            life.kill(&world).await?;
            if left == 0 {
                forget(&world).await?;
            } else {
                at.push(left);
            }
        }
        println!("killed when {at:?} of {N_ITEMS} files were not compared");
        let life = world.serve()?;
        life.ready().await?;
        falls_to(&world, &db, 0).await?;
        db.close().await?;
        life.all_succeeded(&world).await?;
        life.end().await?;
        world.check_integrity().await?;
        let found = found(&world).await?;
        ensure!(found.pairs == wanted.pairs, "{} pairs instead of {}", found.pairs.len(), wanted.pairs.len());
        ensure!(found.members == wanted.members, "{} rows of groups instead of {}", found.members.len(), wanted.members.len());
    }
}
