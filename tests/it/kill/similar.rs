//! Killing the server at random moments of a comparison: the pairs and groups become those of an undisturbed one.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use entities::{id::LibraryId, library};
use sea_orm::{ConnectionTrait, EntityTrait, Statement};
use tests::on_both;

use super::{number, process::World, random::Random};
use crate::similar::plant::{Plant, numbers, plant_rows};

/// Enough that a comparison takes some transactions.
const N_ITEMS: u64 = 4000;
/// Kills that have to hit a comparison in its middle.
const WANTED: u32 = 3;
/// Kills at most; many of them come before or after the work.
const MOST: u32 = 40;

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
        db.close().await?;

        // What is not compared is compared as soon as a server starts.
        let left = "select (select count(*) from file_analysis) - (select count(*) from similar_file where is_compared)";
        let n_left = async || world.number(left).await;
        let begun = Instant::now();
        let life = world.serve()?;
        life.ready().await?;
        let boot = begun.elapsed();
        life.idle(&world).await?;
        let whole = begun.elapsed();
        life.all_succeeded().await?;
        life.end().await?;
        ensure!(n_left().await? == 0, "{} files were not compared", n_left().await?);
        let wanted = found(&world).await?;
        ensure!(wanted.pairs.len() > 600 && wanted.members.len() > 2000, "{} pairs", wanted.pairs.len());

        forget(&world).await?;
        let (mut n_kills, mut n_inside) = (0, 0);
        while n_inside < WANTED && n_kills < MOST {
            let life = world.serve()?;
            tokio::time::sleep(boot / 2 + random.up_to(whole - boot / 2)).await;
            life.kill(&world).await?;
            n_kills += 1;
            match n_left().await? {
                0 => forget(&world).await?,
                left => n_inside += u32::from(left < N_ITEMS as i64),
            }
        }
        println!("{n_inside} of {n_kills} kills hit a comparison of {N_ITEMS}, which takes {:.1?}", whole - boot);
        ensure!(n_inside > 0, "no kill hit a comparison");
        let life = world.serve()?;
        life.ready().await?;
        let begun = Instant::now();
        while n_left().await? > 0 {
            ensure!(begun.elapsed() < Duration::from_secs(120), "{} files are never compared", n_left().await?);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        life.idle(&world).await?;
        life.all_succeeded().await?;
        life.end().await?;
        world.check_integrity().await?;
        let found = found(&world).await?;
        ensure!(found.pairs == wanted.pairs, "{} pairs instead of {}", found.pairs.len(), wanted.pairs.len());
        ensure!(found.members == wanted.members, "{} rows of groups instead of {}", found.members.len(), wanted.members.len());
    }
}
