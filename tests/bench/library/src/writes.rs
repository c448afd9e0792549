//! A thousand ratings a second from sixteen clients, while fifty clients read pages and a library is scanned: does
//! anybody hear that the database is locked, and how much longer do reads take than without all that?

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    http::{Target, Times},
    lists::MEDIA_PAGE,
    say,
};

const WRITERS: usize = 16;
const READERS: usize = 50;
/// Ratings a second of all writers.
const RATE: f64 = 1_000.0;
/// Pages a second of each reader: people look at what they see.
const PAGES: f64 = 2.0;

#[derive(Default)]
struct Seen {
    times: Times,
    errors: Vec<String>,
}

/// Measures and prints all.
pub async fn measure(target: &Target, scan: Option<&str>, lasting: Duration) -> anyhow::Result<()> {
    let ids = target
        .query("{ media(first: 1000) { nodes { id } } }", &json!({}))
        .await?;
    let ids: Vec<Value> = ids["media"]["nodes"]
        .as_array()
        .context("items")?
        .iter()
        .map(|node| node["id"].clone())
        .collect();
    let idle = read(target, lasting / 2).await?;
    say(&format!(
        "{READERS} readers alone: {} pages, {}",
        idle.times.0.len(),
        idle.times.show()
    ));
    let job = match scan {
        Some(name) => Some(start_scan(target, name).await?),
        None => None,
    };
    let (busy, ratings) = tokio::try_join!(read(target, lasting), write(target, &ids, lasting))?;
    say(&format!(
        "{READERS} readers beside the writers: {} pages, {}",
        busy.times.0.len(),
        busy.times.show()
    ));
    let rate = ratings.times.0.len() as f64 / lasting.as_secs_f64();
    say(&format!(
        "{WRITERS} writers: {rate:.0} ratings a second of {RATE:.0}, {}",
        ratings.times.show()
    ));
    say(&format!(
        "reads' p99 is {:.2} times that of idle (goal: at most 2)",
        busy.times.at(990) / idle.times.at(990)
    ));
    if let Some(job) = job {
        let document = "query($id: ID!) { node(id: $id) { ... on Job { status progress { done total } } } }";
        let state = target.query(document, &json!({ "id": job })).await?;
        say(&format!("the scan meanwhile: {}", state["node"]));
    }
    let errors: Vec<String> = [idle.errors, busy.errors, ratings.errors].concat();
    say(&format!(
        "{} errors{}",
        errors.len(),
        errors.first().map(|error| format!(": {error}")).unwrap_or_default()
    ));
    Ok(())
}

async fn start_scan(target: &Target, name: &str) -> anyhow::Result<Value> {
    let libraries = target.query("{ libraries { nodes { id name } } }", &json!({})).await?;
    let libraries = libraries["libraries"]["nodes"].as_array().context("libraries")?;
    let library = libraries
        .iter()
        .find(|library| library["name"] == name)
        .context("no such library")?;
    let document = "mutation($input: StartScanInput!) { startScan(input: $input) { job { id } } }";
    let started = target
        .query(document, &json!({ "input": { "libraryId": library["id"] } }))
        .await?;
    Ok(started["startScan"]["job"]["id"].clone())
}

async fn read(target: &Target, lasting: Duration) -> anyhow::Result<Seen> {
    let request = |n: usize| {
        let sort = [
            json!([{ "field": "ADDED_AT", "direction": "DESC" }]),
            json!([{ "field": "TITLE" }]),
            json!([{ "field": "RATING", "direction": "DESC" }]),
        ];
        (MEDIA_PAGE, json!({ "first": 20 + n % 20, "sort": sort[n % 3] }))
    };
    run(target, READERS, PAGES, lasting, request).await
}

async fn write(target: &Target, ids: &[Value], lasting: Duration) -> anyhow::Result<Seen> {
    let document = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id rating } } }";
    let request = |n: usize| {
        (
            document,
            json!({ "input": { "id": ids[n * 7 % ids.len()], "rating": n % 101 } }),
        )
    };
    run(target, WRITERS, RATE / WRITERS as f64, lasting, request).await
}

/// Lets clients send so many requests a second each; who is late does not wait.
async fn run(
    target: &Target,
    clients: usize,
    rate: f64,
    lasting: Duration,
    request: impl Fn(usize) -> (&'static str, Value),
) -> anyhow::Result<Seen> {
    let begun = Instant::now();
    let mut running = JoinSet::new();
    let n_each = (rate * lasting.as_secs_f64()) as usize;
    for client in 0..clients {
        let mut connection = target.connect().await?;
        let requests: Vec<_> = (0..n_each)
            .map(|n| {
                let (document, variables) = request(client + n * clients);
                target.graphql(document, &variables)
            })
            .collect();
        running.spawn(async move {
            let mut seen = Seen::default();
            for (n, request) in requests.iter().enumerate() {
                let due = Duration::from_secs_f64((n as f64 + client as f64 / clients as f64) / rate);
                tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
                if begun.elapsed() > lasting {
                    break;
                }
                let (time, body) = connection.time(request).await?;
                seen.times.0.push(time);
                let answer: Value = serde_json::from_slice(&body)?;
                seen.errors
                    .extend(answer.get("errors").or(answer.get("error")).map(Value::to_string));
            }
            anyhow::Ok(seen)
        });
    }
    let mut all = Seen::default();
    while let Some(seen) = running.join_next().await {
        let seen = seen??;
        all.times.0.extend(seen.times.0);
        all.errors.extend(seen.errors);
    }
    Ok(all)
}
