//! Power that fails at any moment while people write, upload and a scan and pictures run: what was acknowledged is there
//! afterwards, a row never tells of bytes that are not, and the server starts on whatever is left. Before that, one write or sync
//! fails now and then.
//!
//! `VITAGRAPH_POWER_CUTS` says how often (4), `VITAGRAPH_KILL_SEED` repeats what the disk loses.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use entities::id::MediaId;
use futures_util::future::join_all;
use kernel::objects::ObjectKey;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::{Value, json};
use tests::{client::Client, on_both};

use super::{disk::Disk, number, process::World, random::Random, tree};
use crate::upload::{
    hash,
    restart::{OLD, Sources, film},
    tus::{Tus, film_of},
    visible,
};

const WRITERS: usize = 4;
/// The longest life of a server, once it serves.
const LIFE: Duration = Duration::from_millis(2500);
const EDIT: &str =
    "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { rating description } } }";
const CREATE: &str = "mutation($input: CreateTagInput!) { createTag(input: $input) { tag { id } } }";

/// What clients were told.
#[derive(Default)]
struct Told {
    n_named: AtomicUsize,
    /// Names of tags.
    tags: Mutex<Vec<String>>,
    /// Of each described item the last word that was acknowledged, and the last that was tried.
    words: Mutex<BTreeMap<String, (usize, usize)>>,
    /// Of each upload how many bytes were acknowledged, and which film it is.
    uploads: Mutex<BTreeMap<String, (usize, u64)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Told {
    /// Tags and descriptions in turns, until the server is gone.
    async fn write(&self, client: &Client, item: &str) {
        loop {
            let name = format!("tag {}", self.n_named.fetch_add(1, Ordering::Relaxed));
            match client.send(CREATE, json!({ "input": { "name": name } })).await {
                Ok(answer) if answer["data"]["createTag"]["tag"]["id"].is_string() => lock(&self.tags).push(name),
                // It may be there for all that.
                Ok(_) => {}
                Err(_) => return,
            }
            let n = {
                let mut words = lock(&self.words);
                let word = words.entry(item.to_owned()).or_default();
                word.1 += 1;
                word.1
            };
            let input = json!({ "input": { "id": item, "description": format!("word {n}") } });
            match client.send(EDIT, input).await {
                Ok(answer) if answer["data"]["updateMedia"]["media"]["description"] == format!("word {n}") => {
                    lock(&self.words).entry(item.to_owned()).or_default().0 = n;
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    /// Films in pieces, until the server is gone.
    async fn upload(&self, client: &Client, film: &[u8], seeds: std::ops::Range<u64>) -> Option<()> {
        let tus = Tus::new(client.clone());
        for seed in seeds {
            let bytes = bytes_of(film, seed);
            let name = format!("film {seed}.mp4");
            let url = tus.create(bytes.len(), &[("filename", &name), OLD]).await.ok()?;
            lock(&self.uploads).insert(url.clone(), (0, seed));
            const PIECES: usize = 4;
            for piece in 0..PIECES {
                let (from, to) = (bytes.len() * piece / PIECES, bytes.len() * (piece + 1) / PIECES);
                let answer = tus.patch(&url, from, &bytes[from..to]).await.ok()?;
                if answer.status != 204 {
                    break;
                }
                lock(&self.uploads).insert(url.clone(), (to, seed));
            }
        }
        Some(())
    }

    /// All that clients were told holds; no server runs.
    async fn holds(&self, db: &DatabaseConnection) -> anyhow::Result<()> {
        let tags = texts(db, "select name from tag").await?;
        let lost: Vec<_> = lock(&self.tags)
            .iter()
            .filter(|name| !tags.contains(name))
            .cloned()
            .collect();
        ensure!(lost.is_empty(), "acknowledged tags are lost: {lost:?}");
        let words = lock(&self.words).clone();
        for (item, (acknowledged, tried)) in words.into_iter().filter(|(_, (acknowledged, _))| *acknowledged > 0) {
            let id: MediaId = item.parse().ok().context("an id")?;
            let found = texts(db, &format!("select description from media where id = {}", id.0)).await?;
            let mut may_be = (acknowledged..=tried).map(|n| format!("word {n}"));
            ensure!(
                may_be.any(|word| found == [word]),
                "{item} says {found:?}, word {acknowledged} was acknowledged"
            );
        }
        Ok(())
    }

    /// The server knows of what it was sent; it goes on with each upload to the end.
    async fn uploads_go_on(&self, client: &Client, film: &[u8]) -> anyhow::Result<usize> {
        let tus = Tus::new(client.clone());
        let uploads = lock(&self.uploads).clone();
        for (url, (acknowledged, seed)) in &uploads {
            let bytes = bytes_of(film, *seed);
            let head = tus.head(url).await?;
            let offset = head.offset.with_context(|| format!("{url} is gone: {head:?}"))?;
            ensure!(
                offset >= *acknowledged,
                "{acknowledged} bytes of {url} were acknowledged, {offset} are left"
            );
            if offset < bytes.len() {
                let answer = tus.patch(url, offset, &bytes[offset..]).await?;
                ensure!(answer.status == 204, "{url} does not go on: {answer:?}");
            }
        }
        Ok(uploads.len())
    }
}

fn bytes_of(film: &[u8], seed: u64) -> Vec<u8> {
    film_of(film, film.len() + 60_000 + 1009 * (seed % 100) as usize, seed)
}

async fn texts(db: &DatabaseConnection, sql: &str) -> anyhow::Result<Vec<String>> {
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), sql))
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get_by_index(0))
        .collect::<Result<_, _>>()?)
}

/// Every row of a picture has its bytes.
async fn pictures_are_there(db: &DatabaseConnection, folder: &Path) -> anyhow::Result<usize> {
    let text = "select key from picture_object";
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), text))
        .await?;
    for row in &rows {
        let key: Vec<u8> = row.try_get_by_index(0)?;
        let key = ObjectKey::from_bytes(&key).context("a key")?;
        let name = key.to_string();
        let path = folder.join(&name[..2]).join(&name[2..]);
        let bytes = std::fs::read(&path).with_context(|| format!("a row without {}", path.display()))?;
        ensure!(
            ObjectKey::of(&bytes) == key,
            "{} has other bytes than its name says",
            path.display()
        );
    }
    Ok(rows.len())
}

on_both! {
    async fn power_that_fails_takes_nothing_that_was_acknowledged(backend: Backend) {
        let n_cuts = number("VITAGRAPH_POWER_CUTS")?.unwrap_or(4);
        let clock_seed = std::time::SystemTime::UNIX_EPOCH.elapsed()?.subsec_nanos();
        let seed = number("VITAGRAPH_KILL_SEED")?.unwrap_or(clock_seed.into());
        println!("VITAGRAPH_KILL_SEED={seed}");
        let mut random = Random::new(seed);
        let film = film().await?;
        let home = tempfile::tempdir()?;
        let Some(mut disk) = Disk::mount(&home.path().join("disk"))? else { return Ok(()) };
        let media = disk.path().join("media");
        std::fs::create_dir(&media)?;
        tree::films(&media, 40, "a.mp4 h264 160x120 400ms aac:2ch").await?.stop().await;
        let world = World::make_with(&home.path().join("world"), disk.path().join("data"), backend, &media).await?.drawing();
        let mut sources = Sources::default();
        for path in visible(&media)? {
            sources.add(&std::fs::read(media.join(path))?);
        }
        disk.settle();

        let told = Told::default();
        let (mut n_pages, mut n_names, mut n_failed) = (0, 0, 0);
        for cut in 0..n_cuts {
            let life = world.serve()?;
            let client = life.ready().await?;
            if cut == 0 {
                life.start_scan(&world).await?;
                life.idle(&world).await?;
                // Drawing starts by itself, and a busy machine may not come to it in any life.
                while world.number("select count(*) from picture_object").await? == 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            let items = client.query("{ media(first: 4, sort: [{ field: TITLE }]) { nodes { id } } }", json!({})).await?;
            let items: Vec<&str> = items["media"]["nodes"].as_array().context("items")?.iter().filter_map(|node| node["id"].as_str()).collect();
            ensure!(items.len() == WRITERS, "{items:?}");
            told.uploads_go_on(&client, &film).await?;
            let seeds = 100 * cut..100 * cut + 60;
            for seed in seeds.clone() {
                sources.add(&bytes_of(&film, seed));
            }
            if cut % 2 == 1 {
                disk.fail(random.below(200));
            }
            let clients = async {
                let writers = join_all(items.iter().map(|item| told.write(&client, item)));
                tokio::join!(writers, told.upload(&client, &film, seeds))
            };
            let end = async {
                tokio::time::sleep(random.up_to(LIFE)).await;
                disk.cut();
                n_failed += usize::from(cut % 2 == 1 && !disk.is_to_fail());
                life.kill(&world).await
            };
            let (_, ended) = tokio::join!(clients, end);
            ended?;
            let (pages, names) = disk.turn_on_again(&mut random).await?;
            (n_pages, n_names) = (n_pages + pages, n_names + names);
            world.check_integrity().await?;
            sources.check(&world, &media).await?;
            let db = world.connect().await?;
            told.holds(&db).await?;
            pictures_are_there(&db, &world.data().join("pictures")).await?;
            db.close().await?;
        }

        let life = world.serve()?;
        let client = life.ready().await?;
        let n_uploads = told.uploads_go_on(&client, &film).await?;
        life.all_succeeded(&world).await?;
        let count: Value = client.query("{ media(first: 1) { totalCount } }", json!({})).await?;
        life.end().await?;
        sources.check(&world, &media).await?;
        let found: Vec<String> = visible(&media)?.iter().map(|path| Ok(hash(&std::fs::read(media.join(path))?))).collect::<anyhow::Result<_>>()?;
        for (url, (_, seed)) in &*lock(&told.uploads) {
            ensure!(found.contains(&hash(&bytes_of(&film, *seed))), "{url} was sent to its end and is not in the library");
        }
        let db = world.connect().await?;
        let n_pictures = pictures_are_there(&db, &world.data().join("pictures")).await?;
        db.close().await?;
        println!(
            "{n_cuts} cuts took up to {n_pages} pages and {n_names} names, {n_failed} writes or syncs failed before; all there: {} tags, \
             {n_uploads} uploads, {n_pictures} pictures, {} items",
            lock(&told.tags).len(),
            count["media"]["totalCount"],
        );
        ensure!(n_pages > 0 && !lock(&told.tags).is_empty() && n_uploads > 0 && n_pictures > 0, "nothing was at stake");
    }
}
