//! What people did to their items stays with the bytes: through five hundred renamed, moved and swapped files at once,
//! and while the folder of a library is away.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use entities::{chapter, file, folder, media, media_tag, media_user, stream, tag};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value, json};
use tests::{client::Client, fixture, on_both, server::TestServer};

const FOLDERS: usize = 20;
const EACH: usize = 25;

/// Where file `n` is at first.
fn first_place(n: usize) -> String {
    format!("f{:02}/p{n:03}.png", n / EACH)
}

/// Five hundred pictures that differ in their last bytes alone: neither size nor name tells them apart.
async fn library(server: &TestServer) -> anyhow::Result<String> {
    let library = server.library("base.png 16x16").await?;
    let base = server.media().join("base.png");
    let bytes = fs::read(&base)?;
    fs::remove_file(base)?;
    for n in 0..FOLDERS * EACH {
        let bytes = [&bytes, n.to_le_bytes().as_slice()].concat();
        fixture::write_file(&server.media().join(first_place(n)), &bytes)?;
    }
    server.scan(&library).await?;
    Ok(library)
}

/// Items by the path of their only file.
async fn items(client: &Client) -> anyhow::Result<BTreeMap<String, Value>> {
    let document = "query($after: String) { media(first: 200, after: $after, filter: {
            or: [{ isMissing: { eq: true } }, { isMissing: { eq: false } }] }) {
        pageInfo { hasNextPage endCursor }
        nodes { id title rating isFavorite tags(first: 9) { nodes { name } } files { path status } } } }";
    let mut items = BTreeMap::new();
    let mut after = Value::Null;
    loop {
        let mut page = client.query(document, json!({ "after": after })).await?["media"].take();
        let Value::Array(nodes) = page["nodes"].take() else {
            anyhow::bail!("no list: {page}")
        };
        for node in nodes {
            ensure!(
                node["files"].as_array().map(Vec::len) == Some(1),
                "not one file: {node:#}"
            );
            let path = node["files"][0]["path"].as_str().context("a path")?.to_owned();
            items.insert(path, node);
        }
        if page["pageInfo"]["hasNextPage"] != true {
            return Ok(items);
        }
        after = page["pageInfo"]["endCursor"].take();
    }
}

/// Gives every item a rating, two tags of seven, and some of them a heart.
async fn organize(editor: &Client, items: &BTreeMap<String, Value>) -> anyhow::Result<()> {
    let mut tags = Vec::new();
    for n in 0..7 {
        let create = "mutation($input: CreateTagInput!) { createTag(input: $input) { tag { id } } }";
        let mut made = editor
            .query(create, json!({ "input": { "name": format!("tag {n}") } }))
            .await?;
        tags.push(made["createTag"]["tag"]["id"].take());
    }
    let update = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }";
    for (n, item) in items.values().enumerate() {
        let tags = [&tags[n % 7], &tags[(n + 1 + n / 7 % 6) % 7]];
        let input = json!({ "id": item["id"], "rating": n % 101, "isFavorite": n % 3 == 0, "tagIds": tags });
        editor.query(update, json!({ "input": input })).await?;
    }
    Ok(())
}

/// Where file `n` is after the great move.
fn second_place(n: usize) -> String {
    let (folder, place) = (n / EACH, n % EACH);
    match folder {
        // Whole folders under another name, some of them deeper.
        0..=4 => format!("renamed/g{folder}/p{n:03}.png"),
        // Files under another name where they were.
        5..=9 => format!("f{folder:02}/renamed {}.png", 999 - n),
        // Files in another folder that is there, under the name they had.
        10..=12 => format!("f{:02}/p{n:03}.png", 5 + folder % 5),
        // Files in a new folder under a new name.
        13 | 14 => format!("moved/{}/m{n}.png", place % 4),
        // Names go round within a folder: each is now another file's.
        15..=17 => first_place(folder * EACH + (place + 1) % EACH),
        // Two folders have exchanged what they hold, as copies made on another disk: inode and time are new.
        _ => first_place((37 - folder) * EACH + place),
    }
}

fn move_all(root: &Path) -> anyhow::Result<()> {
    let aside = root.with_extension("aside");
    let all: Vec<usize> = (0..FOLDERS * EACH).collect();
    for n in &all {
        let to = aside.join(second_place(*n));
        fs::create_dir_all(to.parent().context("a folder")?)?;
        let from = root.join(first_place(*n));
        if n / EACH >= 18 {
            fixture::write_file(&to, &fs::read(from)?)?;
        } else {
            fs::rename(from, to)?;
        }
    }
    for entry in fs::read_dir(root)? {
        fs::remove_dir_all(entry?.path())?;
    }
    for entry in fs::read_dir(&aside)? {
        let entry = entry?;
        fs::rename(entry.path(), root.join(entry.file_name()))?;
    }
    Ok(fs::remove_dir(aside)?)
}

/// Every row that holds what was found or what people did, times included.
async fn rows(server: &TestServer) -> anyhow::Result<Vec<String>> {
    let db = server.server().kernel.store.reader();
    let mut rows = Vec::new();
    rows.extend(
        media::Entity::find()
            .order_by_asc(media::Column::Id)
            .all(db)
            .await?
            .iter()
            .map(|row| format!("{row:?}")),
    );
    rows.extend(
        file::Entity::find()
            .order_by_asc(file::Column::Id)
            .all(db)
            .await?
            .iter()
            .map(|row| format!("{row:?}")),
    );
    rows.extend(
        stream::Entity::find()
            .order_by_asc(stream::Column::Id)
            .all(db)
            .await?
            .iter()
            .map(|row| format!("{row:?}")),
    );
    rows.extend(
        chapter::Entity::find()
            .all(db)
            .await?
            .iter()
            .map(|row| format!("{row:?}")),
    );
    rows.extend(
        folder::Entity::find()
            .order_by_asc(folder::Column::Id)
            .all(db)
            .await?
            .iter()
            .map(|row| format!("{row:?}")),
    );
    rows.extend(
        tag::Entity::find()
            .order_by_asc(tag::Column::Id)
            .all(db)
            .await?
            .iter()
            .map(|row| format!("{row:?}")),
    );
    let edges = media_tag::Entity::find()
        .order_by_asc(media_tag::Column::MediaId)
        .order_by_asc(media_tag::Column::TagId);
    rows.extend(edges.all(db).await?.iter().map(|row| format!("{row:?}")));
    let own = media_user::Entity::find().order_by_asc(media_user::Column::MediaId);
    rows.extend(own.all(db).await?.iter().map(|row| format!("{row:?}")));
    Ok(rows)
}

async fn library_row(server: &TestServer, library: &str) -> anyhow::Result<Value> {
    let document = "query($id: ID!) { node(id: $id) { ... on Library {
        name paths mediaCount totalSize totalDuration isOnline offlineReason } } }";
    Ok(server.admin().query(document, json!({ "id": library })).await?["node"].take())
}

on_both! {
    async fn five_hundred_moved_files_keep_tags_and_ratings(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = library(&server).await?;
        let editor = server.editor();
        let found = items(&editor).await?;
        ensure!(found.len() == FOLDERS * EACH, "{} items", found.len());
        organize(&editor, &found).await?;
        let mut wanted = items(&editor).await?;
        ensure!(wanted["f03/p099.png"]["rating"] == 99 && wanted["f00/p003.png"]["isFavorite"] == true);
        let totals = library_row(&server, &library).await?;

        move_all(server.media())?;
        let n_moved = (0..FOLDERS * EACH).filter(|n| first_place(*n) != second_place(*n)).count();
        ensure!(n_moved == FOLDERS * EACH, "only {n_moved} files have another path");
        server.scan(&library).await?;

        let after = items(&editor).await?;
        ensure!(after.len() == FOLDERS * EACH, "{} items after the move", after.len());
        for n in 0..FOLDERS * EACH {
            let mut before = wanted.remove(&first_place(n)).context("an item")?;
            let now = after.get(&second_place(n)).with_context(|| format!("nothing is at {}", second_place(n)))?;
            before["files"][0]["path"] = json!(second_place(n));
            // A title that nobody gave is the file's name.
            before["title"] = now["title"].clone();
            ensure!(&before == now, "{} at {}: was {before:#}, is {now:#}", first_place(n), second_place(n));
        }
        ensure!(library_row(&server, &library).await? == totals);
    }

    async fn a_root_that_goes_away_and_comes_back_changes_only_is_online(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = library(&server).await?;
        let editor = server.editor();
        organize(&editor, &items(&editor).await?).await?;
        // The full hashes are on their way; they come from the files, not from their absence.
        server.idle().await?;
        let (before, shown, online) = (rows(&server).await?, items(&editor).await?, library_row(&server, &library).await?);
        ensure!(online["isOnline"] == true && before.len() > 3_000, "{} rows of {online}", before.len());

        let root = server.media();
        let away: PathBuf = root.with_extension("away");
        for is_empty in [false, true] {
            fs::rename(root, &away)?;
            if is_empty {
                fs::create_dir(root)?;
            }
            let job = server.start_scan(&library).await?;
            let job = server.finished(&job).await?;
            ensure!(job["status"] == "FAILED" && job["error"]["code"] == "SCAN_LIBRARY_OFFLINE", "{job:#}");
            let mut offline = library_row(&server, &library).await?;
            ensure!(offline["isOnline"] == false && offline["offlineReason"].is_string(), "{offline:#}");
            offline["isOnline"] = json!(true);
            offline["offlineReason"] = Value::Null;
            ensure!(offline == online, "offline changed the library: {offline:#}");
            ensure!(rows(&server).await? == before && items(&editor).await? == shown, "offline changed rows");

            if is_empty {
                fs::remove_dir(root)?;
            }
            fs::rename(&away, root)?;
            server.scan(&library).await?;
            server.idle().await?;
            ensure!(library_row(&server, &library).await? == online);
            ensure!(rows(&server).await? == before && items(&editor).await? == shown, "back online, other rows");
        }
    }
}
