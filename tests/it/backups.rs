//! Backups in the API: made by a job while people write, checked, listed, fetched by a signed URL, and deleted by name.

use anyhow::{Context, ensure};
use kernel::backups::{self, Stop};
use serde_json::{Value, json};
use tests::{client::Client, database::Backend, on_both, server::TestServer};

const START: &str = "mutation { startBackup { name job { id } } }";
const LIST: &str = "{ system { backups { name size createdAt reason downloadUrl } } }";
const DELETE: &str = "mutation($name: String!) { deleteBackup(input: { name: $name }) { name backups { name } } }";

async fn list(client: &Client) -> anyhow::Result<Value> {
    Ok(client.query(LIST, json!({})).await?["system"]["backups"].take())
}

/// A backup that has ended, as it is listed.
async fn made(server: &TestServer) -> anyhow::Result<Value> {
    let started = server.admin().query(START, json!({})).await?;
    let started = &started["startBackup"];
    let job = server.finished(started["job"]["id"].as_str().context("a job")?).await?;
    ensure!(job["status"] == "SUCCEEDED", "{job:#}");
    let listed = list(&server.admin()).await?;
    let found = listed
        .as_array()
        .into_iter()
        .flatten()
        .find(|backup| backup["name"] == started["name"]);
    found
        .cloned()
        .with_context(|| format!("{started} is not in {listed:#}"))
}

on_both! {
    async fn a_backup_is_made_while_people_write_and_fetched_by_its_url_alone(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let admin = server.admin();
        if backend == Backend::Postgres {
            // The database's own tools are better at it, and the answer says which.
            let refused = admin.send(START, json!({})).await?;
            ensure!(refused["errors"][0]["extensions"]["code"] == "BACKUP_NOT_EMBEDDED", "{refused:#}");
            ensure!(refused["errors"][0]["message"].as_str().is_some_and(|text| text.contains("pg_dump")), "{refused:#}");
            ensure!(list(&admin).await?.is_null());
            return Ok(());
        }
        ensure!(list(&admin).await? == json!([]));
        let tag = "mutation($name: String!) { createTag(input: { name: $name }) { tag { id } } }";
        admin.query(tag, json!({ "name": "before" })).await?;
        let started = admin.query(START, json!({})).await?;
        let name = started["startBackup"]["name"].clone();
        // However far the copy is: who writes is not kept waiting by it.
        for n in 0..20 {
            admin.query(tag, json!({ "name": format!("meanwhile {n}") })).await?;
        }
        let job = server.finished(started["startBackup"]["job"]["id"].as_str().context("a job")?).await?;
        ensure!(job["status"] == "SUCCEEDED", "{job:#}");
        let listed = list(&admin).await?;
        let backup = &listed[0];
        ensure!(backup["name"] == name && backup["reason"] == "ASKED", "{listed:#}");
        let size = backup["size"].as_u64().context("a size")?;

        let url = backup["downloadUrl"].as_str().context("a URL")?;
        // A browser's download carries no token.
        let nobody = server.anonymous();
        let response = nobody.request("GET", url)?.send().await?;
        ensure!(response.status() == 200, "{response:?}");
        let headers = response.headers().clone();
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        ensure!(header("content-length") == size.to_string() && header("cache-control").contains("no-store"));
        ensure!(header("content-disposition") == format!("attachment; filename=\"{}\"", name.as_str().unwrap_or_default()));
        let bytes = response.bytes().await?;
        ensure!(bytes.len() as u64 == size && bytes.starts_with(b"SQLite format 3\0"));
        let rest = nobody.request("GET", url)?.header("range", format!("bytes={}-", size - 10)).send().await?;
        ensure!(rest.status() == 206);
        ensure!(rest.bytes().await?[..] == bytes[bytes.len() - 10..]);
        let beyond = nobody.request("GET", url)?.header("range", format!("bytes={size}-")).send().await?;
        ensure!(beyond.status() == 416);
        let (path, query) = url.split_once('?').context("a signature")?;
        let other = format!("{path}x?{query}");
        for forged in [path, &other] {
            ensure!(server.admin().request("GET", forged)?.send().await?.status() == 403, "{forged}");
        }

        // What was fetched is a whole database with what was there when it began.
        let world = tempfile::tempdir()?;
        let fetched = world.path().join("fetched.db");
        std::fs::write(&fetched, &bytes)?;
        backups::verify(&fetched, Stop::default()).await?;
        let db = sea_orm::Database::connect(format!("sqlite://{}?mode=ro", fetched.display())).await?;
        let rows = kernel::sql::rows(&db, "select name from tag where name = 'before'", []).await?;
        ensure!(rows.len() == 1, "the tag is not in the copy");
        db.close().await?;

        let deleted = admin.query(DELETE, json!({ "name": name })).await?;
        ensure!(deleted["deleteBackup"] == json!({ "name": name, "backups": [] }), "{deleted:#}");
        ensure!(nobody.request("GET", url)?.send().await?.status() == 404);
        for gone in [name.as_str().unwrap_or_default(), "../vitagraph.db", "vitagraph.db", ""] {
            let code = admin.error_code(DELETE, json!({ "name": gone })).await?;
            ensure!(code == "BACKUP_NOT_FOUND", "{gone}: {code}");
        }
    }

    async fn there_are_not_more_backups_than_the_settings_allow(backend: Backend) {
        if backend == Backend::Postgres {
            return Ok(());
        }
        let server = TestServer::start_with(backend, &[("VITAGRAPH_BACKUP_MOST", "1")]).await?;
        let first = made(&server).await?;
        let refused = server.admin().send(START, json!({})).await?;
        ensure!(refused["errors"][0]["extensions"]["code"] == "BACKUP_TOO_MANY", "{refused:#}");
        server.admin().query(DELETE, json!({ "name": first["name"] })).await?;
        made(&server).await?;
    }
}
