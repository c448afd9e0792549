//! Secrets stay secrets: passwords, tokens, cookies and signed URLs go through every input of a real server that logs
//! everything and exports every trace, and none of them comes out where it has no business.

use std::fs;

use anyhow::{Context, ensure};
use futures_util::{SinkExt, StreamExt};
use opentelemetry_proto::tonic::trace::v1::Span;
use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::process::{Collector, PATIENCE, Process};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// What must not come out again, and what did come out.
#[derive(Default)]
struct Watch {
    secrets: Vec<(String, &'static str)>,
    answers: Vec<(String, String)>,
}

impl Watch {
    fn secret(&mut self, what: &'static str, secret: &str) -> String {
        self.secrets.push((secret.to_owned(), what));
        secret.to_owned()
    }

    fn answer(&mut self, from: &str, text: String) {
        self.answers.push((from.to_owned(), text));
    }

    /// Fails with the first secret that any of the texts holds.
    fn check<'a>(&self, texts: impl Iterator<Item = (&'a str, &'a [u8])>) -> anyhow::Result<()> {
        for (from, text) in texts {
            for (secret, what) in &self.secrets {
                let found = text
                    .windows(secret.len())
                    .position(|window| window == secret.as_bytes());
                if let Some(at) = found {
                    let around = &text[at.saturating_sub(200)..(at + 40).min(text.len())];
                    anyhow::bail!("{from} holds {what}: {}", String::from_utf8_lossy(around));
                }
            }
        }
        Ok(())
    }
}

/// One browser or program.
struct Browser {
    http: reqwest::Client,
    address: String,
}

impl Browser {
    fn post(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self
            .http
            .post(format!("{}{path}", self.address))
            .header("x-requested-with", "vitagraph");
        request
            .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
            .json(body)
    }

    async fn graphql(&self, token: &str, query: &str, variables: Value) -> anyhow::Result<Value> {
        let request = self.post("/graphql", &json!({ "query": query, "variables": variables }));
        Ok(request.bearer_auth(token).send().await?.json().await?)
    }
}

fn cookie(response: &reqwest::Response) -> anyhow::Result<String> {
    let set = response.headers().get(SET_COOKIE).context("a cookie")?.to_str()?;
    let (_, value) = set
        .split(';')
        .next()
        .unwrap_or_default()
        .split_once('=')
        .context("a value")?;
    Ok(value.to_owned())
}

/// Introduces itself over a socket with a token, and says something that is no message.
async fn socket(address: &str, token: &str) -> anyhow::Result<()> {
    let mut request = format!("{}/graphql", address.replacen("http", "ws", 1)).into_client_request()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    let (mut stream, _) = connect_async(request).await?;
    let init = json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {token}") } });
    stream.send(Message::text(init.to_string())).await?;
    timeout(PATIENCE, stream.next()).await?.context("an answer")??;
    stream.send(Message::text(format!("{{ \"type\": \"{token}\" "))).await?;
    while let Ok(Some(Ok(_))) = timeout(PATIENCE, stream.next()).await {}
    Ok(())
}

/// A GIF of one pixel.
const PICTURE: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_comes_out_of_logs_traces_metrics_errors_or_the_database() -> anyhow::Result<()> {
    let world = tempfile::tempdir()?;
    let collector = Collector::start().await?;
    let media = world.path().join("media");
    fs::create_dir(&media)?;
    fs::write(media.join("picture.gif"), PICTURE)?;
    let mut process = Process::start(
        world.path(),
        &[
            ("VITAGRAPH_LOG_LEVEL", "trace,tungstenite=trace,sqlx=trace,hyper=trace"),
            ("VITAGRAPH_LOG_FORMAT", "json"),
            ("VITAGRAPH_LOG_SLOW_OPERATION_MS", "0"),
            ("VITAGRAPH_LOG_TRACE_FRACTION", "1.0"),
            ("VITAGRAPH_SCAN_SETTLE_SECONDS", "0.0"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address),
        ],
    )?;
    let browser = Browser {
        http: reqwest::Client::new(),
        address: process.address().await?,
    };
    let mut watch = Watch::default();

    let password = watch.secret("a password", "canary password one");
    let code = watch.secret("the setup code", &process.setup_code()?);
    let wrong = json!({ "code": code, "name": "anna", "password": watch.secret("a password", "canary2"), "extra": 1 });
    watch.answer("setup", browser.post("/auth/setup", &wrong).send().await?.text().await?);
    let setup = json!({ "code": code, "name": "anna", "password": password });
    let response = browser.post("/auth/setup", &setup).send().await?;
    ensure!(response.status().is_success(), "{}", response.text().await?);
    let session = watch.secret("a session", &cookie(&response)?);
    for body in [
        json!({ "name": "anna", "password": watch.secret("a wrong password", "canary wrong password") }),
        json!({ "name": watch.secret("a password in place of a name", "canary in the name"), "password": "x" }),
        json!({ "name": "anna", "password": { "canary in an object": watch.secret("a password", "canary nested") } }),
    ] {
        watch.answer(
            "sign-in",
            browser.post("/auth/sign-in", &body).send().await?.text().await?,
        );
    }
    let signed_in = browser
        .post("/auth/sign-in", &json!({ "name": "anna", "password": password }))
        .send()
        .await?;
    let other_session = watch.secret("a session", &cookie(&signed_in)?);

    let with_cookie = |request: reqwest::RequestBuilder| request.header("cookie", format!("vitagraph={session}"));
    let make = "mutation Make($input: CreateApiTokenInput!) { createApiToken(input: $input) { token } }";
    let input = json!({ "query": make, "variables": { "input": { "name": "canaries", "scopes": ["ADMIN"] } } });
    let made: Value = with_cookie(browser.post("/graphql", &input))
        .send()
        .await?
        .json()
        .await?;
    let token = made["data"]["createApiToken"]["token"]
        .as_str()
        .with_context(|| format!("{made:#}"))?;
    let token = watch.secret("a token", token);
    let user = "mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } } }";
    let second = watch.secret("a password of a variable", "canary password of bert");
    for name in ["bert", "bert", ""] {
        let input = json!({ "input": { "name": name, "password": second, "role": "VIEWER" } });
        watch.answer("createUser", browser.graphql(&token, user, input).await?.to_string());
    }
    let short = watch.secret("a password in a document", "cnry");
    let text = format!(
        "mutation {{ createUser(input: {{ name: \"carl\", password: \"{short}\", role: VIEWER }}) {{ user {{ id }} }} }}"
    );
    watch.answer(
        "a short password",
        browser.graphql(&token, &text, json!({})).await?.to_string(),
    );
    let unknown = watch.secret(
        "an unknown token",
        "vg_canary0000000000000000000000000000000000000000000000",
    );
    watch.answer(
        "an unknown token",
        browser
            .graphql(&unknown, "{ viewer { id } }", json!({}))
            .await?
            .to_string(),
    );
    for header in [
        format!("Basic {unknown}"),
        unknown.clone(),
        format!("Bearer {unknown}, Bearer x"),
    ] {
        let request = browser.post("/graphql", &json!({ "query": "{ viewer { id } }" }));
        watch.answer(
            "a bad header",
            request.header("authorization", header).send().await?.text().await?,
        );
    }
    for path in [
        format!("/p/stream/file/{unknown}/a.gif?token={unknown}"),
        format!("/{unknown}"),
        format!("/graphql?token={unknown}&query=%7B"),
    ] {
        let request = browser.http.get(format!("{}{path}", browser.address));
        watch.answer(
            "a path",
            request
                .header("accept", "application/json")
                .send()
                .await?
                .text()
                .await?,
        );
    }
    let broken = format!("{{ \"query\": \"{{ viewer }}\", \"variables\": {{ \"password\": \"{second}\" ");
    let request = browser
        .http
        .post(format!("{}/graphql", browser.address))
        .header("content-type", "application/json");
    watch.answer("a broken body", request.body(broken).send().await?.text().await?);
    socket(&browser.address, &token).await?;

    let cameras = world.path().join("cameras");
    fs::create_dir(&cameras)?;
    hide(&browser, &mut watch, (&token, &session), &cameras).await?;

    // A scan, so that there is a file, a signed URL of it, and a trace that goes through a job.
    let library = "mutation($input: CreateLibraryInput!) { createLibrary(input: $input) { library { id } } }";
    let made = browser
        .graphql(
            &token,
            library,
            json!({ "input": { "name": "films", "paths": [media] } }),
        )
        .await?;
    let library = made["data"]["createLibrary"]["library"]["id"].clone();
    let scan = "mutation Begin($input: StartScanInput!) { startScan(input: $input) { job { id } } }";
    browser
        .graphql(&token, scan, json!({ "input": { "libraryId": library } }))
        .await?;
    let files = "query Files { media(first: 1) { nodes { files { url } } } }";
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let url = loop {
        let found = browser.graphql(&token, files, json!({})).await?;
        if let Some(url) = found["data"]["media"]["nodes"][0]["files"][0]["url"].as_str() {
            break url.to_owned();
        }
        ensure!(
            tokio::time::Instant::now() < deadline,
            "no file was found: {found:#}\n{}",
            process.log()
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let (_, signature) = url.rsplit_once('=').context("a signed URL")?;
    let signature = watch.secret("a URL's signature", signature);
    let fetched = browser.http.get(format!("{}{url}", browser.address)).send().await?;
    ensure!(
        fetched.status().is_success() && fetched.bytes().await?.as_ref() == PICTURE,
        "the file itself"
    );
    let forged = url.replace(&signature, &signature.chars().rev().collect::<String>());
    watch.answer(
        "a forged URL",
        browser
            .http
            .get(format!("{}{forged}", browser.address))
            .send()
            .await?
            .text()
            .await?,
    );
    let metrics = browser
        .http
        .get(format!("{}/metrics", browser.address))
        .bearer_auth(&token)
        .send()
        .await?
        .text()
        .await?;
    ensure!(metrics.contains("vitagraph_process_resident_bytes"), "{metrics}");
    watch.answer("the metrics", metrics);
    let out = with_cookie(browser.post("/auth/sign-out", &json!({}))).send().await?;
    ensure!(out.status().is_success());
    process.stop().await?;

    let log = process.log();
    ensure!(
        log.contains("slow operation") && log.contains(TRACE),
        "the log says too little to prove anything: {log:.3000}"
    );
    let spans = collector.spans()?;
    check_trace(&spans)?;
    let exported = collector.bytes();
    let mut kept = Vec::new();
    for name in ["vitagraph.db", "vitagraph.db-wal"] {
        kept.extend(fs::read(world.path().join("data").join(name)).unwrap_or_default());
    }
    ensure!(kept.len() > 10_000 && other_session.len() > 20 && token.len() > 20);
    let answers = watch
        .answers
        .iter()
        .map(|(from, text)| (from.as_str(), text.as_bytes()));
    let rest: [(&str, &[u8]); 3] = [
        ("the log", log.as_bytes()),
        ("the traces", &exported),
        ("the database", &kept),
    ];
    watch.check(answers.chain(rest))
}

/// What is sealed or hashed in rows: addresses of live sources, second factors, links that are shared.
async fn hide(
    browser: &Browser,
    watch: &mut Watch,
    (token, session): (&str, &str),
    folder: &std::path::Path,
) -> anyhow::Result<()> {
    let library = "mutation($input: CreateLibraryInput!) { createLibrary(input: $input) { library { id } } }";
    let input = json!({ "input": { "name": "cameras", "paths": [folder] } });
    let library = browser.graphql(token, library, input).await?["data"]["createLibrary"]["library"]["id"].take();
    let (account, key) = (
        watch.secret("a camera's password", "canaryOfTheCamera"),
        watch.secret("a camera's key", "canaryOfTheQuery"),
    );
    let url = format!("rtsp://ann:{account}@127.0.0.1:9/live?key={key}");
    let make = "mutation($input: CreateCaptureSourceInput!) { createCaptureSource(input: $input) { captureSource { id address } } }";
    let input = json!({ "input": { "name": "Front door", "url": url, "libraryId": library } });
    let made = browser.graphql(token, make, input).await?;
    let source = &made["data"]["createCaptureSource"]["captureSource"];
    ensure!(source["address"] == "rtsp://127.0.0.1:9", "{made:#}");
    let start = "mutation($id: ID!) { startCapture(input: { sourceId: $id }) { capture { id } } }";
    watch.answer(
        "startCapture",
        browser
            .graphql(token, start, json!({ "id": source["id"] }))
            .await?
            .to_string(),
    );
    let bad = json!({ "input": { "name": "x", "url": format!("gopher://{account}@x/{key}"), "libraryId": library } });
    watch.answer("a bad address", browser.graphql(token, make, bad).await?.to_string());
    let look =
        "{ captureSources(first: 9) { nodes { address lastError captures(first: 9) { nodes { lastError } } } } }";
    watch.answer(
        "captureSources",
        browser.graphql(token, look, json!({})).await?.to_string(),
    );
    watch.answer("captureSources", made.to_string());

    let begin = json!({ "query": "mutation { beginSecondFactor(input: { password: \"canary password one\" }) { secret uri } }" });
    let request = browser
        .post("/graphql", &begin)
        .header("cookie", format!("vitagraph={session}"));
    let begun: Value = request.send().await?.json().await?;
    let secret = begun["data"]["beginSecondFactor"]["secret"]
        .as_str()
        .with_context(|| format!("{begun:#}"))?;
    watch.secret("the secret of a second factor", secret);
    let hex = data_encoding::HEXLOWER.encode(&data_encoding::BASE32_NOPAD.decode(secret.as_bytes())?);
    watch.secret("the secret of a second factor", &hex);

    let make = "mutation($input: CreateCollectionInput!) { createCollection(input: $input) { collection { id } } }";
    let made = browser
        .graphql(token, make, json!({ "input": { "name": "shared" } }))
        .await?;
    let collection = &made["data"]["createCollection"]["collection"]["id"];
    let password = watch.secret("a link's password", "canary of the link");
    let share = "mutation($input: CreateShareLinkInput!) { createShareLink(input: $input) { url } }";
    let input = json!({ "input": { "collectionId": collection, "name": "for aunt", "password": password } });
    let made = browser.graphql(token, share, input).await?;
    let url = made["data"]["createShareLink"]["url"]
        .as_str()
        .with_context(|| format!("{made:#}"))?;
    let link = url.rsplit('/').next().context("a token")?;
    watch.secret("a link", link);
    for given in ["canary wrong password of the link", password.as_str()] {
        let body = json!({ "password": given });
        let request = browser.http.post(format!("{}{url}", browser.address));
        watch.answer("a link", request.json(&body).send().await?.text().await?);
    }
    Ok(())
}

/// The scan's request, its mutation, a field, its loads and statements, its job and the work for it are one trace.
fn check_trace(spans: &[Span]) -> anyhow::Result<()> {
    let bytes = u128::from_str_radix(TRACE, 16)?.to_be_bytes();
    let ours: Vec<&Span> = spans.iter().filter(|span| span.trace_id == bytes).collect();
    let names: std::collections::BTreeSet<&str> = ours.iter().map(|span| span.name.as_str()).collect();
    for wanted in [
        "http.request",
        "mutation Begin",
        "startScan",
        "query Files",
        "media",
        "load",
        "job",
    ] {
        ensure!(names.contains(wanted), "no span `{wanted}`: {names:?}");
    }
    ensure!(
        names.iter().any(|name| name.starts_with("sea_orm")),
        "no statement: {names:?}"
    );
    let find = |name: &str| ours.iter().find(|span| span.name == name);
    let (request, mutation, field) = (find("http.request"), find("mutation Begin"), find("startScan"));
    let (Some(_), Some(mutation), Some(field)) = (request, mutation, field) else {
        anyhow::bail!("spans went away");
    };
    ensure!(
        field.parent_span_id == mutation.span_id,
        "the field is not below its operation"
    );
    let is_request = |span: &&&Span| span.name == "http.request" && span.span_id == mutation.parent_span_id;
    ensure!(
        ours.iter().any(|span| is_request(&span)),
        "the operation is not below its request"
    );
    Ok(())
}
