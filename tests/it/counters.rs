//! Counters beside lists: a tag, a person and a studio count what their lists show, whatever comes, goes and is edited.

use std::fs;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};

const NFO: &str =
    "text:<movie><title>NAME</title><genre>Drama</genre><studio>Harbor</studio><actor><name>Ada</name></actor></movie>";

/// Whatever is counted: name, counter, total of the list, and what the list holds.
async fn counted(server: &TestServer) -> anyhow::Result<Vec<(String, i64)>> {
    let fields = "nodes { name mediaCount media(first: 50) { totalCount nodes { title } } }";
    let document = format!(
        "{{ tags(first: 50) {{ {fields} }} people(first: 50) {{ {fields} }} studios(first: 50) {{ {fields} }} }}"
    );
    let data = server.viewer().query(&document, json!({})).await?;
    let mut rows = Vec::new();
    for list in ["tags", "people", "studios"] {
        for node in data[list]["nodes"].as_array().context("a list")? {
            let n = node["mediaCount"].as_i64().context("a number")?;
            let shown = node["media"]["nodes"].as_array().map_or(0, Vec::len) as i64;
            ensure!(
                n == shown && node["media"]["totalCount"] == n,
                "the counter is not what the list shows: {node:#}"
            );
            rows.push((node["name"].as_str().unwrap_or_default().to_owned(), n));
        }
    }
    Ok(rows)
}

/// The rows for one number of films in everything.
fn all(n: i64) -> Vec<(String, i64)> {
    ["Drama", "Ada", "Harbor"].map(|name| (name.to_owned(), n)).to_vec()
}

on_both! {
    async fn counters_count_what_lists_show(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let fixture = ["one", "two", "three"].map(|name| format!("{name}.mp4 1s\n{name}.nfo {}", NFO.replace("NAME", name)));
        let library = server.library(&fixture.join("\n")).await?;
        server.scan(&library).await?;
        ensure!(counted(&server).await? == all(3));
        let (one, away) = (server.media().join("one.mp4"), server.media().with_extension("away"));
        fs::rename(&one, &away)?;
        server.scan(&library).await?;
        ensure!(counted(&server).await? == all(2), "a missing film is counted");

        // Edited while it is missing, it counts for nothing, neither before nor after.
        let missing = "{ media(first: 5, filter: { isMissing: { eq: true } }) { nodes { id } } tags(first: 5) { nodes { id } } }";
        let known = server.admin().query(missing, json!({})).await?;
        let id = known["media"]["nodes"][0]["id"].as_str().context("the missing film")?;
        let edit = async |change: Value| {
            let document = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }";
            let mut input = change;
            input["id"] = json!(id);
            server.editor().query(document, json!({ "input": input })).await
        };
        edit(json!({ "tagIds": [], "personIds": [], "studioId": null })).await?;
        ensure!(counted(&server).await? == all(2), "a film that was not counted was taken out");
        edit(json!({ "tagIds": [known["tags"]["nodes"][0]["id"]] })).await?;
        ensure!(counted(&server).await? == all(2), "a missing film was counted in");

        // Back where it was, with the one tag that it has now.
        fs::rename(&away, &one)?;
        server.scan(&library).await?;
        let now = vec![("Drama".to_owned(), 3), ("Ada".to_owned(), 2), ("Harbor".to_owned(), 2)];
        ensure!(counted(&server).await? == now, "{:?}", counted(&server).await?);
        edit(json!({ "tagIds": [] })).await?;
        ensure!(counted(&server).await? == all(2));

        // A library takes with it what it was counted with.
        fs::remove_file(server.media().join("two.mp4"))?;
        server.scan(&library).await?;
        ensure!(counted(&server).await? == all(1));
        let delete = "mutation($input: DeleteLibraryInput!) { deleteLibrary(input: $input) { __typename } }";
        server.admin().query(delete, json!({ "input": { "id": library, "confirm": "films" } })).await?;
        ensure!(counted(&server).await? == all(0));
    }
}
