//! The grid's document beside a handler by hand and the same bytes from memory: processor time a request, and requests a
//! second at one, sixteen and sixty-four clients.

use std::time::Duration;

use anyhow::{bail, ensure};
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
    let mut costs = Vec::new();
    let mut rates = Vec::new();
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
            if clients == 1 {
                costs.push(each);
            }
            if clients == 16 {
                rates.push(rate);
            }
            let times = load.times.show();
            say(&format!(
                "{name:32} {clients:3} clients {rate:8.0} requests/s {each:8.0} µs of processor each  {times}"
            ));
        }
    }
    let anew = ids_anew(target, pid, &page).await?;
    let (cold, cold_by_hand) = nothing_cached(server, rest).await?;
    let ([warm, _, _, by_hand, _], [_, _, persisted, _, bytes]) = (&costs[..], &rates[..]) else {
        bail!("{} and {} figures of five", costs.len(), rates.len());
    };
    goal("rows and ids warm, processor of (a)", warm / by_hand, 1.0);
    goal("rows warm, ids anew, processor of (a)", anew / by_hand, 1.0);
    goal("nothing cached, processor of (a)", cold / cold_by_hand, 3.0);
    let share = persisted / bytes;
    let verdict = if share >= 0.3 { "met" } else { "MISSED" };
    say(&format!(
        "a repeated persisted query, requests of (b): {share:.2} (goal: at least 0.30) {verdict}"
    ));
    Ok(())
}

/// Pages one after the other from the second on, none of which was asked for before: neither their ids nor their rows are
/// in our memory. Gives the processor time of each of ours, and of each of the same by hand.
async fn nothing_cached((target, pid): (&Target, u32), (rest, rest_pid): (&Target, u32)) -> anyhow::Result<(f64, f64)> {
    const N: u32 = 200;
    let (mut connection, mut by_hand) = (target.connect().await?, rest.connect().await?);
    let first = crate::http::data(
        &connection
            .send(&target.graphql(MEDIA_PAGE, &json!({ "first": 40 })))
            .await?,
    )?;
    let mut cursors = vec![first["media"]["pageInfo"]["endCursor"].clone()];
    let before = process::cpu(pid)?;
    let mut last = Value::Null;
    while cursors.len() <= N as usize {
        let variables = json!({ "first": 40, "after": cursors.last() });
        let answer = connection.send(&target.graphql(MEDIA_PAGE, &variables)).await?;
        last = serde_json::from_slice(&answer)?;
        let info = &last["data"]["media"]["pageInfo"];
        if info["hasNextPage"] != true {
            break;
        }
        cursors.push(info["endCursor"].clone());
    }
    let ours = process::cpu(pid)? - before;
    let n = cursors.len() - 1;
    let before = process::cpu(rest_pid)?;
    let mut same = Value::Null;
    for cursor in &cursors[..n] {
        let path = format!("/page?after={}", cursor.as_str().unwrap_or_default());
        same = serde_json::from_slice(&by_hand.send(&rest.get(&path)).await?)?;
    }
    let theirs = process::cpu(rest_pid)? - before;
    ensure!(
        n > 0 && last == same,
        "the handler answers something else:\n{last}\n{same}"
    );
    let each = |used: Duration| used.as_secs_f64() * 1e6 / n as f64;
    say(&format!(
        "server, nothing cached             1 client  {:8.0} µs of processor each ({n} pages that nobody asked for before; {:.0} µs by hand)",
        each(ours),
        each(theirs)
    ));
    Ok((each(ours), each(theirs)))
}

fn goal(what: &str, figure: f64, most: f64) {
    let verdict = if figure <= most { "met" } else { "MISSED" };
    say(&format!("{what}: {figure:.2} (goal: at most {most:.2}) {verdict}"));
}

/// What a page costs after an edit, which makes the server read the ids and the edited row again.
async fn ids_anew(target: &Target, pid: u32, page: &Request) -> anyhow::Result<f64> {
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
    Ok(each)
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
