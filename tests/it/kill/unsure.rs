//! Commits that happen, and whose sync then fails: the work is told to have failed, and is there. Nothing that is in its place
//! is called failed, or made again.

use std::{
    ffi::OsStr,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{client::Client, database::Backend};

use super::{disk::Disk, process::World, tree};
use crate::upload::visible;

const PATIENCE: Duration = Duration::from_secs(120);
const WATCH: &str = "{ media(first: 1, sort: [{ field: ADDED_AT, direction: ASC }]) { nodes { id ... on Video {
    clips(first: 1) { nodes { status } } renditions { status } } } } }";

/// What is made, how it is asked for, and what its file is called when it is in its place.
struct Made {
    what: &'static str,
    ask: &'static str,
    input: fn(&Value) -> Value,
    folder: &'static str,
    is_named: fn(&OsStr) -> bool,
    status: fn(&Value) -> &Value,
}

const CLIP: Made = Made {
    what: "clip",
    ask: "mutation($input: CreateClipInput!) { createClip(input: $input) { clip { id } } }",
    input: |id| json!({ "mediaId": id, "title": "some of it", "start": 0.5, "end": 1.5 }),
    folder: "clips",
    is_named: |name| name.as_encoded_bytes().ends_with(b".mp4"),
    status: |film| &film["clips"]["nodes"][0]["status"],
};

const RENDITION: Made = Made {
    what: "rendition",
    ask: "mutation($input: RenderProxyInput!) { renderProxy(input: $input) { rendition { id } } }",
    input: |id| json!({ "mediaId": id, "kind": "PROXY_480P" }),
    folder: "renditions",
    is_named: |name| name.len() > 24 && !name.as_encoded_bytes().contains(&b'#'),
    status: |film| &film["renditions"][0]["status"],
};

/// The files of a kind that are in their place, each with which file it is.
fn placed(world: &World, made: &Made) -> anyhow::Result<Vec<(String, u64)>> {
    let folder = world.data().join(made.folder);
    let mut names = visible(&folder)?;
    names.retain(|name| Path::new(name).file_name().is_some_and(made.is_named));
    let with_inode = |name: String| {
        let inode = folder.join(&name).metadata()?.ino();
        Ok((name, inode))
    };
    names.into_iter().map(with_inode).collect()
}

async fn film(client: &Client) -> anyhow::Result<Value> {
    let mut found = client.query(WATCH, json!({})).await?;
    Ok(found["media"]["nodes"][0].take())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_its_place_has_not_failed() -> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    let Some(disk) = Disk::mount(&home.path().join("disk"))? else {
        return Ok(());
    };
    let media = home.path().join("media");
    tree::films(&media, 1, "film.mp4 h264 160x120 2s aac:2ch")
        .await?
        .stop()
        .await;
    let world = World::make_with(
        &home.path().join("world"),
        disk.path().join("data"),
        Backend::Sqlite,
        &media,
    )
    .await?;
    let life = world.serve()?;
    life.start_scan(&world).await?;
    life.idle(&world).await?;
    let client = life.ready().await?;
    for made in [RENDITION, CLIP] {
        disk.fail_log_after(made.is_named);
        let id = film(&client).await?["id"].take();
        client.query(made.ask, json!({ "input": (made.input)(&id) })).await?;
        let begun = Instant::now();
        while !disk.has_failed_log() {
            ensure!(begun.elapsed() < PATIENCE, "the {} does not get its name", made.what);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let first = placed(&world, &made)?;
        ensure!(first.len() == 1, "{first:?}");
        loop {
            let film = film(&client).await?;
            let status = (made.status)(&film).as_str().context("a status")?.to_owned();
            ensure!(status != "FAILED", "the {} is in its place and has failed", made.what);
            if status == "READY" && !life.is_working(&world).await? {
                break;
            }
            ensure!(begun.elapsed() < PATIENCE, "the {} is still {status}", made.what);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ensure!(placed(&world, &made)? == first, "the {} was made again", made.what);
    }
    life.all_succeeded(&world).await?;
    life.end().await?;
    world.check_integrity().await
}
