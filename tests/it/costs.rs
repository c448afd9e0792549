//! What each operation of the contract costs in statements, with nothing in memory: the same for ten things and for two
//! hundred. The beginning and the end of a transaction are no statements.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, ensure};
use entities::id::JobId;
use kernel::{sql, store::Durability};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use server::dev::{self, plan::Plan};
use tests::{client::Client, on_both, server::TestServer, shared};

/// The goal for every operation.
const MOST: u64 = 8;

/// What does not cost the same each time: it finds something done before, such as the trial of this machine's hardware.
const UNSTEADY: [&str; 2] = ["RenderProxy", "System"];

struct World<'a> {
    server: &'a TestServer,
    documents: BTreeMap<&'static str, String>,
    costs: BTreeMap<&'static str, Vec<u64>>,
}

impl World<'_> {
    /// Runs an operation with nothing in memory, and counts it.
    async fn count(&mut self, file: &'static str, operation: &'static str, variables: Value) -> anyhow::Result<()> {
        let document = alone(&self.documents[file], operation)?;
        // A fact of something in the background makes what was just read old, and then it is read again: of what can be
        // asked again, the least of some tries is its own.
        let n_tries = if document.trim_start().starts_with("query") {
            3
        } else {
            1
        };
        let mut cost = u64::MAX;
        for _ in 0..n_tries {
            self.server.server().kernel.caches.clear();
            cost = cost.min(crate::pages::cost(self.server, &document, Some(operation), &variables).await?);
        }
        self.costs.entry(operation).or_default().push(cost);
        Ok(())
    }
}

/// An operation of a file without its neighbors, which may ask for what plugins of another time have, and with the
/// fragments that it spreads.
fn alone(document: &str, operation: &str) -> anyhow::Result<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in document.lines().filter(|line| !line.starts_with('#')) {
        let begins = ["query ", "mutation ", "subscription ", "fragment "];
        match blocks.last_mut() {
            Some(block) if !begins.iter().any(|word| line.starts_with(word)) => block.push_str(&format!("\n{line}")),
            _ => blocks.push(line.to_owned()),
        }
    }
    let name = |block: &str| {
        let words = block.split(|sign: char| !sign.is_alphanumeric());
        words.filter(|word| !word.is_empty()).nth(1).map(str::to_owned)
    };
    let (fragments, operations): (Vec<String>, Vec<String>) =
        blocks.into_iter().partition(|block| block.starts_with("fragment "));
    let own = operations
        .into_iter()
        .find(|block| name(block).as_deref() == Some(operation));
    let mut kept = own.with_context(|| format!("no {operation} in the document"))?;
    for fragment in fragments {
        if name(&fragment).is_some_and(|name| kept.contains(&format!("...{name}"))) {
            kept.push_str(&format!("\n{fragment}"));
        }
    }
    Ok(kept)
}

/// A job that has ended, made to wait for a day far ahead.
async fn resting_job(server: &TestServer) -> anyhow::Result<String> {
    let tx = server.server().kernel.store.begin(Durability::Normal).await?;
    let text = "update job set state = 1, run_at = 4102444800000, finished_at = null \
        where id = (select max(id) from job where state = 3) returning id";
    let row = sql::rows(&*tx, text, []).await?.pop().context("a job that has ended")?;
    let id = JobId(row.try_get_by_index(0)?);
    tx.commit().await?;
    Ok(id.to_string())
}

async fn made(client: &Client, kind: &str, input: Value) -> anyhow::Result<Value> {
    let field = format!("{}{}", kind[..1].to_lowercase(), &kind[1..]);
    let document =
        format!("mutation($input: Create{kind}Input!) {{ create{kind}(input: $input) {{ {field} {{ id }} }} }}");
    Ok(client.query(&document, json!({ "input": input })).await?[format!("create{kind}")][&field]["id"].take())
}

on_both! {
    async fn every_operation_of_the_contract_costs_few_statements(backend: Backend) {
        let files = ["organize", "media-filter", "media-page", "export", "library", "jobs", "video", "system", "intake"];
        let mut documents = BTreeMap::new();
        for file in files {
            let Some(document) = shared::operation(&format!("{file}.graphql")) else { return Ok(()) };
            documents.insert(file, document);
        }
        let server = TestServer::start(backend).await?;
        let admin = server.admin();
        // A film with everything that the watch page shows, among a library of rows.
        dev::seed(&server.server().kernel, Plan::new(400, Some(250), Some(250), Some(60), 1), |_| ()).await?;
        let library = server.library("film.mkv h264 320x240 3s aac srt:eng title:Film chapters:3\nsmall.jpg 64x48").await?;
        server.scan(&library).await?;
        server.idle().await?;
        // Which devices encode is tried beside requests, each of which waits some seconds for it.
        let tried = async {
            while admin.send("{ system { hardware { checkedAt } } }", json!({})).await?["errors"].is_array() {}
            anyhow::Ok(())
        };
        tokio::time::timeout(Duration::from_secs(180), tried).await.context("the devices are still being tried")??;
        let ids = admin.query("{ tags(first: 6, sort: [{ field: MEDIA_COUNT, direction: DESC }]) { nodes { id } } people(first: 1) { nodes { id } }
            media(first: 200, filter: { not: { title: { eq: \"Film\" } } }, sort: [{ field: ID }]) { nodes { id files { id } } }
            film: media(first: 1, filter: { title: { eq: \"Film\" } }) { nodes { id files { id } } } }", json!({})).await?;
        let at = |list: &str, n: usize| ids[list]["nodes"][n]["id"].clone();
        let film = at("film", 0);
        let items: Vec<Value> = (0..200).map(|n| at("media", n)).collect();
        let pairs: Vec<String> = (0..12).map(|n| {
            let [one, other] = [&ids["film"]["nodes"][0], &ids["media"]["nodes"][n]].map(|item| {
                item["files"][0]["id"].as_str().and_then(|id| id.parse::<entities::id::FileId>().ok()).map_or(0, |id| id.0)
            });
            format!("({}, {}, {n})", one.min(other), one.max(other))
        }).collect();
        let tx = server.server().kernel.store.begin(Durability::Normal).await?;
        tx.execute_unprepared(&format!("insert into similar_pair (a_file_id, b_file_id, distance) values {}", pairs.join(", "))).await?;
        tx.commit().await?;
        let filter = documents["media-filter"].replace("prs_a", at("people", 0).as_str().unwrap_or_default());
        let filter = ["tag_a", "tag_b", "tag_c"].iter().enumerate()
            .fold(filter, |text, (n, tag)| text.replace(tag, at("tags", n).as_str().unwrap_or_default()));
        documents.insert("media-filter", filter);
        let mut world = World { server: &server, documents, costs: BTreeMap::new() };

        for (round, n) in [10, 200].into_iter().enumerate() {
            let named = |name: &str| format!("{name} {n}");
            let first = json!({ "first": n });
            let input = |input: Value| json!({ "input": input });
            for marker in 0..[10, 90][round] {
                let tags = [at("tags", marker % 6), at("tags", (marker + 1) % 6)];
                made(&admin, "Marker", json!({ "mediaId": film, "title": named("m"), "start": 0.01 * marker as f64, "tagIds": tags })).await?;
            }
            let clip = json!({ "mediaId": film, "start": 0.5, "end": 1.5 });
            world.count("video", "CreateClip", input(clip)).await.context("a clip")?;
            world.count("video", "RenderProxy", input(json!({ "mediaId": film }))).await.context("a proxy")?;
            server.idle().await?;
            let large = world.documents["media-filter"].replace("first: 40", &format!("first: {n}"));
            let before = world.documents.insert("media-filter", large);
            world.count("media-filter", "FilteredMedia", json!({})).await?;
            world.documents.extend(before.map(|before| ("media-filter", before)));
            // Whoever asks for the hardware while it is being tried is told to ask again.
            crate::pictures::patiently(world.server, "{ system { hardware { checkedAt } } }").await?;
            for (file, operation, variables) in [
                ("media-page", "MediaPage", first.clone()),
                ("export", "ExportIds", json!({})),
                ("library", "Libraries", json!({})),
                ("jobs", "Jobs", first),
                ("organize", "Organise", json!({})),
                ("video", "Watch", json!({ "id": film })),
                ("system", "Viewer", json!({})),
                ("system", "System", json!({})),
                ("intake", "Intake", json!({})),
                ("organize", "Rate", input(json!({ "id": items[0], "rating": n / 4, "title": named("a title") }))),
                ("video", "SaveProgress", input(json!({ "id": film, "position": 1.0 + round as f64 }))),
                ("video", "RecordView", input(json!({ "id": film }))),
                ("video", "CreateMarker", input(json!({ "mediaId": film, "title": "a marker", "start": 1 }))),
                ("organize", "CreateTag", input(json!({ "name": named("new"), "aliases": [named("one"), named("two")], "parentIds": [at("tags", 0)] }))),
                ("organize", "CreatePerson", input(json!({ "name": named("somebody"), "aliases": [named("one")] }))),
                ("organize", "CreateStudio", input(json!({ "name": named("studio") }))),
                ("organize", "CreateCollection", input(json!({ "name": named("collection"), "mediaIds": items[..n] }))),
                ("organize", "SaveFilter", input(json!({ "name": named("filter"), "filter": { "rating": { "gte": 3 } } }))),
                ("system", "CreateUser", input(json!({ "name": named("user"), "password": "a long password", "role": "EDITOR" }))),
                ("system", "CreateApiToken", input(json!({ "name": named("token"), "scopes": ["VIEW"] }))),
                ("library", "StartScan", input(json!({ "libraryId": library }))),
            ] {
                world.count(file, operation, variables).await.with_context(|| format!("{operation} at {n}"))?;
            }
            server.idle().await?;
            let folder = tempfile::tempdir()?;
            world.count("library", "CreateLibrary", input(json!({ "name": named("library"), "paths": [folder.path()] }))).await?;
            let collection = made(&admin, "Collection", json!({ "name": named("filled"), "mediaIds": [film] })).await?;
            world.count("organize", "AddToCollection", input(json!({ "id": collection, "mediaIds": items[..n] }))).await?;
            let goes = made(&admin, "Tag", json!({ "name": named("goes"), "aliases": [named("gone")] })).await?;
            let stays = made(&admin, "Tag", json!({ "name": named("stays"), "parentIds": [at("tags", 0)] })).await?;
            world.count("organize", "BulkEdit", input(json!({ "ids": items[..n], "addTagIds": [goes] }))).await?;
            world.count("organize", "MergeTags", input(json!({ "sourceIds": [goes], "targetId": stays }))).await?;
            let edit = "mutation($input: BulkUpdateMediaInput!) { bulkUpdateMedia(input: $input) { undoToken } }";
            let token = admin.query(edit, input(json!({ "ids": items[..n], "addTagIds": [at("tags", 5)] }))).await?;
            world.count("organize", "Undo", input(json!({ "token": token["bulkUpdateMedia"]["undoToken"] }))).await?;
            let job = input(json!({ "id": resting_job(&server).await? }));
            for operation in ["PauseJob", "ResumeJob", "CancelJob", "RetryJob"] {
                world.count("jobs", operation, job.clone()).await.with_context(|| format!("{operation} at {n}"))?;
            }
        }
        // Nobody sends there, so that what is begun ends by itself.
        for name in ["one", "other"] {
            let source = json!({ "name": name, "url": "rtsp://127.0.0.1:9/none", "libraryId": library });
            world.count("intake", "CreateCaptureSource", json!({ "input": source })).await?;
            let sources = admin.query("{ captureSources(first: 9) { nodes { id name } } }", json!({})).await?;
            let nodes = sources["captureSources"]["nodes"].as_array().context("sources")?;
            let source = nodes.iter().find(|node| node["name"] == name).context("the source")?;
            world.count("intake", "StartCapture", json!({ "input": { "sourceId": source["id"] } })).await?;
        }
        println!("statements at 10 and at 200: {:?}", world.costs);
        for (operation, costs) in &world.costs {
            let is_steady = UNSTEADY.contains(operation) || costs.iter().all(|cost| cost == &costs[0]);
            ensure!(is_steady, "{operation} costs {costs:?}");
            ensure!(costs.iter().all(|cost| *cost <= MOST), "{operation} costs {costs:?}, more than {MOST}");
        }
    }
}
