//! Many subscribers on one job, one that does not read, one whose token is taken away, and news of a scan: over
//! WebSocket, as browsers are served.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tests::{fixture, on_both, server::TestServer};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// What takes longer has hung.
const PATIENCE: Duration = Duration::from_secs(90);
const SUBSCRIBERS: usize = 1000;

const FOLLOW: &str = "subscription($id: ID!) { jobProgress(id: $id) { status progress { done total } } }";

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(server: &TestServer, token: &str) -> anyhow::Result<Self> {
        let url = format!("{}/graphql", server.address().replacen("http", "ws", 1));
        let mut request = url.into_client_request()?;
        request
            .headers_mut()
            .insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
        let (stream, _) = connect_async(request).await?;
        let mut socket = Self(stream);
        socket
            .say(json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {token}") } }))
            .await?;
        let answer = socket.hear().await?;
        ensure!(answer["type"] == "connection_ack", "not let in: {answer}");
        Ok(socket)
    }

    async fn subscribe(&mut self, query: &str, variables: Value) -> anyhow::Result<()> {
        let payload = json!({ "query": query, "variables": variables });
        self.say(json!({ "type": "subscribe", "id": "1", "payload": payload }))
            .await
    }

    async fn say(&mut self, message: Value) -> anyhow::Result<()> {
        Ok(self.0.send(Message::text(message.to_string())).await?)
    }

    /// The next message; the close frame is an error that names its code.
    async fn hear(&mut self) -> anyhow::Result<Value> {
        loop {
            match timeout(PATIENCE, self.0.next())
                .await?
                .context("the connection ended")??
            {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text)?;
                    match message["type"].as_str() {
                        Some("ping") => self.say(json!({ "type": "pong" })).await?,
                        _ => return Ok(message),
                    }
                }
                Message::Close(frame) => bail!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Everything a subscription says, to its `complete`.
    async fn follow_to_the_end(&mut self) -> anyhow::Result<Vec<Value>> {
        let mut said = Vec::new();
        loop {
            let mut message = self.hear().await?;
            match message["type"].as_str() {
                Some("next") => said.push(message["payload"]["data"].take()),
                Some("complete") => return Ok(said),
                _ => bail!("unexpected: {message}"),
            }
        }
    }
}

on_both! {
    async fn a_thousand_subscribers_all_see_the_end(backend: Backend) {
        let server = TestServer::start(backend).await?;
        // The faulty file keeps the scan busy while the sockets open.
        let library = server.library("a.jpg 160x120\nb.jpg 160x120\nslow.mp4 fault:hang\n").await?;
        let token = server.admin().token().context("a token")?.to_owned();
        let mut sockets = Vec::new();
        for _ in 0..SUBSCRIBERS {
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
        for _ in 1..SUBSCRIBERS {
            let last = timeout(PATIENCE, followers.join_next()).await?.context("a follower")???;
            assert_eq!(last["jobProgress"]["status"], "SUCCEEDED");
        }
        followers.abort_all();
    }

    async fn progress_moves_file_by_file(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let files: String = (0..600).map(|index| format!("{index:03}.jpg 160x120 seed:{index}\n")).collect();
        let library = server.library(&files).await?;
        let mut socket = Socket::open(&server, server.viewer().token().context("a token")?).await?;
        let job = server.start_scan(&library).await?;
        socket.subscribe(FOLLOW, json!({ "id": job })).await?;
        let said = socket.follow_to_the_end().await?;
        let mut done: Vec<i64> = said
            .iter()
            .filter(|data| data["jobProgress"]["status"] == "RUNNING")
            .filter_map(|data| data["jobProgress"]["progress"]["done"].as_i64())
            .collect();
        done.dedup();
        assert!(done.len() >= 2, "{said:?}");
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
