//! A GraphQL client over WebSocket, after the `graphql-transport-ws` protocol.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::server::TestServer;

/// What takes longer has hung.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A GraphQL connection over WebSocket.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens a connection and introduces itself with a token.
    pub async fn open(server: &TestServer, token: &str) -> anyhow::Result<Self> {
        Self::open_at(server.address(), token).await
    }

    /// The same at `http://…`.
    pub async fn open_at(address: &str, token: &str) -> anyhow::Result<Self> {
        let url = format!("{}/graphql", address.replacen("http", "ws", 1));
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

    /// Begins the operation with the id `1`.
    pub async fn subscribe(&mut self, query: &str, variables: Value) -> anyhow::Result<()> {
        self.begin("1", query, variables).await
    }

    /// Begins an operation.
    pub async fn begin(&mut self, id: &str, query: &str, variables: Value) -> anyhow::Result<()> {
        let payload = json!({ "query": query, "variables": variables });
        self.say(json!({ "type": "subscribe", "id": id, "payload": payload }))
            .await
    }

    /// Sends a message of the protocol.
    pub async fn say(&mut self, message: Value) -> anyhow::Result<()> {
        Ok(self.0.send(Message::text(message.to_string())).await?)
    }

    /// The next message; the close frame is an error that names its code.
    pub async fn hear(&mut self) -> anyhow::Result<Value> {
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
    pub async fn follow_to_the_end(&mut self) -> anyhow::Result<Vec<Value>> {
        let mut said = Vec::new();
        loop {
            let mut message = self.hear().await?;
            match message["type"].as_str() {
                Some("next") if !message["payload"]["errors"].is_null() => bail!("an error: {message:#}"),
                Some("next") => said.push(message["payload"]["data"].take()),
                Some("complete") => return Ok(said),
                _ => bail!("unexpected: {message}"),
            }
        }
    }
}
