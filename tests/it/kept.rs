//! Kept answers are never stale: after each write of the contract a question that was answered before is answered as if
//! nothing had been kept.

use anyhow::{Context, ensure};
use kernel::cache::STATED_BYTES;
use serde_json::{Value, json};
use server::http::graphql::document::Document;
use tests::{client::Client, on_both, server::TestServer};

/// What the writes below can change, as three pages of the app ask for it, and searches for what they write.
const QUESTIONS: [&str; 4] = [
    "query Page($first: Int) { media(first: $first, sort: [{ field: ID, direction: ASC }]) { totalCount
        facets { tags { value { name } count } ratings { from count } }
        nodes { id title description date rating isFavorite viewCount lastViewedAt updatedAt tags { nodes { id name mediaCount } }
            people { nodes { id name } } studio { id name } files { id path } customFields { text field { name } }
            ... on Video { resumePosition markers { nodes { id title start tags { nodes { name } } } } } } } }",
    "query Lists($first: Int) { tags(first: $first) { totalCount nodes { id name aliases color mediaCount parents { id } children { id }
            media(first: 4) { nodes { id title } } } }
        people(first: $first) { nodes { id name aliases mediaCount media(first: 4) { nodes { id } } } }
        studios(first: $first) { nodes { id name mediaCount parent { name } } }
        collections(first: $first) { nodes { id name isSmart itemCount items(first: 3) { nodes { media { id } position } } } }
        savedFilters { id name filter } customFields { id name } }",
    "query Libraries($first: Int) { libraries(first: $first) { totalCount nodes { id name paths mediaCount totalSize isOnline } } }",
    "query Searches($first: Int) { night: media(first: $first, search: \"night\") { totalCount nodes { id } }
        dark: media(first: $first, search: \"dark -first\") { totalCount nodes { id } }
        day: media(first: $first, search: \"da*\") { totalCount facets { tags { value { name } count } } nodes { id } }
        ada: media(first: $first, search: \"ada\", sort: [{ field: TITLE }]) { totalCount nodes { id } }
        film: media(first: $first, search: \"film\", filter: { kind: { eq: VIDEO } }) { totalCount nodes { id } }
        words: media(first: $first, search: \"first words\") { totalCount nodes { id } } }",
];

/// The text of an answer, and whether it was kept.
async fn ask(server: &TestServer, client: &Client, document: &str) -> anyhow::Result<(String, bool)> {
    let body = json!({ "query": document, "variables": { "first": 50 } });
    let hits = || {
        let all = server.server().kernel.caches.stats();
        all.into_iter()
            .find(|cache| cache.name == "graphql.answers")
            .map_or(0, |cache| cache.hits)
    };
    let before = hits();
    let text = client
        .request("POST", "/graphql")?
        .json(&body)
        .send()
        .await?
        .text()
        .await?;
    ensure!(!text.contains("\"errors\""), "{text}");
    Ok((text, hits() > before))
}

/// Says whether answers that were kept before a write are still true after it.
struct Watch<'a> {
    server: &'a TestServer,
    editor: Client,
    n_changed: usize,
    n_kept: usize,
}

impl Watch<'_> {
    async fn write(&mut self, document: &str, input: Value) -> anyhow::Result<Value> {
        let mut before = Vec::new();
        for question in QUESTIONS {
            ask(self.server, &self.editor, question).await?;
            let (text, was_kept) = ask(self.server, &self.editor, question).await?;
            self.n_kept += usize::from(was_kept);
            before.push(text);
        }
        let done = self
            .editor
            .query(document, json!({ "input": input }))
            .await
            .with_context(|| document.to_owned())?;
        let mut after = Vec::new();
        for question in QUESTIONS {
            after.push(ask(self.server, &self.editor, question).await?.0);
        }
        // The truth: nothing is kept anywhere.
        self.server.server().kernel.caches.clear();
        for ((question, after), before) in QUESTIONS.into_iter().zip(after).zip(before) {
            let (truth, _) = ask(self.server, &self.editor, question).await?;
            ensure!(after == truth, "stale after {document}:\n{after}\n{truth}");
            self.n_changed += usize::from(before != truth);
        }
        Ok(done)
    }
}

on_both! {
    async fn all_caches_together_hold_what_is_stated_at_most(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let sum: u64 = server.server().kernel.caches.stats().iter().map(|cache| cache.capacity_bytes).sum();
        ensure!((STATED_BYTES / 2..=STATED_BYTES).contains(&sum), "{sum} bytes");
    }

    async fn an_answer_is_kept_until_something_is_written(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 1s\nsong.flac").await?;
        server.scan(&library).await?;
        server.idle().await?;
        let viewer = server.viewer();
        let is_keepable = |text: &str| {
            let document = Document::parse(text.to_owned()).map_err(|failure| anyhow::anyhow!("{failure}"))?;
            anyhow::Ok(document.is_keepable(None, server.server().edge.costs()))
        };
        for question in ["{ tags { nodes { id } } }", "query A { media { nodes { id title } } }", "{ libraries { totalCount } }",
            "{ media { nodes { tags { nodes { name } } people { nodes { name } } studio { name } files { path } } } }",
            "{ media { nodes { customFields { text field { name } } ... on Video { resumePosition markers { nodes { id } } } } } }",
            "{ media { facets { tags { value { name } count } ratings { from count } } } }"].into_iter().chain(QUESTIONS) {
            ensure!(is_keepable(question)?, "not kept: {question}");
        }
        // Whatever the server does by itself at its start may be written in between, so that one of some is kept.
        let mut n_kept = 0;
        for _ in 0..50 {
            n_kept += usize::from(ask(&server, &viewer, QUESTIONS[0]).await?.1);
        }
        let store = &server.server().kernel.store;
        ensure!(n_kept > 0, "nothing is kept, at epoch {} after {:?}", store.epoch(), store.statements());
        // Another account, and another role, is another question.
        ask(&server, &viewer, QUESTIONS[2]).await?;
        let theirs = ask(&server, &viewer, QUESTIONS[2]).await?.0;
        let ours = ask(&server, &server.admin(), QUESTIONS[2]).await?;
        ensure!(!ours.1, "the administrator got what was kept for another: {theirs}");
        // What is not of rows alone is never kept.
        for document in ["{ jobs(first: 5) { nodes { id } } }", "{ system { version } }", "{ viewer { name } }",
            "{ media(first: 1) { nodes { similar(first: 2) { nodes { id } } } } }"] {
            for _ in 0..3 {
                ensure!(!ask(&server, &server.admin(), document).await?.1, "{document} was kept");
            }
        }
    }

    async fn no_write_of_the_contract_leaves_a_stale_answer(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 1s\nother.mp4 2s\nsong.flac\npicture.jpg 200x100").await?;
        server.scan(&library).await?;
        server.idle().await?;
        // As for a large library.
        server.server().edge.shared.answers.census.make().await?;
        let editor = server.editor();
        let media = editor.query("{ media(first: 4, sort: [{ field: ID }]) { nodes { id kind } } }", json!({})).await?;
        let nodes = media["media"]["nodes"].as_array().context("items")?;
        let (one, two) = (&nodes[0]["id"], &nodes[1]["id"]);
        let video = nodes.iter().find(|node| node["kind"] == "VIDEO").context("a video")?["id"].clone();
        let mut watch = Watch { server: &server, editor: server.editor(), n_changed: 0, n_kept: 0 };
        macro_rules! write {
            ($name:literal, $payload:literal, $input:expr) => {{
                let kind = $name[..1].to_uppercase() + &$name[1..];
                let document = format!("mutation($input: {kind}Input!) {{ {}(input: $input) {{ {} }} }}", $name, $payload);
                watch.write(&document, $input).await?[$name].take()
            }};
        }
        let tag = write!("createTag", "tag { id }", json!({ "name": "night", "aliases": ["dark"] }))["tag"]["id"].clone();
        let other = write!("createTag", "tag { id }", json!({ "name": "day", "parentIds": [tag] }))["tag"]["id"].clone();
        write!("updateTag", "tag { id }", json!({ "id": tag, "name": "Night", "color": "#112233" }));
        let person = write!("createPerson", "person { id }", json!({ "name": "Ada", "aliases": ["A."] }))["person"]["id"].clone();
        let studio = write!("createStudio", "studio { id }", json!({ "name": "North" }))["studio"]["id"].clone();
        write!("updateMedia", "media { id }", json!({ "id": one, "title": "First", "tagIds": [tag, other], "personIds": [person],
            "studioId": studio, "rating": 80, "isFavorite": true, "description": "words", "date": "2020-01-02" }));
        let done = write!("bulkUpdateMedia", "undoToken", json!({ "ids": [one, two], "addTagIds": [other], "rating": 40 }));
        write!("undo", "changedCount", json!({ "token": done["undoToken"] }));
        let field = write!("createCustomField", "customField { id }", json!({ "name": "Mood", "kind": "TEXT" }))["customField"]["id"].clone();
        write!("updateMedia", "media { id }", json!({ "id": two, "fields": [{ "fieldId": field, "text": "calm" }] }));
        let marker = write!("createMarker", "marker { id }", json!({ "mediaId": video, "title": "here", "start": 0.1, "tagIds": [tag] }));
        write!("updateMarker", "marker { id }", json!({ "id": marker["marker"]["id"], "title": "there" }));
        write!("deleteMarker", "undoToken", json!({ "id": marker["marker"]["id"] }));
        let plain = write!("createCollection", "collection { id }", json!({ "name": "By hand" }))["collection"]["id"].clone();
        write!("addToCollection", "collection { id }", json!({ "id": plain, "mediaIds": [one, two] }));
        write!("createCollection", "collection { id }", json!({ "name": "Smart", "filter": { "rating": { "gte": 50 } } }));
        let saved = write!("saveFilter", "savedFilter { id }", json!({ "name": "mine", "filter": { "isFavorite": { "eq": true } } }));
        write!("deleteSavedFilter", "deletedId", json!({ "id": saved["savedFilter"]["id"] }));
        write!("saveProgress", "media { id }", json!({ "id": video, "position": 0.5 }));
        write!("recordView", "media { id }", json!({ "id": video }));
        write!("mergeTags", "tag { id }", json!({ "sourceIds": [other], "targetId": tag }));
        write!("deleteTag", "deletedId", json!({ "id": tag }));
        write!("deletePerson", "deletedId", json!({ "id": person }));
        write!("deleteStudio", "deletedId", json!({ "id": studio }));
        write!("deleteCollection", "deletedId", json!({ "id": plain }));
        let (n_changed, n_kept) = (watch.n_changed, watch.n_kept);
        println!("{n_kept} answers were kept before a write, {n_changed} changed by it");
        ensure!(n_kept >= 20, "only {n_kept} answers were kept before a write, which proves little");
        ensure!(n_changed >= 25, "only {n_changed} answers were changed by the writes, which proves little");
        let kept = server.server().kernel.caches.stats().into_iter().find(|cache| cache.name == "search.found");
        let n_searches = kept.context("the searches")?.hits;
        ensure!(n_searches >= 50, "only {n_searches} searches were answered by what was kept, which proves little");
        // A job writes, too.
        ask(&server, &editor, QUESTIONS[0]).await?;
        std::fs::remove_file(server.media().join("song.flac"))?;
        server.scan(&library).await?;
        let fresh = ask(&server, &editor, QUESTIONS[0]).await?.0;
        ensure!(fresh.contains("\"totalCount\":3"), "the scan was not seen: {fresh}");
    }
}
