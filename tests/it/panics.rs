//! What a panic costs: its request, and nothing else.

use anyhow::ensure;
use axum::{Router, routing::get};
use kernel::events::LibraryChanged;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};
use server::http::behind_edge;
use tests::{on_both, server::TestServer};
use tokio::net::TcpListener;

const MAKE: &str = "mutation($input: CreateLibraryInput!) { createLibrary(input: $input) { library { id } } }";

async fn broken() -> &'static str {
    panic!("a planted panic")
}

async fn whole() -> &'static str {
    "whole"
}

on_both! {
    async fn a_panic_in_a_resolver_is_an_error_with_a_request_id(backend: Backend) {
        let server = TestServer::start(backend).await?;
        // Listeners run inside the resolver that makes their fact true.
        server.server().kernel.events.on::<LibraryChanged>(|_| panic!("a planted panic"));
        for (accept, expected) in [("application/graphql-response+json", 500), ("application/json", 200)] {
            let folder = server.media().join(expected.to_string());
            std::fs::create_dir(&folder)?;
            let input = json!({ "name": accept, "paths": [folder] });
            let request = server.admin().request("POST", "/graphql")?.header(ACCEPT, accept);
            let request = request.header("x-request-id", "planted-panic");
            let response = request.json(&json!({ "query": MAKE, "variables": { "input": input } })).send().await?;
            let status = response.status().as_u16();
            let mut answer: Value = response.json().await?;
            let error = answer["errors"][0].take();
            ensure!(status == expected && error["extensions"]["code"] == "INTERNAL", "{status}: {error:#}");
            ensure!(error["extensions"]["requestId"] == "planted-panic", "{error:#}");
            ensure!(!error.to_string().contains("a planted panic"), "a client need not know: {error:#}");
        }
        let viewer = server.viewer().query("{ viewer { name } }", json!({})).await?;
        ensure!(viewer["viewer"]["name"] == "viewer", "the server went on: {viewer:#}");
    }

    async fn a_panic_in_a_route_is_an_error_with_a_request_id(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let routes = Router::new().route("/broken", get(broken)).route("/whole", get(whole));
        let routes = behind_edge(&server.server().edge, routes);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await });
        let client = server.anonymous();
        for id in ["the-first-request", "the-second-request"] {
            let request = client.request("GET", &format!("{address}/broken"))?.header("x-request-id", id);
            let response = request.send().await?;
            ensure!(response.status() == 500, "{response:?}");
            ensure!(response.headers().get("x-request-id").is_some_and(|sent| sent == id), "{response:?}");
            let answer: Value = response.json().await?;
            let error = &answer["error"];
            ensure!(error["code"] == "INTERNAL" && error["requestId"] == id, "{answer:#}");
            ensure!(!answer.to_string().contains("a planted panic"), "a client need not know: {answer:#}");
        }
        let answer = client.request("GET", &format!("{address}/whole"))?.send().await?;
        ensure!(answer.text().await? == "whole", "the server went on");
        serving.abort();
    }
}
