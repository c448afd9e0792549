//! Killing the server at random moments of a scan: every restart goes on, and the rows become those of an undisturbed scan.
//!
//! `VITAGRAPH_KILLS` and `VITAGRAPH_KILL_FILES` set the size, `VITAGRAPH_KILL_SEED` repeats a run, and
//! `VITAGRAPH_KILL_BIN` names the folder of the programs; `tests/kill/run` does it in full size.

mod contended;
mod disk;
mod full;
pub mod life;
mod nodes;
mod power;
pub mod process;
pub mod random;
mod renditions;
mod rows;
mod similar;
mod tree;
mod unsure;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use life::Life;
use process::World;
use random::Random;
use rows::Rows;
use tests::{database::Backend, on_both};

/// How often and over how much.
struct Size {
    kills: u64,
    files: u64,
}

impl Size {
    fn of(backend: Backend) -> anyhow::Result<Self> {
        let kills = if backend == Backend::Sqlite { 8 } else { 4 };
        Ok(Self {
            kills: number("VITAGRAPH_KILLS")?.unwrap_or(kills),
            files: number("VITAGRAPH_KILL_FILES")?.unwrap_or(500),
        })
    }
}

fn number(name: &str) -> anyhow::Result<Option<u64>> {
    let text = std::env::var(name).ok();
    text.map(|text| text.parse().with_context(|| format!("{name} is not a number: {text}")))
        .transpose()
}

on_both! {
    async fn a_killed_scan_ends_with_the_rows_of_an_undisturbed_one(backend: Backend) {
        let size = Size::of(backend)?;
        let clock_seed = std::time::SystemTime::UNIX_EPOCH.elapsed()?.subsec_nanos();
        let seed = number("VITAGRAPH_KILL_SEED")?.unwrap_or(clock_seed.into());
        println!("VITAGRAPH_KILL_SEED={seed}");
        let home = tempfile::tempdir()?;
        let media = home.path().join("media");
        tree::write(&media, size.files).await?;

        let world = World::make(&home.path().join("undisturbed"), backend, &media).await?;
        let begun = Instant::now();
        let life = world.serve()?;
        life.ready().await?;
        let boot = begun.elapsed();
        life.start_scan(&world).await?;
        let begun = Instant::now();
        life.idle(&world).await?;
        let scan = begun.elapsed();
        life.all_succeeded(&world).await?;
        life.end().await?;
        let wanted = world.rows().await?;
        ensure!(wanted.count("file") + wanted.count("scan_failure") >= size.files as usize, "the scan missed files");
        for table in ["chapter", "media_tag", "media_person", "studio", "scan_failure", "scan_sidecar"] {
            ensure!(wanted.count(table) > 0, "the tree makes no rows in {table}");
        }
        println!("undisturbed: boot {boot:.2?}, scan and hashes {scan:.2?}, {wanted}");

        let torture = Torture { backend, media: &media, boot, scan, size: &size, wanted: &wanted };
        torture.run(home.path(), Random::new(seed)).await?;
    }

    async fn a_killed_drawing_goes_on_until_everything_has_pictures_or_a_reason(backend: Backend) {
        const KILLS: u64 = 5;
        let seed = number("VITAGRAPH_KILL_SEED")?.unwrap_or(std::time::SystemTime::UNIX_EPOCH.elapsed()?.subsec_nanos().into());
        println!("VITAGRAPH_KILL_SEED={seed}");
        let mut random = Random::new(seed);
        let home = tempfile::tempdir()?;
        let media = home.path().join("media");
        tree::write(&media, 40).await?;
        let world = World::make(&home.path().join("drawn"), backend, &media).await?.drawing();
        let sets = "select count(*) from picture_set";
        for kill in 0..KILLS {
            let life = world.serve()?;
            life.ready().await?;
            if kill == 0 {
                life.start_scan(&world).await?;
                life.idle(&world).await?;
            }
            tokio::time::sleep(random.up_to(Duration::from_millis(1500))).await;
            life.kill(&world).await?;
            println!("{} sets after kill {}", world.number(sets).await?, kill + 1);
        }
        let life = world.serve()?;
        life.ready().await?;
        let undrawn = "select count(*) from media m where not exists (select 1 from picture_set s where s.media_id = m.id) \
            and not exists (select 1 from picture_failure f where f.media_id = m.id)";
        let begun = Instant::now();
        while world.number(undrawn).await? > 0 {
            ensure!(begun.elapsed() < Duration::from_secs(600), "{} items are never drawn", world.number(undrawn).await?);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        life.all_succeeded(&world).await?;
        life.end().await?;
        world.check_integrity().await?;
        ensure!(world.number(sets).await? > 0, "nothing was drawn");
        let lost = "select count(*) from picture_object o where not exists (select 1 from picture_part p where p.key = o.key)";
        ensure!(world.number(lost).await? == 0, "an object belongs to no set");
        let sum = "select (select bytes from picture_total) - coalesce((select cast(sum(bytes) as bigint) from picture_object), 0)";
        ensure!(world.number(sum).await? == 0, "the sum of the bytes is not that of the rows");
        // Bytes may be there without a row, for the next sweep, but never a row without its bytes.
        let n_rows = world.number("select count(*) from picture_object").await?;
        ensure!(world.n_files("pictures")? as i64 >= n_rows, "{n_rows} rows");
    }
}

struct Torture<'a> {
    backend: Backend,
    media: &'a Path,
    boot: Duration,
    scan: Duration,
    size: &'a Size,
    wanted: &'a Rows,
}

impl Torture<'_> {
    /// Kills until it is enough. A scan that ended earlier is compared, and another one begins.
    async fn run(&self, home: &Path, mut random: Random) -> anyhow::Result<()> {
        // Longer lives end the scan before it was killed often; shorter ones die before they have done anything.
        let share = self.scan * 3 / 2 / self.size.kills.max(1) as u32;
        let longest = share.max(self.scan / 5).max(self.scan.min(Duration::from_millis(400)));
        let (mut kills, mut rounds, mut in_boot) = (0, 0, 0);
        let begun = Instant::now();
        while kills < self.size.kills {
            rounds += 1;
            let world = World::make(&home.join(format!("round{rounds}")), self.backend, self.media).await?;
            let mut is_started = false;
            let mut kills_here = 0;
            loop {
                let life = world.serve()?;
                let is_last = kills == self.size.kills;
                if is_started && !is_last && random.below(8) == 0 {
                    tokio::time::sleep(random.up_to(self.boot)).await;
                    in_boot += 1;
                } else {
                    life.ready().await?;
                    if !is_started {
                        life.start_scan(&world).await?;
                        is_started = true;
                    }
                    if is_last {
                        life.idle(&world).await?;
                    }
                    if !life.is_working(&world).await? {
                        self.finish(&world, life, kills_here).await?;
                        break;
                    }
                    tokio::time::sleep(random.up_to(longest)).await;
                }
                life.kill(&world).await?;
                kills += 1;
                kills_here += 1;
            }
        }
        println!(
            "{kills} kills, {in_boot} of them while the server started, over {rounds} scans of {} files in {:.1?}",
            self.size.files,
            begun.elapsed()
        );
        Ok(())
    }

    async fn finish(&self, world: &World, life: Life, kills: u64) -> anyhow::Result<()> {
        life.all_succeeded(world).await?;
        life.end().await?;
        world.check_integrity().await?;
        let rows = world.rows().await?;
        rows.ensure_equals(self.wanted)
            .with_context(|| format!("after {kills} kills of one scan"))
    }
}
