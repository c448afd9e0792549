//! Clients of other makers: tus-js-client and tuspy, cut off at random and resumed while the server is killed and started anew.
//! The programs lie in `tests/clients`.
//!
//! `VITAGRAPH_TEST_UPLOAD_FILES` and `VITAGRAPH_TEST_UPLOAD_MOST` say how many files there are, and the most bytes of one;
//! `VITAGRAPH_TEST_UPLOAD_KILLS` how often the server ends meanwhile. `VITAGRAPH_TEST_UPLOAD_SEED` begins other cuts.

use std::{path::Path, time::Duration};

use anyhow::{Context, ensure};
use serde_json::Value;
use tests::{client::Client, on_both};

use super::{
    ended,
    front::Front,
    hash,
    restart::{film, number},
    tus::film_of,
};
use crate::{
    kill::{life::Life, process::World},
    players::command,
};

/// How few files are large: a few hold most of the bytes, as in life.
const SKEW: i32 = 11;

/// Films of sizes from nothing to `most`, and what is no film below the smallest one; with how many bytes they have.
fn files(folder: &Path, film: &[u8], n: usize, most: usize) -> anyhow::Result<(Vec<String>, u64)> {
    std::fs::create_dir_all(folder)?;
    let (mut paths, mut n_bytes) = (Vec::new(), 0);
    for index in 0..n {
        let bytes = match index {
            0 | 1 => vec![7; index],
            _ => {
                let least = film.len() + 64 + index * 1000;
                let share = (index as f64 / (n - 1) as f64).powi(SKEW);
                let size = least + (most.saturating_sub(least) as f64 * share) as usize;
                film_of(film, size, index as u64)
            }
        };
        let path = folder.join(format!("file {index}.mp4"));
        std::fs::write(&path, &bytes)?;
        n_bytes += bytes.len() as u64;
        paths.push(path.display().to_string());
    }
    Ok((paths, n_bytes))
}

/// Ends the server again and again while files come in, two times of three at once and without a word; gives the last one.
async fn disturb(world: &World, front: &Front, mut life: Life, kills: usize, n_bytes: u64) -> anyhow::Result<Life> {
    for kill in 0..kills {
        // Early ones are closer to each other, so that small files, which come first, see some as well.
        let share = ((kill + 1) as f64 / (kills + 1) as f64).powi(3);
        while front.n_bytes() < (n_bytes as f64 * share) as u64 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        front.lead_to(None);
        match kill % 3 {
            2 => life.end().await?,
            _ => life.kill(world).await?,
        }
        life = world.serve()?;
        front.lead_to(Some(life.ready().await?.address()));
    }
    Ok(life)
}

on_both! {
    async fn foreign_clients_bring_every_file_whole_to_a_server_that_is_killed(backend: Backend) {
        let n = number("VITAGRAPH_TEST_UPLOAD_FILES", 20)?;
        let most = number("VITAGRAPH_TEST_UPLOAD_MOST", 8 << 20)?;
        let kills = number("VITAGRAPH_TEST_UPLOAD_KILLS", 3)?;
        let seed = number("VITAGRAPH_TEST_UPLOAD_SEED", 1)?.to_string();
        for (program, script, module) in [("node", "upload.mjs", "tus-js-client"), ("python3", "upload.py", "tusclient")] {
            if program == "python3" && !has_module(module).await? {
                continue;
            }
            let home = tempfile::tempdir()?;
            let media = home.path().join("media");
            std::fs::create_dir(&media)?;
            let (paths, n_bytes) = files(&home.path().join("files"), &film().await?, n, most)?;
            let world = World::make(&home.path().join("world"), backend, &media).await?;
            let (front, life) = (Front::open().await?, world.serve()?);
            let client = life.ready().await?;
            front.lead_to(Some(client.address()));
            let client = Client::new(front.address(), client.token().map(str::to_owned));
            let arguments = [&[front.address().to_owned(), seed.clone()], &paths[..]].concat();
            let (outcomes, life) = tokio::try_join!(
                run(program, script, &arguments, client.token()),
                disturb(&world, &front, life, kills, n_bytes),
            )?;
            // Beyond the files: what was sent again, and the heads of all requests.
            let again = front.n_bytes().saturating_sub(n_bytes);
            let outcomes = outcomes.as_array().context("outcomes")?.clone();
            ensure!(outcomes.len() == n, "{outcomes:#?}");
            let mut cuts = kills as u64;
            for (outcome, path) in outcomes.iter().zip(&paths) {
                let upload = ended(&client, outcome["url"].as_str().context("a URL")?).await?;
                let bytes = std::fs::read(path)?;
                ensure!(upload["contentHash"] == hash(&bytes), "{program}: {outcome:#} became {upload:#}");
                ensure!(upload["status"] == "READY" || bytes.len() < 2, "{upload:#}");
                cuts += outcome["cuts"].as_u64().context("cuts")?;
            }
            life.end().await?;
            println!("{program}: {n} files, {n_bytes} bytes, {cuts} cuts, {kills} of them by the server's end; {again} bytes more");
            ensure!(again <= n_bytes / 50 + cuts * (16 << 20), "{again} bytes were sent again");
        }
    }
}

/// Whether Python has a module; says so when it has not.
async fn has_module(name: &str) -> anyhow::Result<bool> {
    let output = command("python3")
        .args(["-c", &format!("import {name}")])
        .output()
        .await?;
    if !output.status.success() {
        println!("skipped: python3 has no module `{name}`: pip install tuspy==1.1.0");
    }
    Ok(output.status.success())
}

/// Runs a client of another maker.
async fn run(program: &str, script: &str, arguments: &[String], token: Option<&str>) -> anyhow::Result<Value> {
    let output = command(program)
        .arg(script)
        .args(arguments)
        .env("VITAGRAPH_TOKEN", token.unwrap_or_default())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients"))
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}
