//! GraphQL over WebSocket: the `graphql-transport-ws` protocol, one task for each socket.
//!
//! Nothing is queued for a reader: while the socket is full the operations are not asked for more, so each skips to its
//! newest state, and after ten seconds the socket is cut.

use std::time::Duration;

use async_graphql::Response as GraphqlResponse;
use axum::{
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use futures_util::{SinkExt, StreamExt, stream::BoxStream};
use kernel::error::Failure;
use schema::kit::access::Access;
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, interval, sleep_until};
use tokio_stream::StreamMap;

use super::{
    answer::{is_request_error, to_json},
    call, execute,
    session::Watch,
};
use crate::{
    codes,
    http::{Edge, auth, edge::request_id, problem::problem},
};

const PROTOCOL: &str = "graphql-transport-ws";
/// How long a client may take to introduce itself.
const INIT_PATIENCE: Duration = Duration::from_secs(5);
/// How long a socket may stay full.
const SEND_PATIENCE: Duration = Duration::from_secs(10);
/// How often a quiet connection is asked for a sign of life; twice without one and it is dead.
const PING: Duration = Duration::from_secs(20);
/// Operations under way on one socket.
const OPERATIONS: usize = 50;
/// The longest message, in bytes.
const MESSAGE_BYTES: usize = 64 * 1024;
/// The longest id of an operation, in bytes.
const ID_BYTES: usize = 256;

/// Why the server ends a connection: the protocol's codes.
struct Close(u16, String);

impl Close {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        Self(code, reason.into())
    }
}

/// What ends a connection.
enum End {
    /// We say why.
    Close(Close),
    /// The other side is gone, or does not read: nothing can be said.
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// What an operation has to say.
enum Said {
    Next(Box<GraphqlResponse>),
    Complete,
}

/// Takes the upgrade, if it comes from a page of this site or from no page at all.
pub fn open(edge: Edge, upgrade: WebSocketUpgrade, headers: HeaderMap) -> Response {
    if !edge.origins.is_same_site(&headers) {
        let failure = Failure::new(&codes::CROSS_SITE, "a page of another site may not open a socket here");
        return problem(&failure, &headers);
    }
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .max_message_size(MESSAGE_BYTES)
        .max_frame_size(MESSAGE_BYTES);
    let tracker = edge.tracker.clone();
    upgrade
        // What is written goes out at once, and no more than a message waits in memory.
        .write_buffer_size(0)
        // The default of 128 KiB would be most of what a quiet socket costs.
        .read_buffer_size(4096)
        .on_upgrade(move |socket| tracker.track_future(async move { serve(edge, socket, headers).await }))
}

async fn serve(edge: Edge, mut socket: WebSocket, headers: HeaderMap) {
    let _guard = edge.sockets.open();
    let stop = edge.stop.clone();
    if socket
        .protocol()
        .is_none_or(|protocol| protocol.as_bytes() != PROTOCOL.as_bytes())
    {
        close(&mut socket, Close::new(4406, "Subprotocol not acceptable")).await;
        return;
    }
    let mut connection = Connection::new(edge, headers);
    let end = tokio::select! {
        end = connection.run(&mut socket) => end,
        () = stop.cancelled() => End::Close(Close::new(1001, "the server is going away")),
    };
    if let End::Close(reason) = end {
        tracing::debug!(code = reason.0, reason = reason.1, "closing a socket");
        close(&mut socket, reason).await;
    }
}

async fn close(socket: &mut WebSocket, Close(code, reason): Close) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let farewell = async {
        let _ = socket.send(Message::Close(Some(frame))).await;
        // The other side answers with its own close frame; what it says in between does not matter any more.
        while let Some(Ok(_)) = socket.recv().await {}
    };
    let _ = tokio::time::timeout(Duration::from_secs(2), farewell).await;
}

struct Connection {
    edge: Edge,
    headers: HeaderMap,
    access: Option<(Access, Watch)>,
    operations: StreamMap<String, BoxStream<'static, Said>>,
    ping: Interval,
    n_unanswered: u32,
}

impl Connection {
    fn new(edge: Edge, headers: HeaderMap) -> Self {
        let mut ping = interval(PING);
        ping.reset();
        Self {
            edge,
            headers,
            access: None,
            operations: StreamMap::new(),
            ping,
            n_unanswered: 0,
        }
    }

    async fn run(&mut self, socket: &mut WebSocket) -> End {
        let deadline = Instant::now() + INIT_PATIENCE;
        loop {
            let result = tokio::select! {
                message = socket.recv() => self.hear(socket, message).await,
                Some((id, said)) = self.operations.next(), if !self.operations.is_empty() => {
                    self.tell(socket, id, said).await
                }
                () = sleep_until(deadline), if self.access.is_none() => {
                    Err(Close::new(4408, "Connection initialisation timeout").into())
                }
                ended = session_end(&mut self.access, &self.edge, &self.headers) => {
                    Err(Close::new(4401, ended).into())
                }
                _ = self.ping.tick() => self.ping(socket).await,
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    async fn hear(&mut self, socket: &mut WebSocket, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        self.n_unanswered = 0;
        match message {
            None | Some(Ok(Message::Close(_))) => Err(End::Gone),
            Some(Err(error)) => {
                let is_long = error.to_string().to_lowercase().contains("too long");
                Err(if is_long {
                    Close::new(1009, "the message is too long").into()
                } else {
                    End::Gone
                })
            }
            Some(Ok(Message::Text(text))) => self.obey(socket, text.as_str()).await,
            Some(Ok(Message::Binary(_))) => {
                Err(Close::new(4400, "Binary messages are not part of the protocol").into())
            }
            // The library answers pings by itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
        }
    }

    async fn obey(&mut self, socket: &mut WebSocket, text: &str) -> Result<(), End> {
        let invalid = |what: &str| End::from(Close::new(4400, format!("Invalid message: {what}")));
        let mut message: Value = serde_json::from_str(text).map_err(|_| invalid("not JSON"))?;
        let id = message.get("id").and_then(Value::as_str).map(str::to_owned);
        let payload = message
            .get_mut("payload")
            .map(Value::take)
            .filter(|payload| !payload.is_null());
        match message.get("type").and_then(Value::as_str) {
            Some("connection_init") => self.init(socket, payload).await,
            Some("ping") => {
                let answer = payload.map_or(
                    json!({ "type": "pong" }),
                    |payload| json!({ "type": "pong", "payload": payload }),
                );
                send(socket, answer.to_string()).await
            }
            Some("pong") => Ok(()),
            Some("subscribe") => {
                let (Some(id), Some(payload)) = (id, payload) else {
                    return Err(invalid("subscribe needs id and payload"));
                };
                self.subscribe(socket, id, payload).await
            }
            Some("complete") => {
                let Some(id) = id else {
                    return Err(invalid("complete needs an id"));
                };
                self.operations.remove(&id);
                Ok(())
            }
            _ => Err(invalid("unknown type")),
        }
    }

    async fn init(&mut self, socket: &mut WebSocket, payload: Option<Value>) -> Result<(), End> {
        if self.access.is_some() {
            return Err(Close::new(4429, "Too many initialisation requests").into());
        }
        // Programs that cannot set headers on a socket introduce themselves here.
        let token = payload.as_ref().and_then(Value::as_object).and_then(|fields| {
            fields
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
                .and_then(|(_, value)| value.as_str())
        });
        if let Some(token) = token {
            let value = HeaderValue::from_str(token).map_err(|_| Close::new(4403, "Forbidden"))?;
            self.headers.insert(header::AUTHORIZATION, value);
        }
        let access = match auth::authenticate(&self.headers, &self.edge.kernel).await {
            Ok(access @ Access::Viewer(_)) => access,
            Ok(Access::Anonymous) => return Err(Close::new(4403, "Forbidden: sign in, or send a token").into()),
            Err(failure) if failure.code.category.is_servers_own() => {
                tracing::error!(error = %failure, "a socket could not be authenticated");
                return Err(Close::new(4500, "Internal server error").into());
            }
            Err(_) => return Err(Close::new(4403, "Forbidden").into()),
        };
        let watch = Watch::new(&self.edge.kernel, access.clone());
        self.access = Some((access, watch));
        send(socket, json!({ "type": "connection_ack" }).to_string()).await
    }

    async fn subscribe(&mut self, socket: &mut WebSocket, id: String, payload: Value) -> Result<(), End> {
        let Some((access, _)) = &self.access else {
            return Err(Close::new(4401, "Unauthorized").into());
        };
        if id.is_empty() || id.len() > ID_BYTES {
            return Err(Close::new(4400, format!("Invalid message: an id has 1 to {ID_BYTES} bytes")).into());
        }
        if self.operations.contains_key(&id) {
            return Err(Close::new(4409, format!("Subscriber for {} already exists", shortened(&id))).into());
        }
        if self.operations.len() >= OPERATIONS {
            return Err(Close::new(4429, format!("Too many operations: a socket may have {OPERATIONS}")).into());
        }
        let call = call::from_json(payload).map_err(|refused| {
            Close::new(
                4400,
                shortened(&format!("Invalid message: {}", refused.failure.message)),
            )
        })?;
        let request_id = request_id(&self.headers).to_owned();
        match execute::prepare(&self.edge, call, access.clone(), &request_id) {
            Ok(prepared) => {
                let responses =
                    execute::responses(self.edge.clone(), prepared).map(|response| Said::Next(Box::new(response)));
                let complete = futures_util::stream::once(async { Said::Complete });
                self.operations.insert(id, responses.chain(complete).boxed());
                Ok(())
            }
            Err(failure) => {
                let response = execute::refusal(&failure, &request_id);
                send(socket, error_message(&id, &response)).await
            }
        }
    }

    async fn tell(&mut self, socket: &mut WebSocket, id: String, said: Said) -> Result<(), End> {
        match said {
            // By the protocol, an operation that was refused as a whole ends with `error` alone.
            Said::Next(response) if is_request_error(&response) => {
                self.operations.remove(&id);
                send(socket, error_message(&id, &response)).await
            }
            Said::Next(response) => {
                let id = Value::String(id);
                send(
                    socket,
                    format!(r#"{{"type":"next","id":{id},"payload":{}}}"#, to_json(&response)),
                )
                .await
            }
            Said::Complete => {
                self.operations.remove(&id);
                send(socket, json!({ "type": "complete", "id": id }).to_string()).await
            }
        }
    }

    async fn ping(&mut self, socket: &mut WebSocket) -> Result<(), End> {
        if self.n_unanswered >= 2 {
            return Err(End::Gone);
        }
        self.n_unanswered += 1;
        send(socket, json!({ "type": "ping" }).to_string()).await
    }
}

/// Waits for the session's end; forever while nobody is introduced.
async fn session_end(access: &mut Option<(Access, Watch)>, edge: &Edge, headers: &HeaderMap) -> &'static str {
    match access {
        Some((_, watch)) => watch.ended(&edge.kernel, headers).await.reason,
        None => std::future::pending().await,
    }
}

async fn send(socket: &mut WebSocket, text: String) -> Result<(), End> {
    match tokio::time::timeout(SEND_PATIENCE, SinkExt::send(socket, Message::Text(text.into()))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => {
            tracing::info!("a socket was cut, because its reader does not read");
            Err(End::Gone)
        }
    }
}

fn error_message(id: &str, response: &GraphqlResponse) -> String {
    json!({ "type": "error", "id": id, "payload": response.errors }).to_string()
}

/// A close frame's reason has at most 123 bytes.
fn shortened(text: &str) -> String {
    let mut short = String::new();
    for character in text.chars() {
        if short.len() + character.len_utf8() > 100 {
            break;
        }
        short.push(character);
    }
    short
}
