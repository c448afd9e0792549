//! Clients of other makers: tus-js-client and tuspy, cut off at random and resumed. The programs lie in `tests/clients`.
//!
//! `VITAGRAPH_TEST_UPLOAD_FILES` and `VITAGRAPH_TEST_UPLOAD_MOST` say how many files there are, and the most bytes of one.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::on_both;

use super::{ended, hash, restart::number, tus::film_of, world};

/// Films of sizes from nothing to `most`, and what is no film below the smallest one.
fn files(folder: &Path, film: &[u8], n: usize, most: usize) -> anyhow::Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    let mut paths = Vec::new();
    for index in 0..n {
        let size = match index {
            0 => 0,
            1 => 1,
            // Small ones are frequent, as in life.
            _ => film.len() + 8 + (most - film.len()) / n / n * index * index,
        };
        let bytes = match size {
            0 | 1 => vec![7; size],
            _ => film_of(film, size, index as u64),
        };
        let path = folder.join(format!("file {index}.mp4"));
        std::fs::write(&path, bytes)?;
        paths.push(path.display().to_string());
    }
    Ok(paths)
}

on_both! {
    async fn foreign_clients_bring_every_file_whole(backend: Backend) {
        let (server, film) = world(backend, &[]).await?;
        let n = number("VITAGRAPH_TEST_UPLOAD_FILES", 20)?;
        let most = number("VITAGRAPH_TEST_UPLOAD_MOST", 8 << 20)?;
        let home = tempfile::tempdir()?;
        for (index, (program, script)) in [("node", "upload.mjs"), ("python3", "upload.py")].into_iter().enumerate() {
            let paths = files(&home.path().join(program), &film_of(&film, film.len() + 50 + index, 77), n, most)?;
            let seed = index.to_string();
            let mut arguments = vec![server.address().to_owned(), seed];
            arguments.extend(paths.iter().cloned());
            let Some(outcomes) = run(program, script, &arguments, server.editor().token()).await? else { continue };
            let outcomes = outcomes.as_array().context("outcomes")?.clone();
            ensure!(outcomes.len() == n, "{outcomes:#?}");
            let (mut n_bytes, mut again, mut cuts) = (0, 0, 0);
            for (outcome, path) in outcomes.iter().zip(&paths) {
                let url = outcome["url"].as_str().context("a URL")?;
                let upload = ended(&server.editor(), url).await?;
                let bytes = std::fs::read(path)?;
                ensure!(upload["contentHash"] == hash(&bytes), "{program}: {outcome:#} became {upload:#}");
                ensure!(upload["status"] == "READY" || bytes.len() < 2, "{upload:#}");
                n_bytes += bytes.len();
                again += outcome["again"].as_u64().unwrap_or(0) as usize;
                cuts += outcome["cuts"].as_u64().unwrap_or(0) as usize;
            }
            println!("{program}: {n} files, {n_bytes} bytes, {cuts} cuts, {again} bytes sent again");
            ensure!(again <= n_bytes / 50 + cuts * (16 << 20));
        }
    }
}

/// Runs a client of another maker; none if it is not installed.
async fn run(program: &str, script: &str, arguments: &[String], token: Option<&str>) -> anyhow::Result<Option<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    #[allow(
        clippy::disallowed_methods,
        reason = "a test runs foreign clients; the product does not"
    )]
    let output = tokio::process::Command::new(program)
        .arg(script)
        .args(arguments)
        .env("VITAGRAPH_TOKEN", token.unwrap_or_default())
        .current_dir(folder)
        .kill_on_drop(true)
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("No module named") {
        println!("skipped: {program} has no client installed: pip install tuspy==1.1.0");
        return Ok(None);
    }
    ensure!(output.status.success(), "{script}: {said}");
    Ok(Some(serde_json::from_slice(&output.stdout)?))
}
