//! A server that is killed while files come in: what it has acknowledged is on the disk, and what can be seen is whole.
//!
//! `VITAGRAPH_TEST_UPLOAD_KILLS` is how often the process is killed at any moment; `tests/kill/uploads` does it in full size.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, ensure};
use media_proto::synthetic::Synthetic;
use sea_orm::{ConnectionTrait, Statement};
use tests::{database::Backend, fixture, on_both, server::TestServer};

use super::{
    ended, hash,
    tus::{Tus, film_of},
    visible,
};
use crate::kill::process::World;

pub fn number(name: &str, usual: usize) -> anyhow::Result<usize> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is not a number: {text}")),
        Err(_) => Ok(usual),
    }
}

pub async fn film() -> anyhow::Result<Vec<u8>> {
    let server = TestServer::start(Backend::Sqlite).await?;
    fixture::synthesize(&Synthetic::clip(11), &server.server().engine).await
}

/// Files that were sent, by their hash.
#[derive(Default)]
pub struct Sources(BTreeMap<String, Vec<u8>>);

impl Sources {
    /// Takes in what will be sent.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.insert(hash(bytes), bytes.to_vec());
    }

    /// What must hold whenever no server runs.
    pub async fn check(&self, world: &World, media: &Path) -> anyhow::Result<()> {
        for path in visible(media)? {
            let bytes = std::fs::read(media.join(&path))?;
            ensure!(
                self.0.contains_key(&hash(&bytes)),
                "`{path}` can be seen and is not whole"
            );
        }
        let db = world.connect().await?;
        let text = "select upload.id, upload.status, upload.n_received, upload.n_bytes, upload.metadata, \
            upload.target_folder, upload.target_name from upload";
        let rows = db
            .query_all_raw(Statement::from_string(db.get_database_backend(), text))
            .await?;
        db.close().await?;
        for row in rows {
            let id = entities::id::UploadId(row.try_get_by_index(0)?);
            let (status, n_received, n_bytes): (i32, i64, i64) = (
                row.try_get_by_index(1)?,
                row.try_get_by_index(2)?,
                row.try_get_by_index(3)?,
            );
            let target = || -> anyhow::Result<_> {
                let folder: Vec<u8> = row.try_get_by_index(5)?;
                let name: Vec<u8> = row.try_get_by_index(6)?;
                Ok(media.join(String::from_utf8(folder)?).join(String::from_utf8(name)?))
            };
            let part = media.join(".vitagraph-uploads").join(format!("{id}.part"));
            // A file that is being placed has one name or the other.
            let at = match status {
                0 | 1 => part,
                2 if part.exists() => part,
                2..=4 => target()?,
                _ => continue,
            };
            let bytes =
                std::fs::read(&at).with_context(|| format!("a row of status {status} without {}", at.display()))?;
            let safe = &bytes[..usize::try_from(n_received)?.min(bytes.len())];
            ensure!(
                safe.len() as i64 == n_received,
                "{n_received} bytes are acknowledged, {} are there",
                safe.len()
            );
            let is_prefix = |source: &Vec<u8>| source.len() as i64 == n_bytes && source.starts_with(safe);
            ensure!(
                self.0.values().any(is_prefix),
                "the {n_received} acknowledged bytes of {id} are not those sent"
            );
        }
        Ok(())
    }
}

/// Uploads go to a library whose files are read at once: they seem to be old.
pub const OLD: (&str, &str) = ("modifiedAt", "784111777000");

on_both! {
    async fn a_killed_server_goes_on_where_it_acknowledged(backend: Backend) {
        let kills = number("VITAGRAPH_TEST_UPLOAD_KILLS", 5)?;
        let film = film().await?;
        let home = tempfile::tempdir()?;
        let media = home.path().join("media");
        std::fs::create_dir(&media)?;
        let world = World::make(&home.path().join("world"), backend, &media).await?;
        let mut sources = Sources::default();
        let bytes = film_of(&film, 9_000_000, 1);
        sources.add(&bytes);
        let name = [("filename", "killed.mp4"), OLD];
        let mut url = String::new();
        let (mut acknowledged, mut n_sent) = (0, 0);
        for kill in 0..kills {
            let life = world.serve()?;
            let tus = Tus::new(life.ready().await?);
            if kill == 0 {
                url = tus.create(bytes.len(), &name).await?;
            }
            let offset = tus.head(&url).await?.offset.context("an offset")?;
            ensure!(offset >= acknowledged, "{acknowledged} bytes were acknowledged, {offset} are left");
            // One piece is acknowledged, and the server dies at any moment of the next.
            let end = offset + (bytes.len() - offset) / (kills - kill + 1) / 2;
            let answer = tus.patch(&url, offset, &bytes[offset..end]).await?;
            ensure!(answer.status == 204 && answer.offset == Some(end), "{answer:?}");
            acknowledged = end;
            let until = (end + 700_000 + kill * 9_973).min(bytes.len() - 1);
            tus.break_off(&url, end, bytes.len() - end, &bytes[end..until]).await?;
            n_sent += until - offset;
            life.kill(&world).await?;
            sources.check(&world, &media).await?;
        }
        let life = world.serve()?;
        let client = life.ready().await?;
        let tus = Tus::new(client.clone());
        let offset = tus.head(&url).await?.offset.context("an offset")?;
        ensure!(offset >= acknowledged && offset < bytes.len());
        let answer = tus.patch(&url, offset, &bytes[offset..]).await?;
        ensure!(answer.status == 204, "{answer:?}");
        n_sent += bytes.len() - offset;
        let upload = ended(&client, &url).await?;
        ensure!(upload["status"] == "READY" && upload["contentHash"] == hash(&bytes), "{upload:#}");
        life.end().await?;
        sources.check(&world, &media).await?;
        let again = n_sent.saturating_sub(bytes.len());
        println!("{kills} kills, {} bytes, {again} of them sent again", bytes.len());
        ensure!(again <= bytes.len() / 50 + kills * (16 << 20), "{again} bytes were sent again");
    }
}
