//! Which answers are compressed, and that they say the same.

use anyhow::ensure;
use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};
use tokio::io::AsyncReadExt;

async fn read(encoding: &str, bytes: &[u8]) -> anyhow::Result<Value> {
    let mut text = Vec::new();
    match encoding {
        "br" => BrotliDecoder::new(bytes).read_to_end(&mut text).await?,
        "gzip" => GzipDecoder::new(bytes).read_to_end(&mut text).await?,
        _ => ZstdDecoder::new(bytes).read_to_end(&mut text).await?,
    };
    Ok(serde_json::from_slice(&text)?)
}

on_both! {
    async fn answers_to_queries_are_compressed_and_those_with_secrets_are_not(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let lines: Vec<String> = (0..40).map(|n| format!("{n:02}.png 16x16")).collect();
        let library = server.library(&lines.join("\n")).await?;
        server.scan(&library).await?;
        let query = "{ media(first: 40) { nodes { id title files { path } } } }";
        let ask = async |query: &str, accept: &str, is_stream: bool| {
            let mut request = server.admin().request("POST", "/graphql")?.header("accept-encoding", accept);
            if is_stream {
                request = request.header("accept", "text/event-stream");
            }
            let answer = request.json(&json!({ "query": query })).send().await?;
            let told = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let (encoding, vary) = (told("content-encoding"), told("vary").unwrap_or_default());
            anyhow::Ok((encoding, vary, answer.bytes().await?))
        };
        let (encoding, _, plain) = ask(query, "identity", false).await?;
        ensure!(encoding.is_none());
        let expected: Value = serde_json::from_slice(&plain)?;
        // Read from the database, and then from what is kept.
        for round in 0..2 {
            for encoding in ["br", "gzip", "zstd"] {
                let (chosen, vary, bytes) = ask(query, encoding, false).await?;
                ensure!(chosen.as_deref() == Some(encoding), "{round}: {encoding} became {chosen:?}");
                ensure!(vary.to_lowercase().contains("accept-encoding"), "{vary}");
                ensure!(bytes.len() * 3 < plain.len(), "{encoding}: {} of {}", bytes.len(), plain.len());
                ensure!(read(encoding, &bytes).await? == expected, "{encoding}");
            }
        }
        let (chosen, ..) = ask(query, "gzip;q=0, br;q=0, zstd;q=0", false).await?;
        ensure!(chosen.is_none(), "{chosen:?}");
        let (chosen, ..) = ask("{ viewer { name } }", "br, gzip, zstd", false).await?;
        ensure!(chosen.is_none(), "a short answer came as {chosen:?}");
        let name = "x".repeat(90);
        let tokens: Vec<String> = (0..12).map(|n| format!("a{n}: createApiToken(input: {{ name: \"{name}\", scopes: [VIEW] }}) {{ token apiToken {{ name }} }}")).collect();
        let (chosen, _, bytes) = ask(&format!("mutation {{ {} }}", tokens.join(" ")), "br, gzip, zstd", false).await?;
        ensure!(bytes.len() > 1_400 && chosen.is_none(), "{} bytes with tokens came as {chosen:?}", bytes.len());
        let (chosen, ..) = ask(query, "br, gzip, zstd", true).await?;
        ensure!(chosen.is_none(), "events came as {chosen:?}");
    }
}
