//! The grid's document beside a handler by hand and the same bytes from memory: processor time a request, and requests a
//! second at one, sixteen and sixty-four clients.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::{
    http::{NONCE, Request, Target, load},
    lists::{Forgetting, MEDIA_PAGE},
    process, say,
};

/// Measures and prints all.
pub async fn measure(server: (&Target, u32), rest: (&Target, u32), lasting: Duration) -> anyhow::Result<()> {
    let (target, pid) = server;
    let variables = json!({ "first": 40 });
    let page = target.graphql(MEDIA_PAGE, &variables);
    let (by_hand, bytes) = (rest.0.get("/page"), rest.0.get("/bytes"));
    let answer = |target: &Target, request: &Request| {
        let (target, request) = (target.clone(), request.clone());
        async move {
            anyhow::Ok(serde_json::from_slice::<Value>(
                &target.connect().await?.send(&request).await?,
            )?)
        }
    };
    let (ours, theirs) = (answer(target, &page).await?, answer(rest.0, &by_hand).await?);
    ensure!(ours == theirs, "the handler answers something else:\n{ours}\n{theirs}");
    say(&format!("the same {} bytes of JSON, 40 items", ours.to_string().len()));
    let persisted = persisted(target, &variables).await?;
    let rows_warm = target.graphql(MEDIA_PAGE, &json!({ "first": 40, "unused": NONCE }));
    for (name, target, pid, request) in [
        ("server, rows and ids warm", target, pid, &rows_warm),
        ("server, a kept answer", target, pid, &page),
        ("server, persisted, a kept answer", target, pid, &persisted),
        ("(a) a handler by hand", rest.0, rest.1, &by_hand),
        ("(b) bytes from memory", rest.0, rest.1, &bytes),
    ] {
        for clients in [1, 16, 64] {
            load(target, request, clients, Duration::from_millis(500)).await?;
            let before = process::cpu(pid)?;
            let load = load(target, request, clients, lasting).await?;
            let each = (process::cpu(pid)? - before).as_secs_f64() * 1e6 / load.times.0.len() as f64;
            let rate = load.rate();
            let times = load.times.show();
            say(&format!(
                "{name:32} {clients:3} clients {rate:8.0} requests/s {each:8.0} µs of processor each  {times}"
            ));
        }
    }
    ids_anew(target, pid, &page).await
}

/// What a page costs after an edit, which makes the server read the ids and the edited row again.
async fn ids_anew(target: &Target, pid: u32, page: &Request) -> anyhow::Result<()> {
    const N: u32 = 400;
    let mut forgetting = Forgetting::new(target).await?;
    let mut connection = target.connect().await?;
    let before = process::cpu(pid)?;
    for _ in 0..N {
        forgetting.forget().await?;
    }
    let edits = process::cpu(pid)? - before;
    let before = process::cpu(pid)?;
    for _ in 0..N {
        forgetting.forget().await?;
        connection.send(page).await?;
    }
    let both = process::cpu(pid)? - before;
    let each = both.saturating_sub(edits).as_secs_f64() * 1e6 / f64::from(N);
    say(&format!(
        "server, ids anew, rows warm        1 client  {each:8.0} µs of processor each (an edit before each, its own cost taken off)"
    ));
    Ok(())
}

/// Registers the document and names it by its hash from then on.
async fn persisted(target: &Target, variables: &Value) -> anyhow::Result<Request> {
    let probe = |query: Option<&str>, hash: &str| {
        let mut body =
            json!({ "variables": variables, "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } });
        if let Some(query) = query {
            body["query"] = json!(query);
        }
        target.post(&body)
    };
    let mut connection = target.connect().await?;
    connection.send(&probe(Some(MEDIA_PAGE), MEDIA_PAGE_HASH)).await?;
    let request = probe(None, MEDIA_PAGE_HASH);
    crate::http::data(&connection.send(&request).await?)?;
    Ok(request)
}

/// The SHA-256 of [`MEDIA_PAGE`].
const MEDIA_PAGE_HASH: &str = "fefc815d5a675a7355fab5e8ae67bd460168359ed55314ab88d49da9f478a6b2";
