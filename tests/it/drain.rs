//! A server that is told to stop ends well: it says goodbye to those who follow, answers what has begun, and leaves.

use anyhow::{Context, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::process::{PATIENCE, Process};

/// Makes the first account over HTTP, and a token for it.
pub async fn token(process: &Process, address: &str) -> anyhow::Result<String> {
    let http = reqwest::Client::new();
    let post = |path: &str, body: Value| {
        http.post(format!("{address}{path}"))
            .header("x-requested-with", "vitagraph")
            .json(&body)
    };
    let account = json!({ "code": process.setup_code()?, "name": "anna", "password": "correct horse battery" });
    let welcome = post("/auth/setup", account).send().await?;
    let cookie = welcome.headers().get("set-cookie").context("a cookie")?.to_str()?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let make = json!({ "query": "mutation { createApiToken(input: { name: \"drain\", scopes: [ADMIN] }) { token } }" });
    let made: Value = post("/graphql", make)
        .header("cookie", cookie)
        .send()
        .await?
        .json()
        .await?;
    Ok(made["data"]["createApiToken"]["token"]
        .as_str()
        .with_context(|| format!("{made:#}"))?
        .to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_says_goodbye_and_answers_what_has_begun() -> anyhow::Result<()> {
    let world = tempfile::tempdir()?;
    let mut process = Process::start(world.path(), &[])?;
    let address = process.address().await?;
    let token = token(&process, &address).await?;
    let host = address.trim_start_matches("http://").to_owned();

    // One follows over a socket, one over an event stream, and one has sent half of a question.
    let mut request = format!("ws://{host}/graphql").into_client_request()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    let (mut socket, _) = connect_async(request).await?;
    let init = json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {token}") } });
    socket.send(Message::text(init.to_string())).await?;
    let follow = "subscription { systemStats { at } }";
    timeout(PATIENCE, socket.next()).await?.context("an acknowledgment")??;
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": follow } });
    socket.send(Message::text(subscribe.to_string())).await?;
    timeout(PATIENCE, socket.next()).await?.context("a first state")??;

    let http = reqwest::Client::new();
    let stream = http
        .post(format!("{address}/graphql"))
        .header("accept", "text/event-stream")
        .bearer_auth(&token);
    let mut stream = stream.json(&json!({ "query": follow })).send().await?;
    ensure!(timeout(PATIENCE, stream.chunk()).await??.is_some(), "a first event");

    let body = json!({ "query": "{ viewer { name } }" }).to_string();
    let (first, second) = body.split_at(10);
    let mut connection = TcpStream::connect(&host).await?;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await?;
    // The server asks for the body once it reads the request, so it has certainly begun.
    let mut asked = [0; 25];
    timeout(PATIENCE, connection.read_exact(&mut asked)).await??;
    ensure!(
        asked.starts_with(b"HTTP/1.1 100"),
        "{}",
        String::from_utf8_lossy(&asked)
    );
    connection.write_all(first.as_bytes()).await?;

    process.signal(rustix::process::Signal::TERM)?;
    let goodbye = loop {
        match timeout(PATIENCE, socket.next()).await?.context("a close frame")?? {
            Message::Close(frame) => break frame.context("a reason")?,
            _ => continue,
        }
    };
    ensure!(u16::from(goodbye.code) == 1001, "{goodbye:?}");
    connection.write_all(second.as_bytes()).await?;
    let mut answer = String::new();
    timeout(PATIENCE, connection.read_to_string(&mut answer)).await??;
    ensure!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("anna"),
        "what had begun was cut: {answer}"
    );
    // The stream ends as a response ends, and is not torn.
    while timeout(PATIENCE, stream.chunk()).await??.is_some() {}
    drop(socket);
    process.ended().await?;
    ensure!(TcpStream::connect(&host).await.is_err(), "somebody still listens");
    let log = process.log();
    ensure!(log.contains("stopped") && !log.contains("ERROR"), "{log}");
    Ok(())
}
