//! Changes of the libraries for a client that was away: told from where it stopped, whoever made them, or a reset.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context;
use kernel::sql;
use serde_json::{Value, json};
use tests::{on_both, server::TestServer, socket::Socket};
use tokio::time::timeout;

const CHANGES: &str = "subscription($since: Int) { libraryChanges(since: $since) { __typename
    ... on MediaAdded { sequence media { title } } ... on MediaUpdated { sequence media { title } }
    ... on MediaRemoved { sequence mediaId } ... on LibraryReset { sequence reason } } }";
const TITLES: &str = "{ media(first: 10, sort: [{ field: TITLE }]) { nodes { id title } } }";
const EDIT: &str = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }";
/// Longer than a change that nobody in the process tells of takes to be found.
const QUIET: Duration = Duration::from_secs(4);

on_both! {
    async fn changes_are_told_from_where_a_client_stopped(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.jpg 160x120\nb.jpg 160x120\nc.jpg 160x120\n").await?;
        server.scan(&library).await?;
        server.idle().await?;
        let ids = ids(&server).await?;
        let mut live = follow(&server, newest(&server).await?).await?;
        describe(&server, &ids[0]).await?;
        let change = change(&mut live).await?;
        assert_eq!((&change["__typename"], &change["media"]["title"]), (&json!("MediaUpdated"), &json!("a")));
        let since = change["sequence"].as_i64().context("a sequence")?;
        drop(live);

        describe(&server, &ids[1]).await?;
        describe(&server, &ids[2]).await?;
        let mut back = follow(&server, since).await?;
        let (mut told, mut last) = (BTreeSet::new(), since);
        while told.len() < 2 {
            let change = self::change(&mut back).await?;
            told.insert(change["media"]["title"].as_str().context("a title")?.to_owned());
            let sequence = change["sequence"].as_i64().context("a sequence")?;
            assert!(sequence >= last, "{sequence} after {last}");
            last = sequence;
        }
        assert_eq!(told, BTreeSet::from(["b".to_owned(), "c".to_owned()]));

        // Nothing is told twice to who has heard all.
        let mut up_to_date = follow(&server, last).await?;
        assert!(timeout(QUIET, up_to_date.hear()).await.is_err(), "something old was told");
        // Live changes go on behind what was missed.
        describe(&server, &ids[0]).await?;
        for socket in [&mut back, &mut up_to_date] {
            assert_eq!(self::change(socket).await?["media"]["title"], "a");
        }
    }

    async fn a_change_of_another_process_is_told(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.jpg 160x120\n").await?;
        server.scan(&library).await?;
        server.idle().await?;
        let id: entities::id::MediaId = ids(&server).await?[0].parse()?;
        let mut live = follow(&server, newest(&server).await?).await?;
        // As another process writes it; nobody in this one hears of it.
        let text = format!(
            "insert into library_change (id, kind, media_ids, created_at) \
             select max(id) + 1, 1, '[{}]', 0 from library_change", id.0);
        sql::execute(server.server().kernel.store.migrator(), text, []).await?;
        let change = change(&mut live).await?;
        assert_eq!((&change["__typename"], &change["media"]["title"]), (&json!("MediaUpdated"), &json!("a")));
    }

    async fn who_was_away_too_long_reads_again(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.jpg 160x120\nb.jpg 160x120\n").await?;
        server.scan(&library).await?;
        server.idle().await?;
        let ids = ids(&server).await?;
        describe(&server, &ids[0]).await?;
        describe(&server, &ids[1]).await?;
        let store = &server.server().kernel.store;
        sql::execute(store.migrator(), "delete from library_change where id < (select max(id) from library_change)", []).await?;
        let newest = newest(&server).await?;
        // One from before what is kept, one that has never been told: from another database, say.
        for since in [0, newest + 5] {
            let mut back = follow(&server, since).await?;
            let change = change(&mut back).await?;
            assert_eq!((&change["__typename"], &change["sequence"]), (&json!("LibraryReset"), &json!(newest)), "{since}");
        }
    }
}

async fn follow(server: &TestServer, since: i64) -> anyhow::Result<Socket> {
    let mut socket = Socket::open(server, server.viewer().token().context("a token")?).await?;
    socket.subscribe(CHANGES, json!({ "since": since })).await?;
    Ok(socket)
}

async fn newest(server: &TestServer) -> anyhow::Result<i64> {
    let extent = kernel::changes::extent(server.server().kernel.store.reader()).await?;
    Ok(extent.newest)
}

async fn change(socket: &mut Socket) -> anyhow::Result<Value> {
    loop {
        let said = socket.hear().await?;
        let change = &said["payload"]["data"]["libraryChanges"];
        if !change.is_null() {
            return Ok(change.clone());
        }
        anyhow::ensure!(said["type"] != "error" && said["payload"]["errors"].is_null(), "{said}");
    }
}

async fn ids(server: &TestServer) -> anyhow::Result<Vec<String>> {
    let media = server.admin().query(TITLES, json!({})).await?;
    let nodes = media["media"]["nodes"].as_array().context("items")?;
    Ok(nodes
        .iter()
        .filter_map(|node| Some(node["id"].as_str()?.to_owned()))
        .collect())
}

async fn describe(server: &TestServer, id: &str) -> anyhow::Result<()> {
    let input = json!({ "input": { "id": id, "description": format!("seen at {:?}", std::time::Instant::now()) } });
    server.admin().query(EDIT, input).await.map(drop)
}
