//! Films are found by what their subtitles say: beside them and inside them, as long as they say it.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, ensure};
use kernel::{jobs::Enqueue, sql};
use plugin_subtitles::jobs::read::ReadSubtitles;
use serde_json::{Value, json};
use tests::{client::Client, on_both, server::TestServer};

const SEARCH: &str = "query($search: String!) { media(first: 20, search: $search) { totalCount nodes { title
    highlights(search: $search) { field at pieces { text isMatch } } } } }";

/// A film with subtitles inside, and others for files beside them.
const FIXTURE: &str = "
    film.mkv h264 4s srt:eng
    orchard.mp4 h264 2s
    window.mp4 h264 2s
    silent.mp4 h264 2s
";

fn srt(lines: &[&str]) -> String {
    let cue = |(n, line): (usize, &&str)| format!("{}\n00:00:0{n},250 --> 00:00:0{n},900\n{line}\n\n", n + 1);
    lines.iter().enumerate().map(cue).collect()
}

/// Scans and has subtitles read.
async fn read(server: &TestServer, library: &str) -> anyhow::Result<()> {
    server.scan(library).await?;
    let jobs = &server.server().kernel.jobs;
    jobs.start_one(&ReadSubtitles {}, Enqueue::default()).await?;
    server.idle().await
}

async fn found(client: &Client, search: &str) -> anyhow::Result<Vec<String>> {
    let data = client.query(SEARCH, json!({ "search": search })).await?;
    let nodes = data["media"]["nodes"].as_array().context("nodes")?;
    ensure!(data["media"]["totalCount"] == nodes.len(), "{search}: {data:#}");
    Ok(nodes
        .iter()
        .filter_map(|node| node["title"].as_str().map(str::to_owned))
        .collect())
}

/// The lines of subtitles that are shown of the first item, with their times, matches in brackets.
async fn lines(client: &Client, search: &str) -> anyhow::Result<Vec<(f64, String)>> {
    let data = client.query(SEARCH, json!({ "search": search })).await?;
    let shown = data["media"]["nodes"][0]["highlights"]
        .as_array()
        .context("highlights")?;
    let line = |highlight: &Value| {
        let piece = |piece: &Value| {
            let text = piece["text"].as_str().unwrap_or_default();
            if piece["isMatch"] == true {
                format!("[{text}]")
            } else {
                text.to_owned()
            }
        };
        let pieces = highlight["pieces"].as_array()?.iter().map(piece).collect();
        Some((highlight["at"].as_f64()?, pieces))
    };
    Ok(shown.iter().filter_map(line).collect())
}

async fn expect(server: &TestServer, search: &str, expected: &[&str]) -> anyhow::Result<()> {
    let found = found(&server.viewer(), search).await?;
    ensure!(found == expected, "`{search}` finds {found:?}, and not {expected:?}");
    Ok(())
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    Ok(fs::write(folder.join(name), text)?)
}

on_both! {
    async fn a_film_is_found_by_what_is_said_in_it(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library(FIXTURE).await?;
        let folder = server.media();
        let english = ["Where is the <i>lantern</i>?", "Behind the window.", "Then all is", "well & good."];
        write(folder, "orchard.en.srt", &srt(&english))?;
        write(folder, "orchard.de.vtt", "WEBVTT\n\n00:01.500 --> 00:02.000\nWo ist die <i>Laterne</i>?\n")?;
        write(folder, "window.srt", &srt(&["A lantern, and no window."]))?;
        expect(&server, "lantern", &[]).await?;
        read(&server, &library).await?;

        // By any of its languages, inside it or beside it; the newest first.
        expect(&server, "laterne", &["orchard"]).await?;
        expect(&server, "line", &["film"]).await?;
        expect(&server, "lantern", &["window", "orchard"]).await?;
        // What a title says comes first, and is told once.
        expect(&server, "window", &["window", "orchard"]).await?;
        // Phrases, also from one line to the next, beginnings, exclusions and mistakes.
        expect(&server, "\"all is well\"", &["orchard"]).await?;
        expect(&server, "\"is all well\"", &[]).await?;
        expect(&server, "lant*", &["window", "orchard"]).await?;
        expect(&server, "lantern -behind", &["window"]).await?;
        expect(&server, "lantern -orchard", &["window"]).await?;
        // What is said rules out nothing that is found by what is known.
        expect(&server, "orchard -lantern", &["orchard"]).await?;
        expect(&server, "lentern", &["window", "orchard"]).await?;

        let viewer = server.viewer();
        let shown = lines(&viewer, "lantern -orchard").await?;
        ensure!(shown == [(0.25, "A [lantern], and no window.".to_owned())], "{shown:?}");
        let shown = lines(&viewer, "\"all is well\"").await?;
        ensure!(shown == [(2.25, "Then [all] [is] [well] & good.".to_owned())], "{shown:?}");
        let shown = lines(&viewer, "lentern behind").await?;
        ensure!(shown.iter().map(|(_, line)| line.as_str()).eq(["Where is the [lantern]?", "[Behind] the window."]), "{shown:?}");
        // The title has it already.
        ensure!(lines(&viewer, "window").await?.is_empty());

        // Filters, totals and orders know it, too.
        let document = "query($search: String!) { media(first: 9, search: $search, filter: { title: { contains: \"or\" } },
            sort: [{ field: TITLE, direction: ASC }]) { totalCount nodes { title } } }";
        let data = viewer.query(document, json!({ "search": "lantern" })).await?;
        ensure!(data["media"]["totalCount"] == 1 && data["media"]["nodes"][0]["title"] == "orchard", "{data:#}");
        let document = "query($search: String!, $after: String) { media(first: 1, after: $after, search: $search) {
            nodes { title } pageInfo { endCursor hasNextPage } } }";
        let first = viewer.query(document, json!({ "search": "window" })).await?;
        ensure!(first["media"]["nodes"][0]["title"] == "window" && first["media"]["pageInfo"]["hasNextPage"] == true, "{first:#}");
        let after = &first["media"]["pageInfo"]["endCursor"];
        let second = viewer.query(document, json!({ "search": "window", "after": after })).await?;
        ensure!(second["media"]["nodes"][0]["title"] == "orchard" && second["media"]["pageInfo"]["hasNextPage"] == false, "{second:#}");
        let document = "query($search: String!) { media(last: 3, search: $search) { nodes { title } } }";
        let last = viewer.query(document, json!({ "search": "window" })).await?;
        let titles = json!([{ "title": "window" }, { "title": "orchard" }]);
        ensure!(last["media"]["nodes"] == titles, "{last:#}");
    }

    async fn what_is_no_longer_said_is_no_longer_found(backend: Backend) {
        let server = TestServer::start(backend).await?;
        // As in a large library, whose searches are kept.
        server.server().edge.shared.answers.census.make().await?;
        let library = server.library(FIXTURE).await?;
        let folder = server.media();
        write(folder, "orchard.srt", &srt(&["The first draft."]))?;
        write(folder, "window.srt", &srt(&["Somebody is here."]))?;
        read(&server, &library).await?;
        expect(&server, "draft", &["orchard"]).await?;

        // Nothing changed: nothing is read or written.
        let read_at = "select max(read_at), count(*) from subtitle_text";
        let store = &server.server().kernel.store;
        let before = sql::rows(store.reader(), read_at, []).await?;
        read(&server, &library).await?;
        let after = sql::rows(store.reader(), read_at, []).await?;
        let values = |rows: &[sea_orm::QueryResult]| -> anyhow::Result<(i64, i64)> {
            Ok((rows[0].try_get_by_index(0)?, rows[0].try_get_by_index(1)?))
        };
        ensure!(values(&before)? == values(&after)? && values(&after)?.1 == 3, "{:?} {:?}", values(&before), values(&after));

        write(folder, "orchard.srt", &srt(&["The second version, longer."]))?;
        fs::remove_file(folder.join("window.srt"))?;
        // Half of what lies beside it is nothing that can be read: the other half counts, and why is written down.
        write(folder, "silent.srt", &srt(&["Not so silent."]))?;
        write(folder, "silent.de.ass", "no subtitles at all")?;
        read(&server, &library).await?;
        expect(&server, "draft", &[]).await?;
        expect(&server, "version", &["orchard"]).await?;
        expect(&server, "somebody", &[]).await?;
        expect(&server, "\"not so\"", &["silent"]).await?;
        let failures = sql::rows(store.reader(), "select failure from subtitle_text where failure is not null", []).await?;
        let why: String = failures.first().context("a failure")?.try_get_by_index(0)?;
        ensure!(failures.len() == 1 && why.starts_with("`silent.de.ass`: "), "{why}");

        // A file that goes takes its lines along, and an item that becomes another's is found by that.
        let nodes = "{ media(first: 9, sort: [{ field: TITLE, direction: ASC }]) { nodes { id title } } }";
        let items = server.viewer().query(nodes, json!({})).await?;
        let id = |title: &str| {
            let nodes = items["media"]["nodes"].as_array().into_iter().flatten();
            nodes.clone().find(|node| node["title"] == title).map(|node| node["id"].clone()).context("an item")
        };
        let merge = "mutation($input: MergeMediaInput!) { mergeMedia(input: $input) { undoToken media { title } } }";
        let input = json!({ "ids": [id("orchard")?], "keepId": id("window")? });
        let merged = server.admin().query(merge, json!({ "input": input })).await?;
        expect(&server, "version", &["window"]).await?;
        let undo = "mutation($input: UndoInput!) { undo(input: $input) { __typename } }";
        let token = &merged["mergeMedia"]["undoToken"];
        server.admin().query(undo, json!({ "input": { "token": token } })).await?;
        expect(&server, "version", &["orchard"]).await?;
    }

    async fn subtitles_are_read_by_themselves(backend: Backend) {
        let server = TestServer::start_with(backend, &[
            ("VITAGRAPH_SUBTITLES_AUTOMATIC", "true"),
            ("VITAGRAPH_SUBTITLES_EMBEDDED", "false"),
        ]).await?;
        let library = server.library(FIXTURE).await?;
        write(server.media(), "orchard.srt", &srt(&["By itself."]))?;
        server.scan(&library).await?;
        let waited = async {
            // Between the page and its total the lines may come.
            while !found(&server.viewer(), "\"by itself\"").await.is_ok_and(|titles| titles == ["orchard"]) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waited).await.context("nobody reads them")?;
        server.idle().await?;
        expect(&server, "line", &[]).await?;
    }
}
