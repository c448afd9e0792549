//! A thousand clients ask for the same page at the same time, of which nothing is in memory: how many statements are run?

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{http::Target, lists::MEDIA_PAGE, say};

const CLIENTS: usize = 1_000;
const OPERATIONS: &str = "{ system { operations(first: 50) { name count sqlStatementsMean } } }";

/// Measures and prints.
pub async fn measure(target: &Target) -> anyhow::Result<()> {
    // Orders that nobody asked for, so that the items of their first pages are hardly in memory.
    let asked = async |name: &str, seed: u64, clients: usize| {
        let document = MEDIA_PAGE.replace("query MediaPage", &format!("query {name}"));
        let variables = json!({ "first": 40, "sort": [{ "field": "RANDOM", "seed": seed }] });
        let request = target.graphql(&document, &variables);
        let mut connections = Vec::with_capacity(clients);
        for _ in 0..clients {
            connections.push(target.connect().await?);
        }
        let mut running = JoinSet::new();
        for mut connection in connections {
            let request = request.clone();
            running.spawn(async move { connection.send(&request).await });
        }
        let mut answers = Vec::with_capacity(clients);
        while let Some(answer) = running.join_next().await {
            answers.push(answer??);
        }
        ensure!(answers.windows(2).all(|pair| pair[0] == pair[1]), "the answers differ");
        let operations = target.query(OPERATIONS, &json!({})).await?;
        let operations = operations["system"]["operations"]
            .as_array()
            .context("operations")?
            .clone();
        let own = operations.iter().find(|operation| operation["name"] == name);
        let own = own.with_context(|| format!("{name} was not counted"))?;
        let (count, mean) = (own["count"].as_f64(), own["sqlStatementsMean"].as_f64());
        anyhow::Ok(count.zip(mean).map_or(0.0, |(count, mean)| count * mean))
    };
    let one = asked("HerdOfOne", 90_001, 1).await?;
    let all = asked("HerdOfMany", 90_002, CLIENTS).await?;
    let verdict = if all <= one.max(8.0) { "met" } else { "MISSED" };
    say(&format!(
        "{CLIENTS} identical cold requests at once: {all:.0} statements; one such request: {one:.0} (goal: those of one) {verdict}"
    ));
    Ok(())
}
