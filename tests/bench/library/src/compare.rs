//! The grid's document beside a handler by hand and the same bytes from memory: processor time a request, and requests a
//! second at one, sixteen and sixty-four clients.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::{
    http::{NONCE, Request, Target, Times, load},
    lists::{Forgetting, MEDIA_PAGE},
    process, say,
};

/// All subjects are measured one after the other so often, and ratios are taken within a round: a machine that is slower for a
/// while is it for all.
const ROUNDS: u32 = 5;

/// What was measured of a subject, a round each.
#[derive(Default)]
struct Figures {
    costs: Vec<f64>,
    rates: Vec<f64>,
    times: Times,
}

fn ratios(these: &[f64], those: &[f64]) -> Vec<f64> {
    these.iter().zip(those).map(|(this, that)| this / that).collect()
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

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
    let subjects = [
        ("server, rows and ids warm", target, pid, &rows_warm),
        ("server, a kept answer", target, pid, &page),
        ("server, persisted, a kept answer", target, pid, &persisted),
        ("(a) a handler by hand", rest.0, rest.1, &by_hand),
        ("(b) bytes from memory", rest.0, rest.1, &bytes),
    ];
    let (mut warm, mut share) = (Vec::new(), Vec::new());
    for clients in [1, 16, 64] {
        let mut all = subjects.map(|_| Figures::default());
        for _ in 0..ROUNDS {
            for (figures, (_, target, pid, request)) in all.iter_mut().zip(subjects) {
                load(target, request, clients, Duration::from_millis(300)).await?;
                let before = process::cpu(pid)?;
                let load = load(target, request, clients, lasting / ROUNDS).await?;
                let used = process::cpu(pid)? - before;
                figures.costs.push(used.as_secs_f64() * 1e6 / load.times.0.len() as f64);
                figures.rates.push(load.rate());
                figures.times.0.extend(load.times.0);
            }
        }
        let [rows, _, persisted, by_hand, bytes] = &all;
        warm.extend(ratios(&rows.costs, &by_hand.costs));
        if clients == 16 {
            share = ratios(&persisted.rates, &bytes.rates);
        }
        for (figures, (name, ..)) in all.iter().zip(subjects) {
            let (rate, each) = (median(&figures.rates), median(&figures.costs));
            let times = figures.times.show();
            say(&format!(
                "{name:32} {clients:3} clients {rate:8.0} requests/s {each:8.0} µs of processor each  {times}"
            ));
        }
    }
    let anew = ids_anew(server, rest, &page, &by_hand).await?;
    let (cold, cold_by_hand) = nothing_cached(server, rest).await?;
    let warm = median(&warm);
    goal("rows and ids warm, processor of (a)", warm, 1.0);
    goal("rows warm, ids anew, processor of (a)", anew, 1.0);
    goal("nothing cached, processor of (a)", cold / cold_by_hand, 3.0);
    let share = median(&share);
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
    let mut cursor = first["media"]["pageInfo"]["endCursor"].clone();
    let (before, before_by_hand) = (process::cpu(pid)?, process::cpu(rest_pid)?);
    let (mut n, mut last, mut same) = (0, Value::Null, Value::Null);
    // In turns, so that a machine that is slower for a while is it for both.
    while n < N {
        let variables = json!({ "first": 40, "after": cursor });
        let answer = connection.send(&target.graphql(MEDIA_PAGE, &variables)).await?;
        last = serde_json::from_slice(&answer)?;
        let path = format!("/page?after={}", cursor.as_str().unwrap_or_default());
        same = serde_json::from_slice(&by_hand.send(&rest.get(&path)).await?)?;
        n += 1;
        let info = &last["data"]["media"]["pageInfo"];
        if info["hasNextPage"] != true {
            break;
        }
        cursor = info["endCursor"].clone();
    }
    let (ours, theirs) = (process::cpu(pid)? - before, process::cpu(rest_pid)? - before_by_hand);
    ensure!(
        n > 0 && last == same,
        "the handler answers something else:\n{last}\n{same}"
    );
    let each = |used: Duration| used.as_secs_f64() * 1e6 / f64::from(n);
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

/// What a page costs after an edit, which makes the server read the ids and the edited row again, as a share of what the same
/// costs by hand.
async fn ids_anew(
    (target, pid): (&Target, u32),
    (rest, rest_pid): (&Target, u32),
    page: &Request,
    by_hand: &Request,
) -> anyhow::Result<f64> {
    const N: u32 = 80;
    let mut forgetting = Forgetting::new(target).await?;
    let (mut connection, mut hand) = (target.connect().await?, rest.connect().await?);
    let each = |used: Duration| used.as_secs_f64() * 1e6 / f64::from(N);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = process::cpu(pid)?;
        for _ in 0..N {
            forgetting.forget().await?;
        }
        let edits = process::cpu(pid)? - before;
        let (before, before_by_hand) = (process::cpu(pid)?, process::cpu(rest_pid)?);
        for _ in 0..N {
            forgetting.forget().await?;
            connection.send(page).await?;
            hand.send(by_hand).await?;
        }
        ours.push(each((process::cpu(pid)? - before).saturating_sub(edits)));
        theirs.push(each(process::cpu(rest_pid)? - before_by_hand));
    }
    say(&format!(
        "server, ids anew, rows warm        1 client  {:8.0} µs of processor each (an edit before each, its own cost taken off; {:.0} µs by hand)",
        median(&ours),
        median(&theirs)
    ));
    Ok(median(&ratios(&ours, &theirs)))
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
