//! What an administrator is told of clients' operations: how many, how long, how many statements, and where to look.

use anyhow::{Context, ensure};
use kernel::store::Store;
use schema::system::operations::{Operations, Window};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use tests::{client::Client, on_both, server::TestServer};

const STATS: &str = "query Stats($window: OperationWindow) { system { operations(first: 50, window: $window) {
    name count errorCount mean p50 p95 p99 max sqlStatementsMean slowest(first: 5) {
        at duration isError sqlStatements traceId requestId } } } }";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Sends an operation as part of a caller's trace.
async fn send_traced(client: &Client, query: &str, variables: Value, request_id: &str) -> anyhow::Result<Value> {
    let request = client
        .request("POST", "/graphql")?
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .header("x-request-id", request_id)
        .json(&json!({ "query": query, "variables": variables }));
    Ok(request.send().await?.json().await?)
}

fn named<'a>(stats: &'a Value, name: &str) -> anyhow::Result<&'a Value> {
    let all = stats["system"]["operations"].as_array().context("a list")?;
    all.iter()
        .find(|found| found["name"] == name)
        .with_context(|| format!("no {name} in {stats:#}"))
}

async fn text(store: &Store, sql: &str) -> anyhow::Result<String> {
    let statement = Statement::from_string(store.backend(), sql);
    let row = store.reader().query_one_raw(statement).await?.context("a row")?;
    Ok(row.try_get_by_index(0)?)
}

on_both! {
    async fn operations_are_counted_by_name_with_their_statements_and_traces(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let admin = server.admin();
        let page = "query Page { tags(first: 7) { nodes { id } totalCount } }";
        for _ in 0..5 {
            admin.query(page, json!({})).await?;
        }
        // The name is the document's own, sent or not; one that nobody gave is the anonymous one's.
        admin.send_named(page, Some("Page"), json!({})).await?;
        admin.query("{ viewer { id } }", json!({})).await?;
        let missing = send_traced(&admin, "query Missing { library(id: \"lib_nothing\") { id } }", json!({}), "the-one-that-failed").await?;
        ensure!(missing.get("errors").is_some(), "{missing:#}");

        let stats = admin.query(STATS, json!({})).await?;
        let page = named(&stats, "Page")?;
        ensure!(page["count"] == 6 && page["errorCount"] == 0, "{page:#}");
        ensure!(page["sqlStatementsMean"].as_f64() > Some(0.0), "no statement was counted: {page:#}");
        let times: Vec<f64> = ["p50", "p95", "p99", "max"].iter().filter_map(|name| page[name].as_f64()).collect();
        ensure!(times.len() == 4 && times[0] > 0.0 && times.is_sorted(), "{times:?}");
        let slowest = page["slowest"].as_array().context("the slowest")?;
        let durations: Vec<f64> = slowest.iter().filter_map(|slow| slow["duration"].as_f64()).collect();
        ensure!(durations.len() == 5 && durations.is_sorted_by(|one, other| one >= other), "{durations:?}");
        ensure!(named(&stats, "(anonymous)")?["count"] == 1);
        let missing = named(&stats, "Missing")?;
        let slow = &missing["slowest"][0];
        ensure!(missing["errorCount"] == 1 && slow["isError"] == true, "{missing:#}");
        ensure!(slow["traceId"] == TRACE && slow["requestId"] == "the-one-that-failed", "{slow:#}");

        for who in [server.viewer(), server.editor()] {
            ensure!(who.error_code(STATS, json!({})).await? == "FORBIDDEN");
        }
        // The metrics tell them apart too, and carry a trace as an example.
        let metrics = admin.request("GET", "/metrics")?.send().await?.text().await?;
        let line = "vitagraph_graphql_operation_seconds_count{kind=\"query\",operation=\"Page\"} 6";
        ensure!(metrics.contains(line), "{metrics}");
        ensure!(metrics.contains("# {trace_id=\""), "no example of a trace in the metrics");
    }

    async fn hours_outlive_the_process_that_counted_them(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let (admin, kernel) = (server.admin(), &server.server().kernel);
        for _ in 0..3 {
            admin.query("query Kept { viewer { id } }", json!({})).await?;
        }
        let operations = Operations::of(kernel);
        operations.keep(&kernel.store).await?;
        admin.query("query Kept { viewer { id } }", json!({})).await?;
        // Written again, an hour holds what it held and what came; nothing is counted twice.
        operations.keep(&kernel.store).await?;
        let history = "query($name: String!) { system { operationHistory(name: $name) { at count errorCount p50 p99 sqlStatementsMean } } }";
        let read = admin.query(history, json!({ "name": "Kept" })).await?;
        let hours = read["system"]["operationHistory"].as_array().context("hours")?;
        let total: i64 = hours.iter().filter_map(|hour| hour["count"].as_i64()).sum();
        ensure!(total == 4 && hours.iter().all(|hour| hour["p50"].as_f64() > Some(0.0)), "{hours:#?}");
        // The next process reads them when it starts.
        let next = Operations::default();
        next.remember(kernel).await?;
        let read = next.read(Window::LastDay, kernel.clock.now_ms());
        let kept = read.iter().find(|(name, _)| name == "Kept").context("the hour of the process before")?;
        ensure!(kept.1.count() == 4, "{}", kept.1.count());
        ensure!(next.read(Window::LastHour, kernel.clock.now_ms()).is_empty());
        next.keep(&kernel.store).await?;
        let rows = text(&kernel.store, "select cast(count(*) as text) from operation_hour where name = 'Kept'").await?;
        ensure!(rows.parse::<usize>()? == hours.len(), "another process wrote what it had read: {rows}");
        // After ninety days they are gone.
        kernel.clock.advance(std::time::Duration::from_secs(91 * 24 * 3600));
        next.keep(&kernel.store).await?;
        ensure!(text(&kernel.store, "select cast(count(*) as text) from operation_hour").await? == "0");
    }

    async fn a_job_belongs_to_the_trace_of_the_request_that_began_it(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.png 16x16").await?;
        let scan = "mutation Begin($input: StartScanInput!) { startScan(input: $input) { job { id } } }";
        let started = send_traced(&server.admin(), scan, json!({ "input": { "libraryId": library } }), "a-request-id").await?;
        let job = started["data"]["startScan"]["job"]["id"].as_str().with_context(|| format!("{started:#}"))?;
        server.finished(job).await?;
        let traced = "select cast(count(*) as text) from job where kind = 'scan.library' and trace_id = ";
        let n = text(&server.server().kernel.store, &format!("{traced}'{TRACE}'")).await?;
        ensure!(n == "1", "{n} scans carry the trace");
        // What a job begins goes on in its trace.
        server.idle().await?;
        let sql = format!("select cast(count(*) as text) from job where kind <> 'scan.library' and parent_id is not null and trace_id <> '{TRACE}'");
        ensure!(text(&server.server().kernel.store, &sql).await? == "0");
    }
}
