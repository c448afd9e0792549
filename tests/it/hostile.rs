//! Documents that want to cost more than they may, or to learn what they must not: each is refused with its code, and
//! without a statement. Their first lines say what is expected; the rest is sent as it stands.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use schema::system::operations::{Operations, Window};
use serde_json::{Value, json};
use tests::{client::Client, database::Backend, on_both, server::TestServer};

/// One document of the corpus.
struct Hostile {
    name: String,
    text: String,
    code: String,
    variables: Value,
    is_from_nobody: bool,
}

impl Hostile {
    fn all() -> anyhow::Result<Vec<Self>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("it/hostile"))? {
            let path = entry?.path();
            let name = path
                .file_stem()
                .and_then(|name| name.to_str())
                .context("a name")?
                .to_owned();
            let text = std::fs::read_to_string(&path)?;
            let told = |key: &str| {
                let lines = text.lines().map_while(|line| line.strip_prefix("# "));
                lines
                    .filter_map(|line| line.split_once(": "))
                    .find(|(told, _)| *told == key)
                    .map(|(_, value)| value)
            };
            let code = told("expect")
                .with_context(|| format!("{name} says no code"))?
                .to_owned();
            let variables = serde_json::from_str(told("variables").unwrap_or("{}"))?;
            let is_from_nobody = told("as") == Some("nobody");
            all.push(Self {
                name,
                code,
                variables,
                is_from_nobody,
                text,
            });
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    async fn send(&self, server: &TestServer) -> anyhow::Result<Value> {
        let client = if self.is_from_nobody {
            server.anonymous()
        } else {
            server.admin()
        };
        client.send(&self.text, self.variables.clone()).await
    }
}

/// Sends one and says what is wrong with the answer.
async fn check(server: &TestServer, hostile: &Hostile) -> anyhow::Result<()> {
    let answer = hostile.send(server).await?;
    let code = &answer["errors"][0]["extensions"]["code"];
    ensure!(
        *code == hostile.code.as_str(),
        "{}: {code} and not {}: {answer:.400}",
        hostile.name,
        hostile.code
    );
    ensure!(
        answer["data"].is_null(),
        "{}: it was executed: {answer:.400}",
        hostile.name
    );
    // Who probes learns no name that was not sent.
    let text = answer.to_string();
    ensure!(!text.contains("Did you mean"), "{}: {text:.400}", hostile.name);
    ensure!(
        text.len() < 2_000,
        "{}: an answer of {} bytes",
        hostile.name,
        text.len()
    );
    Ok(())
}

async fn n_tags(client: &Client) -> anyhow::Result<i64> {
    let tags = client.query("{ tags(first: 1) { totalCount } }", json!({})).await?;
    tags["tags"]["totalCount"].as_i64().context("a count")
}

on_both! {
    async fn every_hostile_document_is_refused_with_its_code_and_without_a_statement(backend: Backend) {
        let all = Hostile::all()?;
        ensure!(all.len() >= 60, "{} documents", all.len());
        let server = TestServer::start(backend).await?;
        let mut wrong = Vec::new();
        for hostile in &all {
            if let Err(error) = check(&server, hostile).await {
                wrong.push(format!("{error:#}"));
            }
        }
        ensure!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
        let kernel = &server.server().kernel;
        let counted = Operations::of(kernel).read(Window::LastHour, kernel.clock.now_ms());
        let n_statements: u64 = counted.iter().map(|(_, summary)| summary.n_statements()).sum();
        ensure!(n_statements == 0, "{n_statements} statements: {counted:?}");
        ensure!(n_tags(&server.admin()).await? == 0, "a hostile mutation made a tag");
    }

    async fn what_is_no_graphql_request_is_refused_before_it_is_read(backend: Backend) {
        // graphql-cop 1.14 looks for these: batches, mutations and queries by GET, forms, tracing, and an interface
        // that anybody may use.
        let server = TestServer::start(backend).await?;
        let admin = server.admin();
        let post = || admin.request("POST", "/graphql");
        let status = |response: reqwest::Response| response.status().as_u16();
        let query = "{ __typename }";
        let batch: Vec<Value> = (0..10).map(|_| json!({ "query": query })).collect();
        ensure!(status(post()?.json(&batch).send().await?) == 400, "a batch");
        let form = "application/x-www-form-urlencoded";
        for kind in [form, "text/plain", "multipart/form-data; boundary=a", "application/graphql", "application/json; charset=utf-16"] {
            let sent = post()?.header("content-type", kind).body(json!({ "query": query }).to_string());
            ensure!(status(sent.send().await?) == 415, "a body of {kind}");
        }
        let long = format!("{{ node(id: \"{}\") {{ id }} }}", "a".repeat(300 * 1024));
        ensure!(status(post()?.json(&json!({ "query": long })).send().await?) == 413, "a long body");
        let mutation = "/graphql?query=mutation%7BcreateTag(input%3A%7Bname%3A%22a%22%7D)%7Btag%7Bid%7D%7D%7D";
        let by_get = admin.request("GET", mutation)?.send().await?;
        ensure!(status(by_get) == 405 && n_tags(&admin).await? == 0, "a mutation by GET");
        let plain = server.anonymous().request("GET", "/graphql?query=%7B__typename%7D")?.send().await?;
        ensure!(status(plain) == 405, "a query's text by GET");
        let followed = server.anonymous().request("GET", "/graphql?query=%7B__typename%7D")?;
        ensure!(status(followed.header("sec-fetch-mode", "navigate").send().await?) == 405, "an address that is followed");
        let twice = admin.request("GET", "/graphql?query=%7B__typename%7D&query=%7Bviewer%7Bid%7D%7D")?;
        ensure!(status(twice.send().await?) == 400, "a parameter twice");
        for method in ["PUT", "PATCH", "DELETE", "TRACE"] {
            ensure!(status(admin.request(method, "/graphql")?.body("{}").send().await?) == 405, "{method}");
        }
        let follow = post()?.json(&json!({ "query": "subscription { systemStats { at } }" })).send().await?;
        ensure!(status(follow) == 406, "a subscription without a stream");
        let answer = admin.send(query, json!({})).await?;
        ensure!(answer.get("extensions").is_none(), "a trace or a cost in the answer: {answer}");
        let nobody = server.anonymous();
        for document in ["{ __schema { types { name } } }", "{ viewr { id } }", "{ __type(name: \"Query\") { name } }"] {
            let answer = nobody.send(document, json!({})).await?.to_string();
            ensure!(!answer.contains("\"types\"") && !answer.contains("mean") && !answer.contains("viewr"), "{answer}");
        }
        for path in ["/graphiql", "/playground/graphql", "/v1/graphql", "/altair", "/console"] {
            let answer = nobody.request("GET", path)?.header("accept", "application/json").send().await?;
            ensure!(!answer.text().await?.contains("\"data\""), "{path} answers GraphQL");
        }
    }
}

/// Prints the processor time of each refusal; `make bench` runs it in release.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_cheap() -> anyhow::Result<()> {
    if std::env::var_os("VITAGRAPH_BENCH_HOSTILE").is_none() {
        println!("skipped: VITAGRAPH_BENCH_HOSTILE is not set; `make bench` sets it");
        return Ok(());
    }
    const ROUNDS: u32 = 50;
    let server = TestServer::start(Backend::Sqlite).await?;
    let mut costs = Vec::new();
    for hostile in Hostile::all()? {
        hostile.send(&server).await?;
        let (cpu, wall) = (cpu_time(), Instant::now());
        for _ in 0..ROUNDS {
            hostile.send(&server).await?;
        }
        costs.push(((cpu_time() - cpu) / ROUNDS, wall.elapsed() / ROUNDS, hostile.name));
    }
    costs.sort();
    let median = costs[costs.len() / 2].0;
    println!(
        "{} refusals, processor ms with the client's share: median {:.2}",
        costs.len(),
        ms(median)
    );
    for (cpu, wall, name) in costs.iter().rev().take(5) {
        println!(
            "{name}: {:.2} ms, {:.2} ms of the clock (goal: at most 5 ms of processor)",
            ms(*cpu),
            ms(*wall)
        );
    }
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn cpu_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec as u64, used.tv_nsec as u32)
}
