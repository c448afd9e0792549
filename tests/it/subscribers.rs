//! Many subscribers on one job (`VITAGRAPH_TEST_SUBSCRIBERS`, 1,000 for a whole run), one that does not read, one whose
//! token is taken away, and news of a scan: over WebSocket, as browsers are served.

mod crowd;
mod resumed;

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tests::{
    fixture, on_both,
    server::TestServer,
    socket::{PATIENCE, Socket},
};
use tokio::{task::JoinSet, time::timeout};

/// Those who read while one does not.
const N_OTHERS: usize = 20;

const FOLLOW: &str = "subscription($id: ID!) { jobProgress(id: $id) { status
    progress { step done total ratePerSecond etaSeconds } } }";
/// Long enough an answer that fifty of them fill every buffer between two programs.
const EVERYTHING: &str = "{ __schema { types { name description inputFields { name description type { name } }
    enumValues { name description } fields { name description type { name kind ofType { name kind } }
    args { name description type { name kind ofType { name kind } } } } } } }";

on_both! {
    async fn all_subscribers_see_the_end(backend: Backend) {
        let n_subscribers = std::env::var("VITAGRAPH_TEST_SUBSCRIBERS").map_or(Ok(200), |text| text.parse::<usize>())?;
        let server = TestServer::start(backend).await?;
        // The faulty file keeps the scan busy while the sockets open.
        let library = server.library("a.jpg 160x120\nb.jpg 160x120\nslow.mp4 fault:hang\n").await?;
        let token = server.admin().token().context("a token")?.to_owned();
        let mut sockets = Vec::new();
        for _ in 0..n_subscribers {
            sockets.push(Socket::open(&server, &token).await?);
        }
        let job = server.start_scan(&library).await?;
        let mut followers = JoinSet::new();
        for (index, mut socket) in sockets.into_iter().enumerate() {
            socket.subscribe(FOLLOW, json!({ "id": job })).await?;
            if index == 0 {
                // This one never reads again; it must not hold up the rest.
                followers.spawn(async move { std::future::pending::<anyhow::Result<Value>>().await.inspect(|_| drop(socket)) });
                continue;
            }
            followers.spawn(async move { socket.follow_to_the_end().await?.pop().context("a state") });
        }
        for _ in 1..n_subscribers {
            let last = timeout(PATIENCE, followers.join_next()).await?.context("a follower")???;
            assert_eq!(last["jobProgress"]["status"], "SUCCEEDED");
        }
        followers.abort_all();
    }

    async fn progress_moves_file_by_file_with_rate_and_time_left(backend: Backend) {
        let server = TestServer::start(backend).await?;
        fixture::write(server.media(), "base.mp4 1s", &server.server().engine).await?;
        let library = server.library("").await?;
        let mut socket = Socket::open(&server, server.viewer().token().context("a token")?).await?;
        // A rate is told after half a second. How many files last longer is the machine's secret.
        for n in [400, 1600, 6400, 25_600] {
            fixture::variations(server.media(), "base.mp4", &format!("of{n}"), n)?;
            let job = server.start_scan(&library).await?;
            socket.subscribe(FOLLOW, json!({ "id": job })).await?;
            let said = socket.follow_to_the_end().await?;
            let last = &said.last().context("a last state")?["jobProgress"];
            ensure!(last["status"] == "SUCCEEDED", "{last:#}");
            let probing: Vec<Probing> = said.iter().filter_map(Probing::read).collect();
            if probing.iter().filter(|seen| seen.rate.is_some()).count() < 4 {
                continue;
            }
            ensure!(probing.windows(2).all(|two| two[0].done <= two[1].done), "it fell back: {probing:?}");
            let between: BTreeSet<i64> = probing.iter().map(|seen| seen.done).filter(|done| (1..n as i64).contains(done)).collect();
            ensure!(between.len() >= 4, "it moved too little: {probing:?}");
            let first = probing.iter().position(|seen| seen.rate.is_some()).context("a rate")?;
            for seen in &probing[first..] {
                let (rate, eta) = (seen.rate.context("the rate went away")?, seen.eta.context("no time left")?);
                let expected = (seen.total - seen.done) as f64 / rate;
                ensure!(rate > 0.0 && (eta - expected).abs() <= 0.01 * expected + 0.001, "{seen:?}");
            }
            return Ok(());
        }
        bail!("no scan was long enough to tell its rate");
    }

    async fn one_that_stops_reading_delays_nobody_and_is_cut(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.jpg 160x120\nb.jpg 160x120\nc.mp4 1s\n").await?;
        let length = server.viewer().query(EVERYTHING, json!({})).await?.to_string().len();
        ensure!(length > 100_000, "an answer of {length} bytes fills nothing");
        let token = server.viewer().token().context("a token")?.to_owned();
        let mut stuck = Socket::open(&server, &token).await?;
        let mut others = Vec::new();
        for _ in 0..N_OTHERS {
            others.push(Socket::open(&server, &token).await?);
        }
        for index in 0..49 {
            stuck.begin(&format!("q{index}"), EVERYTHING, json!({})).await?;
        }
        let job = server.start_scan(&library).await?;
        stuck.begin("job", FOLLOW, json!({ "id": job })).await?;

        // What happened, in its order: the ends that others saw, and the cut.
        let (happened, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let mut followers = JoinSet::new();
        for mut socket in others {
            let (happened, job) = (happened.clone(), job.clone());
            followers.spawn(async move {
                socket.subscribe(FOLLOW, json!({ "id": job })).await?;
                let last = socket.follow_to_the_end().await?.pop().context("a state")?;
                ensure!(last["jobProgress"]["status"] == "SUCCEEDED", "{last}");
                happened.send("end")?;
                // It goes on answering pings, so that it is not cut itself.
                while socket.hear().await.is_ok() {}
                anyhow::Ok(())
            });
        }
        let sockets = server.server().edge.sockets.clone();
        let cut = async {
            while sockets.count() > N_OTHERS as i64 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            happened.send("cut")
        };
        timeout(PATIENCE, cut).await.context("it was not cut")??;
        drop(happened);
        let mut order = Vec::new();
        while order.last() != Some(&"cut") {
            order.push(timeout(PATIENCE, heard.recv()).await?.context("a follower failed")?);
        }
        let expected: Vec<_> = std::iter::repeat_n("end", N_OTHERS).chain(["cut"]).collect();
        ensure!(order == expected, "the others waited for it: {order:?}");
        followers.abort_all();

        // What was on its way still arrives, unless a reset throws it away, and then nothing: not all of the answers, and not
        // the job's end.
        let mut n_answers = 0;
        loop {
            let message = match stuck.hear().await {
                Ok(message) => message,
                Err(end) => {
                    println!("it ended after {n_answers} answers: {end:#}");
                    break;
                }
            };
            ensure!(message["id"] != "job" || message["type"] != "complete", "its buffers were never full");
            n_answers += usize::from(message["type"] == "next" && message["id"] != "job");
        }
        ensure!(n_answers < 49, "{n_answers} answers came through: its buffers were never full");
    }

    async fn a_revoked_token_ends_its_socket(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let make = "mutation($input: CreateApiTokenInput!) { createApiToken(input: $input) { token apiToken { id } } }";
        let input = json!({ "input": { "name": "short", "scopes": ["VIEW"] } });
        let made = server.admin().query(make, input).await?["createApiToken"].take();
        let mut socket = Socket::open(&server, made["token"].as_str().context("a token")?).await?;
        socket.subscribe("subscription { libraryChanges { __typename } }", json!({})).await?;
        let revoke = "mutation($input: RevokeApiTokenInput!) { revokeApiToken(input: $input) { __typename } }";
        server.admin().query(revoke, json!({ "input": { "id": made["apiToken"]["id"] } })).await?;
        let end = socket.hear().await.expect_err("the socket should close");
        assert!(end.to_string().contains("closed"), "{end}");
    }

    async fn a_scan_tells_of_added_media(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("").await?;
        let mut socket = Socket::open(&server, server.viewer().token().context("a token")?).await?;
        let query = "subscription { libraryChanges { __typename ... on MediaAdded { media { id title } } } }";
        socket.subscribe(query, json!({})).await?;
        fixture::write(server.media(), "Train.jpg 160x120\n", &server.server().engine).await?;
        server.scan(&library).await?;
        loop {
            let change = socket.hear().await?["payload"]["data"]["libraryChanges"].take();
            if change["__typename"] == "MediaAdded" {
                assert_eq!(change["media"]["title"], "Train");
                break;
            }
        }
    }
}

/// What a subscriber is told while files are looked into.
#[derive(Debug)]
struct Probing {
    done: i64,
    total: i64,
    rate: Option<f64>,
    eta: Option<f64>,
}

impl Probing {
    fn read(said: &Value) -> Option<Self> {
        let progress = &said["jobProgress"]["progress"];
        (said["jobProgress"]["status"] == "RUNNING" && progress["step"] == "probe").then_some(())?;
        Some(Self {
            done: progress["done"].as_i64()?,
            total: progress["total"].as_i64()?,
            rate: progress["ratePerSecond"].as_f64(),
            eta: progress["etaSeconds"].as_f64(),
        })
    }
}
